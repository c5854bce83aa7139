import { readdirSync } from "node:fs";
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

/** Bytes of an object's database once its write-ahead log is folded in. @param blocks only runs with so many blocks */
export function meanObjectBytes(state: string, className: string, blocks?: number): number {
  const files = databasesOf(state, className).filter((file) => blocks === undefined || openRun(file).blocks === blocks);
  return files.reduce((sum, file) => sum + sizeOf(file), 0) / files.length;
}

/** Without the table that miniflare adds to a Worker's objects: the platform has none, nor has the floor. */
function sizeOf(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return Number(database.prepare("SELECT sum(pgsize) AS bytes FROM dbstat WHERE name <> '__miniflare_do_name'").get()?.bytes);
  } finally {
    database.close();
  }
}
