import type { Fault } from "../error.ts";
import type { JsonObject } from "../json.ts";
import type { BlockRole } from "../plan.ts";

/** What the domain needs to know of the block types; `blocks/registry.ts` has them. */
export interface BlockCatalog {
  readonly types: readonly string[];
  find(type: string): BlockTypeFacts | undefined;
}
export interface BlockTypeFacts {
  readonly role: BlockRole;
  /** May its fields use the secrets of credentials? */
  readonly readsSecrets: boolean;
  isRepeatable(config: JsonObject): boolean;
  /** The config in the one form that is checked for names, filled in and executed. */
  normalize(config: JsonObject): JsonObject;
  /** Checks the fields of the type; a field that holds an expression waits until it is filled in. Paths begin at `basePath`. */
  checkConfig(config: JsonObject, basePath: readonly PropertyKey[]): Fault[];
}
