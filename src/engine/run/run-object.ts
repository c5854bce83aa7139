import { DurableObject } from "cloudflare:workers";
import { composeEngine, type EngineDeps } from "../../compose.ts";
import type { BrowserRecord } from "../../domain/browser/browser-record.ts";
import type { RunId } from "../../domain/id.ts";
import { unpackPlan } from "../../domain/workflow/packed-plan.ts";
import type { Plan } from "../../domain/workflow/plan.ts";
import { advance, cancellation } from "../../domain/run/run-advance.ts";
import { questionOf, waitsForBrowser } from "../../domain/run/run-inspect.ts";
import { keptOutputs } from "../../domain/run/run-retry.ts";
import { timeline } from "../../domain/run/run-view.ts";
import { createRun, type FinalStatus, isFinal, type Run, type RunEvent, type RunFacts } from "../../domain/run/run.ts";
import type { BrowserHolderObject } from "../../ports/browser-pool.ts";
import type { Changed, RetrySource, RunObject, RunReport, RunStart, RunWebhookEvent } from "../../ports/run-objects.ts";
import { asText, BrowserStateSeal } from "../browser/browser-state-seal.ts";
import { holderOf } from "../browser/browser-of-run.ts";
import { RunDriver } from "./run-driver.ts";
import { reportOf, tracesOf } from "./run-report.ts";
import { RunStorage } from "./run-storage.ts";
import { webhookEventsOf } from "./webhook-events.ts";

/** Watchers of one run. */
const MAX_WATCHERS = 50;

/** One run: the calls that others make to it. They become events, which `RunDriver` writes down and moves the run by. */
export class WorkflowRun extends DurableObject<Env> implements RunObject, BrowserHolderObject {
  readonly #deps: EngineDeps;
  readonly #storage: RunStorage;
  readonly #driver: RunDriver;

  constructor(ctx: DurableObjectState, env: Env, deps = composeEngine(env)) {
    super(ctx, env);
    this.#deps = deps;
    this.#storage = new RunStorage(ctx.storage.sql, deps.values);
    this.#driver = new RunDriver(ctx, deps, this.#storage);
  }

  // ------------------------------------------------------------------------------------------------- its callers

  async start({ facts, plan, admitted, browserState }: RunStart, waitMs: number): Promise<RunReport> {
    if (this.#run === null) {
      for (const { output } of Object.values(facts.retryOf?.kept ?? {})) await this.#storage.prepare(output, facts);
      const seal = new BrowserStateSeal(this.#deps.vault, facts.runId);
      const browser = browserState === null ? null : await seal.recordOf(browserState);
      if (this.#run === null) this.#begin(facts, unpackPlan(plan), admitted, browser);
    }
    await this.#driver.settled(waitMs);
    return this.#report();
  }

  #begin(facts: RunFacts, plan: Plan, admitted: boolean, browser: BrowserRecord | null): void {
    const at = this.#deps.clock.now();
    const created: RunEvent = { type: "run_created", at, facts, plan };
    const step = advance(createRun(created), { type: admitted ? "run_started" : "run_queued", at });
    if (!step.ok) throw new Error(`a new run refused its first event: ${step.reason}`);
    this.#storage.create();
    if (browser !== null) this.#storage.browser = browser;
    this.#driver.commit(step.run, [created, ...step.events]);
    if (!admitted) this.ctx.waitUntil(this.#driver.askGate());
  }

  async report(waitMs: number): Promise<RunReport | null> {
    if (this.#run === null) return null;
    await this.#driver.settled(waitMs);
    return this.#report();
  }

  async timeline(): Promise<string | null> {
    const run = this.#run;
    if (run === null) return null;
    const position = waitsForBrowser(run) ? await this.#deps.pool.position(holderOf(run.facts)) : null;
    return JSON.stringify(timeline(run, this.#storage.artifacts, position));
  }

  async cancel(reason: string): Promise<RunReport | null> {
    if (this.#run === null) return null;
    if (!isFinal(this.#run)) this.#driver.apply(cancellation(this.#run, this.#deps.clock.now(), reason));
    return this.#report();
  }

  async pause(): Promise<Changed | null> {
    return this.#change({ type: "run_paused", at: this.#deps.clock.now() });
  }

  async resume(): Promise<Changed | null> {
    return this.#change({ type: "run_resumed", at: this.#deps.clock.now() });
  }

  async decide(path: string | null, approved: boolean): Promise<Changed | null> {
    if (this.#run === null) return null;
    const asked = questionOf(this.#run, path);
    if (asked === null) return { changed: false, report: this.#report() };
    return this.#change({ type: "block_decided", at: this.#deps.clock.now(), ...asked, approved });
  }

  #change(event: RunEvent): Changed | null {
    if (this.#run === null) return null;
    const changed = this.#driver.apply(event);
    return { changed, report: this.#report() };
  }

  async retrySource(from: string): Promise<RetrySource | null> {
    const run = this.#run;
    if (run === null) return null;
    const kept = keptOutputs(run, from);
    if (!kept.ok) return kept;
    const state = Object.keys(kept.kept).length === 0 ? null : await this.#driver.pagesOf(run.facts).browser.lastState();
    return { ok: true, facts: run.facts, kept: kept.kept, browserState: asText(state) };
  }

  async noteRetry(by: RunId): Promise<void> {
    if (this.#run !== null) this.#storage.retriedBy = by;
  }

  // -------------------------------------------------------------------------------------------------- its watchers

  /** The live view: a WebSocket where the request asks for one, else server-sent events. */
  override async fetch(request: Request): Promise<Response> {
    const { view } = this.#driver;
    if (this.#run === null) return new Response(null, { status: 404 });
    if (view.watchers >= MAX_WATCHERS) return new Response(null, { status: 429 });
    if (request.headers.get("upgrade") !== "websocket") return new Response(view.events());
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    view.join(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Whatever a watcher sends says that it has seen a picture. */
  override webSocketMessage(socket: WebSocket): void {
    this.#driver.view.acknowledged(socket);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#driver.view.left(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#driver.view.left(socket);
  }

  // -------------------------------------------------------------- the gate, the pool, other runs, the queue, its alarm

  async admit(): Promise<boolean> {
    if (this.#run === null) return false;
    this.#driver.apply({ type: "run_started", at: this.#deps.clock.now() });
    return !isFinal(this.#run);
  }

  async browserFree(): Promise<boolean> {
    const run = this.#run;
    if (run === null) return false;
    const pages = this.#driver.pagesOf(run.facts);
    const isWanted = run.status === "running" && run.pausedAt === null && (waitsForBrowser(run) || pages.isInUse);
    if (isWanted) this.#driver.apply({ type: "browser_granted", at: this.#deps.clock.now() });
    else pages.browser.leaveLine();
    return isWanted;
  }

  async wantsBrowser(): Promise<boolean> {
    const run = this.#run;
    return run !== null && !isFinal(run) && this.#driver.pagesOf(run.facts).isWanted;
  }

  async childEnded(path: string, runId: RunId, status: FinalStatus, json: string): Promise<void> {
    await this.#driver.childEnded({ path, runId, status, json });
  }

  async wake(): Promise<boolean> {
    if (this.#run === null) return false;
    this.#driver.goOn();
    this.#driver.rearm();
    return !isFinal(this.#run);
  }

  async webhookEvents(): Promise<RunWebhookEvent[]> {
    const run = this.#run;
    if (run === null) return [];
    const events = await this.#storage.events();
    const traces = tracesOf(this.#deps, this.#storage, run);
    return await webhookEventsOf(events, this.#storage.acknowledged, run.facts.webhookUrl, traces, this.#deps.tokens);
  }

  async acknowledge(seq: number): Promise<void> {
    if (this.#run === null || seq <= this.#storage.acknowledged) return;
    this.#storage.acknowledged = seq;
    this.#driver.rearm();
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    await this.#driver.alarm(info?.scheduledTime ?? 0);
  }

  get #run(): Run | null {
    return this.#driver.run;
  }

  #report(): RunReport {
    if (this.#run === null) throw new Error("there is no run to report");
    return reportOf(this.#deps, this.#storage, this.#run);
  }
}
