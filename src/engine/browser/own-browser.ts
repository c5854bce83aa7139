import { BrowserUnavailable, PageError } from "../../domain/browser/browser.ts";
import type { BrowserMemory } from "../../domain/browser/browser-memory.ts";
import type { BrowserHolder } from "../../domain/browser/browser-queue.ts";
import type { Browsers } from "../../ports/browser.ts";
import type { BrowserPool, BrowserWish } from "../../ports/browser-pool.ts";
import type { BrowserSlot, BrowserSource } from "./browser-source.ts";

/** Where a run keeps what it has of the pool between incarnations of its object. */
export interface BrowserSlotStore {
  browserSlot: BrowserSlot | null;
}

/**
 * A browser of the run's own, from the pool.
 * @param remembered what a new one begins with; null when that is nothing
 */
export function ownBrowser(
  { browsers, pool }: { readonly browsers: Browsers; readonly pool: BrowserPool },
  holder: BrowserHolder,
  wish: BrowserWish,
  store: BrowserSlotStore,
  remembered: (() => Promise<BrowserMemory>) | null,
): BrowserSource {
  const note = (slot: BrowserSlot | null): void => {
    if (store.browserSlot !== slot) store.browserSlot = slot;
  };
  const acquire = async (): Promise<string> => {
    if (store.browserSlot === null) note("asked"); // first, so that it is given back whatever happens
    const answer = await pool.acquire(holder, wish);
    note(answer.outcome === "waiting" ? "asked" : "held");
    if (answer.outcome === "acquired") return answer.sessionId;
    throw refusalOf(answer);
  };
  return {
    outlives: false,
    get slot() {
      return store.browserSlot;
    },
    async lease({ cookies, ...options }) {
      const { sessionId } = options;
      if (remembered === null) return { lease: await browsers.lease({ ...options, cookies: cookies ?? [], acquire }), mainTab: null };
      const taken = sessionId === null ? null : await browsers.takeUp({ ...options, sessionId });
      if (taken !== null) return { lease: taken, mainTab: null };
      const memory = await remembered();
      const begin = { cookies: cookies ?? memory.cookies, origins: memory.origins };
      return { lease: await browsers.lease({ ...options, ...begin, sessionId: null, acquire }), mainTab: null };
    },
    async release(sessionId) {
      if (store.browserSlot === null) return;
      await pool.release(holder, sessionId);
      note(null);
    },
    leaveLine() {
      if (store.browserSlot === "asked") note(null);
    },
    leave: async () => {},
    describeEnd: async () => null,
  };
}

/** A new browser from the pool. @returns its session id @throws BrowserUnavailable when others were first, PageError when it did not start */
export async function acquireBrowser(pool: BrowserPool, holder: BrowserHolder, wish: BrowserWish): Promise<string> {
  const answer = await pool.acquire(holder, wish);
  if (answer.outcome === "acquired") return answer.sessionId;
  throw refusalOf(answer);
}

type Refusal = Exclude<Awaited<ReturnType<BrowserPool["acquire"]>>, { outcome: "acquired" }>;

function refusalOf(answer: Refusal): BrowserUnavailable | PageError {
  if (answer.outcome === "failed") return new PageError(`the browser could not be started: ${answer.message}`, { errorClass: "temporary" });
  const message = `no browser is free just now: this is number ${answer.position} of those that wait for one`;
  return new BrowserUnavailable(message, { retryAfterMs: answer.retryAfterMs });
}
