import { type Browser, type CDPSession, type Target, TargetType } from "@cloudflare/puppeteer";
import { type BrowserState, PageError } from "../../domain/browser.ts";
import type { Fault } from "../../domain/error.ts";
import type { BrowserLease } from "../../ports.ts";
import { readCookies, restoreCookies, storageScript } from "./checkpoint.ts";
import { Deadline, TimeUp } from "./deadline.ts";
import { Guard } from "./guard.ts";
import { Navigation } from "./navigation.ts";
import { CdpPage } from "./page.ts";
import { type Connection, Tab } from "./tab.ts";

/** What pages are laid out for: a common laptop. */
const VIEWPORT = { width: 1280, height: 800, deviceScaleFactor: 1, mobile: false };

/** A checkpoint is taken between blocks: a page that is busy does not hold up the run for longer. */
const CHECKPOINT_MS = 3000;

/** A page that says nothing for so long will not do. */
const REACT_MS = 5000;

/** How long going back to the address of a checkpoint may take. */
const RESTORE_MS = 60_000;

/** A browser whose page is ours. */
export class Lease implements BrowserLease {
  readonly sessionId: string;
  readonly resumed: boolean;
  readonly page: CdpPage;
  readonly #browser: Browser;
  readonly #root: CDPSession;
  readonly #tab: Tab;
  readonly #end: () => Promise<void>;
  #storage: BrowserState["storage"] = null;

  private constructor(parts: { browser: Browser; root: CDPSession; tab: Tab; page: CdpPage; resumed: boolean; end: () => Promise<void> }) {
    this.sessionId = parts.browser.sessionId();
    this.resumed = parts.resumed;
    this.page = parts.page;
    this.#browser = parts.browser;
    this.#root = parts.root;
    this.#tab = parts.tab;
    this.#end = parts.end;
  }

  /**
   * Makes the page of a connected browser ready: guard first, then the tab.
   * @param options.end ends the browser for good
   * @throws PageError when the page does not react or stands at an address that may not be visited
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
    const target = await deadline.wait(findPage(connection));
    const tab = new Tab(target.targetId, await deadline.wait(connection.createSession(target)), browser);
    guard.follow(tab.id);
    const navigation = await prepareTab(tab, deadline);
    watchPopups(browser);
    const refusal = options.resumed && /^https?:/.test(navigation.url) ? guard.check(navigation.url) : null;
    if (refusal !== null) throw new PageError(`the page stands at ${refusal.url}, which may not be visited`, { errorClass: "temporary" });
    return new Lease({ browser, root, tab, page: new CdpPage(tab, navigation, guard), resumed: options.resumed, end: options.end });
  }

  get alive(): boolean {
    return this.#tab.gone === null;
  }

  /**
   * Goes on where a checkpoint was taken: cookies, then the address, with the storage in place before the page's scripts run.
   * @throws PageError when the address cannot be opened, TimeUp
   */
  async restore(state: BrowserState, signal: AbortSignal): Promise<void> {
    const deadline = new Deadline(RESTORE_MS, signal);
    await this.#tab.wait(restoreCookies(this.#root, state.cookies), deadline);
    if (!/^https?:/.test(state.url)) return;
    const goto = () => this.page.goto(state.url, { waitUntil: "load", timeoutMs: deadline.remainingMs, signal });
    if (state.storage === null) return void (await goto());
    const source = storageScript(state.storage);
    const { identifier } = await this.#tab.wait(this.#tab.cdp.send("Page.addScriptToEvaluateOnNewDocument", { source }), deadline);
    await goto();
    await this.#tab.wait(this.#tab.cdp.send("Page.removeScriptToEvaluateOnNewDocument", { identifier }), deadline);
  }

  async checkpoint(): Promise<BrowserState> {
    const deadline = new Deadline(CHECKPOINT_MS, new AbortController().signal);
    const [cookies, storage] = await Promise.all([this.#tab.wait(readCookies(this.#root), deadline), this.page.storage(deadline)]);
    if (storage !== undefined) this.#storage = storage;
    const url = this.page.url();
    const isOfThisPage = this.#storage !== null && URL.canParse(url) && new URL(url).origin === this.#storage.origin;
    return { url, cookies, storage: isOfThisPage ? this.#storage : null };
  }

  async disconnect(): Promise<void> {
    this.#tab.lose("the browser was let go");
    await this.#browser.disconnect();
  }

  async close(): Promise<void> {
    this.#tab.lose("the browser was closed");
    await this.#end();
  }
}

/** The page that the run began in: the one that no other page has opened. */
async function findPage(connection: Connection) {
  const find = async () => {
    const { targetInfos } = await connection.send("Target.getTargets");
    return targetInfos.find(({ type, openerId, url }) => type === "page" && openerId === undefined && !url.startsWith("devtools:"));
  };
  const page = await find();
  if (page !== undefined) return page;
  await connection.send("Target.createTarget", { url: "about:blank" });
  const created = await find();
  if (created === undefined) throw new PageError("the browser opens no page", { errorClass: "temporary" });
  return created;
}

/** Everything in one round trip. Dialogs are answered from here on: an open one would hold up every call. */
async function prepareTab(tab: Tab, deadline: Deadline): Promise<Navigation> {
  const { cdp } = tab;
  answerDialogs(cdp);
  const frame = cdp.send("Page.getFrameTree").then(({ frameTree }) => frameTree.frame);
  const ready = Promise.all([
    cdp.send("Page.enable"),
    frame,
    cdp.send("Emulation.setDeviceMetricsOverride", VIEWPORT),
    cdp.send("Emulation.setFocusEmulationEnabled", { enabled: true }),
  ]);
  try {
    const [, mainFrame] = await tab.wait(ready, deadline.atMost(REACT_MS));
    const navigation = new Navigation(tab, mainFrame);
    await tab.wait(cdp.send("Page.setLifecycleEventsEnabled", { enabled: true }), deadline); // tells of what has been reached already
    return navigation;
  } catch (error) {
    throw error instanceof TimeUp ? tab.lose("the page does not react") : error;
  }
}

/** Dismisses; but a page that asks whether it may be left is told yes. */
function answerDialogs(cdp: CDPSession): void {
  cdp.on("Page.javascriptDialogOpening", ({ type }) => {
    cdp.send("Page.handleJavaScriptDialog", { accept: type === "beforeunload" }).catch(() => undefined); // it was closed meanwhile
  });
}

/** A dialog in a window that the page has opened would hold up the page too, when they share a process. */
function watchPopups(browser: Browser): void {
  const watch = async (target: Target) => {
    if (target.type() !== TargetType.PAGE || target.opener() === undefined) return;
    const cdp = await target.createCDPSession();
    answerDialogs(cdp);
    await cdp.send("Page.enable");
  };
  const watchAny = (target: Target) => void watch(target).catch(() => undefined); // closed already
  browser.on("targetcreated", watchAny);
  browser.targets().forEach(watchAny); // those of a browser that is taken up again
}
