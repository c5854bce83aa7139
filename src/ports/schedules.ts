import type { OrganizationId, ScheduleId, WorkflowId } from "../domain/id.ts";
import type { Schedule } from "../domain/schedule/schedule.ts";
import type { Page } from "./page.ts";

/** Which schedules of an organization. What is absent restricts nothing. */
export interface ScheduleFilter {
  readonly workflowPermanentId?: WorkflowId;
  readonly enabled?: boolean;
  /** A part of the schedule's name or of its workflow's title, in any case. */
  readonly search?: string;
}

/** What a caller may change of a schedule, and what follows from it. What is absent or undefined stays. */
export type ScheduleChanges = { readonly [Name in ChangeableOfSchedule]?: Schedule[Name] | undefined };

type ChangeableOfSchedule =
  | "cronExpression"
  | "timezone"
  | "enabled"
  | "parameters"
  | "name"
  | "description"
  | "onMissed"
  | "apiOrigin"
  | "nextFireAt";

export interface Schedules {
  /** Stores it, unless its id is taken, its workflow is not there, or the organization has `limit` of them. @returns whether it was stored */
  create(schedule: Schedule, limit: number): Promise<boolean>;
  get(organizationId: OrganizationId, workflowId: WorkflowId, scheduleId: ScheduleId): Promise<Schedule | null>;
  /** Newest first, each with the title of its workflow. @returns also how many pass the filter */
  list(
    organizationId: OrganizationId,
    filter: ScheduleFilter,
    page: Page,
  ): Promise<{ readonly schedules: (Schedule & { readonly workflowTitle: string })[]; readonly count: number }>;
  /** @param before as it was read: it is changed only if its times and its state still are these @returns null when they are not */
  update(before: Schedule, changes: ScheduleChanges, at: number): Promise<Schedule | null>;
  /** @returns false when there was none */
  delete(organizationId: OrganizationId, workflowId: WorkflowId, scheduleId: ScheduleId, at: number): Promise<boolean>;
  /** Schedules of any organization that are due, the longest due first. */
  due(now: number, limit: number): Promise<Schedule[]>;
  /** The firings of `schedule` as it was read are taken care of, unless it was changed meanwhile. */
  settle(schedule: Schedule, outcome: Pick<Schedule, "nextFireAt" | "lastFireAt" | "lastRunId" | "lastError">): Promise<void>;
  /** Its firings could not be taken care of: it is due again at `dueAt`, unless it was changed meanwhile. */
  postpone(schedule: Schedule, dueAt: number, lastError: string): Promise<void>;
}
