import type { OrganizationId } from "../domain/id.ts";

/** Which resource a request with an `Idempotency-Key` makes. */
interface IdempotencyClaim {
  readonly organizationId: OrganizationId;
  /** What the key is for; the same key may be used once in each scope. */
  readonly scope: string;
  readonly key: string;
  readonly requestHash: string;
  readonly resourceId: string;
  readonly createdAt: number;
}

export interface IdempotencyKeys {
  /**
   * Stores the claim, unless there is one for its organization, scope and key that was made at `freeBefore` or later.
   * @returns the claim that holds: this one or the earlier
   */
  claim(claim: IdempotencyClaim, freeBefore: number): Promise<IdempotencyClaim>;
  /** Forgets a claim, if it is still this resource's. */
  release(claim: Pick<IdempotencyClaim, "organizationId" | "scope" | "key" | "resourceId">): Promise<void>;
  /** Forgets claims made before this instant, at most `limit` of them. @returns how many */
  purge(madeBefore: number, limit: number): Promise<number>;
}
