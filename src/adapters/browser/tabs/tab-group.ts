import { PageError, type PageState, type TabState } from "../../../domain/browser/browser.ts";
import type { BrowserTab, RecordWish } from "../../../ports/browser.ts";
import type { BrowserPage } from "../../../ports/browser-page.ts";
import { Deadline, TimeUp } from "../deadline.ts";
import { DialogLog } from "./dialogs.ts";
import { GroupRecorder } from "./group-recorder.ts";
import { GroupTabs } from "./group-tabs.ts";
import { Members } from "./members.ts";
import { type Ground, OpenTab, type TabBeginning } from "./open-tab.ts";
import { letRun, type TargetInfo } from "./tab-sessions.ts";
import { Windows } from "./windows.ts";

/** A tab that is there must be ready for use in this time. */
const ADOPT_MS = 10_000;

/** What differs from tab to tab when it is attached to. */
type Attaching = Pick<TabBeginning, "origin" | "settings" | "opener">;

/**
 * A tab and the tabs that it has opened, itself or by a block: what one page of a run may switch among. A window that a page opens is taken in at
 * once, with the settings of its opener, so that the guard, its dialogs and its downloads are seen to as in any other tab.
 */
export class TabGroup implements BrowserTab {
  readonly recorder: GroupRecorder;
  readonly #dialogs = new DialogLog();
  readonly #ground: Ground;
  readonly #record: RecordWish;
  readonly #members = new Members((tab) => this.#castFrom(tab));
  readonly #windows: Windows;
  readonly #tabs: GroupTabs;
  readonly #casts = new Set<{ readonly onFrame: (jpeg: Uint8Array) => void; stop: () => void }>();
  #resumed = false;
  /** Why it was given up, with its browser. */
  #letGo: string | null = null;

  constructor(ground: Ground, record: RecordWish) {
    this.#ground = ground;
    this.#record = record;
    this.#windows = new Windows(this.#members, {
      takeIn: (targetId, opener) => this.#attach(targetId, { origin: "window", settings: opener.settings, opener }, new Deadline(ADOPT_MS)),
      refuse: (targetId) => void this.#refuse(targetId),
    });
    this.recorder = new GroupRecorder(() => (record.console === "off" ? null : this.#windows.warning));
    this.#tabs = new GroupTabs(this.#members, this.#windows, ground.root, async (opener, deadline) => {
      const { targetId } = await deadline.wait(ground.root.send("Target.createTarget", { url: "about:blank" }));
      return await this.#attach(targetId, { origin: "new", settings: opener?.settings ?? {}, opener }, deadline);
    });
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
    const current = await this.#attach(targetId, { origin: "new", settings: own.settings ?? {}, opener: null }, deadline);
    this.#members.visit(current);
    try {
      const [, ...rest] = await Promise.all([
        current.restore(own, signal),
        ...others.map((other) => this.#restoreOther(other, newTarget, signal)),
      ]);
      this.#order(current, rest, position);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** What cannot be opened again is left out. */
  async #restoreOther(state: TabState, newTarget: () => Promise<string>, signal: AbortSignal): Promise<OpenTab | null> {
    const { settings = {} } = state;
    let tab: OpenTab | null = null;
    try {
      tab = await this.#attach(await newTarget(), { origin: "new", settings, opener: null }, new Deadline(ADOPT_MS, signal));
      await tab.restore(state, signal);
      this.#members.markVisited(tab);
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
    const takeUp = (targetId: string, own = settings) =>
      this.#attach(targetId, { origin: "resumed", settings: own, opener: null }, deadline);
    const current = await takeUp(tabId);
    this.#members.visit(current);
    const isThere = new Set(targets.filter(({ type }) => type === "page").map(({ targetId }) => targetId));
    const taken = await Promise.all(
      others.filter((other) => isThere.has(other.tabId)).map((other) => takeUp(other.tabId, other.settings ?? {}).catch(() => null)), // it was closed
    );
    for (const tab of taken) if (tab !== null) this.#members.markVisited(tab);
    this.#order(current, taken, position);
    for (const target of targets) this.#windows.notice(target);
  }

  /** @param others before and after the current one, null for what is not there any more @param position of the current one */
  #order(current: OpenTab, others: readonly (OpenTab | null)[], position: number): void {
    const tabs = [...others.slice(0, position), current, ...others.slice(position)];
    this.#members.order(tabs.filter((tab) => tab !== null));
  }

  async #attach(targetId: string, attaching: Attaching, deadline: Deadline): Promise<OpenTab> {
    const group = { record: this.#record, dialogs: this.#dialogs, tabs: this.#tabs, current: () => this.page };
    const tab = await OpenTab.attach(this.#ground, targetId, { ...group, ...attaching }, deadline);
    if (this.#letGo !== null) tab.letGo(this.#letGo);
    this.#members.add(tab);
    this.recorder.add(tab);
    tab.onGone(() => this.#lose(tab));
    return tab;
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

  #castFrom(tab: OpenTab): void {
    for (const cast of this.#casts) {
      cast.stop();
      cast.stop = tab.cast(cast.onFrame);
    }
  }

  get resumed(): boolean {
    return this.#resumed;
  }

  get alive(): boolean {
    return this.#members.current?.alive === true;
  }

  async checkpoint(): Promise<PageState> {
    const current = this.#now;
    const others = this.#members.all.filter((tab) => tab !== current);
    const [own, ...rest] = await Promise.all([current.checkpoint(), ...others.map((tab) => tab.checkpoint())] as const);
    if (rest.length === 0) return own;
    return {
      ...own,
      others: rest.map((state, index) => ({ ...state, tabId: others[index]!.tabId })),
      position: this.#members.all.indexOf(current),
    };
  }

  /** Closes its tabs, and what they open meanwhile. */
  async close(): Promise<void> {
    const ending = this.#windows.end();
    await Promise.all(this.#members.all.map((tab) => tab.close()));
    await ending;
    await Promise.all(this.#members.all.map((tab) => tab.close())); // windows that were being taken in
  }

  get #now(): OpenTab {
    const { current } = this.#members;
    if (current === null) throw new Error("a group of tabs is used before it has begun");
    return current;
  }

  // --------------------------------------------------------------------------------------------- What a lease tells it

  /** Is told of every tab of the browser. @returns is it of the group? Then the group lets it run, or closes it */
  notice(target: TargetInfo): boolean {
    return this.#windows.notice(target);
  }

  /** A tab of the browser is gone. */
  forget(targetId: string): void {
    this.#windows.forget(targetId);
  }

  /** Nothing is left of it. */
  get isOver(): boolean {
    const { all, current } = this.#members;
    return all.length === 0 && this.#windows.opening.length === 0 && current !== null;
  }

  /** Only the connection is over; the tabs stay. */
  letGo(reason: string): void {
    this.#letGo = reason;
    for (const tab of this.#members.all) tab.letGo(reason);
  }

  /** A tab that is gone leaves the group. When the current one has crashed, all of it is over: the run begins it again from its checkpoint. */
  #lose(tab: OpenTab): void {
    if (!this.#members.has(tab)) return;
    this.#members.remove(tab);
    const hasCrashed = !tab.isClosed && this.#letGo === null && this.#ground.browser.connected;
    if (hasCrashed) this.#closeTarget(tab.tabId);
    if (tab !== this.#members.current || this.#windows.isOver) return;
    if (hasCrashed) return void this.close();
    const next = tab.opener !== null && this.#members.has(tab.opener) ? tab.opener : this.#members.all.at(-1);
    if (tab.isClosed && next !== undefined) this.#members.visit(next);
  }

  /** A window that is closed while it waits can hold up the pages of its process for ever: it is let run first, without its scripts. */
  async #refuse(targetId: string): Promise<void> {
    const session = await this.#ground.sessions.of(targetId);
    session.send("Emulation.setScriptExecutionDisabled", { value: true }).catch(() => undefined); // it is gone
    await letRun(session).catch(() => undefined); // likewise
    this.#closeTarget(targetId);
  }

  #closeTarget(targetId: string): void {
    this.#ground.root.send("Target.closeTarget", { targetId }).catch(() => undefined); // it is gone
  }
}
