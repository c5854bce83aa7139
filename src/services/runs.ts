import type { WaitReason } from "../domain/run/admission.ts";
import { ServiceError } from "../domain/error.ts";
import { headersWishOf } from "../domain/browser/extra-headers.ts";
import { isId, type RunId, type ScheduleId } from "../domain/id.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import { packPlan } from "../domain/workflow/packed-plan.ts";
import { keptRequest, maxSecondsOf, parseRunRequest, type RunRequest, workflowIdOf } from "../domain/run/run-request.ts";
import { remoteOf } from "../domain/browser/remote-browser.ts";
import { isFinalStatus, type TriggerType } from "../domain/run/run.ts";
import { invalidRunResponse } from "../domain/run/run-view.ts";
import type { BrowserProfiles } from "../ports/browser-profiles.ts";
import type { BrowserSessionObjects } from "../ports/browser-sessions.ts";
import type { Clock } from "../ports/clock.ts";
import type { Credentials } from "../ports/credentials.ts";
import type { Gates } from "../ports/gates.ts";
import type { IdempotencyKeys } from "../ports/idempotency-keys.ts";
import type { Ids } from "../ports/ids.ts";
import type { RunIndex } from "../ports/run-index.ts";
import type { RunObjects, RunReport, RunStart } from "../ports/run-objects.ts";
import type { Vault } from "../ports/vault.ts";
import { once } from "./idempotency.ts";
import { makeFacts, type RunWish } from "./run-facts.ts";
import { sealValues } from "./sealed-headers.ts";
import { findRunnable, type FindRunnableDeps } from "./workflows.ts";

export interface StartOptions {
  /** Run a global template instead of a workflow of the organization. */
  readonly template: boolean;
  readonly idempotencyKey: string | null;
  /** How long to wait for the run to end before answering. */
  readonly waitMs: number;
  readonly triggerType: TriggerType;
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
  readonly sessions: BrowserSessionObjects;
  readonly vault: Vault;
  readonly browserProfiles: BrowserProfiles;
}

/**
 * Starts a run. The gate is asked while the workflow is looked up; a run that is refused leaves an `invalid` row in the history.
 * @throws ServiceError not_found, unknown_template, invalid_input, invalid_parameters, idempotency_mismatch, limit_exceeded, conflict
 */
export async function startRun(deps: StartDeps, organization: Organization, body: unknown, options: StartOptions): Promise<RunReport> {
  const wanted = parseRunRequest(body);
  const { organizationId } = organization;
  const { idempotencyKey: key, template } = options;
  const request = { template, body: body as Json }; // it has been parsed
  return await once(deps, { organizationId, scope: "run", key, request, newId: deps.ids.next("run") }, (id, replayed) =>
    startOnce(deps, organization, id, replayed, launchOf(deps, organization, wanted, { ...options, body: body as JsonObject })),
  );
}

/**
 * Starts the run of a schedule's firing. It may be repeated, also at the same time: the run has one id.
 * @throws ServiceError as `startRun`
 */
export async function startFiring(
  deps: StartDeps,
  organization: Organization,
  { runId, scheduleId }: { readonly runId: RunId; readonly scheduleId: ScheduleId },
  body: JsonObject,
  apiOrigin: string,
): Promise<RunReport> {
  const wanted = launchOf(deps, organization, parseRunRequest(body), {
    template: false,
    waitMs: 0,
    apiOrigin,
    triggerType: "scheduled",
    body,
    scheduleId,
  });
  const report = await startOnce(deps, organization, runId, true, wanted);
  // The run may have been started elsewhere and have ended before the gate was asked for its slot.
  if (isFinalStatus(report.status)) await deps.gates.get(organization.organizationId).release(runId);
  return report;
}

function launchOf(
  deps: StartDeps,
  organization: Organization,
  wanted: RunRequest,
  {
    template,
    waitMs,
    apiOrigin,
    triggerType,
    body,
    scheduleId,
  }: Omit<StartOptions, "idempotencyKey"> & { body: JsonObject; scheduleId?: ScheduleId },
): Launch {
  return {
    priority: wanted.priority,
    onLimit: wanted.on_limit,
    waitMs,
    prepare: async (id) => {
      const found = { template, version: wanted.version ?? null };
      const runnable = await findRunnable(deps, organization.organizationId, workflowIdOf(wanted), found);
      const asked = headersWishOf(wanted);
      const wish: RunWish = {
        parameters: wanted.parameters ?? {},
        webhookUrl: wanted.webhook_url ?? null,
        maxSeconds: maxSecondsOf(wanted),
        priority: wanted.priority,
        request: { ...keptRequest(body, wanted), ...(template ? { template: true } : {}) },
        triggerType,
        apiOrigin,
        remote: remoteOf(wanted),
        headers: { ...asked, values: asked.values && (await sealValues(deps, organization.organizationId, asked.values)) },
      };
      const links = { parent: null, retryOf: null, ...(scheduleId && { scheduleId }) };
      return {
        facts: await makeFacts(deps, organization, id, runnable, wish, links),
        plan: packPlan(runnable.plan),
        browserState: null,
      };
    },
  };
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

export function requireRunId(id: string): RunId {
  if (!isId("run", id)) throw notFound(id);
  return id;
}

export function notFound(id: string): ServiceError {
  return new ServiceError("not_found", `Run not found: ${id}`);
}
