import type { OrganizationId } from "../domain/id.ts";
import type { Organization, OrganizationSettings } from "../domain/organization.ts";

export interface StoredOrganization extends Organization {
  /** `whsec_…`, sealed by the vault for `webhookSecretPurpose`. */
  readonly sealedWebhookSecret: string;
}

export interface Organizations {
  /** @returns false when the id is taken; nothing is changed then */
  insert(organization: StoredOrganization): Promise<boolean>;
  get(organizationId: OrganizationId): Promise<StoredOrganization | null>;
  /** @returns the organization as it is then, null when there is none */
  update(organizationId: OrganizationId, changes: OrganizationChanges): Promise<StoredOrganization | null>;
}

/** What is absent or undefined stays as it is. */
export type OrganizationChanges = { readonly [Name in keyof OrganizationSettings]?: OrganizationSettings[Name] | undefined };
