import type { CDPSession } from "@cloudflare/puppeteer";
import { PageError } from "../../domain/browser.ts";
import { Deadline, TimeUp } from "./deadline.ts";
import type { PageLibrary } from "./in-page/protocol.ts";
import { LIBRARY_SOURCE } from "./in-page/source.js";
import type { Navigation } from "./navigation.ts";
import { ContextLost, GONE_WITH_SESSION, type Tab } from "./tab.ts";

/** The isolated world of the library: it shares the document with the page's scripts and nothing else. */
export const WORLD = "pilotfish";

/** A page that is silent for this long is interrupted. */
const INTERRUPT_MS = 700;

/** So many scripts are ended, one after the other: behind the one that runs, others may wait that never end either. */
const MAX_INTERRUPTED = 4;

/** A page that has opened so many dialogs, or gone elsewhere so often, within this time, will go on with it. */
const MANY = 8;
const LATELY_MS = 1000;

/** The library's place in one document: the session that leads there, and its world. */
export interface Place {
  readonly cdp: CDPSession;
  readonly contextId: number;
}

/** The library's place in the page itself. */
interface World extends Place {
  readonly loaderId: string;
  hasLibrary: boolean;
}

/** What stands for the library's answer where it is not there yet. */
const NO_LIBRARY = "no library";

/**
 * What runs the page and has to answer for it: the library in whichever document is there, and a main thread that the page's scripts may keep
 * busy for ever. Whoever gives up on an answer leaves the page able to answer the next question.
 */
export class Renderer {
  readonly #tab: Tab;
  readonly #navigation: Navigation;
  #world: World | null = null;
  #recovery: Promise<void> = Promise.resolve();
  /** When the page opened its last dialogs and began, by itself, to go elsewhere. */
  #unrest: number[] = [];

  constructor(tab: Tab, navigation: Navigation) {
    this.#tab = tab;
    this.#navigation = navigation;
    const note = () => void (this.#unrest = [...this.#unrest, Date.now()].slice(-MANY));
    tab.cdp.on("Page.javascriptDialogOpening", note);
    tab.cdp.on("Page.frameRequestedNavigation", ({ frameId }) => frameId === tab.id && note());
  }

  /**
   * Calls the library, in the next document when this one goes away meanwhile.
   * @throws TimeUp, or PageError for a target that can never match
   */
  call<M extends keyof PageLibrary>(method: M, args: Parameters<PageLibrary[M]>, deadline: Deadline): Promise<Answer<M>> {
    return this.#call(method, args, deadline, (work) => this.ask(work, deadline));
  }

  /** The same, but a page that is busy is left alone. */
  callGently<M extends keyof PageLibrary>(method: M, args: Parameters<PageLibrary[M]>, deadline: Deadline): Promise<Answer<M>> {
    return this.#call(method, args, deadline, (work) => this.#tab.wait(work, deadline));
  }

  /**
   * Calls the library in one document inside the page.
   * @throws TimeUp, ContextLost when the document is gone, or PageError for a target that can never match
   */
  async callIn<M extends keyof PageLibrary>(
    place: Place,
    method: M,
    args: Parameters<PageLibrary[M]>,
    deadline: Deadline,
  ): Promise<Answer<M>> {
    return (await this.askLibrary(place, callOf(method, args), deadline, true)).value as Answer<M>;
  }

  /**
   * What an expression that uses the library comes to.
   * @param byValue otherwise an object is given by its id
   */
  async askLibrary(place: Place, expression: string, deadline: Deadline, byValue: boolean): Promise<RemoteAnswer> {
    await deadline.wait(this.#recovery);
    const evaluate = async (text: string) =>
      valueIn(
        await this.askIn(
          place,
          place.cdp.send("Runtime.evaluate", { expression: text, contextId: place.contextId, awaitPromise: true, returnByValue: byValue }),
          deadline,
        ),
      );
    const answer = await evaluate(`Object.hasOwn(globalThis, "pilotfish") ? ${expression} : ${JSON.stringify(NO_LIBRARY)}`);
    return answer.value === NO_LIBRARY ? await evaluate(LIBRARY_SOURCE + expression) : answer;
  }

  /** The library's place in the page itself, for what is asked there about a frame. */
  enterPage(deadline: Deadline): Promise<Place> {
    return this.#enterWorld((work) => this.ask(work, deadline));
  }

  /**
   * Waits for something that only the page can answer.
   * @throws TimeUp, ContextLost
   */
  ask<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
    return this.#ask(work, deadline, null);
  }

  /** The same, of a document inside the page. The end of its session is the end of that document only. */
  askIn<T>(place: Place, work: Promise<T>, deadline: Deadline): Promise<T> {
    return this.#ask(place.cdp === this.#tab.cdp ? work : withoutSessionLoss(work), deadline, place);
  }

  async #ask<T>(work: Promise<T>, deadline: Deadline, place: Place | null): Promise<T> {
    try {
      return await this.#tab.wait(work, deadline);
    } catch (error) {
      if (error instanceof TimeUp || deadline.signal.aborted) this.#recovery = this.#recover(place);
      throw error;
    }
  }

  /** Makes a page answer that may be busy. */
  async free(deadline: Deadline): Promise<void> {
    await deadline.wait(this.#recovery);
    await deadline.wait(this.#interrupt());
  }

  /**
   * Makes a page let go, whatever it is at. What it still loads is given up: its requests could keep those of the next document waiting.
   * @param to the address that the tab is about to go to
   */
  async leave(to: string, deadline: Deadline): Promise<void> {
    await deadline.wait(this.#recovery);
    const staysHere = to.includes("#") && withoutFragment(to) === withoutFragment(this.#navigation.url);
    if (this.#navigation.isUnderWay || (this.#navigation.isLoading && !staysHere)) this.#stopLoading();
    if (this.#isRestless || !(await deadline.wait(this.#answers(this.#tab.cdp)))) await deadline.wait(this.#silence(deadline));
  }

  /**
   * Puts a time-out into words.
   * @param what the page was to do, as in "the page did not … in time"
   */
  async inTime<T>(what: string, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      const why = this.#navigation.isUnderWay
        ? "it waits for the document that it is going to"
        : "a script of it keeps it busy, or waits for something";
      throw new PageError(`the page did not ${what} in time: ${why} (${this.#navigation.url})`, { errorClass: "temporary", cause: error });
    }
  }

  async #call<M extends keyof PageLibrary>(
    method: M,
    args: Parameters<PageLibrary[M]>,
    deadline: Deadline,
    ask: <T>(work: Promise<T>) => Promise<T>,
  ): Promise<Answer<M>> {
    await deadline.wait(this.#recovery);
    for (;;) {
      try {
        const world = await this.#enterWorld(ask);
        const call = callOf(method, args);
        const options = { contextId: world.contextId, awaitPromise: true, returnByValue: true };
        const expression = world.hasLibrary ? call : LIBRARY_SOURCE + call;
        const evaluation = await ask(this.#tab.cdp.send("Runtime.evaluate", { expression, ...options }));
        world.hasLibrary = true;
        return valueIn(evaluation).value as Answer<M>;
      } catch (error) {
        if (!(error instanceof ContextLost)) throw error;
        this.#world = null;
        await deadline.pause(20); // the next document is there in a moment
      }
    }
  }

  async #enterWorld(ask: <T>(work: Promise<T>) => Promise<T>): Promise<World> {
    const { loaderId } = this.#navigation;
    if (this.#world?.loaderId !== loaderId) {
      const created = this.#tab.cdp.send("Page.createIsolatedWorld", { frameId: this.#tab.id, worldName: WORLD });
      const { executionContextId } = await ask(created);
      this.#world = { cdp: this.#tab.cdp, loaderId, contextId: executionContextId, hasLibrary: false };
    }
    return this.#world;
  }

  /** Ends what was given up on: it must not act later. Never throws. */
  async #recover(asked: Place | null): Promise<void> {
    await this.#interrupt();
    if (asked !== null && asked.cdp !== this.#tab.cdp) await this.#endScripts(asked.cdp);
    const places = [asked, this.#world?.hasLibrary === true ? this.#world : null];
    for (const place of places) {
      if (place === null || this.#tab.gone !== null) continue;
      const cancel = { expression: 'Object.hasOwn(globalThis, "pilotfish") && pilotfish.cancel()', contextId: place.contextId };
      place.cdp.send("Runtime.evaluate", cancel).catch(() => undefined); // the document is gone, and what waited in it
    }
  }

  /** Ends a navigation or a script that keeps the page from answering; gives the tab up when even that does not help. Never throws. */
  async #interrupt(): Promise<void> {
    if (this.#tab.gone !== null) return;
    if (this.#navigation.isUnderWay) this.#stopLoading();
    await this.#untilItAnswers();
  }

  /**
   * Has a page that would not let go run no script any more, and puts an empty one in its place. Without that, a script that begins anew at each
   * interruption would keep the next document from coming, one that goes elsewhere would do so instead, and a dialog that opens at the moment of
   * the change could be closed by nobody.
   */
  async #silence(deadline: Deadline): Promise<void> {
    const { loaderId } = this.#navigation;
    this.#allowScripts(false);
    try {
      this.#endScript(this.#tab.cdp);
      await this.#untilItAnswers();
      const { loaderId: emptyId } = await this.#tab.wait(this.#tab.cdp.send("Page.navigate", { url: "about:blank" }), deadline);
      if (emptyId !== undefined && emptyId !== loaderId) await this.#navigation.reached("load", emptyId, deadline);
      this.#unrest = [];
    } finally {
      this.#allowScripts(true);
    }
  }

  get #isRestless(): boolean {
    const [first] = this.#unrest;
    return first !== undefined && this.#unrest.length === MANY && Date.now() - first < LATELY_MS;
  }

  /** Ends scripts until the page answers; gives the tab up when that does not help. Never throws. */
  async #untilItAnswers(): Promise<void> {
    if (!(await this.#endScripts(this.#tab.cdp))) this.#tab.lose("the page does not react any more");
  }

  /** @returns whether it answers then */
  async #endScripts(cdp: CDPSession): Promise<boolean> {
    for (let scripts = 0; !(await this.#answers(cdp)); scripts++) {
      if (scripts === MAX_INTERRUPTED) return false;
      this.#endScript(cdp); // the next question must be there before the page's next script begins
    }
    return true;
  }

  #stopLoading(): void {
    this.#tab.cdp.send("Page.stopLoading").catch(() => undefined); // the tab is gone
  }

  #endScript(cdp: CDPSession): void {
    cdp.send("Runtime.terminateExecution").catch(() => undefined); // see above
  }

  #allowScripts(allowed: boolean): void {
    this.#tab.cdp.send("Emulation.setScriptExecutionDisabled", { value: !allowed }).catch(() => undefined); // see above
  }

  async #answers(cdp: CDPSession): Promise<boolean> {
    const ping = cdp.send("Runtime.evaluate", { expression: "0" });
    return this.#tab.wait(cdp === this.#tab.cdp ? ping : withoutSessionLoss(ping), new Deadline(INTERRUPT_MS)).then(
      () => true,
      (error: unknown) => error instanceof ContextLost,
    );
  }
}

/** CDP's answer to an evaluation, as far as it matters here. */
interface Evaluated {
  readonly result: RemoteAnswer;
  readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } };
}

interface RemoteAnswer {
  readonly value?: unknown;
  readonly objectId?: string;
}

/** @throws PageError for a target that can never match; any other error of the library is a bug */
function valueIn({ result, exceptionDetails }: Evaluated): RemoteAnswer {
  if (exceptionDetails === undefined) return result;
  const text = exceptionDetails.exception?.description ?? exceptionDetails.text;
  const badTarget = /^BadTarget: (.*)$/m.exec(text)?.[1];
  if (badTarget !== undefined) throw new PageError(badTarget, { errorClass: "block" });
  throw new Error(`the library threw in the page: ${text}`);
}

function callOf(method: keyof PageLibrary, args: readonly unknown[]): string {
  return `pilotfish.${method}(...${toScript(args)})`;
}

/** For a session that may end while its tab goes on. */
async function withoutSessionLoss<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && GONE_WITH_SESSION.test(error.message)) throw new ContextLost("the frame is gone", { cause: error });
    throw error;
  }
}

export type Answer<M extends keyof PageLibrary> = Awaited<ReturnType<PageLibrary[M]>>;

function withoutFragment(url: string): string {
  return url.split("#", 1)[0]!;
}

/** A value as JavaScript: JSON to be parsed there, so that a key `__proto__` stays a key. */
export function toScript(value: unknown): string {
  return `JSON.parse(${JSON.stringify(JSON.stringify(value))})`;
}
