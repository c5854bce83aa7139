import { z } from "zod";
import { type Fault, invalidInput } from "../domain/error.ts";
import type { OrganizationId } from "../domain/id.ts";
import { findTotpCode, MAX_MESSAGE_LENGTH } from "../domain/credential/totp-message.ts";
import { totpCodePurpose } from "../domain/credential/totp.ts";
import type { Clock } from "../ports/clock.ts";
import type { IdempotencyKeys } from "../ports/idempotency-keys.ts";
import type { Ids } from "../ports/ids.ts";
import type { Page } from "../ports/page.ts";
import type { StoredTotpCode, TotpCodes } from "../ports/totp-codes.ts";
import type { Vault } from "../ports/vault.ts";
import { once } from "./idempotency.ts";

/** Skyvern's: a code that was sent in is good for ten minutes. */
const LIFETIME_MS = 10 * 60_000;
/** Rows that one purge forgets at most; the next purge goes on. */
const PURGE_LIMIT = 1_000;

export const totpCodeRequestSchema = z.strictObject({
  totp_identifier: z
    .string()
    .trim()
    .min(1, "must not be empty")
    .max(500)
    .describe("Whose code it is: as the credential, the run or the workflow names it."),
  content: z
    .string()
    .max(MAX_MESSAGE_LENGTH)
    .describe(
      "The code, or the whole message with the code in it. A message must be clear without a model: one number of 4 to 10 digits, or one beside a word such as code.",
    ),
  task_id: z.string().max(200).nullish().describe("Of a task: runs of workflows do not use the code then."),
  workflow_id: z.string().max(200).nullish().describe("Only runs of this workflow may use it (`wpid_…`)."),
  workflow_run_id: z.string().max(200).nullish().describe("Only this run may use it (`wr_…`)."),
  source: z.string().max(200).nullish().describe("Where it came from, for people: `phone`, `email`, …"),
  expired_at: z.iso
    .datetime({ offset: true, local: true })
    .nullish()
    .describe("Until when it holds, if that is less than ten minutes; without a zone it is UTC."),
  type: z.string().max(100).nullish().describe("Skyvern's: what kind of code it is; kept and returned."),
});

export interface TotpCodeDeps {
  readonly totpCodes: TotpCodes;
  readonly vault: Pick<Vault, "seal">;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly idempotencyKeys: IdempotencyKeys;
}

/**
 * Takes a code in, for the next run that asks for one by this name. Of a message only the code is kept.
 * @throws ServiceError `invalid_input` when no one code can be told in the message, or it has expired
 */
export async function receiveTotpCode(
  deps: TotpCodeDeps,
  organizationId: OrganizationId,
  body: z.infer<typeof totpCodeRequestSchema>,
  idempotencyKey: string | null,
): Promise<StoredTotpCode> {
  const found = findTotpCode(body.content);
  const now = deps.clock.now();
  const expiry =
    body.expired_at == null ? null : Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(body.expired_at) ? body.expired_at : `${body.expired_at}Z`);
  const faults: Fault[] = [
    ...(found.ok ? [] : [{ path: "content", message: found.message, code: "invalid_value" as const }]),
    ...(expiry === null || expiry > now
      ? []
      : [{ path: "expired_at", message: "is in the past: no run could use the code", code: "invalid_value" as const }]),
  ];
  if (!found.ok || faults.length > 0) throw invalidInput("The code cannot be used", faults);
  const { totp_identifier: totpIdentifier, workflow_id, workflow_run_id, task_id } = body;
  // A hash of six digits is as good as the digits: the key stands for where the code goes, not for what it is.
  const request = { totpIdentifier, workflow_id: workflow_id ?? null, workflow_run_id: workflow_run_id ?? null, task_id: task_id ?? null };
  const keyed = { organizationId, scope: "send_totp_code", key: idempotencyKey, request, newId: deps.ids.next("totpCode") };
  return await once(deps, keyed, async (totpCodeId) => {
    const code: StoredTotpCode = {
      organizationId,
      totpCodeId,
      totpIdentifier,
      sealed: await deps.vault.seal(totpCodePurpose(organizationId, totpCodeId), found.code),
      workflowId: workflow_id ?? null,
      workflowRunId: workflow_run_id ?? null,
      taskId: task_id ?? null,
      source: body.source ?? null,
      type: body.type ?? null,
      createdAt: now,
      expiresAt: Math.min(expiry ?? Infinity, now + LIFETIME_MS),
      usedAt: null,
    };
    await deps.totpCodes.insert(code);
    return code;
  });
}

/** Those that have not expired, the newest first. */
export async function listTotpCodes(
  deps: Pick<TotpCodeDeps, "totpCodes" | "clock">,
  organizationId: OrganizationId,
  filter: { readonly totpIdentifier?: string },
  page: Page,
): Promise<StoredTotpCode[]> {
  return await deps.totpCodes.list(organizationId, filter, deps.clock.now(), page);
}

/** Forgets codes that have expired. For the cron trigger. @returns how many were forgotten */
export async function purgeTotpCodes(deps: Pick<TotpCodeDeps, "totpCodes" | "clock">): Promise<number> {
  return await deps.totpCodes.purge(deps.clock.now(), PURGE_LIMIT);
}
