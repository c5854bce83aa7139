import { Buffer } from "node:buffer";
import {
  type BrowserTarget,
  type Download,
  type LoadState,
  NoDownload,
  type PageAction,
  PageError,
  type PageFindings,
  type PageQuery,
  PAPER_INCHES,
  type PageState,
} from "../../domain/browser.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import type { BrowserPage, PageOptions, PrintOptions } from "../../ports/browser.ts";
import { type TimedOp, takeBatch } from "./batch.ts";
import { Deadline, TimeUp } from "./deadline.ts";
import { catchDownload, readStream } from "./download.ts";
import { matchesGlob } from "./glob.ts";
import { describeRefusal, type TabGuard } from "./guard.ts";
import type { Box } from "./in-page/protocol.ts";
import { clickAt, moveTo, pressKeys } from "./input.ts";
import { type KeyPress, keysFor, parseChord } from "./keys.ts";
import type { Navigation, NavigationMark } from "./navigation.ts";
import { classOfNetError, describeNetError } from "./net-errors.ts";
import { Renderer } from "./renderer.ts";
import { runScript } from "./script.ts";
import { ContextLost, type Tab } from "./tab.ts";

/** An answer that need not be waited for in the page takes at most this long, unless the page is busy. */
const ANSWER_MS = 3000;

/** Kept back from the time for waiting in the page, for its answer to arrive in time. */
const RETURN_MS = 200;

/** Chromium paints no picture larger than this. */
const MAX_PICTURE_PX = 16_384;

/** `BrowserPage` over CDP: one tab, the library in its document, the pointer and the keyboard. */
export class CdpPage implements BrowserPage {
  readonly #tab: Tab;
  readonly #navigation: Navigation;
  readonly #guard: TabGuard;
  readonly #renderer: Renderer;

  constructor(tab: Tab, navigation: Navigation, guard: TabGuard) {
    this.#tab = tab;
    this.#navigation = navigation;
    this.#guard = guard;
    this.#renderer = new Renderer(tab, navigation);
  }

  url(): string {
    return this.#navigation.url;
  }

  async where({ timeoutMs, signal }: PageOptions): Promise<{ url: string; title: string }> {
    const { url, title } = await this.#renderer.inTime("tell its title", this.#renderer.call("where", [], new Deadline(timeoutMs, signal)));
    return { url, title };
  }

  async goto(
    url: string,
    { waitUntil, timeoutMs, signal }: PageOptions & { readonly waitUntil: LoadState },
  ): Promise<{ url: string; status: number | null; title: string }> {
    const deadline = new Deadline(timeoutMs, signal);
    const refusal = this.#guard.check(url);
    if (refusal !== null) throw new PageError(describeRefusal(refusal), { errorClass: "block" });
    try {
      await this.#renderer.free(deadline);
      await this.#navigate(url, waitUntil, deadline);
      const where = await this.#renderer.call("where", [], deadline);
      return { ...where, status: where.status || null };
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      this.#tab.cdp.send("Page.stopLoading").catch(() => undefined); // the tab is gone
      throw new PageError(`${url} did not get to "${waitUntil}" within ${seconds(timeoutMs)}`, { errorClass: "temporary", cause: error });
    }
  }

  async perform(actions: readonly PageAction[], { signal }: { readonly signal: AbortSignal }): Promise<void> {
    for (let index = 0; index < actions.length;) {
      const batch = takeBatch(actions, index);
      const lastIndex = index + batch.actions.length - 1;
      const last = batch.actions.at(-1)!;
      const { box, deadline } = await this.#runOps(batch.ops, index, signal);
      try {
        await this.#finish(last, box, deadline ?? new Deadline(last.timeoutMs, signal));
      } catch (error) {
        throw atAction(lastIndex, error instanceof TimeUp ? this.#lateAction(last, error) : error);
      }
      index = lastIndex + 1;
    }
  }

  async read(
    query: PageQuery,
    { timeoutMs, signal, changed = false }: PageOptions & { readonly changed?: boolean },
  ): Promise<PageFindings> {
    return this.#renderer.inTime(
      "be read",
      this.#renderer.call("read", [query, changed, timeoutMs], new Deadline(timeoutMs + ANSWER_MS, signal)),
    );
  }

  async canClick(target: BrowserTarget, { timeoutMs, signal }: PageOptions): Promise<boolean> {
    return this.#renderer.inTime("be read", this.#renderer.call("canClick", [target], new Deadline(timeoutMs + ANSWER_MS, signal)));
  }

  async evaluate(script: string, args: JsonObject, { timeoutMs, signal }: PageOptions): Promise<Json> {
    const deadline = new Deadline(timeoutMs, signal);
    const mark = this.#navigation.mark();
    const evaluate = async () => {
      const value = await runScript(this.#tab.cdp, this.#renderer, script, args, deadline);
      await this.#arrive(mark, deadline);
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
      const { data } = await this.#renderer.ask(this.#tab.cdp.send("Page.captureScreenshot", { format: "png", ...clip }), deadline);
      return Buffer.from(data, "base64");
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
      const { box } = await this.#runOps([{ op: { do: "point", target: source as BrowserTarget, first: false }, timeoutMs }], 0, signal);
      if (box !== null) await this.#click(box, deadline);
    };
    try {
      return await catchDownload(this.#tab, this.#guard, deadline, begin);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      const what = url === null ? "the click" : url;
      const message = `${what} started no download within ${seconds(timeoutMs)}; the page is now ${this.url()}`;
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
  async storage(deadline: Deadline): Promise<PageState["storage"] | undefined> {
    try {
      return await this.#renderer.callGently("storage", [], deadline);
    } catch (error) {
      if (error instanceof TimeUp) return undefined;
      throw error;
    }
  }

  // ---------------------------------------------------------------------------------------------------- Navigation

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

  /**
   * After an act: waits for the document that it leads to, if it leads to one.
   * @throws TimeUp, or PageError when the guard did not let it go there
   */
  async #arrive(mark: NavigationMark, deadline: Deadline): Promise<void> {
    if (!this.#navigation.hasBegun(mark)) return;
    await this.#navigation.settled(mark, deadline);
    const refusal = this.#guard.takeRefusal();
    if (refusal !== null) throw new PageError(describeRefusal(refusal), { errorClass: "block" });
  }

  // ------------------------------------------------------------------------------------------------------- Actions

  /** What an action needs beside what the library does for it: the pointer, the keyboard, a wait for the document. */
  async #finish(action: PageAction, box: Box | null, deadline: Deadline): Promise<void> {
    switch (action.do) {
      case "click":
        return box === null ? undefined : this.#click(box, deadline);
      case "hover":
        return box === null ? undefined : this.#renderer.ask(moveTo(this.#tab.cdp, box), deadline);
      case "type":
        return this.#press(keysFor(action.text), deadline);
      case "press":
        return this.#press([parseKey(action.key)], deadline);
      case "wait_for_url":
        return this.#navigation.arrivedAt((url) => matchesGlob(action.glob, url), deadline);
      case "wait_for_load":
        return this.#navigation.reached(action.state, null, deadline);
      default:
        return undefined;
    }
  }

  #lateAction(action: PageAction, cause: TimeUp): PageError {
    const time = seconds(action.timeoutMs);
    switch (action.do) {
      case "wait_for_url":
        return new PageError(`the address is still ${this.url()} after ${time}`, { errorClass: "block", cause });
      case "wait_for_load":
        return new PageError(`${this.url()} did not get to "${action.state}" within ${time}`, { errorClass: "temporary", cause });
      default: {
        const message = `done, but the page did not react or load what it leads to within ${time}; it is at ${this.url()}`;
        return new PageError(message, { errorClass: "temporary", cause });
      }
    }
  }

  async #click(point: Box, deadline: Deadline): Promise<void> {
    await this.#input(() => clickAt(this.#tab.cdp, point), deadline);
  }

  async #press(keys: readonly KeyPress[], deadline: Deadline): Promise<void> {
    await this.#input(() => pressKeys(this.#tab.cdp, keys), deadline);
  }

  /** Input is answered when the page has handled it; what it has only posted to itself, such as a submission, is let happen too. */
  async #input(send: () => Promise<void>, deadline: Deadline): Promise<void> {
    const mark = this.#navigation.mark();
    try {
      await this.#renderer.ask(send(), deadline);
    } catch (error) {
      if (!(error instanceof ContextLost)) throw error; // it has led to another document already
    }
    if (!this.#navigation.hasBegun(mark)) await this.#renderer.call("settle", [], deadline);
    await this.#arrive(mark, deadline);
  }

  /**
   * Has the library do operations, going on in the next document when one of them leads there.
   * @param base index of the first, for errors
   * @returns what the last one found (a point or a box), and the time that is left to it
   */
  async #runOps(ops: readonly TimedOp[], base: number, signal: AbortSignal): Promise<{ box: Box | null; deadline: Deadline | null }> {
    let done = 0;
    let deadline: Deadline | null = null;
    while (done < ops.length) {
      const { timeoutMs } = ops[done]!;
      deadline ??= new Deadline(timeoutMs, signal);
      const mark = this.#navigation.mark();
      let at = done;
      try {
        const waitMs = Math.max(0, deadline.remainingMs - RETURN_MS);
        const left = ops.slice(done).map(({ op }) => op);
        const answer = await this.#renderer.inTime("react", this.#renderer.call("run", [left, waitMs], deadline));
        if (answer.state === "failed" && answer.done === 0) throw new PageError(answer.seen, { errorClass: "block" });
        if (answer.state === "waiting" && answer.done === 0) {
          throw new PageError(`${answer.seen}${this.#refusedFrames()} (waited ${seconds(timeoutMs)})`, { errorClass: "block" });
        }
        if (answer.done > 1) deadline = new Deadline(ops[done + answer.done - 1]!.timeoutMs, signal); // that one's time has only begun
        done += answer.done;
        at = done - 1;
        await this.#arrive(mark, deadline);
        if (answer.state === "complete") return { box: answer.box, deadline };
        deadline = null;
      } catch (error) {
        const late =
          error instanceof TimeUp
            ? new PageError(`the page had not loaded within ${seconds(timeoutMs)}`, { errorClass: "temporary", cause: error })
            : error;
        throw atAction(base + at, late);
      }
    }
    return { box: null, deadline: null };
  }

  #refusedFrames(): string {
    const refused = this.#guard.refusalsInFrames().map(describeRefusal);
    return refused.length === 0 ? "" : `; a frame was not let through: ${refused.join("; ")}`;
  }

  // ------------------------------------------------------------------------------------------------------ Pictures

  async #boxOf(target: BrowserTarget, timeoutMs: number, signal: AbortSignal): Promise<Box | null> {
    return (await this.#runOps([{ op: { do: "box", target }, timeoutMs }], 0, signal)).box;
  }

  async #pageBox(deadline: Deadline): Promise<Box> {
    const { cssContentSize } = await this.#renderer.ask(this.#tab.cdp.send("Page.getLayoutMetrics"), deadline);
    return { x: 0, y: 0, width: Math.min(cssContentSize.width, MAX_PICTURE_PX), height: Math.min(cssContentSize.height, MAX_PICTURE_PX) };
  }
}

/** The same error, with the action that it happened in. */
function atAction(actionIndex: number, error: unknown): unknown {
  return error instanceof PageError ? new PageError(error.message, { errorClass: error.errorClass, actionIndex, cause: error }) : error;
}

function parseKey(chord: string): KeyPress {
  const press = parseChord(chord);
  if (press !== null) return press;
  throw new PageError(`there is no key "${chord}"; use names such as Enter, Tab, ArrowDown, a, Control+A`, { errorClass: "block" });
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

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
