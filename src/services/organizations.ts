import { randomBytes } from "node:crypto";
import { ServiceError } from "../domain/error.ts";
import type { OrganizationId } from "../domain/id.ts";
import { webhookSecretPurpose, type Organization, type OrganizationSettings } from "../domain/organization.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ids } from "../ports/ids.ts";
import type { OrganizationChanges, Organizations, StoredOrganization } from "../ports/organizations.ts";
import type { Vault } from "../ports/vault.ts";

/** An organization, and the secret that its webhooks are signed with. */
export interface OpenedOrganization {
  readonly organization: Organization;
  readonly webhookSecret: string;
}

/**
 * Makes it with a webhook secret of its own: `whsec_` and 32 random bytes in base64 (Standard Webhooks 1.0).
 * @throws ServiceError `conflict` when the id is taken
 */
export async function createOrganization(
  deps: { organizations: Organizations; vault: Vault; ids: Ids; clock: Clock },
  settings: OrganizationSettings,
  organizationId: OrganizationId = deps.ids.next("organization"),
): Promise<OpenedOrganization> {
  const webhookSecret = `whsec_${randomBytes(32).toString("base64")}`;
  const organization: Organization = { organizationId, ...settings, createdAt: deps.clock.now() };
  const sealedWebhookSecret = await deps.vault.seal(webhookSecretPurpose(organizationId), webhookSecret);
  if (await deps.organizations.insert({ ...organization, sealedWebhookSecret })) return { organization, webhookSecret };
  throw new ServiceError("conflict", `There is an organization ${organizationId} already.`);
}

/** @throws ServiceError `not_found` */
export async function readOrganization(
  deps: { organizations: Organizations; vault: Vault },
  organizationId: OrganizationId,
): Promise<OpenedOrganization> {
  return await openOrganization(deps, await requireOrganization(deps, organizationId));
}

/**
 * Changes what is named and leaves the rest. Callers with a key that an isolate remembers have the old limits for up to `API_KEY_CACHE_MS` more.
 * @throws ServiceError `not_found`
 */
export async function updateOrganization(
  deps: { organizations: Organizations; vault: Vault },
  organizationId: OrganizationId,
  changes: OrganizationChanges,
): Promise<OpenedOrganization> {
  const organization = await deps.organizations.update(organizationId, changes);
  if (organization === null) throw noOrganization(organizationId);
  return await openOrganization(deps, organization);
}

/** @throws ServiceError `not_found` */
export async function requireOrganization(
  deps: { organizations: Pick<Organizations, "get"> },
  organizationId: OrganizationId,
): Promise<StoredOrganization> {
  const organization = await deps.organizations.get(organizationId);
  if (organization !== null) return organization;
  throw noOrganization(organizationId);
}

async function openOrganization(deps: { vault: Vault }, stored: StoredOrganization): Promise<OpenedOrganization> {
  const { sealedWebhookSecret, ...organization } = stored;
  const webhookSecret = await deps.vault.open(webhookSecretPurpose(organization.organizationId), sealedWebhookSecret);
  return { organization, webhookSecret };
}

function noOrganization(organizationId: OrganizationId): ServiceError {
  return new ServiceError("not_found", `There is no organization ${organizationId}.`);
}
