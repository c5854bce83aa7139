import { BrowserUnavailable, type Cookies, PageError } from "../../domain/browser/browser.ts";
import { ASK_SESSION_MS, describeSessionEnd } from "../../domain/browser/browser-session.ts";
import type { BrowserGuard } from "../../domain/outbound/outbound-patterns.ts";
import type { BrowserSessionId, RunId } from "../../domain/id.ts";
import type { BrowserLease, Browsers } from "../../ports/browser.ts";
import type { BrowserSessionObject, Parting } from "../../ports/browser-sessions.ts";

/** `asked`: the run may have a place in the line for a browser; `held`: it has a slot, whether or not there is a browser in it. */
export type BrowserSlot = "asked" | "held";

/** Where a run has its browser from. */
export interface BrowserSource {
  /** Does the browser go on when the run has ended? Then the run lets go of it and never ends it. */
  readonly outlives: boolean;
  /** What the run has of the pool of browsers; null for nothing. */
  readonly slot: BrowserSlot | null;
  /**
   * @param options.sessionId the browser that the run had before
   * @param options.cookies what it had when a block last ended; null before
   * @returns also the page that a run begins on, if there is one
   * @throws BrowserUnavailable, PageError
   */
  lease(options: {
    readonly sessionId: string | null;
    readonly cookies: Cookies | null;
    readonly guard: BrowserGuard;
    readonly signal: AbortSignal;
  }): Promise<{ readonly lease: BrowserLease; readonly mainTab: string | null }>;
  /** Gives back what the run has of the pool. @param sessionId of the browser, which is closed; null when the run knows of none */
  release(sessionId: string | null): Promise<void>;
  /** The run does not stand in the line any more: the pool was told so. */
  leaveLine(): void;
  /** The run has ended, and has let go of the browser. May be repeated. */
  leave(parting: Parting): Promise<void>;
  /** Why there is no use in another attempt, in a sentence; null when there may be. */
  describeEnd(): Promise<string | null>;
}

/**
 * The browser of a session, which the run has to itself until it leaves.
 * @param run.holder in whose name the run has it; when that is another run, it is that one's to leave
 */
export function sessionBrowser(
  deps: { readonly browsers: Browsers; readonly session: BrowserSessionObject },
  { browserSessionId, runId, holder }: { readonly browserSessionId: BrowserSessionId; readonly runId: RunId; readonly holder: RunId },
): BrowserSource {
  const occupy = async (lostId: string | null): Promise<{ readonly browserId: string; readonly mainTab: string | null }> => {
    const answer = await deps.session.occupy(holder, lostId);
    if (answer === null) throw new PageError(`There is no browser session ${browserSessionId}.`, { errorClass: "block" });
    if (answer.ok) return answer;
    if (answer.reason === "ended") throw new PageError(answer.message, { errorClass: "block" });
    if (answer.reason === "unavailable") throw new BrowserUnavailable(answer.message, { retryAfterMs: answer.retryAfterMs });
    throw new BrowserUnavailable(`The browser session ${browserSessionId} is used by the run ${answer.behind}.`, {
      retryAfterMs: ASK_SESSION_MS,
    });
  };
  return {
    outlives: true,
    slot: null, // the session has one
    release: async () => {},
    leaveLine: () => {},

    async lease({ sessionId, cookies, guard, signal }) {
      const take = async (lostId: string | null) => {
        const given = await occupy(lostId);
        signal.throwIfAborted();
        return { given, lease: await deps.browsers.takeUp({ sessionId: given.browserId, guard, signal }) };
      };
      const first = await take(null);
      const { given, lease } = first.lease === null ? await take(first.given.browserId) : first;
      if (lease === null) throw new PageError(`The browser of the session ${browserSessionId} was lost.`, { errorClass: "temporary" });
      const isAnother = sessionId !== null && sessionId !== given.browserId;
      if (isAnother && cookies !== null) await lease.setCookies(cookies); // it was lost while the run had it: the run knows better what it held
      return { lease, mainTab: given.mainTab };
    },

    async leave(parting) {
      if (holder === runId) await deps.session.leave(runId, parting);
    },

    async describeEnd() {
      const facts = await deps.session.describe();
      return facts === null ? `There is no browser session ${browserSessionId}.` : describeSessionEnd(facts);
    },
  };
}
