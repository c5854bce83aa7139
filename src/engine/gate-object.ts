import { DurableObject } from "cloudflare:workers";
import { composeEngine, type EngineDeps } from "../compose.ts";
import {
  type AdmissionAnswer,
  AdmissionControl,
  type AdmissionCounts,
  type AdmissionEntry,
  type AdmissionRequest,
  type QueuePosition,
} from "../domain/admission.ts";
import type { OrganizationId, RunId } from "../domain/id.ts";
import type { Gate } from "../ports/gates.ts";

/** A slot is held this long before it is asked whether its run is still live, and as long again each time. */
const LEASE_MS = 120_000;

/**
 * Admission of one organization's runs. `domain/admission.ts` decides; this writes down what was decided and then tells the runs. A run that
 * could not be told asks by itself; a slot whose run died without giving it back is found by the alarm.
 */
export class OrganizationGate extends DurableObject<Env> implements Gate {
  readonly #deps: EngineDeps;
  readonly #sql: SqlStorage;
  /** Runs with a slot that are being asked whether they want it. */
  readonly #asked = new Set<RunId>();
  #control: AdmissionControl;
  #armed = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#deps = composeEngine(env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS entries (run_id TEXT PRIMARY KEY, place INTEGER NOT NULL, priority INTEGER NOT NULL, sequential_key TEXT, admitted_at INTEGER) STRICT, WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS slot_limit (id INTEGER PRIMARY KEY CHECK (id = 1), value INTEGER NOT NULL) STRICT;`,
    );
    this.#control = this.#load();
    if (this.#control.describe().atWork > 0) void ctx.blockConcurrencyWhile(() => this.#rearm());
  }

  async admit(request: AdmissionRequest): Promise<AdmissionAnswer> {
    this.#asked.delete(request.runId); // it wants a slot, whatever it answered before it existed
    const { answer, changed } = this.#commit(() => {
      const decision = this.#control.admit(request, this.#deps.clock.now());
      if (!decision.answer.admitted && decision.answer.rejected) this.#delete(request.runId);
      return decision;
    });
    this.#offer(changed.filter(({ runId }) => runId !== request.runId));
    return answer;
  }

  async release(runId: RunId): Promise<void> {
    this.#release(runId);
  }

  async position(runId: RunId): Promise<QueuePosition | null> {
    return this.#control.position(runId);
  }

  async describe(): Promise<AdmissionCounts> {
    return this.#control.describe();
  }

  override async alarm(): Promise<void> {
    this.#armed = false;
    if (this.#control.describe().atWork === 0) return;
    this.#arm(); // first, so that whatever happens below the slots are looked after
    const due = this.#control.atWorkSince(this.#deps.clock.now() - LEASE_MS);
    await Promise.all(due.map((runId) => this.#ask(runId, "wake")));
  }

  #release(runId: RunId): void {
    const { changed } = this.#commit(() => {
      this.#delete(runId);
      return this.#control.release(runId, this.#deps.clock.now());
    });
    this.#offer(changed);
  }

  /** Tells runs of their slots, after the commit that gave them. */
  #offer(entries: readonly AdmissionEntry[]): void {
    for (const { runId, admittedAt } of entries) if (admittedAt !== null) this.ctx.waitUntil(this.#ask(runId, "admit"));
  }

  /**
   * Asks a run whether it wants the slot that it has, and takes it back from one that has ended or never came to be. One that asks for it
   * meanwhile keeps it: its "no" was said before it existed.
   */
  async #ask(runId: RunId, question: "admit" | "wake"): Promise<void> {
    this.#asked.add(runId);
    const run = this.#deps.runs.get(this.#organizationId, runId);
    const wanted = await run[question]().catch((error: unknown) => {
      this.#deps.log.error("a run could not be asked whether it wants its slot", error, {
        organization_id: this.#organizationId,
        run_id: runId,
      });
      return true; // nobody knows; it asks by itself, or its lease comes round again
    });
    if (this.#asked.delete(runId) && !wanted) this.#release(runId);
  }

  // ---------------------------------------------------------------------------------------------------- storage

  /** Decides and writes, all or nothing. */
  #commit<Decision extends { readonly changed: readonly AdmissionEntry[] }>(decide: () => Decision): Decision {
    const limit = this.#control.limit;
    let decision: Decision;
    try {
      decision = this.ctx.storage.transactionSync(() => {
        const decided = decide();
        for (const entry of decided.changed) this.#write(entry);
        if (this.#control.limit !== limit) this.#writeLimit();
        return decided;
      });
    } catch (error) {
      this.#control = this.#load(); // what it decided is not written
      throw error;
    }
    if (decision.changed.some(({ admittedAt }) => admittedAt !== null)) this.#arm();
    return decision;
  }

  #write({ runId, place, priority, sequentialKey, admittedAt }: AdmissionEntry): void {
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

  #delete(runId: RunId): void {
    this.#sql.exec("DELETE FROM entries WHERE run_id = ?", runId);
  }

  #writeLimit(): void {
    this.#sql.exec("INSERT OR REPLACE INTO slot_limit (id, value) VALUES (1, ?)", this.#control.limit);
  }

  #load(): AdmissionControl {
    const [limit] = this.#sql.exec<{ value: number }>("SELECT value FROM slot_limit").toArray();
    const entries = this.#sql.exec<{
      runId: RunId;
      place: number;
      priority: number;
      sequentialKey: string | null;
      admittedAt: number | null;
    }>(`SELECT run_id AS "runId", place, priority, sequential_key AS "sequentialKey", admitted_at AS "admittedAt" FROM entries`);
    return new AdmissionControl(limit?.value ?? 0, entries);
  }

  // ----------------------------------------------------------------------------------------------------- alarms

  /** After an eviction: the alarm is still set, unless it was given up after too many failures. */
  async #rearm(): Promise<void> {
    this.#armed = (await this.ctx.storage.getAlarm()) !== null;
    this.#arm();
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    void this.ctx.storage.setAlarm(this.#deps.clock.now() + LEASE_MS);
  }

  /** A gate is named after its organization. */
  get #organizationId(): OrganizationId {
    if (this.ctx.id.name === undefined) throw new Error("a gate is found by name only");
    return this.ctx.id.name as OrganizationId;
  }
}
