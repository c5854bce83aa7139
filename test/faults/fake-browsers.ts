import type { TabSettings } from "../../src/domain/browser/tab-settings.ts";
import type { TabRecord } from "../../src/domain/evidence/evidence.ts";
import { keyOf } from "../../src/domain/browser/browser-queue.ts";
import type { BrowserPool } from "../../src/ports/browser-pool.ts";
import type { BrowserLease, Browsers, BrowserTab } from "../../src/ports/browser.ts";
import type { BrowserPage } from "../../src/ports/browser-page.ts";

const EMPTY_RECORD: TabRecord = {
  console: [],
  requests: [],
  failedRequests: [],
  dropped: { console: 0, requests: 0, failedRequests: 0 },
  consoleMissing: null,
};

/** Browsers in memory, which outlive the objects that lease them as the real ones do. They know as much of pages as the sweep's blocks ask for. */
export interface FakeBrowsers extends Browsers {
  /** Addresses of the tabs of the browsers that are open, by session id and the tab's. */
  readonly open: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** How often actions were done on a page. */
  readonly performed: () => number;
  /** Where they come from: there are enough for all. */
  readonly pool: BrowserPool;
  /** Who has a slot. */
  readonly holders: ReadonlySet<string>;
}

export function createFakeBrowsers(): FakeBrowsers {
  const open = new Map<string, Map<string, string>>();
  let performed = 0;

  function tabOf(tabs: Map<string, string>, tabId: string, resumed: boolean, isOpen: () => boolean): BrowserTab {
    const page: Pick<BrowserPage, "current" | "url" | "where" | "goto" | "perform" | "screenshot"> & {
      settings: { readonly now: TabSettings };
    } = {
      settings: { now: {} },
      get current() {
        return page as BrowserPage; // see below
      },
      url: () => tabs.get(tabId) ?? "",
      where: async () => ({ url: tabs.get(tabId) ?? "", title: "" }),
      goto: async (url) => {
        tabs.set(tabId, url);
        return { url, status: 200, title: "" };
      },
      perform: async () => {
        await new Promise((resolve) => setTimeout(resolve, 0)); // a real one is reached over a socket, which a killed object has no more
        performed++;
      },
      screenshot: async () => new TextEncoder().encode("a picture"),
    };
    return {
      tabId,
      page: page as BrowserPage, // the blocks of the sweep call nothing else
      cast: () => () => {},
      recorder: { begin: () => {}, read: async () => EMPTY_RECORD },
      resumed,
      get alive() {
        return isOpen() && tabs.has(tabId);
      },
      checkpoint: async () => ({ url: page.url(), storage: null }),
      close: async () => void tabs.delete(tabId),
    };
  }

  const holders = new Set<string>();
  const pool: BrowserPool = {
    async acquire(holder) {
      const sessionId = crypto.randomUUID();
      open.set(sessionId, new Map());
      holders.add(keyOf(holder));
      return { outcome: "acquired", sessionId };
    },
    release: async (holder) => void holders.delete(keyOf(holder)),
    position: async () => null,
    describe: async () => ({ limit: null, inUse: holders.size, waiting: 0, own: [] }),
    sweep: async () => {},
  };

  const lease: Browsers["lease"] = async ({ sessionId, acquire }) => {
    const resumed = sessionId !== null && open.has(sessionId);
    const id = resumed ? sessionId : await acquire();
    const tabs = open.get(id)!;
    const held: BrowserLease = {
      sessionId: id,
      resumed,
      get alive() {
        return open.has(id);
      },
      async openTab({ tabId, state }) {
        const isThere = tabId !== null && tabs.has(tabId);
        const tab = isThere ? tabId : crypto.randomUUID();
        if (!isThere) tabs.set(tab, state?.url ?? "about:blank");
        return tabOf(tabs, tab, isThere, () => open.has(id));
      },
      cookies: async () => [],
      setCookies: async () => {},
      visited: [],
      originStorage: async () => [],
      setOriginStorage: async () => {},
      tabIds: async () => [...tabs.keys()],
      closeTab: async (tabId) => void tabs.delete(tabId),
      disconnect: async () => {},
      close: async () => void open.delete(id),
    };
    return held;
  };
  const takeUp: Browsers["takeUp"] = async (options) =>
    open.has(options.sessionId) ? await lease({ ...options, acquire: async () => options.sessionId, cookies: [] }) : null;
  const ping = async (sessionId: string) => open.has(sessionId);
  return { open, performed: () => performed, pool, holders, lease, takeUp, ping, close: async (sessionId) => void open.delete(sessionId) };
}
