import { PageError } from "../../../domain/browser/browser.ts";
import type { Deadline } from "../deadline.ts";
import type { PageLibrary } from "../in-page/protocol.ts";
import { LIBRARY_SOURCE } from "../in-page/source.js";
import type { Navigation } from "../tabs/navigation.ts";
import { type Place, toScript, WORLD } from "./place.ts";
import type { Renderer } from "./renderer.ts";
import { ContextLost, type Tab } from "../tabs/tab.ts";

export type Answer<M extends keyof PageLibrary> = Awaited<ReturnType<PageLibrary[M]>>;

/** The library's place in the page itself. */
interface World extends Place {
  readonly loaderId: string;
  hasLibrary: boolean;
}

/** What stands for the library's answer where it is not there yet. */
const NO_LIBRARY = "no library";

/** The library (`in-page/`) in whichever document is there: it is sent with the first call to each. */
export class Library {
  readonly #tab: Tab;
  readonly #navigation: Navigation;
  readonly #renderer: Renderer;
  #world: World | null = null;

  constructor(tab: Tab, navigation: Navigation, renderer: Renderer) {
    this.#tab = tab;
    this.#navigation = navigation;
    this.#renderer = renderer;
    renderer.onGivenUp((asked) => this.#cancel(asked));
  }

  /**
   * Calls the library, in the next document when this one goes away meanwhile.
   * @throws TimeUp, or PageError for a target that can never match
   */
  call<M extends keyof PageLibrary>(method: M, args: Parameters<PageLibrary[M]>, deadline: Deadline): Promise<Answer<M>> {
    return this.#call(method, args, deadline, (work) => this.#renderer.ask(work, deadline));
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
    return (await this.ask(place, callOf(method, args), deadline, true)).value as Answer<M>;
  }

  /**
   * What an expression that uses the library comes to.
   * @param byValue otherwise an object is given by its id
   */
  async ask(place: Place, expression: string, deadline: Deadline, byValue: boolean): Promise<RemoteAnswer> {
    await this.#renderer.recovered(deadline);
    const evaluate = async (text: string) =>
      valueIn(
        await this.#renderer.askIn(
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
    return this.#enterWorld((work) => this.#renderer.ask(work, deadline));
  }

  async #call<M extends keyof PageLibrary>(
    method: M,
    args: Parameters<PageLibrary[M]>,
    deadline: Deadline,
    ask: <T>(work: Promise<T>) => Promise<T>,
  ): Promise<Answer<M>> {
    await this.#renderer.recovered(deadline);
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

  /** Ends what waits in the page, and in the document that was asked. */
  #cancel(asked: Place | null): void {
    for (const place of [asked, this.#world?.hasLibrary === true ? this.#world : null]) {
      if (place === null) continue;
      const cancel = { expression: 'Object.hasOwn(globalThis, "pilotfish") && pilotfish.cancel()', contextId: place.contextId };
      place.cdp.send("Runtime.evaluate", cancel).catch(() => undefined); // the document is gone, and what waited in it
    }
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
