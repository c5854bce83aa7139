import type { SessionRecord } from "../../domain/browser/session-record.ts";

/** One row of JSON, in the SQLite of the session's own object. One that never was a session has no table. */
export class SessionStorage {
  readonly #sql: SqlStorage;
  #record: SessionRecord | null;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    const tables = sql.exec("SELECT name FROM sqlite_master WHERE name = 'session'").toArray();
    const [row] = tables.length === 0 ? [] : sql.exec<{ record: string }>("SELECT record FROM session").toArray();
    this.#record = row === undefined ? null : (JSON.parse(row.record) as SessionRecord); // `write` wrote it
  }

  get record(): SessionRecord | null {
    return this.#record;
  }

  write(record: SessionRecord): void {
    this.#sql.exec("CREATE TABLE IF NOT EXISTS session (id INTEGER PRIMARY KEY CHECK (id = 1), record TEXT NOT NULL) STRICT");
    this.#sql.exec("INSERT OR REPLACE INTO session (id, record) VALUES (1, ?)", JSON.stringify(record));
    this.#record = record; // only what is written has happened
  }
}
