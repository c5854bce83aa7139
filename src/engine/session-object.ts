import { DurableObject } from "cloudflare:workers";
import { composeEngine, type EngineDeps } from "../compose.ts";
import { PageError } from "../domain/browser.ts";
import { type BrowserMemory, NO_MEMORY } from "../domain/browser-memory.ts";
import {
  type BrowserSessionFacts,
  describeSessionEnd,
  FREE,
  leave,
  occupy,
  profileOfSession,
  sessionEndsAt,
  type SessionStatus,
} from "../domain/browser-session.ts";
import type { BrowserHolder } from "../domain/browser-queue.ts";
import type { RunId } from "../domain/id.ts";
import type { HostPolicy } from "../domain/outbound.ts";
import { type BrowserGuard, browserGuard, onlyDomains } from "../domain/outbound-patterns.ts";
import type { BrowserHolderObject } from "../ports/browser-pool.ts";
import type { BrowserSessionObject, Occupied, Parting, SessionOpening } from "../ports/browser-sessions.ts";
import type { MemoryOwner } from "../ports/browser-memories.ts";
import { AlarmClock } from "./alarm-clock.ts";
import { acquireBrowser } from "./own-browser.ts";
import { openBrowser, readTrouble, rememberBrowser, SESSION_KEEP_ALIVE_MS, tidyBrowser } from "./session-browser.ts";
import { type SessionRecord, SessionStorage } from "./session-storage.ts";
import { within } from "./within.ts";

/** How often it talks to its browser, well before that idles out; and asks the run that uses it whether it still lives. */
const PING_MS = SESSION_KEEP_ALIVE_MS / 3;

/** A run that has ended lets go of the browser in a moment; one that has not done so after this long has died. */
const LEAVING_MS = 10_000;

const NO_HOSTS: HostPolicy = { allowedHosts: [] };

/** What could not be done is tried again after this long. */
const RETRY_MS = 10_000;

/** How long closing waits for the profile that was asked for; later ones are found in the session. */
const PROFILE_WAIT_MS = 3_000;

/** What its browser remembered is kept so long after its end, to make a profile of it. */
const REMEMBERED_MS = 24 * 60 * 60 * 1000;

/**
 * A browser that is kept open between runs. It owns the browser: runs get it by asking (`occupy`), talk to it by themselves, and let go of it
 * (`leave`). A browser that the platform lost is opened anew for the next run, with what the lost one remembered. Works on the browser come one
 * after the other.
 */
export class BrowserSession extends DurableObject<Env> implements BrowserSessionObject, BrowserHolderObject {
  readonly #deps: EngineDeps;
  readonly #storage: SessionStorage;
  readonly #alarm: AlarmClock;
  /** The last work on the browser. */
  #work: Promise<unknown> = Promise.resolve();
  /** Resolves when a run has let go of the browser, or waits no more. */
  #left = Promise.withResolvers<void>();
  /** The index is being told. */
  #telling: Promise<void> = Promise.resolve();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#deps = composeEngine(env);
    this.#storage = new SessionStorage(ctx.storage.sql);
    this.#alarm = new AlarmClock(ctx.storage, this.#deps.clock);
    if (this.#owes(this.#storage.record)) this.#alarm.wakeBy(this.#deps.clock.now() + RETRY_MS);
  }

  // ------------------------------------------------------------------------------------------------------ calls

  async open(opening: SessionOpening, waitMs: number): Promise<BrowserSessionFacts> {
    if (this.#storage.record === null) this.#storage.write(this.#begin(opening));
    this.#rearm();
    const opened = this.#inTurn(() => this.#ensureBrowser()).catch((error: unknown) => this.#noteTrouble(error));
    this.ctx.waitUntil(opened);
    await within(waitMs, opened);
    return this.#facts();
  }

  async describe(): Promise<BrowserSessionFacts | null> {
    return this.#storage.record?.facts ?? null;
  }

  async close(): Promise<BrowserSessionFacts | null> {
    if (this.#storage.record === null) return null;
    const windingUp = this.#end("completed");
    this.ctx.waitUntil(windingUp);
    await this.#telling; // it is not among those that are open any more
    if (this.#owesProfile(this.#storage.record)) await within(PROFILE_WAIT_MS, windingUp);
    return this.#facts();
  }

  async change({
    generateProfile,
  }: {
    readonly generateProfile: boolean;
  }): Promise<{ changed: boolean; facts: BrowserSessionFacts } | null> {
    const { record } = this.#storage;
    if (record === null) return null;
    const changed = record.facts.completedAt === null;
    if (changed) this.#change({}, { generateProfile });
    return { changed, facts: this.#facts() };
  }

  async remember(): Promise<{ readonly runId: RunId | null } | null> {
    const { record } = this.#storage;
    if (record === null) return null;
    if (record.occupancy.runId === null) await this.#inTurn(() => this.#remember()); // after what is at work on its end
    return { runId: record.occupancy.runId };
  }

  async occupy(runId: RunId, lostId: string | null): Promise<Occupied | null> {
    const giveUpAt = this.#deps.clock.now() + LEAVING_MS;
    for (;;) {
      const { record } = this.#storage;
      if (record === null) return null;
      const ended = describeSessionEnd(record.facts);
      if (ended !== null) return { ok: false, reason: "ended", message: ended };
      const { occupancy, behind } = occupy(record.occupancy, runId, this.#deps.clock.now());
      this.#change({ occupancy }, { runId: occupancy.runId });
      if (behind === null) break;
      if (!(await this.#isLeaving(behind, giveUpAt - this.#deps.clock.now()))) return { ok: false, reason: "occupied", behind };
    }
    try {
      return await this.#inTurn(async () => {
        const { browserId, mainTab } = await this.#ensureBrowser(lostId);
        return { ok: true, browserId, mainTab } as const;
      });
    } catch (error) {
      const trouble = readTrouble(error);
      if (trouble === null) throw error;
      const over = describeSessionEnd(this.#facts());
      return over === null ? { ok: false, reason: "unavailable", ...trouble } : { ok: false, reason: "ended", message: over };
    }
  }

  async leave(runId: RunId, parting: Parting): Promise<void> {
    if (this.#storage.record?.occupancy.runId !== runId) return this.#letGo(runId); // it only waited, or has left already
    await this.#inTurn(async () => {
      const { record } = this.#storage;
      if (record === null || record.occupancy.runId !== runId) return;
      if (record.facts.completedAt === null) {
        const earlier = (await this.#deps.memories.get(this.#owner(record))) ?? NO_MEMORY;
        const left = await tidyBrowser(this.#deps.browsers, record.browserId, parting, earlier, this.#guard);
        await this.#deps.memories.put(this.#owner(record), left.memory);
        if (left.browser === null) this.#change({ browserId: null, mainTab: null });
        else this.#change({ mainTab: left.browser.mainTab });
      }
      this.#letGo(runId);
    });
  }

  async browserFree(): Promise<boolean> {
    const { record } = this.#storage;
    if (record === null || record.facts.completedAt !== null || record.browserId !== null) return false;
    this.ctx.waitUntil(this.#inTurn(() => this.#ensureBrowser()).catch((error: unknown) => this.#noteTrouble(error)));
    return true;
  }

  async wantsBrowser(): Promise<boolean> {
    return this.#storage.record !== null && this.#storage.record.browserId !== null;
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    this.#alarm.fired(info?.scheduledTime ?? 0);
    const { record } = this.#storage;
    if (record === null) return;
    this.#alarm.wakeBy(this.#deps.clock.now() + PING_MS); // first, so that whatever happens below it wakes again
    try {
      if (record.facts.completedAt === null && this.#deps.clock.now() >= sessionEndsAt(record.facts)) await this.#end("timeout");
      else if (record.facts.completedAt === null) await this.#lookAfter();
      else await this.#inTurn(() => this.#windUp());
      await this.#tell();
    } catch (error) {
      this.#deps.log.error("looking after a browser session failed; it is repeated", error, this.#fields());
      this.#alarm.wakeBy(this.#deps.clock.now() + RETRY_MS);
    }
    this.#rearm();
  }

  // ---------------------------------------------------------------------------------------------------- browser

  /**
   * The browser there is, or another with what that remembered.
   * @param lostId one that is known to be gone
   * @throws BrowserUnavailable, PageError
   */
  async #ensureBrowser(lostId: string | null = null): Promise<{ browserId: string; mainTab: string | null }> {
    const record = this.#requireOpen();
    const { browserId, mainTab } = record;
    if (browserId !== null && browserId !== lostId) return { browserId, mainTab };
    const memory = (await this.#deps.memories.get(this.#owner(record))) ?? (await this.#profileOf(record)) ?? NO_MEMORY;
    const acquire = () =>
      acquireBrowser(this.#deps.pool, holderOf(record.facts), {
        keepAliveMs: SESSION_KEEP_ALIVE_MS,
        onlyHosts: onlyDomains(record.hosts),
      });
    const opened = await openBrowser(this.#deps.browsers, { acquire, memory, url: record.url, guard: this.#guard });
    const { facts } = this.#storage.record ?? record;
    if (facts.completedAt !== null) {
      await this.#giveBack(opened.browserId); // it was closed meanwhile
      throw new PageError(describeSessionEnd(facts) ?? "", { errorClass: "block" });
    }
    const restored =
      facts.startedAt === null ? null : "The browser was lost, and another was opened with its last cookies, storage and pages.";
    const warning = [restored ?? facts.warning, opened.warning].filter((text) => text !== null).join(" ") || null;
    const startedAt = facts.startedAt ?? this.#deps.clock.now();
    this.#change({ browserId: opened.browserId, mainTab: opened.mainTab }, { status: "running", startedAt, warning });
    return opened;
  }

  /** Keeps the browser alive, and takes it from a run that has died. */
  async #lookAfter(): Promise<void> {
    await this.#askHolder();
    const { record } = this.#storage;
    if (record === null || record.facts.completedAt !== null) return;
    if (record.browserId === null) {
      if (record.facts.startedAt === null)
        await this.#inTurn(() => this.#ensureBrowser()).catch((error: unknown) => this.#noteTrouble(error));
    } else if (!(await this.#deps.browsers.ping(record.browserId)) && this.#storage.record?.browserId === record.browserId) {
      this.#change({ browserId: null, mainTab: null }); // the next run gets another
      await this.#giveBack(record.browserId);
    }
  }

  /**
   * The end: final at once. What the browser remembers is taken down then, unless a run is at work on it, and it is ended, whoever uses it.
   * @returns when that is done, or is left to the alarm
   */
  async #end(status: Extract<SessionStatus, "completed" | "timeout">): Promise<void> {
    const { record } = this.#storage;
    if (record === null || record.facts.completedAt !== null) return;
    const { browserId, occupancy } = record;
    this.#change({ occupancy: FREE }, { status, completedAt: this.#deps.clock.now(), runId: null });
    try {
      if (browserId === null) await this.#deps.pool.release(holderOf(record.facts), null); // it may wait for one
      else if (occupancy.runId !== null) await this.#deps.browsers.close(browserId); // not in turn: what is at work on it ends by this
      await this.#inTurn(() => this.#windUp());
    } catch (error) {
      this.#deps.log.error("winding up a browser session failed; it is repeated", error, this.#fields());
    }
  }

  async #remember(): Promise<void> {
    const { record } = this.#storage;
    if (record === null || record.browserId === null) return;
    try {
      const earlier = (await this.#deps.memories.get(this.#owner(record))) ?? NO_MEMORY;
      const memory = await rememberBrowser(this.#deps.browsers, record.browserId, record.mainTab, earlier, this.#guard);
      if (memory !== null) await this.#deps.memories.put(this.#owner(record), memory);
    } catch (error) {
      this.#deps.log.error("what a browser remembers could not be kept; what was kept before stays", error, this.#fields());
    }
  }

  /** What its first browser begins with. */
  async #profileOf({ facts: { organizationId, browserProfileId: id } }: SessionRecord): Promise<BrowserMemory | null> {
    return id === null ? null : await this.#deps.memories.get({ organizationId, kind: "profile", id });
  }

  /** Makes a profile of a session that has ended, if that was asked for. */
  async #makeProfile(): Promise<void> {
    const { record } = this.#storage;
    if (record === null || !this.#owesProfile(record)) return;
    const { organizationId, browserSessionId } = record.facts;
    const browserProfileId = profileOfSession(browserSessionId);
    const memory = (await this.#deps.memories.get(this.#owner(record))) ?? NO_MEMORY;
    const named = { organizationId, browserProfileId, name: `Session ${browserSessionId}`, description: null };
    await this.#deps.profiles.make(named, "browser_session", memory);
    this.#change({}, { browserProfileId });
  }

  #owesProfile(record: SessionRecord | null): boolean {
    if (record === null) return false;
    const { facts } = record;
    return facts.completedAt !== null && facts.generateProfile && facts.browserProfileId !== profileOfSession(facts.browserSessionId);
  }

  async #endBrowser(): Promise<void> {
    const { record } = this.#storage;
    if (record === null) return;
    if (record.browserId === null) return await this.#deps.pool.release(holderOf(record.facts), null); // of one that was lost
    await this.#giveBack(record.browserId);
    this.#change({ browserId: null, mainTab: null });
  }

  async #giveBack(browserId: string): Promise<void> {
    await this.#deps.browsers.close(browserId);
    await this.#deps.pool.release(holderOf(this.#facts()), browserId);
  }

  /** What is left to be done of a session that has ended. May be repeated. */
  async #windUp(): Promise<void> {
    await this.#remember();
    await this.#endBrowser();
    await this.#makeProfile();
    const { record } = this.#storage;
    if (record === null || !record.remembered || this.#deps.clock.now() < (record.facts.completedAt ?? Infinity) + REMEMBERED_MS) return;
    await this.#deps.memories.delete(this.#owner(record));
    this.#change({ remembered: false });
  }

  /**
   * A run that has ended is waited for until it has let go of the browser.
   * @returns may the browser be free now?
   */
  async #isLeaving(holder: RunId, waitMs: number): Promise<boolean> {
    const left = this.#left.promise;
    const { organizationId } = this.#facts();
    if (this.#storage.record?.occupancy.runId !== holder || waitMs <= 0) {
      this.ctx.waitUntil(this.#askHolder());
      return false;
    }
    if (await this.#deps.runs.get(organizationId, holder).wake()) return false;
    await within(waitMs, left);
    return true;
  }

  /** The run that has the browser may have died without a word. */
  async #askHolder(): Promise<void> {
    const { record } = this.#storage;
    const holder = record?.occupancy.runId ?? null;
    if (record === null || holder === null) return;
    const lives = await this.#deps.runs.get(record.facts.organizationId, holder).wake();
    if (!lives) await this.leave(holder, { mainTab: record.mainTab, closeTabs: [], lastState: null, origins: [] });
  }

  #noteTrouble(error: unknown): void {
    const trouble = readTrouble(error);
    if (trouble === null) this.#deps.log.error("a browser session got no browser; it is repeated", error, this.#fields());
    const { record } = this.#storage;
    if (record !== null && record.facts.completedAt === null && trouble !== null)
      this.#change({}, { warning: `It has no browser yet: ${trouble.message}` });
    this.#alarm.wakeBy(this.#deps.clock.now() + Math.max(trouble?.retryAfterMs ?? RETRY_MS, 1));
  }

  /** One work on the browser at a time. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#work.then(work);
    this.#work = turn.catch(() => undefined); // whoever asked is told
    return await turn;
  }

  // ----------------------------------------------------------------------------------------------------- record

  #begin({
    organizationId,
    browserSessionId,
    timeoutMinutes,
    url,
    hosts,
    warning,
    browserProfileId,
    generateProfile,
  }: SessionOpening): SessionRecord {
    const now = this.#deps.clock.now();
    const times = { createdAt: now, startedAt: null, completedAt: null, modifiedAt: now };
    return {
      facts: {
        browserSessionId,
        organizationId,
        status: "created",
        timeoutMinutes,
        browserProfileId,
        generateProfile,
        runId: null,
        warning,
        ...times,
        revision: 1,
      },
      occupancy: FREE,
      hosts,
      url,
      browserId: null,
      mainTab: null,
      remembered: true,
      told: 0,
    };
  }

  /** Writes what has changed, and tells the index of what it shows. */
  #change(changes: Partial<Omit<SessionRecord, "facts">>, shown: Partial<BrowserSessionFacts> = {}): void {
    const { record } = this.#storage;
    if (record === null) return;
    const isNews = Object.entries(shown).some(([field, value]) => record.facts[field as keyof BrowserSessionFacts] !== value);
    const facts = isNews
      ? { ...record.facts, ...shown, modifiedAt: this.#deps.clock.now(), revision: record.facts.revision + 1 }
      : record.facts;
    this.#storage.write({ ...record, ...changes, facts });
    if (isNews) {
      this.#deps.log.info(`session_${facts.status}`, this.#fields());
      this.#telling = this.#tell().catch((error: unknown) =>
        this.#deps.log.error("a session could not be told; it is repeated", error, this.#fields()),
      );
      this.ctx.waitUntil(this.#telling);
    }
    this.#rearm();
  }

  #letGo(runId: RunId): void {
    const { record } = this.#storage;
    if (record === null) return;
    const occupancy = leave(record.occupancy, runId);
    this.#change({ occupancy }, { runId: occupancy.runId });
    this.#left.resolve();
    this.#left = Promise.withResolvers();
  }

  async #tell(): Promise<void> {
    const { record } = this.#storage;
    if (record === null || record.told >= record.facts.revision) return;
    await this.#deps.browserSessions.upsert(record.facts);
    const now = this.#storage.record;
    if (now !== null && now.told < record.facts.revision) this.#storage.write({ ...now, told: record.facts.revision });
  }

  #facts(): BrowserSessionFacts {
    if (this.#storage.record === null) throw new Error("there is no session");
    return this.#storage.record.facts;
  }

  /** @throws PageError when it has ended */
  #requireOpen(): SessionRecord {
    const { record } = this.#storage;
    if (record === null) throw new Error("there is no session");
    const ended = describeSessionEnd(record.facts);
    if (ended !== null) throw new PageError(ended, { errorClass: "block" });
    return record;
  }

  get #guard(): BrowserGuard {
    return browserGuard(this.#storage.record?.hosts ?? NO_HOSTS);
  }

  #owner({ facts: { organizationId, browserSessionId } }: SessionRecord): MemoryOwner {
    return { organizationId, kind: "session", id: browserSessionId };
  }

  /** Is there anything that it must wake for by itself? */
  #owes(record: SessionRecord | null): boolean {
    if (record === null) return false;
    const { facts, browserId, remembered, told } = record;
    return facts.completedAt === null || browserId !== null || remembered || told < facts.revision;
  }

  #rearm(): void {
    const { record } = this.#storage;
    if (record === null) return;
    const now = this.#deps.clock.now();
    if (!this.#owes(record)) return this.#alarm.clear();
    const { facts, browserId, told } = record;
    const times = [facts.completedAt === null ? sessionEndsAt(facts) : facts.completedAt + REMEMBERED_MS];
    if (facts.completedAt === null) times.push(now + PING_MS);
    const isToBeOpened = facts.status === "created";
    const isToBeEnded = facts.completedAt !== null && browserId !== null;
    if (isToBeOpened || isToBeEnded || this.#owesProfile(record) || told < facts.revision) times.push(now + RETRY_MS);
    this.#alarm.wakeBy(Math.min(...times));
  }

  #fields(): Record<string, string> {
    const facts = this.#storage.record?.facts;
    return facts === undefined ? {} : { organization_id: facts.organizationId, browser_session_id: facts.browserSessionId };
  }
}

/** As which the pool of browsers knows a session. */
function holderOf({ organizationId, browserSessionId }: BrowserSessionFacts): BrowserHolder {
  return { kind: "browser_session", organizationId, id: browserSessionId };
}
