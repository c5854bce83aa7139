import type { BrowserState } from "../../src/domain/browser.ts";
import type { BrowserLease, BrowserPage, Browsers } from "../../src/ports.ts";

/** Browsers in memory, which outlive the objects that lease them as the real ones do. They know as much of pages as the sweep's blocks ask for. */
export interface FakeBrowsers extends Browsers {
  /** Addresses of the browsers that are open, by session id. */
  readonly open: ReadonlyMap<string, string>;
  /** How often actions were done on a page. */
  readonly performed: () => number;
}

export function createFakeBrowsers(): FakeBrowsers {
  const open = new Map<string, string>();
  let performed = 0;
  const lease: Browsers["lease"] = async ({ sessionId, state }) => {
    const resumed = sessionId !== null && open.has(sessionId);
    const id = resumed ? sessionId : crypto.randomUUID();
    if (!resumed) open.set(id, state?.url ?? "about:blank");
    const page: Pick<BrowserPage, "url" | "where" | "goto" | "perform"> = {
      url: () => open.get(id) ?? "",
      where: async () => ({ url: open.get(id) ?? "", title: "" }),
      goto: async (url) => {
        open.set(id, url);
        return { url, status: 200, title: "" };
      },
      perform: async () => void performed++,
    };
    const held: BrowserLease = {
      sessionId: id,
      page: page as BrowserPage, // the blocks of the sweep call nothing else
      resumed,
      get alive() {
        return open.has(id);
      },
      checkpoint: async (): Promise<BrowserState> => ({ url: page.url(), cookies: [], storage: null }),
      disconnect: async () => {},
      close: async () => void open.delete(id),
    };
    return held;
  };
  return { open, performed: () => performed, lease, close: async (sessionId) => void open.delete(sessionId) };
}
