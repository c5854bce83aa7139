import { ServiceError } from "../domain/error.ts";
import type { OrganizationId, RunId } from "../domain/id.ts";
import { planFirings, runIdOfFiring, type Schedule } from "../domain/schedule/schedule.ts";
import { formatInstant } from "../domain/time.ts";
import type { Log } from "../ports/log.ts";
import type { Organizations, StoredOrganization } from "../ports/organizations.ts";
import type { Schedules } from "../ports/schedules.ts";
import { requireOrganization } from "./organizations.ts";
import { type StartDeps, startFiring } from "./runs.ts";

/** Schedules that one round takes care of; those that are left are the longest due in the next, a minute later. */
const ROUND_LIMIT = 200;

/** Schedules that are taken care of at the same time. */
const CONCURRENCY = 10;

/** After a fault of the service a schedule is left alone this long, so that it does not stand before the others. */
const POSTPONED_MS = 60_000;

export interface FiringDeps extends StartDeps {
  readonly schedules: Schedules;
  readonly organizations: Pick<Organizations, "get">;
  readonly log: Log;
}

/**
 * Starts the runs that are due. For the cron trigger; it may be repeated, and several may be at it at once: a firing has one run id.
 * @param now milliseconds since the epoch
 * @returns how many schedules were looked at
 */
export async function fireSchedules(deps: FiringDeps, now: number, limit = ROUND_LIMIT): Promise<number> {
  const known = new Map<OrganizationId, Promise<StoredOrganization>>();
  const organizationOf = ({ organizationId }: Schedule) => {
    const organization = known.get(organizationId) ?? requireOrganization(deps, organizationId);
    known.set(organizationId, organization);
    return organization;
  };
  const due = await deps.schedules.due(now, limit);
  const waiting = due.values();
  const worker = async () => {
    for (const schedule of waiting) {
      await fireSchedule(deps, schedule, now, organizationOf).catch((error: unknown) =>
        deps.log.error("a schedule could not be taken care of", error, fieldsOf(schedule)),
      );
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return due.length;
}

/**
 * Takes care of what one schedule owes: starts the runs, then moves it on. What refuses a run is written on the schedule, which goes on; after a
 * fault of ours the same firings are tried again.
 */
async function fireSchedule(
  deps: FiringDeps,
  schedule: Schedule,
  now: number,
  organizationOf: (schedule: Schedule) => Promise<StoredOrganization>,
): Promise<void> {
  const { fire, next } = planFirings(schedule, now);
  let { lastFireAt, lastRunId, lastError } = schedule;
  try {
    for (const at of fire) {
      const fired = await fireOnce(deps, await organizationOf(schedule), schedule, at);
      lastFireAt = at;
      lastRunId = fired.runId ?? lastRunId;
      lastError = fired.error;
    }
  } catch (error) {
    deps.log.error("a schedule could not be fired", error, fieldsOf(schedule));
    const sentence = `The service could not start the run of ${formatInstant(fire.at(-1) ?? now)}; it tries again.`;
    await deps.schedules.postpone(schedule, now + POSTPONED_MS, sentence);
    return;
  }
  await deps.schedules.settle(schedule, { nextFireAt: next, lastFireAt, lastRunId, lastError });
}

/** @returns the run, also when it is one that was refused, and why it was */
async function fireOnce(
  deps: FiringDeps,
  organization: StoredOrganization,
  schedule: Schedule,
  at: number,
): Promise<{ runId: RunId | null; error: string | null }> {
  const { scheduleId, workflowPermanentId, parameters, apiOrigin } = schedule;
  const runId = runIdOfFiring(scheduleId, at);
  const request = { workflow_id: workflowPermanentId, parameters: parameters ?? {} };
  try {
    await startFiring(deps, organization, { runId, scheduleId }, request, apiOrigin);
    return { runId, error: null };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    deps.log.info("a schedule's run was refused", { ...fieldsOf(schedule), run_id: runId, code: error.code });
    const isInHistory = error.extra.run_id === runId;
    return { runId: isInHistory ? runId : null, error: `${formatInstant(at)}: ${error.message}` };
  }
}

function fieldsOf({ organizationId, scheduleId }: Schedule) {
  return { organization_id: organizationId, workflow_schedule_id: scheduleId };
}
