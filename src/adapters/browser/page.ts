import { Buffer } from "node:buffer";
import {
  type BrowserTarget,
  type Download,
  framesOf,
  type LoadState,
  NoDownload,
  type PageAction,
  PageError,
  type PageFindings,
  type PageQuery,
  PAPER_INCHES,
  PLAIN_CLICK,
  type PageState,
} from "../../domain/browser.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import type { Arrival, BrowserPage, NavigateOptions, PageOptions, PrintOptions } from "../../ports/browser.ts";
import type { PageCookies, PageDialogs, PageSettings, PageStorage, PageSurroundings, PageTabs } from "../../ports/page-surroundings.ts";
import { Actor, atAction } from "./actor.ts";
import { Deadline, inSeconds, TimeUp } from "./deadline.ts";
import { catchDownload, readStream } from "./download.ts";
import { Frames } from "./frames.ts";
import { byFrames, readInFrame } from "./frame-reading.ts";
import { describeRefusal, type TabGuard } from "./guard.ts";
import type { Box } from "./in-page/protocol.ts";
import type { Navigation } from "./navigation.ts";
import { classOfNetError, describeNetError } from "./net-errors.ts";
import type { Renderer } from "./renderer.ts";
import { Responses } from "./responses.ts";
import { runScript } from "./script.ts";
import type { SecretFields } from "./secret-fields.ts";
import { ContextLost, type Tab } from "./tab.ts";
import { WebStorage } from "./web-storage.ts";

/** An answer that need not be waited for in the page takes at most this long, unless the page is busy. */
const ANSWER_MS = 3000;

/** Chromium paints no picture larger than this. */
const MAX_PICTURE_PX = 16_384;

/** `BrowserPage` over CDP: one tab and the library in its document. */
export class CdpPage implements BrowserPage {
  readonly #tab: Tab;
  readonly #navigation: Navigation;
  readonly #guard: TabGuard;
  readonly #renderer: Renderer;
  readonly #frames: Frames;
  readonly #responses: Responses;
  readonly #actor: Actor;
  readonly #secrets: SecretFields;

  readonly tabs: PageTabs;
  readonly dialogs: PageDialogs;
  readonly cookies: PageCookies;
  readonly storage: PageStorage;
  readonly settings: PageSettings;

  constructor(
    tab: Tab,
    navigation: Navigation,
    guard: TabGuard,
    { renderer, secrets }: { readonly renderer: Renderer; readonly secrets: SecretFields },
    around: Omit<PageSurroundings, "storage">,
  ) {
    this.#tab = tab;
    this.#navigation = navigation;
    this.#guard = guard;
    this.#renderer = renderer;
    this.#frames = new Frames(tab, this.#renderer);
    this.#responses = new Responses(tab);
    this.#actor = new Actor(tab, navigation, guard, this.#renderer, this.#frames, this.#responses);
    this.#secrets = secrets;
    this.tabs = around.tabs;
    this.dialogs = around.dialogs;
    this.cookies = around.cookies;
    this.storage = new WebStorage(this.#renderer);
    this.settings = around.settings;
  }

  url(): string {
    return this.#navigation.url;
  }

  async where({ timeoutMs, signal }: PageOptions): Promise<{ url: string; title: string }> {
    const { url, title } = await this.#renderer.inTime("tell its title", this.#renderer.call("where", [], new Deadline(timeoutMs, signal)));
    return { url, title };
  }

  async goto(url: string, { waitUntil, timeoutMs, signal }: NavigateOptions): Promise<Arrival> {
    const deadline = new Deadline(timeoutMs, signal);
    const refusal = this.#guard.check(url);
    if (refusal !== null) throw new PageError(describeRefusal(refusal), { errorClass: "block" });
    try {
      await this.#renderer.leave(url, deadline);
      await this.#navigate(url, waitUntil, deadline);
      return await this.#arrival(deadline);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      this.#tab.cdp.send("Page.stopLoading").catch(() => undefined); // the tab is gone
      throw new PageError(`${url} did not get to "${waitUntil}" within ${inSeconds(timeoutMs)}`, { errorClass: "temporary", cause: error });
    }
  }

  async back(options: NavigateOptions): Promise<Arrival> {
    return this.#move("go back", (deadline) => this.#moveInHistory(-1, deadline), options);
  }

  async forward(options: NavigateOptions): Promise<Arrival> {
    return this.#move("go forward", (deadline) => this.#moveInHistory(1, deadline), options);
  }

  async reload(options: NavigateOptions): Promise<Arrival> {
    return this.#move("be loaded again", (deadline) => this.#tab.wait(this.#tab.cdp.send("Page.reload"), deadline), options);
  }

  async perform(actions: readonly PageAction[], { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const done = await this.#actor.perform(actions, signal);
    if (done === actions.length) return;
    // The page has closed itself: what is left is done in the tab that is the current one now.
    try {
      await this.tabs.current.perform(actions.slice(done), { signal });
    } catch (error) {
      throw error instanceof PageError ? atAction(done + (error.actionIndex ?? 0), error) : error;
    }
  }

  async watchResponses({ timeoutMs, signal }: PageOptions): Promise<void> {
    await this.#renderer.inTime("be watched", this.#responses.watch(new Deadline(timeoutMs, signal)));
  }

  async read(
    query: PageQuery,
    { timeoutMs, signal, changed = false }: PageOptions & { readonly changed?: boolean },
  ): Promise<PageFindings> {
    const deadline = new Deadline(timeoutMs + ANSWER_MS, signal);
    const waitMs = () => Math.max(0, deadline.remainingMs - ANSWER_MS);
    const reads = byFrames(query).map(async ({ frames, query: part }) => {
      if (frames.length === 0) return this.#renderer.call("read", [part, changed, timeoutMs], deadline);
      return readInFrame(this.#frames, this.#renderer, frames, part, { changed, waitMs, deadline });
    });
    return Object.assign({}, ...(await this.#renderer.inTime("be read", Promise.all(reads)))) as PageFindings;
  }

  async canClick(target: BrowserTarget, { timeoutMs, signal }: PageOptions): Promise<boolean> {
    const deadline = new Deadline(timeoutMs + ANSWER_MS, signal);
    const frames = framesOf(target);
    const ask = async () => {
      if (frames.length === 0) return this.#renderer.call("canClick", [target], deadline);
      const place = await this.#frames.find(frames, deadline);
      return place !== null && (await this.#renderer.callIn(place, "canClick", [target], deadline));
    };
    return this.#renderer.inTime("be read", ask());
  }

  async evaluate(script: string, args: JsonObject, { timeoutMs, signal }: PageOptions): Promise<Json> {
    const deadline = new Deadline(timeoutMs, signal);
    const mark = this.#navigation.mark();
    this.#responses.mark();
    const evaluate = async () => {
      const value = await runScript(this.#tab.cdp, this.#renderer, script, args, deadline);
      await this.#actor.arrive(mark, deadline);
      return value;
    };
    try {
      return await this.#renderer.inTime("finish the script", evaluate());
    } catch (error) {
      if (!(error instanceof ContextLost)) throw error;
      throw new PageError("the page went to another document before the script had ended", { errorClass: "block", cause: error });
    }
  }

  async screenshot({
    fullPage,
    target,
    timeoutMs,
    signal,
  }: PageOptions & { readonly fullPage: boolean; readonly target: BrowserTarget | null }): Promise<Uint8Array> {
    const deadline = new Deadline(timeoutMs, signal);
    const capture = async () => {
      const box = target !== null ? await this.#boxOf(target, timeoutMs, signal) : fullPage ? await this.#pageBox(deadline) : null;
      const clip = box === null ? {} : { clip: { ...box, scale: 1 }, captureBeyondViewport: true };
      const shoot = async () =>
        await this.#renderer.ask(this.#tab.cdp.send("Page.captureScreenshot", { format: "png", ...clip }), deadline).catch(throwUnpainted);
      return Buffer.from((await this.#secrets.hiddenDuring(shoot, deadline)).data, "base64");
    };
    return this.#renderer.inTime("be painted", capture());
  }

  async pdf({ paper, landscape, background, foot, timeoutMs, signal }: PageOptions & PrintOptions): Promise<Uint8Array> {
    const deadline = new Deadline(timeoutMs, signal);
    const print = async () => {
      const [paperWidth, paperHeight] = PAPER_INCHES[paper];
      const sheet = { paperWidth, paperHeight, landscape, printBackground: background };
      const templates = foot === null ? {} : { displayHeaderFooter: true, headerTemplate: "<span></span>", footerTemplate: footOf(foot) };
      const { stream } = await this.#renderer.ask(
        this.#tab.cdp.send("Page.printToPDF", { ...sheet, ...templates, transferMode: "ReturnAsStream" }),
        deadline,
      );
      return await this.#tab.wait(readStream(this.#tab.cdp, stream!, "PDF"), deadline);
    };
    return this.#renderer.inTime("be printed", print());
  }

  async download(source: BrowserTarget | { readonly url: string }, { timeoutMs, signal }: PageOptions): Promise<Download> {
    const deadline = new Deadline(timeoutMs, signal);
    const url = typeof source === "object" && "url" in source ? source.url : null;
    const begin = async () => {
      if (url !== null) return await this.#openFile(url, deadline);
      const target = source as BrowserTarget;
      const op = { op: { do: "point", target, first: false } as const, timeoutMs, frames: framesOf(target) };
      await this.#actor.click({ target }, await this.#actor.runOps([op], 0, signal), PLAIN_CLICK, deadline);
    };
    try {
      return await catchDownload(this.#tab, this.#guard, deadline, begin);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      const what = url === null ? "the click" : url;
      const message = `${what} started no download within ${inSeconds(timeoutMs)}; the page is now ${this.url()}`;
      throw new NoDownload(message, { errorClass: "block", cause: error });
    }
  }

  /** Goes to the address of a file; the download is broken off, and with it the way there. */
  async #openFile(url: string, deadline: Deadline): Promise<void> {
    const refused = this.#guard.check(url);
    if (refused !== null) throw new PageError(describeRefusal(refused), { errorClass: "block" });
    await this.#renderer.free(deadline);
    this.#guard.takeRefusal();
    const { errorText } = await this.#tab.wait(this.#tab.cdp.send("Page.navigate", { url }), deadline);
    const refusal = this.#guard.takeRefusal();
    if (refusal !== null) throw new PageError(`${url} redirects to ${describeRefusal(refusal)}`, { errorClass: "block" });
    if (errorText === undefined) throw new NoDownload(`${url} is a page and no file`, { errorClass: "block" });
    if (errorText !== "net::ERR_ABORTED")
      throw new PageError(`${url} could not be opened: ${describeNetError(errorText)}`, { errorClass: classOfNetError(errorText) });
  }

  /** Storage of the page's origin; null where it has none, undefined when a busy page does not tell in time. */
  async peekStorage(deadline: Deadline): Promise<PageState["storage"] | undefined> {
    try {
      return await this.#renderer.callGently("storage", [], deadline);
    } catch (error) {
      if (error instanceof TimeUp) return undefined;
      throw error;
    }
  }

  // ---------------------------------------------------------------------------------------------------- Navigation

  async #arrival(deadline: Deadline): Promise<Arrival> {
    const where = await this.#renderer.call("where", [], deadline);
    return { ...where, status: where.status || null };
  }

  /** Goes where only the browser knows. */
  async #move(
    what: string,
    begin: (deadline: Deadline) => Promise<unknown>,
    { waitUntil, timeoutMs, signal }: NavigateOptions,
  ): Promise<Arrival> {
    const deadline = new Deadline(timeoutMs, signal);
    try {
      await this.#renderer.free(deadline);
      this.#guard.takeRefusal();
      const mark = this.#navigation.mark();
      this.#responses.mark();
      await begin(deadline);
      const hasMoved = await this.#navigation.moved(mark, waitUntil, deadline);
      const refusal = this.#guard.takeRefusal();
      if (refusal !== null) throw new PageError(describeRefusal(refusal), { errorClass: "block" });
      if (!hasMoved) throw new PageError(`the page did not ${what}: what the server gave is no page`, { errorClass: "block" });
      if (this.#navigation.isError) throw new PageError(`${this.url()} could not be opened again`, { errorClass: "temporary" });
      return await this.#arrival(deadline);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      this.#tab.cdp.send("Page.stopLoading").catch(() => undefined); // the tab is gone
      const message = `the page did not ${what} as far as "${waitUntil}" within ${inSeconds(timeoutMs)}; it is at ${this.url()}`;
      throw new PageError(message, { errorClass: "temporary", cause: error });
    }
  }

  async #moveInHistory(steps: 1 | -1, deadline: Deadline): Promise<void> {
    const { currentIndex, entries } = await this.#tab.wait(this.#tab.cdp.send("Page.getNavigationHistory"), deadline);
    const entry = entries[currentIndex + steps];
    if (entry === undefined) {
      const where = steps < 0 ? "there is nothing to go back to" : "there is nothing to go forward to";
      throw new PageError(
        `${where}: the tab's history has ${entries.length === 1 ? "one page" : `${entries.length} pages`}, and ${this.url()} is the ${steps < 0 ? "first" : "last"}`,
        { errorClass: "block" },
      );
    }
    await this.#tab.wait(this.#tab.cdp.send("Page.navigateToHistoryEntry", { entryId: entry.id }), deadline);
  }

  /** @throws TimeUp */
  async #navigate(url: string, waitUntil: LoadState, deadline: Deadline): Promise<void> {
    this.#guard.takeRefusal();
    const { loaderId, errorText } = await this.#tab.wait(this.#tab.cdp.send("Page.navigate", { url }), deadline);
    const refusal = this.#guard.takeRefusal();
    if (refusal !== null) throw new PageError(`${url} redirects to ${describeRefusal(refusal)}`, { errorClass: "block" });
    if (errorText === "net::ERR_ABORTED") {
      throw new PageError(`${url} is a download or has no content; for a file use a download step or http_request`, {
        errorClass: "block",
      });
    }
    if (errorText !== undefined) {
      throw new PageError(`${url} could not be opened: ${describeNetError(errorText)}`, { errorClass: classOfNetError(errorText) });
    }
    if (loaderId !== undefined) await this.#navigation.reached(waitUntil, loaderId, deadline);
  }

  // ------------------------------------------------------------------------------------------------------ Pictures

  async #boxOf(target: BrowserTarget, timeoutMs: number, signal: AbortSignal): Promise<Box | null> {
    const frames = framesOf(target);
    const op = { op: { do: "box", target, inFrame: frames.length > 0 } as const, timeoutMs, frames };
    const { box, place, deadline } = await this.#actor.runOps([op], 0, signal);
    if (box === null || place === null) return box;
    const metrics = this.#renderer.ask(this.#tab.cdp.send("Page.getLayoutMetrics"), deadline ?? new Deadline(timeoutMs, signal));
    const { cssVisualViewport } = await metrics;
    return { ...box, x: box.x + cssVisualViewport.pageX, y: box.y + cssVisualViewport.pageY };
  }

  async #pageBox(deadline: Deadline): Promise<Box> {
    const { cssContentSize } = await this.#renderer.ask(this.#tab.cdp.send("Page.getLayoutMetrics"), deadline);
    return { x: 0, y: 0, width: Math.min(cssContentSize.width, MAX_PICTURE_PX), height: Math.min(cssContentSize.height, MAX_PICTURE_PX) };
  }
}

/** Chromium fills in the elements of these classes. @param text plain */
function footOf(text: string): string {
  const plain = text.replaceAll(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  const style = "font-size:7px;width:100%;box-sizing:border-box;padding:0 1cm;display:flex;gap:1cm;white-space:nowrap";
  return (
    `<div style="${style}"><span>${plain}</span><span class="url" style="overflow:hidden;flex:1"></span>` +
    `<span><span class="pageNumber"></span>/<span class="totalPages"></span></span></div>`
  );
}

/** What Chromium says of a page that it cannot paint just now: it changes too often, or is too large. */
function throwUnpainted(error: unknown): never {
  if (!(error instanceof Error) || error.name !== "ProtocolError") throw error;
  throw new PageError(`the page could not be painted: ${error.message}`, { errorClass: "temporary", cause: error });
}
