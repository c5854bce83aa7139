import { PageError } from "../../domain/browser.ts";
import { Deadline, TimeUp } from "./deadline.ts";
import type { PageLibrary } from "./in-page/protocol.ts";
import { LIBRARY_SOURCE } from "./in-page/source.js";
import type { Navigation } from "./navigation.ts";
import { ContextLost, type Tab } from "./tab.ts";

/** The isolated world of the library: it shares the document with the page's scripts and nothing else. */
const WORLD = "pilotfish";

/** A page that is silent for this long is interrupted. */
const INTERRUPT_MS = 700;

/** So many scripts are ended, one after the other: behind the one that runs, others may wait that never end either. */
const MAX_INTERRUPTED = 4;

/** The library's place in one document. */
interface World {
  readonly loaderId: string;
  readonly contextId: number;
  hasLibrary: boolean;
}

/**
 * What runs the page and has to answer for it: the library in whichever document is there, and a main thread that the page's scripts may keep
 * busy for ever. Whoever gives up on an answer leaves the page able to answer the next question.
 */
export class Renderer {
  readonly #tab: Tab;
  readonly #navigation: Navigation;
  #world: World | null = null;
  #recovery: Promise<void> = Promise.resolve();

  constructor(tab: Tab, navigation: Navigation) {
    this.#tab = tab;
    this.#navigation = navigation;
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
   * Waits for something that only the page can answer.
   * @throws TimeUp, ContextLost
   */
  async ask<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
    try {
      return await this.#tab.wait(work, deadline);
    } catch (error) {
      if (error instanceof TimeUp || deadline.signal.aborted) this.#recovery = this.#recover();
      throw error;
    }
  }

  /** Makes a page answer that may be busy, as it has to before it can be left. */
  async free(deadline: Deadline): Promise<void> {
    await deadline.wait(this.#recovery);
    await deadline.wait(this.#interrupt());
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
        const call = `pilotfish.${method}(...${toScript(args)})`;
        const options = { contextId: world.contextId, awaitPromise: true, returnByValue: true };
        const expression = world.hasLibrary ? call : LIBRARY_SOURCE + call;
        const { result, exceptionDetails } = await ask(this.#tab.cdp.send("Runtime.evaluate", { expression, ...options }));
        world.hasLibrary = true;
        if (exceptionDetails === undefined) return result.value as Answer<M>;
        const text = exceptionDetails.exception?.description ?? exceptionDetails.text;
        const badTarget = /^BadTarget: (.*)$/m.exec(text)?.[1];
        if (badTarget !== undefined) throw new PageError(badTarget, { errorClass: "block" });
        throw new Error(`pilotfish.${method} threw in ${this.#navigation.url}: ${text}`);
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
      this.#world = { loaderId, contextId: executionContextId, hasLibrary: false };
    }
    return this.#world;
  }

  /** Ends what was given up on: it must not act later. */
  async #recover(): Promise<void> {
    await this.#interrupt();
    if (this.#world?.hasLibrary !== true) return;
    const cancel = { expression: "pilotfish.cancel()", contextId: this.#world.contextId };
    this.#tab.cdp.send("Runtime.evaluate", cancel).catch(() => undefined); // the document is gone, and what waited in it
  }

  /** Ends a navigation or a script that keeps the page from answering; gives the tab up when even that does not help. Never throws. */
  async #interrupt(): Promise<void> {
    if (this.#tab.gone !== null) return;
    const tell = (message: Promise<unknown>) => this.#tab.wait(message, new Deadline(INTERRUPT_MS)).catch(() => undefined);
    if (this.#navigation.isUnderWay) await tell(this.#tab.cdp.send("Page.stopLoading"));
    for (let scripts = 0; !(await this.#answers()); scripts++) {
      if (scripts === MAX_INTERRUPTED) return void this.#tab.lose("the page does not react any more");
      await tell(this.#tab.cdp.send("Runtime.terminateExecution"));
    }
  }

  async #answers(): Promise<boolean> {
    const ping = this.#tab.cdp.send("Runtime.evaluate", { expression: "0" });
    return this.#tab.wait(ping, new Deadline(INTERRUPT_MS)).then(
      () => true,
      (error: unknown) => error instanceof ContextLost,
    );
  }
}

type Answer<M extends keyof PageLibrary> = Awaited<ReturnType<PageLibrary[M]>>;

/** A value as JavaScript: JSON to be parsed there, so that a key `__proto__` stays a key. */
export function toScript(value: unknown): string {
  return `JSON.parse(${JSON.stringify(JSON.stringify(value))})`;
}
