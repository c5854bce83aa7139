import type { CDPEvents } from "@cloudflare/puppeteer";
import type { LoadState } from "../../../domain/browser/browser.ts";
import { type Deadline, TimeUp } from "../deadline.ts";
import type { Tab } from "./tab.ts";

const LIFECYCLE_NAME = { domcontentloaded: "DOMContentLoaded", load: "load", networkidle: "networkIdle" } as const satisfies Record<
  LoadState,
  string
>;

/** A navigation that was asked for begins within this time, on a busy machine too, or never (`mailto:`). */
const START_MS = 3000;

/** After an act that led to another document: how long its images and the like may take beyond the document itself. */
const LOAD_GRACE_MS = 5000;

/** CDP's `Page.Frame`, as far as it matters here. */
type Frame = Pick<CDPEvents["Page.frameNavigated"]["frame"], "id" | "loaderId" | "url" | "urlFragment" | "unreachableUrl">;

/** Of a page that shows an error, the address that could not be opened. */
function addressOf({ url, urlFragment = "", unreachableUrl }: Frame): string {
  return unreachableUrl ?? url + urlFragment;
}

/** Where a tab was in its navigations before an act. */
export interface NavigationMark {
  readonly starts: number;
  readonly movesWithin: number;
  readonly loaderId: string;
}

/** The life of a tab's main frame: which document it shows, how far that has loaded, and whether another is on its way. */
export class Navigation {
  readonly #tab: Tab;
  #url: string;
  #loaderId: string;
  readonly #reached = new Set<string>();
  #requested = false;
  #loading = false;
  #underWay = false;
  #starts = 0;
  #movesWithin = 0;
  #isError = false;
  /** Of a window: before its first document. */
  #beginning: NavigationMark | null = null;
  #changed = Promise.withResolvers<void>();

  /**
   * @param frame the tab's main frame as it is now
   * @param isWindow is it a window that was opened to go somewhere?
   */
  constructor(tab: Tab, frame: Frame, isWindow = false) {
    const { cdp } = tab;
    this.#tab = tab;
    this.#url = addressOf(frame);
    this.#loaderId = frame.loaderId;
    if (isWindow && this.#url === "") {
      this.#beginning = this.mark();
      this.#begin();
    }
    const on =
      <E extends { frameId: string }>(handle: (event: E) => void) =>
      (event: E) => {
        if (event.frameId !== frame.id) return;
        handle(event);
        this.#wake();
      };
    cdp.on(
      "Page.frameRequestedNavigation",
      on(({ disposition }) => disposition === "currentTab" && this.#begin()),
    );
    cdp.on(
      "Page.frameStartedLoading",
      on(() => {
        this.#loading = true;
        this.#underWay = true;
        this.#begin();
      }),
    );
    cdp.on(
      "Page.frameStoppedLoading",
      on(() => {
        this.#loading = false;
        this.#underWay = false;
        this.#requested = false;
      }),
    );
    cdp.on(
      "Page.navigatedWithinDocument",
      on(({ url }) => {
        this.#url = url;
        this.#movesWithin++;
      }),
    );
    cdp.on(
      "Page.lifecycleEvent",
      on(({ name, loaderId }) => loaderId === this.#loaderId && this.#reached.add(name)),
    );
    cdp.on("Page.frameNavigated", ({ frame: navigated, type }) => {
      if (navigated.id !== frame.id) return;
      this.#url = addressOf(navigated);
      this.#isError = navigated.unreachableUrl !== undefined;
      if (navigated.loaderId !== this.#loaderId) this.#reached.clear();
      if (type === "BackForwardCacheRestore") for (const name of Object.values(LIFECYCLE_NAME)) this.#reached.add(name); // it was loaded before
      this.#loaderId = navigated.loaderId;
      this.#underWay = false;
      this.#wake();
    });
  }

  get url(): string {
    return this.#url;
  }

  /** Changes with the document. */
  get loaderId(): string {
    return this.#loaderId;
  }

  /** Does it show the browser's own page about an address that could not be opened? */
  get isError(): boolean {
    return this.#isError;
  }

  /** Is another document on its way? Until it comes Chromium holds back every question to the page, also to the old document. */
  get isUnderWay(): boolean {
    return this.#underWay;
  }

  /** Does it still load something: a document, pictures, what is in its frames? */
  get isLoading(): boolean {
    return this.#loading;
  }

  /** The first document of a window is on its way: nothing else tells of it when it began before anybody listened. */
  expectDocument(): void {
    if (this.#loaderId !== this.#beginning?.loaderId) return; // it is there
    this.#loading = true;
    this.#underWay = true;
    this.#begin();
    this.#wake();
  }

  /**
   * Waits for the first document of a window; returns at once in another tab.
   * @throws TimeUp
   */
  async begun(deadline: Deadline): Promise<void> {
    if (this.#beginning !== null) await this.settled(this.#beginning, deadline);
    this.#beginning = null;
  }

  /** To be taken before an act and given to `settled` after it. */
  mark(): NavigationMark {
    return { starts: this.#starts, movesWithin: this.#movesWithin, loaderId: this.#loaderId };
  }

  /** Has a navigation begun since? */
  hasBegun(mark: NavigationMark): boolean {
    return this.#starts !== mark.starts;
  }

  /**
   * Waits for the navigation that an act has set off: until the new document has loaded (or has its DOM, and 5 s for the rest), or until it
   * came to nothing. Returns at once when there is none.
   * @throws TimeUp
   */
  async settled(mark: NavigationMark, deadline: Deadline): Promise<void> {
    if (!this.hasBegun(mark)) return;
    await this.#within(deadline.atMost(START_MS), () => this.#loading || !this.#requested);
    this.#requested = false;
    const isUsable = () => this.#loaderId !== mark.loaderId && this.#reached.has(LIFECYCLE_NAME.domcontentloaded);
    await this.#when(deadline, () => !this.#loading || isUsable());
    await this.#within(deadline.atMost(LOAD_GRACE_MS), () => !this.#loading);
  }

  /**
   * Waits for what was asked of the browser itself, such as to go back: until the other document has loaded so far, or the place in this one has
   * changed.
   * @returns false when it came to nothing
   * @throws TimeUp
   */
  async moved(mark: NavigationMark, state: LoadState, deadline: Deadline): Promise<boolean> {
    const isElsewhere = () => this.#loaderId !== mark.loaderId;
    const isWithin = () => this.#movesWithin !== mark.movesWithin;
    await this.#when(deadline, () => isElsewhere() || isWithin() || (this.hasBegun(mark) && !this.#loading));
    if (isElsewhere()) await this.reached(state, null, deadline); // a script of it may have gone on to another
    return isElsewhere() || isWithin();
  }

  /**
   * Waits for a document that is about to come.
   * @returns false when another came in its place, or none
   * @throws TimeUp
   */
  async became(loaderId: string, mark: NavigationMark, deadline: Deadline): Promise<boolean> {
    await this.#when(deadline, () => this.#loaderId !== mark.loaderId || !this.#loading);
    return this.#loaderId === loaderId;
  }

  /**
   * @param loaderId of the document that is waited for; null: of whichever is there
   * @throws TimeUp
   */
  async reached(state: LoadState, loaderId: string | null, deadline: Deadline): Promise<void> {
    await this.#when(deadline, () => (loaderId === null || loaderId === this.#loaderId) && this.#reached.has(LIFECYCLE_NAME[state]));
  }

  /** @throws TimeUp */
  async arrivedAt(matches: (url: string) => boolean, deadline: Deadline): Promise<void> {
    await this.#when(deadline, () => matches(this.#url));
  }

  #begin(): void {
    this.#requested = true;
    this.#starts++;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #when(deadline: Deadline, condition: () => boolean): Promise<void> {
    while (!condition()) await this.#tab.wait(this.#changed.promise, deadline);
  }

  /** Waits for it, but does without when the time is up. */
  async #within(deadline: Deadline, condition: () => boolean): Promise<void> {
    try {
      await this.#when(deadline, condition);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
    }
  }
}
