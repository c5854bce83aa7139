import { z } from "zod";
import { CREDENTIAL_TYPES } from "../../domain/credential/credential.ts";
import type { JsonObject } from "../../domain/json.ts";
import { formatInstant } from "../../domain/time.ts";
import { createdAt, modifiedAt } from "../../domain/view-field.ts";
import type { StoredCredential } from "../../ports/credentials.ts";
import {
  changeCredential,
  createCredential,
  credentialChangesSchema,
  type CredentialDeps,
  credentialRequestSchema,
  currentTotpCode,
  deleteCredential,
  listCredentials,
  readCredential,
  replaceCredential,
} from "../../services/credentials.ts";
import { noQuery, pageFields, toPage } from "../query.ts";
import { body, empty, IDEMPOTENCY_KEY, json, routeFor } from "../route.ts";

const listQuery = z.strictObject({
  ...pageFields,
  credential_type: z.enum(CREDENTIAL_TYPES).optional().describe("Only those of this type."),
  vault_type: z
    .enum(["skyvern", "bitwarden", "azure_vault", "gcp", "custom"])
    .optional()
    .describe("All credentials are of the type skyvern: this service keeps them itself."),
  search: z.string().max(200).optional().describe("A part of the name, in any case."),
});

const shownSchema = z
  .union([
    z.strictObject({
      username: z.string().describe("Of a password."),
      totp_type: z.string().describe("How the site asks for a one-time code."),
      totp_identifier: z.string().nullable().describe("By what name codes are sent in."),
    }),
    z.strictObject({ last_four: z.string().describe("Of a card: its last four digits."), brand: z.string().describe("Its brand.") }),
    z.strictObject({ secret_label: z.string().nullable().describe("Of a secret.") }),
  ])
  .describe("What of its content may be shown, by its type.");

const kept = "As it was sent; without effect.";
const credentialSchema = z
  .strictObject({
    credential_id: z.string().describe("`cred_…`; what parameters of the type `credential_id` take."),
    organization_id: z.string().describe("Whose it is."),
    name: z.string().describe("What people call it."),
    credential_type: z.enum(CREDENTIAL_TYPES).describe("What it holds."),
    credential: shownSchema,
    vault_type: z.literal("skyvern").describe("This service keeps it itself."),
    proxy_location: z.json().describe(kept),
    proxy_session_id: z.string().nullable().describe(kept),
    rotate_proxy_session_id: z.boolean().nullable().describe(kept),
    browser_profile_id: z.string().nullable().describe(kept),
    auto_profile_disabled: z.boolean().nullable().describe(kept),
    pin_saved_session_ip: z.boolean().nullable().describe(kept),
    tested_url: z.string().nullable().describe(kept),
    created_at: createdAt,
    modified_at: modifiedAt,
  })
  .meta({ id: "Credential" });

const requestExample: JsonObject = {
  name: "Shop",
  credential_type: "password",
  credential: { username: "ann@example.com", password: "correct horse", totp: "JBSWY3DPEHPK3PXP", totp_type: "authenticator" },
};
const credentialExample: JsonObject = {
  credential_id: "cred_01JDAA0000000000000000000D",
  organization_id: "o_01JDAA0000000000000000000A",
  name: "Shop",
  credential_type: "password",
  credential: { username: "ann@example.com", totp_type: "authenticator", totp_identifier: null },
  vault_type: "skyvern",
  proxy_location: null,
  proxy_session_id: null,
  rotate_proxy_session_id: null,
  browser_profile_id: null,
  auto_profile_disabled: null,
  pin_saved_session_ip: null,
  tested_url: null,
  created_at: "2026-01-31T12:00:00.000Z",
  modified_at: "2026-01-31T12:00:00.000Z",
};

const codeSchema = z.strictObject({
  code: z.string().describe("What the authenticator shows now."),
  seconds_remaining: z.int().min(1).describe("How long it holds."),
});

const route = routeFor<CredentialDeps>();

/** Credentials. No answer holds a secret, but for the code of the moment of an authenticator. */
export const credentialRoutes = [
  route(
    {
      method: "post",
      paths: { createCredential: "/v1/credentials" },
      tag: "Credentials",
      summary: "Store a credential",
      description:
        "It is kept encrypted. Workflows name it by a parameter, and blocks read its fields in expressions: `{{ login.password }}`. " +
        "It is never answered, and is taken out of what blocks give back.",
      caller: "api_key",
      query: noQuery,
      headers: { "Idempotency-Key": IDEMPOTENCY_KEY },
      body: body(credentialRequestSchema, requestExample),
      responses: { 201: json("The credential, without what is secret.", credentialSchema, credentialExample) },
      errors: ["conflict", "idempotency_mismatch"],
    },
    async (deps, { c, organization, headers, body: wanted }) =>
      c.json(
        credentialResponse(await createCredential(deps, organization.organizationId, wanted, headers["Idempotency-Key"] ?? null)),
        201,
      ),
  ),
  route(
    {
      method: "get",
      paths: { listCredentials: "/v1/credentials" },
      tag: "Credentials",
      summary: "Credentials, the newest first",
      caller: "api_key",
      query: listQuery,
      responses: { 200: json("A page of them.", z.array(credentialSchema), [credentialExample]) },
    },
    async (deps, { c, organization, query: { credential_type: credentialType, vault_type, search, ...page } }) => {
      if (vault_type !== undefined && vault_type !== "skyvern") return c.json([]);
      const filter = { ...(credentialType === undefined ? {} : { credentialType }), ...(search === undefined ? {} : { search }) };
      return c.json((await listCredentials(deps, organization.organizationId, filter, toPage(page))).map(credentialResponse));
    },
  ),
  route(
    {
      method: "get",
      paths: { readCredential: "/v1/credentials/{credential_id}" },
      tag: "Credentials",
      summary: "A credential, without what is secret",
      caller: "api_key",
      query: noQuery,
      responses: { 200: json("The credential.", credentialSchema, credentialExample) },
    },
    async (deps, { c, organization, params }) =>
      c.json(credentialResponse(await readCredential(deps, organization.organizationId, params.credential_id))),
  ),
  route(
    {
      method: "patch",
      paths: { changeCredential: "/v1/credentials/{credential_id}" },
      tag: "Credentials",
      summary: "Rename a credential, or change its settings",
      caller: "api_key",
      query: noQuery,
      body: body(credentialChangesSchema, { name: "Shop, Ann" }),
      responses: { 200: json("The credential.", credentialSchema, credentialExample) },
    },
    async (deps, { c, organization, params, body: changes }) =>
      c.json(credentialResponse(await changeCredential(deps, organization.organizationId, params.credential_id, changes))),
  ),
  route(
    {
      method: "post",
      paths: { replaceCredential: "/v1/credentials/{credential_id}/update" },
      tag: "Credentials",
      summary: "Replace what a credential holds",
      description: "All of it: what is not sent is gone.",
      caller: "api_key",
      query: noQuery,
      body: body(credentialRequestSchema, requestExample),
      responses: { 200: json("The credential.", credentialSchema, credentialExample) },
    },
    async (deps, { c, organization, params, body: wanted }) =>
      c.json(credentialResponse(await replaceCredential(deps, organization.organizationId, params.credential_id, wanted))),
  ),
  route(
    {
      method: "post",
      paths: { deleteCredential: "/v1/credentials/{credential_id}/delete" },
      tag: "Credentials",
      summary: "Delete a credential",
      description: "What it holds is gone for good. Runs that name it fail at the block that uses it.",
      caller: "api_key",
      query: noQuery,
      responses: { 204: empty("It is deleted.") },
    },
    async (deps, { c, organization, params }) => {
      await deleteCredential(deps, organization.organizationId, params.credential_id);
      return c.body(null, 204);
    },
  ),
  ...(["get", "post"] as const).map((method) =>
    route(
      {
        method,
        paths: { [method === "get" ? "readTotpCode" : "makeTotpCode"]: "/v1/credentials/{credential_id}/totp-code" as const },
        tag: "Credentials",
        summary: "The code that a credential's authenticator shows now",
        caller: "api_key",
        query: noQuery,
        responses: { 200: json("The code.", codeSchema, { code: "492039", seconds_remaining: 17 }) },
        errors: ["conflict"],
      },
      async (deps, { c, organization, params }) => {
        const { code, secondsLeft } = await currentTotpCode(deps, organization.organizationId, params.credential_id);
        return c.json({ code, seconds_remaining: secondsLeft }, 200, { "cache-control": "no-store" });
      },
    ),
  ),
];

function credentialResponse({ settings, ...credential }: StoredCredential): JsonObject {
  return {
    credential_id: credential.credentialId,
    organization_id: credential.organizationId,
    name: credential.name,
    credential_type: credential.credentialType,
    credential: credential.shown,
    vault_type: "skyvern",
    proxy_location: settings.proxy_location ?? null,
    proxy_session_id: settings.proxy_session_id ?? null,
    rotate_proxy_session_id: settings.rotate_proxy_session_id ?? null,
    browser_profile_id: settings.browser_profile_id ?? null,
    auto_profile_disabled: settings.auto_profile_disabled ?? null,
    pin_saved_session_ip: settings.pin_saved_session_ip ?? null,
    tested_url: settings.tested_url ?? null,
    created_at: formatInstant(credential.createdAt),
    modified_at: formatInstant(credential.modifiedAt),
  };
}
