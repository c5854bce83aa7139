/** What the API says of a run, made from the run itself. Field names and nulls are Skyvern's (1.0.50); its own additions are marked. */
import { filesOfRun, isDownload, type LinkToArtifact, type StoredArtifact } from "../artifact.ts";
import {
  blockRunIdOf,
  type BrowserProfileId,
  type BrowserSessionId,
  type OrganizationId,
  type RunId,
  type ScheduleId,
  type WorkflowId,
  type WorkflowVersionId,
} from "../id.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { awaitsBrowser, type BlockState, iterationsOf, labelOf, pathIn, type Scope, walk } from "./block-state.ts";
import type { PlanNode } from "../workflow/plan.ts";
import { errorCodesOf } from "../recovery.ts";
import { isPaused, outputsOf } from "./run-inspect.ts";
import { workflowRunStatus } from "./run-status-view.ts";
import { requestWarnings, runRequestView } from "./run-request.ts";
import { browserSourceOf, isFinal, type Run, type RunStatus, type TriggerType } from "./run.ts";
import { formatInstant, formatInstantOrNull } from "../time.ts";

/** A run as the lists show it. The run's own object holds the truth; this may be a moment behind. Times in milliseconds. */
export interface RunIndexRow {
  readonly workflowRunId: RunId;
  readonly organizationId: OrganizationId;
  readonly workflowPermanentId: WorkflowId;
  readonly workflowId: WorkflowVersionId;
  readonly version: number;
  readonly workflowTitle: string;
  /** `invalid` is what a start leaves behind that was refused: no run object exists. */
  readonly status: WireStatus | "invalid";
  readonly failureReason: string | null;
  /** Skyvern's `trigger_type`. */
  readonly triggerType: TriggerType;
  /** The schedule that started it. */
  readonly scheduleId: ScheduleId | null;
  /** The run whose `workflow_trigger` started it. */
  readonly parentRunId: RunId | null;
  /** The run that it tries again. */
  readonly retriedFromRunId: RunId | null;
  /** Where its events go. */
  readonly webhookUrl: string | null;
  readonly sequentialKey: string | null;
  /** The session whose browser it uses. */
  readonly browserSessionId: BrowserSessionId | null;
  /** The profile that its browser began with. */
  readonly browserProfileId: BrowserProfileId | null;
  readonly createdAt: number;
  readonly queuedAt: number | null;
  readonly startedAt: number | null;
  /** Set exactly when the status is final. */
  readonly finishedAt: number | null;
  readonly modifiedAt: number;
  /** The last event of the run's journal that this reflects. */
  readonly seq: number;
}

/** What the index is told of a run. */
export interface RunProjection extends RunIndexRow {
  /** Without repetitions. */
  readonly errorCodes: readonly string[];
}

/** @param seq the last row of the journal that `run` includes */
export function indexRow(run: Run, seq: number): RunProjection {
  const { facts } = run;
  return {
    workflowRunId: facts.runId,
    organizationId: facts.organizationId,
    workflowPermanentId: facts.workflowPermanentId,
    workflowId: facts.workflowId,
    version: facts.version,
    workflowTitle: facts.workflowTitle,
    status: statusOf(run),
    failureReason: failureReason(run),
    triggerType: facts.triggerType ?? "api",
    scheduleId: facts.scheduleId ?? null,
    parentRunId: facts.parent?.runId ?? null,
    retriedFromRunId: facts.retryOf?.runId ?? null,
    webhookUrl: facts.webhookUrl,
    sequentialKey: facts.admission?.sequentialKey ?? null,
    browserSessionId: facts.browser?.sessionId ?? null,
    browserProfileId: facts.memory?.profileId ?? null,
    createdAt: run.createdAt,
    ...timesOf(run),
    modifiedAt: run.modifiedAt,
    seq,
    errorCodes: [...new Set(errorsOf(run).map(({ error_code }) => error_code))],
  };
}

/** What a run has left behind beside its journal. */
export interface RunTraces {
  /** Oldest first. */
  readonly artifacts: readonly StoredArtifact[];
  readonly linkTo: LinkToArtifact;
  /** The last run that tries this one again. */
  readonly retriedByRunId: RunId | null;
}

/** Skyvern's `WorkflowRunResponse`. */
export function runResponse(run: Run, { artifacts, linkTo, retriedByRunId }: RunTraces): JsonObject {
  const { facts } = run;
  const times = timesOf(run);
  return {
    ...WITHOUT_COUNTERPART,
    run_id: facts.runId,
    status: statusOf(run),
    output: outputsOf(run),
    failure_reason: failureReason(run),
    errors: errorsOf(run),
    ...filesOfRun(artifacts, linkTo),
    created_at: formatInstant(run.createdAt),
    modified_at: formatInstant(run.modifiedAt),
    queued_at: formatInstantOrNull(times.queuedAt),
    started_at: formatInstantOrNull(times.startedAt),
    finished_at: formatInstantOrNull(times.finishedAt),
    browser_session_id: facts.browser?.sessionId ?? null,
    browser_profile_id: facts.memory?.profileId ?? null,
    max_screenshot_scrolls: facts.screenshotScrolls ?? facts.request.max_screenshot_scrolls ?? null,
    run_with: facts.request.run_with ?? "agent",
    ai_fallback: facts.request.ai_fallback ?? null,
    run_request: runRequestView(facts.request, facts.workflowPermanentId),
    // Ours:
    workflow_permanent_id: facts.workflowPermanentId,
    workflow_id: facts.workflowId,
    version: facts.version,
    workflow_title: facts.workflowTitle,
    parameters: facts.parameters,
    browser_source: browserSourceOf(facts),
    browser_address: facts.remote === undefined ? null : (facts.remote.address ?? facts.request.browser_address ?? null),
    webhook_callback_url: facts.webhookUrl,
    retried_from_workflow_run_id: facts.retryOf?.runId ?? null,
    retried_by_workflow_run_id: retriedByRunId,
    parent_workflow_run_id: facts.parent?.runId ?? null,
    trigger_type: facts.triggerType ?? "api",
    workflow_schedule_id: facts.scheduleId ?? null,
    warnings: requestWarnings(facts.request).map(({ path, message, code }) => ({ path, message, code })),
  };
}

/** Fields of Skyvern's that say the same of every run here. */
const WITHOUT_COUNTERPART = {
  run_type: "workflow_run",
  recording_archived: false,
  app_url: null,
  browser_seed_source: null,
  script_run: null,
  script_id: null,
  step_count: null,
} as const satisfies JsonObject;

/** The response for a start that was refused: all that is known is its row in the index. */
export function invalidRunResponse(row: RunIndexRow): JsonObject {
  return {
    ...WITHOUT_COUNTERPART,
    run_id: row.workflowRunId,
    status: "invalid",
    output: null,
    failure_reason: row.failureReason,
    errors: [],
    downloaded_files: null,
    screenshot_urls: null,
    recording_url: null,
    created_at: formatInstant(row.createdAt),
    modified_at: formatInstant(row.modifiedAt),
    queued_at: null,
    started_at: null,
    finished_at: formatInstantOrNull(row.finishedAt),
    browser_session_id: row.browserSessionId,
    browser_profile_id: row.browserProfileId,
    max_screenshot_scrolls: null,
    run_with: "agent",
    ai_fallback: null,
    run_request: null,
    // Ours:
    workflow_permanent_id: row.workflowPermanentId,
    workflow_id: row.workflowId,
    version: row.version,
    workflow_title: row.workflowTitle,
    parameters: null,
    browser_source: null,
    browser_address: null,
    webhook_callback_url: row.webhookUrl,
    retried_from_workflow_run_id: row.retriedFromRunId,
    retried_by_workflow_run_id: null,
    parent_workflow_run_id: row.parentRunId,
    trigger_type: row.triggerType,
    workflow_schedule_id: row.scheduleId,
    warnings: [],
  };
}

/** Characters of JSON that outputs may have in a webhook; receivers are advised to expect little, and a stored delivery may have 2 MB. */
export const MAX_WEBHOOK_OUTPUT_CHARACTERS = 256_000;

/**
 * The fields of a run in a webhook: Skyvern's flat object, in which the older names stand beside the newer ones. Outputs that are too large are
 * left out, which `output_omitted` says; the receiver reads them from the API.
 * @param complete what `runResponse` made
 */
export function webhookFields(complete: JsonObject): JsonObject {
  const omitted = JSON.stringify(complete.output ?? null).length > MAX_WEBHOOK_OUTPUT_CHARACTERS;
  const response: JsonObject = omitted ? { ...complete, output: null } : complete;
  const { workflow: _, ...older } = workflowRunStatus(response, {
    retriedByRunId: null,
    webhookFailureReason: null,
    workflow: null,
  });
  return { ...older, ...response, workflow_id: complete.workflow_permanent_id ?? null, output_omitted: omitted };
}

/**
 * Skyvern's timeline: newest first, the blocks of a loop's iterations under the loop. `attempt`, `attempts_failed`, `started_at`, `finished_at`, `outcome`,
 * `waiting_for`, `queue_position`, `retry_at`, `artifact_ids` and `failure_evidence` are ours, and the statuses `pending`, `retrying` and `waiting`.
 * Blocks that have not begun are left out.
 * @param browserPosition of a run that waits for a browser: its place among all that do, from 1
 */
export function timeline(run: Run, artifacts: readonly StoredArtifact[], browserPosition: number | null = null): JsonObject[] {
  const files = new Map<string, string[]>();
  for (const { blockPath, artifactId } of artifacts) {
    if (blockPath !== null) files.set(blockPath, [...(files.get(blockPath) ?? []), artifactId]);
  }
  const downloads = new Map<string, number>();
  for (const artifact of artifacts.filter(isDownload)) {
    if (artifact.blockPath !== null) downloads.set(artifact.blockPath, (downloads.get(artifact.blockPath) ?? 0) + 1);
  }
  return entriesOf({ run, downloads, files, browserPosition }, run.blocks, "", null);
}

interface TimelineSource {
  readonly run: Run;
  /** How many files each block downloaded, by path. */
  readonly downloads: ReadonlyMap<string, number>;
  /** Ids of the files of each block, by path. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  readonly browserPosition: number | null;
}

interface Surroundings {
  readonly blockRunId: string;
  readonly value: Json;
  readonly index: number;
}

function entriesOf(source: TimelineSource, scope: Scope, prefix: string, inside: Surroundings | null): JsonObject[] {
  const entries = [...scope].flatMap(([label, block]): JsonObject[] => {
    const node = source.run.plan.nodes[label];
    return node === undefined ? [] : [entryOf(source, node, block, prefix + label, inside)];
  });
  return entries.toReversed();
}

function entryOf(source: TimelineSource, node: PlanNode, block: BlockState, path: string, inside: Surroundings | null): JsonObject {
  const { run } = source;
  const blockRunId = blockRunIdOf(run.facts.runId, path);
  const startedAt = "startedAt" in block ? formatInstant(block.startedAt) : null;
  const finishedAt = "finishedAt" in block ? block.finishedAt : null;
  const createdAt = startedAt ?? formatInstant(run.createdAt);
  const modifiedAt = finishedAt === null ? createdAt : formatInstant(finishedAt);
  const children = iterationsOf(block)
    .map(({ blocks, value }, index) => entriesOf(source, blocks, pathIn(path, index, ""), { blockRunId, value, index }))
    .toReversed()
    .flat();
  return {
    type: "block",
    thought: null,
    children,
    created_at: createdAt,
    modified_at: modifiedAt,
    block: {
      ...declaredBy(node),
      workflow_run_block_id: blockRunId,
      block_workflow_run_id: childOf(node, block),
      workflow_run_id: run.facts.runId,
      organization_id: run.facts.organizationId,
      parent_workflow_run_block_id: inside?.blockRunId ?? null,
      block_type: node.blockType,
      label: node.label,
      status: wireStatus(block),
      output: block.status === "completed" ? block.output : null,
      continue_on_failure: node.continueOnFailure,
      failure_reason: blockReason(block),
      error_codes: block.status === "failed" ? errorCodesOf(block.failure.message, node.errorCodes) : [],
      final_url: block.status === "completed" && isJsonObject(block.output) ? textOrNull(block.output.url) : null,
      duration: finishedAt === null || !("startedAt" in block) ? null : (finishedAt - block.startedAt) / 1000,
      loop_values: node.role === "for_loop" ? itemsOf(block) : null,
      current_value: inside === null ? null : typeof inside.value === "string" ? inside.value : JSON.stringify(inside.value),
      current_index: inside?.index ?? null,
      ...branchTaken(node, block),
      instructions:
        block.status === "waiting" && block.wait.for === "decision" ? block.wait.instructions : textOrNull(node.config.instructions),
      downloaded_file_count: source.downloads.get(path) ?? 0,
      created_at: createdAt,
      modified_at: modifiedAt,
      // Ours:
      path,
      attempt: "attempt" in block ? block.attempt : block.tries.attempts,
      started_at: startedAt,
      finished_at: formatInstantOrNull(finishedAt),
      outcome: block.status === "failed" ? block.failure.outcome : null,
      retry_at: block.status === "pending" ? formatInstantOrNull(block.notBefore) : null,
      waiting_for: waitsFor(block),
      queue_position: waitsFor(block) === "browser" ? source.browserPosition : null,
      artifact_ids: source.files.get(path) ?? [],
      failure_evidence: evidenceOf(block),
    },
  };
}

function waitsFor(block: BlockState): string | null {
  if (block.status === "waiting") return block.wait.for;
  return awaitsBrowser(block) ? "browser" : null;
}

/** Fields of Skyvern's block that a definition sets, as they are written there, expressions not filled in; null where the type has no such field. */
const DECLARED_FIELDS = [
  "engine",
  "url",
  "navigation_goal",
  "navigation_payload",
  "data_extraction_goal",
  "data_schema",
  "terminate_criterion",
  "complete_criterion",
  "include_action_history_in_verification",
  "recipients",
  "subject",
  "body",
  "prompt",
  "positive_descriptor",
  "negative_descriptor",
] as const;

function declaredBy(node: PlanNode): JsonObject {
  return {
    description: null,
    task_id: null,
    actions: [],
    include_extracted_text: null,
    script_run: null,
    attachments: node.config.file_attachments ?? null,
    ...Object.fromEntries(DECLARED_FIELDS.map((field) => [field, node.config[field] ?? null])),
  };
}

/** What a loop goes over, when it is known. */
function itemsOf(block: BlockState): Json {
  if (block.status === "looping") return block.items;
  return "iterations" in block ? iterationsOf(block).map(({ value }) => value) : null;
}

/** Which branch a conditional took: its place from 0 as an id, the expression as it is written, and where it leads. */
function branchTaken(node: PlanNode, block: BlockState): JsonObject {
  const index = block.status === "completed" && node.branches !== null && isJsonObject(block.output) ? block.output.branch_index : null;
  const branch = typeof index === "number" && Array.isArray(node.config.branch_conditions) ? node.config.branch_conditions[index] : null;
  const { criteria = null } = isJsonObject(branch) ? branch : {};
  return {
    executed_branch_id: typeof index === "number" ? String(index) : null,
    executed_branch_expression: isJsonObject(criteria) ? (criteria.expression ?? null) : null,
    executed_branch_result: typeof index === "number" ? true : null,
    executed_branch_next_block: block.status === "completed" && block.branch !== null ? (node.branches?.[block.branch] ?? null) : null,
  };
}

function textOrNull(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}

/** Skyvern has no words for what goes on between attempts; a loop and a sleeping block are running. */
function wireStatus(block: BlockState): string {
  switch (block.status) {
    case "sleeping":
    case "looping":
      return "running";
    case "pending":
      return block.failure === null ? "pending" : waitsFor(block) === null ? "retrying" : "waiting";
    default:
      return block.status;
  }
}

/** The run that a block waits for, or waited for, or has started without waiting. */
function childOf(node: PlanNode, block: BlockState): string | null {
  if (block.status === "waiting") return block.wait.for === "child" ? block.wait.runId : null;
  if ("childRunId" in block && block.childRunId !== undefined) return block.childRunId;
  if (node.blockType !== "workflow_trigger" || block.status !== "completed" || !isJsonObject(block.output)) return null;
  return textOrNull(block.output.workflow_run_id);
}

/** What was kept of the page of an attempt that failed. */
function evidenceOf(block: BlockState): JsonObject | null {
  const evidence = block.status === "failed" || block.status === "pending" ? block.failure?.evidence : undefined;
  return evidence === undefined ? null : { artifact_ids: evidence.artifactIds, missing: evidence.missing };
}

function blockReason(block: BlockState): string | null {
  switch (block.status) {
    case "failed":
      return block.failure.message;
    case "pending":
      return block.failure?.message ?? null;
    case "skipped":
    case "terminated":
      return block.reason;
    default:
      return null;
  }
}

function failureReason(run: Run): string | null {
  return isFinal(run) || run.status === "retrying" ? run.reason : null;
}

/** `paused` is a run that is held by people only. */
export function statusOf(run: Run): WireStatus {
  return isPaused(run) ? "paused" : run.status;
}
export type WireStatus = RunStatus | "paused";

/** Codes of all failures, as Skyvern's `errors`. */
function errorsOf(run: Run): (JsonObject & { error_code: string })[] {
  return [...walk(run.blocks)].flatMap(({ path, block }) => {
    const node = run.plan.nodes[labelOf(path)];
    if (block.status !== "failed" || node === undefined) return [];
    // What it needs is not here: the same word as in the warning that the definition was saved with.
    const own = node.needs === null || block.failure.message !== node.needs ? [] : ["unavailable"];
    return [...own, ...errorCodesOf(block.failure.message, node.errorCodes)].map((code) => ({
      error_code: code,
      reasoning: block.failure.message,
      confidence_float: 1,
      error_type: "block",
      path,
    }));
  });
}

function timesOf(run: Run): { queuedAt: number | null; startedAt: number | null; finishedAt: number | null } {
  return {
    queuedAt: "queuedAt" in run ? run.queuedAt : null,
    startedAt: "startedAt" in run ? run.startedAt : null,
    finishedAt: "finishedAt" in run ? run.finishedAt : null,
  };
}

/** System values that expressions have besides parameters and outputs. */
export function systemValues(run: Run, now: number): Readonly<Record<string, Json>> {
  const { facts } = run;
  return {
    workflow_run_id: facts.runId,
    workflow_id: facts.workflowId,
    workflow_permanent_id: facts.workflowPermanentId,
    workflow_title: facts.workflowTitle,
    organization_id: facts.organizationId,
    browser_session_id: facts.browser?.sessionId ?? null,
    timestamp: formatInstant(now),
    current_date: formatInstant(now).slice(0, 10),
    workflow_run_outputs: outputsOf(run),
  };
}
