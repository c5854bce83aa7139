import { z } from "zod";
import {
  browserTargetSchema,
  describeTarget,
  type ElementPart,
  framesOf,
  type PageFindings,
  type PageQuery,
  type RowsFound,
  type TableFound,
  type ValueFound,
  type ValueQuery,
} from "../../domain/browser/browser.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import { BlockError } from "../block.ts";
import { parseNumber } from "./number.ts";

/** What a field's text becomes. */
export const FIELD_TYPES = ["text", "number", "boolean", "url", "html", "attribute", "exists"] as const;

const fieldOptions = {
  type: z
    .enum(FIELD_TYPES)
    .default("text")
    .describe(
      "`text` (white space folded), `number` (1,234.56, 1.234,56, € 12,-), `boolean` (yes/no, true/false, on/off; a checkbox's state), " +
        "`url` (absolute address of a link or image), `html` (inner HTML), `attribute` (as it is), `exists` (is there such an element?).",
    ),
  attribute: z.string().min(1).exactOptional().describe("Read this attribute instead of the text."),
  decimal_separator: z
    .enum([".", ","])
    .exactOptional()
    .describe("For `number`, when the page's numbers can be read in two ways: `1,234` is 1234 by default and 1.234 with `,`."),
  required: z
    .boolean()
    .exactOptional()
    .describe(
      "Wait for it and fail without it. Default: true for a single value, false with `many`. A value that is not required is null when absent.",
    ),
  many: z.boolean().default(false).describe("All matches, as a list. Default: the first match."),
};

const valueFieldSchema = z
  .strictObject({ target: browserTargetSchema.describe("The element: a CSS selector or a target object."), ...fieldOptions })
  .refine(hasItsAttribute, { path: ["attribute"], message: "a field of type `attribute` names the attribute" });

const rowTarget = browserTargetSchema.refine((target) => framesOf(target).length === 0, {
  message: "a field of a row is in the row's own document: name the `frame` in `rows`",
});

const rowFieldSchema = z
  .strictObject({
    target: rowTarget
      .exactOptional()
      .describe("The element inside the row: a CSS selector or a target object. Without it, the row itself."),
    ...fieldOptions,
  })
  .refine(hasItsAttribute, { path: ["attribute"], message: "a field of type `attribute` names the attribute" });

function hasItsAttribute(field: { type: string; attribute?: string }): boolean {
  return field.type !== "attribute" || field.attribute !== undefined;
}

const selector = z.string().trim().min(1);

const rowsFieldSchema = z.strictObject({
  rows: browserTargetSchema.describe("The repeated element: one record for each match."),
  fields: z
    .record(z.string(), z.union([selector, rowFieldSchema]))
    .describe('Fields of a record: names to selectors inside the row, or to objects such as `{target: ".price", type: number}`.'),
  required: z.boolean().default(false).describe("Wait for the first row and fail without one."),
});

const tableFieldSchema = z.strictObject({
  table: browserTargetSchema.describe("A `table`: one record for each row of its body, with keys from its header."),
  types: z
    .record(z.string(), z.enum(["text", "number", "boolean"]))
    .default({})
    .describe("Types of columns by header, where they are not text: `{Price: number}`."),
  decimal_separator: fieldOptions.decimal_separator,
  required: z.boolean().default(true).describe("Wait for the table and fail without it."),
});

/** Names to what is read: a CSS selector (its text), a typed value, a list of records, or a table. */
export const fieldsSchema = z
  .record(z.string().min(1), z.union([selector, rowsFieldSchema, tableFieldSchema, valueFieldSchema]))
  .refine((fields) => Object.keys(fields).length > 0, { message: "name at least one field" });
export type Fields = z.infer<typeof fieldsSchema>;

type ValueField = z.infer<typeof valueFieldSchema> | z.infer<typeof rowFieldSchema>;
type RowsField = z.infer<typeof rowsFieldSchema>;
type TableField = z.infer<typeof tableFieldSchema>;
type ScalarType = z.infer<typeof valueFieldSchema>["type"];

/** The fields as one question to the page. */
export function toQuery(fields: Fields): PageQuery {
  return mapValues(fields, (field) => {
    if (typeof field === "string") return toValueQuery(shorthand(field));
    if ("table" in field) return { kind: "table", table: field.table, required: field.required };
    if (!("rows" in field)) return toValueQuery(field);
    return {
      kind: "rows",
      rows: field.rows,
      fields: mapValues(field.fields, (inner) => toValueQuery(shorthand(inner))),
      required: field.required,
    };
  });
}

/**
 * The page's findings as typed values.
 * @throws BlockError that names every field that is missing or does not read as its type, with its selector and what was found
 */
export function toInformation(fields: Fields, findings: PageFindings): JsonObject {
  const problems: string[] = [];
  const information = mapValues(fields, (field, key) => {
    const found = findings[key];
    if (typeof field === "string" || "target" in field)
      return toValue(shorthand(field), found as ValueFound, (problem) => problems.push(`${key}: ${problem}`));
    if ("table" in field) return toTable(field, found as TableFound, (problem) => problems.push(`${key}: ${problem}`));
    return toRecords(field, found as RowsFound, (problem) => problems.push(`${key}${problem}`));
  });
  if (problems.length > 0) {
    const more = problems.length > SHOWN_PROBLEMS ? `; and ${problems.length - SHOWN_PROBLEMS} more` : "";
    throw new BlockError(problems.slice(0, SHOWN_PROBLEMS).join("; ") + more);
  }
  return information;
}

const SHOWN_PROBLEMS = 5;

type Report = (problem: string) => void;

function toValueQuery(field: ValueField): ValueQuery {
  return { kind: "value", target: field.target ?? null, many: field.many, required: isRequired(field), ...partOf(field) };
}

function partOf({ type, attribute }: ValueField): ElementPart {
  if (type === "exists") return { part: "presence" };
  if (type === "url") return { part: "url", attribute: attribute ?? null };
  if (attribute !== undefined) return { part: "attribute", attribute };
  return { part: type === "html" ? "html" : "text" };
}

function isRequired(field: ValueField): boolean {
  return field.required ?? (!field.many && field.type !== "exists");
}

function toValue(field: ValueField, found: ValueFound, report: Report): Json {
  if (field.type === "exists") return found.matched > 0;
  if (found.matched === 0 && isRequired(field)) report(`${describeField(field)} matched nothing`);
  const read = (text: string | null): Json => {
    if (text === null && isRequired(field)) report(`${describeField(field)} matched ${found.matched}, without the attribute`);
    return toScalar(field.type, text, field.decimal_separator, (problem) => report(`${describeField(field)} ${problem}`));
  };
  return field.many ? found.values.map(read) : found.values[0] === undefined ? null : read(found.values[0]);
}

function toRecords(field: RowsField, found: RowsFound, report: Report): Json {
  const where = `"${describeTarget(field.rows)}"`;
  if (found.rows.length === 0 && field.required) report(`: ${where} matched no row`);
  const problems = new Map<string, number[]>();
  const records = found.rows.map((row, index) =>
    mapValues(field.fields, (inner, key) =>
      toValue(shorthand(inner), row[key]!, (problem) => {
        const message = `.${key}: ${problem}`;
        problems.set(message, [...(problems.get(message) ?? []), index + 1]);
      }),
    ),
  );
  for (const [message, rows] of problems) {
    const shown = rows.length > 5 ? `${rows.slice(0, 5).join(", ")}, …` : rows.join(", ");
    report(`${message} in ${rows.length} of ${found.rows.length} rows of ${where} (row ${shown})`);
  }
  return records;
}

function toTable(field: TableField, found: TableFound, report: Report): Json {
  const where = `"${describeTarget(field.table)}"`;
  if (found.matched === 0) {
    if (field.required) report(`${where} matched no table`);
    return [];
  }
  for (const column of Object.keys(field.types)) {
    if (!found.header.includes(column))
      report(`${where} has no column "${column}"; it has ${found.header.map((name) => `"${name}"`).join(", ")}`);
  }
  return found.rows.map((cells, row) =>
    Object.fromEntries(
      found.header.map((column, index) => {
        const type = field.types[column] ?? "text";
        const cell = cells[index] ?? null;
        const value = toScalar(type, cell, field.decimal_separator, (problem) =>
          report(`${where} row ${row + 1}, column "${column}" ${problem}`),
        );
        return [column, value];
      }),
    ),
  );
}

/** @returns null for what is absent (a missing attribute; no text at all where a number or boolean is wanted) and for what was reported */
function toScalar(type: ScalarType, text: string | null, decimal: "." | "," | undefined, report: Report): Json {
  if (text === null || type === "text" || type === "html" || type === "attribute" || type === "url" || type === "exists") return text;
  if (text.trim() === "") return null;
  const value = type === "number" ? parseNumber(text, decimal) : parseBoolean(text);
  if (value === null) report(`reads ${JSON.stringify(abbreviate(text))}, which is not a ${type}`);
  return value;
}

const TRUE_WORDS = new Set(["true", "yes", "y", "on", "1", "✓", "✔", "✅"]);
const FALSE_WORDS = new Set(["false", "no", "n", "off", "0", "✗", "✘", "❌"]);

function parseBoolean(text: string): boolean | null {
  const word = text.trim().toLowerCase();
  return TRUE_WORDS.has(word) ? true : FALSE_WORDS.has(word) ? false : null;
}

function shorthand(field: string | ValueField): ValueField {
  return typeof field === "string" ? { target: field, type: "text", many: false } : field;
}

function describeField(field: ValueField): string {
  return `${field.target === undefined ? "the row itself" : `"${describeTarget(field.target)}"`}${field.attribute === undefined ? "" : `@${field.attribute}`}`;
}

function abbreviate(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function mapValues<V, W>(record: Readonly<Record<string, V>>, map: (value: V, key: string) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
