import type { CredentialType } from "../domain/credential/credential.ts";
import type { CredentialId, OrganizationId } from "../domain/id.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Page } from "./page.ts";

/** A credential as it is kept: what it holds is sealed by the vault for `credentialPurpose`. */
export interface StoredCredential {
  readonly organizationId: OrganizationId;
  readonly credentialId: CredentialId;
  readonly name: string;
  readonly credentialType: CredentialType;
  /** What of its content answers show: see `shownOf`. */
  readonly shown: JsonObject;
  /** Skyvern's other fields, as they were sent. */
  readonly settings: JsonObject;
  /** JSON text of its `CredentialSecrets`. */
  readonly sealed: string;
  readonly createdAt: number;
  readonly modifiedAt: number;
}

/** Which credentials of an organization. What is absent restricts nothing. */
export interface CredentialFilter {
  readonly credentialType?: CredentialType;
  /** A part of the name, in any case. */
  readonly search?: string;
}

export interface Credentials {
  /** @returns false when the id was ever used; nothing is changed then */
  insert(credential: StoredCredential): Promise<boolean>;
  get(organizationId: OrganizationId, credentialId: CredentialId): Promise<StoredCredential | null>;
  /** Those of the ids that name credentials of this organization. */
  existing(organizationId: OrganizationId, ids: readonly CredentialId[]): Promise<CredentialId[]>;
  /** The newest first. */
  list(organizationId: OrganizationId, filter: CredentialFilter, page: Page): Promise<StoredCredential[]>;
  /** @returns the credential as it is then, null when there is none */
  update(
    organizationId: OrganizationId,
    credentialId: CredentialId,
    changes: Partial<Pick<StoredCredential, "name" | "credentialType" | "shown" | "settings" | "sealed">>,
    at: number,
  ): Promise<StoredCredential | null>;
  /** Forgets what it holds, for good. @returns false when there was none */
  delete(organizationId: OrganizationId, credentialId: CredentialId, at: number): Promise<boolean>;
}
