import type { Browser } from "@cloudflare/puppeteer";
import { type Cookies, PageError, type PageState } from "../../domain/browser/browser.ts";
import type { OriginStorage } from "../../domain/browser/browser-memory.ts";
import type { BrowserGuard } from "../../domain/outbound/outbound-patterns.ts";
import type { BrowserLease, BrowserTab, RecordWish } from "../../ports/browser.ts";
import { readCookies, restoreCookies } from "./tabs/checkpoint.ts";
import { Deadline } from "./deadline.ts";
import { Guard } from "./guard/guard.ts";
import { type Ground, throwNotOpened } from "./tabs/open-tab.ts";
import { readOriginStorage, writeOriginStorage } from "./tabs/origin-storage.ts";
import { TabGroup } from "./tabs/tab-group.ts";
import { TabSessions } from "./tabs/tab-sessions.ts";

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
  readonly #ground: Ground;
  readonly #end: () => Promise<void>;
  readonly #groups: Set<TabGroup>;
  /** The empty page that a new browser comes with, until it is taken. */
  #spareTarget: string | null = null;
  #over = false;

  private constructor(
    ground: Ground,
    groups: Set<TabGroup>,
    { resumed, end }: { readonly resumed: boolean; readonly end: () => Promise<void> },
  ) {
    this.sessionId = ground.browser.sessionId();
    this.resumed = resumed;
    this.#ground = ground;
    this.#groups = groups;
    this.#end = end;
  }

  /**
   * Makes a connected browser ready: the guard first, so that nothing is visited without it.
   * @param options.end ends the browser for good
   */
  static async open(
    browser: Browser,
    options: { readonly guard: BrowserGuard; readonly resumed: boolean; readonly end: () => Promise<void> },
    deadline: Deadline,
  ): Promise<Lease> {
    const root = await deadline.wait(browser.target().createCDPSession());
    const connection = root.connection();
    if (connection === undefined) throw new PageError("the connection to the browser was lost", { errorClass: "temporary" });
    const guard = new Guard(root, options.guard);
    const groups = new Set<TabGroup>();
    const sessions = new TabSessions(root, {
      onWindow: (target) => [...groups].some((group) => group.notice(target)),
      onWorker: (session) => guard.sessions.inWorker(session),
      onGone: (targetId) => {
        for (const group of groups) group.forget(targetId);
      },
    });
    await deadline.wait(Promise.all([guard.enable(), sessions.enable()]));
    const lease = new Lease({ browser, root, connection, guard, sessions }, groups, options);
    if (!options.resumed) lease.#spareTarget = await deadline.wait(lease.#findSpare());
    return lease;
  }

  get alive(): boolean {
    return !this.#over && this.#ground.browser.connected;
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
    const taken = tabId === null ? null : await this.#takeUp(tabId, state, record, signal);
    if (taken !== null) return taken;
    return await this.#group(record, async (group) => {
      const deadline = new Deadline(OPEN_TAB_MS, signal);
      await group.begin(await this.#newTarget(deadline), state, () => this.#newTarget(deadline), signal, deadline);
    });
  }

  async cookies(): Promise<Cookies> {
    return await new Deadline(COOKIES_MS).wait(readCookies(this.#ground.root));
  }

  async setCookies(cookies: Cookies): Promise<void> {
    await new Deadline(COOKIES_MS).wait(restoreCookies(this.#ground.root, cookies));
  }

  get visited(): readonly string[] {
    return [...this.#ground.guard.visited];
  }

  async originStorage(origins: readonly string[]): Promise<OriginStorage[]> {
    return await readOriginStorage(this.#ground.connection, origins, new Deadline(STORAGE_MS));
  }

  async setOriginStorage(storage: readonly OriginStorage[]): Promise<void> {
    await writeOriginStorage(this.#ground.connection, storage, new Deadline(STORAGE_MS));
  }

  async tabIds(): Promise<string[]> {
    const { targetInfos } = await this.#ground.root.send("Target.getTargets");
    return targetInfos.flatMap(({ type, targetId }) => (type === "page" ? [targetId] : []));
  }

  async closeTab(tabId: string): Promise<void> {
    await this.#ground.root.send("Target.closeTarget", { targetId: tabId }).catch(() => undefined); // it is gone
  }

  async disconnect(): Promise<void> {
    this.#giveUp("the browser was let go");
    await this.#ground.browser.disconnect();
  }

  async close(): Promise<void> {
    this.#giveUp("the browser was closed");
    await this.#end();
  }

  #giveUp(reason: string): void {
    this.#over = true;
    for (const group of this.#groups) group.letGo(reason);
  }

  /** @returns null when that tab is gone, or of no use any more; then it is closed */
  async #takeUp(tabId: string, state: PageState | null, record: RecordWish, signal: AbortSignal): Promise<BrowserTab | null> {
    const { targetInfos } = await this.#ground.root.send("Target.getTargets");
    if (!targetInfos.some(({ type, targetId }) => type === "page" && targetId === tabId)) return null;
    try {
      return await this.#group(record, (group) => group.takeUp(tabId, state, targetInfos, new Deadline(OPEN_TAB_MS, signal)));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PageError) return null;
      throw error;
    }
  }

  /** A group of tabs, known to the browser before it begins: no window that it opens is missed. */
  async #group(record: RecordWish, begin: (group: TabGroup) => Promise<void>): Promise<TabGroup> {
    for (const known of this.#groups) if (known.isOver) this.#groups.delete(known);
    const group = new TabGroup(this.#ground, record);
    this.#groups.add(group);
    try {
      await begin(group);
      return group;
    } catch (error) {
      this.#groups.delete(group);
      throw error;
    }
  }

  async #newTarget(deadline: Deadline): Promise<string> {
    const spare = this.#spareTarget;
    this.#spareTarget = null;
    if (spare !== null) return spare;
    const created = this.#ground.root.send("Target.createTarget", { url: "about:blank" });
    return (await deadline.wait(created).catch(throwNotOpened)).targetId;
  }

  async #findSpare(): Promise<string | null> {
    const { targetInfos } = await this.#ground.root.send("Target.getTargets");
    return (
      targetInfos.find(({ type, openerId, url }) => type === "page" && openerId === undefined && url === "about:blank")?.targetId ?? null
    );
  }
}
