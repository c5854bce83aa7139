import type { CDPSession, CookieParam } from "@cloudflare/puppeteer";
import { PageError } from "../../../domain/browser/browser.ts";
import { type CookieFilter, expiryOf, isMeant, type NewCookie, type StoredCookie } from "../../../domain/browser/cookie.ts";
import type { PageOptions } from "../../../ports/page-options.ts";
import type { PageCookies } from "../../../ports/page-surroundings.ts";
import { Deadline, TimeUp } from "../deadline.ts";
import type { Tab } from "./tab.ts";

/** CDP's `Network.Cookie`, as far as it matters here. */
interface CdpCookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly path: string;
  readonly expires: number;
  readonly httpOnly: boolean;
  readonly secure: boolean;
  readonly session: boolean;
  readonly sameSite?: "Strict" | "Lax" | "None";
}

/** The browser's cookies, by way of one of its tabs. */
export class BrowserCookies implements PageCookies {
  readonly #tab: Tab;
  readonly #root: CDPSession;

  constructor(tab: Tab, root: CDPSession) {
    this.#tab = tab;
    this.#root = root;
  }

  async get(filter: CookieFilter, options: PageOptions): Promise<StoredCookie[]> {
    const found = await this.#inTime(this.#find(filter), options);
    const inOrder = found.toSorted((a, b) => compare(a.name, b.name) || compare(a.domain, b.domain) || compare(a.path, b.path));
    return inOrder.map(({ name, value, domain, path, expires, httpOnly, secure, session, sameSite }) => ({
      name,
      value,
      domain,
      path,
      ...(session ? {} : { expires }),
      http_only: httpOnly,
      secure,
      ...(sameSite === undefined ? {} : { same_site: sameSite }),
    }));
  }

  async set(cookies: readonly NewCookie[], options: PageOptions): Promise<void> {
    const setting = cookies.map((cookie) =>
      this.#tab.cdp.send("Network.setCookie", toCookieParam(cookie)).then(
        ({ success }) => success,
        (error: unknown) => {
          if (this.#tab.gone !== null) throw error;
          return false; // "Invalid cookie fields", and nothing more
        },
      ),
    );
    const taken = await this.#inTime(Promise.all(setting), options);
    const refused = cookies.flatMap(({ name, domain, url }, index) =>
      taken[index] === true ? [] : [`cookies[${index}] "${name}" (${domain ?? url})`],
    );
    if (refused.length > 0) throw new PageError(`the browser does not take ${refused.join(", ")}`, { errorClass: "block" });
  }

  async clear(filter: CookieFilter, options: PageOptions): Promise<number> {
    const clear = async () => {
      const found = await this.#find(filter);
      const isEverything = filter.url === undefined && filter.names === undefined && filter.domain === undefined;
      if (isEverything) await this.#root.send("Storage.clearCookies");
      else await Promise.all(found.map(({ name, domain, path }) => this.#tab.cdp.send("Network.deleteCookies", { name, domain, path })));
      return found.length;
    };
    return await this.#inTime(clear(), options);
  }

  async #find(filter: CookieFilter): Promise<CdpCookie[]> {
    const { cookies }: { cookies: CdpCookie[] } =
      filter.url === undefined
        ? await this.#root.send("Storage.getCookies")
        : await this.#tab.cdp.send("Network.getCookies", { urls: [filter.url] });
    return cookies.filter((cookie) => isMeant(cookie, filter));
  }

  async #inTime<T>(work: Promise<T>, { timeoutMs, signal }: PageOptions): Promise<T> {
    try {
      return await this.#tab.wait(work, new Deadline(timeoutMs, signal));
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      throw new PageError("the browser did not tell its cookies in time", { errorClass: "temporary", cause: error });
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function toCookieParam(cookie: NewCookie): CookieParam {
  const { name, value, url, domain, path, secure, http_only: httpOnly, same_site: sameSite } = cookie;
  const expires = expiryOf(cookie);
  return {
    name,
    value: String(value),
    httpOnly,
    ...(url === undefined ? {} : { url }),
    ...(domain === undefined ? {} : { domain }),
    ...(path === undefined ? {} : { path }),
    ...(secure === undefined ? {} : { secure }),
    ...(sameSite === undefined ? {} : { sameSite }),
    ...(expires === undefined ? {} : { expires }),
  };
}
