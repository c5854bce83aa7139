import type { Browser } from "@cloudflare/puppeteer";
import { PageError, type PageState } from "../../domain/browser.ts";
import type { BrowserTab, RecordWish } from "../../ports/browser.ts";
import { storageScript } from "./checkpoint.ts";
import { Deadline, TimeUp } from "./deadline.ts";
import { answerDialogs } from "./dialogs.ts";
import type { Guard, TabGuard } from "./guard.ts";
import { Navigation } from "./navigation.ts";
import { CdpPage } from "./page.ts";
import { Recorder } from "./recorder.ts";
import { Renderer } from "./renderer.ts";
import { Screencast } from "./screencast.ts";
import { type Connection, Tab } from "./tab.ts";

/** What pages are laid out for: a common laptop. */
const VIEWPORT = { width: 1280, height: 800, deviceScaleFactor: 1, mobile: false };

/** A checkpoint is taken between blocks: a page that is busy does not hold up the run for longer. */
const CHECKPOINT_MS = 3000;

/** A page that says nothing for so long will not do. */
const REACT_MS = 5000;

/** How long going back to the address of a checkpoint may take. */
const RESTORE_MS = 60_000;

/** How long a tab may take to close before its process is ended. */
const CLOSE_MS = 2000;

/** A tab that is ours, with its page ready for use. */
export class OpenTab implements BrowserTab {
  readonly page: CdpPage;
  readonly recorder: Recorder;
  readonly cast: BrowserTab["cast"];
  readonly resumed: boolean;
  readonly #tab: Tab;
  readonly #connection: Connection;
  #storage: PageState["storage"] = null;

  private constructor(tab: Tab, connection: Connection, page: CdpPage, recorder: Recorder, screencast: Screencast, resumed: boolean) {
    this.page = page;
    this.recorder = recorder;
    this.cast = (onFrame) => screencast.start(onFrame);
    this.resumed = resumed;
    this.#tab = tab;
    this.#connection = connection;
  }

  /**
   * Attaches to a tab of the browser and makes its page ready.
   * @param targetId Chromium's id of it
   * @throws PageError when the page does not react or stands at an address that may not be visited; the tab is closed then
   */
  static async attach(
    {
      browser,
      connection,
      guard,
      record,
    }: { readonly browser: Browser; readonly connection: Connection; readonly guard: Guard; readonly record: RecordWish },
    targetId: string,
    resumed: boolean,
    deadline: Deadline,
  ): Promise<OpenTab> {
    const { targetInfo } = await deadline.wait(connection.send("Target.getTargetInfo", { targetId }));
    const tab = new Tab(targetId, await deadline.wait(connection.createSession(targetInfo)), browser);
    const watched = guard.follow(tab);
    try {
      const recorder = new Recorder(tab, record);
      const navigation = await prepare(tab, watched, recorder, deadline);
      const refusal = resumed && /^https?:/.test(navigation.url) ? guard.check(navigation.url) : null;
      if (refusal !== null) throw new PageError(`the page stands at ${refusal.url}, which may not be visited`, { errorClass: "temporary" });
      const renderer = new Renderer(tab, navigation);
      return new OpenTab(
        tab,
        connection,
        new CdpPage(tab, navigation, watched, renderer),
        recorder,
        new Screencast(tab, renderer),
        resumed,
      );
    } catch (error) {
      await closeTarget(tab, connection);
      throw error;
    }
  }

  get tabId(): string {
    return this.#tab.id;
  }

  get alive(): boolean {
    return this.#tab.gone === null;
  }

  /**
   * Goes on where a checkpoint was taken: its address, with the storage in place before the page's scripts run.
   * @throws PageError when the address cannot be opened or not in time
   */
  async restore(state: PageState, signal: AbortSignal): Promise<void> {
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

  async checkpoint(): Promise<PageState> {
    const storage = await this.page.storage(new Deadline(CHECKPOINT_MS));
    if (storage !== undefined) this.#storage = storage;
    const url = this.page.url();
    const isOfThisPage = this.#storage !== null && URL.canParse(url) && new URL(url).origin === this.#storage.origin;
    return { url, storage: isOfThisPage ? this.#storage : null };
  }

  async close(): Promise<void> {
    await closeTarget(this.#tab, this.#connection);
  }

  onGone(listener: () => void): void {
    this.#tab.onGone(listener);
  }

  /** Only this connection is over; the tab stays. */
  letGo(reason: string): void {
    this.#tab.lose(reason);
  }
}

/** Closes a tab and the windows that it has opened. A page that is busy for ever does not close: its process is ended then. */
async function closeTarget(tab: Tab, connection: Connection): Promise<void> {
  if (tab.gone !== null) return;
  const { targetInfos } = await connection.send("Target.getTargets").catch(() => ({ targetInfos: [] })); // the browser is gone
  for (const { targetId, openerId } of targetInfos)
    if (openerId === tab.id) connection.send("Target.closeTarget", { targetId }).catch(() => undefined);
  const gone = new Promise<void>((resolve) => tab.onGone(resolve));
  connection.send("Target.closeTarget", { targetId: tab.id }).catch(() => undefined); // it or the browser is gone
  await new Deadline(CLOSE_MS).wait(gone).catch(async () => {
    tab.cdp.send("Page.crash").catch(() => undefined); // never answered
    await new Deadline(CLOSE_MS).wait(gone).catch(() => undefined);
  });
  tab.lose("the page was closed");
}

/** Everything in one round trip. */
async function prepare(tab: Tab, watched: TabGuard, recorder: Recorder, deadline: Deadline): Promise<Navigation> {
  const { cdp } = tab;
  answerDialogs(cdp);
  const tree = cdp.send("Page.getFrameTree").then(({ frameTree }) => frameTree);
  const ready = Promise.all([
    cdp.send("Page.enable"),
    tree,
    cdp.send("Emulation.setDeviceMetricsOverride", VIEWPORT),
    cdp.send("Emulation.setFocusEmulationEnabled", { enabled: true }),
    recorder.enable(),
  ]);
  try {
    const [, frameTree] = await tab.wait(ready, deadline.atMost(REACT_MS));
    watched.know(frameTree);
    const navigation = new Navigation(tab, frameTree.frame);
    await tab.wait(cdp.send("Page.setLifecycleEventsEnabled", { enabled: true }), deadline); // tells of what has been reached already
    return navigation;
  } catch (error) {
    throw error instanceof TimeUp ? new PageError("the page does not react", { errorClass: "temporary", cause: error }) : error;
  }
}
