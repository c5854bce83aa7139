import { Buffer } from "node:buffer";
import { type BrowserState, type BrowserTarget, describeTarget, type Download, type LoadState, type PageAction, PageError, type PageFindings, type PageQuery } from "../../domain/browser.ts";
import type { Json, JsonObject } from "../../domain/json.ts";
import type { BrowserPage, PageOptions } from "../../ports.ts";
import { Deadline, TimeUp } from "./deadline.ts";
import { catchDownload } from "./download.ts";
import { matchesGlob } from "./glob.ts";
import { describeRefusal, type Guard } from "./guard.ts";
import { LIBRARY_SOURCE } from "./in-page/source.js";
import type { Box, PageLibrary, PageOp } from "./in-page/protocol.ts";
import { clickAt, moveTo, pressKeys } from "./input.ts";
import { keysFor, parseChord } from "./keys.ts";
import type { Navigation, NavigationMark } from "./navigation.ts";
import { classOfNetError, describeNetError } from "./net-errors.ts";
import { ContextLost, type Tab } from "./tab.ts";

/** The isolated world of the library: it shares the document with the page's scripts and nothing else. */
const WORLD = "pilotfish";

/** The longest that one call waits inside the page: a browser that is told nothing for long is taken for idle and closed. */
const SLICE_MS = 5000;

/** An answer from a page that is not busy takes at most this long. */
const ANSWER_MS = 3000;

/** Kept back from the time for waiting in the page, for its answer to arrive in time. */
const RETURN_MS = 200;

/** Chromium paints no picture larger than this. */
const MAX_PICTURE_PX = 16_384;

/** `BrowserPage` over CDP: one tab, its document's library, and the pointer and keyboard. */
export class CdpPage implements BrowserPage {
  readonly #tab: Tab;
  readonly #navigation: Navigation;
  readonly #guard: Guard;
  #world: World | null = null;
  #recovery: Promise<void> = Promise.resolve();

  constructor(tab: Tab, navigation: Navigation, guard: Guard) {
    this.#tab = tab;
    this.#navigation = navigation;
    this.#guard = guard;
  }

  url(): string {
    return this.#navigation.url;
  }

  async where({ timeoutMs, signal }: PageOptions): Promise<{ url: string; title: string }> {
    const { url, title } = await this.#orBusy("tell its title", () => this.#call("where", [], new Deadline(timeoutMs, signal)));
    return { url, title };
  }

  async goto(url: string, { waitUntil, timeoutMs, signal }: Parameters<BrowserPage["goto"]>[1]): Promise<{ url: string; status: number | null; title: string }> {
    const deadline = new Deadline(timeoutMs, signal);
    const refusal = this.#guard.check(url);
    if (refusal !== null) throw new PageError(describeRefusal(refusal), { errorClass: "block" });
    await this.#recovery;
    await this.#interrupt(); // a page whose script never ends cannot be left
    try {
      await this.#navigate(url, waitUntil, deadline);
      const where = await this.#call("where", [], deadline);
      return { ...where, status: where.status || null };
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      this.#tab.cdp.send("Page.stopLoading").catch(() => undefined);
      throw new PageError(`${url} did not get to "${waitUntil}" within ${seconds(timeoutMs)}`, { errorClass: "temporary", cause: error });
    }
  }

  async perform(actions: readonly PageAction[], { signal }: { readonly signal: AbortSignal }): Promise<void> {
    for (let index = 0; index < actions.length; ) {
      const batch = takeBatch(actions, index);
      index += await this.#performBatch(batch, index, signal);
    }
  }

  async read(query: PageQuery, { timeoutMs, signal, changed = false }: PageOptions & { readonly changed?: boolean }): Promise<PageFindings> {
    const waiting = new Deadline(timeoutMs, signal);
    for (;;) {
      const waitMs = Math.min(SLICE_MS, waiting.remainingMs);
      const deadline = new Deadline(waitMs + ANSWER_MS, signal);
      const { findings, satisfied } = await this.#orBusy("be read", () => this.#call("read", [query, changed, waitMs], deadline));
      if (satisfied || waiting.remainingMs === 0) return findings;
    }
  }

  async canClick(target: BrowserTarget, { signal }: PageOptions): Promise<boolean> {
    return this.#orBusy("be read", () => this.#call("canClick", [target], new Deadline(ANSWER_MS, signal)));
  }

  async evaluate(script: string, args: JsonObject, { timeoutMs, signal }: PageOptions): Promise<Json> {
    const deadline = new Deadline(timeoutMs, signal);
    const mark = this.#navigation.mark();
    await this.#recovery;
    try {
      const value = await this.#orBusy("finish the script", () => this.#evaluate(script, args, deadline));
      await this.#arrive(mark, deadline);
      return value;
    } catch (error) {
      if (!(error instanceof ContextLost)) throw error;
      throw new PageError("the page went to another document before the script had ended", { errorClass: "block", cause: error });
    }
  }

  async screenshot({ fullPage, target, timeoutMs, signal }: Parameters<BrowserPage["screenshot"]>[0]): Promise<Uint8Array> {
    const deadline = new Deadline(timeoutMs, signal);
    return this.#orBusy("be painted", async () => {
      const box = target !== null ? await this.#boxOf(target, deadline) : fullPage ? await this.#pageBox(deadline) : null;
      const clip = box === null ? {} : { clip: { ...box, scale: 1 }, captureBeyondViewport: true };
      const { data } = await this.#ask(this.#tab.cdp.send("Page.captureScreenshot", { format: "png", ...clip }), deadline);
      return Buffer.from(data, "base64");
    });
  }

  async download(target: BrowserTarget, { timeoutMs, signal }: PageOptions): Promise<Download> {
    const deadline = new Deadline(timeoutMs, signal);
    const click = async () => {
      const point = await this.#runOps([{ op: { do: "point", target, first: false }, timeoutMs: deadline.remainingMs }], 0, signal);
      if (point !== null) await this.#click(point, deadline);
    };
    try {
      return await catchDownload(this.#tab, this.#guard, deadline, click);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      throw new PageError(`the click started no download within ${seconds(timeoutMs)}; the page is now ${this.url()}`, { errorClass: "block", cause: error });
    }
  }

  /** Storage of the page's origin; null where it has none, undefined when a busy page does not tell in time. */
  async storage(deadline: Deadline): Promise<BrowserState["storage"] | undefined> {
    try {
      return await this.#call("storage", [], deadline);
    } catch (error) {
      if (error instanceof TimeUp) return undefined;
      throw error;
    }
  }

  // ---------------------------------------------------------------------------------------------------- Navigation

  /** @throws TimeUp */
  async #navigate(url: string, waitUntil: LoadState, deadline: Deadline): Promise<void> {
    this.#guard.takeRefusal(this.#tab.id);
    const { loaderId, errorText } = await this.#tab.wait(this.#tab.cdp.send("Page.navigate", { url }), deadline);
    const refusal = this.#guard.takeRefusal(this.#tab.id);
    if (refusal !== null) throw new PageError(`${url} redirects to ${describeRefusal(refusal)}`, { errorClass: "block" });
    if (errorText === "net::ERR_ABORTED") throw new PageError(`${url} is a download or has no content; for a file use a download step or http_request`, { errorClass: "block" });
    if (errorText !== undefined) throw new PageError(`${url} could not be opened: ${describeNetError(errorText)}`, { errorClass: classOfNetError(errorText) });
    if (loaderId !== undefined) await this.#navigation.reached(waitUntil, loaderId, deadline);
  }

  /**
   * After an act: waits for the document that it leads to, if it leads to one.
   * @throws TimeUp, or PageError when the guard did not let it go there
   */
  async #arrive(mark: NavigationMark, deadline: Deadline): Promise<void> {
    if (!this.#navigation.hasBegun(mark)) return;
    await this.#navigation.settled(mark, deadline);
    const refusal = this.#guard.takeRefusal(this.#tab.id);
    if (refusal !== null) throw new PageError(describeRefusal(refusal), { errorClass: "block" });
  }

  // ------------------------------------------------------------------------------------------------------- Scripts

  /** As in the browser's console: statements with `await`, and the value of the last. In a block, so that it declares nothing for later. */
  async #evaluate(script: string, args: JsonObject, deadline: Deadline): Promise<Json> {
    const expression = `{ const args = ${literal(args)};\n${script}\n}`;
    const result = this.#scriptValue(await this.#ask(this.#tab.cdp.send("Runtime.evaluate", { expression, replMode: true, awaitPromise: true, userGesture: true }), deadline));
    if (result.type === "undefined") return null;
    if (result.objectId === undefined && result.unserializableValue === undefined && result.type !== "symbol") return result.value as Json;
    if (result.type !== "object" || result.subtype === "node") {
      const what = result.unserializableValue ?? result.description ?? `a ${result.type}`;
      throw new PageError(`the script's value is no JSON: ${what}`, { errorClass: "block" });
    }
    const functionDeclaration = "async function() { return JSON.stringify(await this); }";
    const asked = this.#tab.cdp.send("Runtime.callFunctionOn", { objectId: result.objectId!, functionDeclaration, awaitPromise: true, returnByValue: true });
    const json: unknown = this.#scriptValue(await this.#ask(asked, deadline)).value;
    return typeof json === "string" ? (JSON.parse(json) as Json) : null;
  }

  #scriptValue<R>({ result, exceptionDetails }: { result: R; exceptionDetails?: { text: string; exception?: { description?: string; value?: unknown } } }): R {
    if (exceptionDetails === undefined) return result;
    const { exception, text } = exceptionDetails;
    throw new PageError(`the script threw ${exception?.description ?? JSON.stringify(exception?.value) ?? text}`, { errorClass: "block" });
  }

  // ------------------------------------------------------------------------------------------------------- Actions

  /** @returns how many actions are done: all of the batch */
  async #performBatch(batch: Batch, base: number, signal: AbortSignal): Promise<number> {
    const last = batch.actions.at(-1)!;
    const lastIndex = base + batch.actions.length - 1;
    const box = await this.#runOps(batch.ops, base, signal);
    const deadline = new Deadline(last.timeoutMs, signal);
    try {
      await this.#finish(last, box, deadline);
    } catch (error) {
      throw this.#locate(error, lastIndex, last);
    }
    return batch.actions.length;
  }

  /** What an action needs beside what the library does for it: the pointer, the keyboard, a wait for the document. */
  async #finish(action: PageAction, box: Box | null, deadline: Deadline): Promise<void> {
    switch (action.do) {
      case "click":
        return box === null ? undefined : this.#click(box, deadline);
      case "hover":
        return box === null ? undefined : this.#ask(moveTo(this.#tab.cdp, box), deadline);
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

  #locate(error: unknown, actionIndex: number, action: PageAction): unknown {
    if (error instanceof PageError) return new PageError(error.message, { errorClass: error.errorClass, actionIndex, cause: error });
    if (!(error instanceof TimeUp)) return error;
    const time = seconds(action.timeoutMs);
    switch (action.do) {
      case "wait_for_url":
        return new PageError(`the address is still ${this.url()} after ${time}`, { errorClass: "block", actionIndex, cause: error });
      case "wait_for_load":
        return new PageError(`${this.url()} did not get to "${action.state}" within ${time}`, { errorClass: "temporary", actionIndex, cause: error });
      default:
        return new PageError(`done, but the page did not react or load what it leads to within ${time}; it is at ${this.url()}`, {
          errorClass: "temporary",
          actionIndex,
          cause: error,
        });
    }
  }

  async #click(point: Box, deadline: Deadline): Promise<void> {
    const mark = this.#navigation.mark();
    await this.#ask(clickAt(this.#tab.cdp, point), deadline);
    await this.#afterInput(mark, deadline);
  }

  async #press(keys: Parameters<typeof pressKeys>[1], deadline: Deadline): Promise<void> {
    const mark = this.#navigation.mark();
    await this.#ask(pressKeys(this.#tab.cdp, keys), deadline);
    await this.#afterInput(mark, deadline);
  }

  /** Input is answered when the page has handled it; what it has only posted to itself, such as a submission, is let happen too. */
  async #afterInput(mark: NavigationMark, deadline: Deadline): Promise<void> {
    if (!this.#navigation.hasBegun(mark)) await this.#call("settle", [], deadline);
    await this.#arrive(mark, deadline);
  }

  /**
   * Has the library do operations, waiting in slices, going on in the next document when one leads to it.
   * @param base index of the first, for errors
   * @returns what the last one found: a point or box
   */
  async #runOps(ops: readonly TimedOp[], base: number, signal: AbortSignal): Promise<Box | null> {
    let done = 0;
    let deadline: Deadline | null = null;
    while (done < ops.length) {
      const timeoutMs = ops[done]!.timeoutMs;
      deadline ??= new Deadline(timeoutMs, signal);
      const mark = this.#navigation.mark();
      try {
        const waitMs = Math.max(0, Math.min(SLICE_MS, deadline.remainingMs - RETURN_MS));
        const answer = await this.#orBusy("react", () => this.#call("run", [ops.slice(done).map(({ op }) => op), waitMs], deadline!));
        if (answer.done > 0) deadline = null;
        done += answer.done;
        if (answer.state === "complete" || answer.state === "leaving") {
          await this.#arrive(mark, new Deadline(timeoutMs, signal));
          if (answer.state === "complete") return answer.box;
        } else if (answer.state === "failed") {
          throw new PageError(answer.seen, { errorClass: "block" });
        } else if (deadline !== null && deadline.remainingMs <= RETURN_MS) {
          throw new PageError(`${answer.seen}${this.#refusedFrames()} (waited ${seconds(timeoutMs)})`, { errorClass: "block" });
        }
      } catch (error) {
        if (error instanceof PageError) throw new PageError(error.message, { errorClass: error.errorClass, actionIndex: base + done, cause: error });
        if (!(error instanceof TimeUp)) throw error;
        throw new PageError(`the page had not loaded within ${seconds(timeoutMs)}`, { errorClass: "temporary", actionIndex: base + done, cause: error });
      }
    }
    return null;
  }

  #refusedFrames(): string {
    const refused = this.#guard.refusalsInFrames(this.#tab.id).map(describeRefusal);
    return refused.length === 0 ? "" : `; a frame was not let through: ${refused.join("; ")}`;
  }

  // ----------------------------------------------------------------------------------------------------- The library

  /** Calls the library in whichever document is there. @throws TimeUp */
  async #call<M extends keyof PageLibrary>(method: M, args: Parameters<PageLibrary[M]>, deadline: Deadline): Promise<Awaited<ReturnType<PageLibrary[M]>>> {
    await this.#recovery;
    for (;;) {
      try {
        const world = await this.#enterWorld(deadline);
        const call = `pilotfish.${method}(...${literal(args)})`;
        const expression = world.hasLibrary ? call : LIBRARY_SOURCE + call;
        const asked = this.#tab.cdp.send("Runtime.evaluate", { expression, contextId: world.contextId, awaitPromise: true, returnByValue: true });
        const { result, exceptionDetails } = await this.#ask(asked, deadline);
        world.hasLibrary = true;
        if (exceptionDetails === undefined) return result.value as Awaited<ReturnType<PageLibrary[M]>>;
        const text = exceptionDetails.exception?.description ?? exceptionDetails.text;
        const badTarget = /^BadTarget: (.*)$/m.exec(text)?.[1];
        if (badTarget !== undefined) throw new PageError(badTarget, { errorClass: "block" });
        throw new Error(`pilotfish.${method} threw in ${this.url()}: ${text}`);
      } catch (error) {
        if (!(error instanceof ContextLost)) throw error;
        this.#world = null;
        await deadline.pause(20);
      }
    }
  }

  async #enterWorld(deadline: Deadline): Promise<World> {
    const { loaderId } = this.#navigation;
    if (this.#world?.loaderId !== loaderId) {
      const created = this.#tab.cdp.send("Page.createIsolatedWorld", { frameId: this.#tab.id, worldName: WORLD });
      const { executionContextId } = await this.#ask(created, deadline);
      this.#world = { loaderId, contextId: executionContextId, hasLibrary: false };
    }
    return this.#world;
  }

  // --------------------------------------------------------------------------------------------------- A busy page

  /** Asks something that only the page itself can answer; when it does not, makes it able to answer the next question. */
  async #ask<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
    try {
      return await this.#tab.wait(work, deadline);
    } catch (error) {
      if (error instanceof TimeUp || deadline.signal.aborted) this.#recovery = this.#recover();
      throw error;
    }
  }

  async #orBusy<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      throw new PageError(`the page did not ${what} in time: a script of it keeps it busy, or it waits for something (${this.url()})`, { errorClass: "temporary", cause: error });
    }
  }

  async #recover(): Promise<void> {
    await this.#interrupt();
    if (this.#world?.hasLibrary) {
      const cancel = { expression: "pilotfish.cancel()", contextId: this.#world.contextId };
      this.#tab.cdp.send("Runtime.evaluate", cancel).catch(() => undefined); // the document is gone, and what waited in it
    }
  }

  /** Ends a script that keeps the page from answering; gives the tab up when even that does not help. Never throws. */
  async #interrupt(): Promise<void> {
    if (this.#tab.gone !== null || (await this.#answers())) return;
    const patience = new Deadline(1000, NEVER);
    await this.#tab.wait(this.#tab.cdp.send("Runtime.terminateExecution"), patience).catch(() => undefined);
    if (!(await this.#answers())) this.#tab.lose("the page does not react any more");
  }

  async #answers(): Promise<boolean> {
    const ping = this.#tab.cdp.send("Runtime.evaluate", { expression: "0" });
    return this.#tab.wait(ping, new Deadline(1000, NEVER)).then(
      () => true,
      (error: unknown) => error instanceof ContextLost,
    );
  }

  // ------------------------------------------------------------------------------------------------------ Pictures

  async #boxOf(target: BrowserTarget, deadline: Deadline): Promise<Box> {
    const box = await this.#runOps([{ op: { do: "box", target }, timeoutMs: deadline.remainingMs }], 0, deadline.signal);
    if (box === null) throw new Error(`no box for ${describeTarget(target)}`);
    return box;
  }

  async #pageBox(deadline: Deadline): Promise<Box> {
    const { cssContentSize } = await this.#ask(this.#tab.cdp.send("Page.getLayoutMetrics"), deadline);
    return { x: 0, y: 0, width: Math.min(cssContentSize.width, MAX_PICTURE_PX), height: Math.min(cssContentSize.height, MAX_PICTURE_PX) };
  }
}

const NEVER = new AbortController().signal;

/** The library's place in one document. */
interface World {
  readonly loaderId: string;
  readonly contextId: number;
  hasLibrary: boolean;
}

interface TimedOp {
  readonly op: PageOp;
  readonly timeoutMs: number;
}

/** Actions that share one call of the library; only the last may need more than that. */
interface Batch {
  readonly actions: readonly PageAction[];
  readonly ops: readonly TimedOp[];
}

function takeBatch(actions: readonly PageAction[], from: number): Batch {
  const taken: PageAction[] = [];
  const ops: TimedOp[] = [];
  for (const action of actions.slice(from)) {
    const op = toOp(action);
    if (op === null && taken.length > 0) break;
    taken.push(action);
    if (op === null) break;
    ops.push({ op, timeoutMs: action.timeoutMs });
    if (action.do === "click" || action.do === "hover" || action.do === "type" || action.do === "press") break;
  }
  return { actions: taken, ops };
}

/** The library's part of an action; null when it has none. */
function toOp(action: PageAction): PageOp | null {
  switch (action.do) {
    case "click":
      return { do: "point", target: action.target, first: action.first ?? false };
    case "hover":
      return { do: "point", target: action.target, first: false };
    case "type":
    case "press":
      return action.target === null ? null : { do: "focus", target: action.target };
    case "fill":
      return { do: "fill", target: action.target, value: action.value };
    case "select":
      return { do: "select", target: action.target, by: action.by, wanted: action.wanted };
    case "check":
      return { do: "check", target: action.target, checked: action.checked };
    case "upload": {
      const files = action.files.map(({ name, contentType, bytes }) => ({ name, contentType, base64: Buffer.from(bytes).toString("base64") }));
      return { do: "upload", target: action.target, files };
    }
    case "scroll":
      if ("target" in action.to) return { do: "scroll", target: action.to.target };
      return "edge" in action.to ? { do: "scroll_to", edge: action.to.edge } : { do: "scroll_by", x: action.to.byX, y: action.to.byY };
    case "wait_for":
      return { do: action.state === "visible" ? "wait_visible" : "wait_hidden", target: action.target };
    case "wait_for_text":
      return { do: "wait_text", text: action.text };
    case "wait_for_url":
    case "wait_for_load":
      return null;
  }
}

function parseKey(chord: string): NonNullable<ReturnType<typeof parseChord>> {
  const press = parseChord(chord);
  if (press === null) throw new PageError(`there is no key "${chord}"; use names such as Enter, Tab, ArrowDown, a, Control+A`, { errorClass: "block" });
  return press;
}

/** JSON as JavaScript: parsed, so that a key `__proto__` stays a key. */
function literal(value: unknown): string {
  return `JSON.parse(${JSON.stringify(JSON.stringify(value))})`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
