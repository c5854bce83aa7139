/** A run in Skyvern's older status object, which its webhooks carry too. Every field of theirs is there (1.0.50), null where it does not apply. */
import { isJsonObject, type Json, type JsonObject } from "../json.ts";

/** What the older status object says beyond the run itself. */
export interface RunStatusLinks {
  readonly retriedByRunId: string | null;
  /** Skyvern's: a sentence; empty once the webhook was delivered; null when there is nothing to say. */
  readonly webhookFailureReason: string | null;
  /** The version that ran, as the API shows it; null when it is gone. */
  readonly workflow: JsonObject | null;
}

/** Skyvern's `WorkflowRunResponseBase` with its `workflow`. @param run what `runResponse` or `invalidRunResponse` made */
export function workflowRunStatus(run: JsonObject, { retriedByRunId, webhookFailureReason, workflow }: RunStatusLinks): JsonObject {
  const request = isJsonObject(run.run_request) ? run.run_request : {};
  const told = (name: string): Json => run[name] ?? null;
  const asked = (name: string): Json => request[name] ?? null;
  return {
    workflow_id: told("workflow_permanent_id"),
    workflow_run_id: told("run_id"),
    status: told("status"),
    failure_reason: told("failure_reason"),
    failure_category: null,
    retried_from_workflow_run_id: told("retried_from_workflow_run_id"),
    retried_by_workflow_run_id: retriedByRunId ?? told("retried_by_workflow_run_id"),
    proxy_location: asked("proxy_location"),
    webhook_callback_url: told("webhook_callback_url"),
    webhook_failure_reason: webhookFailureReason,
    totp_verification_url: asked("totp_url"),
    totp_identifier: asked("totp_identifier"),
    extra_http_headers: asked("extra_http_headers"),
    cdp_connect_headers: asked("cdp_connect_headers"),
    queued_at: told("queued_at"),
    started_at: told("started_at"),
    finished_at: told("finished_at"),
    created_at: told("created_at"),
    modified_at: told("modified_at"),
    parameters: told("parameters"),
    screenshot_urls: told("screenshot_urls"),
    recording_url: told("recording_url"),
    recording_urls: run.recording_url == null ? null : [run.recording_url],
    recording_archived: run.recording_archived ?? false,
    downloaded_files: told("downloaded_files"),
    downloaded_file_urls: urlsOf(run.downloaded_files),
    outputs: told("output"),
    total_steps: told("step_count"),
    total_cost: null,
    credits_used: null,
    cached_credits_used: null,
    task_v2: null,
    workflow_title: told("workflow_title"),
    browser_session_id: told("browser_session_id"),
    browser_profile_id: told("browser_profile_id"),
    browser_seed_source: told("browser_seed_source"),
    browser_sink_profile_id: null,
    max_screenshot_scrolls: told("max_screenshot_scrolls"),
    browser_address: told("browser_address"),
    run_with: run.run_with ?? "agent",
    script_run: told("script_run"),
    script_id: told("script_id"),
    errors: run.errors ?? [],
    agent_id: told("workflow_permanent_id"),
    agent_run_id: told("run_id"),
    workflow,
  };
}

/** Of Skyvern's `FileInfo`s. */
function urlsOf(files: Json | undefined): Json {
  return Array.isArray(files) ? files.flatMap((file: Json) => (isJsonObject(file) ? [file.url ?? null] : [])) : null;
}
