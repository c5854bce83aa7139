import type { BrowserSessionFacts } from "../domain/browser/browser-session.ts";
import type { BrowserSessionId, OrganizationId, RunId } from "../domain/id.ts";
import type { SessionOpening } from "../domain/browser/session-record.ts";
import type { Page } from "./page.ts";

/** Whether a run has the session's browser now. */
export type Occupied =
  /** `mainTab`: the page that it goes on with. */
  | { readonly ok: true; readonly browserId: string; readonly mainTab: string | null }
  /** `behind`: the run that has it, or is next. */
  | { readonly ok: false; readonly reason: "occupied"; readonly behind: RunId }
  | { readonly ok: false; readonly reason: "ended"; readonly message: string }
  | { readonly ok: false; readonly reason: "unavailable"; readonly message: string; readonly retryAfterMs: number | null };

/** How a run leaves the browser. */
export interface Parting {
  /** Its page; null when that is gone. */
  readonly mainTab: string | null;
  /** Tabs that were its own. */
  readonly closeTabs: readonly string[];
  /** The tabs that were there before it, if attempts were cut off that may have opened others; else null. */
  readonly found: readonly string[] | null;
  /** Where its pages were last, should the browser be gone: JSON text of a `BrowserState`; null when it used no page. */
  readonly lastState: string | null;
  /** Origins of the pages that it was at. */
  readonly origins: readonly string[];
}

/** The object of one session. Null everywhere means that there is no such session. Every call may be repeated. */
export interface BrowserSessionObject {
  /** Makes the session and its browser; one that is there stays as it is. @param waitMs how long to wait for the browser */
  open(opening: SessionOpening, waitMs: number): Promise<BrowserSessionFacts>;
  describe(): Promise<BrowserSessionFacts | null>;
  /** @returns the session, and whether that could be changed: not when it has ended */
  change(changes: {
    readonly generateProfile: boolean;
  }): Promise<{ readonly changed: boolean; readonly facts: BrowserSessionFacts } | null>;
  /**
   * Takes down what its browser remembers now, for `BrowserMemories`.
   * @returns the run that uses it, during which that cannot be done
   */
  remember(): Promise<{ readonly runId: RunId | null } | null>;
  /** @returns the session after closing; one that has ended stays as it is */
  close(): Promise<BrowserSessionFacts | null>;
  /**
   * Gives the browser to a run, which must `leave` it in the end, whatever the answer. Whether it still lives shows when the run takes it up.
   * @param lostId the browser that the run was given and found gone; it gets another
   */
  occupy(runId: RunId, lostId: string | null): Promise<Occupied | null>;
  leave(runId: RunId, parting: Parting): Promise<void>;
}

/** Finds the object of a session. Another organization's session is another, empty object. */
export interface BrowserSessionObjects {
  get(organizationId: OrganizationId, browserSessionId: BrowserSessionId): BrowserSessionObject;
}

/** The index of sessions, for lists. Their objects own the truth; this may be a moment behind. */
export interface BrowserSessions {
  /** A row never gives way to an earlier revision. */
  upsert(session: BrowserSessionFacts): Promise<void>;
  /** Those that have not ended, the newest first, at most `limit`. */
  open(organizationId: OrganizationId, limit: number): Promise<BrowserSessionFacts[]>;
  /** All, the newest first. */
  list(organizationId: OrganizationId, page: Page): Promise<BrowserSessionFacts[]>;
}
