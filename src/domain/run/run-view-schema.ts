import { z } from "zod";
import type { JsonObject } from "../json.ts";
import { runRequestView } from "./run-request.ts";
import { BROWSER_SOURCES, FINAL_STATUSES } from "./run.ts";
import type { RunIndexRow } from "./run-view.ts";
import { absent, anyObject, createdAt, instant, modifiedAt } from "../view-field.ts";

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

export const scheduleId = z.string().nullable().describe("The schedule that started it, `wfs_…`.");

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

/** Skyvern's `FileInfo`. */
const fileInfoSchema = z
  .strictObject({
    url: z.string().describe("A signed link, which needs no key and expires."),
    checksum: z.string().describe("SHA-256, hexadecimal."),
    filename: z.string().describe("Its name."),
    file_size: z.int().describe("Bytes."),
    modified_at: instant.describe("When it was made."),
    artifact_id: z.string().describe("The artifact, `a_…`."),
  })
  .meta({ id: "FileInfo" });

export const downloadedFiles = z.array(fileInfoSchema).nullable().describe("The files that it downloaded; null when there are none.");
export const screenshotUrls = z
  .array(z.string())
  .nullable()
  .describe("Signed links, the newest first, at most 100; null when there are none.");
export const recordingUrl = z.string().nullable().describe("A signed link; null when there is no recording.");
export const runWith = z.string().describe("As the request said, else `agent`; has no effect here.");
export const browserSessionId = z.string().nullable().describe("The session whose browser it uses (`pbs_…`); null when it has its own.");
export const browserProfileId = z.string().nullable().describe("The profile that its browser began with (`bp_…`).");
export const browserAddress = z
  .string()
  .nullable()
  .describe("Where its browser is, as far as its host, when it is the organization's own or one that the run has named; else null.");
export const triggerType = z.enum(["manual", "mcp", "api", "scheduled", "webhook"]).describe("By what it was started.");

const warningSchema = z
  .strictObject({
    path: z.string().describe("Which field."),
    message: z.string().describe("A sentence."),
    code: z.string().describe("For programs."),
  })
  .meta({ id: "RunWarning" });

const asRequested = z.json().describe("As the request said.");

/** What `runRequestView` makes: every field of Skyvern's, and ours where they were sent. */
const runRequestViewSchema = z
  .looseObject({
    workflow_id: z.string().describe("The workflow, `wpid_…`."),
    parameters: anyObject.nullable().describe("As they were sent."),
    title: asRequested,
    proxy_location: asRequested,
    webhook_url: asRequested,
    totp_url: asRequested,
    totp_identifier: asRequested,
    browser_session_id: asRequested,
    reuse_browser_session: asRequested,
    browser_profile_id: asRequested,
    start_fresh_browser: asRequested,
    max_screenshot_scrolls: asRequested,
    max_elapsed_time_minutes: asRequested,
    extra_http_headers: z.json().describe("The names as the request said; values are masked."),
    extra_http_headers_origins: asRequested.optional(),
    cdp_connect_headers: asRequested,
    browser_address: asRequested,
    ai_fallback: asRequested,
    run_with: asRequested,
    run_metadata: asRequested,
  })
  .meta({ id: "RunRequestEcho" });

/** What `runResponse` and `invalidRunResponse` make, and `getRun` of them. */
export const runSchema = z
  .strictObject({
    run_id: z.string().describe("The run's id, `wr_…`."),
    run_type: z.literal("workflow_run").describe("Skyvern's kinds of run, of which there is one here."),
    status: runStatusSchema,
    output: outputSchema,
    failure_reason: failureReason,
    errors: z.array(runErrorSchema).describe("The codes of all failures."),
    downloaded_files: downloadedFiles,
    recording_url: recordingUrl,
    recording_archived: z.literal(false).describe("Skyvern's; always false here."),
    screenshot_urls: screenshotUrls,
    created_at: createdAt,
    modified_at: modifiedAt,
    queued_at: queuedAt,
    started_at: startedAt,
    finished_at: finishedAt,
    app_url: absent,
    browser_session_id: browserSessionId,
    browser_profile_id: browserProfileId,
    browser_seed_source: absent,
    max_screenshot_scrolls: z
      .int()
      .nullable()
      .describe("So many screens further down go the pictures of its pages; null where nobody said anything."),
    script_run: absent,
    script_id: absent,
    step_count: absent,
    run_with: runWith,
    ai_fallback: z.boolean().nullable().describe("As the request said; has no effect here."),
    run_request: runRequestViewSchema.nullable().describe("The request that started it; null for a start that was refused."),
    workflow_permanent_id: z.string().describe("The workflow, `wpid_…`."),
    workflow_id: z.string().describe("The version, `w_…`."),
    version: z.int().min(1).describe("The number of the version that runs, whatever is saved meanwhile."),
    workflow_title: z.string().describe("What the workflow was called then."),
    parameters: anyObject
      .nullable()
      .describe("The run's parameters, converted to the types that the workflow declares; null for a start that was refused."),
    browser_source: z
      .enum(BROWSER_SOURCES)
      .nullable()
      .describe("Where its browser is from: the service, a browser session, its organization's own, or one that it has named itself."),
    browser_address: browserAddress,
    webhook_callback_url: z.string().nullable().describe("Where its events go."),
    retried_from_workflow_run_id: z.string().nullable().describe("The run that it tries again."),
    retried_by_workflow_run_id: z.string().nullable().describe("The newest run that tries this one again."),
    parent_workflow_run_id: z.string().nullable().describe("The run whose `workflow_trigger` started it."),
    trigger_type: triggerType,
    warnings: z.array(warningSchema).describe("What of the request was kept and has no effect."),
    workflow_schedule_id: scheduleId,
    queue_position: z.int().min(1).nullable().optional().describe("Of a queued run: how many are served until it is its turn."),
    queue_reason: z.string().nullable().optional().describe("Of a queued run: what it waits for."),
  })
  .meta({ id: "Run" });

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
  run_request: runRequestView({ parameters: { url: "https://shop.example/kettle" } }, "wpid_01JDAA0000000000000000000B"),
  workflow_permanent_id: "wpid_01JDAA0000000000000000000B",
  workflow_id: "w_01JDAA0000000000000000000C",
  version: 1,
  workflow_title: "Check the price",
  parameters: { url: "https://shop.example/kettle" },
  browser_source: "service",
  browser_address: null,
  webhook_callback_url: null,
  retried_from_workflow_run_id: null,
  retried_by_workflow_run_id: null,
  parent_workflow_run_id: null,
  trigger_type: "api",
  warnings: [],
  workflow_schedule_id: null,
};
