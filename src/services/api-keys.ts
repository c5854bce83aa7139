import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { BoundedCache } from "../domain/bounded-cache.ts";
import { ServiceError } from "../domain/error.ts";
import type { ApiKeyId, OrganizationId } from "../domain/id.ts";
import type { Organization } from "../domain/organization.ts";
import type { ApiKeys } from "../ports/api-keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ids } from "../ports/ids.ts";
import type { Organizations } from "../ports/organizations.ts";
import { requireOrganization } from "./organizations.ts";

/** How long a revoked key may still be accepted: an isolate asks again after this. */
export const API_KEY_CACHE_MS = 30_000;
/** Keys that one isolate remembers. */
const API_KEY_CACHE_SIZE = 1_000;

/** A key as its owner is shown it, once. */
export interface IssuedApiKey {
  readonly apiKeyId: ApiKeyId;
  readonly name: string;
  readonly key: string;
  readonly createdAt: number;
}

/**
 * Makes a key, `pf_<ulid>_<32 random bytes, base64url>`, or takes over one that exists elsewhere.
 * @param options.key the key to take over, of any form
 * @returns `created: false` when this organization has the given key already
 * @throws ServiceError `not_found` without the organization, `conflict` when another organization has the key
 */
export async function issueApiKey(
  deps: { organizations: Pick<Organizations, "get">; apiKeys: ApiKeys; ids: Ids; clock: Clock },
  organizationId: OrganizationId,
  options: { name: string; key?: string | undefined },
): Promise<{ apiKey: IssuedApiKey; created: boolean }> {
  await requireOrganization(deps, organizationId);
  const apiKeyId = deps.ids.next("apiKey");
  const key = options.key ?? `pf_${apiKeyId.slice("ak_".length)}_${randomBytes(32).toString("base64url")}`;
  const hash = sha256(key).toString("hex");
  const live = await deps.apiKeys.insert({
    apiKeyId,
    organizationId,
    prefix: prefixOf(key, hash),
    hash,
    name: options.name,
    createdAt: deps.clock.now(),
  });
  if (live.organizationId !== organizationId) {
    throw new ServiceError("conflict", "This key belongs to another organization. A key names one organization: choose another key.");
  }
  return { apiKey: { apiKeyId: live.apiKeyId, name: live.name, key, createdAt: live.createdAt }, created: live.apiKeyId === apiKeyId };
}

/** The key stops working at once in this store, and within `API_KEY_CACHE_MS` everywhere. @throws ServiceError `not_found` */
export async function revokeApiKey(
  deps: { apiKeys: ApiKeys; clock: Clock },
  organizationId: OrganizationId,
  apiKeyId: ApiKeyId,
): Promise<void> {
  if (await deps.apiKeys.revoke(organizationId, apiKeyId, deps.clock.now())) return;
  throw new ServiceError("not_found", `Organization ${organizationId} has no API key ${apiKeyId} that is not revoked.`);
}

/** @returns the organization that the key belongs to, null when the key is not valid */
export type Authenticate = (key: string) => Promise<Organization | null>;

/** Make one for the isolate: it remembers the keys that were valid, for `API_KEY_CACHE_MS`. Keys that were not are asked for every time. */
export function createAuthenticate(deps: { apiKeys: ApiKeys; clock: Clock }): Authenticate {
  const valid = new BoundedCache<string, { organization: Organization; checkedAt: number }>(API_KEY_CACHE_SIZE);
  return async (key) => {
    const digest = sha256(key);
    const hash = digest.toString("hex");
    const now = deps.clock.now();
    const known = valid.get(hash);
    if (known !== undefined && now - known.checkedAt < API_KEY_CACHE_MS) return known.organization;
    const candidates = await deps.apiKeys.findLive(prefixOf(key, hash));
    const match = candidates.find((candidate) => timingSafeEqual(Buffer.from(candidate.hash, "hex"), digest));
    if (match === undefined) {
      valid.delete(hash);
      return null;
    }
    valid.set(hash, { organization: match.organization, checkedAt: now });
    return match.organization;
  };
}

/** Are two secrets the same? Takes the same time wherever they differ, and whatever their lengths. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(sha256(given), sha256(expected));
}

/** What a key is looked up by: the public part of a key of our own form, else the beginning of its digest. */
function prefixOf(key: string, hash: string): string {
  return /^pf_[0-9A-Z]{26}(?=_)/.exec(key)?.[0] ?? `sha256_${hash.slice(0, 16)}`;
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
