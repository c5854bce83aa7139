import type { RunFacts } from "../domain/run/run.ts";

/** Values too large for a row of the journal, by their content: storing one again changes nothing. */
export interface LargeValues {
  /** @returns the key to get it by */
  put(owner: Pick<RunFacts, "organizationId" | "runId">, text: string): Promise<string>;
  /** @throws when it is gone */
  get(key: string): Promise<string>;
}
