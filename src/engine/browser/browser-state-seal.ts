import {
  type BrowserState,
  browserStateSchema,
  type Cookies,
  cookiesSchema,
  type PageEnd,
  pageEndSchema,
  type PageState,
  pageStateSchema,
} from "../../domain/browser/browser.ts";
import { type BrowserRecord, NO_BROWSER } from "../../domain/browser/browser-record.ts";
import type { RunId } from "../../domain/id.ts";
import { MAIN_PAGE } from "../../domain/run/pages.ts";
import type { Vault } from "../../ports/vault.ts";

/** Seals what a run's record holds of the sites that its browser was at, and opens it: cookies, storage and addresses may be secrets. */
export class BrowserStateSeal {
  readonly #vault: Vault;
  readonly #purpose: string;

  constructor(vault: Vault, runId: RunId) {
    this.#vault = vault;
    this.#purpose = `browser-state:${runId}`;
  }

  async seal(value: Cookies | PageState | PageEnd): Promise<string> {
    return await this.#vault.seal(this.#purpose, JSON.stringify(value));
  }

  async openCookies(sealed: string): Promise<Cookies> {
    return cookiesSchema.parse(await this.#open(sealed));
  }

  async openPage(sealed: string): Promise<PageState> {
    return pageStateSchema.parse(await this.#open(sealed));
  }

  /** Older records hold the address alone. */
  async openEnd(sealed: string): Promise<PageEnd> {
    const end = await this.#open(sealed);
    return typeof end === "string" ? { url: end } : pageEndSchema.parse(end);
  }

  /** Where the pages were after the last blocks that ended; null when no page was used. */
  async openState({ cookies, pages, ends }: BrowserRecord): Promise<BrowserState | null> {
    if (cookies === null) return null;
    const state: BrowserState = { cookies: await this.openCookies(cookies), pages: {}, ends: {} };
    for (const [name, { owner, state: sealed }] of Object.entries(pages))
      if (sealed !== null) state.pages[name] = { ...(await this.openPage(sealed)), owner };
    for (const [path, { page, url }] of Object.entries(ends)) state.ends[path] = { page, ...(await this.openEnd(url)) };
    return state;
  }

  /** The record of a run that begins where another was. @param text JSON of a `BrowserState` */
  async recordOf(text: string): Promise<BrowserRecord> {
    const { cookies, pages, ends } = browserStateSchema.parse(JSON.parse(text));
    const record: BrowserRecord = { ...NO_BROWSER, cookies: await this.seal(cookies), pages: {}, ends: {} };
    for (const [name, { owner, ...state }] of Object.entries(pages))
      record.pages[name] = { tabId: null, owner, state: await this.seal(state) };
    for (const [path, { page, ...end }] of Object.entries(ends)) record.ends[path] = { page, url: await this.seal(end) };
    return record;
  }

  async #open(sealed: string): Promise<unknown> {
    return JSON.parse(await this.#vault.open(this.#purpose, sealed)) as unknown;
  }
}

/** As it crosses objects: unread, however deep it is. */
export function asText(state: BrowserState | null): string | null {
  return state === null ? null : JSON.stringify(state);
}

/** Where a run begins that another's block starts: its main page and its cookies, without what was whose. */
export function stateForChild({ cookies, pages }: BrowserState): BrowserState {
  const main = pages[MAIN_PAGE];
  return { cookies, pages: main === undefined ? {} : { [MAIN_PAGE]: { ...main, owner: null } }, ends: {} };
}
