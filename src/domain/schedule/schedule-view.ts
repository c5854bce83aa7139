/** A schedule as the API shows it. Field names are Skyvern's; `on_missed` and `last_…` are ours. */
import { nextFirings } from "./cron.ts";
import type { JsonObject } from "../json.ts";
import { type Schedule, SCHEDULE_LIMITS } from "./schedule.ts";
import { formatInstant, formatInstantOrNull } from "../time.ts";

/** Skyvern's `WorkflowSchedule`. */
export function scheduleFields(schedule: Schedule): JsonObject {
  return {
    workflow_schedule_id: schedule.scheduleId,
    organization_id: schedule.organizationId,
    workflow_permanent_id: schedule.workflowPermanentId,
    cron_expression: schedule.cronExpression,
    timezone: schedule.timezone,
    enabled: schedule.enabled,
    parameters: schedule.parameters,
    temporal_schedule_id: null,
    name: schedule.name,
    description: schedule.description,
    created_at: formatInstant(schedule.createdAt),
    modified_at: formatInstant(schedule.modifiedAt),
    deleted_at: null,
    on_missed: schedule.onMissed,
    last_fire_at: formatInstantOrNull(schedule.lastFireAt),
    last_run_id: schedule.lastRunId,
    last_error: schedule.lastError,
  };
}

/** Skyvern's `WorkflowScheduleResponse`: with the next five times; none while it is paused. @param now milliseconds since the epoch */
export function scheduleResponse(schedule: Schedule, now: number): JsonObject {
  const next = schedule.enabled ? nextFirings(schedule, now, SCHEDULE_LIMITS.nextRuns) : [];
  return { schedule: scheduleFields(schedule), next_runs: next.map(formatInstant) };
}

/** Skyvern's `OrganizationScheduleItem`. @param workflowTitle of the latest version */
export function scheduleItem(schedule: Schedule, workflowTitle: string): JsonObject {
  return { ...scheduleFields(schedule), workflow_title: workflowTitle, next_run: formatInstantOrNull(schedule.nextFireAt) };
}
