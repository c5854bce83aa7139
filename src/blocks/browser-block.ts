import { BrowserUnavailable, PageError } from "../domain/browser/browser.ts";
import type { BrowserPage } from "../ports/browser-page.ts";
import { type BlockContext, BlockError } from "./block.ts";

/**
 * How long a single act of a block on its page may take where the block has no time-out of its own for it: as long as the block's
 * `timeout_seconds` lets it, which the engine watches over.
 */
export const AS_LONG_AS_THE_BLOCK_MS = 3_600_000;

/** Works on the run's page. What goes wrong with the page or the browser becomes a `BlockError`; anything else is passed on. */
export async function onPage<T>(context: BlockContext, act: (page: BrowserPage) => Promise<T>): Promise<T> {
  try {
    return await act(await context.page());
  } catch (error) {
    throw asBlockError(error);
  }
}

/** The `BlockError` for what a page or the browser could not do; any other error as it is. */
export function asBlockError(error: unknown): unknown {
  if (error instanceof PageError) return new BlockError(error.message, { errorClass: error.errorClass, cause: error });
  if (error instanceof BrowserUnavailable) {
    return new BlockError(error.message, {
      errorClass: "resource",
      waitsFor: "browser",
      ...(error.retryAfterMs !== null && { retryAfterMs: error.retryAfterMs }),
      cause: error,
    });
  }
  return error;
}

/**
 * Refuses an answer that says the page is not what was asked for.
 * @throws BlockError temporary for 5xx, which may pass; `block` for 4xx
 */
export function assertPageStatus({ url, status, title }: { url: string; status: number | null; title: string }): void {
  if (status === null || status < 400) return;
  throw new BlockError(`${url} answered with status ${status}${title === "" ? "" : ` ("${title}")`}`, {
    errorClass: status >= 500 ? "temporary" : "block",
  });
}
