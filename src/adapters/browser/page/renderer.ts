import type { CDPSession } from "@cloudflare/puppeteer";
import { PageError } from "../../../domain/browser/browser.ts";
import { Deadline, TimeUp } from "../deadline.ts";
import type { Navigation } from "../tabs/navigation.ts";
import type { Place } from "./place.ts";
import { ContextLost, GONE_WITH_SESSION, type Tab } from "../tabs/tab.ts";

/** A page that is silent for this long is interrupted. */
const INTERRUPT_MS = 700;

/** A page needs at most so many times as long for an answer as the browser itself, unless it is busy; and so much longer at most. */
const BUSY_FACTOR = 10;
const LONGER_MS = 2000;

/** So many scripts are ended, one after the other: behind the one that runs, others may wait that never end either. */
const MAX_INTERRUPTED = 4;

/** A page that has opened so many dialogs, or gone elsewhere so often, within this time, will go on with it. */
const MANY = 8;
const LATELY_MS = 1000;

/**
 * What runs the page and has to answer for it: a main thread that the page's scripts may keep busy for ever. Whoever gives up on an answer leaves
 * the page able to answer the next question.
 */
export class Renderer {
  readonly #tab: Tab;
  readonly #navigation: Navigation;
  #recovery: Promise<void> = Promise.resolve();
  #onGivenUp: (asked: Place | null) => void = () => undefined;
  /** When the page opened its last dialogs and began, by itself, to go elsewhere. */
  #unrest: number[] = [];
  #stirs = 0;
  /** The document in which a script had to be ended last: it may begin anew at any moment. */
  #interrupted: string | null = null;

  constructor(tab: Tab, navigation: Navigation) {
    this.#tab = tab;
    this.#navigation = navigation;
    const note = () => {
      this.#stirs++;
      this.#unrest = [...this.#unrest, Date.now()].slice(-MANY);
    };
    tab.cdp.on("Page.javascriptDialogOpening", note);
    tab.cdp.on("Page.frameRequestedNavigation", ({ frameId }) => frameId === tab.id && note());
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

  /** Is told when an answer was given up on, and that the page reacts again: what was asked must not act later. */
  onGivenUp(listener: (asked: Place | null) => void): void {
    this.#onGivenUp = listener;
  }

  /** Waits until nothing is left of what was given up on. */
  async recovered(deadline: Deadline): Promise<void> {
    await deadline.wait(this.#recovery);
  }

  /** Makes a page answer that may be busy. */
  async free(deadline: Deadline): Promise<void> {
    await this.recovered(deadline);
    await deadline.wait(this.#interrupt());
  }

  /**
   * Makes a page let go, whatever it is at. What it still loads is given up: its requests could keep those of the next document waiting.
   * @param to the address that the tab is about to go to
   */
  async leave(to: string, deadline: Deadline): Promise<void> {
    await this.recovered(deadline);
    const staysHere = to.includes("#") && withoutFragment(to) === withoutFragment(this.#navigation.url);
    if (this.#navigation.isUnderWay || (this.#navigation.isLoading && !staysHere)) this.#stopLoading();
    const isQuiet = !this.#isRestless && (staysHere || this.#interrupted !== this.#navigation.loaderId);
    if (!isQuiet || !(await deadline.wait(this.#answers(this.#tab.cdp)))) await deadline.wait(this.silence(deadline));
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

  /** Ends what was given up on: it must not act later. Never throws. */
  async #recover(asked: Place | null): Promise<void> {
    await this.#interrupt();
    if (asked !== null && asked.cdp !== this.#tab.cdp) await this.#endScripts(asked.cdp);
    if (this.#tab.gone === null) this.#onGivenUp(asked);
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
  async silence(deadline: Deadline): Promise<void> {
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

  /** How often the page has opened a dialog, or begun to go elsewhere by itself. */
  get stirs(): number {
    return this.#stirs;
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
    this.#interrupted = this.#navigation.loaderId;
    cdp.send("Runtime.terminateExecution").catch(() => undefined); // see above
  }

  #allowScripts(allowed: boolean): void {
    this.#tab.cdp.send("Emulation.setScriptExecutionDisabled", { value: !allowed }).catch(() => undefined); // see above
  }

  /** Where the machine is busy, and not only the page, that has as much more time to answer. */
  async #answers(cdp: CDPSession): Promise<boolean> {
    const ping = cdp.send("Runtime.evaluate", { expression: "0" });
    const answer = cdp === this.#tab.cdp ? ping : withoutSessionLoss(ping);
    const within = (ms: number) =>
      this.#tab.wait(answer, new Deadline(ms)).then(
        () => true,
        (error: unknown) => error instanceof ContextLost,
      );
    return (await within(INTERRUPT_MS)) || (await within(Math.min(LONGER_MS, BUSY_FACTOR * (await this.#browserTakes()))));
  }

  /** @returns how long the browser itself needs for an answer that no page can hold up, in milliseconds */
  async #browserTakes(): Promise<number> {
    const askedAt = Date.now();
    const asked = this.#tab.cdp.connection()?.send("Browser.getVersion");
    if (asked !== undefined) await this.#tab.wait(asked, new Deadline(INTERRUPT_MS)).catch(() => undefined); // that is long
    return Date.now() - askedAt;
  }
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

function withoutFragment(url: string): string {
  return url.split("#", 1)[0]!;
}
