import { PageError, type PageState, type TabState } from "../../domain/browser.ts";
import type { TabSettings } from "../../domain/tab-settings.ts";
import type { BrowserPage, BrowserTab, PageOptions, RecordWish } from "../../ports/browser.ts";
import type { PageTabs, TabChoice, TabView } from "../../ports/page-surroundings.ts";
import { Deadline, TimeUp } from "./deadline.ts";
import { DialogLog } from "./dialogs.ts";
import { matchesGlob } from "./glob.ts";
import { GroupRecorder } from "./group-recorder.ts";
import { type Ground, OpenTab } from "./open-tab.ts";
import type { TargetInfo } from "./tab-sessions.ts";

/** A page may open windows without end: more than so many are closed at once. */
const MAX_TABS = 20;

/** A window that a page opens must be ready for use in this time. */
const ADOPT_MS = 10_000;

/** Between two looks at the tabs while one is waited for. */
const LOOK_EVERY_MS = 50;

/**
 * A tab and the tabs that it has opened, itself or by a block: what one page of a run may switch among. A window that a page opens is taken in at
 * once, with the settings of its opener, so that the guard, its dialogs and its downloads are seen to as in any other tab.
 */
export class TabGroup implements BrowserTab, PageTabs {
  readonly dialogs = new DialogLog();
  readonly recorder = new GroupRecorder();
  readonly #ground: Ground;
  readonly #record: RecordWish;
  /** In the order in which they were opened. */
  #members: OpenTab[] = [];
  #current: OpenTab | null = null;
  #resumed = false;
  /** Those that a block has worked on. */
  readonly #visited = new Set<OpenTab>();
  /** Windows that are being taken in, by their ids. */
  readonly #opening = new Map<string, Promise<OpenTab | null>>();
  readonly #casts = new Set<{ readonly onFrame: (jpeg: Uint8Array) => void; stop: () => void }>();
  /** Why it was given up, with its browser. */
  #letGo: string | null = null;

  constructor(ground: Ground, record: RecordWish) {
    this.#ground = ground;
    this.#record = record;
  }

  // ------------------------------------------------------------------------------------------------------ Beginning

  /** Begins with a tab that is new and empty, and restores what was there before. @param newTarget opens another @throws PageError */
  async begin(
    targetId: string,
    state: PageState | null,
    newTarget: () => Promise<string>,
    signal: AbortSignal,
    deadline: Deadline,
  ): Promise<void> {
    const { others = [], position = 0, ...own } = state ?? { url: "about:blank", storage: null };
    const current = await this.#attach(targetId, own.settings ?? {}, null, false, deadline);
    this.#visit(current);
    try {
      const restored = await Promise.all([
        current.restore(own, signal).then(() => current),
        ...others.map((other) => this.#restoreOther(other, newTarget, signal)),
      ]);
      const [, ...rest] = restored;
      this.#order([...rest.slice(0, position), current, ...rest.slice(position)]);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** What cannot be opened again is left out. */
  async #restoreOther(state: TabState, newTarget: () => Promise<string>, signal: AbortSignal): Promise<OpenTab | null> {
    let tab: OpenTab | null = null;
    try {
      tab = await this.#attach(await newTarget(), state.settings ?? {}, null, false, new Deadline(ADOPT_MS, signal));
      await tab.restore(state, signal);
      this.#visited.add(tab);
      return tab;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PageError) && !(error instanceof TimeUp)) throw error;
      await tab?.close();
      return null;
    }
  }

  /**
   * Takes up a tab that was left open, and those beside it.
   * @param targets of the browser
   * @throws PageError when its page does not react or stands where it may not; it is closed then
   */
  async takeUp(tabId: string, state: PageState | null, targets: readonly TargetInfo[], deadline: Deadline): Promise<void> {
    const { others = [], position = 0, settings = {} } = state ?? {};
    this.#resumed = true;
    const current = await this.#attach(tabId, settings, null, true, deadline);
    this.#visit(current);
    const isThere = new Set(targets.filter(({ type }) => type === "page").map(({ targetId }) => targetId));
    const taken = await Promise.all(
      others
        .filter((other) => isThere.has(other.tabId))
        .map((other) => this.#attach(other.tabId, other.settings ?? {}, null, true, deadline).catch(() => null)), // it was closed
    );
    for (const tab of taken) if (tab !== null) this.#visited.add(tab);
    this.#order([...taken.slice(0, position), current, ...taken.slice(position)]);
    for (const target of targets) this.notice(target);
  }

  /** Puts the members into this order; windows that were opened meanwhile come after them. */
  #order(tabs: readonly (OpenTab | null)[]): void {
    const first = tabs.filter((tab) => tab !== null && this.#members.includes(tab)) as OpenTab[];
    this.#members = [...first, ...this.#members.filter((tab) => !first.includes(tab))];
  }

  async #attach(targetId: string, settings: TabSettings, opener: OpenTab | null, resumed: boolean, deadline: Deadline): Promise<OpenTab> {
    const isWindow = resumed && opener !== null;
    const beginning = { resumed, isWindow, settings, record: this.#record, opener, tabs: this, dialogs: this.dialogs };
    const tab = await OpenTab.attach(this.#ground, targetId, beginning, deadline);
    if (this.#letGo !== null) tab.letGo(this.#letGo);
    this.#members.push(tab);
    this.recorder.add(tab);
    tab.onGone(() => this.#lose(tab));
    return tab;
  }

  // ------------------------------------------------------------------------------------------- Windows that pages open

  /**
   * Is told of every tab of the browser: takes in what one of the group has opened.
   * @returns is it of the group? Then the group lets it run
   */
  notice({ targetId, type, openerId }: TargetInfo): boolean {
    if (type !== "page" || openerId === undefined) return false;
    if (this.#opening.has(targetId) || this.#memberOf(targetId) !== undefined) return true;
    const opener = this.#memberOf(openerId) ?? this.#opening.get(openerId);
    if (opener === undefined) return false;
    if (this.#members.length + this.#opening.size >= MAX_TABS) {
      this.#ground.connection.send("Target.closeTarget", { targetId }).catch(() => undefined); // closed already
      return true;
    }
    const taking = this.#takeIn(targetId, opener)
      .catch(() => null) // it was closed meanwhile, or does not react and is closed
      .finally(() => this.#opening.delete(targetId));
    this.#opening.set(targetId, taking);
    return true;
  }

  async #takeIn(targetId: string, opening: OpenTab | Promise<OpenTab | null>): Promise<OpenTab | null> {
    const deadline = new Deadline(ADOPT_MS);
    const opener = await opening;
    if (opener === null) return null;
    return await this.#attach(targetId, opener.settings, opener, true, deadline);
  }

  // ------------------------------------------------------------------------------------------------- What a page sees

  get current(): BrowserPage {
    return this.page;
  }

  async list({ timeoutMs, signal }: PageOptions): Promise<TabView[]> {
    const titles = await this.#titles(new Deadline(timeoutMs, signal));
    return this.#members.map((tab, index) => ({
      index,
      url: tab.page.url(),
      title: titles.get(tab.tabId) ?? "",
      current: tab === this.#current,
    }));
  }

  async open(url: string | null, options: PageOptions): Promise<{ url: string; status: number | null; title: string } | null> {
    const deadline = new Deadline(options.timeoutMs, options.signal);
    if (this.#members.length >= MAX_TABS) throw new PageError(`there are ${MAX_TABS} tabs already: close some`, { errorClass: "block" });
    const opener = this.#current;
    const tab = await this.#inTime("a new tab did not open in time", async () => {
      const { targetId } = await deadline.wait(this.#ground.connection.send("Target.createTarget", { url: "about:blank" }));
      return await this.#attach(targetId, opener?.settings ?? {}, opener, false, deadline);
    });
    this.#visit(tab);
    if (url === null) return null;
    return await tab.page.goto(url, { ...options, timeoutMs: deadline.remainingMs, waitUntil: "load" });
  }

  async switchTo(choice: TabChoice, { timeoutMs, signal }: PageOptions): Promise<void> {
    const deadline = new Deadline(timeoutMs, signal);
    const tab = await this.#find(choice, deadline);
    try {
      await tab.hasBegun(deadline);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      throw new PageError(`the tab is there, but ${tab.page.url() || "its first document"} had not loaded in time`, {
        errorClass: "temporary",
        cause: error,
      });
    }
    this.#visit(tab);
  }

  async closeTab(choice: TabChoice | null, { timeoutMs, signal }: PageOptions): Promise<void> {
    const deadline = new Deadline(timeoutMs, signal);
    const tab = choice === null ? this.#now : await this.#find(choice, deadline);
    if (this.#members.length === 1)
      throw new PageError("this is the only tab, and a block needs one: open another one first", { errorClass: "block" });
    await this.#inTime("the tab did not close in time", () => deadline.wait(tab.close()));
    this.#lose(tab);
    await Promise.all(this.#members.map((member) => member.sayAgain().catch(() => undefined))); // that one is gone too
  }

  /** @throws PageError with the tabs that there are */
  async #find(choice: TabChoice, deadline: Deadline): Promise<OpenTab> {
    const look = async (): Promise<OpenTab | undefined> => {
      if ("index" in choice) return this.#members.at(choice.index);
      if ("newest" in choice) return this.#members.findLast((tab) => !this.#visited.has(tab));
      if ("url" in choice) return this.#members.findLast((tab) => matchesGlob(choice.url, tab.page.url()));
      const wanted = fold(choice.title);
      const titles = await this.#titles(deadline);
      return this.#members.findLast((tab) => fold(titles.get(tab.tabId) ?? "").includes(wanted));
    };
    try {
      for (;;) {
        const found = await look();
        if (found !== undefined) return found;
        await deadline.wait(Promise.race([...this.#opening.values(), pause(LOOK_EVERY_MS)]));
      }
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      const none = "newest" in choice ? "no tab was opened that no step has been on" : "there is no such tab";
      throw new PageError(`${none}; the tabs are ${await this.#describe()}`, { errorClass: "block", cause: error });
    }
  }

  async #describe(): Promise<string> {
    const titles = await this.#titles(new Deadline(1_000)).catch(() => new Map<string, string>()); // without them, then
    return this.#members
      .map(
        (tab, index) =>
          `${index}: ${tab.page.url()} ${JSON.stringify(titles.get(tab.tabId) ?? "")}${tab === this.#current ? " (current)" : ""}`,
      )
      .join(", ");
  }

  /** By Chromium's ids. A page that is busy has one too. */
  async #titles(deadline: Deadline): Promise<Map<string, string>> {
    const { targetInfos } = await deadline.wait(this.#ground.connection.send("Target.getTargets"));
    return new Map(targetInfos.map(({ targetId, title }) => [targetId, title]));
  }

  async #inTime<T>(late: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      throw new PageError(late, { errorClass: "temporary", cause: error });
    }
  }

  // ------------------------------------------------------------------------------------------------ What a run sees

  get tabId(): string {
    return this.#now.tabId;
  }

  get page(): BrowserPage {
    return this.#now.page;
  }

  /** What is watched is the current tab, whichever that is. */
  readonly cast = (onFrame: (jpeg: Uint8Array) => void): (() => void) => {
    const cast = { onFrame, stop: this.#now.cast(onFrame) };
    this.#casts.add(cast);
    return () => {
      this.#casts.delete(cast);
      cast.stop();
    };
  };

  get resumed(): boolean {
    return this.#resumed;
  }

  get alive(): boolean {
    return this.#current?.alive === true;
  }

  async checkpoint(): Promise<PageState> {
    const current = this.#now;
    const others = this.#members.filter((tab) => tab !== current);
    const [own, ...rest] = await Promise.all([current, ...others].map((tab) => tab.checkpoint()));
    if (own === undefined || rest.length === 0) return own ?? { url: "about:blank", storage: null };
    return {
      ...own,
      others: rest.map((state, index) => ({ ...state, tabId: others[index]?.tabId ?? "" })),
      position: this.#members.indexOf(current),
    };
  }

  /** Nothing is left of it. */
  get isOver(): boolean {
    return this.#members.length === 0 && this.#opening.size === 0 && this.#current !== null;
  }

  async close(): Promise<void> {
    const tabs = this.#members;
    this.#members = [];
    const opening = [...this.#opening.values()].map((taking) => taking.then((tab) => tab?.close()));
    await Promise.all([...tabs.map((tab) => tab.close()), ...opening]);
  }

  /** Only the connection is over; the tabs stay. */
  letGo(reason: string): void {
    this.#letGo = reason;
    for (const tab of this.#members.slice()) tab.letGo(reason);
  }

  get #now(): OpenTab {
    if (this.#current === null) throw new Error("a group of tabs is used before it has begun");
    return this.#current;
  }

  #memberOf(targetId: string): OpenTab | undefined {
    return this.#members.find((tab) => tab.tabId === targetId);
  }

  #visit(tab: OpenTab): void {
    if (tab !== this.#current)
      for (const cast of this.#casts) {
        cast.stop();
        cast.stop = tab.cast(cast.onFrame);
      }
    this.#current = tab;
    this.#visited.add(tab);
  }

  /** A tab that is gone leaves the group. When the current one has crashed, all of it is over: the run begins it again from its checkpoint. */
  #lose(tab: OpenTab): void {
    if (!this.#members.includes(tab)) return;
    this.#members = this.#members.filter((member) => member !== tab);
    this.#visited.delete(tab);
    const hasCrashed = !tab.isClosed && this.#letGo === null && this.#ground.browser.connected;
    if (hasCrashed) this.#ground.connection.send("Target.closeTarget", { targetId: tab.tabId }).catch(() => undefined); // closed meanwhile
    if (tab !== this.#current) return;
    if (hasCrashed) return void this.close();
    const next = tab.opener !== null && this.#members.includes(tab.opener) ? tab.opener : this.#members.at(-1);
    if (tab.isClosed && next !== undefined) this.#visit(next);
  }
}

function fold(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().toLowerCase();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
