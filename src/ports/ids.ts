import type { IdTypes } from "../domain/id.ts";

export interface Ids {
  /** A new id of this kind; ids made later sort later. */
  next<K extends keyof IdTypes>(kind: K): IdTypes[K];
}
