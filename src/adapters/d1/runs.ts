import { and, asc, desc, eq, getTableColumns, gte, isNotNull, isNull, lt, lte, sql, type SQL, type SQLWrapper } from "drizzle-orm";
import type { OrganizationId, RunId, WorkflowId } from "../../domain/id.ts";
import type { RunIndexRow } from "../../domain/run/run-view.ts";
import type { Position } from "../../ports/page.ts";
import type { RunFilter, RunIndex } from "../../ports/run-index.ts";
import type { Database } from "./database.ts";
import { countOf, isBehind, listed, mergedSource, newestFirst, rowidOf, type Source } from "./keyset.ts";
import { runErrorCodes, runs, runTitles, workflows } from "./schema.ts";

/** Rows of an error code that are looked through for what else is asked of the runs. */
const ERROR_CODE_WINDOW = 10_001;

/** The values of the table's columns, in their order, in the JSON of a `RunIndexRow`. */
const VALUES = sql.raw(
  Object.keys(getTableColumns(runs))
    .map((property) => `value ->> '${property}'`)
    .join(", "),
);

/** What changes in the life of a run: indexes that have none of it are not written again. */
const CHANGES = Object.fromEntries(
  (["status", "failureReason", "queuedAt", "startedAt", "finishedAt", "modifiedAt", "seq"] as const).map((property) => [
    property,
    sql.raw(`excluded.${runs[property].name}`),
  ]),
);

const RUN_PLACE = { at: runs.createdAt, id: runs.workflowRunId };
const CODE_PLACE = { at: runErrorCodes.createdAt, id: runErrorCodes.workflowRunId };

const LISTED = { ...getTableColumns(runs), workflowDeleted: sql<boolean>`${isNotNull(workflows.deletedAt)}`.mapWith(Boolean) };
const workflowOfRun = and(eq(workflows.organizationId, runs.organizationId), eq(workflows.workflowPermanentId, runs.workflowPermanentId));

export function createRunIndex(db: Database): RunIndex {
  return {
    async upsert(rows) {
      if (rows.length === 0) return;
      // Statements with one parameter, however many rows: D1 binds at most 100. `where true` tells `on conflict` from a join's condition.
      const all = sql`json_each(${JSON.stringify(rows)})`;
      // What a refused start left is another try's, with facts of its own: it gives way whole.
      const cleared = db.delete(runs).where(sql`${rowidOf(runs)} in (
        select refused.rowid from ${all} as later cross join ${runs} as refused
        on refused.organization_id = value ->> 'organizationId' and refused.workflow_run_id = value ->> 'workflowRunId'
        where refused.status = 'invalid' and refused.seq < value ->> 'seq')`);
      const projected = db
        .insert(runs)
        .select(sql`select ${VALUES} from ${all} where true`)
        .onConflictDoUpdate({ target: [runs.organizationId, runs.workflowRunId], set: CHANGES, setWhere: sql`excluded.seq > ${runs.seq}` });
      const titled = db
        .insert(runTitles)
        .select(sql`select value ->> 'organizationId', value ->> 'workflowPermanentId', value ->> 'workflowTitle' from ${all} where true`)
        .onConflictDoNothing();
      const ended = rows.filter(({ finishedAt, errorCodes }) => finishedAt !== null && errorCodes.length > 0);
      const coded = db
        .insert(runErrorCodes)
        .select(
          sql`select run.value ->> 'organizationId', code.value, run.value ->> 'createdAt', run.value ->> 'workflowRunId'
            from json_each(${JSON.stringify(ended)}) as run, json_each(run.value, '$.errorCodes') as code where true`,
        )
        .onConflictDoNothing();
      await db.batch([cleared, projected, titled, ...(ended.length > 0 ? [coded] : [])]);
    },

    async get(organizationId, runId) {
      const row = await db
        .select(LISTED)
        .from(runs)
        .leftJoin(workflows, workflowOfRun)
        .where(and(eq(runs.organizationId, organizationId), eq(runs.workflowRunId, runId)))
        .get();
      return row ?? null;
    },

    async list(organizationId, filter, page) {
      const source = sourceOf(organizationId, filter);
      if (source === null) return { runs: [], count: page.countUpTo === null ? null : 0 };
      const select = db
        .select(LISTED)
        .from(runs)
        .leftJoin(workflows, workflowOfRun)
        .where(source.rows(page))
        .orderBy(...newestFirst(RUN_PLACE))
        .limit(page.limit)
        .offset(page.offset);
      if (page.countUpTo === null) return { runs: await select, count: null };
      const counted = db.select({ count: sql<number>`count(*)` }).from(countOf(source, page.countUpTo));
      const [found, [count]] = await db.batch([select, counted]);
      return { runs: found, count: count?.count ?? 0 };
    },

    async workflowsTitled(organizationId, text, limit) {
      const rows = await db
        .selectDistinct({ workflowPermanentId: runTitles.workflowPermanentId })
        .from(runTitles)
        .where(and(eq(runTitles.organizationId, organizationId), sql`instr(lower(${runTitles.workflowTitle}), lower(${text})) > 0`))
        .orderBy(desc(runTitles.workflowPermanentId))
        .limit(limit);
      return rows.map(({ workflowPermanentId }) => workflowPermanentId);
    },

    async retriedBy(organizationId, runId) {
      const row = await db
        .select({ workflowRunId: sql<RunIndexRow["workflowRunId"] | null>`max(${runs.workflowRunId})` })
        .from(runs)
        .where(and(eq(runs.organizationId, organizationId), eq(runs.retriedFromRunId, runId), isNotNull(runs.retriedFromRunId)))
        .get();
      return row?.workflowRunId ?? null;
    },

    async unfinished(modifiedBefore, turn, limit) {
      const still = and(isNull(runs.finishedAt), lt(runs.modifiedAt, modifiedBefore));
      const pages = Math.max(1, Math.ceil((await db.$count(runs, still)) / limit));
      return await db
        .select()
        .from(runs)
        .where(still)
        .orderBy(asc(runs.modifiedAt))
        .limit(limit)
        .offset((turn % pages) * limit);
    },
  };
}

/** How the runs that pass a filter are read. Null when none can pass. */
function sourceOf(organizationId: OrganizationId, filter: RunFilter): Source | null {
  const { workflowRunId, workflowPermanentIds, statuses, errorCode } = filter;
  if (workflowPermanentIds?.length === 0 || statuses?.length === 0) return null;
  if (workflowRunId !== undefined) return withId(organizationId, workflowRunId, filter);
  if (errorCode !== undefined) return withErrorCode(organizationId, errorCode, filter);
  const branches = branchesOf(filter);
  const [first = {}] = branches;
  return mergedSource(runs, RUN_PLACE, branches, (valueOf) =>
    and(
      eq(runs.organizationId, organizationId),
      first.workflowPermanentId === undefined ? undefined : sql`${runs.workflowPermanentId} = ${valueOf("workflowPermanentId")}`,
      first.status === undefined ? undefined : sql`${runs.status} = ${valueOf("status")}`,
      first.isChild === undefined ? undefined : sql`(${runs.parentRunId} is not null) = ${valueOf("isChild")}`,
      // Stated twice: SQLite uses a partial index only for a query that says its condition.
      filter.browserSessionId === undefined
        ? undefined
        : and(eq(runs.browserSessionId, filter.browserSessionId), isNotNull(runs.browserSessionId)),
      createdWithin(runs.createdAt, filter),
    ),
  );
}

/** One list among those that are merged. */
interface Branch {
  readonly workflowPermanentId?: WorkflowId;
  readonly status?: RunIndexRow["status"];
  readonly isChild?: 0 | 1;
}

/** Every combination of what a filter names; one without restrictions when it names nothing. */
function branchesOf({ workflowPermanentIds, statuses, includeChildren = true }: RunFilter): Branch[] {
  const kinds: readonly (0 | 1)[] = includeChildren ? [0, 1] : [0];
  const workflows: Branch[] = workflowPermanentIds
    ? [...new Set(workflowPermanentIds)].flatMap((workflowPermanentId) => kinds.map((isChild) => ({ workflowPermanentId, isChild })))
    : [{}];
  if (statuses === undefined) return workflows;
  return [...new Set(statuses)].flatMap((status) => workflows.map((workflow) => ({ ...workflow, status })));
}

/** One run, if it passes what else is asked. */
function withId(organizationId: OrganizationId, workflowRunId: RunId, filter: RunFilter): Source {
  const code = and(
    eq(runErrorCodes.organizationId, organizationId),
    eq(runErrorCodes.errorCode, filter.errorCode ?? ""),
    eq(runErrorCodes.createdAt, runs.createdAt),
    eq(runErrorCodes.workflowRunId, workflowRunId),
  );
  const conditions = and(
    eq(runs.organizationId, organizationId),
    eq(runs.workflowRunId, workflowRunId),
    createdWithin(runs.createdAt, filter),
    ...unindexed(filter),
    filter.errorCode === undefined ? undefined : sql`exists (select 1 from ${runErrorCodes} where ${code})`,
  );
  return { rows: ({ after }) => and(conditions, isBehind(RUN_PLACE, after)), all: sql`select 1 from ${runs} where ${conditions}` };
}

/** From the list of the code's runs; what else is asked of them is looked for among the last `ERROR_CODE_WINDOW`. */
function withErrorCode(organizationId: OrganizationId, errorCode: string, filter: RunFilter): Source {
  const others = unindexed(filter);
  const coded = (after: Position<string> | null, window: number) => {
    const conditions = and(
      eq(runErrorCodes.organizationId, organizationId),
      eq(runErrorCodes.errorCode, errorCode),
      createdWithin(runErrorCodes.createdAt, filter),
      isBehind(CODE_PLACE, after),
    );
    const order = listed(newestFirst(CODE_PLACE));
    return sql`(select workflow_run_id from ${runErrorCodes} where ${conditions} order by ${order} limit ${window}) as coded`;
  };
  const found = (after: Position<string> | null, window: number) => sql`
    select ${rowidOf(runs)} from ${coded(after, window)}
    cross join ${runs} on ${runs.organizationId} = ${organizationId} and ${runs.workflowRunId} = coded.workflow_run_id
    where ${and(...others) ?? sql`true`}`;
  return {
    rows: ({ after, limit, offset }) =>
      sql`${rowidOf(runs)} in (${found(after, others.length === 0 ? offset + limit : ERROR_CODE_WINDOW)})`,
    all: others.length === 0 ? sql`select 1 from ${coded(null, ERROR_CODE_WINDOW)}` : found(null, ERROR_CODE_WINDOW),
  };
}

/** Conditions that are checked row by row; the plus keeps SQLite from reading an index of theirs instead. */
function unindexed({ workflowPermanentIds, statuses, includeChildren = true }: RunFilter): SQL[] {
  const isIn = (column: SQLWrapper, values: readonly string[]) =>
    sql`+${column} in (select value from json_each(${JSON.stringify(values)}))`;
  return [
    ...(workflowPermanentIds === undefined ? [] : [isIn(runs.workflowPermanentId, workflowPermanentIds)]),
    ...(statuses === undefined ? [] : [isIn(runs.status, statuses)]),
    ...(workflowPermanentIds === undefined || includeChildren ? [] : [sql`+${runs.parentRunId} is null`]),
  ];
}

function createdWithin(
  createdAt: typeof runs.createdAt | typeof runErrorCodes.createdAt,
  { createdFrom, createdUntil }: RunFilter,
): SQL | undefined {
  return and(
    createdFrom === undefined ? undefined : gte(createdAt, createdFrom),
    createdUntil === undefined ? undefined : lte(createdAt, createdUntil),
  );
}
