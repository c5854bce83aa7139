/** A run in Skyvern's lists. Every field of theirs is there (1.0.50), null where it does not apply. */
import type { JsonObject } from "../json.ts";
import type { RunIndexRow } from "./run-view.ts";
import { formatInstant, formatInstantOrNull } from "../time.ts";

/** Skyvern's `TaskRunListItem`. */
export function runListItem(row: RunIndexRow & { readonly workflowDeleted: boolean }): JsonObject {
  return {
    task_run_id: row.workflowRunId,
    run_id: row.workflowRunId,
    task_run_type: "workflow_run",
    status: row.status,
    title: row.workflowTitle,
    started_at: formatInstantOrNull(row.startedAt),
    finished_at: formatInstantOrNull(row.finishedAt),
    created_at: formatInstant(row.createdAt),
    workflow_permanent_id: row.workflowPermanentId,
    workflow_deleted: row.workflowDeleted,
    script_run: false,
    trigger_type: row.triggerType,
  };
}

/** Skyvern's `WorkflowRun`. What became of its webhook is in the deliveries, not here. */
export function workflowRunItem(row: RunIndexRow): JsonObject {
  return {
    workflow_run_id: row.workflowRunId,
    workflow_id: row.workflowId,
    workflow_permanent_id: row.workflowPermanentId,
    organization_id: row.organizationId,
    browser_session_id: row.browserSessionId,
    browser_profile_id: row.browserProfileId,
    status: row.status,
    proxy_location: null,
    webhook_callback_url: row.webhookUrl,
    webhook_failure_reason: null,
    failure_reason: row.failureReason,
    failure_category: null,
    retried_from_workflow_run_id: row.retriedFromRunId,
    parent_workflow_run_id: row.parentRunId,
    workflow_title: row.workflowTitle,
    run_with: "agent",
    job_id: null,
    depends_on_workflow_run_id: null,
    sequential_key: row.sequentialKey,
    trigger_type: row.triggerType,
    workflow_schedule_id: row.scheduleId,
    credits_used: null,
    queued_at: formatInstantOrNull(row.queuedAt),
    started_at: formatInstantOrNull(row.startedAt),
    finished_at: formatInstantOrNull(row.finishedAt),
    created_at: formatInstant(row.createdAt),
    modified_at: formatInstant(row.modifiedAt),
  };
}
