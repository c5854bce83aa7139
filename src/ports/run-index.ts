import type { BrowserSessionId, OrganizationId, RunId, WorkflowId } from "../domain/id.ts";
import type { RunIndexRow, RunProjection } from "../domain/run/run-view.ts";
import type { KeysetPage } from "./page.ts";

/** Which runs of an organization. What is absent restricts nothing. */
export interface RunFilter {
  readonly workflowRunId?: RunId;
  /** Any of these; an empty list is of none. */
  readonly workflowPermanentIds?: readonly WorkflowId[];
  /** Only runs that used this session; it counts only where neither workflows, statuses nor an error code are named. */
  readonly browserSessionId?: BrowserSessionId;
  readonly statuses?: readonly RunIndexRow["status"][];
  /** Only runs that have ended with this code among their errors. */
  readonly errorCode?: string;
  /** Milliseconds since the epoch, included. */
  readonly createdFrom?: number;
  readonly createdUntil?: number;
  /** False leaves out the runs that other runs started; it counts only together with `workflowPermanentIds`. */
  readonly includeChildren?: boolean;
}

export interface ListedRun extends RunIndexRow {
  /** False also for a template's run: a template is no workflow of the organization. */
  readonly workflowDeleted: boolean;
}

export interface RunIndex {
  /** Writes them all or none. A row replaces only one with a smaller `seq`, so that late and repeated projections change nothing. */
  upsert(rows: readonly RunProjection[]): Promise<void>;
  get(organizationId: OrganizationId, runId: RunId): Promise<ListedRun | null>;
  /** Newest first. @returns also how many there are, at most `countUpTo`; null when it was not asked */
  list(organizationId: OrganizationId, filter: RunFilter, page: KeysetPage<RunId>): Promise<{ runs: ListedRun[]; count: number | null }>;
  /** Workflows and templates that have run under a title with this text in it, in any case; those that were made last first. */
  workflowsTitled(organizationId: OrganizationId, text: string, limit: number): Promise<WorkflowId[]>;
  /** The last run that tries this one again. */
  retriedBy(organizationId: OrganizationId, runId: RunId): Promise<RunId | null>;
  /**
   * Runs of any organization that are not final and have not changed since `modifiedBefore`, the stillest first, in pages of `limit`.
   * @param turn which page; the first comes again after the last, so that whoever counts on sees each of them
   */
  unfinished(modifiedBefore: number, turn: number, limit: number): Promise<RunIndexRow[]>;
}
