import { z } from "zod";
import type { Organizations } from "../../ports/organizations.ts";
import type { Vault } from "../../ports/vault.ts";
import { readOrganization } from "../../services/organizations.ts";
import { json, routeFor } from "../route.ts";

export interface OrganizationDeps {
  readonly organizations: Organizations;
  readonly vault: Vault;
}

const webhookSecretSchema = z
  .strictObject({ secret: z.string().describe("`whsec_` and base64 (Standard Webhooks 1.0).") })
  .meta({ id: "WebhookSecret" });

const route = routeFor<OrganizationDeps>();

/** What a caller may know of its own organization. */
export const organizationRoutes = [
  route(
    {
      method: "get",
      paths: { readWebhookSecret: "/v1/webhook-secret" },
      tag: "Organization",
      summary: "What webhooks are signed with",
      caller: "api_key",
      responses: { 200: json("The secret.", webhookSecretSchema, { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }) },
    },
    async (deps, { c, organization }) => {
      const { webhookSecret } = await readOrganization(deps, organization.organizationId);
      return c.json({ secret: webhookSecret });
    },
  ),
];
