import { z } from "zod";
import {
  type BrowserHolder,
  type BrowserPlace,
  BrowserQueue,
  keyOf,
  type PlatformState,
  UNKNOWN_PLATFORM,
} from "../../domain/browser/browser-queue.ts";
import type { OrganizationId } from "../../domain/id.ts";

const platformSchema = z.object({
  limit: z.number().nullable(),
  askedAt: z.number(),
  pausedUntil: z.number(),
  gapMs: z.number(),
  gapUntil: z.number(),
  lastGrantAt: z.number(),
  lastOpenedAt: z.number().nullable(),
});

interface PlaceRow extends Record<string, SqlStorageValue> {
  kind: BrowserHolder["kind"];
  organizationId: OrganizationId;
  id: string;
  place: number;
  askedAt: number;
  grantedAt: number | null;
  sessionId: string | null;
  openedAt: number | null;
}

/** What the pool keeps: places, the browsers that it has opened and that may still run, and what it knows of the platform. */
export class BrowserPoolStorage {
  readonly #sql: SqlStorage;
  #opened: Map<string, number> | null = null;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS places (holder TEXT PRIMARY KEY, kind TEXT NOT NULL, organization_id TEXT NOT NULL, id TEXT NOT NULL, place INTEGER NOT NULL,
         asked_at INTEGER NOT NULL, granted_at INTEGER, session_id TEXT, opened_at INTEGER) STRICT, WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS opened (session_id TEXT PRIMARY KEY, opened_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS platform (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL) STRICT;`,
    );
  }

  load(): BrowserQueue {
    const rows = this.#sql.exec<PlaceRow>(
      `SELECT kind, organization_id AS "organizationId", id, place, asked_at AS "askedAt", granted_at AS "grantedAt",
              session_id AS "sessionId", opened_at AS "openedAt" FROM places`,
    );
    const places = rows
      .toArray()
      .map(({ kind, organizationId, id, ...place }): BrowserPlace => ({ holder: { kind, organizationId, id }, ...place }));
    const [platform] = this.#sql.exec<{ state: string }>("SELECT state FROM platform").toArray();
    return new BrowserQueue(platform === undefined ? UNKNOWN_PLATFORM : platformSchema.parse(JSON.parse(platform.state)), places);
  }

  write({ holder, place, askedAt, grantedAt, sessionId, openedAt }: BrowserPlace): void {
    this.#sql.exec(
      `INSERT INTO places (holder, kind, organization_id, id, place, asked_at, granted_at, session_id, opened_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (holder) DO UPDATE SET granted_at = excluded.granted_at, session_id = excluded.session_id, opened_at = excluded.opened_at`,
      keyOf(holder),
      holder.kind,
      holder.organizationId,
      holder.id,
      place,
      askedAt,
      grantedAt,
      sessionId,
      openedAt,
    );
  }

  delete(holder: BrowserHolder): void {
    this.#sql.exec("DELETE FROM places WHERE holder = ?", keyOf(holder));
  }

  set platform(state: PlatformState) {
    this.#sql.exec("INSERT OR REPLACE INTO platform (id, state) VALUES (1, ?)", JSON.stringify(state));
  }

  /** The browsers that this service has opened and of which it does not know that they are gone: when, by session id. */
  get opened(): ReadonlyMap<string, number> {
    this.#opened ??= new Map(
      this.#sql
        .exec<{ id: string; at: number }>("SELECT session_id AS id, opened_at AS at FROM opened")
        .toArray()
        .map(({ id, at }) => [id, at]),
    );
    return this.#opened;
  }

  remember(sessionId: string, at: number): void {
    this.#sql.exec("INSERT INTO opened (session_id, opened_at) VALUES (?, ?)", sessionId, at);
    this.#opened = null;
  }

  forget(sessionId: string): void {
    this.#sql.exec("DELETE FROM opened WHERE session_id = ?", sessionId);
    this.#opened = null;
  }
}
