import type { CDPSession, CookieParam } from "@cloudflare/puppeteer";
import type { Cookies, PageState } from "../../../domain/browser/browser.ts";

/** Every cookie of the browser, as a checkpoint holds them. */
export async function readCookies(browser: CDPSession): Promise<Cookies> {
  const { cookies } = await browser.send("Storage.getCookies");
  return cookies as unknown as Cookies; // CDP's JSON
}

/** Puts cookies back as they were. Of cookies that were brought along, those that the browser refuses are left out: it takes all or none. */
export async function restoreCookies(browser: CDPSession, cookies: Cookies): Promise<void> {
  if (cookies.length === 0) return;
  const params = cookies.map(toCookieParam);
  try {
    await browser.send("Storage.setCookies", { cookies: params });
  } catch (error) {
    if (!(error instanceof Error && /Invalid cookie/i.test(error.message))) throw error;
    await Promise.all(params.map((param) => browser.send("Storage.setCookies", { cookies: [param] }).catch(() => undefined)));
  }
}

/** `Storage.setCookies` refuses what `Storage.getCookies` adds; a cookie of the session has no expiry. */
function toCookieParam(cookie: Cookies[number]): CookieParam {
  const { size: _size, session, expires, sourcePort: _port, ...kept } = cookie;
  return { ...kept, ...(session === true ? {} : { expires }) } as unknown as CookieParam; // CDP's own cookie, without what CDP added
}

/**
 * A script that puts the storage of an origin back. To be run before the page's own scripts; it leaves alone what is there already, so that a
 * page which reloads itself keeps what it has written since.
 */
export function storageScript({ origin, local, session }: NonNullable<PageState["storage"]>): string {
  return `(() => {
  if (window !== window.top || location.origin !== ${JSON.stringify(origin)}) return;
  const put = (storage, entries) => {
    for (const [key, value] of Object.entries(entries)) if (storage.getItem(key) === null) storage.setItem(key, value);
  };
  put(localStorage, JSON.parse(${JSON.stringify(JSON.stringify(local))}));
  put(sessionStorage, JSON.parse(${JSON.stringify(JSON.stringify(session))}));
})()`;
}
