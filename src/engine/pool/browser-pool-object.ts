import { DurableObject } from "cloudflare:workers";
import { composeEngine, type EngineDeps } from "../../compose.ts";
import { BrowserUnavailable } from "../../domain/browser/browser.ts";
import { type BrowserHolder, type BrowserPlace, type BrowserQueue, keyOf, type PlatformState } from "../../domain/browser/browser-queue.ts";
import type { OrganizationId } from "../../domain/id.ts";
import type { BrowserAcquisition, BrowserPool as Pool, BrowserPoolView, BrowserWish } from "../../ports/browser-pool.ts";
import { AlarmClock } from "../alarm-clock.ts";
import { BrowserPoolStorage } from "./browser-pool-storage.ts";
import { Wishes } from "../wishes.ts";

/** A browser is held this long before its holder is asked whether it still wants it, and as long again each time. */
const LEASE_MS = 120_000;
/** One whose turn has come and that has not asked by then is told again. */
const TURN_MS = 20_000;
/** What the platform said of its limits is believed for so long; while somebody waits, for less. */
const LIMITS_MS = 60_000;
const LIMITS_WHILE_WAITING_MS = 10_000;
/** A browser that was opened less than this before the platform was asked may not be in its list yet, or no more in ours. */
const GRACE_MS = 30_000;
/** One that waits is told when it is its turn; should that word have been lost, it asks by itself. */
const ASK_AGAIN_MS = 300_000;

/**
 * The browsers of the account: one object for all organizations. `domain/browser/browser-queue.ts` decides who has one; this opens it, so that there is
 * one place that knows every browser from its first moment and that learns of a refusal, and tells those whose turn has come.
 */
export class BrowserPool extends DurableObject<Env> implements Pool {
  readonly #deps: EngineDeps;
  readonly #storage: BrowserPoolStorage;
  readonly #alarm: AlarmClock;
  readonly #acquiring = new Map<string, Promise<BrowserAcquisition>>();
  /** Of those with a slot. */
  readonly #wishes = new Wishes();
  #queue: BrowserQueue;
  #leasesCheckedAt = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#deps = composeEngine(env);
    this.#storage = new BrowserPoolStorage(ctx.storage.sql);
    this.#alarm = new AlarmClock(ctx.storage, this.#deps.clock);
    this.#queue = this.#storage.load();
    if (this.#isBusy) void ctx.blockConcurrencyWhile(() => this.#takeUpAlarm());
  }

  // ------------------------------------------------------------------------------------------------------ calls

  async acquire(holder: BrowserHolder, wish: BrowserWish): Promise<BrowserAcquisition> {
    const key = keyOf(holder);
    this.#wishes.note(key);
    let acquiring = this.#acquiring.get(key);
    if (acquiring === undefined) {
      acquiring = this.#acquire(holder, wish).finally(() => this.#acquiring.delete(key));
      this.#acquiring.set(key, acquiring);
      this.ctx.waitUntil(acquiring.catch(() => undefined)); // it is brought to its end, and taken down, also when the caller is gone
    }
    return await acquiring;
  }

  async release(holder: BrowserHolder, sessionId: string | null): Promise<void> {
    const held = this.#queue.get(holder)?.sessionId ?? null;
    if (sessionId !== null && held !== null && held !== sessionId) return;
    this.#release(holder);
    if (sessionId === null && held !== null) await this.#closeOrphan(held);
  }

  async position(holder: BrowserHolder): Promise<number | null> {
    return this.#queue.position(holder);
  }

  async describe(organizationId: OrganizationId): Promise<BrowserPoolView> {
    const waiting = this.#queue.waiting.map((place, index) => ({ place, position: index + 1 }));
    const granted = this.#queue.granted.map((place) => ({ place, position: null }));
    const own = [...granted, ...waiting].filter(({ place }) => place.holder.organizationId === organizationId);
    return {
      ...this.#queue.describe(),
      own: own.map(({ place: { holder, grantedAt, askedAt }, position }) => ({ holder, grantedAt, askedAt, position })),
    };
  }

  async sweep(): Promise<void> {
    const opened = this.#storage.opened;
    if (opened.size === 0) return;
    const before = this.#deps.clock.now() - GRACE_MS;
    const running = new Map((await this.#deps.platform.list()).map(({ sessionId, connected }) => [sessionId, connected]));
    for (const { holder, sessionId, openedAt } of this.#queue.granted)
      if (sessionId !== null && openedAt !== null && openedAt < before && !running.has(sessionId) && !this.#acquiring.has(keyOf(holder)))
        this.#release(holder);
    const held = new Set(this.#queue.granted.map(({ sessionId }) => sessionId));
    for (const [sessionId, openedAt] of opened) {
      if (openedAt >= before || held.has(sessionId)) continue;
      const connected = running.get(sessionId);
      if (connected === undefined) this.#storage.forget(sessionId);
      else if (!connected) await this.#closeOrphan(sessionId);
    }
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    this.#alarm.fired(info?.scheduledTime ?? 0);
    this.#rearm(); // first, so that whatever happens below the pool wakes again
    if (this.#queue.waiting.length > 0) await this.#refreshLimits(LIMITS_WHILE_WAITING_MS);
    this.#offer(this.#commit((now) => this.#queue.fill(now)));
    await Promise.all([this.#remindTurns(), this.#checkLeases()]);
    this.#rearm();
  }

  // -------------------------------------------------------------------------------------------------- opening one

  async #acquire(holder: BrowserHolder, wish: BrowserWish): Promise<BrowserAcquisition> {
    if (this.#queue.platform.limit === null) await this.#refreshLimits(0);
    else if (this.#isLimitOlderThan(LIMITS_MS)) this.ctx.waitUntil(this.#refreshLimits(LIMITS_MS));
    if (this.#queue.platform.limit === null)
      return { outcome: "failed", message: "the browsers' platform did not tell its limits; see the service's log" };
    let granted = false;
    const changed = this.#commit((now) => {
      const answer = this.#queue.ask(holder, now);
      granted = answer.granted;
      return answer.changed;
    });
    this.#offer(changed.filter((place) => keyOf(place.holder) !== keyOf(holder)));
    return granted ? await this.#open(holder, wish) : this.#waiting(holder);
  }

  async #open(holder: BrowserHolder, wish: BrowserWish): Promise<BrowserAcquisition> {
    let sessionId: string;
    try {
      sessionId = await this.#deps.platform.acquire(wish);
    } catch (error) {
      if (error instanceof BrowserUnavailable) return await this.#refused(holder, error);
      this.#deps.log.error("a browser did not start", error, fieldsOf(holder));
      return { outcome: "failed", message: error instanceof Error ? error.message : String(error) };
    }
    const [place] = this.#commit((now) => {
      this.#storage.remember(sessionId, now);
      const opened = this.#queue.opened(holder, sessionId, now);
      return opened === null ? [] : [opened];
    });
    if (place !== undefined) return { outcome: "acquired", sessionId };
    await this.#deps.platform.close(sessionId);
    return { outcome: "failed", message: "the browser was given back before it was open" };
  }

  /** The platform has none. What it says of its limits tells which of them it was. */
  async #refused(holder: BrowserHolder, { retryAfterMs, message }: BrowserUnavailable): Promise<BrowserAcquisition> {
    this.#deps.log.info(message, fieldsOf(holder));
    const limits = await this.#refreshLimits(0);
    const byRate = (limits?.nextAcquisitionInMs ?? 0) > 0;
    this.#commit((now) => this.#queue.refuse(holder, { retryAfterMs, byRate }, now));
    return this.#waiting(holder);
  }

  #waiting(holder: BrowserHolder): BrowserAcquisition {
    return { outcome: "waiting", position: this.#queue.position(holder) ?? 1, retryAfterMs: ASK_AGAIN_MS };
  }

  /** @returns null when they are known well enough, or are not to be had */
  async #refreshLimits(olderThanMs: number): Promise<{ readonly nextAcquisitionInMs: number } | null> {
    if (!this.#isLimitOlderThan(olderThanMs)) return null;
    try {
      const limits = await this.#deps.platform.limits();
      const opened = this.#storage.opened;
      const others = limits.activeSessionIds.filter((id) => !opened.has(id)).length;
      const limit = Math.min(Math.max(0, limits.maxConcurrent - others), this.#deps.maxBrowsers);
      this.#offer(this.#commit((now) => this.#queue.setLimit(limit, now)));
      return limits;
    } catch (error) {
      this.#deps.log.error("the browsers' platform did not tell its limits", error);
      return null;
    }
  }

  #isLimitOlderThan(ms: number): boolean {
    return this.#deps.clock.now() - this.#queue.platform.askedAt >= ms;
  }

  // ------------------------------------------------------------------------------------------------------ holders

  #release(holder: BrowserHolder): void {
    const changed = this.#commit((now) => {
      const { known, changed: granted } = this.#queue.release(holder, now);
      if (known) this.#storage.delete(holder);
      return granted;
    });
    this.#offer(changed);
  }

  /** Tells holders that it is their turn, after the commit that gave them their slots. */
  #offer(places: readonly BrowserPlace[]): void {
    for (const { holder, grantedAt } of places) if (grantedAt !== null) this.ctx.waitUntil(this.#ask(holder, "browserFree"));
  }

  /** Those whose turn has come and who have not come for it. */
  async #remindTurns(): Promise<void> {
    const before = this.#deps.clock.now() - TURN_MS;
    const late = this.#queue.granted.filter(({ holder, grantedAt, sessionId }) => {
      return sessionId === null && grantedAt !== null && grantedAt <= before && !this.#acquiring.has(keyOf(holder));
    });
    await Promise.all(late.map(({ holder }) => this.#ask(holder, "browserFree")));
  }

  async #checkLeases(): Promise<void> {
    const now = this.#deps.clock.now();
    if (now - this.#leasesCheckedAt < LEASE_MS) return;
    this.#leasesCheckedAt = now;
    const due = this.#queue.granted.filter(({ openedAt }) => openedAt !== null && openedAt <= now - LEASE_MS);
    await Promise.all(due.map(({ holder }) => this.#ask(holder, "wantsBrowser")));
  }

  /** Asks a holder, and takes the slot back from one that wants it no more. */
  async #ask(holder: BrowserHolder, question: "browserFree" | "wantsBrowser"): Promise<void> {
    const held = this.#queue.get(holder)?.sessionId ?? null;
    const object = this.#deps.holders.get(holder);
    const isUnwanted = await this.#wishes.isUnwanted(
      keyOf(holder),
      async () => await object[question](),
      (error) => this.#deps.log.error("a holder could not be asked whether it wants its browser", error, fieldsOf(holder)),
    );
    if (!isUnwanted) return;
    this.#release(holder);
    if (held !== null) await this.#closeOrphan(held);
  }

  async #closeOrphan(sessionId: string): Promise<void> {
    this.#deps.log.info("a browser that nobody holds is closed", { browser: sessionId });
    await this.#deps.platform.close(sessionId);
  }

  // ------------------------------------------------------------------------------------------------ storage, alarm

  /** Decides and writes, all or nothing. */
  #commit(decide: (now: number) => readonly BrowserPlace[]): readonly BrowserPlace[] {
    const before: PlatformState = this.#queue.platform;
    try {
      const places = this.ctx.storage.transactionSync(() => {
        const changed = decide(this.#deps.clock.now());
        for (const place of changed) this.#storage.write(place);
        if (isNews(before, this.#queue.platform)) this.#storage.platform = this.#queue.platform;
        return changed;
      });
      this.#rearm();
      return places;
    } catch (error) {
      this.#queue = this.#storage.load(); // what it decided is not written
      throw error;
    }
  }

  get #isBusy(): boolean {
    return this.#queue.granted.length > 0 || this.#queue.waiting.length > 0;
  }

  async #takeUpAlarm(): Promise<void> {
    await this.#alarm.takeUp();
    this.#rearm();
  }

  #rearm(): void {
    if (!this.#isBusy) return this.#alarm.clear();
    const now = this.#deps.clock.now();
    const times = [now + LEASE_MS];
    const { nextGrantAt, waiting, granted } = this.#queue;
    if (nextGrantAt !== null) times.push(nextGrantAt);
    if (waiting.length > 0) times.push(now + LIMITS_WHILE_WAITING_MS);
    if (granted.some(({ sessionId }) => sessionId === null)) times.push(now + TURN_MS);
    this.#alarm.wakeBy(Math.min(...times));
  }
}

/** Is it worth a write? When the last browser was opened matters only while there is a gap to keep. */
function isNews(before: PlatformState, after: PlatformState): boolean {
  return (
    before.limit !== after.limit ||
    before.pausedUntil !== after.pausedUntil ||
    before.gapMs !== after.gapMs ||
    (after.gapMs > 0 && before.lastGrantAt !== after.lastGrantAt)
  );
}

function fieldsOf({ kind, organizationId, id }: BrowserHolder): Record<string, string> {
  return { organization_id: organizationId, [`${kind}_id`]: id };
}
