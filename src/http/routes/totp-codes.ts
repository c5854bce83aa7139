import { z } from "zod";
import type { JsonObject } from "../../domain/json.ts";
import { formatInstant, formatInstantOrNull } from "../../domain/time.ts";
import { createdAt, instant, modifiedAt } from "../../domain/view-field.ts";
import type { StoredTotpCode } from "../../ports/totp-codes.ts";
import { listTotpCodes, receiveTotpCode, type TotpCodeDeps, totpCodeRequestSchema } from "../../services/totp-codes.ts";
import { noQuery, pageFields, toPage } from "../query.ts";
import { body, IDEMPOTENCY_KEY, json, routeFor } from "../route.ts";

const totpCodeSchema = z
  .strictObject({
    totp_code_id: z.string().describe("`otp_…`"),
    organization_id: z.string().describe("Whose it is."),
    totp_identifier: z.string().describe("By what name it was sent in."),
    task_id: z.string().nullable().describe("As it was sent."),
    workflow_id: z.string().nullable().describe("The only workflow whose runs may use it."),
    workflow_run_id: z.string().nullable().describe("The only run that may use it."),
    source: z.string().nullable().describe("As it was sent."),
    type: z.string().nullable().describe("As it was sent."),
    created_at: createdAt,
    modified_at: modifiedAt,
    expired_at: instant.describe("Until when it holds."),
    used_at: instant.nullable().describe("When a run took it: each code is used once."),
  })
  .describe("Skyvern's `TOTPCode`, without the code and its message.")
  .meta({ id: "TotpCode" });

const example: JsonObject = {
  totp_code_id: "otp_01JDAA0000000000000000000D",
  organization_id: "o_01JDAA0000000000000000000A",
  totp_identifier: "ann@example.com",
  task_id: null,
  workflow_id: null,
  workflow_run_id: null,
  source: "phone",
  type: null,
  created_at: "2026-01-31T12:00:00.000Z",
  modified_at: "2026-01-31T12:00:00.000Z",
  expired_at: "2026-01-31T12:10:00.000Z",
  used_at: null,
};

const route = routeFor<TotpCodeDeps>();

/** One-time codes that are sent in. */
export const totpCodeRoutes = [
  route(
    {
      method: "post",
      paths: { sendTotpCode: "/v1/credentials/totp" },
      tag: "Credentials",
      summary: "Send a one-time code in",
      description: "It is given to the next run that asks for one by this name, within ten minutes.",
      caller: "api_key",
      query: noQuery,
      headers: { "Idempotency-Key": IDEMPOTENCY_KEY },
      body: body(totpCodeRequestSchema, { totp_identifier: "ann@example.com", content: "Your code is 492039.", source: "phone" }),
      responses: { 200: json("It has been taken in.", totpCodeSchema, example) },
      errors: ["idempotency_mismatch"],
    },
    async (deps, { c, organization, headers, body: sent }) =>
      c.json(totpCodeResponse(await receiveTotpCode(deps, organization.organizationId, sent, headers["Idempotency-Key"] ?? null))),
  ),
  route(
    {
      method: "get",
      paths: { listTotpCodes: "/v1/credentials/totp" },
      tag: "Credentials",
      summary: "One-time codes that hold, the newest first",
      caller: "api_key",
      query: z.strictObject({ ...pageFields, totp_identifier: z.string().max(500).optional().describe("Only those of this name.") }),
      responses: { 200: json("A page of them.", z.array(totpCodeSchema), [example]) },
    },
    async (deps, { c, organization, query: { totp_identifier: totpIdentifier, ...page } }) => {
      const filter = totpIdentifier === undefined ? {} : { totpIdentifier };
      return c.json((await listTotpCodes(deps, organization.organizationId, filter, toPage(page))).map(totpCodeResponse));
    },
  ),
];

function totpCodeResponse(code: StoredTotpCode): JsonObject {
  return {
    totp_code_id: code.totpCodeId,
    organization_id: code.organizationId,
    totp_identifier: code.totpIdentifier,
    task_id: code.taskId,
    workflow_id: code.workflowId,
    workflow_run_id: code.workflowRunId,
    source: code.source,
    type: code.type,
    created_at: formatInstant(code.createdAt),
    modified_at: formatInstant(code.usedAt ?? code.createdAt),
    expired_at: formatInstant(code.expiresAt),
    used_at: formatInstantOrNull(code.usedAt),
  };
}
