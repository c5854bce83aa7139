import { join } from "node:path";

/** The repository's root. */
export const PROJECT = join(import.meta.dirname, "..", "..");

/** What was unpacked, compiled or found out once for this checkout. May be deleted at any time. */
export const CACHE_HOME = join(PROJECT, ".pilotfish", "cache");
