import { z } from "zod";
import { cookiesSchema, pageStateSchema } from "./browser.ts";

/** What a site keeps in the local storage of one origin. */
export const originStorageSchema = z.object({ origin: z.string(), local: z.record(z.string(), z.string()) });
export type OriginStorage = z.infer<typeof originStorageSchema>;

/** What a browser remembers of the sites it was at, and the pages that were open: enough for another browser to be known there as this one was. */
export const browserMemorySchema = z.object({
  cookies: cookiesSchema,
  origins: z.array(originStorageSchema),
  /** The main page first. */
  pages: z.array(pageStateSchema),
});
export type BrowserMemory = z.infer<typeof browserMemorySchema>;

export const NO_MEMORY: BrowserMemory = { cookies: [], origins: [], pages: [] };

/** The later word on an origin counts. */
export function mergeOrigins(earlier: readonly OriginStorage[], later: readonly OriginStorage[]): OriginStorage[] {
  return [...new Map([...earlier, ...later].map((storage) => [storage.origin, storage])).values()];
}

/** The origin of an address as browsers write it; null where there is no storage. */
export function originOf(url: string): string | null {
  const [, scheme, host] = /^(https?:\/\/)(?:[^/?#@]*@)?([^/?#]+)/.exec(url) ?? [];
  return scheme === undefined || host === undefined ? null : scheme + host;
}
