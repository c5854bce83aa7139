import puppeteer, { type Browser, type BrowserWorker } from "@cloudflare/puppeteer";
import { type Cookies, PageError } from "../../domain/browser/browser.ts";
import type { OriginStorage } from "../../domain/browser/browser-memory.ts";
import type { BrowserGuard } from "../../domain/outbound/outbound-patterns.ts";
import type { BrowserLease, Browsers } from "../../ports/browser.ts";
import { Deadline, TimeUp } from "./deadline.ts";
import { Lease } from "./lease.ts";
import { closeBrowser, endBrowser } from "./platform.ts";

/** A new browser takes 2 to 4 s on the platform. */
const LAUNCH_MS = 60_000;

/** A browser that still lives answers at once. */
const TAKE_UP_MS = 10_000;

/** How long a browser may take to say that it lives. */
const PING_MS = 10_000;

/** Browser Rendering, by way of its binding. */
export function createBrowsers(binding: BrowserWorker): Browsers {
  return {
    async lease({ sessionId, acquire, cookies, origins = [], guard, signal }) {
      signal.throwIfAborted();
      const taken = sessionId === null ? null : await takeUp(binding, sessionId, guard, signal);
      return taken ?? (await launch(binding, acquire, { cookies, origins }, guard, signal));
    },
    async takeUp({ sessionId, guard, signal }) {
      signal.throwIfAborted();
      return await takeUp(binding, sessionId, guard, signal);
    },
    ping: (sessionId) => ping(binding, sessionId),
    close: (sessionId) => closeBrowser(binding, sessionId),
  };
}

/** @returns null when that browser is gone, or of no use any more; then it is ended */
async function takeUp(binding: BrowserWorker, sessionId: string, guard: BrowserGuard, signal: AbortSignal): Promise<BrowserLease | null> {
  const deadline = new Deadline(TAKE_UP_MS, signal);
  let browser: Browser | undefined;
  try {
    const sessions = await deadline.wait(puppeteer.sessions(binding));
    if (!sessions.some((session) => session.sessionId === sessionId)) return null;
    browser = await deadline.wait(puppeteer.connect(binding, sessionId));
    return await Lease.open(browser, { guard, resumed: true, end: endOf(binding, browser) }, deadline);
  } catch {
    await (browser === undefined ? closeBrowser(binding, sessionId) : endOf(binding, browser)());
    signal.throwIfAborted();
    return null;
  }
}

/** @throws PageError, what `acquire` throws, or the signal's reason; then nothing is left running */
async function launch(
  binding: BrowserWorker,
  acquire: () => Promise<string>,
  memory: { readonly cookies: Cookies; readonly origins: readonly OriginStorage[] },
  guard: BrowserGuard,
  signal: AbortSignal,
): Promise<BrowserLease> {
  const deadline = new Deadline(LAUNCH_MS, signal);
  const acquiring = acquire();
  const sessionId = await deadline.wait(acquiring).catch((error: unknown) => {
    acquiring.then((late) => closeBrowser(binding, late)).catch(() => undefined); // it comes too late, or not at all
    if (error instanceof TimeUp)
      throw new PageError(`no browser was started within ${LAUNCH_MS / 1000} s`, { errorClass: "temporary", cause: error });
    throw error;
  });
  try {
    const browser = await deadline.wait(puppeteer.connect(binding, sessionId));
    const lease = await Lease.open(browser, { guard, resumed: false, end: endOf(binding, browser) }, deadline);
    await deadline.wait(Promise.all([lease.setCookies(memory.cookies), lease.setOriginStorage(memory.origins)]));
    return lease;
  } catch (error) {
    await closeBrowser(binding, sessionId);
    if (signal.aborted || error instanceof PageError) throw error;
    throw new PageError("a new browser was started but could not be reached", { errorClass: "temporary", cause: error });
  }
}

/** Tells the platform that a browser is still wanted. @returns whether it lives */
async function ping(binding: BrowserWorker, sessionId: string): Promise<boolean> {
  const deadline = new Deadline(PING_MS);
  try {
    const sessions = await deadline.wait(puppeteer.sessions(binding));
    if (!sessions.some((session) => session.sessionId === sessionId)) return false;
    const browser = await deadline.wait(puppeteer.connect(binding, sessionId));
    try {
      await deadline.wait(browser.version());
    } finally {
      await browser.disconnect();
    }
    return true;
  } catch {
    return false;
  }
}

/** Ends a browser by its connection where that still works, otherwise by its id. */
function endOf(binding: BrowserWorker, browser: Browser): () => Promise<void> {
  return async () => {
    await endBrowser(browser).catch(() => closeBrowser(binding, browser.sessionId()));
  };
}
