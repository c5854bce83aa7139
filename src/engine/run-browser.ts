import {
  beginningAt,
  type BrowserState,
  browserStateSchema,
  type Cookies,
  cookiesSchema,
  type PageEnd,
  pageEndSchema,
  type PageState,
  pageStateSchema,
} from "../domain/browser.ts";
import { type BrowserMemory, memoryOfState } from "../domain/browser-memory.ts";
import type { BrowserGuard } from "../domain/outbound-patterns.ts";
import type { RunId } from "../domain/id.ts";
import { isOver, loopsAround, MAIN_PAGE, PageClaims } from "../domain/pages.ts";
import type { Run } from "../domain/run.ts";
import type { BrowserLease, BrowserTab, Browsers, RecordWish, TabRecorder } from "../ports/browser.ts";
import type { BrowserPage } from "../ports/browser-page.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Vault } from "../ports/vault.ts";
import type { BrowserSource } from "./browser-source.ts";
import type { BrowserRecord } from "./run-storage.ts";

/** Where the record of the run's browser is kept between incarnations of the object. */
export interface BrowserRecordStore {
  browser: BrowserRecord | null;
}

const NOTHING: BrowserRecord = { sessionId: null, usedAt: 0, cookies: null, pages: {}, ends: {}, origins: [], abandoned: [] };

/** Of so many blocks is kept where they left their page: a block that forks from an older one begins on an empty page. */
const ENDS_KEPT = 200;

/** How long a browser that was let go may take to be taken up, to ask it what it remembers. */
const REMEMBER_MS = 30_000;

/** A page while an attempt has it. */
export interface TakenPage {
  readonly page: BrowserPage;
  readonly recorder: TabRecorder;
  readonly cast: BrowserTab["cast"];
  /** Lets the next attempt have it. Must be called. */
  giveBack(): void;
}

export interface RunBrowserDeps {
  readonly browsers: Browsers;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly log: Log;
  /** A browser that no block uses is kept so long. */
  readonly browserKeepAliveMs: number;
}

/**
 * The one browser of a run and its pages: leased when a block first asks for its page, kept for the blocks after it, taken up again after an
 * eviction, made anew from the last checkpoints when it is gone, and given back at the end, or sooner when no block uses it for long. Blocks that
 * run side by side have pages of their own (`domain/pages.ts`), in tabs that share the browser's cookies. A browser that outlives the run is never ended: the run goes on with its
 * page, closes the tabs that were its own, and leaves.
 */
export class RunBrowser {
  readonly #deps: RunBrowserDeps;
  readonly #source: BrowserSource;
  readonly #store: BrowserRecordStore;
  readonly #runId: RunId;
  readonly #guard: BrowserGuard;
  readonly #recordWish: RecordWish;
  #lease: Promise<BrowserLease> | null = null;
  #releasing: Promise<void> | null = null;
  /** How many attempts have a page, or are about to. */
  #users = 0;
  /** When the last of them was done with it. */
  #givenBackAt = 0;
  readonly #tabs = new Map<string, Promise<BrowserTab>>();
  #lastUsed: string | null = null;
  /** Resolves when a page is free. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #claims = new PageClaims({
    pageOf: (path) => this.#record.ends[path]?.page,
    ownerOf: (page) => this.#record.pages[page]?.owner ?? undefined,
  });

  constructor(
    deps: RunBrowserDeps,
    source: BrowserSource,
    store: BrowserRecordStore,
    runId: RunId,
    guard: BrowserGuard,
    recordWish: RecordWish,
  ) {
    this.#deps = deps;
    this.#source = source;
    this.#store = store;
    this.#runId = runId;
    this.#guard = guard;
    this.#recordWish = recordWish;
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
  async checkpoint(run: Pick<Run, "plan">, path: string): Promise<(() => void) | null> {
    const name = this.#pageOf(path);
    const [leasing, opening] = [this.#lease, this.#tabs.get(name)];
    if (leasing === null || opening === undefined) return null;
    try {
      const [lease, tab] = [await leasing, await opening];
      const [cookies, state] = await Promise.all([lease.cookies(), tab.checkpoint()]);
      const forks = run.plan.mode === "dependencies";
      const [sealedCookies, sealedState, url] = await Promise.all([
        this.#sealJson(cookies),
        this.#sealJson(state),
        forks ? this.#sealJson(pageEndSchema.parse(state)) : null,
      ]);
      return () => {
        const { pages, ends } = this.#record;
        this.#store.browser = {
          ...this.#record,
          sessionId: lease.sessionId,
          usedAt: this.#deps.clock.now(),
          cookies: sealedCookies,
          pages: { ...pages, [name]: { tabId: tab.tabId, owner: path, state: sealedState } },
          ends: url === null ? ends : this.#endsWith(path, name, url),
          origins: this.#originsWith(lease),
        };
      };
    } catch (error) {
      this.#deps.log.error("checkpoint failed; the one before it stays", error, { run_id: this.#runId });
      return null;
    }
  }

  /**
   * An attempt left its page anywhere: the next one finds it where the last block that ended left it. Cookies and storage are put back too, in
   * another browser, unless other pages of this one are in use or it outlives the run.
   */
  async startOver(path: string): Promise<void> {
    const name = this.#pageOf(path);
    if (!this.#source.outlives && [...this.#tabs.keys()].every((other) => other === name)) return await this.startAllOver();
    const opening = this.#tabs.get(name);
    this.#tabs.delete(name);
    this.#forgetTab(name);
    await opening?.then((tab) => tab.close()).catch(() => undefined); // it never opened: there is nothing to close
    await this.#discardIfDead();
  }

  /**
   * Attempts were cut off and left pages anywhere: all begin again, in another browser (or in other tabs of one that outlives the run), where the
   * last blocks that ended left them.
   */
  async startAllOver(): Promise<void> {
    if (this.#source.outlives) return this.#abandonTabs();
    const { sessionId } = this.#record;
    this.#forgetSession(); // first: the next attempt does not wait for the end of this browser
    await this.#end(sessionId);
  }

  /** The page that was used last; null when it is gone, or this incarnation of the object has not used one. */
  async lastPage(): Promise<BrowserPage | null> {
    const tab = await (this.#lastUsed === null ? undefined : this.#tabs.get(this.#lastUsed)?.catch(() => undefined));
    return tab?.alive === true ? tab.page : null;
  }

  /** Closes pages of iterations that are over. */
  async tidy(run: Run): Promise<void> {
    const names = new Set([...this.#tabs.keys(), ...Object.keys(this.#record.pages)]);
    const over = [...names].filter((name) => name !== MAIN_PAGE && isOver(run, name));
    if (over.length === 0) return;
    const { pages } = this.#record;
    if (over.some((name) => name in pages))
      this.#store.browser = { ...this.#record, pages: Object.fromEntries(Object.entries(pages).filter(([name]) => !over.includes(name))) };
    const tabs = over.flatMap((name) => this.#tabs.get(name) ?? []);
    for (const name of over) {
      this.#tabs.delete(name);
      this.#turns.delete(name);
      this.#claims.forget(name);
    }
    await Promise.all(tabs.map((opening) => opening.then((tab) => tab.close()).catch(() => undefined))); // it never opened
  }

  /** Where the pages were after the last blocks that ended, as JSON text of a `BrowserState`; null when no page was used. */
  async lastState(): Promise<string | null> {
    const { cookies, pages, ends } = this.#record;
    if (cookies === null) return null;
    const state: BrowserState = { cookies: cookiesSchema.parse(await this.#openJson(cookies)), pages: {}, ends: {} };
    for (const [name, { owner, state: sealed }] of Object.entries(pages))
      if (sealed !== null) state.pages[name] = { ...pageStateSchema.parse(await this.#openJson(sealed)), owner };
    for (const [path, { page, url }] of Object.entries(ends)) state.ends[path] = { page, ...(await this.#openEnd(url)) };
    return JSON.stringify(state);
  }

  /**
   * What the browser remembers now; as far as is known, if it is gone.
   * @param earlier what it began with
   * @returns null when the run used no page
   */
  async remember(earlier: BrowserMemory): Promise<BrowserMemory | null> {
    const { sessionId, cookies } = this.#record;
    if (sessionId === null && cookies === null) return null;
    try {
      const held = await this.#lease?.catch(() => null);
      if (held?.alive === true) return await this.#readMemory(held, earlier);
      const lease =
        sessionId === null
          ? null
          : await this.#deps.browsers.takeUp({ sessionId, guard: this.#guard, signal: AbortSignal.timeout(REMEMBER_MS) });
      if (lease === null) return await this.#lastMemory(earlier);
      try {
        return await this.#readMemory(lease, earlier);
      } finally {
        await lease.disconnect();
      }
    } catch (error) {
      this.#deps.log.error("a browser could not be asked what it remembers; what was known at the last checkpoint counts", error, {
        run_id: this.#runId,
      });
      return await this.#lastMemory(earlier);
    }
  }

  async #readMemory(lease: BrowserLease, earlier: BrowserMemory): Promise<BrowserMemory> {
    const origins = new Set([...this.#originsWith(lease), ...earlier.origins.map(({ origin }) => origin)]);
    const [cookies, storage] = await Promise.all([lease.cookies(), lease.originStorage([...origins])]);
    return { cookies, origins: storage, pages: [] };
  }

  async #lastMemory(earlier: BrowserMemory): Promise<BrowserMemory | null> {
    const text = await this.lastState();
    return text === null ? null : memoryOfState(browserStateSchema.parse(JSON.parse(text)), earlier);
  }

  /** The same for a run that another workflow is to have: the main page and the cookies, without what was whose. */
  async stateForChild(): Promise<string | null> {
    const text = await this.lastState();
    if (text === null) return null;
    const { cookies, pages } = browserStateSchema.parse(JSON.parse(text));
    const main = pages[MAIN_PAGE];
    const state: BrowserState = { cookies, pages: main === undefined ? {} : { [MAIN_PAGE]: { ...main, owner: null } }, ends: {} };
    return JSON.stringify(state);
  }

  /** The record for a run that begins where another was. @param text from `lastState` */
  async recordOf(text: string): Promise<BrowserRecord> {
    const { cookies, pages, ends } = browserStateSchema.parse(JSON.parse(text));
    const record: BrowserRecord = { ...NOTHING, cookies: await this.#sealJson(cookies), pages: {}, ends: {} };
    for (const [name, { owner, ...state }] of Object.entries(pages))
      record.pages[name] = { tabId: null, owner, state: await this.#sealJson(state) };
    for (const [path, { page, ...end }] of Object.entries(ends)) record.ends[path] = { page, url: await this.#sealJson(end) };
    return record;
  }

  /** Why there is no use in another attempt: what was its browser is gone for good. Null when there may be. */
  async describeEnd(): Promise<string | null> {
    return await this.#source.describeEnd();
  }

  /**
   * Gives the browser and its slot back, also those that only the record knows of. May be repeated. What the pages held stays with the run, so
   * that it can go on in another browser.
   */
  async release(): Promise<void> {
    if (this.#source.outlives) return await this.#leave();
    this.#releasing ??= this.#release().finally(() => (this.#releasing = null));
    await this.#releasing;
  }

  async #release(): Promise<void> {
    const { sessionId } = this.#record;
    await this.#end(sessionId);
    await this.#source.release(sessionId);
    if (sessionId !== null) this.#forgetSession(); // last, so that it is repeated if this breaks off
  }

  /** When the browser has been out of use for so long that it is given back; null while it is in use, and when there is none to be given back. */
  get idleAt(): number | null {
    if (this.#source.outlives || this.isInUse || this.#releasing !== null) return null;
    const { sessionId, usedAt } = this.#record;
    if (sessionId === null && this.#source.slot !== "held") return null;
    return Math.max(usedAt, this.#givenBackAt) + this.#deps.browserKeepAliveMs;
  }

  /** Has an attempt a page, or is it about to? */
  get isInUse(): boolean {
    return this.#users > 0;
  }

  /** Has it anything of the pool, or is it about to? */
  get isWanted(): boolean {
    return this.isInUse || this.#source.slot !== null;
  }

  /** It does not stand in the line any more: the pool was told so. */
  leaveLine(): void {
    this.#source.leaveLine();
  }

  /** Lets go of a browser that goes on. */
  async #leave(): Promise<void> {
    const lease = await this.#lease?.catch(() => null);
    const origins = lease ? this.#originsWith(lease) : this.#record.origins;
    const { pages, abandoned } = this.#record;
    const own = Object.entries(pages).flatMap(([name, { tabId }]) => (name === MAIN_PAGE || tabId === null ? [] : [tabId]));
    const closeTabs = [...abandoned, ...own];
    const ownTabs = [...this.#tabs].flatMap(([name, opening]) => (name === MAIN_PAGE ? [] : [opening]));
    this.#lease = null;
    this.#tabs.clear();
    await Promise.all(ownTabs.map((opening) => opening.then((tab) => tab.close()).catch(() => undefined))); // with the windows that they have opened
    if (lease?.alive === true) await Promise.all(closeTabs.map((tabId) => lease.closeTab(tabId)));
    await lease?.disconnect();
    const mainTab = pages[MAIN_PAGE]?.tabId ?? null;
    await this.#source.leave({ mainTab, closeTabs, lastState: await this.lastState(), origins });
  }

  /** The tabs of a browser that goes on are closed when there are others, or when the run leaves. */
  #abandonTabs(): void {
    const { pages, abandoned } = this.#record;
    this.#tabs.clear();
    const ids = Object.values(pages).flatMap(({ tabId }) => tabId ?? []);
    if (ids.length > 0) this.#store.browser = { ...this.#record, pages: withoutTabs(pages), abandoned: [...abandoned, ...ids] };
  }

  // ------------------------------------------------------------------------------------------------- browser, tabs

  async #tab(name: string, signal: AbortSignal): Promise<BrowserTab> {
    await this.#discardIfDead(); // it died between two blocks
    const known = await this.#tabs.get(name);
    if (known?.alive === false) {
      this.#tabs.delete(name);
      this.#forgetTab(name);
    }
    if (!this.#tabs.has(name)) this.#tabs.set(name, this.#openTab(name, signal));
    try {
      return await this.#tabs.get(name)!;
    } catch (error) {
      this.#tabs.delete(name); // the next attempt tries again
      throw error;
    }
  }

  async #openTab(name: string, signal: AbortSignal): Promise<BrowserTab> {
    const lease = await this.#leased(signal);
    const { tabId = null, state = null } = this.#record.pages[name] ?? {};
    const begin = state === null ? await this.#beginningOf(name) : pageStateSchema.parse(await this.#openJson(state));
    const tab = await lease.openTab({ tabId: lease.resumed ? tabId : null, state: begin, record: this.#recordWish, signal });
    // On a page that it found, a run has a place to begin again at before its first block has ended.
    const found = this.#source.outlives && tab.resumed && state === null ? await this.#sealFound(lease, tab) : {};
    const { pages, abandoned } = this.#record;
    const page = { owner: null, state: null, ...pages[name], ...(found.state && { state: found.state }), tabId: tab.tabId };
    const cookies = this.#record.cookies ?? found.cookies ?? null;
    this.#store.browser = { ...this.#record, cookies, pages: { ...pages, [name]: page }, abandoned: [] };
    await Promise.all(abandoned.map((abandonedId) => lease.closeTab(abandonedId)));
    return tab;
  }

  async #sealFound(lease: BrowserLease, tab: BrowserTab): Promise<{ readonly state?: string; readonly cookies?: string }> {
    const [state, cookies] = await Promise.all([tab.checkpoint(), lease.cookies()]);
    return { state: await this.#sealJson(state), cookies: await this.#sealJson(cookies) };
  }

  /** Where a page begins that no block has ended on; null for an empty page. */
  async #beginningOf(name: string): Promise<PageState | null> {
    const from = this.#claims.originOf(name);
    if (from === null) return null;
    if ("block" in from) {
      const end = this.#record.ends[from.block];
      return end === undefined ? null : beginningAt(await this.#openEnd(end.url));
    }
    const open = await this.#tabs.get(from.page)?.catch(() => null);
    if (open?.alive === true) return beginningAt({ url: open.page.url(), settings: open.page.settings.now });
    const sealed = this.#record.pages[from.page]?.state ?? null;
    return sealed === null ? null : beginningAt(pageStateSchema.parse(await this.#openJson(sealed)));
  }

  async #leased(signal: AbortSignal): Promise<BrowserLease> {
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
    const { sessionId, cookies: sealed } = this.#record;
    const cookies: Cookies | null = sealed === null ? null : cookiesSchema.parse(await this.#openJson(sealed));
    const { lease, mainTab } = await this.#source.lease({ sessionId, cookies, guard: this.#guard, signal });
    this.#store.browser = { ...this.#record, sessionId: lease.sessionId, usedAt: this.#deps.clock.now() };
    if (mainTab !== null && lease.sessionId !== sessionId) await this.#takeOver(lease, mainTab);
    return lease;
  }

  /** A run begins on the page that it finds, unless it was somewhere already: then it goes on there. */
  async #takeOver(lease: BrowserLease, mainTab: string): Promise<void> {
    const { pages } = this.#record;
    const main = pages[MAIN_PAGE] ?? { owner: null, state: null, tabId: null };
    if (main.state !== null) return await lease.closeTab(mainTab);
    this.#store.browser = { ...this.#record, pages: { ...pages, [MAIN_PAGE]: { ...main, tabId: mainTab } } };
  }

  /** Ends the browser that is held, or the one that only the record knew of. */
  async #end(sessionId: string | null): Promise<void> {
    if (this.#lease !== null) await this.#discard();
    else if (sessionId !== null) await this.#deps.browsers.close(sessionId);
  }

  async #discardIfDead(): Promise<void> {
    const leasing = this.#lease;
    const lease = await leasing?.catch(() => null);
    if (lease?.alive !== false || this.#lease !== leasing) return; // it lives, or another was leased meanwhile
    this.#forgetSession();
    await this.#discard();
  }

  async #discard(): Promise<void> {
    const lease = this.#lease;
    this.#lease = null;
    this.#tabs.clear();
    const letGo = (held: BrowserLease) => (this.#source.outlives ? held.disconnect() : held.close());
    await lease?.then(letGo).catch(() => undefined); // it never opened: there is nothing to close
  }

  // --------------------------------------------------------------------------------------------------------- record

  get #record(): BrowserRecord {
    return this.#store.browser ?? NOTHING;
  }

  #pageOf(path: string): string {
    return this.#claims.pageOf(path) ?? MAIN_PAGE;
  }

  /** The loops around a block have ended so far where it did. */
  #endsWith(path: string, name: string, url: string): BrowserRecord["ends"] {
    const ends = Object.entries(this.#record.ends).filter(([of]) => of !== path);
    const around = loopsAround(path).flatMap((loop): [string, BrowserRecord["ends"][string]][] => {
      const page = this.#pageOf(loop);
      const known = page === name ? { page, url } : this.#record.ends[loop];
      return known === undefined ? [] : [[loop, known]];
    });
    return Object.fromEntries([...ends, ...around, [path, { page: name, url }] as const].slice(-ENDS_KEPT));
  }

  #forgetTab(name: string): void {
    const { pages } = this.#record;
    const page = pages[name];
    if (page !== undefined && page.tabId !== null)
      this.#store.browser = { ...this.#record, pages: { ...pages, [name]: { ...page, tabId: null } } };
  }

  /** The tabs of a browser that outlives the run may still be there when that is taken up again. */
  #forgetSession(): void {
    if (this.#store.browser === null || this.#source.outlives) return;
    this.#store.browser = { ...this.#record, sessionId: null, pages: withoutTabs(this.#record.pages) };
  }

  #originsWith(lease: BrowserLease): string[] {
    return [...new Set([...this.#record.origins, ...lease.visited])];
  }

  async #sealJson(value: unknown): Promise<string> {
    return await this.#deps.vault.seal(this.#purpose, JSON.stringify(value));
  }

  /** Older records hold the address alone. */
  async #openEnd(sealed: string): Promise<PageEnd> {
    const end = await this.#openJson(sealed);
    return typeof end === "string" ? { url: end } : pageEndSchema.parse(end);
  }

  async #openJson(sealed: string): Promise<unknown> {
    return JSON.parse(await this.#deps.vault.open(this.#purpose, sealed)) as unknown;
  }

  get #purpose(): string {
    return `browser-state:${this.#runId}`;
  }
}

function withoutTabs(pages: BrowserRecord["pages"]): BrowserRecord["pages"] {
  return Object.fromEntries(Object.entries(pages).map(([name, page]) => [name, { ...page, tabId: null }]));
}
