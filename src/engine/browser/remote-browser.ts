import { PageError } from "../../domain/browser/browser.ts";
import type { BrowserMemory } from "../../domain/browser/browser-memory.ts";
import type { Browsers } from "../../ports/browser.ts";
import type { BrowserSource } from "./browser-source.ts";

/** The browsers of an address that is opened when it is first needed: it is kept sealed. */
export function browsersWhenOpened(open: () => Promise<Browsers>): Browsers {
  let opened: Promise<Browsers> | null = null;
  const get = () => (opened ??= open());
  return {
    lease: async (options) => await (await get()).lease(options),
    takeUp: async (options) => await (await get()).takeUp(options),
    ping: async (sessionId) => await (await get()).ping(sessionId),
    close: async (sessionId) => await (await get()).close(sessionId),
  };
}

/**
 * A browser of the caller's own: the run has a context of it, which is none of the pool's.
 * @param remembered what a new context begins with; null when that is nothing
 */
export function remoteBrowser(browsers: Browsers, remembered: (() => Promise<BrowserMemory>) | null): BrowserSource {
  const acquire = () => Promise.reject(new PageError("the browser's own address says where it is", { errorClass: "block" })); // not asked
  return {
    outlives: false,
    slot: null,
    async lease({ cookies, ...options }) {
      const { sessionId } = options;
      const taken = sessionId === null ? null : await browsers.takeUp({ ...options, sessionId });
      if (taken !== null) return { lease: taken, mainTab: null };
      const memory = remembered === null ? null : await remembered();
      const begin = { cookies: cookies ?? memory?.cookies ?? [], origins: memory?.origins ?? [] };
      return { lease: await browsers.lease({ ...options, ...begin, sessionId: null, acquire }), mainTab: null };
    },
    release: async () => {},
    leaveLine: () => {},
    leave: async () => {},
    describeEnd: async () => null,
  };
}
