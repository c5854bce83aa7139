import { z } from "zod";
import { type BrowserState, cookiesSchema, pageStateSchema } from "./browser.ts";

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
function mergeOrigins(earlier: readonly OriginStorage[], later: readonly OriginStorage[]): OriginStorage[] {
  return [...new Map([...earlier, ...later].map((storage) => [storage.origin, storage])).values()];
}

/** What is known of a browser that is gone: what its last run knew, and what it remembered before. The pages are the run's own matter. */
export function memoryOfState({ cookies, pages }: Pick<BrowserState, "cookies" | "pages">, earlier: BrowserMemory): BrowserMemory {
  const storage = Object.values(pages).flatMap((page) =>
    page.storage === null ? [] : [{ origin: page.storage.origin, local: page.storage.local }],
  );
  return { cookies, origins: mergeOrigins(earlier.origins, storage), pages: [] };
}

/** The origin of an address as browsers write it; null where there is no storage. */
export function originOf(url: string): string | null {
  const [, scheme, host] = /^(https?:\/\/)(?:[^/?#@]*@)?([^/?#]+)/.exec(url) ?? [];
  return scheme === undefined || host === undefined ? null : scheme + host;
}
