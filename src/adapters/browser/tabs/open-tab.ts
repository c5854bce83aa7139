import type { Browser, CDPSession } from "@cloudflare/puppeteer";
import { PageError, type TabState } from "../../../domain/browser/browser.ts";
import type { TabSettings } from "../../../domain/browser/tab-settings.ts";
import type { BrowserTab, RecordWish } from "../../../ports/browser.ts";
import { Children } from "./children.ts";
import { storageScript } from "./checkpoint.ts";
import { BrowserCookies } from "./cookies.ts";
import { Deadline, TimeUp } from "../deadline.ts";
import { answerDialogs, type DialogLog } from "./dialogs.ts";
import { Emulation } from "./emulation.ts";
import type { Guard } from "../guard/guard.ts";
import type { TabGuard } from "../guard/tab-guard.ts";
import { Navigation } from "./navigation.ts";
import { CdpPage, type Surroundings } from "../page/page.ts";
import { partsOf } from "../page/page-parts.ts";
import { Recorder } from "../evidence/recorder.ts";
import { Screencast } from "../evidence/screencast.ts";
import { letRun, type TabSessions } from "./tab-sessions.ts";
import { type Connection, Tab } from "./tab.ts";

/** A checkpoint is taken between blocks: a page that is busy does not hold up the run for longer. */
const CHECKPOINT_MS = 3000;

/** A page that was left open and says nothing for so long will not do. */
const REACT_MS = 5000;

/** How long going back to the address of a checkpoint may take. */
const RESTORE_MS = 60_000;

/** How long a tab may take to close before its process is ended, which may be that of other pages too. */
const CLOSE_MS = 5000;

/** The browser that a tab is in. */
export interface Ground {
  readonly browser: Browser;
  /**
   * The browser's own session. What concerns the whole browser is sent to it, not to the connection: Chromium does not say for whom it answers that a
   * session is gone, and the library then takes that for the answer to the connection's call with the same number.
   */
  readonly root: CDPSession;
  readonly connection: Connection;
  readonly guard: Guard;
  readonly sessions: TabSessions;
}

/** How a tab is begun with. */
export interface TabBeginning extends Pick<Surroundings, "current" | "tabs"> {
  /** Is it new and empty, was it there before, or has a page just opened it, to go somewhere? */
  readonly origin: "new" | "resumed" | "window";
  readonly settings: TabSettings;
  readonly record: RecordWish;
  readonly opener: OpenTab | null;
  readonly dialogs: DialogLog;
}

interface TabParts {
  readonly tab: Tab;
  readonly ground: Ground;
  readonly page: CdpPage;
  readonly navigation: Navigation;
  readonly emulation: Emulation;
  readonly watched: TabGuard;
  readonly recorder: Recorder;
  readonly screencast: Screencast;
  readonly opener: OpenTab | null;
}

/** A tab that is ours, with its page ready for use. */
export class OpenTab {
  readonly page: CdpPage;
  readonly recorder: Recorder;
  readonly cast: BrowserTab["cast"];
  readonly opener: OpenTab | null;
  readonly #tab: Tab;
  readonly #ground: Ground;
  readonly #navigation: Navigation;
  readonly #emulation: Emulation;
  readonly #watched: TabGuard;
  #storage: TabState["storage"] = null;

  private constructor({ tab, ground, page, navigation, emulation, watched, recorder, screencast, opener }: TabParts) {
    this.page = page;
    this.recorder = recorder;
    this.cast = (onFrame) => screencast.start(onFrame);
    this.opener = opener;
    this.#tab = tab;
    this.#ground = ground;
    this.#navigation = navigation;
    this.#emulation = emulation;
    this.#watched = watched;
  }

  /**
   * Attaches to a tab of the browser and makes its page ready.
   * @param targetId Chromium's id of it
   * @throws PageError when the page does not react or stands at an address that may not be visited; the tab is closed then
   */
  static async attach(ground: Ground, targetId: string, beginning: TabBeginning, deadline: Deadline): Promise<OpenTab> {
    const { browser, root, guard, sessions } = ground;
    const { origin, settings, record, opener, current, tabs, dialogs } = beginning;
    const tab = new Tab(targetId, await deadline.wait(sessions.of(targetId)).catch(throwNotOpened), browser);
    const watched = guard.follow(tab);
    guard.sessions.inDocuments(tab.cdp, tab.hearRequests());
    const children = new Children(guard.sessions);
    children.tell({ onFrame: (frame) => watched.followInto(frame) });
    const emulation = new Emulation(tab, children, settings, { root, onRequests: () => guard.watch() });
    children.watch(tab.cdp);
    watched.settings = () => emulation.now;
    watched.onDocument = () => emulation.leave();
    watched.opener = opener === null ? null : opener.#watched;
    try {
      const recorder = new Recorder(tab, children, record);
      const navigation = await prepare(tab, watched, emulation, recorder, { dialogs, origin }, deadline);
      const refusal = origin !== "new" && /^https?:/.test(navigation.url) ? guard.check(navigation.url) : null;
      if (refusal !== null) throw new PageError(`the page stands at ${refusal.url}, which may not be visited`, { errorClass: "temporary" });
      const cookies = new BrowserCookies(tab, root);
      const parts = partsOf(tab, navigation, watched, children, dialogs);
      const page = new CdpPage(parts, { current, tabs, dialogs, cookies, settings: emulation });
      const screencast = new Screencast(tab, parts.secrets);
      return new OpenTab({ tab, ground, page, navigation, emulation, watched, recorder, screencast, opener });
    } catch (error) {
      await closeTarget(tab, root);
      throw error;
    }
  }

  get tabId(): string {
    return this.#tab.id;
  }

  get settings(): TabSettings {
    return this.#emulation.now;
  }

  get alive(): boolean {
    return this.#tab.gone === null;
  }

  /** Was it closed in good order? Otherwise it has crashed, or its browser is gone. */
  get isClosed(): boolean {
    return this.#tab.isClosed;
  }

  /**
   * Waits for the first document of a window that its page has opened.
   * @throws TimeUp
   */
  async hasBegun(deadline: Deadline): Promise<void> {
    await this.#navigation.begun(deadline);
  }

  /** Says again what is set: a tab of the same process has taken some of it with it. */
  async sayAgain(): Promise<void> {
    const { locale, timeZone } = this.settings;
    if (locale !== undefined || timeZone !== undefined) await this.#tab.wait(this.#emulation.sayAgain(), new Deadline(REACT_MS));
  }

  /**
   * Goes on where a checkpoint was taken: its address, with the storage in place before the page's scripts run.
   * @throws PageError when the address cannot be opened or not in time
   */
  async restore(state: TabState, signal: AbortSignal): Promise<void> {
    const deadline = new Deadline(RESTORE_MS, signal);
    if (!/^https?:/.test(state.url)) return;
    const goto = () => this.page.goto(state.url, { waitUntil: "load", timeoutMs: deadline.remainingMs, signal });
    try {
      if (state.storage === null) return void (await goto());
      const source = storageScript(state.storage);
      const { identifier } = await this.#tab.wait(this.#tab.cdp.send("Page.addScriptToEvaluateOnNewDocument", { source }), deadline);
      await goto();
      await this.#tab.wait(this.#tab.cdp.send("Page.removeScriptToEvaluateOnNewDocument", { identifier }), deadline);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      throw new PageError("the page's last state could not be restored in time", { errorClass: "temporary", cause: error });
    }
  }

  async checkpoint(): Promise<TabState> {
    const storage = await this.page.peekStorage(new Deadline(CHECKPOINT_MS));
    if (storage !== undefined) this.#storage = storage;
    const url = this.page.url();
    const isOfThisPage = this.#storage !== null && URL.canParse(url) && new URL(url).origin === this.#storage.origin;
    const { settings } = this;
    return { url, storage: isOfThisPage ? this.#storage : null, ...(Object.keys(settings).length === 0 ? {} : { settings }) };
  }

  async close(): Promise<void> {
    await closeTarget(this.#tab, this.#ground.root);
  }

  onGone(listener: () => void): void {
    this.#tab.onGone(listener);
  }

  /** Only this connection is over; the tab stays. */
  letGo(reason: string): void {
    this.#tab.lose(reason);
  }
}

export function throwNotOpened(error: unknown): never {
  throw error instanceof TimeUp ? new PageError("a tab did not open in time", { errorClass: "temporary", cause: error }) : error;
}

/** Closes a tab. A page that is busy for ever does not close: its process is ended then. */
async function closeTarget(tab: Tab, root: CDPSession): Promise<void> {
  if (tab.gone !== null) return;
  const gone = new Promise<void>((resolve) => tab.onGone(resolve));
  root.send("Target.closeTarget", { targetId: tab.id }).catch(() => undefined); // it or the browser is gone
  await new Deadline(CLOSE_MS).wait(gone).catch(async () => {
    tab.cdp.send("Page.crash").catch(() => undefined); // never answered
    await new Deadline(CLOSE_MS).wait(gone).catch(() => undefined);
  });
  tab.lose("the page was closed");
}

/** Everything in one round trip. A window is let run when all has been said: some of it is answered only then. */
async function prepare(
  tab: Tab,
  watched: TabGuard,
  emulation: Emulation,
  recorder: Recorder,
  { dialogs, origin }: Pick<TabBeginning, "dialogs" | "origin">,
  deadline: Deadline,
): Promise<Navigation> {
  const { cdp } = tab;
  const isWindow = origin === "window";
  answerDialogs(cdp, emulation, dialogs);
  const enabled = cdp.send("Page.enable");
  const navigating = cdp.send("Page.getFrameTree").then(({ frameTree }) => {
    watched.know(frameTree);
    return new Navigation(tab, frameTree.frame, isWindow);
  });
  if (isWindow) {
    const expect = (navigation: Navigation) => navigation.expectDocument();
    watched.onNextDocument = () => void navigating.then(expect).catch(() => undefined); // the tab is gone
  }
  const ready = Promise.all([
    navigating,
    enabled,
    emulation.begin(),
    cdp.send("Emulation.setFocusEmulationEnabled", { enabled: true }),
    recorder.enable(),
    cdp.send("Page.setLifecycleEventsEnabled", { enabled: true }), // tells of what has been reached already
    ...(isWindow ? [letRun(cdp)] : []),
  ]);
  try {
    return (await tab.wait(ready, origin === "resumed" ? deadline.atMost(REACT_MS) : deadline))[0];
  } catch (error) {
    throw error instanceof TimeUp ? new PageError("the page does not react", { errorClass: "temporary", cause: error }) : error;
  }
}
