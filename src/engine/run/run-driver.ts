import { findBlockType } from "../../blocks/registry.ts";
import type { EngineDeps } from "../../compose.ts";
import { labelOf } from "../../domain/run/block-state.ts";
import { liveState } from "../../domain/run/live-view.ts";
import { advance, proceed, whatIsDue } from "../../domain/run/run-advance.ts";
import { childrenAwaited, pendingChecks, runningBlocks } from "../../domain/run/run-inspect.ts";
import { isNews, newsOf } from "../../domain/run/run-news.ts";
import { browserReturnAt, wakesAt, WATCHDOG_MS } from "../../domain/run/run-wake.ts";
import { isFinal, type Run, type RunEvent, type RunFacts } from "../../domain/run/run.ts";
import { AlarmClock } from "../alarm-clock.ts";
import { type AttemptPlace, eventOf } from "../attempt/answer.ts";
import { type Attempted, Attempts } from "../attempt/attempts.ts";
import { createRunPages } from "../browser/browser-of-run.ts";
import { type ChildEnd, endedChildren, outcomeOfChild, startChild } from "./child-runs.ts";
import { storeLarge } from "./large-output.ts";
import { LiveView } from "./live-view.ts";
import { LiveWork } from "./live-work.ts";
import { logFields } from "../log-fields.ts";
import { checkLoop, type LoopCheck } from "./loop-check.ts";
import type { RunPages } from "../browser/run-pages.ts";
import { PARENT_ENDED, RunCleanUp } from "./run-clean-up.ts";
import { RunEvidence } from "../attempt/run-evidence.ts";
import { isKeptBefore, keepForRun, keepForWorkflow } from "../browser/run-memory.ts";
import type { RunStorage } from "./run-storage.ts";
import { within } from "../within.ts";

/** How long one alarm waits for the blocks under way before it makes room for the next; far from the platform's limit of 15 minutes. */
const ALARM_TURN_MS = 20_000;
/** News of a run that goes on is held back this long, so that short runs tell everything at once. */
const NEWS_DELAY_MS = 50;

/**
 * Moves a run: turns events into work and answers into events, and decides nothing: `domain/run/run.ts` does. What is in fields is a cache of the
 * journal and can be gone at any moment; what the journal says is under way and this incarnation does not know of was interrupted.
 */
export class RunDriver {
  readonly view: LiveView;
  readonly #ctx: DurableObjectState;
  readonly #deps: EngineDeps;
  readonly #storage: RunStorage;
  readonly #alarm: AlarmClock;
  readonly #live = new LiveWork();
  readonly #attempts: Attempts;
  readonly #cleanUp: RunCleanUp;
  /** Those who wait for its end. */
  readonly #waiters = new Set<() => void>();
  #run: Run | null = null;
  #pages: RunPages | null = null;
  #newsTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(ctx: DurableObjectState, deps: EngineDeps, storage: RunStorage) {
    this.#ctx = ctx;
    this.#deps = deps;
    this.#storage = storage;
    this.#alarm = new AlarmClock(ctx.storage, deps.clock);
    this.view = new LiveView(
      () => ctx.getWebSockets(),
      (url) => liveState(this.#run!, url), // nobody watches an object without a run
    );
    const evidence = new RunEvidence(deps, storage);
    this.#attempts = new Attempts(deps, storage, evidence, this.view);
    this.#cleanUp = new RunCleanUp(deps, storage, evidence);
    const loaded = storage.load();
    if (typeof loaded === "function") void ctx.blockConcurrencyWhile(async () => this.#takeUp(await loaded()));
    else this.#takeUp(loaded);
  }

  #takeUp(run: Run | null): void {
    this.#run = run;
    if (run !== null && (!isFinal(run) || this.#hasNews)) this.#alarm.wakeBy(this.#deps.clock.now() + 1);
  }

  /** As far as its journal goes; null when there is none. */
  get run(): Run | null {
    return this.#run;
  }

  /** Its pages, and the browser that they are in. @param facts of the run that is here, or that is about to be */
  pagesOf(facts: RunFacts): RunPages {
    return (this.#pages ??= createRunPages(this.#deps, this.#storage, facts));
  }

  /** Resolves when the run has ended or the time is up. */
  async settled(waitMs: number): Promise<void> {
    if (this.#run === null || isFinal(this.#run) || waitMs <= 0) return;
    const ended = Promise.withResolvers<void>();
    this.#waiters.add(ended.resolve);
    await within(waitMs, ended.promise);
    this.#waiters.delete(ended.resolve);
  }

  // ----------------------------------------------------------------------------------------------------- events

  /** An event that does not fit is dropped: it answers something that is over. @returns whether it fitted */
  apply(event: RunEvent): boolean {
    if (this.#run === null) return false;
    const step = advance(this.#run, event);
    if (step.ok) this.commit(step.run, step.events);
    return step.ok;
  }

  /** Writes events that fit, and does what they ask for. What is written together here becomes durable together. */
  commit(run: Run, events: readonly RunEvent[]): void {
    if (events.length > 0) this.#storage.append(events);
    this.#run = run; // only what is written has happened
    for (const event of events) this.#deps.log.info(event.type, logFields(run.facts, "path" in event ? event : {}));
    this.#live.abortWhatIsOver(run);
    for (const event of events) if (event.type === "block_started") this.#work(event, (signal) => this.#attempt(event, signal));
    for (const check of pendingChecks(run))
      if (!this.#live.has(check.path)) this.#work(check, async (signal) => this.#check(check, signal));
    if (isFinal(run)) {
      for (const wake of this.#waiters) wake();
      this.#ctx.waitUntil(this.#tidyUp());
    }
    if (events.length > 0) this.view.tell();
    if (events.some(isNews)) this.#planNews(isFinal(run) ? 0 : NEWS_DELAY_MS);
    this.rearm();
  }

  /** What was interrupted, what is due, and what may start now. */
  goOn(): void {
    if (this.#run === null || isFinal(this.#run)) return;
    const now = this.#deps.clock.now();
    for (const { path, attempt } of runningBlocks(this.#run)) {
      if (this.#live.has(path)) continue;
      this.#ctx.waitUntil(this.pagesOf(this.#run.facts).startAllOver());
      this.apply({ type: "block_interrupted", at: now, path, attempt });
    }
    for (const event of whatIsDue(this.#run, now)) this.apply(event);
    const { run, events } = proceed(this.#run, now);
    this.commit(run, events);
  }

  // ------------------------------------------------------------------------------------------------------- work

  #work(place: AttemptPlace, work: (signal: AbortSignal) => Promise<void>): void {
    const done = this.#live.begin(place, work);
    this.#ctx.waitUntil(done.catch((error: unknown) => this.#logError("work on a block broke off", error, place)));
  }

  async #attempt({ path, attempt }: AttemptPlace, signal: AbortSignal): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    const place = { path, attempt };
    const pages = this.pagesOf(run.facts);
    const attempted = await this.#attempts.make(run, pages, place, signal);
    if (attempted === null) return;
    const latest = () => this.#run ?? run; // a run that is there stays
    if (!signal.aborted && isKeptBefore(attempted.answer, latest(), place, this.#deps.clock.now()))
      await this.#attend("taking down what the browser remembers", keepForWorkflow(this.#deps, run.facts, pages, this.#storage));
    if (!signal.aborted) await this.#answer(attempted, place);
    await pages.tidy(latest());
  }

  /** Asks a loop whether it goes on. */
  #check(check: LoopCheck, signal: AbortSignal): void {
    const run = this.#run;
    if (run === null || signal.aborted) return;
    const event = checkLoop(run, check, this.#deps.clock.now());
    this.#live.answered(check); // what follows from the answer may be the next check
    if (event !== null) this.apply(event);
  }

  /** Makes the event of an attempt's answer: first a run that it asks for is started, and what is large is stored. */
  async #answer({ answer, checkpoint }: Attempted, place: AttemptPlace): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    const at = this.#deps.clock.now();
    const asked =
      answer.type === "child" ? await startChild(this.#deps, run, place.path, answer.request, this.pagesOf(run.facts).browser) : answer;
    const outcome = await storeLarge({ storage: this.#storage, log: this.#deps.log }, run.facts, asked);
    this.#live.answered(place);
    if (this.#run?.status === "running") checkpoint?.();
    const timeoutMs = run.plan.nodes[labelOf(place.path)]?.timeoutMs ?? 0;
    const isHeard = this.apply(eventOf(outcome, { ...place, at }, { timeoutMs, random: this.#deps.random() }));
    if (outcome.type !== "waiting" || outcome.wait.for !== "child") return;
    if (isHeard) await this.#askChildren(); // it may have ended before this run knew its name
    else await this.#deps.runs.get(run.facts.organizationId, outcome.wait.runId).cancel(PARENT_ENDED);
  }

  /** Another run, for which a block waits, tells its end. */
  async childEnded({ path, runId, status, json }: ChildEnd): Promise<void> {
    const child = this.#run === null ? undefined : childrenAwaited(this.#run).find((awaited) => awaited.path === path);
    if (child?.runId !== runId) return;
    await this.#answer({ answer: outcomeOfChild({ runId, status, json }), checkpoint: null }, child);
  }

  /** Should a child's word have been lost. */
  async #askChildren(): Promise<void> {
    if (this.#run === null) return;
    for await (const ended of endedChildren(this.#deps, this.#run)) await this.childEnded(ended);
  }

  // ----------------------------------------------------------------------------------------------------- alarms

  /** Does what is due, and waits a while for the work under way. @param scheduledTime what the alarm was set for */
  async alarm(scheduledTime: number): Promise<void> {
    this.#alarm.fired(scheduledTime);
    if (this.#run === null) return;
    this.#alarm.wakeBy(this.#deps.clock.now() + WATCHDOG_MS); // first, so that whatever happens below the run wakes again
    this.goOn();
    await Promise.all([this.#attend("asking the gate", this.askGate()), this.#attend("asking the children", this.#askChildren())]);
    if (this.#hasNews && this.#newsTimer === null) await this.#tellNews();
    if (isFinal(this.#run)) await this.#tidyUp();
    else if ((browserReturnAt(this.#run, this.#browserIdleAt(this.#run)) ?? Infinity) <= this.#deps.clock.now())
      await this.#attend("giving the browser back", this.#restBrowser(this.#run));
    await within(ALARM_TURN_MS, this.#live.finished());
    this.rearm();
  }

  /** Sets the alarm for the earliest thing that is owed. */
  rearm(): void {
    const run = this.#run;
    if (run === null) return;
    const duties = {
      isAtWork: !this.#live.isEmpty,
      browserIdleAt: this.#browserIdleAt(run),
      hasNews: this.#hasNews,
      holdsSomething: !this.#cleanUp.isDone,
    };
    const at = wakesAt(run, duties, this.#deps.clock.now());
    if (at === null) this.#alarm.clear();
    else this.#alarm.wakeBy(at);
  }

  /** When its browser has been out of use for a while; null while a block may use it, and when there is none. */
  #browserIdleAt(run: Run): number | null {
    const isWithBlock = this.#live.paths.some((path) => isBrowserBlock(run, path));
    return isWithBlock ? null : this.pagesOf(run.facts).idleAt;
  }

  /** Gives the browser back while no block uses it. */
  async #restBrowser({ facts }: Run): Promise<void> {
    const pages = this.pagesOf(facts);
    if (facts.memory !== undefined) await keepForRun(this.#deps, facts, pages);
    await pages.browser.release();
  }

  async #tidyUp(): Promise<void> {
    const run = this.#run;
    if (run === null || !isFinal(run) || this.#cleanUp.isDone) return;
    await this.#cleanUp.try(run, this.pagesOf(run.facts), this.#live);
    if (this.#cleanUp.isDone) this.rearm();
  }

  // ------------------------------------------------------------------------------------------------ outside world

  /** A run that waits for a slot asks for it, should the gate's word have been lost. */
  async askGate(): Promise<void> {
    const run = this.#run;
    if (run?.status !== "queued" || run.facts.admission === null) return;
    const gate = this.#deps.gates.get(run.facts.organizationId);
    const place = await gate.admit({ runId: run.facts.runId, onLimit: "queue", ...run.facts.admission });
    if (place.admitted) this.apply({ type: "run_started", at: this.#deps.clock.now() });
  }

  get #hasNews(): boolean {
    return this.#storage.acknowledged < this.#storage.seq;
  }

  #planNews(delayMs: number): void {
    if (this.#newsTimer !== null) clearTimeout(this.#newsTimer);
    this.#newsTimer = setTimeout(() => {
      this.#newsTimer = null;
      this.#ctx.waitUntil(this.#tellNews());
    }, delayMs);
  }

  /** Sends what is beyond the acknowledged event. A lost message is sent again by the alarm. */
  async #tellNews(): Promise<void> {
    if (this.#run !== null) await this.#attend("telling the news", this.#deps.news.send(newsOf(this.#run, this.#storage.seq)));
  }

  /** What may fail, and is done again by the next alarm. */
  async #attend(what: string, work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => this.#logError(`${what} failed; it is repeated`, error));
  }

  #logError(message: string, error: unknown, place?: AttemptPlace): void {
    this.#deps.log.error(message, error, this.#run === null ? {} : logFields(this.#run.facts, place));
  }
}

function isBrowserBlock({ plan }: Run, path: string): boolean {
  return findBlockType(plan.nodes[labelOf(path)]?.blockType ?? "")?.category === "browser";
}
