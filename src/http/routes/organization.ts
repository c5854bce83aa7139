import { Hono } from "hono";
import type { Organizations, Vault } from "../../ports.ts";
import { readOrganization } from "../../services/organizations.ts";
import type { AppEnv } from "../auth.ts";

export interface OrganizationDeps {
  readonly organizations: Organizations;
  readonly vault: Vault;
}

/** What a caller may know of its own organization. */
export function organizationRoutes(deps: OrganizationDeps): Hono<AppEnv> {
  return new Hono<AppEnv>().get("/webhook-secret", async (c) => {
    const { webhookSecret } = await readOrganization(deps, c.get("organization").organizationId);
    return c.json({ secret: webhookSecret });
  });
}
