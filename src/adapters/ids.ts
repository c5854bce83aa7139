import { monotonicFactory } from "ulid";
import { ID_PREFIXES, type IdTypes } from "../domain/id.ts";
import type { Ids } from "../ports/ids.ts";

/**
 * Ids from one generator sort in the order in which they were made, also within a millisecond. They are unique, not secret.
 * @param now milliseconds since the epoch
 */
export function createIds(now: () => number): Ids {
  const nextUlid = monotonicFactory();
  return {
    next<K extends keyof IdTypes>(kind: K) {
      return `${ID_PREFIXES[kind]}_${nextUlid(now())}` as IdTypes[K];
    },
  };
}
