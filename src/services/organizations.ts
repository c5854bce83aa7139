import { randomBytes } from "node:crypto";
import { invalidInput, ServiceError } from "../domain/error.ts";
import type { OrganizationId } from "../domain/id.ts";
import { webhookSecretPurpose, type Organization, type OrganizationSettings } from "../domain/organization.ts";
import type { HostPolicy } from "../domain/outbound/outbound.ts";
import { checkRemote, maskAddress, type OrganizationBrowser, type RemoteAddress, remotePurpose } from "../domain/browser/remote-browser.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ids } from "../ports/ids.ts";
import type { Organizations, StoredOrganization } from "../ports/organizations.ts";
import type { Vault } from "../ports/vault.ts";

/** Settings as the administrator gives them: with the browser's own address. */
export type GivenSettings = Omit<OrganizationSettings, "browser"> & { readonly browser: RemoteAddress | null };

/** What is absent or undefined stays as it is. A browser is changed as a whole: no header goes to an address that it was not given for. */
export type GivenChanges = { readonly [Name in keyof GivenSettings]?: GivenSettings[Name] | undefined };

/** An organization, and the secret that its webhooks are signed with. */
export interface OpenedOrganization {
  readonly organization: Organization;
  readonly webhookSecret: string;
}

/**
 * Makes it with a webhook secret of its own: `whsec_` and 32 random bytes in base64 (Standard Webhooks 1.0).
 * @throws ServiceError `invalid_input` for its browser, `conflict` when the id is taken
 */
export async function createOrganization(
  deps: { organizations: Organizations; vault: Vault; ids: Ids; clock: Clock },
  { browser, ...settings }: GivenSettings,
  organizationId: OrganizationId = deps.ids.next("organization"),
): Promise<OpenedOrganization> {
  const webhookSecret = `whsec_${randomBytes(32).toString("base64")}`;
  const sealedBrowser = browser === null ? null : await sealBrowser(deps, organizationId, browser, settings);
  const organization: Organization = { organizationId, ...settings, browser: sealedBrowser, createdAt: deps.clock.now() };
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
 * Changes what is named and leaves the rest. Callers with a key that an isolate remembers have the old settings for up to `API_KEY_CACHE_MS` more.
 * @throws ServiceError `not_found`, `invalid_input` for its browser
 */
export async function updateOrganization(
  deps: { organizations: Organizations; vault: Vault },
  organizationId: OrganizationId,
  { browser, ...changes }: GivenChanges,
): Promise<OpenedOrganization> {
  const sealed = browser ? await sealBrowser(deps, organizationId, browser, await hostsAfter(deps, organizationId, changes)) : browser;
  const organization = await deps.organizations.update(organizationId, { ...changes, browser: sealed });
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

/** What it may reach after the change. @throws ServiceError `not_found` */
async function hostsAfter(
  deps: { organizations: Organizations },
  organizationId: OrganizationId,
  changes: GivenChanges,
): Promise<HostPolicy> {
  const { allowedHosts, deniedHosts, onlyHosts } = await requireOrganization(deps, organizationId);
  return {
    allowedHosts: changes.allowedHosts ?? allowedHosts,
    deniedHosts: changes.deniedHosts ?? deniedHosts,
    onlyHosts: changes.onlyHosts ?? onlyHosts,
  };
}

/** @throws ServiceError `invalid_input` with every fault */
async function sealBrowser(
  { vault }: { vault: Vault },
  organizationId: OrganizationId,
  browser: RemoteAddress,
  hosts: HostPolicy,
): Promise<OrganizationBrowser> {
  const faults = checkRemote(browser, hosts);
  if (faults.length > 0) throw invalidInput("The request is not valid", faults);
  const sealed = await vault.seal(remotePurpose(organizationId), JSON.stringify(browser));
  return { sealed, address: maskAddress(browser.address), headers: Object.keys(browser.headers) };
}

async function openOrganization(deps: { vault: Vault }, stored: StoredOrganization): Promise<OpenedOrganization> {
  const { sealedWebhookSecret, ...organization } = stored;
  const webhookSecret = await deps.vault.open(webhookSecretPurpose(organization.organizationId), sealedWebhookSecret);
  return { organization, webhookSecret };
}

function noOrganization(organizationId: OrganizationId): ServiceError {
  return new ServiceError("not_found", `There is no organization ${organizationId}.`);
}
