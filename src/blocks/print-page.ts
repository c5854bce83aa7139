import { z } from "zod";
import { PAPER_INCHES } from "../domain/browser/browser.ts";
import { defineBlock } from "./block.ts";
import { AS_LONG_AS_THE_BLOCK_MS, onPage } from "./browser-block.ts";
import { sanitize } from "./file-name.ts";
import { describeFile } from "./files.ts";
import { parameterKeysField } from "./skyvern-fields.ts";

const PAPERS = Object.keys(PAPER_INCHES) as (keyof typeof PAPER_INCHES)[];

export const printPage = defineBlock({
  type: "print_page",
  category: "browser",
  summary: "Keep the page as a PDF artifact, as the browser prints it.",
  repeatable: true,
  config: z.strictObject({
    format: z.enum(PAPERS).default("A4").describe("Size of the paper."),
    landscape: z.boolean().default(false).describe("Paper lying on its side."),
    print_background: z.boolean().default(true).describe("Colours and pictures behind the text too."),
    include_timestamp: z.boolean().default(true).describe("The time, the address and the page's number at the foot of every page."),
    ...parameterKeysField,
    custom_filename: z.string().nullish().describe("Name of the file, with or without `.pdf`. `page.pdf` when left out."),
  }),
  output: z.object({
    artifact_id: z.string().describe("Id of the stored file."),
    file_name: z.string().describe("Its name."),
    content_type: z.string().describe("`application/pdf`."),
    size_bytes: z.int().describe("Its size."),
    sha256: z.string().describe("Its SHA-256, hexadecimal."),
  }),
  example: { block_type: "print_page", label: "receipt", format: "A4", custom_filename: "receipt" },
  async execute(context, config) {
    const options = {
      paper: config.format,
      landscape: config.landscape,
      background: config.print_background,
      foot: config.include_timestamp ? `${new Date(context.now()).toISOString().slice(0, 19).replace("T", " ")} UTC` : null,
      timeoutMs: AS_LONG_AS_THE_BLOCK_MS,
      signal: context.signal,
    };
    const bytes = await onPage(context, (page) => page.pdf(options));
    const name = `${sanitize(config.custom_filename ?? "").replace(/\.pdf$/i, "") || "page"}.pdf`;
    return describeFile(await context.saveArtifact({ type: "pdf", name, contentType: "application/pdf", bytes }));
  },
});
