import { AdmissionControl, type AdmissionEntry } from "../../domain/run/admission.ts";
import type { RunId } from "../../domain/id.ts";

interface EntryRow extends Record<string, SqlStorageValue> {
  runId: RunId;
  place: number;
  priority: number;
  sequentialKey: string | null;
  admittedAt: number | null;
}

/** What a gate keeps: runs with a slot or a place in the queue, and how many slots there are. */
export class GateStorage {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS entries (run_id TEXT PRIMARY KEY, place INTEGER NOT NULL, priority INTEGER NOT NULL, sequential_key TEXT, admitted_at INTEGER) STRICT, WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS slot_limit (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL) STRICT;`,
    );
  }

  load(): AdmissionControl {
    const [limit] = this.#sql.exec<{ value: number }>("SELECT value FROM slot_limit").toArray();
    const entries = this.#sql.exec<EntryRow>(
      `SELECT run_id AS "runId", place, priority, sequential_key AS "sequentialKey", admitted_at AS "admittedAt" FROM entries`,
    );
    return new AdmissionControl(limit?.value ?? 0, entries);
  }

  write({ runId, place, priority, sequentialKey, admittedAt }: AdmissionEntry): void {
    this.#sql.exec(
      `INSERT INTO entries (run_id, place, priority, sequential_key, admitted_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (run_id) DO UPDATE SET sequential_key = excluded.sequential_key, admitted_at = excluded.admitted_at`,
      runId,
      place,
      priority,
      sequentialKey,
      admittedAt,
    );
  }

  delete(runId: RunId): void {
    this.#sql.exec("DELETE FROM entries WHERE run_id = ?", runId);
  }

  set limit(slots: number) {
    this.#sql.exec("INSERT OR REPLACE INTO slot_limit (id, value) VALUES (1, ?)", slots);
  }
}
