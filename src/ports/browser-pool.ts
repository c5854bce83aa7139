import type { BrowserCounts, BrowserHolder } from "../domain/browser/browser-queue.ts";
import type { OrganizationId } from "../domain/id.ts";

/** The browsers of the whole account: whoever needs one gets it here, in the order of asking. Every call may be repeated. */
export interface BrowserPool {
  /**
   * Opens a new browser for a holder that has none, or whose last one is of no use any more: that one is given up, and closed by whoever had it.
   * A holder keeps its slot until it releases it. One that has to wait is told when it is its turn (`BrowserHolderObject.browserFree`) and then
   * asks again; it keeps its place however late it comes.
   */
  acquire(holder: BrowserHolder, wish: BrowserWish): Promise<BrowserAcquisition>;
  /**
   * Gives the slot, or the place in the line, back.
   * @param sessionId of the browser in it, which is closed; a word that comes late frees no slot in which there is another by now. Null when the
   * holder knows of none: one that is there is closed by the pool
   */
  release(holder: BrowserHolder, sessionId: string | null): Promise<void>;
  /** Among those that wait, from 1; null for one that does not. */
  position(holder: BrowserHolder): Promise<number | null>;
  describe(organizationId: OrganizationId): Promise<BrowserPoolView>;
  /** Compares what the platform has with what is held: closes browsers that nobody holds, frees slots whose browsers are gone. */
  sweep(): Promise<void>;
}

/** What a browser is to be like. */
export interface BrowserWish {
  /** How long the platform keeps it while nobody talks to it, at most ten minutes. */
  readonly keepAliveMs: number;
  /** The only hosts that it may reach, for the platform to hold it to besides us; null for no such limit. */
  readonly onlyHosts: readonly string[] | null;
}

export type BrowserAcquisition =
  | { readonly outcome: "acquired"; readonly sessionId: string }
  | { readonly outcome: "waiting"; readonly position: number; readonly retryAfterMs: number }
  /** One was to be had, and did not start. */
  | { readonly outcome: "failed"; readonly message: string };

/** The pool as one organization sees it. */
export interface BrowserPoolView extends BrowserCounts {
  /** Its own, those with a slot first, then those that wait in their order. */
  readonly own: readonly {
    readonly holder: BrowserHolder;
    /** Null while it waits. */
    readonly grantedAt: number | null;
    readonly askedAt: number;
    /** Null unless it waits. */
    readonly position: number | null;
  }[];
}

/** What the pool asks of those who hold browsers. */
export interface BrowserHolderObject {
  /** It is its turn: it asks again now. @returns false when it wants none any more */
  browserFree(): Promise<boolean>;
  /** Does it hold a browser, or want one? A "no" costs it its slot. */
  wantsBrowser(): Promise<boolean>;
}

/** Finds the objects of holders. */
export interface BrowserHolders {
  get(holder: BrowserHolder): BrowserHolderObject;
}
