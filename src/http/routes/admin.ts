import { z } from "zod";
import { isId, type ApiKeyId, type OrganizationId } from "../../domain/id.ts";
import type { JsonObject } from "../../domain/json.ts";
import { hostOfEntry } from "../../domain/outbound/outbound.ts";
import { ORGANIZATION_LIMITS } from "../../domain/organization.ts";
import { addressField, connectHeadersField, headersAloneFaults, maskValues, remoteOf } from "../../domain/browser/remote-browser.ts";
import { formatInstant } from "../../domain/time.ts";
import { createdAt } from "../../domain/view-field.ts";
import type { ApiKeys } from "../../ports/api-keys.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Ids } from "../../ports/ids.ts";
import type { Organizations } from "../../ports/organizations.ts";
import type { Vault } from "../../ports/vault.ts";
import { issueApiKey, revokeApiKey } from "../../services/api-keys.ts";
import {
  createOrganization,
  type GivenChanges,
  type GivenSettings,
  type OpenedOrganization,
  readOrganization,
  updateOrganization,
} from "../../services/organizations.ts";
import { body, empty, json, routeFor } from "../route.ts";

export interface AdminDeps {
  readonly organizations: Organizations;
  readonly apiKeys: ApiKeys;
  readonly vault: Vault;
  readonly ids: Ids;
  readonly clock: Clock;
}

const nameSchema = z.string().trim().min(1).max(ORGANIZATION_LIMITS.name).describe("For people.");

const { maxConcurrentRuns, maxRunSeconds, maxWorkflowBlocks } = ORGANIZATION_LIMITS;

/** Entries that no URL could match are refused: a list that says nothing protects nobody. */
const hostsSchema = z
  .array(
    z
      .string()
      .max(300)
      .refine((entry) => hostOfEntry(entry) !== null, "must be a host such as shop.example, shop.example:8443, *.shop.example or 10.0.0.7"),
  )
  .max(ORGANIZATION_LIMITS.hosts);

const settingsSchema = z.strictObject({
  name: nameSchema,
  allowed_hosts: hostsSchema.describe(
    "Private hosts that its workflows and webhooks may reach, e.g. `intranet.example:8443` or `*.corp.example`.",
  ),
  denied_hosts: hostsSchema.describe("Hosts that its workflows and webhooks may not reach, written alike; also of parts of a page."),
  only_hosts: hostsSchema.describe("The only hosts that they may reach; with none, any. Private ones must be allowed besides."),
  max_concurrent_runs: z.int().min(1).max(maxConcurrentRuns.max).describe("More runs than these wait in the queue."),
  max_run_seconds: z.int().min(1).max(maxRunSeconds.max).describe("How long a run may be at work, whatever it asks for."),
  max_workflow_blocks: z
    .int()
    .min(1)
    .max(maxWorkflowBlocks.max)
    .describe("Blocks that a workflow may have at the top level when it is saved. Versions that are stored run on."),
});

const browserFields = {
  browser_address: addressField
    .nullish()
    .describe(
      "The browser of runs that name none, and no session: its DevTools endpoint, as `browser_address` of a run. Kept encrypted; shown as far as its host. " +
        "null: the service's own.",
    ),
  cdp_connect_headers: connectHeadersField
    .nullish()
    .describe("Sent when connecting to `browser_address`, with which they are given and changed. Kept encrypted; shown as `***`."),
};

function checkHeadersAlone(settings: object, context: z.RefinementCtx): void {
  for (const { path, message } of headersAloneFaults(settings)) context.addIssue({ code: "custom", path: [path], message });
}

const { shape } = settingsSchema;
const newOrganizationFields = settingsSchema.extend({
  ...browserFields,
  organization_id: z
    .custom<OrganizationId>((id) => typeof id === "string" && isId("organization", id), "must be o_ and letters, digits, _ or -")
    .optional()
    .meta({ type: "string", description: "An id that is known elsewhere; one is made when absent." }),
  allowed_hosts: shape.allowed_hosts.default([]),
  denied_hosts: shape.denied_hosts.default([]),
  only_hosts: shape.only_hosts.default([]),
  max_concurrent_runs: shape.max_concurrent_runs.default(maxConcurrentRuns.default),
  max_run_seconds: shape.max_run_seconds.default(maxRunSeconds.default),
  max_workflow_blocks: shape.max_workflow_blocks.default(maxWorkflowBlocks.default),
});
const newOrganizationSchema = newOrganizationFields.superRefine(checkHeadersAlone);
const organizationChangesSchema = settingsSchema.partial().extend(browserFields).superRefine(checkHeadersAlone);

type NewOrganization = z.infer<typeof newOrganizationSchema>;
type OrganizationWish = z.infer<typeof organizationChangesSchema>;

/** What a request says, but for the browser. */
function settingsOf(wish: NewOrganization): Omit<GivenSettings, "browser">;
function settingsOf(wish: OrganizationWish): Omit<GivenChanges, "browser">;
function settingsOf(wish: OrganizationWish): Omit<GivenChanges, "browser"> {
  return {
    name: wish.name,
    allowedHosts: wish.allowed_hosts,
    deniedHosts: wish.denied_hosts,
    onlyHosts: wish.only_hosts,
    maxConcurrentRuns: wish.max_concurrent_runs,
    maxRunSeconds: wish.max_run_seconds,
    maxWorkflowBlocks: wish.max_workflow_blocks,
  };
}

const newApiKeySchema = z.strictObject({
  name: nameSchema,
  key: z
    .string()
    .min(1)
    .max(500)
    .regex(/^[\x21-\x7e]+$/, "must be visible ASCII characters without spaces")
    .optional()
    .describe("A key to take over. A new one is made when absent."),
});

const organizationSchema = settingsSchema
  .extend({
    organization_id: z.string().describe("`o_…`."),
    browser_address: z
      .string()
      .nullable()
      .describe("Where the browser of its runs is, as far as its host; null: they have the service's own."),
    cdp_connect_headers: z.record(z.string(), z.string()).nullable().describe("What is sent there: the names, and `***` for each value."),
    webhook_secret: z.string().describe("What its webhooks are signed with, `whsec_…` (Standard Webhooks)."),
    created_at: createdAt,
  })
  .meta({ id: "Organization" });

const organizationExample: JsonObject = {
  organization_id: "o_01JDAA0000000000000000000A",
  name: "Acme",
  allowed_hosts: [],
  denied_hosts: [],
  only_hosts: [],
  max_concurrent_runs: maxConcurrentRuns.default,
  max_run_seconds: maxRunSeconds.default,
  max_workflow_blocks: maxWorkflowBlocks.default,
  browser_address: null,
  cdp_connect_headers: null,
  webhook_secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  created_at: "2026-01-31T12:00:00.000Z",
};

const apiKeySchema = z
  .strictObject({
    api_key_id: z.string().describe("`ak_…`, for revoking it."),
    name: z.string().describe("For people."),
    key: z.string().describe("The key itself: it is shown this once."),
    created_at: createdAt,
  })
  .meta({ id: "ApiKey" });

const apiKeyExample: JsonObject = {
  api_key_id: "ak_01JDAA0000000000000000000E",
  name: "ci",
  key: "pf_01JDAA0000000000000000000E_x2Vt0mPz",
  created_at: "2026-01-31T12:00:00.000Z",
};

const route = routeFor<AdminDeps>();

/** For the administrator of the service. */
export const adminRoutes = [
  route(
    {
      method: "post",
      paths: { createOrganization: "/v1/admin/organizations" },
      tag: "Administration",
      summary: "Make an organization",
      caller: "admin",
      body: body(newOrganizationSchema, { name: "Acme" }),
      responses: { 201: json("The organization.", organizationSchema, organizationExample) },
      errors: ["conflict"],
    },
    async (deps, { c, body: wish }) => {
      const settings = { ...settingsOf(wish), browser: remoteOf(wish) };
      return c.json(organizationResponse(await createOrganization(deps, settings, wish.organization_id)), 201);
    },
  ),
  route(
    {
      method: "patch",
      paths: { updateOrganization: "/v1/admin/organizations/{organization_id}" },
      tag: "Administration",
      summary: "Change an organization's settings",
      description: "What is not named stays as it is. Callers may have the old settings for half a minute more.",
      caller: "admin",
      body: body(organizationChangesSchema, { max_concurrent_runs: 10 }),
      responses: { 200: json("The organization.", organizationSchema, organizationExample) },
    },
    async (deps, { c, params, body: wish }) => {
      const browser = wish.browser_address === undefined ? undefined : remoteOf(wish);
      const changes = { ...settingsOf(wish), browser };
      return c.json(organizationResponse(await updateOrganization(deps, params.organization_id as OrganizationId, changes)));
    },
  ),
  route(
    {
      method: "get",
      paths: { readOrganization: "/v1/admin/organizations/{organization_id}" },
      tag: "Administration",
      summary: "An organization",
      caller: "admin",
      responses: { 200: json("The organization.", organizationSchema, organizationExample) },
    },
    async (deps, { c, params }) => c.json(organizationResponse(await readOrganization(deps, params.organization_id as OrganizationId))),
  ),
  route(
    {
      method: "post",
      paths: { issueApiKey: "/v1/admin/organizations/{organization_id}/api-keys" },
      tag: "Administration",
      summary: "Make an API key, or take one over",
      caller: "admin",
      body: body(newApiKeySchema, { name: "ci" }),
      responses: {
        200: json("The organization has the given key already.", apiKeySchema, apiKeyExample),
        201: json("The key.", apiKeySchema, apiKeyExample),
      },
      errors: ["conflict"],
    },
    async (deps, { c, params, body: wish }) => {
      const { apiKey, created } = await issueApiKey(deps, params.organization_id as OrganizationId, wish);
      const { apiKeyId, name, key, createdAt: at } = apiKey;
      return c.json({ api_key_id: apiKeyId, name, key, created_at: formatInstant(at) }, created ? 201 : 200);
    },
  ),
  route(
    {
      method: "delete",
      paths: { revokeApiKey: "/v1/admin/organizations/{organization_id}/api-keys/{api_key_id}" },
      tag: "Administration",
      summary: "Revoke an API key",
      description: "It may be accepted for half a minute more.",
      caller: "admin",
      responses: { 204: empty("It is revoked.") },
    },
    async (deps, { c, params }) => {
      await revokeApiKey(deps, params.organization_id as OrganizationId, params.api_key_id as ApiKeyId);
      return c.body(null, 204);
    },
  ),
];

function organizationResponse({ organization, webhookSecret }: OpenedOrganization) {
  return {
    organization_id: organization.organizationId,
    name: organization.name,
    allowed_hosts: organization.allowedHosts,
    denied_hosts: organization.deniedHosts,
    only_hosts: organization.onlyHosts,
    max_concurrent_runs: organization.maxConcurrentRuns,
    max_run_seconds: organization.maxRunSeconds,
    max_workflow_blocks: organization.maxWorkflowBlocks,
    browser_address: organization.browser?.address ?? null,
    cdp_connect_headers: organization.browser === null ? null : maskValues(organization.browser.headers),
    webhook_secret: webhookSecret,
    created_at: formatInstant(organization.createdAt),
  };
}
