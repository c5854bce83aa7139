import { z } from "zod";
import { LOAD_STATES } from "../domain/browser/browser.ts";
import { defineBlock } from "./block.ts";
import { AS_LONG_AS_THE_BLOCK_MS, assertPageStatus, onPage } from "./browser-block.ts";

export const gotoUrl = defineBlock({
  type: "goto_url",
  category: "browser",
  summary: "Open an address in the run's browser and wait until the page has loaded.",
  repeatable: true,
  config: z.strictObject({
    url: z.string().min(1).describe("Absolute http(s) address."),
    wait_until: z
      .enum(LOAD_STATES)
      .default("load")
      .describe(
        "What to wait for: the document (`domcontentloaded`), everything in it (`load`), or that and no request for half a second (`networkidle`).",
      ),
  }),
  output: z.object({
    url: z.string().describe("Where the browser arrived, after redirects."),
    status: z.int().nullable().describe("HTTP status of the document. A status of 400 or more fails the block."),
    title: z.string().describe("Title of the page."),
  }),
  example: { block_type: "goto_url", label: "open_shop", url: "https://shop.example.com/", wait_until: "load" },
  async execute(context, config) {
    const options = { waitUntil: config.wait_until, timeoutMs: AS_LONG_AS_THE_BLOCK_MS, signal: context.signal };
    const arrival = await onPage(context, (page) => page.goto(config.url, options));
    assertPageStatus(arrival);
    return arrival;
  },
});
