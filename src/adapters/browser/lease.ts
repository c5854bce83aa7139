import type { Browser, CDPSession } from "@cloudflare/puppeteer";
import { type Cookies, PageError, type PageState } from "../../domain/browser.ts";
import type { OriginStorage } from "../../domain/browser-memory.ts";
import type { Fault } from "../../domain/error.ts";
import type { BrowserLease, BrowserTab, RecordWish } from "../../ports/browser.ts";
import { readCookies, restoreCookies } from "./checkpoint.ts";
import { Deadline } from "./deadline.ts";
import { watchPopups } from "./dialogs.ts";
import { Guard } from "./guard.ts";
import { OpenTab } from "./open-tab.ts";
import { readOriginStorage, writeOriginStorage } from "./origin-storage.ts";
import type { Connection } from "./tab.ts";

/** A tab opens in a moment; a browser that takes longer will not do. */
const OPEN_TAB_MS = 15_000;

/** Cookies are the browser's own to tell. */
const COOKIES_MS = 5_000;

const NO_RECORD: RecordWish = { requests: false, console: "off" };

/** The storage of a hundred origins takes two seconds. */
const STORAGE_MS = 30_000;

/** A browser that is ours. */
export class Lease implements BrowserLease {
  readonly sessionId: string;
  readonly resumed: boolean;
  readonly #browser: Browser;
  readonly #root: CDPSession;
  readonly #connection: Connection;
  readonly #guard: Guard;
  readonly #end: () => Promise<void>;
  readonly #tabs = new Set<OpenTab>();
  /** The empty page that a new browser comes with, until it is taken. */
  #spareTarget: string | null = null;
  #over = false;

  private constructor(parts: {
    browser: Browser;
    root: CDPSession;
    connection: Connection;
    guard: Guard;
    resumed: boolean;
    end: () => Promise<void>;
  }) {
    this.sessionId = parts.browser.sessionId();
    this.resumed = parts.resumed;
    this.#browser = parts.browser;
    this.#root = parts.root;
    this.#connection = parts.connection;
    this.#guard = parts.guard;
    this.#end = parts.end;
  }

  /**
   * Makes a connected browser ready: the guard first, so that nothing is visited without it.
   * @param options.end ends the browser for good
   */
  static async open(
    browser: Browser,
    options: { readonly check: (url: string) => Fault | null; readonly resumed: boolean; readonly end: () => Promise<void> },
    deadline: Deadline,
  ): Promise<Lease> {
    const root = await deadline.wait(browser.target().createCDPSession());
    const connection = root.connection();
    if (connection === undefined) throw new PageError("the connection to the browser was lost", { errorClass: "temporary" });
    const guard = new Guard(root, options.check);
    await deadline.wait(guard.enable());
    watchPopups(browser);
    const lease = new Lease({ browser, root, connection, guard, resumed: options.resumed, end: options.end });
    if (!options.resumed) lease.#spareTarget = await deadline.wait(lease.#findSpare());
    return lease;
  }

  get alive(): boolean {
    return !this.#over && this.#browser.connected;
  }

  async openTab({
    tabId,
    state,
    record = NO_RECORD,
    signal,
  }: {
    readonly tabId: string | null;
    readonly state: PageState | null;
    readonly record?: RecordWish;
    readonly signal: AbortSignal;
  }): Promise<BrowserTab> {
    const taken = tabId === null ? null : await this.#takeUp(tabId, record, signal);
    if (taken !== null) return taken;
    const deadline = new Deadline(OPEN_TAB_MS, signal);
    const tab = await this.#attach(await this.#newTarget(deadline), false, record, deadline);
    try {
      if (state !== null) await tab.restore(state, signal);
      return tab;
    } catch (error) {
      await tab.close();
      throw error;
    }
  }

  async cookies(): Promise<Cookies> {
    return await new Deadline(COOKIES_MS).wait(readCookies(this.#root));
  }

  async setCookies(cookies: Cookies): Promise<void> {
    await new Deadline(COOKIES_MS).wait(restoreCookies(this.#root, cookies));
  }

  get visited(): readonly string[] {
    return [...this.#guard.visited];
  }

  async originStorage(origins: readonly string[]): Promise<OriginStorage[]> {
    return await readOriginStorage(this.#connection, origins, new Deadline(STORAGE_MS));
  }

  async setOriginStorage(storage: readonly OriginStorage[]): Promise<void> {
    await writeOriginStorage(this.#connection, storage, new Deadline(STORAGE_MS));
  }

  async tabIds(): Promise<string[]> {
    const { targetInfos } = await this.#connection.send("Target.getTargets");
    return targetInfos.flatMap(({ type, targetId }) => (type === "page" ? [targetId] : []));
  }

  async closeTab(tabId: string): Promise<void> {
    await this.#connection.send("Target.closeTarget", { targetId: tabId }).catch(() => undefined); // it is gone
  }

  async disconnect(): Promise<void> {
    this.#giveUp("the browser was let go");
    await this.#browser.disconnect();
  }

  async close(): Promise<void> {
    this.#giveUp("the browser was closed");
    await this.#end();
  }

  #giveUp(reason: string): void {
    this.#over = true;
    for (const tab of this.#tabs) tab.letGo(reason);
  }

  /** @returns null when that tab is gone, or of no use any more; then it is closed */
  async #takeUp(tabId: string, record: RecordWish, signal: AbortSignal): Promise<BrowserTab | null> {
    const { targetInfos } = await this.#connection.send("Target.getTargets");
    if (!targetInfos.some(({ type, targetId }) => type === "page" && targetId === tabId)) return null;
    try {
      return await this.#attach(tabId, true, record, new Deadline(OPEN_TAB_MS, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PageError) return null;
      throw error;
    }
  }

  async #attach(targetId: string, resumed: boolean, record: RecordWish, deadline: Deadline): Promise<OpenTab> {
    const parts = { browser: this.#browser, connection: this.#connection, guard: this.#guard, record };
    const tab = await OpenTab.attach(parts, targetId, resumed, deadline);
    this.#tabs.add(tab);
    tab.onGone(() => this.#tabs.delete(tab));
    return tab;
  }

  async #newTarget(deadline: Deadline): Promise<string> {
    const spare = this.#spareTarget;
    this.#spareTarget = null;
    if (spare !== null) return spare;
    return (await deadline.wait(this.#connection.send("Target.createTarget", { url: "about:blank" }))).targetId;
  }

  async #findSpare(): Promise<string | null> {
    const { targetInfos } = await this.#connection.send("Target.getTargets");
    return (
      targetInfos.find(({ type, openerId, url }) => type === "page" && openerId === undefined && url === "about:blank")?.targetId ?? null
    );
  }
}
