import { randomBytes } from "node:crypto";
import { ServiceError } from "../domain/error.ts";
import type { OrganizationId } from "../domain/id.ts";
import { webhookSecretPurpose, type Organization } from "../domain/organization.ts";
import type { Clock, Ids, Organizations, StoredOrganization, Vault } from "../ports.ts";

export interface NewOrganization {
  readonly organizationId?: OrganizationId | undefined;
  readonly name: string;
  readonly allowedHosts: readonly string[];
  readonly maxConcurrentRuns: number;
}

/**
 * @returns the organization and the secret that its webhooks are signed with: `whsec_` and 32 random bytes in base64 (Standard Webhooks 1.0)
 * @throws ServiceError `conflict` when the id is taken
 */
export async function createOrganization(
  deps: { organizations: Organizations; vault: Vault; ids: Ids; clock: Clock },
  { organizationId = deps.ids.next("organization"), name, allowedHosts, maxConcurrentRuns }: NewOrganization,
): Promise<{ organization: Organization; webhookSecret: string }> {
  const webhookSecret = `whsec_${randomBytes(32).toString("base64")}`;
  const organization: Organization = { organizationId, name, allowedHosts, maxConcurrentRuns, createdAt: deps.clock.now() };
  const sealedWebhookSecret = await deps.vault.seal(webhookSecretPurpose(organizationId), webhookSecret);
  if (await deps.organizations.insert({ ...organization, sealedWebhookSecret })) return { organization, webhookSecret };
  throw new ServiceError("conflict", `There is an organization ${organizationId} already.`);
}

/** @throws ServiceError `not_found` */
export async function readOrganization(
  deps: { organizations: Organizations; vault: Vault },
  organizationId: OrganizationId,
): Promise<{ organization: Organization; webhookSecret: string }> {
  const { sealedWebhookSecret, ...organization } = await requireOrganization(deps, organizationId);
  return { organization, webhookSecret: await deps.vault.open(webhookSecretPurpose(organizationId), sealedWebhookSecret) };
}

/** @throws ServiceError `not_found` */
export async function requireOrganization(
  deps: { organizations: Organizations },
  organizationId: OrganizationId,
): Promise<StoredOrganization> {
  const organization = await deps.organizations.get(organizationId);
  if (organization !== null) return organization;
  throw new ServiceError("not_found", `There is no organization ${organizationId}.`);
}
