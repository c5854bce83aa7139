/** What the API says of a run, made from the run itself. Field names and nulls are Skyvern's (1.0.50); its own additions are marked. */
import { blockRunIdOf, type OrganizationId, type RunId, type WorkflowId, type WorkflowVersionId } from "./id.ts";
import type { Json, JsonObject } from "./json.ts";
import { type BlockState, iterationsOf, labelOf, pathIn, type Scope, walk } from "./block-state.ts";
import type { PlanNode } from "./plan.ts";
import { errorCodesOf } from "./recovery.ts";
import { isPaused, outputsOf } from "./run-inspect.ts";
import { isFinal, type Run, type RunStatus } from "./run.ts";
import { formatInstant, formatInstantOrNull } from "./time.ts";

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
  readonly triggerType: string;
  /** The run whose `workflow_trigger` started it. */
  readonly parentRunId: RunId | null;
  /** The run that it tries again. */
  readonly retriedFromRunId: RunId | null;
  /** Where its events go. */
  readonly webhookUrl: string | null;
  readonly sequentialKey: string | null;
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
    triggerType: "api",
    parentRunId: facts.parent?.runId ?? null,
    retriedFromRunId: facts.retryOf?.runId ?? null,
    webhookUrl: facts.webhookUrl,
    sequentialKey: facts.admission?.sequentialKey ?? null,
    createdAt: run.createdAt,
    ...timesOf(run),
    modifiedAt: run.modifiedAt,
    seq,
    errorCodes: [...new Set(errorsOf(run).map(({ error_code }) => error_code))],
  };
}

/** Skyvern's `WorkflowRunResponse`. */
export function runResponse(run: Run): JsonObject {
  const times = timesOf(run);
  return {
    run_id: run.facts.runId,
    run_type: "workflow_run",
    status: statusOf(run),
    output: outputsOf(run),
    failure_reason: failureReason(run),
    errors: errorsOf(run),
    downloaded_files: null,
    recording_url: null,
    recording_archived: false,
    screenshot_urls: null,
    created_at: formatInstant(run.createdAt),
    modified_at: formatInstant(run.modifiedAt),
    queued_at: formatInstantOrNull(times.queuedAt),
    started_at: formatInstantOrNull(times.startedAt),
    finished_at: formatInstantOrNull(times.finishedAt),
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
    run_request: run.facts.request,
    // Ours:
    workflow_permanent_id: run.facts.workflowPermanentId,
    workflow_id: run.facts.workflowId,
    version: run.facts.version,
    workflow_title: run.facts.workflowTitle,
    parameters: run.facts.parameters,
    webhook_callback_url: run.facts.webhookUrl,
    retried_from_workflow_run_id: run.facts.retryOf?.runId ?? null,
    parent_workflow_run_id: run.facts.parent?.runId ?? null,
  };
}

/** The response for a start that was refused: all that is known is its row in the index. */
export function invalidRunResponse(row: RunIndexRow): JsonObject {
  return {
    run_id: row.workflowRunId,
    run_type: "workflow_run",
    status: "invalid",
    output: null,
    failure_reason: row.failureReason,
    created_at: formatInstant(row.createdAt),
    modified_at: formatInstant(row.modifiedAt),
    queued_at: null,
    started_at: null,
    finished_at: formatInstantOrNull(row.finishedAt),
    workflow_permanent_id: row.workflowPermanentId,
    workflow_id: row.workflowId,
    version: row.version,
    workflow_title: row.workflowTitle,
  };
}

/** Characters of JSON that outputs may have in a webhook; receivers are advised to expect little, and a stored delivery may have 2 MB. */
export const MAX_WEBHOOK_OUTPUT_CHARACTERS = 256_000;

/**
 * The fields of a run in a webhook: Skyvern's flat object, in which older names stand beside the newer ones. Outputs that are too large are left
 * out, which `output_omitted` says; the receiver reads them from the API.
 */
export function webhookFields(run: Run): JsonObject {
  const complete = runResponse(run);
  const omitted = JSON.stringify(complete.output).length > MAX_WEBHOOK_OUTPUT_CHARACTERS;
  const response: JsonObject = omitted ? { ...complete, output: null } : complete;
  return {
    ...response,
    output_omitted: omitted,
    workflow_id: run.facts.workflowPermanentId,
    workflow_run_id: run.facts.runId,
    agent_id: run.facts.workflowPermanentId,
    agent_run_id: run.facts.runId,
    outputs: response.output ?? null,
  };
}

/**
 * Skyvern's timeline: newest first, the blocks of a loop's iterations under the loop. `attempt`, `attempts_failed`, `started_at`, `finished_at`, `outcome`,
 * `waiting_for` and `retry_at` are ours, and the statuses `pending`, `retrying` and `waiting`. Blocks that have not begun are left out.
 */
export function timeline(run: Run): JsonObject[] {
  return entriesOf(run, run.blocks, "", null);
}

interface Surroundings {
  readonly blockRunId: string;
  readonly value: Json;
  readonly index: number;
}

function entriesOf(run: Run, scope: Scope, prefix: string, inside: Surroundings | null): JsonObject[] {
  const entries = [...scope].flatMap(([label, block]): JsonObject[] => {
    const node = run.plan.nodes[label];
    return node === undefined ? [] : [entryOf(run, node, block, prefix + label, inside)];
  });
  return entries.toReversed();
}

function entryOf(run: Run, node: PlanNode, block: BlockState, path: string, inside: Surroundings | null): JsonObject {
  const blockRunId = blockRunIdOf(run.facts.runId, path);
  const startedAt = "startedAt" in block ? formatInstant(block.startedAt) : null;
  const finishedAt = "finishedAt" in block ? block.finishedAt : null;
  const createdAt = startedAt ?? formatInstant(run.createdAt);
  const modifiedAt = finishedAt === null ? createdAt : formatInstant(finishedAt);
  const reason = blockReason(block);
  const children = iterationsOf(block)
    .map(({ blocks, value }, index) => entriesOf(run, blocks, pathIn(path, index, ""), { blockRunId, value, index }))
    .toReversed()
    .flat();
  return {
    type: "block",
    thought: null,
    children,
    created_at: createdAt,
    modified_at: modifiedAt,
    block: {
      workflow_run_block_id: blockRunId,
      block_workflow_run_id: childOf(block),
      workflow_run_id: run.facts.runId,
      organization_id: run.facts.organizationId,
      parent_workflow_run_block_id: inside?.blockRunId ?? null,
      block_type: node.blockType,
      label: node.label,
      status: wireStatus(block),
      output: block.status === "completed" ? block.output : null,
      continue_on_failure: node.continueOnFailure,
      failure_reason: reason,
      error_codes: block.status === "failed" ? errorCodesOf(block.failure.message, node.errorCodes) : [],
      duration: finishedAt === null || !("startedAt" in block) ? null : (finishedAt - block.startedAt) / 1000,
      current_value: inside === null ? null : typeof inside.value === "string" ? inside.value : JSON.stringify(inside.value),
      current_index: inside?.index ?? null,
      executed_branch_next_block: block.status === "completed" && block.branch !== null ? (node.branches?.[block.branch] ?? null) : null,
      instructions: block.status === "waiting" && block.wait.for === "decision" ? block.wait.instructions : null,
      actions: [],
      created_at: createdAt,
      modified_at: modifiedAt,
      // Ours:
      path,
      attempt: "attempt" in block ? block.attempt : block.tries.attempts,
      started_at: startedAt,
      finished_at: formatInstantOrNull(finishedAt),
      outcome: block.status === "failed" ? block.failure.outcome : null,
      retry_at: block.status === "pending" ? formatInstantOrNull(block.notBefore) : null,
      waiting_for: block.status === "waiting" ? block.wait.for : null,
    },
  };
}

/** Skyvern has no words for what goes on between attempts; a loop and a sleeping block are running. */
function wireStatus(block: BlockState): string {
  switch (block.status) {
    case "sleeping":
    case "looping":
      return "running";
    case "pending":
      return block.failure === null ? "pending" : "retrying";
    default:
      return block.status;
  }
}

function childOf(block: BlockState): string | null {
  return block.status === "waiting" && block.wait.for === "child" ? block.wait.runId : null;
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
    return errorCodesOf(block.failure.message, node.errorCodes).map((code) => ({
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
    timestamp: formatInstant(now),
    current_date: formatInstant(now).slice(0, 10),
    workflow_run_outputs: outputsOf(run),
  };
}
