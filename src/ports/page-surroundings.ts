import type { CookieFilter, NewCookie, StoredCookie } from "../domain/browser/cookie.ts";
import type { SettingsChange, TabSettings } from "../domain/browser/tab-settings.ts";
import type { PageOptions } from "./page-options.ts";

/** What stands around a page: the tabs beside it, its dialogs, its cookies and what is set for it. */
export interface PageSurroundings {
  readonly tabs: PageTabs;
  readonly dialogs: PageDialogs;
  readonly cookies: PageCookies;
  readonly storage: PageStorage;
  readonly settings: PageSettings;
}

/** A tab as a list shows it. */
export interface TabView {
  readonly index: number;
  readonly url: string;
  readonly title: string;
  readonly current: boolean;
}

/** How a tab is named: by its place in the order of opening (-1 is the last), its address, its title, or as the newest that nobody has been on. */
export type TabChoice = { readonly index: number } | { readonly url: string } | { readonly title: string } | { readonly newest: true };

/** The tab that a block's page began as, and those that it, the page or another of them has opened. No other page sees them. */
export interface PageTabs {
  list(options: PageOptions): Promise<TabView[]>;
  /** Opens a tab, with what is set for the current one, and makes it the current one. @param url null for an empty page */
  open(url: string | null, options: PageOptions): Promise<{ url: string; status: number | null; title: string } | null>;
  /**
   * Makes another tab the current one, once there is one like this and its first document has loaded. `url` is a glob, as in `wait_for`;
   * `title` a part of the title, in any case.
   * @throws PageError with the tabs that there are
   */
  switchTo(choice: TabChoice, options: PageOptions): Promise<void>;
  /**
   * Closes a tab. When it was the current one, that is now the one that had opened it, or the last.
   * @param choice null for the current one
   * @throws PageError when there is no such tab, or no other
   */
  closeTab(choice: TabChoice | null, options: PageOptions): Promise<void>;
}

/** A dialog that a page has shown. */
export interface SeenDialog {
  readonly type: "alert" | "confirm" | "prompt" | "beforeunload";
  /** At most 2,000 characters of it. */
  readonly message: string;
  readonly respond: "accept" | "dismiss";
  /** What was written into a prompt; null where nothing was. */
  readonly text: string | null;
  /** Address of the page. */
  readonly url: string;
}

/** The dialogs of the page's tabs. They are answered at once, by `settings.dialogs`, so none holds anything up. */
export interface PageDialogs {
  /** Those that were shown since this was last asked, at most the last 100. @param atLeast waits until there are so many, or the time is up */
  take(options: PageOptions & { readonly atLeast: number }): Promise<SeenDialog[]>;
}

/** Cookies belong to the browser: all of a run's tabs share them. */
export interface PageCookies {
  get(filter: CookieFilter, options: PageOptions): Promise<StoredCookie[]>;
  /** @throws PageError with the names of those that the browser does not take */
  set(cookies: readonly NewCookie[], options: PageOptions): Promise<void>;
  /** @returns how many there were */
  clear(filter: CookieFilter, options: PageOptions): Promise<number>;
}

/** `localStorage` and `sessionStorage` of the page's origin. @throws PageError where the document has none */
export interface PageStorage {
  get(kind: StorageKind, options: PageOptions): Promise<Record<string, string>>;
  set(kind: StorageKind, entries: Readonly<Record<string, string>>, options: PageOptions): Promise<void>;
  /** @param keys null for all */
  clear(kind: StorageKind, keys: readonly string[] | null, options: PageOptions): Promise<void>;
}
export type StorageKind = "local" | "session";

export interface PageSettings {
  readonly now: TabSettings;
  /** Takes effect at once, also for tabs that this one opens from now on. */
  change(change: SettingsChange, options: PageOptions): Promise<void>;
}
