import { z } from "zod";
import { describeFaults, type Fault, ServiceError } from "../domain/error.ts";
import { isId, type RunId, type WorkflowId } from "../domain/id.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import { checkOutboundUrl } from "../domain/outbound.ts";
import { resolveParameters } from "../domain/parameter.ts";
import { FINAL_STATUSES, RUN_MAX_SECONDS, type RunFacts } from "../domain/run.ts";
import { invalidRunResponse, type RunIndexRow } from "../domain/run-view.ts";
import { faultsOf } from "../domain/schema-faults.ts";
import type { Clock, Gates, IdempotencyKeys, Ids, Page, RunIndex, RunObjects, RunReport } from "../ports.ts";
import { claim, hashRequest } from "./idempotency.ts";
import { findRunnable, type FindRunnableDeps, type Runnable } from "./workflows.ts";

/** Fields of Skyvern's run request that are accepted and change nothing here. */
const UNUSED_REQUEST_FIELDS = {
  title: z.json(), proxy_location: z.json(), totp_url: z.json(), totp_identifier: z.json(), browser_session_id: z.null(), reuse_browser_session: z.json(),
  browser_profile_id: z.null(), start_fresh_browser: z.literal(false).nullable(), max_screenshot_scrolls: z.json(), max_elapsed_time_minutes: z.json(),
  extra_http_headers: z.json(), cdp_connect_headers: z.null(), browser_address: z.null(), ai_fallback: z.json(), run_with: z.json(), run_metadata: z.json(),
} as const; // prettier-ignore

export const runRequestSchema = z.strictObject({
  workflow_id: z.string().optional().describe("The workflow's permanent id (`wpid_…`)."),
  agent_id: z.string().optional().describe("The same, as newer clients of Skyvern call it; if both are sent, this one counts."),
  version: z.int().min(1).optional().describe("Which version to run; the latest when absent."),
  parameters: z.record(z.string(), z.json()).nullish().describe("Values for the workflow's parameters."),
  webhook_url: z.string().nullish().describe("Where this run's events go; the workflow's own address when absent."),
  ...z.strictObject(UNUSED_REQUEST_FIELDS).partial().shape,
});
export type RunRequest = z.infer<typeof runRequestSchema>;

export interface StartOptions {
  /** Run a global template instead of a workflow of the organization. */
  readonly template: boolean;
  readonly idempotencyKey: string | null;
  /** How long to wait for the run to end before answering. */
  readonly waitMs: number;
}

export interface StartDeps extends FindRunnableDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly gates: Gates;
  readonly runs: RunObjects;
  readonly runIndex: RunIndex;
  readonly idempotencyKeys: IdempotencyKeys;
}

/**
 * Starts a run. The gate is asked while the workflow is looked up; a run that is refused leaves an `invalid` row in the history.
 * @throws ServiceError not_found, unknown_template, invalid_input, invalid_parameters, idempotency_mismatch
 */
export async function startRun(deps: StartDeps, organization: Organization, body: unknown, options: StartOptions): Promise<RunReport> {
  const request = parseRequest(body);
  const runId = await chooseRunId(deps, organization, body, options);
  const repeated = runId.replayed ? await deps.runs.get(organization.organizationId, runId.id).report(options.waitMs) : null;
  if (repeated !== null) return repeated;

  const gate = deps.gates.get(organization.organizationId);
  const [runnable, place] = await Promise.allSettled([
    findRunnable(deps, organization.organizationId, workflowIdOf(request), {
      template: options.template,
      version: request.version ?? null,
    }),
    gate.admit(runId.id, organization.maxConcurrentRuns),
  ]);
  if (place.status === "rejected") throw place.reason;
  try {
    if (runnable.status === "rejected") throw runnable.reason;
    const facts = await factsOf(deps, organization, runId.id, request, runnable.value, body as JsonObject);
    return await deps.runs
      .get(organization.organizationId, runId.id)
      .start({ facts, plan: runnable.value.plan, admitted: place.value === 0 }, options.waitMs);
  } catch (error) {
    if (error instanceof ServiceError) await gate.release(runId.id); // after any other error the run may exist and need it
    throw error;
  }
}

/** @throws ServiceError not_found */
export async function getRun(
  deps: { runs: RunObjects; runIndex: RunIndex },
  organization: Organization,
  id: string,
  waitMs: number,
): Promise<RunReport> {
  const runId = requireRunId(id);
  const report = await deps.runs.get(organization.organizationId, runId).report(waitMs);
  if (report !== null) return report;
  const row = await deps.runIndex.get(organization.organizationId, runId); // a refused start has a row and no object
  if (row?.status === "invalid") return { status: "created", json: JSON.stringify(invalidRunResponse(row)) };
  throw notFound(id);
}

/** @returns the timeline as JSON text. @throws ServiceError not_found */
export async function getTimeline(deps: { runs: RunObjects }, organization: Organization, id: string): Promise<string> {
  const found = await deps.runs.get(organization.organizationId, requireRunId(id)).timeline();
  if (found === null) throw notFound(id);
  return found;
}

/** @throws ServiceError not_found; conflict when the run has ended otherwise */
export async function cancelRun(deps: { runs: RunObjects }, organization: Organization, id: string): Promise<RunReport> {
  const report = await deps.runs.get(organization.organizationId, requireRunId(id)).cancel("Canceled by request.");
  if (report === null) throw notFound(id);
  if (report.status !== "canceled")
    throw new ServiceError("conflict", `Run ${id} has already ended: ${report.status}. A finished run cannot be canceled.`);
  return report;
}

export interface RunFilter {
  readonly workflowPermanentId?: WorkflowId;
  readonly statuses?: readonly RunIndexRow["status"][];
}

/** Newest first. */
export async function listRuns(
  deps: { runIndex: RunIndex },
  organization: Organization,
  filter: RunFilter,
  page: Page,
): Promise<RunIndexRow[]> {
  return await deps.runIndex.list(organization.organizationId, filter, page);
}

export const RUN_STATUSES = [
  "created",
  "queued",
  "running",
  ...FINAL_STATUSES,
  "invalid",
] as const satisfies readonly RunIndexRow["status"][];

// ---------------------------------------------------------------------------------------------------------------

function parseRequest(body: unknown): RunRequest {
  const parsed = runRequestSchema.safeParse(body);
  const faults: Fault[] = parsed.success ? [] : faultsOf(parsed.error, runRequestSchema);
  if (parsed.success && parsed.data.workflow_id === undefined && parsed.data.agent_id === undefined) {
    faults.push({ path: "workflow_id", message: "is required: the id of the workflow to run", code: "required" });
  }
  if (!parsed.success || faults.length > 0)
    throw new ServiceError("invalid_input", describeFaults("The request is not valid", faults), { faults });
  return parsed.data;
}

function workflowIdOf(request: RunRequest): string {
  return request.agent_id ?? request.workflow_id ?? "";
}

async function chooseRunId(
  deps: StartDeps,
  organization: Organization,
  body: unknown,
  options: StartOptions,
): Promise<{ id: RunId; replayed: boolean }> {
  const id = deps.ids.next("run");
  if (options.idempotencyKey === null) return { id, replayed: false };
  const { resourceId, replayed } = await claim(deps, {
    organizationId: organization.organizationId,
    scope: "run",
    key: options.idempotencyKey,
    requestHash: hashRequest({ template: options.template, body: body as Json }),
    newId: id,
  });
  return { id: resourceId, replayed };
}

/** Checks what the request says against the workflow. Every fault is found, and the try is left in the history. */
async function factsOf(
  deps: StartDeps,
  organization: Organization,
  runId: RunId,
  request: RunRequest,
  runnable: Runnable,
  body: JsonObject,
): Promise<RunFacts> {
  const { workflow, definition } = runnable;
  const webhookUrl = request.webhook_url?.trim() || definition.webhookCallbackUrl?.trim() || null;
  const faults: Fault[] = [];
  const parameters = resolveParameters(definition.parameters, request.parameters ?? {});
  if (!parameters.ok) faults.push(...parameters.faults);
  const refusal = webhookUrl === null ? null : checkOutboundUrl(webhookUrl, organization.allowedHosts);
  if (refusal !== null) faults.push({ ...refusal, path: request.webhook_url ? "webhook_url" : "webhook_callback_url" });
  const identity = {
    organizationId: organization.organizationId,
    workflowPermanentId: workflow.workflowPermanentId,
    workflowId: workflow.workflowId,
    version: workflow.version,
    workflowTitle: workflow.title,
  };
  if (!parameters.ok || faults.length > 0) {
    const message = describeFaults("The run was not started", faults);
    const now = deps.clock.now();
    const times = { createdAt: now, queuedAt: null, startedAt: null, finishedAt: now, modifiedAt: now };
    await deps.runIndex.upsert([
      { workflowRunId: runId, ...identity, ...times, status: "invalid", failureReason: message, triggerType: "api", seq: 0 },
    ]);
    throw new ServiceError("invalid_parameters", message, { faults, extra: { run_id: runId } });
  }
  return {
    runId,
    ...identity,
    parameters: parameters.values,
    request: withoutSecrets(body),
    webhookUrl,
    allowedHosts: organization.allowedHosts,
    maxSeconds: RUN_MAX_SECONDS,
    slotLimit: organization.maxConcurrentRuns,
  };
}

/** The request as the API echoes it: what a client may send in the way of headers is not kept. */
function withoutSecrets(body: JsonObject): JsonObject {
  const masked = (value: Json | undefined): Json => (value == null ? null : "***");
  return "extra_http_headers" in body ? { ...body, extra_http_headers: masked(body.extra_http_headers) } : body;
}

function requireRunId(id: string): RunId {
  if (!isId("run", id)) throw notFound(id);
  return id;
}

function notFound(id: string): ServiceError {
  return new ServiceError("not_found", `Run not found: ${id}`);
}
