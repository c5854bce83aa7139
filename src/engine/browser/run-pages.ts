import { beginningAt, type PageState, pageEndSchema } from "../../domain/browser/browser.ts";
import { abandoningTabs, checkpointed, inTab, withoutAbandoned, withoutPages, withoutTab } from "../../domain/browser/browser-record.ts";
import { isOver, MAIN_PAGE, PageClaims } from "../../domain/run/pages.ts";
import type { Run } from "../../domain/run/run.ts";
import type { BrowserLease, BrowserTab, RecordWish, TabRecorder } from "../../ports/browser.ts";
import type { BrowserPage } from "../../ports/browser-page.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { BrowserStateSeal } from "./browser-state-seal.ts";
import type { BrowserRecordStore, HeldBrowser } from "./held-browser.ts";
import { logFields } from "../log-fields.ts";

/** A page while an attempt has it. */
export interface TakenPage {
  readonly page: BrowserPage;
  readonly recorder: TabRecorder;
  readonly cast: BrowserTab["cast"];
  /** Lets the next attempt have it. Must be called. */
  giveBack(): void;
}

export interface RunPagesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: BrowserRecordStore;
  readonly seal: BrowserStateSeal;
  /** A browser that no block uses is kept so long. */
  readonly browserKeepAliveMs: number;
  /** What its tabs record of themselves. */
  readonly recordWish: RecordWish;
}

/**
 * The pages of a run, in the one browser that it has: which block works on which, each with one block at a time. Blocks that run side by side have
 * pages of their own (`domain/run/pages.ts`), in tabs that share the browser's cookies. A page whose tab is gone is opened anew from its last checkpoint.
 */
export class RunPages {
  /** That they are in. */
  readonly browser: HeldBrowser;
  readonly #deps: RunPagesDeps;
  readonly #store: BrowserRecordStore;
  readonly #seal: BrowserStateSeal;
  /** How many attempts have a page, or are about to. */
  #users = 0;
  /** When the last of them was done with it. */
  #givenBackAt = 0;
  #lastUsed: string | null = null;
  /** Resolves when a page is free. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #claims = new PageClaims({
    pageOf: (path) => this.#store.browser.ends[path]?.page,
    ownerOf: (page) => this.#store.browser.pages[page]?.owner ?? undefined,
  });

  constructor(browser: HeldBrowser, deps: RunPagesDeps) {
    this.browser = browser;
    this.#deps = deps;
    this.#store = deps.store;
    this.#seal = deps.seal;
  }

  /** Decides which page a block works on. To be called when the block begins, in the order of the plan. */
  claim(run: Run, path: string): void {
    this.#claims.claim(run, path);
  }

  /** The block was skipped. */
  unclaim(path: string): void {
    this.#claims.release(path);
  }

  /**
   * The block's page, for one attempt at a time.
   * @throws BrowserUnavailable, PageError
   */
  async take(path: string, signal: AbortSignal): Promise<TakenPage> {
    const name = this.#pageOf(path);
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = Promise.withResolvers<void>();
    this.#turns.set(name, turn.promise);
    this.#users++;
    const giveBack = () => {
      this.#users--;
      this.#givenBackAt = this.#deps.clock.now();
      turn.resolve();
    };
    try {
      await before;
      signal.throwIfAborted();
      const { page, recorder, cast } = await this.#tab(name, signal);
      this.#lastUsed = name;
      recorder.begin();
      return { page, recorder, cast, giveBack };
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /**
   * Takes down where the block's page is. Writes nothing itself.
   * @returns writes it, in the same commit as the end of the block; null when there is nothing to write
   */
  async checkpoint(run: Pick<Run, "plan" | "facts">, path: string): Promise<(() => void) | null> {
    const page = this.#pageOf(path);
    const [leasing, opening] = [this.browser.lease, this.browser.tabs.get(page)];
    if (leasing === null || opening === undefined) return null;
    try {
      const [lease, tab] = [await leasing, await opening];
      const [cookies, now] = await Promise.all([lease.cookies(), tab.checkpoint()]);
      const forks = run.plan.mode === "dependencies";
      const [sealedCookies, state, end] = await Promise.all([
        this.#seal.seal(cookies),
        this.#seal.seal(now),
        forks ? this.#seal.seal(pageEndSchema.parse(now)) : null,
      ]);
      return () => {
        const where = { path, page, tabId: tab.tabId, sessionId: lease.sessionId, at: this.#deps.clock.now(), visited: lease.visited };
        this.#store.browser = checkpointed(this.#store.browser, { ...where, cookies: sealedCookies, state, end }, (of) => this.#pageOf(of));
      };
    } catch (error) {
      this.#deps.log.error("checkpoint failed; the one before it stays", error, logFields(run.facts, { path }));
      return null;
    }
  }

  /**
   * An attempt left its page anywhere: the next one finds it where the last block that ended left it. Cookies and storage are put back too, in
   * another browser, unless other pages of this one are in use or it outlives the run.
   */
  async startOver(path: string): Promise<void> {
    const name = this.#pageOf(path);
    if (!this.browser.outlives && [...this.browser.tabs.keys()].every((other) => other === name)) return await this.startAllOver();
    const opening = this.browser.tabs.get(name);
    this.browser.tabs.delete(name);
    this.#store.browser = withoutTab(this.#store.browser, name);
    await opening?.then((tab) => tab.close()).catch(() => undefined); // it never opened: there is nothing to close
    await this.browser.discardIfDead();
  }

  /**
   * Attempts were cut off and left pages anywhere: all begin again, in another browser (or in other tabs of one that outlives the run), where the
   * last blocks that ended left them.
   */
  async startAllOver(): Promise<void> {
    if (!this.browser.outlives) return await this.browser.replace();
    this.browser.tabs.clear();
    this.#store.browser = abandoningTabs(this.#store.browser); // closed when there are others, or when the run leaves
  }

  /** The page that was used last; null when it is gone, or this incarnation of the object has not used one. */
  async lastPage(): Promise<BrowserPage | null> {
    const tab = await (this.#lastUsed === null ? undefined : this.browser.tabs.get(this.#lastUsed)?.catch(() => undefined));
    return tab?.alive === true ? tab.page : null;
  }

  /** Closes pages of iterations that are over. */
  async tidy(run: Run): Promise<void> {
    const names = new Set([...this.browser.tabs.keys(), ...Object.keys(this.#store.browser.pages)]);
    const over = [...names].filter((name) => name !== MAIN_PAGE && isOver(run, name));
    if (over.length === 0) return;
    this.#store.browser = withoutPages(this.#store.browser, over);
    const tabs = over.flatMap((name) => this.browser.tabs.get(name) ?? []);
    for (const name of over) {
      this.browser.tabs.delete(name);
      this.#turns.delete(name);
      this.#claims.forget(name);
    }
    await Promise.all(tabs.map((opening) => opening.then((tab) => tab.close()).catch(() => undefined))); // it never opened
  }

  /** Has a block used a page? */
  get wasUsed(): boolean {
    const { sessionId, cookies } = this.#store.browser;
    return sessionId !== null || cookies !== null;
  }

  /** When the browser has been out of use for so long that it is given back; null while it is in use, and when there is none to be given back. */
  get idleAt(): number | null {
    if (this.isInUse || !this.browser.isHeld) return null;
    return Math.max(this.#store.browser.usedAt, this.#givenBackAt) + this.#deps.browserKeepAliveMs;
  }

  /** Has an attempt a page, or is it about to? */
  get isInUse(): boolean {
    return this.#users > 0;
  }

  /** Has it anything of the pool, or is it about to? */
  get isWanted(): boolean {
    return this.isInUse || this.browser.hasPlace;
  }

  // ------------------------------------------------------------------------------------------------------- tabs

  async #tab(name: string, signal: AbortSignal): Promise<BrowserTab> {
    await this.browser.discardIfDead(); // it died between two blocks
    const known = await this.browser.tabs.get(name);
    if (known?.alive === false) {
      this.browser.tabs.delete(name);
      this.#store.browser = withoutTab(this.#store.browser, name);
    }
    if (!this.browser.tabs.has(name)) this.browser.tabs.set(name, this.#openTab(name, signal));
    try {
      return await this.browser.tabs.get(name)!;
    } catch (error) {
      this.browser.tabs.delete(name); // the next attempt tries again
      throw error;
    }
  }

  async #openTab(name: string, signal: AbortSignal): Promise<BrowserTab> {
    const lease = await this.browser.leased(signal);
    const { tabId = null, state = null } = this.#store.browser.pages[name] ?? {};
    const begin = state === null ? await this.#beginningOf(name) : await this.#seal.openPage(state);
    const tab = await lease.openTab({ tabId: lease.resumed ? tabId : null, state: begin, record: this.#deps.recordWish, signal });
    // On a page that it found, a run has a place to begin again at before its first block has ended.
    const found = this.browser.outlives && tab.resumed && state === null ? await this.#sealFound(lease, tab) : {};
    const { abandoned } = this.#store.browser;
    this.#store.browser = withoutAbandoned(inTab(this.#store.browser, name, tab.tabId, found));
    await Promise.all(abandoned.map((abandonedId) => lease.closeTab(abandonedId)));
    return tab;
  }

  async #sealFound(lease: BrowserLease, tab: BrowserTab): Promise<{ readonly state: string; readonly cookies: string }> {
    const [state, cookies] = await Promise.all([tab.checkpoint(), lease.cookies()]);
    return { state: await this.#seal.seal(state), cookies: await this.#seal.seal(cookies) };
  }

  /** Where a page begins that no block has ended on; null for an empty page. */
  async #beginningOf(name: string): Promise<PageState | null> {
    const from = this.#claims.originOf(name);
    if (from === null) return null;
    if ("block" in from) {
      const end = this.#store.browser.ends[from.block];
      return end === undefined ? null : beginningAt(await this.#seal.openEnd(end.url));
    }
    const open = await this.browser.tabs.get(from.page)?.catch(() => null);
    if (open?.alive === true) return beginningAt({ url: open.page.url(), settings: open.page.settings.now });
    const sealed = this.#store.browser.pages[from.page]?.state ?? null;
    return sealed === null ? null : beginningAt(await this.#seal.openPage(sealed));
  }

  #pageOf(path: string): string {
    return this.#claims.pageOf(path) ?? MAIN_PAGE;
  }
}
