import type { OrganizationId, RunId, TotpCodeId, WorkflowId } from "../domain/id.ts";
import type { Page } from "./page.ts";

/** A one-time code that was sent in. */
export interface StoredTotpCode {
  readonly organizationId: OrganizationId;
  readonly totpCodeId: TotpCodeId;
  readonly totpIdentifier: string;
  /** The code, sealed by the vault for `totpCodePurpose`. */
  readonly sealed: string;
  /** Skyvern's `workflow_id`, `workflow_run_id` and `task_id`: only the runs that they name may use it. */
  readonly workflowId: string | null;
  readonly workflowRunId: string | null;
  readonly taskId: string | null;
  readonly source: string | null;
  readonly type: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** When a run took it; each code is used once. */
  readonly usedAt: number | null;
}

export interface TotpCodes {
  /** @returns false when the id is taken; nothing is changed then */
  insert(code: StoredTotpCode): Promise<boolean>;
  /** Those that have not expired, the newest first. */
  list(organizationId: OrganizationId, filter: { readonly totpIdentifier?: string }, now: number, page: Page): Promise<StoredTotpCode[]>;
  /** Takes the newest code that this run may use; no one else gets it. @returns null when there is none */
  take(
    organizationId: OrganizationId,
    wanted: { readonly totpIdentifier: string; readonly workflowId: WorkflowId; readonly workflowRunId: RunId },
    now: number,
  ): Promise<StoredTotpCode | null>;
  /** Forgets codes that expired before this instant, at most `limit` of them. @returns how many */
  purge(expiredBefore: number, limit: number): Promise<number>;
}
