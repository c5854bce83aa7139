import { z } from "zod";
import { replay, type Run, type RunEvent } from "../domain/run.ts";

/**
 * A run's journal and the little that is kept beside it, in the SQLite of the run's own object. An object that never held a run has no
 * tables, so asking after a run that does not exist leaves nothing behind.
 */
export class RunStorage {
  readonly #sql: SqlStorage;
  #seq = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Reads the whole journal. @returns null when there is no run here */
  load(): Run | null {
    if (this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'journal'").toArray().length === 0) return null;
    const rows = this.#sql.exec<{ seq: number; event: string }>("SELECT seq, event FROM journal ORDER BY seq").toArray();
    this.#seq = rows.at(-1)?.seq ?? 0;
    return replay(rows.map(({ event }) => parseEvent(event)));
  }

  /** Makes the tables. Only the first event of a run calls for it. */
  create(): void {
    this.#sql.exec(
      `CREATE TABLE journal (seq INTEGER PRIMARY KEY, event TEXT NOT NULL) STRICT;
       CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
    );
  }

  /** Writes events at the end of the journal, all or none: one statement. @returns the number of the last */
  append(events: readonly RunEvent[]): number {
    const rows = events.map((event) => JSON.stringify(event));
    this.#sql.exec(`INSERT INTO journal (event) VALUES ${rows.map(() => "(?)").join(", ")}`, ...rows);
    this.#seq += rows.length;
    return this.#seq;
  }

  /** Number of the last event. */
  get seq(): number {
    return this.#seq;
  }

  /** The journal from its beginning up to `seq`, as numbered events. */
  events(upTo = this.#seq): { seq: number; event: RunEvent }[] {
    const rows = this.#sql.exec<{ seq: number; event: string }>("SELECT seq, event FROM journal WHERE seq <= ? ORDER BY seq", upTo);
    return rows.toArray().map(({ seq, event }) => ({ seq, event: parseEvent(event) }));
  }

  /** Up to which event the outside has recorded what it needs; 0 at first. What lies beyond is the outbox. */
  get acknowledged(): number {
    return Number(this.#read("acknowledged") ?? 0);
  }
  set acknowledged(seq: number) {
    this.#write("acknowledged", String(seq));
  }

  /** The browser that the run holds, and where its page was after the last block that ended. */
  get browser(): BrowserRecord | null {
    const text = this.#read("browser");
    return text === null ? null : browserRecordSchema.parse(JSON.parse(text));
  }
  set browser(record: BrowserRecord | null) {
    if (record === null) this.#sql.exec("DELETE FROM facts WHERE name = 'browser'");
    else this.#write("browser", JSON.stringify(record));
  }

  #read(name: string): string | null {
    return this.#sql.exec<{ value: string }>("SELECT value FROM facts WHERE name = ?", name).toArray()[0]?.value ?? null;
  }

  #write(name: string, value: string): void {
    this.#sql.exec("INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value);
  }
}

const browserRecordSchema = z.object({
  /** Null when the browser is gone and only the state is left. */
  sessionId: z.string().nullable(),
  /** Sealed `BrowserState`; null before the first checkpoint. */
  state: z.string().nullable(),
});
export type BrowserRecord = z.infer<typeof browserRecordSchema>;

/** Rows of the journal were written by `append`; nothing else writes them. */
function parseEvent(text: string): RunEvent {
  return JSON.parse(text) as RunEvent;
}
