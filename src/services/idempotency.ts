import { createHash } from "node:crypto";
import { ServiceError, type Fault, invalidInput } from "../domain/error.ts";
import type { OrganizationId } from "../domain/id.ts";
import type { Json } from "../domain/json.ts";
import type { Clock } from "../ports/clock.ts";
import type { IdempotencyKeys } from "../ports/idempotency-keys.ts";

/** After this a key is free again. */
export const IDEMPOTENCY_KEY_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** Rows that one purge forgets at most; the next purge goes on. */
const PURGE_LIMIT = 1_000;

/** A request that makes one resource, and the key under which it may be repeated. */
export interface KeyedRequest<Id extends string> {
  readonly organizationId: OrganizationId;
  /** What is made: a key of one scope says nothing in another. */
  readonly scope: string;
  /** The value of the header; null when there is none. */
  readonly key: string | null;
  /** Everything that decides what is made: the parsed body, and query parameters that matter. */
  readonly request: Json;
  /** The resource's id, should it be the first to ask. */
  readonly newId: Id;
}

/**
 * Makes the resource of a request once, however often the request is sent under its key, also at the same time: each is given the same id and
 * finishes what another began. A request that is refused leaves its key free: it can be mended and sent again.
 * @param make creates the resource under this id unless it is there; `replayed` when another request asked first
 * @throws ServiceError as `claim`, and what `make` throws
 */
export async function once<Id extends string, Made>(
  deps: { idempotencyKeys: IdempotencyKeys; clock: Clock },
  { organizationId, scope, key, request, newId }: KeyedRequest<Id>,
  make: (id: Id, replayed: boolean) => Promise<Made>,
): Promise<Made> {
  if (key === null) return await make(newId, false);
  const { resourceId, replayed } = await claim(deps, { organizationId, scope, key, requestHash: hashRequest(request), newId });
  try {
    return await make(resourceId, replayed);
  } catch (error) {
    // After any other error the resource may be there.
    if (error instanceof ServiceError && !replayed) await deps.idempotencyKeys.release({ organizationId, scope, key, resourceId });
    throw error;
  }
}

/**
 * Decides which resource a request with an `Idempotency-Key` makes, before anything is made: the first caller's `newId` is recorded and every
 * repetition is given the same. The caller then creates the resource under this id unless it is there, so that a repetition after a crash
 * finishes what the first began.
 * @param request.key the value of the header; 1 to 255 visible ASCII characters
 * @throws ServiceError `invalid_input` for a key of another form, `idempotency_mismatch` when the key was used for another request
 */
export async function claim<Id extends string>(
  deps: { idempotencyKeys: IdempotencyKeys; clock: Clock },
  {
    organizationId,
    scope,
    key,
    requestHash,
    newId,
  }: { organizationId: OrganizationId; scope: string; key: string; requestHash: string; newId: Id },
): Promise<{ resourceId: Id; replayed: boolean }> {
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    const faults: Fault[] = [{ path: "Idempotency-Key", message: "must be 1 to 255 visible ASCII characters", code: "invalid_value" }];
    throw invalidInput("The request has a fault", faults);
  }
  const now = deps.clock.now();
  const mine = { organizationId, scope, key, requestHash, resourceId: newId, createdAt: now };
  const holds = await deps.idempotencyKeys.claim(mine, now - IDEMPOTENCY_KEY_LIFETIME_MS);
  if (holds.requestHash !== requestHash) {
    throw new ServiceError(
      "idempotency_mismatch",
      "This Idempotency-Key was used for a different request. Send the same body, or another key.",
      {
        faults: [{ path: "Idempotency-Key", message: "was used for a different request", code: "invalid_value" }],
        extra: { resource_id: holds.resourceId },
      },
    );
  }
  return { resourceId: holds.resourceId as Id, replayed: holds.resourceId !== newId };
}

/** SHA-256 of a request, hexadecimal. */
export function hashRequest(request: Json): string {
  return createHash("sha256").update(JSON.stringify(request)).digest("hex");
}

/** Forgets keys that are free again. For the cron trigger. @returns how many were forgotten */
export async function purgeIdempotencyKeys(deps: { idempotencyKeys: IdempotencyKeys; clock: Clock }): Promise<number> {
  return await deps.idempotencyKeys.purge(deps.clock.now() - IDEMPOTENCY_KEY_LIFETIME_MS, PURGE_LIMIT);
}
