import type { BrowserMemory } from "../domain/browser/browser-memory.ts";
import type { ProfileSource } from "../domain/browser/browser-profile.ts";
import type { BrowserProfileId, OrganizationId, WorkflowId } from "../domain/id.ts";
import type { Page } from "./page.ts";

/** A profile without what it holds. Times in milliseconds since the epoch. */
export interface BrowserProfile {
  readonly organizationId: OrganizationId;
  readonly browserProfileId: BrowserProfileId;
  readonly name: string;
  readonly description: string | null;
  /** What it was made of. */
  readonly source: ProfileSource;
  readonly cookieCount: number;
  /** Origins with local storage. */
  readonly originCount: number;
  readonly createdAt: number;
  readonly modifiedAt: number;
}

/** What of a profile can be changed. */
export interface ProfileChanges {
  readonly name?: string | undefined;
  readonly description?: string | null | undefined;
}

/** By how many runs a profile was used. */
export interface ProfileUsage {
  /** At most as many as were asked for. */
  readonly runCount: number;
  /** When the last of them was made. */
  readonly lastUsedAt: number | null;
  /** Their workflows. */
  readonly workflowPermanentIds: readonly WorkflowId[];
}

export interface BrowserProfiles {
  /** @returns false when there is one of this id, deleted or not */
  insert(profile: BrowserProfile): Promise<boolean>;
  get(organizationId: OrganizationId, browserProfileId: BrowserProfileId): Promise<BrowserProfile | null>;
  /** The newest first. */
  list(organizationId: OrganizationId, page: Page): Promise<BrowserProfile[]>;
  update(
    organizationId: OrganizationId,
    browserProfileId: BrowserProfileId,
    changes: ProfileChanges,
    at: number,
  ): Promise<BrowserProfile | null>;
  /** @returns false when there is none */
  delete(organizationId: OrganizationId, browserProfileId: BrowserProfileId, at: number): Promise<boolean>;
  /** Of the last `limit` runs that used it. */
  usage(organizationId: OrganizationId, browserProfileId: BrowserProfileId, limit: number): Promise<ProfileUsage>;
}

/** Makes profiles of what objects hold. */
export interface ProfileMaker {
  /** May be repeated. @returns null when one of this id was deleted */
  make(
    named: Pick<BrowserProfile, "organizationId" | "browserProfileId" | "name" | "description">,
    source: ProfileSource,
    memory: BrowserMemory,
  ): Promise<BrowserProfile | null>;
}
