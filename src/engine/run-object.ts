import { DurableObject } from "cloudflare:workers";
import { findBlockType } from "../blocks/registry.ts";
import { composeEngine, type EngineDeps } from "../compose.ts";
import { artifactContentPath, linkExpiry, type LinkToArtifact } from "../domain/artifact.ts";
import type { BrowserHolder } from "../domain/browser-queue.ts";
import { type BrowserMemory, NO_MEMORY } from "../domain/browser-memory.ts";
import { labelOf } from "../domain/block-state.ts";
import type { Fault } from "../domain/error.ts";
import type { OrganizationId, RunId } from "../domain/id.ts";
import type { Json } from "../domain/json.ts";
import { checkOutboundUrl } from "../domain/outbound.ts";
import { browserGuard, onlyDomains } from "../domain/outbound-patterns.ts";
import { liveState } from "../domain/live-view.ts";
import { type RemoteAddress, remotePurpose } from "../domain/remote-browser.ts";
import { unpackPlan } from "../domain/packed-plan.ts";
import type { Plan } from "../domain/plan.ts";
import { advance, cancellation, proceed, whatIsDue } from "../domain/run-advance.ts";
import { childrenAwaited, pendingChecks, questionOf, runningBlocks, waitsForBrowser } from "../domain/run-inspect.ts";
import { createRun, type FinalStatus, isFinal, type Run, type RunEvent, type RunFacts, type SealedRemote } from "../domain/run.ts";
import { keptOutputs } from "../domain/run-retry.ts";
import { indexRow, runResponse, type RunTraces, statusOf, timeline } from "../domain/run-view.ts";
import { browserReturnAt, wakesAt, WATCHDOG_MS } from "../domain/run-wake.ts";
import type { Browsers } from "../ports/browser.ts";
import type { BrowserHolderObject } from "../ports/browser-pool.ts";
import type { Changed, RetrySource, RunObject, RunReport, RunStart, RunWebhookEvent } from "../ports/run-objects.ts";
import { AlarmClock } from "./alarm-clock.ts";
import { type Answer, type AttemptPlace, eventOf } from "./answer.ts";
import { type Attempted, Attempts } from "./attempts.ts";
import { sessionBrowser } from "./browser-source.ts";
import { endedChildren, outcomeOfChild, startChild } from "./child-runs.ts";
import { storeLarge } from "./large-output.ts";
import { LiveView } from "./live-view.ts";
import { LiveWork } from "./live-work.ts";
import { checkLoop, type LoopCheck } from "./loop-check.ts";
import { ownBrowser } from "./own-browser.ts";
import { browsersWhenOpened, remoteBrowser } from "./remote-browser.ts";
import { RunBrowser } from "./run-browser.ts";
import { recordWishOf, RunEvidence } from "./run-evidence.ts";
import { readMemory } from "./run-memory.ts";
import { type BrowserRecord, RunStorage } from "./run-storage.ts";
import { webhookEventsOf } from "./webhook-events.ts";
import { within } from "./within.ts";

/** How long one alarm waits for the blocks under way before it makes room for the next; far from the platform's limit of 15 minutes. */
const ALARM_TURN_MS = 20_000;
/** News of a run that goes on is held back this long, so that short runs tell everything at once. */
const NEWS_DELAY_MS = 50;
/** Watchers of one run. */
const MAX_WATCHERS = 50;
/** How long the browser of a run that has ended is kept for attempts that were broken off. */
const LAST_LOOK_MS = 5_000;
/** The platform keeps a browser that nobody talks to for so much longer than the run does: an evicted object takes its time to come back. */
const LEFT_ALONE_MS = 120_000;

/**
 * One run. Turns calls into events and events into work, and decides nothing: `domain/run.ts` does. What is in fields is a cache of the
 * journal and can be gone at any moment; what the journal says is under way and this incarnation does not know of was interrupted.
 */
export class WorkflowRun extends DurableObject<Env> implements RunObject, BrowserHolderObject {
  readonly #deps: EngineDeps;
  readonly #storage: RunStorage;
  readonly #alarm: AlarmClock;
  readonly #live = new LiveWork();
  readonly #waiters = new Set<() => void>();
  readonly #evidence: RunEvidence;
  readonly #attempts: Attempts;
  readonly #view: LiveView;
  #lastPage: Promise<void> | null = null;
  #run: Run | null = null;
  #browser: RunBrowser | null = null;
  #newsTimer: ReturnType<typeof setTimeout> | null = null;
  #cleaned = false;

  constructor(ctx: DurableObjectState, env: Env, deps = composeEngine(env)) {
    super(ctx, env);
    this.#deps = deps;
    this.#storage = new RunStorage(ctx.storage.sql, this.#deps.values);
    this.#alarm = new AlarmClock(ctx.storage, this.#deps.clock);
    this.#evidence = new RunEvidence(this.#deps, this.#storage);
    this.#view = new LiveView(
      () => ctx.getWebSockets(),
      (url) => liveState(this.#run!, url), // nobody watches an object without a run
    );
    this.#attempts = new Attempts(this.#deps, this.#storage, this.#evidence, this.#view);
    const loaded = this.#storage.load();
    if (typeof loaded === "function") void ctx.blockConcurrencyWhile(async () => this.#takeUp(await loaded()));
    else this.#takeUp(loaded);
  }

  #takeUp(run: Run | null): void {
    this.#run = run;
    if (run !== null && (!isFinal(run) || this.#storage.acknowledged < this.#storage.seq)) this.#alarm.wakeBy(this.#deps.clock.now() + 1);
  }

  // ------------------------------------------------------------------------------------------------------ calls

  async start({ facts, plan, admitted, browserState }: RunStart, waitMs: number): Promise<RunReport> {
    if (this.#run === null) {
      for (const { output } of Object.values(facts.retryOf?.kept ?? {})) await this.#storage.prepare(output, facts);
      const browser = browserState === null ? null : await this.#browserFor(facts).recordOf(browserState);
      if (this.#run === null) this.#begin(facts, unpackPlan(plan), admitted, browser);
    }
    return this.#reportOf(await this.#settled(waitMs));
  }

  #begin(facts: RunStart["facts"], plan: Plan, admitted: boolean, browser: BrowserRecord | null): void {
    const at = this.#deps.clock.now();
    const created: RunEvent = { type: "run_created", at, facts, plan };
    const step = advance(createRun(created), { type: admitted ? "run_started" : "run_queued", at });
    if (!step.ok) throw new Error(`a new run refused its first event: ${step.reason}`);
    this.#storage.create();
    if (browser !== null) this.#storage.browser = browser;
    this.#commit(step.run, [created, ...step.events]);
    if (!admitted) this.ctx.waitUntil(this.#askGate());
  }

  async report(waitMs: number): Promise<RunReport | null> {
    return this.#run === null ? null : this.#reportOf(await this.#settled(waitMs));
  }

  async timeline(): Promise<string | null> {
    const run = this.#run;
    if (run === null) return null;
    const position = waitsForBrowser(run) ? await this.#deps.pool.position(holderOf(run.facts)) : null;
    return JSON.stringify(timeline(run, this.#storage.artifacts, position));
  }

  async cancel(reason: string): Promise<RunReport | null> {
    if (this.#run === null) return null;
    if (!isFinal(this.#run)) this.#apply(cancellation(this.#run, this.#deps.clock.now(), reason));
    return this.#reportOf(this.#run);
  }

  async pause(): Promise<Changed | null> {
    return this.#change({ type: "run_paused", at: this.#deps.clock.now() });
  }

  async resume(): Promise<Changed | null> {
    return this.#change({ type: "run_resumed", at: this.#deps.clock.now() });
  }

  async decide(path: string | null, approved: boolean): Promise<Changed | null> {
    const run = this.#run;
    if (run === null) return null;
    const asked = questionOf(run, path);
    if (asked === null) return { changed: false, report: this.#reportOf(run) };
    return this.#change({ type: "block_decided", at: this.#deps.clock.now(), ...asked, approved });
  }

  async childEnded(path: string, childId: RunId, status: FinalStatus, json: string): Promise<void> {
    const child = this.#run === null ? undefined : childrenAwaited(this.#run).find((awaited) => awaited.path === path);
    if (child?.runId !== childId) return;
    const answer = outcomeOfChild({ runId: childId, status, json });
    await this.#answer({ answer, checkpoint: null }, child, this.#deps.clock.now());
  }

  async retrySource(from: string): Promise<RetrySource | null> {
    const run = this.#run;
    if (run === null) return null;
    const kept = keptOutputs(run, from);
    if (!kept.ok) return kept;
    const browserState = Object.keys(kept.kept).length === 0 ? null : await this.#browserOf(run).lastState();
    return { ok: true, facts: run.facts, kept: kept.kept, browserState };
  }

  async admit(): Promise<boolean> {
    if (this.#run === null) return false;
    this.#apply({ type: "run_started", at: this.#deps.clock.now() });
    return !isFinal(this.#run);
  }

  async browserFree(): Promise<boolean> {
    const run = this.#run;
    if (run === null) return false;
    const browser = this.#browserOf(run);
    const isWanted = run.status === "running" && run.pausedAt === null && (waitsForBrowser(run) || browser.isInUse);
    if (isWanted) this.#apply({ type: "browser_granted", at: this.#deps.clock.now() });
    else browser.leaveLine();
    return isWanted;
  }

  async wantsBrowser(): Promise<boolean> {
    const run = this.#run;
    return run !== null && !isFinal(run) && this.#browserOf(run).isWanted;
  }

  async wake(): Promise<boolean> {
    if (this.#run === null) return false;
    this.#goOn();
    this.#rearm();
    return !isFinal(this.#run);
  }

  async webhookEvents(): Promise<RunWebhookEvent[]> {
    const run = this.#run;
    if (run === null) return [];
    const events = await this.#storage.events();
    return await webhookEventsOf(events, this.#storage.acknowledged, run.facts.webhookUrl, this.#tracesOf(run), this.#deps.tokens);
  }

  async noteRetry(by: RunId): Promise<void> {
    if (this.#run !== null) this.#storage.retriedBy = by;
  }

  async acknowledge(seq: number): Promise<void> {
    if (this.#run === null || seq <= this.#storage.acknowledged) return;
    this.#storage.acknowledged = seq;
    this.#rearm();
  }

  /** The live view: a WebSocket where the request asks for one, else server-sent events. */
  override async fetch(request: Request): Promise<Response> {
    if (this.#run === null) return new Response(null, { status: 404 });
    if (this.#view.watchers >= MAX_WATCHERS) return new Response(null, { status: 429 });
    if (request.headers.get("upgrade") !== "websocket") return new Response(this.#view.events());
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    this.#view.join(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Whatever a watcher sends says that it has seen a picture. */
  override webSocketMessage(socket: WebSocket): void {
    this.#view.acknowledged(socket);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#view.left(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#view.left(socket);
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    this.#alarm.fired(info?.scheduledTime ?? 0);
    if (this.#run === null) return;
    this.#alarm.wakeBy(this.#deps.clock.now() + WATCHDOG_MS); // first, so that whatever happens below the run wakes again
    this.#goOn();
    await Promise.all([this.#attend("asking the gate", this.#askGate()), this.#attend("asking the children", this.#askChildren())]);
    if (this.#storage.acknowledged < this.#storage.seq && this.#newsTimer === null) await this.#tellNews();
    if (isFinal(this.#run)) await this.#cleanUp();
    else if ((browserReturnAt(this.#run, this.#browserIdleAt(this.#run)) ?? Infinity) <= this.#deps.clock.now())
      await this.#attend("giving the browser back", this.#restBrowser(this.#run));
    await within(ALARM_TURN_MS, this.#live.finished());
    this.#rearm();
  }

  // ----------------------------------------------------------------------------------------------------- events

  /** An event that does not fit is dropped: it answers something that is over. @returns whether it fitted */
  #apply(event: RunEvent): boolean {
    if (this.#run === null) return false;
    const step = advance(this.#run, event);
    if (step.ok) this.#commit(step.run, step.events);
    return step.ok;
  }

  #change(event: RunEvent): Changed | null {
    if (this.#run === null) return null;
    const changed = this.#apply(event);
    return { changed, report: this.#reportOf(this.#run) };
  }

  /** Writes the events and does what they ask for. What is written together here becomes durable together. */
  #commit(run: Run, events: readonly RunEvent[]): void {
    if (events.length > 0) this.#storage.append(events);
    this.#run = run; // only what is written has happened
    for (const event of events) this.#logEvent(event);
    this.#live.abortWhatIsOver(run);
    for (const event of events) if (event.type === "block_started") this.#work(event, (signal) => this.#attempt(event, signal));
    for (const check of pendingChecks(run))
      if (!this.#live.has(check.path)) this.#work(check, async (signal) => this.#check(check, signal));
    if (isFinal(run)) {
      for (const wake of this.#waiters) wake();
      this.ctx.waitUntil(this.#cleanUp());
    }
    if (events.length > 0) this.#view.tell();
    if (events.some(isNews)) this.#planNews(isFinal(run) ? 0 : NEWS_DELAY_MS);
    this.#rearm();
  }

  /** What was interrupted, what is due, and what may start now. */
  #goOn(): void {
    if (this.#run === null || isFinal(this.#run)) return;
    const now = this.#deps.clock.now();
    for (const { path, attempt } of runningBlocks(this.#run)) {
      if (this.#live.has(path)) continue;
      this.ctx.waitUntil(this.#browserOf(this.#run).startAllOver());
      this.#apply({ type: "block_interrupted", at: now, path, attempt });
    }
    for (const event of whatIsDue(this.#run, now)) this.#apply(event);
    const { run, events } = proceed(this.#run, now);
    this.#commit(run, events);
  }

  #work(place: AttemptPlace, work: (signal: AbortSignal) => Promise<void>): void {
    const done = this.#live.begin(place, work);
    this.ctx.waitUntil(
      done.catch((error: unknown) => this.#deps.log.error("work on a block broke off", error, this.#fields(place.path, place.attempt))),
    );
  }

  async #attempt({ path, attempt }: AttemptPlace, signal: AbortSignal): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    const browser = this.#browserOf(run);
    const attempted = await this.#attempts.make(run, browser, { path, attempt }, signal);
    if (attempted === null) return;
    if (!signal.aborted) await this.#rememberBeforeEnd(attempted.answer, { path, attempt });
    if (!signal.aborted) await this.#answer(attempted, { path, attempt }, this.#deps.clock.now());
    if (this.#run !== null) await browser.tidy(this.#run);
  }

  /** Asks a loop whether it goes on. */
  #check(check: LoopCheck, signal: AbortSignal): void {
    const run = this.#run;
    if (run === null || signal.aborted) return;
    const event = checkLoop(run, check, this.#deps.clock.now());
    this.#live.answered(check); // what follows from the answer may be the next check
    if (event !== null) this.#apply(event);
  }

  /** Makes the event of an attempt's answer: first a run that it asks for is started, and what is large is stored. */
  async #answer({ answer, checkpoint }: Attempted, place: AttemptPlace, at: number): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    const asked = answer.type === "child" ? await startChild(this.#deps, run, place.path, answer.request, this.#browserOf(run)) : answer;
    const outcome = await storeLarge({ storage: this.#storage, log: this.#deps.log }, run.facts, asked);
    this.#live.answered(place);
    if (this.#run !== null && !isFinal(this.#run)) checkpoint?.();
    const timeoutMs = run.plan.nodes[labelOf(place.path)]?.timeoutMs ?? 0;
    const isHeard = this.#apply(eventOf(outcome, { ...place, at }, { timeoutMs, random: this.#deps.random() }));
    if (outcome.type !== "waiting" || outcome.wait.for !== "child") return;
    if (isHeard) await this.#askChildren(); // it may have ended before this run knew its name
    else await this.#deps.runs.get(run.facts.organizationId, outcome.wait.runId).cancel("The run that waited for it has ended.");
  }

  /** Children tell their end; should that word have been lost, they are asked. */
  async #askChildren(): Promise<void> {
    if (this.#run === null) return;
    for await (const { path, runId, status, json } of endedChildren(this.#deps, this.#run))
      await this.childEnded(path, runId, status, json);
  }

  // ---------------------------------------------------------------------------------------------------- browser

  #browserOf(run: Run): RunBrowser {
    return this.#browserFor(run.facts);
  }

  #browserFor(facts: Run["facts"]): RunBrowser {
    const { organizationId, runId, browser, memory, remote } = facts;
    const mayConnect = (url: string) => checkOutboundUrl(url, facts);
    const browsers = remote === undefined ? this.#deps.browsers : this.#browsersAt(organizationId, remote, mayConnect);
    const remembered = memory === undefined ? null : () => readMemory(this.#deps.memories, facts);
    const source = () =>
      browser
        ? sessionBrowser(
            { browsers: this.#deps.browsers, session: this.#deps.sessions.get(organizationId, browser.sessionId) },
            { browserSessionId: browser.sessionId, runId, holder: browser.holder ?? runId },
          )
        : remote !== undefined
          ? remoteBrowser(browsers, remembered)
          : ownBrowser(
              this.#deps,
              holderOf(facts),
              { keepAliveMs: this.#deps.browserKeepAliveMs + LEFT_ALONE_MS, onlyHosts: onlyDomains(facts) },
              this.#storage,
              remembered,
            );
    this.#browser ??= new RunBrowser({ ...this.#deps, browsers }, source(), this.#storage, runId, browserGuard(facts), recordWishOf(facts));
    return this.#browser;
  }

  /** Of an address that is kept sealed. */
  #browsersAt(organizationId: OrganizationId, { sealed }: SealedRemote, check: (url: string) => Fault | null): Browsers {
    return browsersWhenOpened(async () => {
      const remote = JSON.parse(await this.#deps.vault.open(remotePurpose(organizationId), sealed)) as RemoteAddress; // as it was sealed
      return this.#deps.browsersAt(remote, check);
    });
  }

  /** When its browser has been out of use for a while; null while a block may use it, and when there is none. */
  #browserIdleAt(run: Run): number | null {
    const isWithBlock = this.#live.paths.some((path) => isBrowserBlock(run, path));
    return isWithBlock ? null : this.#browserOf(run).idleAt;
  }

  /** What the browser remembers is taken down before the run is seen to be completed: the next one may begin at once. */
  async #rememberBeforeEnd(answer: Answer, place: AttemptPlace): Promise<void> {
    const run = this.#run;
    if (run?.facts.memory?.keep == null || answer.type !== "completed") return;
    const step = advance(run, eventOf(answer, { at: this.#deps.clock.now(), ...place }, { timeoutMs: 0, random: 0 }));
    if (step.ok && step.run.status === "completed") await this.#attend("taking down what the browser remembers", this.#remember(run));
  }

  /** The same for the run itself: its next browser begins with it. @returns null when it used no page */
  async #rememberForRun({ facts }: Run): Promise<BrowserMemory | null> {
    const earlier = await readMemory(this.#deps.memories, facts).catch(() => NO_MEMORY); // its profile is gone
    const remembered = await this.#browserFor(facts).remember(earlier);
    const { organizationId, runId } = facts;
    if (remembered !== null) await this.#deps.memories.put({ organizationId, kind: "run", id: runId }, remembered);
    return remembered;
  }

  /** Gives the browser back while no block uses it. */
  async #restBrowser(run: Run): Promise<void> {
    if (run.facts.memory !== undefined) await this.#rememberForRun(run);
    await this.#browserOf(run).release();
  }

  /** @throws when it could not be stored */
  async #remember(run: Run): Promise<void> {
    const { memory, organizationId } = run.facts;
    if (memory?.keep == null || this.#storage.remembered) return;
    const remembered = await this.#rememberForRun(run);
    if (remembered !== null) await this.#deps.memories.put({ organizationId, kind: "workflow", id: memory.keep }, remembered);
    this.#storage.noteRemembered();
  }

  // ------------------------------------------------------------------------------------------------ outside world

  /** Gives back what the run holds, and tells those who wait for its end. Repeated until it is done. */
  async #cleanUp(): Promise<void> {
    const run = this.#run;
    if (run === null || !isFinal(run) || this.#cleaned) return;
    const { organizationId, runId, parent, admission } = run.facts;
    try {
      await Promise.all([
        admission === null ? undefined : this.#deps.gates.get(organizationId).release(runId),
        this.#giveBackBrowser(run),
        parent === null
          ? undefined
          : this.#deps.runs.get(organizationId, parent.runId).childEnded(parent.path, runId, run.status, this.#reportOf(run).json),
        ...this.#storage
          .children()
          .map((childId) => this.#deps.runs.get(organizationId, childId).cancel("The run that waited for it has ended.")),
      ]);
      this.#cleaned = true;
      this.#rearm();
    } catch (error) {
      this.#deps.log.error("clean-up failed; it is repeated", error, this.#fields());
    }
  }

  /** After a last look at its page, for which what was broken off is let end. */
  async #giveBackBrowser(run: Run): Promise<void> {
    const browser = this.#browserOf(run);
    const takeLook = async () => {
      await within(LAST_LOOK_MS, this.#live.finished());
      await this.#evidence.last(run, browser);
    };
    if (run.status !== "canceled") await (this.#lastPage ??= takeLook()); // who cancels wants it back at once
    if (run.status === "completed") await this.#remember(run);
    await browser.release();
  }

  async #askGate(): Promise<void> {
    const run = this.#run;
    if (run?.status !== "queued" || run.facts.admission === null) return;
    const place = await this.#deps.gates
      .get(run.facts.organizationId)
      .admit({ runId: run.facts.runId, onLimit: "queue", ...run.facts.admission });
    if (place.admitted) this.#apply({ type: "run_started", at: this.#deps.clock.now() });
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
      await this.#deps.news.send({
        row: indexRow(this.#run, this.#storage.seq),
        hasMessages: this.#run.facts.webhookUrl !== null || asksByMail(this.#run.plan),
      });
    } catch (error) {
      this.#deps.log.error("news were not taken; they are sent again", error, this.#fields());
    }
  }

  /** What may fail in an alarm and is done again by the next one. */
  async #attend(what: string, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#deps.log.error(`${what} failed; it is repeated`, error, this.#fields());
    }
  }

  /** Resolves when the run has ended or the time is up. */
  async #settled(waitMs: number): Promise<Run | null> {
    if (this.#run === null || isFinal(this.#run) || waitMs <= 0) return this.#run;
    let wake = () => {};
    const ended = new Promise<void>((resolve) => {
      wake = resolve;
      this.#waiters.add(wake);
    });
    await within(waitMs, ended);
    this.#waiters.delete(wake);
    return this.#run;
  }

  #reportOf(run: Run | null): RunReport {
    if (run === null) throw new Error("there is no run to report");
    return { status: statusOf(run), json: JSON.stringify(runResponse(run, this.#tracesOf(run))) };
  }

  #tracesOf({ facts }: Run): RunTraces {
    const now = this.#deps.clock.now();
    const linkTo: LinkToArtifact = ({ artifactId, type }) =>
      facts.apiOrigin + this.#deps.links.make(facts.organizationId, artifactContentPath(artifactId), linkExpiry(type, now));
    return { artifacts: this.#storage.artifacts, linkTo, retriedByRunId: this.#storage.retriedBy };
  }

  // ----------------------------------------------------------------------------------------------------- alarms

  /** Sets the alarm for the earliest thing that is owed. */
  #rearm(): void {
    const run = this.#run;
    if (run === null) return;
    const duties = {
      isAtWork: !this.#live.isEmpty,
      browserIdleAt: this.#browserIdleAt(run),
      hasNews: this.#storage.acknowledged < this.#storage.seq,
      holdsSomething: !this.#cleaned,
    };
    const at = wakesAt(run, duties, this.#deps.clock.now());
    if (at === null) this.#alarm.clear();
    else this.#alarm.wakeBy(at);
  }

  // ------------------------------------------------------------------------------------------------------- logs

  #logEvent(event: RunEvent): void {
    this.#deps.log.info(event.type, "path" in event ? this.#fields(event.path, event.attempt) : this.#fields());
  }

  #fields(path?: string, attempt?: number): Record<string, string | number> {
    return {
      ...(this.#run ? { organization_id: this.#run.facts.organizationId, run_id: this.#run.facts.runId } : {}),
      ...(path === undefined ? {} : { block: path }),
      ...(attempt === undefined ? {} : { attempt }),
    };
  }
}

/** As which the pool of browsers knows a run. */
function holderOf({ organizationId, runId }: RunFacts): BrowserHolder {
  return { kind: "run", organizationId, id: runId };
}

function isBrowserBlock({ plan }: Run, path: string): boolean {
  return findBlockType(plan.nodes[labelOf(path)]?.blockType ?? "")?.category === "browser";
}

/** Does the outside learn of this event? */
function isNews({ type }: RunEvent): boolean {
  return type.startsWith("run_") || type === "block_waiting" || type === "block_decided";
}

/** May one of its blocks ask people by mail? */
function asksByMail({ nodes }: Plan): boolean {
  return Object.values(nodes).some(({ role, config }) => role === "person" && !isNothing(config["recipients"] ?? null));
}

function isNothing(value: Json): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}
