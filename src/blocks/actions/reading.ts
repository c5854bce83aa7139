import { z } from "zod";
import { describeTarget } from "../../domain/browser/browser.ts";
import { jsonValue } from "../../domain/json-value.ts";
import { fieldsSchema, toInformation, toQuery } from "../extraction/fields.ts";
import { pngName } from "../screenshot.ts";
import { saveDownload } from "./save-download.ts";
import { defineStep, resultName, target } from "./step.ts";

export const extract = defineStep({
  action: "extract",
  summary: "Read typed values, lists and tables; see the `extraction` block.",
  onlyReads: true,
  fields: {
    name: resultName,
    fields: fieldsSchema.describe("Names to selectors or field objects, as in the `extraction` block's `selectors`."),
  },
  describe: ({ name }) => name,
  resultName: ({ name }) => name,
  run: async ({ fields }, { page, options }) => toInformation(fields, await page.read(toQuery(fields), options)),
});

export const evaluate = defineStep({
  action: "evaluate",
  summary: "Run JavaScript in the page.",
  onlyReads: false,
  fields: {
    script: z
      .string()
      .min(1)
      .describe("The value of the last expression is the result; it may be a promise, and must be JSON. `args` holds the arguments."),
    args: z
      .record(z.string(), jsonValue)
      .default({})
      .describe("Values for the script, as `args.<name>`: safe, where writing an expression into the script is not."),
    frame: target.exactOptional().describe("In this frame, named as in a target. Default: in the page itself."),
    name: resultName.exactOptional().describe("Key of the result in the block's output. Without it the result is dropped."),
  },
  describe: ({ name }) => name ?? "",
  resultName: ({ name }) => name,
  run: ({ script, args, frame }, { page, options }) => page.evaluate(script, args, { ...options, ...(frame !== undefined && { frame }) }),
});

export const screenshot = defineStep({
  action: "screenshot",
  summary: "Keep a picture as an artifact.",
  onlyReads: true,
  fields: {
    full_page: z.boolean().default(false).describe("The whole page, not only what is in view."),
    target: target.exactOptional().describe("Only this element."),
    name: z.string().min(1).default("screenshot").describe("File name, without its ending."),
  },
  describe: (step) => (step.target === undefined ? step.name : describeTarget(step.target)),
  async run(step, { context, page, options }) {
    const bytes = await page.screenshot({ ...options, fullPage: step.full_page, target: step.target ?? null });
    await context.saveArtifact({ type: "screenshot", name: pngName(step.name), contentType: "image/png", bytes });
    return undefined;
  },
});

export const download = defineStep({
  action: "download",
  summary: "Click something that downloads a file, and keep the file as an artifact.",
  onlyReads: false,
  fields: { name: resultName, target },
  resultName: ({ name }) => name,
  run: async (step, { context, page, options }) => saveDownload(context, await page.download(step.target, options)),
});
