import { z } from "zod";
import type { JsonObject } from "../json.ts";
import { runListItem, workflowRunItem } from "./run-list-view.ts";
import { workflowRunStatus } from "./run-status-view.ts";
import {
  browserAddress,
  browserProfileId,
  browserSessionId,
  downloadedFiles,
  failureReason,
  recordingUrl,
  runWith,
  screenshotUrls,
  finishedAt,
  outputSchema,
  queuedAt,
  runErrorSchema,
  runExample,
  runStatusSchema,
  scheduleId,
  startedAt,
  triggerType,
} from "./run-view-schema.ts";
import type { RunIndexRow } from "./run-view.ts";
import { absent, anyObject, createdAt, modifiedAt } from "../view-field.ts";
import { workflowResponseExample, workflowResponseSchema } from "../workflow/workflow-view-schema.ts";

const asked = z.json().describe("Skyvern's: as the request said; has no effect here.");

/** What `runListItem` makes. */
export const runListItemSchema = z
  .strictObject({
    task_run_id: z.string().describe("The run's id, `wr_…`."),
    run_id: z.string().describe("The same."),
    task_run_type: z.literal("workflow_run").describe("Skyvern's kinds of run, of which there is one here."),
    status: runStatusSchema,
    title: z.string().describe("What the workflow was called then."),
    started_at: startedAt,
    finished_at: finishedAt,
    created_at: createdAt,
    workflow_permanent_id: z.string().describe("The workflow, `wpid_…`."),
    workflow_deleted: z.boolean().describe("Was the workflow deleted since?"),
    script_run: z.literal(false).describe("Skyvern's; always false here."),
    trigger_type: triggerType,
  })
  .meta({ id: "RunListItem" });

/** What `workflowRunItem` makes. */
export const workflowRunItemSchema = z
  .strictObject({
    workflow_run_id: z.string().describe("The run's id, `wr_…`."),
    workflow_id: z.string().describe("The version, `w_…`."),
    workflow_permanent_id: z.string().describe("The workflow, `wpid_…`."),
    organization_id: z.string().describe("Whose it is."),
    browser_session_id: browserSessionId,
    browser_profile_id: browserProfileId,
    status: runStatusSchema,
    proxy_location: absent,
    webhook_callback_url: z.string().nullable().describe("Where its events go."),
    webhook_failure_reason: z.null().describe("Skyvern's; always null here: the webhook deliveries tell it."),
    failure_reason: failureReason,
    failure_category: absent,
    retried_from_workflow_run_id: z.string().nullable().describe("The run that it tries again."),
    parent_workflow_run_id: z.string().nullable().describe("The run whose `workflow_trigger` started it."),
    workflow_title: z.string().describe("What the workflow was called then."),
    run_with: z.literal("agent").describe("Skyvern's; always the same here."),
    job_id: absent,
    depends_on_workflow_run_id: absent,
    sequential_key: z.string().nullable().describe("Runs with the same key come one after the other."),
    trigger_type: triggerType,
    workflow_schedule_id: scheduleId,
    credits_used: absent,
    queued_at: queuedAt,
    started_at: startedAt,
    finished_at: finishedAt,
    created_at: createdAt,
    modified_at: modifiedAt,
  })
  .meta({ id: "WorkflowRun" });

/** What `workflowRunStatus` makes. */
export const workflowRunStatusSchema = z
  .strictObject({
    workflow_id: z.string().describe("The workflow, `wpid_…`."),
    workflow_run_id: z.string().describe("The run's id, `wr_…`."),
    status: runStatusSchema,
    failure_reason: failureReason,
    failure_category: absent,
    retried_from_workflow_run_id: z.string().nullable().describe("The run that it tries again."),
    retried_by_workflow_run_id: z.string().nullable().describe("The newest run that tries this one again."),
    proxy_location: asked,
    webhook_callback_url: z.string().nullable().describe("Where its events go."),
    webhook_failure_reason: z
      .string()
      .nullable()
      .describe("Why the last event is not delivered; empty when it is, null when there is nothing to say."),
    totp_verification_url: asked,
    totp_identifier: asked,
    extra_http_headers: asked,
    cdp_connect_headers: asked,
    queued_at: queuedAt,
    started_at: startedAt,
    finished_at: finishedAt,
    created_at: createdAt,
    modified_at: modifiedAt,
    parameters: anyObject.nullable().describe("The run's parameters; null for a start that was refused."),
    screenshot_urls: screenshotUrls,
    recording_url: recordingUrl,
    recording_urls: z.array(z.string()).nullable().describe("The same as a list."),
    recording_archived: z.literal(false).describe("Skyvern's; always false here."),
    downloaded_files: downloadedFiles,
    downloaded_file_urls: z.array(z.string()).nullable().describe("Their links."),
    outputs: outputSchema,
    total_steps: absent,
    total_cost: absent,
    credits_used: absent,
    cached_credits_used: absent,
    task_v2: absent,
    workflow_title: z.string().describe("What the workflow was called then."),
    browser_session_id: browserSessionId,
    browser_profile_id: browserProfileId,
    browser_seed_source: absent,
    browser_sink_profile_id: absent,
    max_screenshot_scrolls: asked,
    browser_address: browserAddress,
    run_with: runWith,
    script_run: absent,
    script_id: absent,
    errors: z.array(runErrorSchema).describe("The codes of all failures."),
    agent_id: z.string().describe("The workflow, as newer clients of Skyvern call it."),
    agent_run_id: z.string().describe("The run, as newer clients of Skyvern call it."),
    workflow: workflowResponseSchema.nullable().describe("The version that ran; null when it is gone."),
  })
  .meta({ id: "WorkflowRunStatus" });

const rowExample: RunIndexRow = {
  workflowRunId: "wr_01JDAA0000000000000000000D",
  organizationId: "o_01JDAA0000000000000000000A",
  workflowPermanentId: "wpid_01JDAA0000000000000000000B",
  workflowId: "w_01JDAA0000000000000000000C",
  version: 1,
  workflowTitle: "Check the price",
  status: "completed",
  failureReason: null,
  triggerType: "api",
  scheduleId: null,
  parentRunId: null,
  retriedFromRunId: null,
  webhookUrl: null,
  sequentialKey: null,
  browserSessionId: null,
  browserProfileId: null,
  createdAt: Date.UTC(2026, 0, 31, 12),
  queuedAt: null,
  startedAt: Date.UTC(2026, 0, 31, 12, 0, 0, 20),
  finishedAt: Date.UTC(2026, 0, 31, 12, 0, 4, 120),
  modifiedAt: Date.UTC(2026, 0, 31, 12, 0, 4, 120),
  seq: 7,
};

export const runListItemExample: JsonObject = runListItem({ ...rowExample, workflowDeleted: false });
export const workflowRunItemExample: JsonObject = workflowRunItem(rowExample);
export const workflowRunStatusExample: JsonObject = workflowRunStatus(runExample, {
  retriedByRunId: null,
  webhookFailureReason: null,
  workflow: workflowResponseExample,
});
