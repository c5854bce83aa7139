import type { FolderId, OrganizationId, WorkflowId, WorkflowVersionId } from "../domain/id.ts";
import type { JsonObject } from "../domain/json.ts";
import type { WorkflowStatus } from "../domain/workflow/workflow-status.ts";
import type { KeysetPage, Page } from "./page.ts";

/** One immutable version of a workflow. */
export interface StoredWorkflow {
  readonly organizationId: OrganizationId;
  readonly workflowPermanentId: WorkflowId;
  readonly workflowId: WorkflowVersionId;
  readonly version: number;
  readonly title: string;
  /** The whole definition as it was posted. */
  readonly definition: JsonObject;
  /** When this version was made. */
  readonly createdAt: number;
}

/** What holds for a workflow whatever its version. */
export interface WorkflowState {
  readonly folderId: FolderId | null;
  /** Is it a template of its organization? */
  readonly isTemplate: boolean;
  readonly deletedAt: number | null;
}

export type WorkflowInState = StoredWorkflow & WorkflowState;

/** A version to be stored, and the folder that the workflow is to be in. A folder that is deleted meanwhile counts as none. */
export interface NewVersion extends Omit<StoredWorkflow, "version"> {
  readonly folderId: FolderId | null;
}

/** Which workflows of an organization, by their latest version. What is absent restricts nothing. */
export interface WorkflowFilter {
  /** Any of these; an empty list is of none. */
  readonly statuses: readonly WorkflowStatus[];
  readonly isSavedTask?: boolean;
  /** Only the organization's templates. */
  readonly isTemplate?: true;
  readonly folderId?: FolderId;
  /** A part of the title, in any case. */
  readonly title?: string;
}

export interface Workflows {
  /** Stores version 1. @returns null when the workflow exists; nothing is changed then */
  create(workflow: NewVersion): Promise<WorkflowState | null>;
  /**
   * Stores the next version; of several at once each gets its own number.
   * @param workflow.folderId null leaves the workflow where it is
   * @returns its number, null when there is no such workflow
   */
  addVersion(workflow: NewVersion): Promise<(WorkflowState & { readonly version: number }) | null>;
  /** Where the workflow stands, deleted or not. @returns null when there never was such a workflow */
  head(organizationId: OrganizationId, workflowId: WorkflowId): Promise<(WorkflowState & { readonly latestVersion: number }) | null>;
  /** One version, also of a deleted workflow. */
  version(organizationId: OrganizationId, workflowId: WorkflowId, version: number): Promise<StoredWorkflow | null>;
  /** Newest first, without deleted workflows. */
  versions(organizationId: OrganizationId, workflowId: WorkflowId, page: Page): Promise<WorkflowInState[]>;
  /** The latest version of each workflow, last changed first. @returns also how many there are, at most `countUpTo`; null when it was not asked */
  list(
    organizationId: OrganizationId,
    filter: WorkflowFilter,
    page: KeysetPage<WorkflowId>,
  ): Promise<{ workflows: WorkflowInState[]; count: number | null }>;
  /** @param folderId null takes it out of its folder @returns false when there is no such workflow or no such folder */
  setFolder(organizationId: OrganizationId, workflowId: WorkflowId, folderId: FolderId | null): Promise<boolean>;
  /** @returns false when there is no such workflow */
  setTemplate(organizationId: OrganizationId, workflowId: WorkflowId, isTemplate: boolean): Promise<boolean>;
  /** @returns false when there was none */
  delete(organizationId: OrganizationId, workflowId: WorkflowId, at: number): Promise<boolean>;
}
