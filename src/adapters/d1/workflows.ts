import { and, desc, eq, isNull, sql } from "drizzle-orm";
import { BoundedCache } from "../../domain/bounded-cache.ts";
import type { OrganizationId, WorkflowId } from "../../domain/id.ts";
import { titleOf } from "../../domain/workflow-view.ts";
import type { StoredWorkflow, Workflows } from "../../ports.ts";
import type { Database } from "./database.ts";
import { deleteSchedulesOf } from "./schedules.ts";
import { workflows, workflowVersions } from "./schema.ts";

/** Characters of definitions that are kept in memory. */
const CACHE_CHARACTERS = 8_000_000;

/** Make one for the isolate: it remembers versions, which never change. */
export function createWorkflows(db: Database): Workflows {
  const remembered = new BoundedCache<string, StoredWorkflow>(CACHE_CHARACTERS);
  return {
    async create({ title, ...version }) {
      const { organizationId, workflowPermanentId, createdAt } = version;
      const [created] = await db.batch([
        db
          .insert(workflows)
          .values({ organizationId, workflowPermanentId, title, latestVersion: 1, createdAt, modifiedAt: createdAt })
          .onConflictDoNothing()
          .returning({ workflowPermanentId: workflows.workflowPermanentId }),
        db
          .insert(workflowVersions)
          .values({ ...version, version: 1 })
          .onConflictDoNothing(),
      ]);
      return created.length > 0;
    },

    async addVersion({ title, ...version }) {
      const { organizationId, workflowPermanentId, workflowId, definition, createdAt } = version;
      const here = isLive(organizationId, workflowPermanentId);
      // One transaction, and D1 runs one at a time: the number that is read here is the number that is written.
      const [, added] = await db.batch([
        db
          .update(workflows)
          .set({ latestVersion: sql`${workflows.latestVersion} + 1`, title, modifiedAt: createdAt })
          .where(here),
        db
          .insert(workflowVersions)
          .select(
            db
              .select({
                workflowId: sql`${workflowId}`.as("workflow_id"),
                workflowPermanentId: workflows.workflowPermanentId,
                organizationId: workflows.organizationId,
                version: workflows.latestVersion,
                definition: sql`${JSON.stringify(definition)}`.as("definition"),
                createdAt: sql`${createdAt}`.as("created_at"),
              })
              .from(workflows)
              .where(here),
          )
          .returning({ version: workflowVersions.version }),
      ]);
      return added[0]?.version ?? null;
    },

    async latestVersion(organizationId, workflowId) {
      const row = await db
        .select({ latestVersion: workflows.latestVersion })
        .from(workflows)
        .where(isLive(organizationId, workflowId))
        .get();
      return row?.latestVersion ?? null;
    },

    async version(organizationId, workflowId, version) {
      const key = [organizationId, workflowId, version].join();
      const known = remembered.get(key);
      if (known !== undefined) return known;
      const row = await db
        .select()
        .from(workflowVersions)
        .where(
          and(
            eq(workflowVersions.organizationId, organizationId),
            eq(workflowVersions.workflowPermanentId, workflowId),
            eq(workflowVersions.version, version),
          ),
        )
        .get();
      if (row === undefined) return null;
      const workflow = toStored(row);
      remembered.set(key, workflow, JSON.stringify(workflow.definition).length);
      return workflow;
    },

    async versions(organizationId, workflowId, { limit, offset }) {
      const rows = await db
        .select({ row: workflowVersions })
        .from(workflows)
        .innerJoin(workflowVersions, sameWorkflow)
        .where(isLive(organizationId, workflowId))
        .orderBy(desc(workflowVersions.version))
        .limit(limit)
        .offset(offset);
      return rows.map(({ row }) => toStored(row));
    },

    async list(organizationId, search, { limit, offset }) {
      const matches = search === "" ? undefined : sql`instr(lower(${workflows.title}), lower(${search})) > 0`;
      const rows = await db
        .select({ row: workflowVersions })
        .from(workflows)
        .innerJoin(workflowVersions, and(sameWorkflow, eq(workflowVersions.version, workflows.latestVersion)))
        .where(and(eq(workflows.organizationId, organizationId), isNull(workflows.deletedAt), matches))
        .orderBy(desc(workflows.modifiedAt), desc(workflows.workflowPermanentId))
        .limit(limit)
        .offset(offset);
      return rows.map(({ row }) => toStored(row));
    },

    async delete(organizationId, workflowId, at) {
      const [deleted] = await db.batch([
        db
          .update(workflows)
          .set({ deletedAt: at })
          .where(isLive(organizationId, workflowId))
          .returning({ workflowPermanentId: workflows.workflowPermanentId }),
        deleteSchedulesOf(db, organizationId, workflowId, at),
      ]);
      return deleted.length > 0;
    },
  };
}

const sameWorkflow = and(
  eq(workflowVersions.organizationId, workflows.organizationId),
  eq(workflowVersions.workflowPermanentId, workflows.workflowPermanentId),
);

function isLive(organizationId: OrganizationId, workflowId: WorkflowId) {
  return and(eq(workflows.organizationId, organizationId), eq(workflows.workflowPermanentId, workflowId), isNull(workflows.deletedAt));
}

function toStored(row: typeof workflowVersions.$inferSelect): StoredWorkflow {
  return { ...row, title: titleOf(row.definition) };
}
