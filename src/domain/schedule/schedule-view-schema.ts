import { z } from "zod";
import { scheduleItem, scheduleResponse } from "./schedule-view.ts";
import { MISSED_POLICIES, type Schedule } from "./schedule.ts";
import { absent, anyObject, createdAt, instant, modifiedAt } from "../view-field.ts";

/** What `scheduleFields` makes. */
const scheduleSchema = z
  .strictObject({
    workflow_schedule_id: z.string().describe("The schedule's id, `wfs_…`."),
    organization_id: z.string().describe("Whose it is."),
    workflow_permanent_id: z.string().describe("The workflow that it runs, `wpid_…`: always its latest version."),
    cron_expression: z.string().describe("Minute, hour, day of month, month, day of week."),
    timezone: z.string().describe("The zone that the expression counts in."),
    enabled: z.boolean().describe("False while it is paused."),
    parameters: anyObject.nullable().describe("What its runs are started with."),
    temporal_schedule_id: absent,
    name: z.string().nullable().describe("What its owner calls it."),
    description: z.string().nullable().describe("What its owner says of it."),
    created_at: createdAt,
    modified_at: modifiedAt,
    deleted_at: z.null().describe("Skyvern's; always null here: a deleted schedule is not found."),
    on_missed: z.enum(MISSED_POLICIES).describe("What becomes of firings that were missed because the service was down."),
    last_fire_at: instant.nullable().describe("The scheduled time of the last firing."),
    last_run_id: z.string().nullable().describe("The last run that it made; `invalid` when its start was refused."),
    last_error: z.string().nullable().describe("Why the last firing started no run; null when it did."),
  })
  .meta({ id: "Schedule" });

/** What `scheduleResponse` makes. */
export const scheduleResponseSchema = z
  .strictObject({
    schedule: scheduleSchema,
    next_runs: z.array(instant).max(5).describe("The next five times; none while it is paused."),
  })
  .meta({ id: "ScheduleResponse" });

/** What `scheduleItem` makes. */
export const scheduleItemSchema = scheduleSchema
  .extend({
    workflow_title: z.string().describe("Of the workflow's latest version."),
    next_run: instant.nullable().describe("When it fires next; null while it is paused."),
  })
  .meta({ id: "ScheduleItem" });

const example: Schedule = {
  scheduleId: "wfs_01JDAA0000000000000000000F",
  organizationId: "o_01JDAA0000000000000000000A",
  workflowPermanentId: "wpid_01JDAA0000000000000000000B",
  cronExpression: "30 9 * * MON-FRI",
  timezone: "Europe/Berlin",
  enabled: true,
  parameters: { url: "https://shop.example/kettle" },
  name: "Every morning",
  description: null,
  onMissed: "run_latest",
  apiOrigin: "https://pilotfish.example",
  nextFireAt: Date.UTC(2026, 1, 2, 8, 30),
  lastFireAt: null,
  lastRunId: null,
  lastError: null,
  createdAt: Date.UTC(2026, 0, 31, 12),
  modifiedAt: Date.UTC(2026, 0, 31, 12),
};

export const scheduleResponseExample = scheduleResponse(example, example.createdAt);
export const scheduleItemExample = scheduleItem(example, "Check the price");
