import { DurableObject } from "cloudflare:workers";
import { composeEngine, type EngineDeps } from "../../compose.ts";
import type {
  AdmissionAnswer,
  AdmissionControl,
  AdmissionCounts,
  AdmissionEntry,
  AdmissionRequest,
  QueuePosition,
} from "../../domain/run/admission.ts";
import type { OrganizationId, RunId } from "../../domain/id.ts";
import type { Gate } from "../../ports/gates.ts";
import { AlarmClock } from "../alarm-clock.ts";
import { GateStorage } from "./gate-storage.ts";
import { Wishes } from "../wishes.ts";

/** A slot is held this long before it is asked whether its run is still live, and as long again each time. */
const LEASE_MS = 120_000;

/**
 * Admission of one organization's runs. `domain/run/admission.ts` decides; this writes down what was decided and then tells the runs. A run that
 * could not be told asks by itself; a slot whose run died without giving it back is found by the alarm.
 */
export class OrganizationGate extends DurableObject<Env> implements Gate {
  readonly #deps: EngineDeps;
  readonly #storage: GateStorage;
  readonly #alarm: AlarmClock;
  /** Of runs with a slot. */
  readonly #wishes = new Wishes();
  #control: AdmissionControl;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#deps = composeEngine(env);
    this.#storage = new GateStorage(ctx.storage.sql);
    this.#alarm = new AlarmClock(ctx.storage, this.#deps.clock);
    this.#control = this.#storage.load();
    if (this.#isBusy) void ctx.blockConcurrencyWhile(() => this.#takeUpAlarm());
  }

  async admit(request: AdmissionRequest): Promise<AdmissionAnswer> {
    this.#wishes.note(request.runId); // also if it answered before it existed
    const { answer, changed } = this.#commit(() => {
      const decision = this.#control.admit(request, this.#deps.clock.now());
      if (!decision.answer.admitted && decision.answer.rejected) this.#storage.delete(request.runId);
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

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    this.#alarm.fired(info?.scheduledTime ?? 0);
    if (!this.#isBusy) return;
    this.#arm(); // first, so that whatever happens below the slots are looked after
    const due = this.#control.atWorkSince(this.#deps.clock.now() - LEASE_MS);
    await Promise.all(due.map((runId) => this.#ask(runId, "wake")));
  }

  #release(runId: RunId): void {
    const { changed } = this.#commit(() => {
      this.#storage.delete(runId);
      return this.#control.release(runId, this.#deps.clock.now());
    });
    this.#offer(changed);
  }

  /** Tells runs of their slots, after the commit that gave them. */
  #offer(entries: readonly AdmissionEntry[]): void {
    for (const { runId, admittedAt } of entries) if (admittedAt !== null) this.ctx.waitUntil(this.#ask(runId, "admit"));
  }

  /** Asks a run whether it wants the slot that it has, and takes it back from one that has ended or never came to be. */
  async #ask(runId: RunId, question: "admit" | "wake"): Promise<void> {
    const organizationId = this.#organizationId;
    const run = this.#deps.runs.get(organizationId, runId);
    const isUnwanted = await this.#wishes.isUnwanted(
      runId,
      async () => await run[question](),
      (error) =>
        this.#deps.log.error("a run could not be asked whether it wants its slot", error, {
          organization_id: organizationId,
          run_id: runId,
        }),
    );
    if (isUnwanted) this.#release(runId);
  }

  /** Decides and writes, all or nothing. */
  #commit<Decision extends { readonly changed: readonly AdmissionEntry[] }>(decide: () => Decision): Decision {
    const limit = this.#control.limit;
    try {
      const decision = this.ctx.storage.transactionSync(() => {
        const decided = decide();
        for (const entry of decided.changed) this.#storage.write(entry);
        if (this.#control.limit !== limit) this.#storage.limit = this.#control.limit;
        return decided;
      });
      if (decision.changed.some(({ admittedAt }) => admittedAt !== null)) this.#arm();
      return decision;
    } catch (error) {
      this.#control = this.#storage.load(); // what it decided is not written
      throw error;
    }
  }

  // ----------------------------------------------------------------------------------------------------- alarms

  get #isBusy(): boolean {
    return this.#control.describe().atWork > 0;
  }

  /** After an eviction: the alarm is still set, unless it was given up after too many failures. */
  async #takeUpAlarm(): Promise<void> {
    await this.#alarm.takeUp();
    this.#arm();
  }

  #arm(): void {
    this.#alarm.wakeBy(this.#deps.clock.now() + LEASE_MS);
  }

  /** A gate is named after its organization. */
  get #organizationId(): OrganizationId {
    if (this.ctx.id.name === undefined) throw new Error("a gate is found by name only");
    return this.ctx.id.name as OrganizationId;
  }
}
