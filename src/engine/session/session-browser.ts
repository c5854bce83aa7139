import { BrowserUnavailable, type BrowserState, browserStateSchema, PageError, type PageState } from "../../domain/browser/browser.ts";
import { type BrowserMemory, memoryOfState, originOf } from "../../domain/browser/browser-memory.ts";
import { straysOf } from "../../domain/browser/browser-record.ts";
import type { BrowserGuard } from "../../domain/outbound/outbound-patterns.ts";
import { MAIN_PAGE } from "../../domain/run/pages.ts";
import type { BrowserLease, Browsers } from "../../ports/browser.ts";
import type { Parting } from "../../ports/browser-sessions.ts";

/** How long one work on the browser may take. */
const WORK_MS = 90_000;

/** A page that does not load in this time is open all the same. */
const FIRST_PAGE_MS = 30_000;

/** A browser that was opened, and left open. */
export interface OpenedBrowser {
  readonly browserId: string;
  readonly mainTab: string;
  /** What went wrong with its pages, in a sentence. */
  readonly warning: string | null;
}

/**
 * Opens a browser from the pool with what another remembered, or one that begins at an address, and lets go of it.
 * @throws BrowserUnavailable, PageError; then nothing is left running
 */
export async function openBrowser(
  browsers: Browsers,
  {
    acquire,
    memory,
    url,
    guard,
  }: { readonly acquire: () => Promise<string>; readonly memory: BrowserMemory; readonly url: string | null; readonly guard: BrowserGuard },
): Promise<OpenedBrowser> {
  const signal = AbortSignal.timeout(WORK_MS);
  const { cookies, origins, pages } = memory;
  const lease = await browsers.lease({ sessionId: null, acquire, cookies, origins, guard, signal });
  try {
    const [first, ...others] = pages;
    let warning: string | null = null;
    const unless = (error: unknown): null => {
      if (!(error instanceof PageError)) throw error;
      warning = `A page could not be opened: ${error.message}`;
      return null;
    };
    const main =
      (await lease.openTab({ tabId: null, state: first ?? null, signal }).catch(unless)) ??
      (await lease.openTab({ tabId: null, state: null, signal }));
    if (first === undefined && url !== null)
      await main.page.goto(url, { waitUntil: "load", timeoutMs: FIRST_PAGE_MS, signal }).catch(unless);
    for (const state of others) await lease.openTab({ tabId: null, state, signal }).catch(unless);
    await lease.disconnect();
    return { browserId: lease.sessionId, mainTab: main.tabId, warning };
  } catch (error) {
    await lease.close();
    throw error;
  }
}

/** What is left when a run has gone. */
export interface LeftBrowser {
  /** Null when the browser is gone. */
  readonly browser: { readonly mainTab: string } | null;
  readonly memory: BrowserMemory;
}

/**
 * Tidies up after a run, and takes down what the browser remembers.
 * @param earlier what it remembered before the run
 */
export async function tidyBrowser(
  browsers: Browsers,
  browserId: string | null,
  { mainTab, closeTabs, found, lastState, origins }: Parting,
  earlier: BrowserMemory,
  guard: BrowserGuard,
): Promise<LeftBrowser> {
  const state = lastState === null ? null : browserStateSchema.parse(JSON.parse(lastState));
  const signal = AbortSignal.timeout(WORK_MS);
  const lease = browserId === null ? null : await browsers.takeUp({ sessionId: browserId, guard, signal });
  if (lease === null) return { browser: null, memory: memoryOf(state, earlier) };
  try {
    const strays = found === null ? [] : straysOf(found, await lease.tabIds()).filter((tabId) => tabId !== mainTab);
    const main = await lease
      .openTab({ tabId: mainTab, state: mainPageOf(state), signal })
      .catch(async () => await lease.openTab({ tabId: null, state: null, signal })); // its address cannot be opened any more
    await Promise.all([...closeTabs, ...strays].map((tabId) => lease.closeTab(tabId))); // when there is another
    return { browser: { mainTab: main.tabId }, memory: await readMemory(lease, main.tabId, [...origins, ...originsOf(earlier)], signal) };
  } catch (error) {
    if (lease.alive) throw error;
    return { browser: null, memory: memoryOf(state, earlier) }; // it was closed, or died, meanwhile
  } finally {
    await lease.disconnect();
  }
}

/** What a browser remembers now. @returns null when it is gone */
export async function rememberBrowser(
  browsers: Browsers,
  browserId: string,
  mainTab: string | null,
  earlier: BrowserMemory,
  guard: BrowserGuard,
): Promise<BrowserMemory | null> {
  const signal = AbortSignal.timeout(WORK_MS);
  const lease = await browsers.takeUp({ sessionId: browserId, guard, signal });
  if (lease === null) return null;
  try {
    return await readMemory(lease, mainTab, originsOf(earlier), signal);
  } finally {
    await lease.disconnect();
  }
}

/** @param mainTab the page that comes first */
async function readMemory(
  lease: BrowserLease,
  mainTab: string | null,
  origins: readonly string[],
  signal: AbortSignal,
): Promise<BrowserMemory> {
  const ids = await lease.tabIds();
  const ordered = ids.toSorted((a, b) => Number(b === mainTab) - Number(a === mainTab));
  const pages: PageState[] = [];
  for (const tabId of ordered) {
    const tab = await lease.openTab({ tabId, state: null, signal });
    if (tab.resumed) pages.push(await tab.checkpoint());
    else await tab.close(); // it did not react, and is closed
  }
  const known = new Set([...origins, ...pages.map(({ url }) => originOf(url)).filter((origin) => origin !== null)]);
  const [cookies, storage] = await Promise.all([lease.cookies(), lease.originStorage([...known])]);
  return { cookies, origins: storage, pages };
}

function mainPageOf(state: BrowserState | null): PageState | null {
  const main = state?.pages[MAIN_PAGE];
  return main === undefined ? null : { url: main.url, storage: main.storage };
}

/** What is known of a browser that is gone. */
function memoryOf(state: BrowserState | null, earlier: BrowserMemory): BrowserMemory {
  if (state === null) return earlier;
  const main = mainPageOf(state);
  return { ...memoryOfState(state, earlier), pages: main === null ? earlier.pages : [main] };
}

function originsOf({ origins }: BrowserMemory): string[] {
  return origins.map(({ origin }) => origin);
}

/** Why no browser was to be had: something that may pass, or null for what is a bug. */
export function readTrouble(error: unknown): { readonly message: string; readonly retryAfterMs: number | null } | null {
  if (error instanceof BrowserUnavailable) return { message: error.message, retryAfterMs: null }; // the pool tells the session, not who waits for it
  return error instanceof PageError ? { message: error.message, retryAfterMs: null } : null;
}
