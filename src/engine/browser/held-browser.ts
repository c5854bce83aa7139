import type { BrowserState } from "../../domain/browser/browser.ts";
import {
  abandoningStrays,
  type BrowserRecord,
  findingTabs,
  inBrowser,
  inTab,
  tabsToClose,
  withOrigins,
  withoutBrowser,
} from "../../domain/browser/browser-record.ts";
import type { BrowserGuard } from "../../domain/outbound/outbound-patterns.ts";
import { MAIN_PAGE } from "../../domain/run/pages.ts";
import type { BrowserLease, BrowserTab, Browsers } from "../../ports/browser.ts";
import type { Clock } from "../../ports/clock.ts";
import type { BrowserSource } from "./browser-source.ts";
import { asText, type BrowserStateSeal } from "./browser-state-seal.ts";

/** How long a browser that was let go may take to be taken up again, to ask it something. */
const BORROW_MS = 30_000;

/** Where the record of a run's browser is kept between incarnations of its object. */
export interface BrowserRecordStore {
  browser: BrowserRecord;
}

export interface HeldBrowserDeps {
  readonly browsers: Browsers;
  readonly clock: Clock;
  readonly store: BrowserRecordStore;
  readonly seal: BrowserStateSeal;
  readonly guard: () => Promise<BrowserGuard>;
}

/**
 * The browser of a run: leased when it is first needed, kept, taken up again after an eviction, replaced when it is gone, and given back. One that
 * outlives the run is never ended: the run closes the tabs that were its own, and leaves.
 */
export class HeldBrowser {
  /** The tabs that are open in it, by the names of the pages that they show. They go with it. */
  readonly tabs = new Map<string, Promise<BrowserTab>>();
  readonly #deps: HeldBrowserDeps;
  readonly #source: BrowserSource;
  readonly #store: BrowserRecordStore;
  #lease: Promise<BrowserLease> | null = null;
  #releasing: Promise<void> | null = null;

  constructor(deps: HeldBrowserDeps, source: BrowserSource) {
    this.#deps = deps;
    this.#source = source;
    this.#store = deps.store;
  }

  /** Does it go on when the run has ended? */
  get outlives(): boolean {
    return this.#source.outlives;
  }

  /** Is there something that is to be given back when no block uses it? */
  get isHeld(): boolean {
    return !this.outlives && this.#releasing === null && (this.#store.browser.sessionId !== null || this.#source.slot === "held");
  }

  /** Has the run anything of the pool, or does it stand in the line? */
  get hasPlace(): boolean {
    return this.#source.slot !== null;
  }

  /** It does not stand in the line any more: the pool was told so. */
  leaveLine(): void {
    this.#source.leaveLine();
  }

  /** Why there is no use in another attempt: what was its browser is gone for good. Null when there may be. */
  async describeEnd(): Promise<string | null> {
    return await this.#source.describeEnd();
  }

  /** As it is held now, or about to be; null when it is not. */
  get lease(): Promise<BrowserLease> | null {
    return this.#lease;
  }

  /** @throws BrowserUnavailable, PageError */
  async leased(signal: AbortSignal): Promise<BrowserLease> {
    for (;;) {
      const isMine = this.#lease === null;
      const leasing = (this.#lease ??= this.#open(signal));
      try {
        return await leasing;
      } catch (error) {
        if (this.#lease === leasing) this.#lease = null; // the next block, or the next attempt, tries again
        if (isMine || signal.aborted) throw error; // another's attempt may have been aborted, and this one not
      }
    }
  }

  async #open(signal: AbortSignal): Promise<BrowserLease> {
    await this.#releasing?.catch(() => undefined); // whoever began that says so
    const { clock, seal, guard } = this.#deps;
    const { sessionId, cookies: sealed } = this.#store.browser;
    const cookies = sealed === null ? null : await seal.openCookies(sealed);
    const { lease, mainTab } = await this.#source.lease({ sessionId, cookies, guard: await guard(), signal });
    this.#store.browser = inBrowser(this.#store.browser, lease.sessionId, clock.now());
    if (this.outlives) await this.#noteTabs(lease, lease.sessionId !== sessionId);
    if (mainTab !== null && lease.sessionId !== sessionId) await this.#takeOver(lease, mainTab);
    return lease;
  }

  /** What was there before the run is not its own. */
  async #noteTabs(lease: BrowserLease, isOther: boolean): Promise<void> {
    const tabIds = await lease.tabIds().catch(() => null); // it is gone, which the next to use it finds
    if (tabIds === null) return;
    const note = isOther ? findingTabs : abandoningStrays;
    this.#store.browser = note(this.#store.browser, tabIds);
  }

  /** A run begins on the page that it finds, unless it was somewhere already: then it goes on there. */
  async #takeOver(lease: BrowserLease, mainTab: string): Promise<void> {
    const main = this.#store.browser.pages[MAIN_PAGE];
    if (main !== undefined && main.state !== null) await lease.closeTab(mainTab);
    else this.#store.browser = inTab(this.#store.browser, MAIN_PAGE, mainTab);
  }

  /**
   * Asks the browser something, whether it is held now or was let go.
   * @param ask is also told of the origins that the run was at
   * @returns null when it is gone
   */
  async borrow<T>(ask: (lease: BrowserLease, origins: readonly string[]) => Promise<T>): Promise<T | null> {
    const askOf = async (lease: BrowserLease) => await ask(lease, withOrigins(this.#store.browser.origins, lease.visited));
    const held = await this.#lease?.catch(() => null);
    if (held?.alive === true) return await askOf(held);
    const { sessionId } = this.#store.browser;
    if (sessionId === null) return null;
    const { browsers, guard } = this.#deps;
    const lease = await browsers.takeUp({ sessionId, guard: await guard(), signal: AbortSignal.timeout(BORROW_MS) });
    if (lease === null) return null;
    try {
      return await askOf(lease);
    } finally {
      await lease.disconnect();
    }
  }

  /** Where its pages were after the last blocks that ended; null when no page was used. */
  async lastState(): Promise<BrowserState | null> {
    return await this.#deps.seal.openState(this.#store.browser);
  }

  /** It may have died between two blocks. */
  async discardIfDead(): Promise<void> {
    const leasing = this.#lease;
    const lease = await leasing?.catch(() => null);
    if (lease?.alive !== false || this.#lease !== leasing) return; // it lives, or another was leased meanwhile
    this.#forget();
    await this.#discard();
  }

  /** Ends it, so that another is leased: at once, for nobody waits for the end of this one. */
  async replace(): Promise<void> {
    const { sessionId } = this.#store.browser;
    this.#forget();
    await this.#end(sessionId);
  }

  /**
   * Gives it and its slot back, also those that only the record knows of. May be repeated. What the pages held stays with the run, so that it can
   * go on in another browser.
   */
  async release(): Promise<void> {
    if (this.outlives) return await this.#leave();
    this.#releasing ??= this.#release().finally(() => (this.#releasing = null));
    await this.#releasing;
  }

  async #release(): Promise<void> {
    const { sessionId } = this.#store.browser;
    await this.#end(sessionId);
    await this.#source.release(sessionId);
    if (sessionId !== null) this.#forget(); // last, so that it is repeated if this breaks off
  }

  /** Lets go of a browser that goes on. */
  async #leave(): Promise<void> {
    const lease = (await this.#lease?.catch(() => null)) ?? null;
    const record = this.#store.browser;
    const closeTabs = tabsToClose(record);
    const own = [...this.tabs].flatMap(([name, opening]) => (name === MAIN_PAGE ? [] : [opening]));
    this.#lease = null;
    this.tabs.clear();
    await Promise.all(own.map((opening) => opening.then((tab) => tab.close()).catch(() => undefined))); // with the windows that they have opened
    if (lease?.alive === true) await Promise.all(closeTabs.map((tabId) => lease.closeTab(tabId)));
    await lease?.disconnect();
    const mainTab = record.pages[MAIN_PAGE]?.tabId ?? null;
    const origins = withOrigins(record.origins, lease?.visited ?? []);
    const found = record.abandoned.length === 0 ? null : record.found;
    await this.#source.leave({ mainTab, closeTabs, found, lastState: asText(await this.lastState()), origins });
  }

  /** Ends the one that is held, or the one that only the record knew of. */
  async #end(sessionId: string | null): Promise<void> {
    if (this.#lease !== null) await this.#discard();
    else if (sessionId !== null) await this.#deps.browsers.close(sessionId);
  }

  async #discard(): Promise<void> {
    const lease = this.#lease;
    this.#lease = null;
    this.tabs.clear();
    const letGo = (held: BrowserLease) => (this.outlives ? held.disconnect() : held.close());
    await lease?.then(letGo).catch(() => undefined); // it never opened: there is nothing to close
  }

  /** The tabs of a browser that outlives the run may still be there when that is taken up again. */
  #forget(): void {
    if (!this.outlives) this.#store.browser = withoutBrowser(this.#store.browser);
  }
}
