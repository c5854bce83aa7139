import type { LoadState } from "../domain/browser/browser.ts";

/** What every call to a page is given: how long it may take, and who may break it off. */
export interface PageOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface NavigateOptions extends PageOptions {
  readonly waitUntil: LoadState;
}
