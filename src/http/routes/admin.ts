import { Hono } from "hono";
import { z } from "zod";
import { isId, type ApiKeyId, type OrganizationId } from "../../domain/id.ts";
import { ORGANIZATION_LIMITS } from "../../domain/organization.ts";
import { formatInstant } from "../../domain/time.ts";
import type { ApiKeys, Clock, Ids, Organizations, Templates, Vault } from "../../ports.ts";
import { issueApiKey, revokeApiKey } from "../../services/api-keys.ts";
import { createOrganization, readOrganization, updateOrganization, type OpenedOrganization } from "../../services/organizations.ts";
import { publishTemplate } from "../../services/templates.ts";
import { checkInput } from "../../services/workflows.ts";
import type { AppEnv } from "../auth.ts";
import { BODY_LIMITS, readBody, readBodyAs } from "../body.ts";

export interface AdminDeps {
  readonly organizations: Organizations;
  readonly apiKeys: ApiKeys;
  readonly templates: Templates;
  readonly vault: Vault;
  readonly ids: Ids;
  readonly clock: Clock;
}

const nameSchema = z.string().trim().min(1).max(ORGANIZATION_LIMITS.name);

const { maxConcurrentRuns, maxRunSeconds, maxWorkflowBlocks } = ORGANIZATION_LIMITS;

const settingsSchema = z.strictObject({
  name: nameSchema,
  allowed_hosts: z
    .array(z.string().min(1).max(300))
    .max(ORGANIZATION_LIMITS.allowedHosts)
    .describe("Private hosts that its workflows and webhooks may reach, e.g. `intranet.example:8443` or `*.corp.example`."),
  max_concurrent_runs: z.int().min(1).max(maxConcurrentRuns.max).describe("More runs than these wait in the queue."),
  max_run_seconds: z.int().min(1).max(maxRunSeconds.max).describe("How long a run may be at work, whatever it asks for."),
  max_workflow_blocks: z
    .int()
    .min(1)
    .max(maxWorkflowBlocks.max)
    .describe("Blocks that a workflow may have at the top level when it is saved. Versions that are stored run on."),
});

const { shape } = settingsSchema;
const newOrganizationSchema = settingsSchema.extend({
  organization_id: z
    .custom<OrganizationId>((id) => typeof id === "string" && isId("organization", id), "must be o_ and letters, digits, _ or -")
    .optional(),
  allowed_hosts: shape.allowed_hosts.default([]),
  max_concurrent_runs: shape.max_concurrent_runs.default(maxConcurrentRuns.default),
  max_run_seconds: shape.max_run_seconds.default(maxRunSeconds.default),
  max_workflow_blocks: shape.max_workflow_blocks.default(maxWorkflowBlocks.default),
});
const organizationChangesSchema = settingsSchema.partial();

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

/** For the administrator of the service. Mounted under `/v1/admin`. */
export function adminRoutes(deps: AdminDeps): Hono<AppEnv> {
  return new Hono<AppEnv>()
    .post("/organizations", async (c) => {
      const body = await readBodyAs(c, newOrganizationSchema, BODY_LIMITS.request);
      const settings = {
        name: body.name,
        allowedHosts: body.allowed_hosts,
        maxConcurrentRuns: body.max_concurrent_runs,
        maxRunSeconds: body.max_run_seconds,
        maxWorkflowBlocks: body.max_workflow_blocks,
      };
      return c.json(organizationResponse(await createOrganization(deps, settings, body.organization_id)), 201);
    })
    .patch("/organizations/:id", async (c) => {
      const body = await readBodyAs(c, organizationChangesSchema, BODY_LIMITS.request);
      const changes = {
        name: body.name,
        allowedHosts: body.allowed_hosts,
        maxConcurrentRuns: body.max_concurrent_runs,
        maxRunSeconds: body.max_run_seconds,
        maxWorkflowBlocks: body.max_workflow_blocks,
      };
      return c.json(organizationResponse(await updateOrganization(deps, c.req.param("id") as OrganizationId, changes)));
    })
    .get("/organizations/:id", async (c) => c.json(organizationResponse(await readOrganization(deps, c.req.param("id") as OrganizationId))))
    .post("/organizations/:id/api-keys", async (c) => {
      const body = await readBodyAs(c, newApiKeySchema, BODY_LIMITS.request);
      const { apiKey, created } = await issueApiKey(deps, c.req.param("id") as OrganizationId, body);
      const { apiKeyId, name, key, createdAt } = apiKey;
      return c.json({ api_key_id: apiKeyId, name, key, created_at: formatInstant(createdAt) }, created ? 201 : 200);
    })
    .delete("/organizations/:id/api-keys/:keyId", async (c) => {
      await revokeApiKey(deps, c.req.param("id") as OrganizationId, c.req.param("keyId") as ApiKeyId);
      return c.body(null, 204);
    })
    .put("/templates/:id", async (c) => {
      const { value, locate } = await readBody(c, BODY_LIMITS.definition);
      const { definition } = checkInput({ definition: value, locate });
      const { workflowId, version, changed } = await publishTemplate(deps, c.req.param("id"), definition);
      return c.json({ workflow_permanent_id: workflowId, version, changed });
    });
}

function organizationResponse({ organization, webhookSecret }: OpenedOrganization) {
  return {
    organization_id: organization.organizationId,
    name: organization.name,
    allowed_hosts: organization.allowedHosts,
    max_concurrent_runs: organization.maxConcurrentRuns,
    max_run_seconds: organization.maxRunSeconds,
    max_workflow_blocks: organization.maxWorkflowBlocks,
    webhook_secret: webhookSecret,
    created_at: formatInstant(organization.createdAt),
  };
}
