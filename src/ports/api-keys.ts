import type { ApiKeyId, OrganizationId } from "../domain/id.ts";
import type { Organization } from "../domain/organization.ts";

/** An API key as it is kept: never the key itself. */
export interface StoredApiKey {
  readonly apiKeyId: ApiKeyId;
  readonly organizationId: OrganizationId;
  /** What it is looked up by. Not secret, and not promised to be unique. */
  readonly prefix: string;
  /** SHA-256 of the whole key, hexadecimal. */
  readonly hash: string;
  readonly name: string;
  readonly createdAt: number;
}

export interface ApiKeys {
  /** Stores the key, unless a key with this hash is live already. @returns the live key with this hash: this one or the other */
  insert(key: StoredApiKey): Promise<StoredApiKey>;
  /** The live keys with this prefix, each with its organization. */
  findLive(prefix: string): Promise<{ readonly hash: string; readonly organization: Organization }[]>;
  /** @returns false when this organization has no such live key */
  revoke(organizationId: OrganizationId, apiKeyId: ApiKeyId, at: number): Promise<boolean>;
}
