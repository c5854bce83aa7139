import { and, asc, desc, eq, getTableColumns, inArray, isNull, lte, or, sql, type SQL, type SQLWrapper } from "drizzle-orm";
import type { OrganizationId, ScheduleId, WorkflowId } from "../../domain/id.ts";
import type { Schedule } from "../../domain/schedule/schedule.ts";
import type { Schedules } from "../../ports/schedules.ts";
import type { Database } from "./database.ts";
import { workflows, workflowSchedules } from "./schema.ts";

const { dueAt: _dueAt, deletedAt: _deletedAt, ...SCHEDULE } = getTableColumns(workflowSchedules);

const isThere = isNull(workflowSchedules.deletedAt);

/** Neither paused nor deleted nor fired since it was read. */
function isUnfired({ organizationId, workflowPermanentId, scheduleId, nextFireAt }: Schedule): SQL | undefined {
  return and(isOf(organizationId, workflowPermanentId, scheduleId), eq(workflowSchedules.nextFireAt, nextFireAt ?? -1));
}

export function createSchedules(db: Database): Schedules {
  return {
    async create(schedule, limit) {
      const { organizationId, workflowPermanentId } = schedule;
      const { parameters, enabled, ...plain } = schedule;
      const row = {
        ...plain,
        parameters: parameters && JSON.stringify(parameters),
        enabled: Number(enabled),
        dueAt: plain.nextFireAt,
        deletedAt: null,
      };
      const values = Object.keys(getTableColumns(workflowSchedules)).map((name) => sql`${row[name as keyof typeof row]}`);
      const workflow = and(
        eq(workflows.organizationId, organizationId),
        eq(workflows.workflowPermanentId, workflowPermanentId),
        isNull(workflows.deletedAt),
      );
      const existing = sql`select count(*) from ${workflowSchedules} where ${and(eq(workflowSchedules.organizationId, organizationId), isThere)}`;
      const created = await db
        .insert(workflowSchedules)
        .select(sql`select ${sql.join(values, sql`, `)} from ${workflows} where ${workflow} and (${existing}) < ${limit}`)
        .onConflictDoNothing()
        .returning({ scheduleId: workflowSchedules.scheduleId });
      return created.length > 0;
    },

    async get(organizationId, workflowId, scheduleId) {
      const row = await db
        .select(SCHEDULE)
        .from(workflowSchedules)
        .where(and(isOf(organizationId, workflowId, scheduleId), isThere))
        .get();
      return row ?? null;
    },

    async list(organizationId, { workflowPermanentId, enabled, search = "" }, { limit, offset }) {
      const ofWorkflow = and(
        eq(workflows.organizationId, workflowSchedules.organizationId),
        eq(workflows.workflowPermanentId, workflowSchedules.workflowPermanentId),
      );
      const contains = (text: SQL) => sql`instr(lower(${text}), lower(${search})) > 0`;
      const conditions = and(
        eq(workflowSchedules.organizationId, organizationId),
        workflowPermanentId === undefined ? undefined : eq(workflowSchedules.workflowPermanentId, workflowPermanentId),
        isThere,
        enabled === undefined ? undefined : eq(workflowSchedules.enabled, enabled),
        search === "" ? undefined : or(contains(sql`${workflowSchedules.name}`), contains(sql`${workflows.title}`)),
      );
      const [schedules, [counted]] = await db.batch([
        db
          .select({ ...SCHEDULE, workflowTitle: workflows.title })
          .from(workflowSchedules)
          .innerJoin(workflows, ofWorkflow)
          .where(conditions)
          .orderBy(desc(workflowSchedules.scheduleId))
          .limit(limit)
          .offset(offset),
        db
          .select({ count: sql<number>`count(*)` })
          .from(workflowSchedules)
          .innerJoin(workflows, ofWorkflow)
          .where(conditions),
      ]);
      return { schedules, count: counted?.count ?? 0 };
    },

    async update(before, changes, at) {
      const { organizationId, workflowPermanentId, scheduleId, cronExpression, timezone, enabled } = before;
      const [row] = await db
        .update(workflowSchedules)
        .set({ ...changes, ...(changes.nextFireAt !== undefined && { dueAt: changes.nextFireAt }), modifiedAt: at })
        .where(
          and(
            isOf(organizationId, workflowPermanentId, scheduleId),
            isThere,
            eq(workflowSchedules.cronExpression, cronExpression),
            eq(workflowSchedules.timezone, timezone),
            eq(workflowSchedules.enabled, enabled),
          ),
        )
        .returning(SCHEDULE);
      return row ?? null;
    },

    async delete(organizationId, workflowId, scheduleId, at) {
      const deleted = await db
        .update(workflowSchedules)
        .set(deletion(at))
        .where(and(isOf(organizationId, workflowId, scheduleId), isThere))
        .returning({ scheduleId: workflowSchedules.scheduleId });
      return deleted.length > 0;
    },

    async due(now, limit) {
      return await db
        .select(SCHEDULE)
        .from(workflowSchedules)
        .where(lte(workflowSchedules.dueAt, now))
        .orderBy(asc(workflowSchedules.dueAt))
        .limit(limit);
    },

    async settle(schedule, outcome) {
      await db
        .update(workflowSchedules)
        .set({ ...outcome, dueAt: outcome.nextFireAt })
        .where(isUnfired(schedule));
    },

    async postpone(schedule, dueAt, lastError) {
      await db.update(workflowSchedules).set({ dueAt, lastError }).where(isUnfired(schedule));
    },
  };
}

/** The part of deleting workflows that concerns their schedules, for the same transaction. @param workflowIds a list, or a query of ids */
export function deleteSchedulesOf(db: Database, organizationId: OrganizationId, workflowIds: WorkflowId[] | SQLWrapper, at: number) {
  return db
    .update(workflowSchedules)
    .set(deletion(at))
    .where(and(eq(workflowSchedules.organizationId, organizationId), inArray(workflowSchedules.workflowPermanentId, workflowIds), isThere));
}

function deletion(at: number) {
  return { deletedAt: at, enabled: false, nextFireAt: null, dueAt: null };
}

function isOf(organizationId: OrganizationId, workflowId: WorkflowId, scheduleId: ScheduleId): SQL | undefined {
  return and(
    eq(workflowSchedules.organizationId, organizationId),
    eq(workflowSchedules.workflowPermanentId, workflowId),
    eq(workflowSchedules.scheduleId, scheduleId),
  );
}
