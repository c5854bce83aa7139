import type { Cookies, PageState } from "../domain/browser/browser.ts";
import type { OriginStorage } from "../domain/browser/browser-memory.ts";
import type { Fault } from "../domain/error.ts";
import type { BrowserGuard } from "../domain/outbound/outbound-patterns.ts";
import type { TabRecord } from "../domain/evidence/evidence.ts";
import type { RemoteAddress } from "../domain/browser/remote-browser.ts";
import type { BrowserPage } from "./browser-page.ts";

/** Connects to browsers: to a new one, or to one that was left running. */
export interface Browsers {
  /**
   * @param options.sessionId a browser to take up again, if it still lives and answers
   * @param options.acquire has a new one opened when there is none to take up (`BrowserPool`); answers with its session id
   * @param options.cookies what a new browser begins with when there is none to take up; `origins` likewise
   * @param options.guard says what may be loaded: asked for every document, in frames and popups too, for what it holds up of their parts, and for every
   * redirect
   * @throws PageError, and whatever `acquire` throws
   */
  lease(options: {
    readonly sessionId: string | null;
    readonly acquire: () => Promise<string>;
    readonly cookies: Cookies;
    readonly origins?: readonly OriginStorage[];
    readonly guard: BrowserGuard;
    readonly signal: AbortSignal;
  }): Promise<BrowserLease>;
  /** Takes up a browser that was left running. @returns null when it is gone, or does not answer; then it is ended */
  takeUp(options: { readonly sessionId: string; readonly guard: BrowserGuard; readonly signal: AbortSignal }): Promise<BrowserLease | null>;
  /** Keeps a browser from idling out, while others may use it. @returns whether it lives. Never throws */
  ping(sessionId: string): Promise<boolean>;
  /** Ends a browser of which only the id is known. Never throws, like `BrowserLease.close`. */
  close(sessionId: string): Promise<void>;
}

/** Somebody's browser, of which each `lease` has a context: its session id is the context's. @param check the outbound guard, for the endpoint itself */
export type BrowsersAt = (remote: RemoteAddress, check: (url: string) => Fault | null) => Browsers;

/** A browser that is ours until `close`. Its tabs share its cookies. */
export interface BrowserLease {
  readonly sessionId: string;
  /** Was it taken up (true), or is it new (false)? */
  readonly resumed: boolean;
  /** False once the browser is gone (crashed, closed, disconnected): lease again. */
  readonly alive: boolean;
  /**
   * Opens a tab, or takes up one that was left open.
   * @param options.tabId a tab of this browser to take up again, if it is still there, reacts, and stands where it may
   * @param options.state what to restore in a new tab when there is none to take up; null for an empty page
   * @param options.record what it is to record of itself; nothing when left out
   * @throws PageError
   */
  openTab(options: {
    readonly tabId: string | null;
    readonly state: PageState | null;
    readonly record?: RecordWish;
    readonly signal: AbortSignal;
  }): Promise<BrowserTab>;
  /** Every cookie of the browser. */
  cookies(): Promise<Cookies>;
  setCookies(cookies: Cookies): Promise<void>;
  /** Origins of the documents that were visited in any tab since the browser was taken up. */
  readonly visited: readonly string[];
  /** The local storage of these origins, as far as there is any. */
  originStorage(origins: readonly string[]): Promise<OriginStorage[]>;
  setOriginStorage(storage: readonly OriginStorage[]): Promise<void>;
  /** Of every tab, also those that pages have opened. */
  tabIds(): Promise<string[]>;
  closeTab(tabId: string): Promise<void>;
  /** Lets go and leaves the browser running, to be taken up again by its session id until it idles out. */
  disconnect(): Promise<void>;
  /** Ends the browser. Never throws: a browser that cannot be closed is already gone or will idle out. */
  close(): Promise<void>;
}

/** A tab of a leased browser, with the tabs that it has opened: one of them is the current one. */
export interface BrowserTab {
  /** Of the current one. */
  readonly tabId: string;
  /** What the current one shows. */
  readonly page: BrowserPage;
  readonly recorder: TabRecorder;
  /**
   * Takes pictures of it as it changes, at most 4 a second, in which secret fields cannot be read.
   * @param onFrame is given JPEGs
   * @returns ends it; neither throws
   */
  readonly cast: (onFrame: (jpeg: Uint8Array) => void) => () => void;
  /** Was it taken up (true), or is it new, with the state restored (false)? */
  readonly resumed: boolean;
  /** False once the current tab has crashed, or the last one is closed, or the browser is gone: open it again, with its last checkpoint. */
  readonly alive: boolean;
  /** Address and storage, enough to go on in another tab. */
  checkpoint(): Promise<PageState>;
  /** Never throws. */
  close(): Promise<void>;
}

/** What a tab records of itself. */
export interface RecordWish {
  readonly requests: boolean;
  /** `late`: only what the document that is there has logged, read when it is asked for. A page cannot tell that from nobody's listening. */
  readonly console: "off" | "late" | "always";
}

/** What a tab has seen lately: the newest of it, within bounds. */
export interface TabRecorder {
  /** An attempt begins: what was before is forgotten, except for requests that are under way. */
  begin(): void;
  /** What was recorded since. Never throws, and takes 4 s at most. */
  read(): Promise<TabRecord>;
}
