import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The databases of the objects of a class, under the folder of a local state. */
function databasesOf(state: string, className: string): string[] {
  return readdirSync(state, { recursive: true, encoding: "utf8" })
    .filter((file) => file.includes(`-${className}/`) && /[0-9a-f]{64}\.sqlite$/.test(file))
    .map((file) => join(state, file));
}

function openRun(file: string): { rows: number; blocks: number } {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const journal = database.prepare("SELECT count(*) AS rows, sum(event ->> '$.type' = 'block_started') AS blocks FROM journal").get();
    const facts = database.prepare("SELECT count(*) AS rows FROM facts").get();
    return { rows: Number(journal?.rows) + Number(facts?.rows), blocks: Number(journal?.blocks) };
  } finally {
    database.close();
  }
}

/** Rows in the databases of runs with so many blocks, per block: each was written once (no indexes, nothing is updated but `facts`). */
export function meanRowsWritten(state: string, blocks: number): number {
  const found = databasesOf(state, "WorkflowRun")
    .map(openRun)
    .filter((run) => run.blocks === blocks);
  return found.reduce((sum, { rows }) => sum + rows / blocks, 0) / found.length;
}

/** Bytes on disk of an object, its write-ahead log included. @param blocks only runs with so many blocks */
export function meanObjectBytes(state: string, className: string, blocks?: number): number {
  const files = databasesOf(state, className).filter((file) => blocks === undefined || openRun(file).blocks === blocks);
  const bytes = files.map((file) =>
    ["", "-wal", "-shm"].reduce((sum, suffix) => sum + (statSync(file + suffix, { throwIfNoEntry: false })?.size ?? 0), 0),
  );
  return bytes.reduce((sum, size) => sum + size, 0) / bytes.length;
}
