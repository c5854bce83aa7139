import { NoDownload, PageError } from "../../../domain/browser/browser.ts";
import type { Arrival } from "../../../ports/browser-page.ts";
import type { NavigateOptions } from "../../../ports/page-options.ts";
import { Deadline, inSeconds, TimeUp } from "../deadline.ts";
import { describeRefusal } from "../guard/tab-guard.ts";
import { classOfNetError, describeNetError } from "./net-errors.ts";
import type { PageParts } from "./page-parts.ts";

/** Chromium's word for a navigation that came to no document: a download, an answer without content, or one that was broken off. */
const NO_DOCUMENT = "net::ERR_ABORTED";

/** CDP's answer to `Page.navigate`, which comes before the document. */
interface Departure {
  /** Of the document that is about to come; absent where it is a place in the one that is there. */
  readonly loaderId?: string;
  readonly errorText?: string;
}

/** Takes a page to other addresses, and says where it arrived. */
export class Travel {
  readonly #parts: PageParts;

  constructor(parts: PageParts) {
    this.#parts = parts;
  }

  /** As `BrowserPage.goto`; so are the next three. */
  async goto(url: string, { waitUntil, timeoutMs, signal }: NavigateOptions): Promise<Arrival> {
    const { navigation, renderer, responses } = this.#parts;
    const deadline = new Deadline(timeoutMs, signal);
    this.#assertAllowed(url);
    try {
      await renderer.leave(url, deadline);
      responses.mark();
      const { loaderId, errorText } = await this.#depart(url, deadline);
      if (errorText === NO_DOCUMENT) {
        throw new PageError(`${url} is a download or has no content; for a file use a download step or http_request`, {
          errorClass: "block",
        });
      }
      if (errorText !== undefined) throw notOpened(url, errorText);
      if (loaderId !== undefined) await navigation.reached(waitUntil, null, deadline); // a script of it may have gone on to another
      return await this.#arrival(deadline);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      this.#stop();
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
    const { tab } = this.#parts;
    return this.#move("be loaded again", (deadline) => tab.wait(tab.cdp.send("Page.reload"), deadline), options);
  }

  /**
   * Goes to the address of a file; the download is broken off, and with it the way there.
   * @throws TimeUp, PageError
   */
  async openFile(url: string, deadline: Deadline): Promise<void> {
    this.#assertAllowed(url);
    await this.#parts.renderer.free(deadline);
    const { errorText } = await this.#navigate(url, deadline);
    if (errorText === undefined) throw new NoDownload(`${url} is a page and no file`, { errorClass: "block" });
    if (errorText !== NO_DOCUMENT) throw notOpened(url, errorText);
  }

  #assertAllowed(url: string): void {
    const refusal = this.#parts.guard.check(url);
    if (refusal !== null) throw new PageError(describeRefusal(refusal), { errorClass: "block" });
  }

  /** @throws TimeUp, PageError when it redirects to where it may not */
  async #navigate(url: string, deadline: Deadline): Promise<Departure> {
    const { tab, guard } = this.#parts;
    guard.takeRefusal();
    const answer = await tab.wait(tab.cdp.send("Page.navigate", { url }), deadline);
    const refusal = guard.takeRefusal();
    if (refusal !== null) throw new PageError(`${url} redirects to ${describeRefusal(refusal)}`, { errorClass: "block" });
    return answer;
  }

  /**
   * Begins to load a document, and waits until it is there. A page that goes elsewhere by itself meanwhile may break that off, or come after it: then
   * its scripts are ended, and it is left again.
   */
  async #depart(url: string, deadline: Deadline): Promise<Departure> {
    const { navigation, renderer } = this.#parts;
    const [mark, stirs] = [navigation.mark(), renderer.stirs];
    const answer = await this.#navigate(url, deadline);
    const { loaderId, errorText } = answer;
    if (errorText === undefined ? loaderId === undefined : errorText !== NO_DOCUMENT) return answer; // a place in this document, or a reason
    const hasCome = loaderId === undefined || errorText !== undefined || (await navigation.became(loaderId, mark, deadline));
    if (hasCome && renderer.stirs === stirs) return answer;
    await renderer.silence(deadline);
    return await this.#navigate(url, deadline);
  }

  /** Goes where only the browser knows. */
  async #move(
    what: string,
    begin: (deadline: Deadline) => Promise<unknown>,
    { waitUntil, timeoutMs, signal }: NavigateOptions,
  ): Promise<Arrival> {
    const { navigation, guard, renderer, responses } = this.#parts;
    const deadline = new Deadline(timeoutMs, signal);
    try {
      await renderer.free(deadline);
      guard.takeRefusal();
      const mark = navigation.mark();
      responses.mark();
      await begin(deadline);
      const hasMoved = await navigation.moved(mark, waitUntil, deadline);
      const refusal = guard.takeRefusal();
      if (refusal !== null) throw new PageError(describeRefusal(refusal), { errorClass: "block" });
      if (!hasMoved) throw new PageError(`the page did not ${what}: what the server gave is no page`, { errorClass: "block" });
      if (navigation.isError) throw new PageError(`${navigation.url} could not be opened again`, { errorClass: "temporary" });
      return await this.#arrival(deadline);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      this.#stop();
      const message = `the page did not ${what} as far as "${waitUntil}" within ${inSeconds(timeoutMs)}; it is at ${navigation.url}`;
      throw new PageError(message, { errorClass: "temporary", cause: error });
    }
  }

  async #moveInHistory(steps: 1 | -1, deadline: Deadline): Promise<void> {
    const { tab, navigation } = this.#parts;
    const { currentIndex, entries } = await tab.wait(tab.cdp.send("Page.getNavigationHistory"), deadline);
    const entry = entries[currentIndex + steps];
    if (entry === undefined) {
      const [where, end] = steps < 0 ? ["back", "first"] : ["forward", "last"];
      const count = entries.length === 1 ? "one page" : `${entries.length} pages`;
      const message = `there is nothing to go ${where} to: the tab's history has ${count}, and ${navigation.url} is the ${end}`;
      throw new PageError(message, { errorClass: "block" });
    }
    await tab.wait(tab.cdp.send("Page.navigateToHistoryEntry", { entryId: entry.id }), deadline);
  }

  async #arrival(deadline: Deadline): Promise<Arrival> {
    const where = await this.#parts.library.call("where", [], deadline);
    return { ...where, status: where.status || null };
  }

  #stop(): void {
    this.#parts.tab.cdp.send("Page.stopLoading").catch(() => undefined); // the tab is gone
  }
}

function notOpened(url: string, errorText: string): PageError {
  return new PageError(`${url} could not be opened: ${describeNetError(errorText)}`, { errorClass: classOfNetError(errorText) });
}
