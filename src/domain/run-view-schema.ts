import { z } from "zod";
import type { JsonObject } from "./json.ts";
import { FINAL_STATUSES } from "./run.ts";
import type { RunIndexRow } from "./run-view.ts";
import { absent, anyObject, createdAt, instant, modifiedAt } from "./view-field.ts";

/** Every status of a run, as callers see it. */
export const RUN_STATUSES = [
  "created",
  "queued",
  "running",
  "paused",
  "retrying",
  ...FINAL_STATUSES,
  "invalid",
] as const satisfies readonly RunIndexRow["status"][];

export const runStatusSchema = z
  .enum(RUN_STATUSES)
  .describe(
    "Final are `completed`, `failed`, `terminated` (a block ended it in good order), `canceled`, `timed_out` and `invalid` (a start that was refused).",
  )
  .meta({ id: "RunStatus" });

export const queuedAt = instant.nullable().describe("When it began to wait for a slot.");
export const startedAt = instant.nullable().describe("When it began.");
export const finishedAt = instant.nullable().describe("When it ended.");
export const failureReason = z.string().nullable().describe("Why it ended as it did, in a sentence; null for success and before the end.");

export const runErrorSchema = z
  .strictObject({
    error_code: z.string().describe("From the workflow's or the block's `error_code_mapping`."),
    reasoning: z.string().describe("Why the block failed."),
    confidence_float: z.literal(1).describe("Skyvern's."),
    error_type: z.literal("block").describe("Skyvern's."),
    path: z.string().describe("Which block, by its place: `orders[3].read`."),
  })
  .meta({ id: "RunError" });

export const outputSchema = anyObject
  .nullable()
  .describe("What the blocks returned, as `<label>_output`, and every `extracted_information` that is not null, in order.");

/** What `runResponse` makes, and `getRun` of it. */
const runSchema = z
  .strictObject({
    run_id: z.string().describe("The run's id, `wr_…`."),
    run_type: z.literal("workflow_run").describe("Skyvern's kinds of run, of which there is one here."),
    status: runStatusSchema,
    output: outputSchema,
    failure_reason: failureReason,
    errors: z.array(runErrorSchema).describe("The codes of all failures."),
    downloaded_files: absent,
    recording_url: absent,
    recording_archived: z.literal(false).describe("Skyvern's; always false here."),
    screenshot_urls: absent,
    created_at: createdAt,
    modified_at: modifiedAt,
    queued_at: queuedAt,
    started_at: startedAt,
    finished_at: finishedAt,
    app_url: absent,
    browser_session_id: absent,
    browser_profile_id: absent,
    browser_seed_source: absent,
    max_screenshot_scrolls: absent,
    script_run: absent,
    script_id: absent,
    step_count: absent,
    run_with: z.literal("agent").describe("Skyvern's; always the same here."),
    ai_fallback: absent,
    run_request: anyObject.describe("The request that started it, as it was sent; headers for others are masked."),
    workflow_permanent_id: z.string().describe("The workflow, `wpid_…`."),
    workflow_id: z.string().describe("The version, `w_…`."),
    version: z.int().min(1).describe("The number of the version that runs, whatever is saved meanwhile."),
    workflow_title: z.string().describe("What the workflow was called then."),
    parameters: anyObject.describe("The run's parameters, converted to the types that the workflow declares."),
    webhook_callback_url: z.string().nullable().describe("Where its events go."),
    retried_from_workflow_run_id: z.string().nullable().describe("The run that it tries again."),
    parent_workflow_run_id: z.string().nullable().describe("The run whose `workflow_trigger` started it."),
    queue_position: z.int().min(1).nullable().optional().describe("Of a queued run: how many are served until it is its turn."),
    queue_reason: z.string().nullable().optional().describe("Of a queued run: what it waits for."),
  })
  .meta({ id: "Run" });

/** What `invalidRunResponse` makes. */
const invalidRunSchema = runSchema
  .pick({
    run_id: true,
    run_type: true,
    output: true,
    failure_reason: true,
    created_at: true,
    modified_at: true,
    queued_at: true,
    started_at: true,
    finished_at: true,
    workflow_permanent_id: true,
    workflow_id: true,
    version: true,
    workflow_title: true,
  })
  .extend({ status: z.literal("invalid").describe("The start was refused: `failure_reason` says why.") })
  .meta({ id: "InvalidRun" });

export const startedRunSchema = runSchema;
export const anyRunSchema = z.union([runSchema, invalidRunSchema]);

export const runExample: JsonObject = {
  run_id: "wr_01JDAA0000000000000000000D",
  run_type: "workflow_run",
  status: "completed",
  output: { price_output: { extracted_information: { price: 19.99 }, page_count: 1, has_more_pages: false } },
  failure_reason: null,
  errors: [],
  downloaded_files: null,
  recording_url: null,
  recording_archived: false,
  screenshot_urls: null,
  created_at: "2026-01-31T12:00:00.000Z",
  modified_at: "2026-01-31T12:00:04.120Z",
  queued_at: null,
  started_at: "2026-01-31T12:00:00.020Z",
  finished_at: "2026-01-31T12:00:04.120Z",
  app_url: null,
  browser_session_id: null,
  browser_profile_id: null,
  browser_seed_source: null,
  max_screenshot_scrolls: null,
  script_run: null,
  script_id: null,
  step_count: null,
  run_with: "agent",
  ai_fallback: null,
  run_request: { workflow_id: "wpid_01JDAA0000000000000000000B", parameters: { url: "https://shop.example/kettle" } },
  workflow_permanent_id: "wpid_01JDAA0000000000000000000B",
  workflow_id: "w_01JDAA0000000000000000000C",
  version: 1,
  workflow_title: "Check the price",
  parameters: { url: "https://shop.example/kettle" },
  webhook_callback_url: null,
  retried_from_workflow_run_id: null,
  parent_workflow_run_id: null,
};
