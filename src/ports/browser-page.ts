import type { BrowserTarget, Download, PAPER_INCHES, PageAction, PageFindings, PageQuery } from "../domain/browser/browser.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { NavigateOptions, PageOptions } from "./page-options.ts";
import type { PageSurroundings } from "./page-surroundings.ts";

/**
 * A page as the blocks see it. Every method gives up after its time-out, rejects with the signal's reason as soon as it is aborted, and
 * otherwise throws `PageError`, whose message says what was found instead. Dialogs are dismissed (a `beforeunload` is accepted) unless its
 * settings say otherwise.
 */
export interface BrowserPage extends PageSurroundings {
  /** The page to go on with: this one, until `tabs` makes another the current one or this one is closed by its own script. */
  readonly current: BrowserPage;
  /** The address now. */
  url(): string;
  /** The address and the title now. */
  where(options: PageOptions): Promise<{ url: string; title: string }>;
  /** `status` is null where there was no HTTP response (`about:blank`). A status of 400 or more is not an error here. */
  goto(url: string, options: NavigateOptions): Promise<Arrival>;
  /** One page back in the tab's history; refused where there is none. As `goto` otherwise. */
  back(options: NavigateOptions): Promise<Arrival>;
  forward(options: NavigateOptions): Promise<Arrival>;
  reload(options: NavigateOptions): Promise<Arrival>;
  /**
   * Does the actions in their order. Each waits until its element is there, visible, enabled, at rest and not covered; one that leads to
   * another document waits until that has loaded. One list costs fewer round trips than many: give together what belongs together.
   * @throws PageError with `actionIndex`; the actions before it are done
   */
  perform(actions: readonly PageAction[], options: { readonly signal: AbortSignal }): Promise<void>;
  /** From now on the page remembers what it is answered, for `wait_for_response`. */
  watchResponses(options: PageOptions): Promise<void>;
  /**
   * Reads everything in one visit, after waiting for what is required; what is still missing when the time is up is reported, not thrown.
   * @param options.changed wait also until it differs from what was last read in this document
   */
  read(query: PageQuery, options: PageOptions & { readonly changed?: boolean }): Promise<PageFindings>;
  /** Can this be clicked to go on? No when it is missing, hidden or disabled (also by `aria-disabled` or a class `disabled`). */
  canClick(target: BrowserTarget, options: PageOptions): Promise<boolean>;
  /**
   * Runs a script in the page's own world. `args` is a variable in it.
   * @param options.frame in that frame's document instead, named as a target's `frame`
   */
  evaluate(script: string, args: JsonObject, options: PageOptions & { readonly frame?: BrowserTarget }): Promise<Json>;
  /** PNG. */
  screenshot(options: PageOptions & PictureOptions): Promise<Uint8Array>;
  /** PDF, as the browser prints the page. */
  pdf(options: PageOptions & PrintOptions): Promise<Uint8Array>;
  /**
   * Clicks what starts a download, or opens the address of a file with the page's session; answers with the file. The page stays where it is.
   * @throws NoDownload when none has begun in time
   */
  download(source: BrowserTarget | { readonly url: string }, options: PageOptions): Promise<Download>;
}

/** What is in a picture: the page as it stands, unless it says otherwise. */
export interface PictureOptions {
  readonly fullPage: boolean;
  /** This element alone. */
  readonly target: BrowserTarget | null;
  /** So many screens from where the page stands downwards, as far as it goes; 1 when absent. */
  readonly screens?: number;
}

export interface PrintOptions {
  readonly paper: keyof typeof PAPER_INCHES;
  readonly landscape: boolean;
  /** Colours and pictures behind the text too. */
  readonly background: boolean;
  /** Plain text at the foot of every page, with the address and the page's number; null for none. */
  readonly foot: string | null;
}

/** Where a navigation arrived. */
export interface Arrival {
  readonly url: string;
  /** HTTP status of the document; null where there was no HTTP response. */
  readonly status: number | null;
  readonly title: string;
}
