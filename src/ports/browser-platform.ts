import type { BrowserWish } from "./browser-pool.ts";

/** What gives browsers out, and takes them back. */
export interface BrowserPlatform {
  /** Starts a browser. @returns its session id @throws BrowserUnavailable when there is none to be had just now, PageError when it did not start */
  acquire(wish: BrowserWish): Promise<string>;
  limits(): Promise<PlatformLimits>;
  /** Every browser of the account that runs, also of others. */
  list(): Promise<readonly RunningBrowser[]>;
  /** Ends a browser. Never throws: one that cannot be ended is gone, or will idle out. */
  close(sessionId: string): Promise<void>;
}

export interface PlatformLimits {
  readonly maxConcurrent: number;
  /** Those that run now. */
  readonly activeSessionIds: readonly string[];
  /** 0 when it may be now. */
  readonly nextAcquisitionInMs: number;
}

export interface RunningBrowser {
  readonly sessionId: string;
  /** Is somebody connected to it? */
  readonly connected: boolean;
}
