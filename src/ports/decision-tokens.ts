import type { OrganizationId, RunId } from "../domain/id.ts";

/** Which question of a run a person answers. */
export interface Decision {
  readonly organizationId: OrganizationId;
  readonly runId: RunId;
  readonly path: string;
  readonly attempt: number;
}

/** Tokens for the links by which a person decides. */
export interface DecisionTokens {
  make(decision: Decision): Promise<string>;
  /** @returns null when the service did not make this token */
  read(token: string): Promise<Decision | null>;
}
