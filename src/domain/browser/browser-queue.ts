/**
 * Who may have a browser, and who is next. The platform gives an account only so many at once and only so many a second, so everybody who wants
 * one stands in one line, over all organizations. What the pool keeps in storage is the list of places and what it knows of the platform;
 * `BrowserQueue` is made from them and says after each call what to write.
 */
import type { OrganizationId } from "../id.ts";

/** Who has a browser, or wants one. */
export interface BrowserHolder {
  readonly kind: "run" | "browser_session";
  readonly organizationId: OrganizationId;
  /** Of the run or the session. */
  readonly id: string;
}

/** A holder with a slot, or one that waits for one. */
export interface BrowserPlace {
  readonly holder: BrowserHolder;
  /** Grows with the order of arrival. One that the platform has refused keeps its place. */
  readonly place: number;
  /** When it asked. */
  readonly askedAt: number;
  /** When it got its slot; null while it waits. */
  readonly grantedAt: number | null;
  /** Its browser; null before it is open. */
  readonly sessionId: string | null;
  /** When that was opened. */
  readonly openedAt: number | null;
}

/** What is known of the platform. Instants in milliseconds since the epoch. */
export interface PlatformState {
  /** How many browsers this service may have at once: the platform's limit without what others of the account have. Null before it was asked. */
  readonly limit: number | null;
  /** When it was last asked for that. */
  readonly askedAt: number;
  /** No new browser before: the platform has said so. */
  readonly pausedUntil: number;
  /** Between two new browsers; 0 unless the platform has refused one for coming too soon. */
  readonly gapMs: number;
  /** When `gapMs` is forgotten: limits are raised, and plans change. */
  readonly gapUntil: number;
  /** When the last slot was given. */
  readonly lastGrantAt: number;
  /** When the last browser was opened; null before the first. */
  readonly lastOpenedAt: number | null;
}

export const UNKNOWN_PLATFORM: PlatformState = {
  limit: null,
  askedAt: 0,
  pausedUntil: 0,
  gapMs: 0,
  gapUntil: 0,
  lastGrantAt: 0,
  lastOpenedAt: null,
};

/** After a refusal without a time. */
const PAUSE_MS = 5_000;
/** The platform's slowest plan lets one in every 20 s. */
const LONGEST_GAP_MS = 30_000;
const GAP_KEPT_MS = 600_000;

export interface BrowserCounts {
  /** Null before the platform was asked. */
  readonly limit: number | null;
  /** Slots that are taken. May be over the limit after that has fallen. */
  readonly inUse: number;
  readonly waiting: number;
}

/**
 * First come, first served: nobody gets a slot while another has waited longer. Between two calls a slot is free only when nobody waits or the
 * platform gives nothing new before `nextGrantAt`.
 */
export class BrowserQueue {
  #platform: PlatformState;
  #lastPlace = 0;
  readonly #granted = new Map<string, BrowserPlace>();
  /** In the order of their places. */
  readonly #waiting: BrowserPlace[] = [];

  constructor(platform: PlatformState, places: Iterable<BrowserPlace>) {
    this.#platform = platform;
    for (const place of places) {
      this.#lastPlace = Math.max(this.#lastPlace, place.place);
      if (place.grantedAt === null) this.#line(place);
      else this.#granted.set(keyOf(place.holder), place);
    }
  }

  get platform(): PlatformState {
    return this.#platform;
  }

  /**
   * Somebody wants a browser. Asked again, it tells where the holder stands now.
   * @returns with `changed`: the places that are new or got a slot, the asking one's among them
   */
  ask(holder: BrowserHolder, now: number): { readonly granted: boolean; readonly changed: readonly BrowserPlace[] } {
    const key = keyOf(holder);
    const isNew = this.#find(holder) === undefined;
    if (isNew) this.#line({ holder, place: ++this.#lastPlace, askedAt: now, grantedAt: null, sessionId: null, openedAt: null });
    const changed = this.#fill(now);
    if (this.#granted.has(key)) return { granted: true, changed };
    return { granted: false, changed: isNew ? [...changed, this.#find(holder)!] : changed };
  }

  /** The holder's browser is open. @returns null when the holder has given its slot back meanwhile: the browser is nobody's */
  opened(holder: BrowserHolder, sessionId: string, now: number): BrowserPlace | null {
    this.#platform = { ...this.#platform, lastOpenedAt: now };
    const place = this.#granted.get(keyOf(holder));
    if (place === undefined) return null;
    const opened = { ...place, sessionId, openedAt: now };
    this.#granted.set(keyOf(holder), opened);
    return opened;
  }

  /**
   * The platform has given the holder none, so it gives nobody any: the holder waits again, where it stood, and so does everybody else.
   * @param retryAfterMs what the platform said; null when it named no time
   * @param byRate has it refused because the last one was opened not long ago? Then new browsers keep that distance from now on
   */
  refuse(
    holder: BrowserHolder,
    { retryAfterMs, byRate }: { readonly retryAfterMs: number | null; readonly byRate: boolean },
    now: number,
  ): readonly BrowserPlace[] {
    const { lastOpenedAt } = this.#platform;
    const pausedUntil = Math.max(this.#platform.pausedUntil, now + (retryAfterMs ?? PAUSE_MS));
    this.#platform = { ...this.#platform, pausedUntil };
    if (byRate && lastOpenedAt !== null && pausedUntil - lastOpenedAt <= LONGEST_GAP_MS)
      this.#platform = { ...this.#platform, gapMs: pausedUntil - lastOpenedAt, gapUntil: now + GAP_KEPT_MS };
    const place = this.#granted.get(keyOf(holder));
    if (place === undefined) return [];
    this.#granted.delete(keyOf(holder));
    const waiting = { ...place, grantedAt: null, sessionId: null, openedAt: null };
    this.#line(waiting);
    return [waiting];
  }

  /** The platform has told its limit. @returns the places that got a slot */
  setLimit(limit: number, now: number): readonly BrowserPlace[] {
    this.#platform = { ...this.#platform, limit, askedAt: now };
    return this.#fill(now);
  }

  /**
   * The holder wants none any more.
   * @returns `known`: did it have a place, which is to be deleted? And the places that got a slot
   */
  release(holder: BrowserHolder, now: number): { readonly known: boolean; readonly changed: readonly BrowserPlace[] } {
    const index = this.#waiting.findIndex((place) => keyOf(place.holder) === keyOf(holder));
    if (index >= 0) this.#waiting.splice(index, 1);
    const had = this.#granted.delete(keyOf(holder));
    return { known: had || index >= 0, changed: this.#fill(now) };
  }

  /** Gives slots that time has freed. @returns the places that got one */
  fill(now: number): readonly BrowserPlace[] {
    return this.#fill(now);
  }

  /** When a slot is given because time has passed, and for no other reason; null when none will be. */
  get nextGrantAt(): number | null {
    return this.#waiting.length > 0 && this.#hasRoom ? this.#opensAt : null;
  }

  /** Among those that wait, from 1; null for one that does not. */
  position(holder: BrowserHolder): number | null {
    const index = this.#waiting.findIndex((place) => keyOf(place.holder) === keyOf(holder));
    return index < 0 ? null : index + 1;
  }

  /** Those with a slot. */
  get granted(): BrowserPlace[] {
    return [...this.#granted.values()];
  }

  /** Those that wait, in their order. */
  get waiting(): readonly BrowserPlace[] {
    return this.#waiting;
  }

  get(holder: BrowserHolder): BrowserPlace | undefined {
    return this.#find(holder);
  }

  describe(): BrowserCounts {
    return { limit: this.#platform.limit, inUse: this.#granted.size, waiting: this.#waiting.length };
  }

  get #hasRoom(): boolean {
    return this.#granted.size < (this.#platform.limit ?? 0);
  }

  get #opensAt(): number {
    const { pausedUntil, lastGrantAt, gapMs } = this.#platform;
    return Math.max(pausedUntil, lastGrantAt + gapMs);
  }

  #find(holder: BrowserHolder): BrowserPlace | undefined {
    const key = keyOf(holder);
    return this.#granted.get(key) ?? this.#waiting.find((place) => keyOf(place.holder) === key);
  }

  #line(place: BrowserPlace): void {
    const index = this.#waiting.findLastIndex((other) => other.place < place.place);
    this.#waiting.splice(index + 1, 0, place);
  }

  #fill(now: number): BrowserPlace[] {
    if (this.#platform.gapMs > 0 && now >= this.#platform.gapUntil) this.#platform = { ...this.#platform, gapMs: 0 };
    const granted: BrowserPlace[] = [];
    while (this.#waiting.length > 0 && this.#hasRoom && now >= this.#opensAt) {
      const place = { ...this.#waiting.shift()!, grantedAt: now };
      this.#granted.set(keyOf(place.holder), place);
      this.#platform = { ...this.#platform, lastGrantAt: now };
      granted.push(place);
    }
    return granted;
  }
}

/** One text for each holder. */
export function keyOf({ kind, organizationId, id }: BrowserHolder): string {
  return `${kind}:${organizationId}:${id}`;
}
