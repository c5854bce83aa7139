import { DurableObject } from "cloudflare:workers";
import { composeEngine } from "../compose.ts";
import type { OrganizationId, RunId } from "../domain/id.ts";
import type { Gate, RunObjects } from "../ports.ts";

/** A slot is looked after this often: is its run still live? */
const LEASE_MS = 120_000;

/**
 * Admission of one organization's runs: so many at work at once, the others in a queue, first in first out. A run gives its slot back when it
 * ends; a slot whose run died without doing so is found when its lease is over.
 */
export class OrganizationGate extends DurableObject<Env> implements Gate {
  readonly #sql: SqlStorage;
  readonly #runs: RunObjects;
  #armed = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#runs = composeEngine(env).runs;
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS slots (run_id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS waiting (place INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, slot_limit INTEGER NOT NULL) STRICT;`,
    );
  }

  async admit(runId: RunId, limit: number): Promise<number> {
    if (this.#holdsSlot(runId)) return 0;
    const ahead = this.#count(
      "SELECT count(*) AS n FROM waiting WHERE place < ifnull((SELECT place FROM waiting WHERE run_id = ?), 9e18)",
      runId,
    );
    if (ahead === 0 && this.#count("SELECT count(*) AS n FROM slots") < limit) {
      this.#give(runId);
      return 0;
    }
    this.#sql.exec("INSERT INTO waiting (run_id, slot_limit) VALUES (?, ?) ON CONFLICT (run_id) DO NOTHING", runId, limit);
    return ahead + 1;
  }

  async release(runId: RunId): Promise<void> {
    const freed = this.#sql.exec("DELETE FROM slots WHERE run_id = ?", runId).rowsWritten;
    const left = this.#sql.exec("DELETE FROM waiting WHERE run_id = ?", runId).rowsWritten;
    if (freed + left > 0) this.#fill();
  }

  override async alarm(): Promise<void> {
    this.#armed = false;
    const expired = this.#sql.exec<{ run_id: RunId }>("SELECT run_id FROM slots WHERE expires_at <= ?", Date.now()).toArray();
    for (const { run_id } of expired) {
      if (await this.#runs.get(this.#organizationId, run_id).wake()) {
        this.#sql.exec("UPDATE slots SET expires_at = ? WHERE run_id = ?", Date.now() + LEASE_MS, run_id);
      } else {
        await this.release(run_id);
      }
    }
    if (this.#count("SELECT count(*) AS n FROM slots") > 0) this.#arm();
  }

  /** Gives free slots to those who wait, and tells them. Who cannot be told asks again by itself. */
  #fill(): void {
    for (;;) {
      const [next] = this.#sql
        .exec<{ run_id: RunId; slot_limit: number }>("SELECT run_id, slot_limit FROM waiting ORDER BY place LIMIT 1")
        .toArray();
      if (!next || this.#count("SELECT count(*) AS n FROM slots") >= next.slot_limit) return;
      this.#give(next.run_id);
      const told = this.#runs.get(this.#organizationId, next.run_id).admit();
      this.ctx.waitUntil(told.then((wanted) => (wanted ? undefined : this.release(next.run_id))));
    }
  }

  #give(runId: RunId): void {
    this.#sql.exec("DELETE FROM waiting WHERE run_id = ?", runId);
    this.#sql.exec("INSERT INTO slots (run_id, expires_at) VALUES (?, ?)", runId, Date.now() + LEASE_MS);
    this.#arm();
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    void this.ctx.storage.setAlarm(Date.now() + LEASE_MS);
  }

  #holdsSlot(runId: RunId): boolean {
    return this.#count("SELECT count(*) AS n FROM slots WHERE run_id = ?", runId) > 0;
  }

  #count(query: string, ...bindings: string[]): number {
    return this.#sql.exec<{ n: number }>(query, ...bindings).one().n;
  }

  /** A gate is named after its organization. */
  get #organizationId(): OrganizationId {
    if (this.ctx.id.name === undefined) throw new Error("a gate is found by name only");
    return this.ctx.id.name as OrganizationId;
  }
}
