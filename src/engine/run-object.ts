import { DurableObject } from "cloudflare:workers";
import type { BlockContext } from "../blocks/block.ts";
import { findBlockType } from "../blocks/registry.ts";
import { composeEngine, type EngineDeps } from "../compose.ts";
import { artifactIdOf } from "../domain/id.ts";
import { checkOutboundUrl } from "../domain/outbound.ts";
import {
  advance,
  createRun,
  isFinal,
  nextWakeAt,
  outputOf,
  replay,
  type Run,
  type RunEvent,
  runningBlocks,
  whatIsDue,
} from "../domain/run.ts";
import { indexRow, runResponse, systemValues, timeline, webhookFields } from "../domain/run-view.ts";
import { labelOfOutput } from "../domain/workflow.ts";
import type { RunObject, RunReport, RunStart, RunWebhookEvent } from "../ports.ts";
import { type Answer, executeBlock, scopeOf } from "./execute-block.ts";
import { RunBrowser } from "./run-browser.ts";
import { RunStorage } from "./run-storage.ts";

/** While blocks run, an alarm is always set at most this far ahead: if this incarnation dies, the next begins then. */
const WATCHDOG_MS = 30_000;
/** How long one alarm waits for the blocks under way before it makes room for the next; far from the platform's limit of 15 minutes. */
const ALARM_TURN_MS = 20_000;
/** News that is not acknowledged is sent again after this long. */
const RESEND_MS = 10_000;
/** News of a run that goes on is held back this long, so that short runs tell everything at once. */
const NEWS_DELAY_MS = 50;
/** A run in the queue asks for itself this often, should the gate's word have been lost. */
const QUEUED_POLL_MS = 30_000;

/**
 * One run. Turns calls into events and events into work, and decides nothing: `domain/run.ts` does. What is in fields is a cache of the
 * journal and can be gone at any moment; what the journal says is under way and this incarnation does not know of was interrupted.
 */
export class WorkflowRun extends DurableObject<Env> implements RunObject {
  readonly #deps: EngineDeps;
  readonly #storage: RunStorage;
  readonly #live = new Map<string, { readonly abort: AbortController; readonly done: Promise<void> }>();
  readonly #waiters = new Set<() => void>();
  #run: Run | null;
  #browser: RunBrowser | null = null;
  #alarmAt: number | null = null;
  #newsTimer: ReturnType<typeof setTimeout> | null = null;
  #cleaned = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#deps = composeEngine(env);
    this.#storage = new RunStorage(ctx.storage.sql);
    this.#run = this.#storage.load();
    if (this.#run !== null && this.#owesWork(this.#run)) this.#arm(this.#deps.clock.now() + 1);
  }

  // ------------------------------------------------------------------------------------------------------ calls

  async start({ facts, plan, admitted }: RunStart, waitMs: number): Promise<RunReport> {
    if (this.#run === null) {
      const at = this.#deps.clock.now();
      const created: RunEvent = { type: "run_created", at, facts, plan };
      const step = advance(createRun(created), admitted ? { type: "run_started", at } : { type: "run_queued", at });
      if (!step.ok) throw new Error(`a new run refused its first event: ${step.reason}`);
      this.#storage.create();
      this.#commit(step.run, [created, ...step.events]);
      if (!admitted) this.ctx.waitUntil(this.#askGate());
    }
    return this.#reportOf(await this.#settled(this.#run ?? null, waitMs));
  }

  async report(waitMs: number): Promise<RunReport | null> {
    return this.#run === null ? null : this.#reportOf(await this.#settled(this.#run, waitMs));
  }

  async timeline(): Promise<string | null> {
    return this.#run === null ? null : JSON.stringify(timeline(this.#run));
  }

  async cancel(reason: string): Promise<RunReport | null> {
    if (this.#run === null) return null;
    this.#apply({ type: "run_canceled", at: this.#deps.clock.now(), reason });
    return this.#reportOf(this.#run);
  }

  async admit(): Promise<boolean> {
    if (this.#run === null) return false;
    this.#apply({ type: "run_started", at: this.#deps.clock.now() });
    return !isFinal(this.#run);
  }

  async wake(): Promise<boolean> {
    if (this.#run === null) return false;
    this.#recover();
    return !isFinal(this.#run);
  }

  async webhookEvents(): Promise<RunWebhookEvent[]> {
    const run = this.#run;
    if (run === null || run.facts.webhookUrl === null) return [];
    const url = run.facts.webhookUrl;
    const journal = this.#storage.events();
    return journal.flatMap(({ seq, event }): RunWebhookEvent[] => {
      if (
        seq <= this.#storage.acknowledged ||
        !event.type.startsWith("run_") ||
        event.type === "run_created" ||
        event.type === "run_queued"
      )
        return [];
      const asItWas = replay(journal.slice(0, seq).map((row) => row.event));
      if (asItWas === null) return [];
      const type = event.type.replace("run_", "workflow_run.") as RunWebhookEvent["type"];
      return [{ seq, type, at: event.at, url, json: JSON.stringify(webhookFields(asItWas)) }];
    });
  }

  async acknowledge(seq: number): Promise<void> {
    if (this.#run === null || seq <= this.#storage.acknowledged) return;
    this.#storage.acknowledged = seq;
    this.#rearm();
  }

  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    if (this.#run === null) return;
    this.#arm(this.#deps.clock.now() + WATCHDOG_MS); // first, so that whatever happens below the run wakes again
    this.#recover();
    for (const event of whatIsDue(this.#run, this.#deps.clock.now())) this.#apply(event);
    if (this.#run.status === "queued") await this.#askGate();
    if (this.#storage.acknowledged < this.#storage.seq && this.#newsTimer === null) await this.#tellNews();
    if (isFinal(this.#run)) await this.#cleanUp();
    await Promise.race([Promise.all([...this.#live.values()].map(({ done }) => done)), sleep(ALARM_TURN_MS)]);
    this.#rearm();
  }

  // ----------------------------------------------------------------------------------------------------- events

  /** An event that does not fit is dropped: it answers something that is over. */
  #apply(event: RunEvent): void {
    if (this.#run === null) return;
    const step = advance(this.#run, event);
    if (step.ok) this.#commit(step.run, step.events);
  }

  /** Writes the events and does what they ask for. What is written together here becomes durable together. */
  #commit(run: Run, events: readonly RunEvent[]): void {
    this.#run = run;
    this.#storage.append(events);
    for (const event of events) {
      this.#logEvent(event);
      if (event.type === "block_started") this.#execute(event.label, event.attempt);
    }
    if (isFinal(run)) {
      for (const { abort } of this.#live.values()) abort.abort(new Error(`the run is ${run.status}`));
      for (const wake of this.#waiters) wake();
      this.ctx.waitUntil(this.#cleanUp());
    }
    if (events.some(({ type }) => type.startsWith("run_"))) this.#planNews(isFinal(run) ? 0 : NEWS_DELAY_MS);
    this.#rearm();
  }

  /** What the journal says is running, and is not running here, was interrupted. */
  #recover(): void {
    const run = this.#run;
    if (run === null || isFinal(run)) return;
    for (const { label, attempt } of runningBlocks(run)) {
      if (this.#live.has(label)) continue;
      this.ctx.waitUntil(this.#browserOf(run).startOver());
      this.#apply({ type: "block_interrupted", at: this.#deps.clock.now(), label, attempt });
    }
  }

  #execute(label: string, attempt: number): void {
    const abort = new AbortController();
    const done = this.#attempt(label, attempt, abort.signal).finally(() => {
      if (this.#live.get(label)?.abort === abort) this.#live.delete(label);
    });
    this.#live.set(label, { abort, done });
    this.ctx.waitUntil(done);
  }

  async #attempt(label: string, attempt: number, signal: AbortSignal): Promise<void> {
    // The block begins after the call that started it has returned to its caller: nothing here may run inside a commit.
    await Promise.resolve();
    const run = this.#run;
    const node = run?.plan.nodes.find((candidate) => candidate.label === label);
    const block = run?.blocks.get(label);
    const blockType = node && findBlockType(node.blockType);
    if (run === null || node === undefined || block?.status !== "running" || signal.aborted) return;
    let usedPage = false;
    const context: BlockContext = {
      signal,
      attempt,
      idempotencyKey: `${run.facts.runId}/${label}`,
      now: () => this.#deps.clock.now(),
      page: () => {
        usedPage = true;
        return this.#browserOf(run).page(signal);
      },
      http: this.#deps.httpFor(run.facts.allowedHosts),
      saveArtifact: (file) =>
        this.#deps.artifacts.save(run.facts, { artifactId: artifactIdOf(run.facts.runId, this.#deps.ids.next("artifact")), ...file }),
    };
    const answer: Answer = blockType
      ? await executeBlock(node, blockType, this.#scope(run, block.startedAt), context, (error) =>
          this.#deps.log.error("block threw", error, this.#fields(label, attempt)),
        )
      : {
          type: "failed",
          failure: { kind: "unknown", outcome: "failed", message: `This version of the service has no block type "${node.blockType}".` },
        };
    if (usedPage && !signal.aborted) await this.#keepPage(run, answer);
    if (this.#live.get(label)?.abort.signal === signal) this.#live.delete(label);
    const base = { at: this.#deps.clock.now(), label, attempt };
    switch (answer.type) {
      case "completed":
        return this.#apply({ type: "block_completed", ...base, output: answer.output });
      case "slept":
        return this.#apply({ type: "block_slept", ...base, until: answer.until, output: answer.output });
      case "skipped":
        return this.#apply({ type: "block_skipped", ...base, reason: answer.reason });
      case "failed":
        return this.#apply({ type: "block_failed", ...base, failure: answer.failure });
    }
  }

  #scope(run: Run, at: number): (name: string) => ReturnType<typeof outputOf> {
    return scopeOf(run.facts.parameters, (name) => {
      const label = labelOfOutput(name);
      return label === null ? systemValues(run, at)[name] : outputOf(run, label);
    });
  }

  // ---------------------------------------------------------------------------------------------------- browser

  #browserOf(run: Run): RunBrowser {
    this.#browser ??= new RunBrowser(this.#deps, this.#storage, run.facts.runId, (url) => checkOutboundUrl(url, run.facts.allowedHosts));
    return this.#browser;
  }

  /** Stores where the page is, in the same turn, and so in the same commit, as the answer that follows. */
  async #keepPage(run: Run, answer: Answer): Promise<void> {
    const browser = this.#browserOf(run);
    if (answer.type === "failed" && answer.failure.kind === "temporary") return browser.discard();
    const record = await browser.checkpoint();
    if (record !== null && this.#run !== null && !isFinal(this.#run)) this.#storage.browser = record;
  }

  // ------------------------------------------------------------------------------------------------ outside world

  /** Gives back what the run holds. Repeated until it is done: a run that has ended keeps no slot and no browser. */
  async #cleanUp(): Promise<void> {
    const run = this.#run;
    if (run === null || this.#cleaned) return;
    try {
      await Promise.all([this.#deps.gates.get(run.facts.organizationId).release(run.facts.runId), this.#browserOf(run).release()]);
      this.#cleaned = true;
      this.#rearm();
    } catch (error) {
      this.#deps.log.error("clean-up failed; it is repeated", error, this.#fields());
    }
  }

  async #askGate(): Promise<void> {
    const run = this.#run;
    if (run?.status !== "queued") return;
    const place = await this.#deps.gates.get(run.facts.organizationId).admit(run.facts.runId, run.facts.slotLimit);
    if (place === 0) this.#apply({ type: "run_started", at: this.#deps.clock.now() });
  }

  #planNews(delayMs: number): void {
    if (this.#newsTimer !== null) clearTimeout(this.#newsTimer);
    this.#newsTimer = setTimeout(() => {
      this.#newsTimer = null;
      this.ctx.waitUntil(this.#tellNews());
    }, delayMs);
  }

  /** Sends what is beyond the acknowledged event. A lost message is sent again by the alarm. */
  async #tellNews(): Promise<void> {
    if (this.#run === null) return;
    try {
      await this.#deps.news.send({ row: indexRow(this.#run, this.#storage.seq), hasWebhook: this.#run.facts.webhookUrl !== null });
    } catch (error) {
      this.#deps.log.error("news were not taken; they are sent again", error, this.#fields());
    }
  }

  /** Resolves when the run has ended or the time is up. */
  async #settled(run: Run | null, waitMs: number): Promise<Run | null> {
    if (run === null || isFinal(run) || waitMs <= 0) return this.#run;
    let wake = () => {};
    const ended = new Promise<void>((resolve) => {
      wake = resolve;
      this.#waiters.add(wake);
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([ended, new Promise((resolve) => (timer = setTimeout(resolve, waitMs)))]);
    clearTimeout(timer);
    this.#waiters.delete(wake);
    return this.#run;
  }

  #reportOf(run: Run | null): RunReport {
    if (run === null) throw new Error("there is no run to report");
    return { status: run.status, json: JSON.stringify(runResponse(run)) };
  }

  // ----------------------------------------------------------------------------------------------------- alarms

  #owesWork(run: Run): boolean {
    return !isFinal(run) || this.#storage.acknowledged < this.#storage.seq;
  }

  /** When the object must wake by itself; null when it owes nothing. */
  #wakeAt(run: Run): number | null {
    const now = this.#deps.clock.now();
    const times: number[] = [];
    if (this.#live.size > 0) times.push(now + WATCHDOG_MS);
    const due = nextWakeAt(run);
    if (due !== null) times.push(due);
    if (run.status === "queued") times.push(now + QUEUED_POLL_MS);
    if (this.#storage.acknowledged < this.#storage.seq || (isFinal(run) && !this.#cleaned)) times.push(now + RESEND_MS);
    return times.length === 0 ? null : Math.min(...times);
  }

  #rearm(): void {
    if (this.#run === null) return;
    const at = this.#wakeAt(this.#run);
    if (at !== null) return this.#arm(at);
    if (this.#alarmAt !== null) void this.ctx.storage.deleteAlarm();
    this.#alarmAt = null;
  }

  /** An alarm that is already set, and not later than wanted by more than nothing, is left: setting one is a write. */
  #arm(at: number): void {
    const now = this.#deps.clock.now();
    if (this.#alarmAt !== null && this.#alarmAt > now && this.#alarmAt <= at) return;
    this.#alarmAt = Math.max(at, now + 1); // one set for this very millisecond is lost when its handler is running
    void this.ctx.storage.setAlarm(this.#alarmAt);
  }

  // ------------------------------------------------------------------------------------------------------- logs

  #logEvent(event: RunEvent): void {
    this.#deps.log.info(event.type, "label" in event ? this.#fields(event.label, event.attempt) : this.#fields());
  }

  #fields(label?: string, attempt?: number): Record<string, string | number> {
    return {
      ...(this.#run ? { organization_id: this.#run.facts.organizationId, run_id: this.#run.facts.runId } : {}),
      ...(label === undefined ? {} : { block: label }),
      ...(attempt === undefined ? {} : { attempt }),
    };
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
