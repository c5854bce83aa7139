import { DurableObject } from "cloudflare:workers";
import { composeEngine, type EngineDeps } from "../../compose.ts";
import { type BrowserSessionFacts, describeSessionEnd, sessionEndsAt, type SessionStatus } from "../../domain/browser/browser-session.ts";
import type { RunId } from "../../domain/id.ts";
import {
  ended,
  generatingProfile,
  hasEnded,
  left,
  LOOK_AFTER_MS,
  occupied,
  owesProfile,
  RETRY_MS,
  type SessionOpening,
  withoutBrowserYet,
} from "../../domain/browser/session-record.ts";
import type { BrowserHolderObject } from "../../ports/browser-pool.ts";
import type { BrowserSessionObject, Occupied, Parting } from "../../ports/browser-sessions.ts";
import { KeptSession } from "./kept-session.ts";
import { readTrouble } from "./session-browser.ts";
import { SessionUpkeep } from "./session-upkeep.ts";
import { within } from "../within.ts";

/** A run that has ended lets go of the browser in a moment; one that has not done so after this long has died. */
const LEAVING_MS = 10_000;

/** How long closing waits for the profile that was asked for; later ones are found in the session. */
const PROFILE_WAIT_MS = 3_000;

/**
 * A browser that is kept open between runs. It owns the browser: runs get it by asking (`occupy`), talk to it by themselves, and let go of it
 * (`leave`). A browser that the platform lost is opened anew for the next run, with what the lost one remembered.
 */
export class BrowserSession extends DurableObject<Env> implements BrowserSessionObject, BrowserHolderObject {
  readonly #deps: EngineDeps;
  readonly #session: KeptSession;
  readonly #upkeep: SessionUpkeep;
  /** Resolves when a run has let go of the browser, or waits no more. */
  #left = Promise.withResolvers<void>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#deps = composeEngine(env);
    this.#session = new KeptSession(ctx, this.#deps);
    this.#upkeep = new SessionUpkeep(this.#deps, this.#session);
  }

  // ------------------------------------------------------------------------------------------------- its owners

  async open(opening: SessionOpening, waitMs: number): Promise<BrowserSessionFacts> {
    this.#session.begin(opening);
    const opened = this.#ensureBrowser();
    this.ctx.waitUntil(opened);
    await within(waitMs, opened);
    return this.#session.facts;
  }

  async describe(): Promise<BrowserSessionFacts | null> {
    return this.#session.record?.facts ?? null;
  }

  async change({
    generateProfile,
  }: {
    readonly generateProfile: boolean;
  }): Promise<{ changed: boolean; facts: BrowserSessionFacts } | null> {
    const { record } = this.#session;
    if (record === null) return null;
    this.#session.change((now, at) => generatingProfile(now, generateProfile, at));
    return { changed: !hasEnded(record), facts: this.#session.facts };
  }

  async remember(): Promise<{ readonly runId: RunId | null } | null> {
    const { record } = this.#session;
    if (record === null) return null;
    const { runId } = record.occupancy;
    if (runId === null) await this.#upkeep.remember(); // after what is at work on its end
    return { runId };
  }

  async close(): Promise<BrowserSessionFacts | null> {
    if (this.#session.record === null) return null;
    const woundUp = this.#end("completed");
    this.ctx.waitUntil(woundUp);
    await this.#session.known(); // it is not among those that are open any more
    if (owesProfile(this.#session.record)) await within(PROFILE_WAIT_MS, woundUp);
    return this.#session.facts;
  }

  // --------------------------------------------------------------------------------------------------- its runs

  async occupy(runId: RunId, lostId: string | null): Promise<Occupied | null> {
    const giveUpAt = this.#deps.clock.now() + LEAVING_MS;
    for (;;) {
      const { record } = this.#session;
      if (record === null) return null;
      const over = describeSessionEnd(record.facts);
      if (over !== null) return { ok: false, reason: "ended", message: over };
      const now = this.#deps.clock.now();
      const asked = occupied(record, runId, now);
      this.#session.change(() => asked.record);
      if (asked.behind === null) break;
      if (!(await this.#isLeaving(asked.behind, giveUpAt - now))) return { ok: false, reason: "occupied", behind: asked.behind };
    }
    try {
      return { ok: true, ...(await this.#upkeep.ensureBrowser(lostId)) };
    } catch (error) {
      const trouble = readTrouble(error);
      if (trouble === null) throw error;
      const over = describeSessionEnd(this.#session.facts);
      return over === null ? { ok: false, reason: "unavailable", ...trouble } : { ok: false, reason: "ended", message: over };
    }
  }

  async leave(runId: RunId, parting: Parting): Promise<void> {
    if (this.#session.record?.occupancy.runId === runId) await this.#upkeep.tidyAfter(runId, parting); // else it only waited, or has left already
    this.#session.change((record, now) => left(record, runId, now));
    this.#left.resolve();
    this.#left = Promise.withResolvers();
  }

  /**
   * A run that has ended is waited for until it has let go of the browser; one that goes on is not.
   * @returns may the browser be free now?
   */
  async #isLeaving(holder: RunId, waitMs: number): Promise<boolean> {
    const hasLeft = this.#left.promise;
    const { organizationId } = this.#session.facts;
    if (this.#session.record?.occupancy.runId !== holder || waitMs <= 0) {
      this.ctx.waitUntil(this.#askHolder());
      return false;
    }
    if (await this.#deps.runs.get(organizationId, holder).wake()) return false;
    await within(waitMs, hasLeft);
    return true;
  }

  /** The run that has the browser may have died without a word. */
  async #askHolder(): Promise<void> {
    const { record } = this.#session;
    const holder = record?.occupancy.runId ?? null;
    if (record === null || holder === null) return;
    const lives = await this.#deps.runs.get(record.facts.organizationId, holder).wake();
    if (!lives) await this.leave(holder, { mainTab: record.mainTab, closeTabs: [], found: null, lastState: null, origins: [] });
  }

  // ---------------------------------------------------------------------------------------- the pool, and its alarm

  async browserFree(): Promise<boolean> {
    const { record } = this.#session;
    if (record === null || hasEnded(record) || record.browserId !== null) return false;
    this.ctx.waitUntil(this.#ensureBrowser());
    return true;
  }

  async wantsBrowser(): Promise<boolean> {
    return (this.#session.record?.browserId ?? null) !== null;
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    this.#session.fired(info?.scheduledTime ?? 0);
    const { record } = this.#session;
    if (record === null) return;
    this.#session.wakeIn(LOOK_AFTER_MS); // first, so that whatever happens below it wakes again
    try {
      if (hasEnded(record)) await this.#upkeep.windUp();
      else if (this.#deps.clock.now() >= sessionEndsAt(record.facts)) await this.#end("timeout");
      else await this.#lookAfter();
      await this.#session.tell();
    } catch (error) {
      this.#session.logError("looking after a browser session failed; it is repeated", error);
      this.#session.wakeIn(RETRY_MS);
    }
    this.#session.rearm();
  }

  /** Keeps the browser alive, and takes it from a run that has died. */
  async #lookAfter(): Promise<void> {
    await this.#askHolder();
    const { record } = this.#session;
    if (record === null || hasEnded(record)) return;
    if (record.browserId !== null) await this.#upkeep.keepAlive();
    else if (record.facts.startedAt === null) await this.#ensureBrowser();
  }

  /** Never throws: without a browser it says why, and asks again by itself. */
  async #ensureBrowser(): Promise<void> {
    try {
      await this.#upkeep.ensureBrowser();
    } catch (error) {
      const trouble = readTrouble(error);
      if (trouble === null) this.#session.logError("a browser session got no browser; it is repeated", error);
      else this.#session.change((record, now) => withoutBrowserYet(record, trouble.message, now));
      this.#session.wakeIn(Math.max(trouble?.retryAfterMs ?? RETRY_MS, 1));
    }
  }

  /**
   * The end: final at once. What the browser remembers is taken down then, by the run that is leaving it if there is one; a run that is at work on it
   * is cut off; and it is ended.
   * @returns when that is done, or is left to the alarm
   */
  async #end(status: Extract<SessionStatus, "completed" | "timeout">): Promise<void> {
    const { record } = this.#session;
    if (record === null || hasEnded(record)) return;
    this.#session.change((now, at) => ended(now, status, at));
    try {
      const { runId } = record.occupancy;
      if (runId !== null) await this.#isLeaving(runId, LEAVING_MS).catch(() => false); // one that cannot be asked is cut off
      await this.#upkeep.cutOff();
      await this.#upkeep.windUp();
    } catch (error) {
      this.#session.logError("winding up a browser session failed; it is repeated", error);
    }
  }
}
