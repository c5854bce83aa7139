/** A schedule starts runs of a workflow at the times of a cron expression. What is due, and what becomes of firings that were missed. */
import { encodeTime } from "ulid";
import { lastFirings, nextFirings, type Timing } from "./cron.ts";
import type { OrganizationId, RunId, ScheduleId, WorkflowId } from "../id.ts";
import type { JsonObject } from "../json.ts";

/**
 * What becomes of firings that were missed because the service was down: only the last runs (Skyvern's way), the last ten run, or none. A pause
 * is not an outage: what would have fired in it was not wanted.
 */
export const MISSED_POLICIES = ["run_latest", "run_all", "skip"] as const;
export type MissedPolicy = (typeof MISSED_POLICIES)[number];

/** A firing that is found this late, or later, was missed. It is also the least time between two, so that one at most is not late. */
export const LATE_MS = 5 * 60_000;

export const SCHEDULE_LIMITS = {
  /** Of an organization, paused ones included. */
  perOrganization: 500,
  /** Missed firings that `run_all` makes up for: the last ones. */
  missedRuns: 10,
  /** That an answer names. */
  nextRuns: 5,
} as const;

/** Times in milliseconds since the epoch. */
export interface Schedule extends Timing {
  readonly scheduleId: ScheduleId;
  readonly organizationId: OrganizationId;
  readonly workflowPermanentId: WorkflowId;
  readonly enabled: boolean;
  /** As they were sent. */
  readonly parameters: JsonObject | null;
  readonly name: string | null;
  readonly description: string | null;
  readonly onMissed: MissedPolicy;
  /** The address of the API as whoever saved the schedule saw it, for links. */
  readonly apiOrigin: string;
  /** The first firing that was not taken care of; null while it is paused. */
  readonly nextFireAt: number | null;
  /** The firing that was taken care of last: when it was meant to be, the run that it made, and what was wrong with it. */
  readonly lastFireAt: number | null;
  readonly lastRunId: RunId | null;
  readonly lastError: string | null;
  readonly createdAt: number;
  readonly modifiedAt: number;
}

export interface FiringPlan {
  /** The instants for which a run is to be started, in order. */
  readonly fire: readonly number[];
  /** The first firing after these; null when there is none. */
  readonly next: number | null;
}

/** What a schedule owes at `now`. Of the firings from `nextFireAt` on, none is planned twice once `next` has taken its place. */
export function planFirings(schedule: Timing & Pick<Schedule, "onMissed" | "nextFireAt">, now: number): FiringPlan {
  const { nextFireAt, onMissed } = schedule;
  if (nextFireAt === null || nextFireAt > now) return { fire: [], next: nextFireAt };
  const kept = lastFirings(schedule, { from: nextFireAt, until: now, count: KEPT[onMissed] });
  return { fire: kept.filter((at) => onMissed !== "skip" || now - at < LATE_MS), next: nextFiring(schedule, now) };
}

const KEPT: Record<MissedPolicy, number> = { run_latest: 1, run_all: SCHEDULE_LIMITS.missedRuns, skip: 1 };

export function nextFiring(timing: Timing, after: number): number | null {
  return nextFirings(timing, after, 1)[0] ?? null;
}

/**
 * The id of the run that a firing starts: the same however often it is fired, so that it starts one. A ULID in form: the time is the firing's,
 * the rest the schedule's own.
 */
export function runIdOfFiring(scheduleId: ScheduleId, at: number): RunId {
  return `wr_${encodeTime(at)}${scheduleId.slice(-16)}`;
}
