import type { CDPSession } from "@cloudflare/puppeteer";

/** The isolated world of the library: it shares the document with the page's scripts and nothing else. */
export const WORLD = "pilotfish";

/** A world in one document: the session that leads there, and Chromium's id of it. */
export interface Place {
  readonly cdp: CDPSession;
  readonly contextId: number;
}

/** A value as JavaScript: JSON to be parsed there, so that a key `__proto__` stays a key. */
export function toScript(value: unknown): string {
  return `JSON.parse(${JSON.stringify(JSON.stringify(value))})`;
}
