import { z } from "zod";
import { jsonValue } from "../domain/json-value.ts";
import { parameterKeysField } from "./skyvern-fields.ts";
import { defineRefusedBlock } from "./refused-block.ts";

const fields = {
  spreadsheet_url: z.string().min(1).describe("The spreadsheet."),
  sheet_name: z.string().nullish().describe("Its sheet."),
  range: z.string().nullish().describe("Cells, as `A1:D20`."),
  credential_id: z.string().nullish().describe("Who reads or writes."),
  has_header_row: z.boolean().nullish().describe("Does the first row hold names? Default: true."),
  ...parameterKeysField,
};
const example = { spreadsheet_url: "https://docs.google.com/spreadsheets/d/1", range: "A1:D20" };

export const googleSheetsRead = defineRefusedBlock({
  type: "google_sheets_read",
  category: "data",
  summary: "Read cells of a Google spreadsheet.",
  reason: "it logs in to nobody's Google account. Read the spreadsheet's values with an http_request, by Google's API or its CSV export",
  config: z.strictObject(fields),
  example: { block_type: "google_sheets_read", label: "rows", ...example },
});

export const googleSheetsWrite = defineRefusedBlock({
  type: "google_sheets_write",
  category: "data",
  summary: "Write cells of a Google spreadsheet.",
  reason:
    "it logs in to nobody's Google account. Send the values with an http_request to Google's API, or to a web hook of the spreadsheet",
  config: z.strictObject({
    ...fields,
    write_mode: z.enum(["append", "update"]).nullish().describe("After what is there, or over it."),
    values: jsonValue.optional().describe("What is written."),
    column_mapping: z.record(z.string(), z.string()).nullish().describe("Names of the values to columns."),
    create_sheet_if_missing: z.boolean().nullish().describe("Default: false."),
  }),
  example: { block_type: "google_sheets_write", label: "log", ...example, values: "{{ 1 }}" },
});
