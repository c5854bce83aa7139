import { z } from "zod";
import type { JsonObject } from "../domain/json.ts";
import { defineBlock } from "./block.ts";
import { fileUrlParser } from "./file-url-parser.ts";
import { aModel } from "./model-block.ts";

/** Skyvern's older name for reading one kind of file. */
export const pdfParser = defineBlock({
  type: "pdf_parser",
  category: "data",
  summary: "Read the text of a PDF: the older name of `file_url_parser` with `file_type: pdf`.",
  repeatable: true,
  needs: ({ json_schema: schema }: JsonObject) =>
    schema == null ? null : aModel("to find in the text what json_schema asks for", "leave out json_schema, and the output is the text"),
  config: z.strictObject({
    file_url: z.json().describe("The file, as for `file_url_parser`."),
    json_schema: z.record(z.string(), z.json()).nullish().describe("The form of what a model is to find in the text: a run fails here."),
  }),
  output: z.json().describe("The text."),
  example: { block_type: "pdf_parser", label: "read_invoice", file_url: "https://shop.example.com/invoice.pdf" },
  normalize: (config) => fileUrlParser.normalize?.(config) ?? config,
  execute: async (context, { file_url }) =>
    await fileUrlParser.execute(context, fileUrlParser.config.parse({ file_url, file_type: "pdf" })),
});
