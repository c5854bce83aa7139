import { z } from "zod";
import { PRIORITY, type WaitReason } from "../domain/admission.ts";
import { describeFaults, type Fault, ServiceError } from "../domain/error.ts";
import { isId, type RunId } from "../domain/id.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import { packPlan } from "../domain/packed-plan.ts";
import { isFinalStatus } from "../domain/run.ts";
import { invalidRunResponse } from "../domain/run-view.ts";
import { faultsOf } from "../domain/schema-faults.ts";
import type { Clock, Credentials, Gates, IdempotencyKeys, Ids, RunIndex, RunObjects, RunReport, RunStart } from "../ports.ts";
import { once } from "./idempotency.ts";
import { makeFacts, maxSecondsOf, type RunWish } from "./run-facts.ts";
import { findRunnable, type FindRunnableDeps } from "./workflows.ts";

/** Fields of Skyvern's run request that are accepted and change nothing here. */
const UNUSED_REQUEST_FIELDS = {
  title: z.json(),
  proxy_location: z.json(),
  browser_session_id: z.null(),
  reuse_browser_session: z.json(),
  browser_profile_id: z.null(),
  start_fresh_browser: z.literal(false).nullable(),
  max_screenshot_scrolls: z.json(),
  extra_http_headers: z.json(),
  cdp_connect_headers: z.null(),
  browser_address: z.null(),
  ai_fallback: z.json(),
  run_with: z.json(),
  run_metadata: z.json(),
} as const;

export const runRequestSchema = z.strictObject({
  workflow_id: z.string().optional().describe("The workflow's permanent id (`wpid_…`)."),
  agent_id: z.string().optional().describe("The same, as newer clients of Skyvern call it; if both are sent, this one counts."),
  version: z.int().min(1).optional().describe("Which version to run; the latest when absent."),
  parameters: z.record(z.string(), z.json()).nullish().describe("Values for the workflow's parameters."),
  priority: z
    .int()
    .min(PRIORITY.min)
    .max(PRIORITY.max)
    .default(PRIORITY.default)
    .describe("In the organization's queue, higher goes first."),
  on_limit: z
    .enum(["queue", "reject"])
    .default("queue")
    .describe("Over the organization's limit: wait in its queue, or be refused with a 429."),
  max_elapsed_time_minutes: z.number().min(1).max(480).nullish().describe("How long the run may be at work."),
  webhook_url: z.string().nullish().describe("Where this run's events go; the workflow's own address when absent."),
  totp_url: z.string().nullish().describe("Where one-time codes are asked for; the workflow's own address when absent."),
  totp_identifier: z.string().max(500).nullish().describe("By what name one-time codes are sent in; the workflow's own when absent."),
  ...z.strictObject(UNUSED_REQUEST_FIELDS).partial().shape,
});
export type RunRequest = z.infer<typeof runRequestSchema>;

export interface StartOptions {
  /** Run a global template instead of a workflow of the organization. */
  readonly template: boolean;
  readonly idempotencyKey: string | null;
  /** How long to wait for the run to end before answering. */
  readonly waitMs: number;
  /** The address of the API as its caller sees it. */
  readonly apiOrigin: string;
}

export interface StartDeps extends FindRunnableDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly gates: Gates;
  readonly runs: RunObjects;
  readonly runIndex: RunIndex;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly credentials: Credentials;
}

/**
 * Starts a run. The gate is asked while the workflow is looked up; a run that is refused leaves an `invalid` row in the history.
 * @throws ServiceError not_found, unknown_template, invalid_input, invalid_parameters, idempotency_mismatch, limit_exceeded
 */
export async function startRun(deps: StartDeps, organization: Organization, body: unknown, options: StartOptions): Promise<RunReport> {
  const wanted = parseRequest(body);
  const { organizationId } = organization;
  const request = { template: options.template, body: body as Json }; // it has been parsed
  return await once(
    deps,
    { organizationId, scope: "run", key: options.idempotencyKey, request, newId: deps.ids.next("run") },
    (id, replayed) =>
      startOnce(deps, organization, id, replayed, {
        priority: wanted.priority,
        onLimit: wanted.on_limit,
        waitMs: options.waitMs,
        prepare: async () => {
          const runnable = await findRunnable(deps, organizationId, workflowIdOf(wanted), {
            template: options.template,
            version: wanted.version ?? null,
          });
          const wish: RunWish = {
            parameters: wanted.parameters ?? {},
            webhookUrl: wanted.webhook_url ?? null,
            maxSeconds: maxSecondsOf(wanted),
            priority: wanted.priority,
            request: { ...withoutSecrets(body as JsonObject), ...(options.template ? { template: true } : {}) },
            apiOrigin: options.apiOrigin,
          };
          return {
            facts: await makeFacts(deps, organization, id, runnable, wish, { parent: null, retryOf: null }),
            plan: packPlan(runnable.plan),
            browserState: null,
          };
        },
      }),
  );
}

/** Launches a run, unless a request under the same key has done so. */
export async function startOnce(
  deps: StartDeps,
  organization: Organization,
  runId: RunId,
  replayed: boolean,
  wanted: Launch,
): Promise<RunReport> {
  const started = replayed ? await deps.runs.get(organization.organizationId, runId).report(wanted.waitMs) : null;
  return started ?? (await launch(deps, organization, runId, wanted));
}

/** What becomes a run once it is admitted. */
export interface Launch {
  readonly priority: number;
  readonly onLimit: "queue" | "reject";
  readonly waitMs: number;
  /** @throws ServiceError when the run is refused */
  readonly prepare: (runId: RunId) => Promise<Omit<RunStart, "admitted">>;
}

/**
 * Prepares a run while the gate is asked for a slot, and starts it. A run with an order of its own (`sequential_key`) is known only when it is
 * prepared; the gate hears of its key then.
 */
export async function launch(
  deps: StartDeps,
  organization: Organization,
  runId: RunId,
  { priority, onLimit, waitMs, prepare }: Launch,
): Promise<RunReport> {
  const gate = deps.gates.get(organization.organizationId);
  const admission = { runId, limit: organization.maxConcurrentRuns, priority, sequentialKey: null, onLimit };
  const object = deps.runs.get(organization.organizationId, runId);
  const [asked, prepared] = await Promise.allSettled([gate.admit(admission), prepare(runId)]);
  try {
    if (prepared.status === "rejected") throw prepared.reason;
    if (asked.status === "rejected") throw asked.reason;
    const { sequentialKey = null } = prepared.value.facts.admission ?? {};
    const place = sequentialKey === null ? asked.value : await gate.admit({ ...admission, sequentialKey });
    if (!place.admitted && place.rejected) {
      throw new ServiceError("limit_exceeded", describeWait(place.reason), {
        extra: { retry_after: place.retryAfterSeconds },
      });
    }
    return await object.start({ ...prepared.value, admitted: place.admitted }, waitMs);
  } catch (error) {
    if (error instanceof ServiceError) await gate.release(runId); // after any other error the run may exist and need it
    throw error;
  }
}

/** @throws ServiceError not_found */
export async function getRun(
  deps: { runs: RunObjects; runIndex: RunIndex; gates: Gates },
  organization: Organization,
  id: string,
  waitMs: number,
): Promise<RunReport> {
  const runId = requireRunId(id);
  const report = await deps.runs.get(organization.organizationId, runId).report(waitMs);
  if (report?.status === "queued") return await withPosition(deps, organization, runId, report);
  if (report !== null) return report;
  const row = await deps.runIndex.get(organization.organizationId, runId); // a refused start has a row and no object
  if (row?.status === "invalid") return { status: "failed", json: JSON.stringify(invalidRunResponse(row)) };
  throw notFound(id);
}

/** Adds where a queued run stands, and what it waits for. */
async function withPosition(deps: { gates: Gates }, organization: Organization, runId: RunId, report: RunReport): Promise<RunReport> {
  const place = await deps.gates.get(organization.organizationId).position(runId);
  const waiting = { queue_position: place?.position ?? null, queue_reason: place === null ? null : describeWait(place.reason) };
  return { ...report, json: JSON.stringify({ ...(JSON.parse(report.json) as JsonObject), ...waiting }) };
}

function describeWait(reason: WaitReason): string {
  if (reason.type === "sequential") return `Run ${reason.runId} of the same sequential key is at work.`;
  return `The organization has ${reason.limit} runs at work, which is its limit.`;
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
  if (isFinalStatus(report.status) && report.status !== "canceled")
    throw new ServiceError("conflict", `Run ${id} has already ended: ${report.status}. A finished run cannot be canceled.`);
  return report;
}

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

/** The request as the API echoes it: what a client may send in the way of headers is not kept. */
function withoutSecrets(body: JsonObject): JsonObject {
  const masked = (value: Json | undefined): Json => (value == null ? null : "***");
  return "extra_http_headers" in body ? { ...body, extra_http_headers: masked(body.extra_http_headers) } : body;
}

export function requireRunId(id: string): RunId {
  if (!isId("run", id)) throw notFound(id);
  return id;
}

export function notFound(id: string): ServiceError {
  return new ServiceError("not_found", `Run not found: ${id}`);
}
