import Papa from "papaparse";
import readXlsxFile from "read-excel-file/universal";
import type { Json, JsonObject } from "../../domain/json.ts";
import { BlockError } from "../block.ts";
import { unzip } from "./zip.ts";

const MAX_ROWS = 100_000;

/**
 * The rows of a CSV, TSV or the like (RFC 4180; the separator is found), by the names in its first row; every value is text.
 * @throws BlockError for quotes that do not close
 */
export function csvRecords(text: string): JsonObject[] {
  const { data, errors } = Papa.parse<string[]>(text.replace(/^\uFEFF/, ""), { skipEmptyLines: "greedy" });
  const fault = errors.find(({ type }) => type === "Quotes");
  if (fault !== undefined) throw new BlockError(`the file is no proper CSV: ${fault.message} (row ${(fault.row ?? 0) + 1})`);
  return toRecords(data);
}

/**
 * The rows of a sheet of an Excel workbook (`.xlsx`), by the names in its first row. Numbers and truth values keep their types; dates are text
 * (`2026-11-22`, with `T10:30:00.000Z` where they have a time); empty cells are null.
 * @param wanted name of the sheet; null for the first
 * @throws BlockError
 */
export async function excelRecords(bytes: Uint8Array, wanted: string | null): Promise<JsonObject[]> {
  unzip(bytes, () => false); // counts what it unfolds into, before the library trusts it
  const sheets = await readXlsxFile(new Blob([Uint8Array.from(bytes)])).catch((cause: unknown) => {
    throw new BlockError(
      `the file is no Excel workbook (.xlsx) that can be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  });
  const sheet = wanted === null ? sheets[0] : sheets.find((other) => other.sheet === wanted);
  if (sheet === undefined) {
    throw new BlockError(`the workbook has no sheet "${wanted}"; it has ${sheets.map((other) => `"${other.sheet}"`).join(", ")}`);
  }
  return toRecords((sheet.data as readonly (readonly unknown[])[]).map((row) => row.map(toJson)));
}

function toJson(value: unknown): Json {
  if (value instanceof Date) return value.toISOString().replace(/T00:00:00\.000Z$/, "");
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

/** Rows by the names in the first one. A column without a name is `column_3`, a name that is there again `price_2`. */
export function toRecords([head = [], ...rows]: readonly (readonly Json[])[]): JsonObject[] {
  if (rows.length > MAX_ROWS) throw new BlockError(`the table has ${rows.length} rows; at most ${MAX_ROWS} are read`);
  const width = rows.reduce((most, row) => Math.max(most, row.length), head.length);
  const names = new Set<string>();
  for (let column = 0; column < width; column++) {
    const cell = head[column] ?? "";
    const written = (typeof cell === "string" ? cell : JSON.stringify(cell)).trim();
    const base = written === "" ? `column_${column + 1}` : written;
    let name = base;
    for (let number = 2; names.has(name); number++) name = `${base}_${number}`;
    names.add(name);
  }
  const columns = [...names];
  return rows.map((row) => Object.fromEntries(columns.map((name, column) => [name, row[column] ?? null])));
}
