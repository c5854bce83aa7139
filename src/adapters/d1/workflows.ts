import { and, desc, eq, isNull, sql, type SQL } from "drizzle-orm";
import { BoundedCache } from "../../domain/bounded-cache.ts";
import type { FolderId, OrganizationId, WorkflowId } from "../../domain/id.ts";
import { statusOf } from "../../domain/workflow/workflow-status.ts";
import { titleOf } from "../../domain/workflow/workflow-view.ts";
import type { StoredWorkflow, WorkflowFilter, Workflows } from "../../ports/workflows.ts";
import type { Database } from "./database.ts";
import { countOf, mergedSource, newestFirst, type Source } from "./keyset.ts";
import { deleteSchedulesOf } from "./schedules.ts";
import { folders, workflows, workflowVersions } from "./schema.ts";

/** Characters of definitions that are kept in memory. */
const CACHE_CHARACTERS = 8_000_000;

const PLACE = { at: workflows.modifiedAt, id: workflows.workflowPermanentId };

/** What holds for a workflow whatever its version. */
const STATE = { folderId: workflows.folderId, isTemplate: workflows.isTemplate, deletedAt: workflows.deletedAt };

/** Make one for the isolate: it remembers versions, which never change. */
export function createWorkflows(db: Database): Workflows {
  const remembered = new BoundedCache<string, StoredWorkflow>(CACHE_CHARACTERS);
  return {
    async create({ title, folderId, ...version }) {
      const { organizationId, workflowPermanentId, definition, createdAt } = version;
      const [created] = await db.batch([
        db
          .insert(workflows)
          .values({
            organizationId,
            workflowPermanentId,
            ...listingOf(definition),
            title,
            folderId: liveFolder(organizationId, folderId),
            latestVersion: 1,
            createdAt,
            modifiedAt: createdAt,
          })
          .onConflictDoNothing()
          .returning(STATE),
        db
          .insert(workflowVersions)
          .values({ ...version, version: 1 })
          .onConflictDoNothing(),
      ]);
      return created[0] ?? null;
    },

    async addVersion({ title, folderId, ...version }) {
      const { organizationId, workflowPermanentId, workflowId, definition, createdAt } = version;
      const here = isLive(organizationId, workflowPermanentId);
      // One transaction, and D1 runs one at a time: the number that is read here is the number that is written.
      const [updated] = await db.batch([
        db
          .update(workflows)
          .set({
            latestVersion: sql`${workflows.latestVersion} + 1`,
            ...listingOf(definition),
            title,
            ...(folderId === null ? {} : { folderId: liveFolder(organizationId, folderId) }),
            modifiedAt: createdAt,
          })
          .where(here)
          .returning({ ...STATE, version: workflows.latestVersion }),
        db.insert(workflowVersions).select(
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
        ),
      ]);
      return updated[0] ?? null;
    },

    async head(organizationId, workflowId) {
      const row = await db
        .select({ ...STATE, latestVersion: workflows.latestVersion })
        .from(workflows)
        .where(isNamed(organizationId, workflowId))
        .get();
      return row ?? null;
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
        .select({ row: workflowVersions, state: STATE })
        .from(workflows)
        .innerJoin(workflowVersions, sameWorkflow)
        .where(isLive(organizationId, workflowId))
        .orderBy(desc(workflowVersions.version))
        .limit(limit)
        .offset(offset);
      return rows.map(({ row, state }) => ({ ...toStored(row), ...state }));
    },

    async list(organizationId, filter, page) {
      if (filter.statuses.length === 0) return { workflows: [], count: page.countUpTo === null ? null : 0 };
      const source = sourceOf(organizationId, filter);
      const select = db
        .select({ row: workflowVersions, state: STATE })
        .from(workflows)
        .innerJoin(workflowVersions, and(sameWorkflow, eq(workflowVersions.version, workflows.latestVersion)))
        .where(source.rows(page))
        .orderBy(...newestFirst(PLACE))
        .limit(page.limit)
        .offset(page.offset);
      const shown = (rows: Awaited<typeof select>) => rows.map(({ row, state }) => ({ ...toStored(row), ...state }));
      if (page.countUpTo === null) return { workflows: shown(await select), count: null };
      const counted = db.select({ count: sql<number>`count(*)` }).from(countOf(source, page.countUpTo));
      const [found, [count]] = await db.batch([select, counted]);
      return { workflows: shown(found), count: count?.count ?? 0 };
    },

    async setFolder(organizationId, workflowId, folderId) {
      const moved = await db
        .update(workflows)
        .set({ folderId })
        .where(and(isLive(organizationId, workflowId), folderId === null ? undefined : sql`exists ${liveFolder(organizationId, folderId)}`))
        .returning({ workflowPermanentId: workflows.workflowPermanentId });
      return moved.length > 0;
    },

    async setTemplate(organizationId, workflowId, isTemplate) {
      const changed = await db
        .update(workflows)
        .set({ isTemplate })
        .where(isLive(organizationId, workflowId))
        .returning({ workflowPermanentId: workflows.workflowPermanentId });
      return changed.length > 0;
    },

    async delete(organizationId, workflowId, at) {
      const [deleted] = await db.batch([
        db
          .update(workflows)
          .set({ deletedAt: at })
          .where(isLive(organizationId, workflowId))
          .returning({ workflowPermanentId: workflows.workflowPermanentId }),
        deleteSchedulesOf(db, organizationId, [workflowId], at),
      ]);
      return deleted.length > 0;
    },
  };
}

const sameWorkflow = and(
  eq(workflowVersions.organizationId, workflows.organizationId),
  eq(workflowVersions.workflowPermanentId, workflows.workflowPermanentId),
);

function isNamed(organizationId: OrganizationId, workflowId: WorkflowId) {
  return and(eq(workflows.organizationId, organizationId), eq(workflows.workflowPermanentId, workflowId));
}

function isLive(organizationId: OrganizationId, workflowId: WorkflowId) {
  return and(isNamed(organizationId, workflowId), isNull(workflows.deletedAt));
}

/** The folder's id if there is such a folder, else null: a workflow is never in a folder that was deleted meanwhile. */
function liveFolder(organizationId: OrganizationId, folderId: FolderId | null): SQL {
  return sql`(select folder_id from ${folders} where organization_id = ${organizationId} and folder_id = ${folderId} and deleted_at is null)`;
}

/** What lists ask of a definition. */
function listingOf(definition: StoredWorkflow["definition"]) {
  return { status: statusOf(definition), isSavedTask: definition.is_saved_task === true };
}

/** How the workflows that pass a filter are read: one list for each status and kind. */
function sourceOf(organizationId: OrganizationId, { statuses, isSavedTask, isTemplate, folderId, title }: WorkflowFilter): Source {
  const kinds = isSavedTask === undefined ? [0, 1] : [isSavedTask ? 1 : 0];
  const branches = [...new Set(statuses)].flatMap((status) => kinds.map((kind) => ({ status, kind })));
  return mergedSource(workflows, PLACE, branches, (valueOf) =>
    and(
      eq(workflows.organizationId, organizationId),
      folderId === undefined ? undefined : eq(workflows.folderId, folderId),
      isTemplate === undefined ? undefined : sql`${workflows.isTemplate} = 1`,
      sql`${workflows.status} = ${valueOf("status")}`,
      sql`${workflows.isSavedTask} = ${valueOf("kind")}`,
      isNull(workflows.deletedAt),
      title === undefined ? undefined : sql`instr(lower(${workflows.title}), lower(${title})) > 0`,
    ),
  );
}

function toStored(row: typeof workflowVersions.$inferSelect): StoredWorkflow {
  return { ...row, title: titleOf(row.definition) };
}
