const LINE_LENGTH = 120;
const MAX_ROWS = 20;

/** A run's outputs for the terminal: a line for each block, and the longest list of records as a table. */
export function describeOutputs(output: Readonly<Record<string, unknown>>): string {
  const blocks = Object.entries(output).filter(([name]) => name.endsWith("_output"));
  const width = Math.max(0, ...blocks.map(([name]) => name.length));
  const lines = blocks.map(([name, value]) => cut(`  ${name.padEnd(width)}  ${JSON.stringify(value)}`, LINE_LENGTH));
  const records = blocks
    .flatMap(([, value]) => findRecords(value))
    .reduce((longest, next) => (next.length > longest.length ? next : longest), []);
  return [...lines, ...(records.length > 1 ? ["", ...table(records)] : [])].join("\n");
}

type Row = Record<string, unknown>;

function findRecords(value: unknown): Row[][] {
  if (Array.isArray(value)) return value.length > 0 && value.every((item) => isRecord(item)) ? [value] : [];
  return isRecord(value) ? Object.values(value).flatMap(findRecords) : [];
}

function isRecord(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function table(records: Row[]): string[] {
  const columns = Object.keys(records[0] ?? {});
  const shown = records.slice(0, MAX_ROWS);
  const text = (row: Row, column: string) => {
    const value = row[column] ?? "";
    return typeof value === "string" ? value : JSON.stringify(value);
  };
  const widths = columns.map((column) => Math.max(column.length, ...shown.map((row) => text(row, column).length)));
  const isNumeric = columns.map((column) => shown.every((row) => typeof row[column] === "number"));
  const line = (cells: string[]) =>
    cut(
      `  ${cells.map((cell, index) => (isNumeric[index] ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0))).join("  ")}`,
      LINE_LENGTH,
    );
  const rest = records.length > MAX_ROWS ? [`  … and ${records.length - MAX_ROWS} more`] : [];
  return [
    line(columns),
    line(widths.map((width) => "─".repeat(width))),
    ...shown.map((row) => line(columns.map((column) => text(row, column)))),
    ...rest,
  ];
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text.trimEnd();
}
