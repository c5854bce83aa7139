/** What the API says of a workflow. Field names and defaults are Skyvern's (1.0.50, its `Workflow`). */
import { maskSealedFields } from "../browser/extra-headers.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { formatInstant, formatInstantOrNull } from "../time.ts";

/** One version of a workflow, of an organization or a template. Times in milliseconds. */
export interface WorkflowFacts {
  /** `global` for a template, which every organization shares. */
  readonly organizationId: string;
  readonly workflowPermanentId: string;
  readonly workflowId: string;
  readonly version: number;
  readonly isTemplate: boolean;
  readonly folderId: string | null;
  /** As it was posted. */
  readonly definition: JsonObject;
  readonly createdAt: number;
  /** Of the workflow, with all its versions. */
  readonly deletedAt: number | null;
}

/** What the definition says of these fields is returned; this, where it says nothing. */
const DEFAULTS: JsonObject = {
  is_saved_task: false,
  description: null,
  proxy_location: null,
  webhook_callback_url: null,
  totp_verification_url: null,
  totp_identifier: null,
  persist_browser_session: false,
  reuse_browser_session: false,
  mask_secrets: null,
  pin_saved_session_ip: false,
  browser_profile_id: null,
  browser_profile_key: null,
  model: null,
  status: "published",
  max_screenshot_scrolls: null,
  max_elapsed_time_minutes: null,
  extra_http_headers: null,
  cdp_connect_headers: null,
  run_with: "agent",
  ai_fallback: true,
  cache_key: "default",
  adaptive_caching: false,
  enable_self_healing: null,
  code_version: null,
  generate_script_on_terminal: false,
  run_sequentially: false,
  sequential_key: null,
};

/** Fields of the response that the service makes; in a request they are the trace of an earlier response. */
const MADE_BY_SERVICE = new Set([
  "workflow_id",
  "organization_id",
  "workflow_permanent_id",
  "agent_id",
  "version",
  "is_template",
  "import_error",
  "created_by",
  "edited_by",
  "copilot_authored",
  "created_at",
  "modified_at",
  "deleted_at",
  "warnings",
]);

/** The title of a definition that was checked: it has one. */
export function titleOf(definition: JsonObject): string {
  return typeof definition.title === "string" ? definition.title : "";
}

/** What a workflow says for itself, as it may be shown: the definition, with the defaults of what it does not say. */
export function settingsOf(definition: JsonObject): JsonObject {
  return { ...DEFAULTS, ...maskSealedFields(definition) };
}

/** Skyvern's `Workflow`, every field present. What the definition holds besides is returned too, so that nothing is lost. */
export function workflowResponse(workflow: WorkflowFacts): JsonObject {
  const at = formatInstant(workflow.createdAt);
  return {
    ...settingsOf(workflow.definition),
    workflow_id: workflow.workflowId,
    organization_id: workflow.organizationId,
    workflow_permanent_id: workflow.workflowPermanentId,
    agent_id: workflow.workflowPermanentId,
    version: workflow.version,
    is_template: workflow.isTemplate,
    folder_id: workflow.folderId,
    import_error: null,
    created_by: null,
    edited_by: null,
    copilot_authored: false,
    created_at: at,
    modified_at: at,
    deleted_at: formatInstantOrNull(workflow.deletedAt),
  };
}

/**
 * A definition as it is to be stored: without the fields that only a response has, and without those that say no more than their default.
 * So a response can be posted back as it is, and the same response comes out of it.
 */
export function withoutResponseFields(definition: Json): Json {
  if (!isJsonObject(definition)) return definition;
  const kept = Object.entries(definition).filter(([field, value]) => {
    if (MADE_BY_SERVICE.has(field)) return false;
    return !(Object.hasOwn(DEFAULTS, field) && DEFAULTS[field] === value);
  });
  return Object.fromEntries(kept);
}
