import { z } from "zod";
import { cronFaults, timeZoneFault } from "../domain/schedule/cron.ts";
import { describeFaults, ServiceError } from "../domain/error.ts";
import { isId, type OrganizationId } from "../domain/id.ts";
import type { Json } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import { resolveParameters } from "../domain/workflow/parameter.ts";
import { MISSED_POLICIES, nextFiring, SCHEDULE_LIMITS, type Schedule } from "../domain/schedule/schedule.ts";
import type { Clock } from "../ports/clock.ts";
import type { IdempotencyKeys } from "../ports/idempotency-keys.ts";
import type { Ids } from "../ports/ids.ts";
import type { Page } from "../ports/page.ts";
import type { ScheduleFilter, Schedules } from "../ports/schedules.ts";
import { once } from "./idempotency.ts";
import { findRunnable, type FindRunnableDeps, type Runnable } from "./workflows.ts";

/** How often a change is tried again because the schedule was changed meanwhile. */
const CHANGE_ATTEMPTS = 5;

/** The body that makes a schedule or replaces one. */
export const scheduleRequestSchema = z.strictObject({
  cron_expression: z
    .string()
    .max(200)
    .superRefine((text, context) => {
      for (const message of cronFaults(text)) context.addIssue(message);
    })
    .describe("Five fields: minute, hour, day of month, month, day of week. Not finer than every 5 minutes."),
  timezone: z
    .string()
    .max(100)
    .superRefine((name, context) => {
      const fault = timeZoneFault(name);
      if (fault !== null) context.addIssue(fault);
    })
    .default("UTC")
    .describe("IANA's name of the zone that the expression counts in, such as Europe/Berlin."),
  enabled: z.boolean().optional().describe("False: paused. Absent: as it is; a new schedule is enabled."),
  parameters: z.record(z.string(), z.json()).nullish().describe("What its runs are started with."),
  name: z.string().max(200).nullish().describe("What its owner calls it."),
  description: z.string().max(2_000).nullish().describe("What its owner says of it."),
  on_missed: z
    .enum(MISSED_POLICIES)
    .optional()
    .describe(
      `Firings that were missed by 5 minutes or more because the service was down: the last one runs, the last ${SCHEDULE_LIMITS.missedRuns}, or none. Absent: as it is; at first \`run_latest\`.`,
    ),
});

export type ScheduleRequest = z.output<typeof scheduleRequestSchema>;

export interface ScheduleDeps extends FindRunnableDeps {
  readonly schedules: Schedules;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly ids: Ids;
  readonly clock: Clock;
}

export interface SaveOptions {
  readonly idempotencyKey: string | null;
  /** The address of the API as its caller sees it. */
  readonly apiOrigin: string;
}

/**
 * Its parameters must fit the latest version of the workflow.
 * @throws ServiceError not_found, invalid_parameters, conflict when the organization has as many as it may, idempotency_mismatch
 */
export async function createSchedule(
  deps: ScheduleDeps,
  { organizationId }: Organization,
  workflowId: string,
  request: ScheduleRequest,
  { idempotencyKey, apiOrigin }: SaveOptions,
): Promise<Schedule> {
  const { workflow, definition } = await findRunnable(deps, organizationId, workflowId, { template: false, version: null });
  requireParameters(definition, request);
  const { workflowPermanentId } = workflow;
  const asked = { workflowPermanentId, request: JSON.parse(JSON.stringify(request)) as Json };
  const keyed = { organizationId, scope: "create_schedule", key: idempotencyKey, request: asked, newId: deps.ids.next("schedule") };
  return await once(deps, keyed, async (scheduleId, replayed) => {
    const now = deps.clock.now();
    const schedule: Schedule = {
      scheduleId,
      organizationId,
      workflowPermanentId,
      ...wordsOf(request),
      ...timingOf(request),
      enabled: request.enabled ?? true,
      onMissed: request.on_missed ?? "run_latest",
      apiOrigin,
      nextFireAt: request.enabled === false ? null : nextFiring(timingOf(request), now),
      lastFireAt: null,
      lastRunId: null,
      lastError: null,
      createdAt: now,
      modifiedAt: now,
    };
    if (await deps.schedules.create(schedule, SCHEDULE_LIMITS.perOrganization)) return schedule;
    const made = await deps.schedules.get(organizationId, workflowPermanentId, scheduleId); // a repetition: what the first made
    if (made !== null) return made;
    await findRunnable(deps, organizationId, workflowId, { template: false, version: null }); // not_found when it was deleted meanwhile
    const limit = SCHEDULE_LIMITS.perOrganization;
    throw new ServiceError(
      "conflict",
      `The organization has ${limit} schedules, which is the limit.${replayed ? " Or the one that this Idempotency-Key made was deleted." : ""}`,
    );
  });
}

/**
 * Replaces what the caller says of it; without `enabled` and `on_missed` these stay. Other times, or going on after a pause, count from now.
 * @throws ServiceError not_found, invalid_parameters, conflict
 */
export async function replaceSchedule(
  deps: ScheduleDeps,
  { organizationId }: Organization,
  workflowId: string,
  id: string,
  request: ScheduleRequest,
  { apiOrigin }: Pick<SaveOptions, "apiOrigin">,
): Promise<Schedule> {
  await readSchedule(deps, organizationId, workflowId, id);
  const { definition } = await findRunnable(deps, organizationId, workflowId, { template: false, version: null });
  requireParameters(definition, request);
  const timing = timingOf(request);
  return await change(deps, organizationId, workflowId, id, (before, now) => {
    const { enabled = before.enabled } = request;
    const sameTimes = before.cronExpression === timing.cronExpression && before.timezone === timing.timezone;
    const kept = sameTimes && before.enabled === enabled;
    return {
      ...wordsOf(request),
      ...timing,
      enabled,
      onMissed: request.on_missed,
      apiOrigin,
      nextFireAt: kept ? undefined : enabled ? nextFiring(timing, now) : null,
    };
  });
}

/** Pauses it or lets it go on; what would have fired in between is not made up for. @throws ServiceError not_found, conflict */
export async function setScheduleEnabled(
  deps: Pick<ScheduleDeps, "schedules" | "clock">,
  { organizationId }: Organization,
  workflowId: string,
  id: string,
  enabled: boolean,
): Promise<Schedule> {
  return await change(deps, organizationId, workflowId, id, (before, now) =>
    before.enabled === enabled ? null : { enabled, nextFireAt: enabled ? nextFiring(before, now) : null },
  );
}

/** @throws ServiceError not_found */
export async function readSchedule(
  { schedules }: { schedules: Schedules },
  organizationId: OrganizationId,
  workflowId: string,
  id: string,
): Promise<Schedule> {
  const found = isId("workflow", workflowId) && isId("schedule", id) ? await schedules.get(organizationId, workflowId, id) : null;
  if (found === null) throw noSchedule(workflowId, id);
  return found;
}

/** Newest first. */
export async function listSchedules(
  { schedules }: { schedules: Schedules },
  organizationId: OrganizationId,
  filter: ScheduleFilter,
  page: Page,
): ReturnType<Schedules["list"]> {
  return await schedules.list(organizationId, filter, page);
}

/** All of a workflow, newest first. @throws ServiceError not_found when there is no such workflow */
export async function listSchedulesOfWorkflow(
  deps: Pick<ScheduleDeps, "schedules" | "workflows" | "templates">,
  organizationId: OrganizationId,
  workflowId: string,
): ReturnType<Schedules["list"]> {
  const { workflow } = await findRunnable(deps, organizationId, workflowId, { template: false, version: null });
  const page = { limit: SCHEDULE_LIMITS.perOrganization, offset: 0 };
  return await deps.schedules.list(organizationId, { workflowPermanentId: workflow.workflowPermanentId }, page);
}

/** Its runs stay. @throws ServiceError not_found */
export async function deleteSchedule(
  { schedules, clock }: { schedules: Schedules; clock: Clock },
  organizationId: OrganizationId,
  workflowId: string,
  id: string,
): Promise<void> {
  const deleted =
    isId("workflow", workflowId) && isId("schedule", id) && (await schedules.delete(organizationId, workflowId, id, clock.now()));
  if (!deleted) throw noSchedule(workflowId, id);
}

// ---------------------------------------------------------------------------------------------------------------

/** @param decide what to change in the schedule as it is, null for nothing; asked again when it was changed meanwhile */
async function change(
  deps: Pick<ScheduleDeps, "schedules" | "clock">,
  organizationId: OrganizationId,
  workflowId: string,
  id: string,
  decide: (before: Schedule, now: number) => Parameters<Schedules["update"]>[1] | null,
): Promise<Schedule> {
  for (let attempt = 0; attempt < CHANGE_ATTEMPTS; attempt += 1) {
    const before = await readSchedule(deps, organizationId, workflowId, id);
    const now = deps.clock.now();
    const changes = decide(before, now);
    if (changes === null) return before;
    const changed = await deps.schedules.update(before, changes, now);
    if (changed !== null) return changed;
  }
  throw new ServiceError("conflict", `The schedule ${id} is being changed by others at the same time: try again.`);
}

function requireParameters(definition: Runnable["definition"], request: ScheduleRequest): void {
  const parameters = resolveParameters(definition.parameters, request.parameters ?? {});
  if (parameters.ok) return;
  const { faults } = parameters;
  throw new ServiceError("invalid_parameters", describeFaults("The parameters do not fit the workflow", faults), { faults });
}

function timingOf({ cron_expression: cronExpression, timezone }: ScheduleRequest) {
  return { cronExpression, timezone };
}

function wordsOf({ parameters = null, name = null, description = null }: ScheduleRequest) {
  return { parameters, name, description };
}

function noSchedule(workflowId: string, id: string): ServiceError {
  return new ServiceError("not_found", `The workflow ${workflowId.slice(0, 100)} has no schedule ${id.slice(0, 100)}.`);
}
