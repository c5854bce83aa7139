import type { Fault } from "../error.ts";
import type { JsonObject } from "../json.ts";
import type { BlockRole } from "./plan.ts";

/** What the domain needs to know of the block types; `blocks/registry.ts` has them. */
export interface BlockCatalog {
  readonly types: readonly string[];
  find(type: string): BlockTypeFacts | undefined;
}
export interface BlockTypeFacts {
  readonly role: BlockRole;
  /** May its fields use the secrets of credentials? */
  readonly readsSecrets: boolean;
  /** Does it work on a page? */
  readonly hasPage: boolean;
  isRepeatable(config: JsonObject): boolean;
  /** The config in the one form that is checked for names, filled in and executed. */
  normalize(config: JsonObject): JsonObject;
  /** What a block (as it was written, its config in the one form) would need that this service does not have; null when it can run. */
  needs(block: JsonObject): string | null;
  /** Why a workflow with this block is not saved, and what to use instead; null when it may be. */
  refuses(config: JsonObject): string | null;
  /** Fields that are set and have no effect. Paths begin at `basePath`. */
  warnOfUnused(config: JsonObject, basePath: readonly PropertyKey[]): Fault[];
  /** Checks the fields of the type; a field that holds an expression waits until it is filled in. Paths begin at `basePath`. */
  checkConfig(config: JsonObject, basePath: readonly PropertyKey[]): Fault[];
}
