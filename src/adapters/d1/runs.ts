import { and, asc, desc, eq, getTableColumns, isNull, lt, sql } from "drizzle-orm";
import type { RunIndexRow } from "../../domain/run-view.ts";
import type { RunIndex } from "../../ports.ts";
import type { Database } from "./database.ts";
import { runs } from "./schema.ts";

const COLUMNS = Object.entries(getTableColumns(runs)).map(([property, column]) => ({
  name: sql.identifier(column.name),
  /** The value in the JSON of a `RunIndexRow`. */
  value: sql.raw(`json_extract(value, '$.${property}')`),
}));

export function createRunIndex(db: Database): RunIndex {
  return {
    async upsert(rows) {
      if (rows.length === 0) return;
      // One statement with one parameter, however many rows: D1 binds at most 100.
      await db.run(sql`
        insert into ${runs} (${sql.join(
          COLUMNS.map(({ name }) => name),
          sql`, `,
        )})
        select ${sql.join(
          COLUMNS.map(({ value }) => value),
          sql`, `,
        )} from json_each(${JSON.stringify(rows)}) where true
        on conflict (organization_id, workflow_run_id) do update set
        ${sql.join(
          COLUMNS.map(({ name }) => sql`${name} = excluded.${name}`),
          sql`, `,
        )}
        where excluded.seq > ${runs.seq}`);
    },

    async get(organizationId, runId) {
      const row = await db
        .select()
        .from(runs)
        .where(and(eq(runs.organizationId, organizationId), eq(runs.workflowRunId, runId)))
        .get();
      return row ?? null;
    },

    async list(organizationId, { workflowPermanentId, statuses = [], before }, { limit, offset }) {
      const select = (status: RunIndexRow["status"] | undefined) =>
        db
          .select()
          .from(runs)
          .where(
            and(
              eq(runs.organizationId, organizationId),
              workflowPermanentId === undefined ? undefined : eq(runs.workflowPermanentId, workflowPermanentId),
              status === undefined ? undefined : eq(runs.status, status),
              before === undefined ? undefined : lt(runs.workflowRunId, before),
            ),
          )
          .orderBy(desc(runs.workflowRunId));
      const [first, ...others] = new Set(statuses);
      if (others.length === 0) return await select(first).limit(limit).offset(offset);
      // Several statuses: each is read in order from its index and the ends are merged, where `status in (…)` would sort all that match.
      const ends = await db.batch([select(first).limit(offset + limit), ...others.map((status) => select(status).limit(offset + limit))]);
      const newestFirst = ends.flat().toSorted((a, b) => (a.workflowRunId < b.workflowRunId ? 1 : -1));
      return newestFirst.slice(offset, offset + limit);
    },

    async unfinished(modifiedBefore, limit) {
      return await db
        .select()
        .from(runs)
        .where(and(isNull(runs.finishedAt), lt(runs.modifiedAt, modifiedBefore)))
        .orderBy(asc(runs.modifiedAt))
        .limit(limit);
    },
  };
}
