/** Skyvern's blocks in which a model works on a PDF. */
import { z } from "zod";
import { jsonValue } from "../domain/json-value.ts";
import { aModel, defineModelBlock } from "./model-block.ts";
import { llmKeyField, parameterKeysField } from "./skyvern-fields.ts";

const fields = {
  file_url: z.string().min(1).describe("Where the PDF is."),
  prompt: z.string().min(1).describe("What is to be done, in words."),
  ...llmKeyField,
  ...parameterKeysField,
};

export const pdfFill = defineModelBlock({
  type: "pdf_fill",
  category: "data",
  summary: "Fill in the form of a PDF.",
  repeatable: true,
  need: aModel("to find out which field of the form takes what", "an http_request can send the file to a service that fills it in"),
  config: z.strictObject({ ...fields, payload: jsonValue.optional().describe("The values.") }),
  example: {
    block_type: "pdf_fill",
    label: "form",
    file_url: "https://files.example.com/form.pdf",
    prompt: "Fill in the customer.",
    payload: { name: "Ada" },
  },
});

export const splitPdf = defineModelBlock({
  type: "split_pdf",
  category: "data",
  summary: "Split a PDF into its documents.",
  repeatable: true,
  need: aModel("to see where one document ends and the next begins", "an http_request can send the file to a service that splits it"),
  config: z.strictObject(fields),
  example: {
    block_type: "split_pdf",
    label: "invoices",
    file_url: "https://files.example.com/invoices.pdf",
    prompt: "One file for each invoice.",
  },
});
