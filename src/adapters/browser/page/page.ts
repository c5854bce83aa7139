import {
  type BrowserTarget,
  type Download,
  framesOf,
  NoDownload,
  type PageAction,
  PageError,
  type PageFindings,
  type PageQuery,
  type PageState,
  pathTo,
  PLAIN_CLICK,
} from "../../../domain/browser/browser.ts";
import type { Json, JsonObject } from "../../../domain/json.ts";
import type { Arrival, BrowserPage, PictureOptions, PrintOptions } from "../../../ports/browser-page.ts";
import type { NavigateOptions, PageOptions } from "../../../ports/page-options.ts";
import type { PageCookies, PageDialogs, PageSettings, PageStorage, PageSurroundings, PageTabs } from "../../../ports/page-surroundings.ts";
import { Actor } from "./actor.ts";
import { arrive } from "./arrive.ts";
import { Deadline, inSeconds, TimeUp } from "../deadline.ts";
import { catchDownload } from "./download.ts";
import { byFrames, readInFrame } from "./frame-reading.ts";
import { Gestures } from "./gestures.ts";
import { atAction, Operations } from "./operations.ts";
import type { PageParts } from "./page-parts.ts";
import { Pictures } from "./pictures.ts";
import { runScript } from "./script.ts";
import { ContextLost } from "../tabs/tab.ts";
import { Travel } from "./travel.ts";
import { WebStorage } from "./web-storage.ts";

/** An answer that need not be waited for in the page takes at most this long, unless the page is busy. */
const ANSWER_MS = 3000;

/** What stands around a page, and which page is the current one. */
export type Surroundings = Omit<PageSurroundings, "storage"> & { readonly current: () => BrowserPage };

/** `BrowserPage` over CDP: one tab and the library in its document. */
export class CdpPage implements BrowserPage {
  readonly #parts: PageParts;
  readonly #travel: Travel;
  readonly #operations: Operations;
  readonly #gestures: Gestures;
  readonly #actor: Actor;
  readonly #pictures: Pictures;
  readonly #current: () => BrowserPage;

  readonly tabs: PageTabs;
  readonly dialogs: PageDialogs;
  readonly cookies: PageCookies;
  readonly storage: PageStorage;
  readonly settings: PageSettings;

  constructor(parts: PageParts, { current, tabs, dialogs, cookies, settings }: Surroundings) {
    this.#parts = parts;
    this.#travel = new Travel(parts);
    this.#operations = new Operations(parts);
    this.#gestures = new Gestures(parts, this.#operations);
    this.#actor = new Actor(parts, this.#operations, this.#gestures);
    this.#pictures = new Pictures(parts, this.#operations);
    this.#current = current;
    this.tabs = tabs;
    this.dialogs = dialogs;
    this.cookies = cookies;
    this.storage = new WebStorage(parts);
    this.settings = settings;
  }

  get current(): BrowserPage {
    return this.#current();
  }

  url(): string {
    return this.#parts.navigation.url;
  }

  async where({ timeoutMs, signal }: PageOptions): Promise<{ url: string; title: string }> {
    const { renderer, library } = this.#parts;
    const { url, title } = await renderer.inTime("tell its title", library.call("where", [], new Deadline(timeoutMs, signal)));
    return { url, title };
  }

  goto(url: string, options: NavigateOptions): Promise<Arrival> {
    return this.#travel.goto(url, options);
  }

  back(options: NavigateOptions): Promise<Arrival> {
    return this.#travel.back(options);
  }

  forward(options: NavigateOptions): Promise<Arrival> {
    return this.#travel.forward(options);
  }

  reload(options: NavigateOptions): Promise<Arrival> {
    return this.#travel.reload(options);
  }

  async perform(actions: readonly PageAction[], { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const done = await this.#actor.perform(actions, signal);
    if (done === actions.length) return;
    // The page has closed itself: what is left is done in the tab that is the current one now.
    try {
      await this.current.perform(actions.slice(done), { signal });
    } catch (error) {
      throw error instanceof PageError ? atAction(done + (error.actionIndex ?? 0), error) : error;
    }
  }

  async watchResponses({ timeoutMs, signal }: PageOptions): Promise<void> {
    const { renderer, responses } = this.#parts;
    await renderer.inTime("be watched", responses.watch(new Deadline(timeoutMs, signal)));
  }

  async read(
    query: PageQuery,
    { timeoutMs, signal, changed = false }: PageOptions & { readonly changed?: boolean },
  ): Promise<PageFindings> {
    const { renderer, library } = this.#parts;
    const deadline = new Deadline(timeoutMs + ANSWER_MS, signal);
    const waitMs = () => Math.max(0, deadline.remainingMs - ANSWER_MS);
    const reads = byFrames(query).map(async ({ frames, query: part }) => {
      if (frames.length === 0) return library.call("read", [part, changed, timeoutMs], deadline);
      return readInFrame(this.#parts, frames, part, { changed, waitMs, deadline });
    });
    return Object.assign({}, ...(await renderer.inTime("be read", Promise.all(reads)))) as PageFindings;
  }

  async canClick(target: BrowserTarget, { timeoutMs, signal }: PageOptions): Promise<boolean> {
    const { renderer, library, frames } = this.#parts;
    const deadline = new Deadline(timeoutMs + ANSWER_MS, signal);
    const path = framesOf(target);
    const ask = async () => {
      if (path.length === 0) return library.call("canClick", [target], deadline);
      const place = await frames.find(path, deadline);
      return place !== null && (await library.callIn(place, "canClick", [target], deadline));
    };
    return renderer.inTime("be read", ask());
  }

  async evaluate(
    script: string,
    args: JsonObject,
    { frame, timeoutMs, signal }: PageOptions & { readonly frame?: BrowserTarget },
  ): Promise<Json> {
    const { navigation, renderer, responses } = this.#parts;
    const deadline = new Deadline(timeoutMs, signal);
    const mark = navigation.mark();
    responses.mark();
    const evaluate = async () => {
      const value = await runScript(this.#parts, pathTo(frame), script, args, deadline);
      await arrive(this.#parts, mark, deadline);
      return value;
    };
    try {
      return await renderer.inTime("finish the script", evaluate());
    } catch (error) {
      if (!(error instanceof ContextLost)) throw error;
      const what = frame === undefined ? "page" : "frame";
      throw new PageError(`the ${what} went to another document before the script had ended`, { errorClass: "block", cause: error });
    }
  }

  screenshot(options: PageOptions & PictureOptions): Promise<Uint8Array> {
    return this.#pictures.screenshot(options);
  }

  pdf(options: PageOptions & PrintOptions): Promise<Uint8Array> {
    return this.#pictures.pdf(options);
  }

  async download(source: BrowserTarget | { readonly url: string }, { timeoutMs, signal }: PageOptions): Promise<Download> {
    const { tab, guard } = this.#parts;
    const deadline = new Deadline(timeoutMs, signal);
    const url = typeof source === "object" && "url" in source ? source.url : null;
    const begin = async () => {
      if (url !== null) return await this.#travel.openFile(url, deadline);
      const target = source as BrowserTarget;
      await this.#gestures.click(
        { target },
        await this.#operations.point({ do: "point", target, first: false }, deadline),
        PLAIN_CLICK,
        deadline,
      );
    };
    try {
      return await catchDownload(tab, guard, deadline, begin);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      const what = url === null ? "the click" : url;
      const message = `${what} started no download within ${inSeconds(timeoutMs)}; the page is now ${this.url()}`;
      throw new NoDownload(message, { errorClass: "block", cause: error });
    }
  }

  /** Storage of the page's origin; null where it has none, undefined when a busy page does not tell in time. */
  async peekStorage(deadline: Deadline): Promise<PageState["storage"] | undefined> {
    try {
      return await this.#parts.library.callGently("storage", [], deadline);
    } catch (error) {
      if (error instanceof TimeUp) return undefined;
      throw error;
    }
  }
}
