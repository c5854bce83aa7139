import { z } from "zod";
import { browserTargetSchema } from "../domain/browser/browser.ts";
import { defineBlock } from "./block.ts";
import { AS_LONG_AS_THE_BLOCK_MS, onPage } from "./browser-block.ts";
import { describeFile } from "./files.ts";

export const screenshot = defineBlock({
  type: "screenshot",
  category: "browser",
  summary: "Keep a picture of the page as an artifact (PNG).",
  repeatable: true,
  config: z.strictObject({
    full_page: z.boolean().default(false).describe("The whole page, not only what is in view."),
    target: browserTargetSchema.exactOptional().describe("Only this element: a CSS selector or a target object."),
    name: z.string().min(1).max(100).default("screenshot").describe("File name, without its ending."),
  }),
  output: z.object({
    artifact_id: z.string().describe("Id of the stored file."),
    file_name: z.string().describe("Its name."),
    content_type: z.string().describe("`image/png`."),
    size_bytes: z.int().describe("Its size."),
    sha256: z.string().describe("Its SHA-256, hexadecimal."),
  }),
  example: { block_type: "screenshot", label: "picture_of_order", full_page: true, name: "order" },
  async execute(context, config) {
    const options = {
      fullPage: config.full_page,
      target: config.target ?? null,
      timeoutMs: AS_LONG_AS_THE_BLOCK_MS,
      signal: context.signal,
    };
    const bytes = await onPage(context, (page) => page.screenshot(options));
    return describeFile(await context.saveArtifact({ type: "screenshot", name: pngName(config.name), contentType: "image/png", bytes }));
  },
});

/** `order 7/8` → `order 7_8.png`: no folders, no control characters. */
export function pngName(name: string): string {
  return `${name.replaceAll(/[\p{Cc}/\\]/gu, "_").replace(/\.png$/i, "")}.png`;
}
