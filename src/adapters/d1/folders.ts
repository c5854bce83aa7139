import { and, eq, getTableColumns, isNull, sql } from "drizzle-orm";
import type { FolderId, OrganizationId } from "../../domain/id.ts";
import type { Folders } from "../../ports/folders.ts";
import type { Database } from "./database.ts";
import { countOf, mergedSource, newestFirst } from "./keyset.ts";
import { deleteSchedulesOf } from "./schedules.ts";
import { folders, workflows } from "./schema.ts";

const PLACE = { at: folders.modifiedAt, id: folders.folderId };

const { deletedAt: _deletedAt, ...FACTS } = getTableColumns(folders);
const FOLDER = {
  ...FACTS,
  workflowCount: sql<number>`(select count(*) from ${workflows} as held
    where held.organization_id = ${folders}.organization_id and held.folder_id = ${folders}.folder_id and held.deleted_at is null)`,
};

export function createFolders(db: Database): Folders {
  const select = () => db.select(FOLDER).from(folders);
  return {
    async create(folder) {
      const created = await db.insert(folders).values(folder).onConflictDoNothing().returning({ folderId: folders.folderId });
      return created.length > 0;
    },

    async get(organizationId, folderId) {
      return (await select().where(isLive(organizationId, folderId)).get()) ?? null;
    },

    async getEver(organizationId, folderId) {
      return (await select().where(isNamed(organizationId, folderId)).get()) ?? null;
    },

    async list(organizationId, title, page) {
      const source = mergedSource(folders, PLACE, [{}], () =>
        and(
          eq(folders.organizationId, organizationId),
          isNull(folders.deletedAt),
          title === "" ? undefined : sql`instr(lower(${folders.title}), lower(${title})) > 0`,
        ),
      );
      const found = select()
        .where(source.rows(page))
        .orderBy(...newestFirst(PLACE))
        .limit(page.limit)
        .offset(page.offset);
      if (page.countUpTo === null) return { folders: await found, count: null };
      const counted = db.select({ count: sql<number>`count(*)` }).from(countOf(source, page.countUpTo));
      const [rows, [count]] = await db.batch([found, counted]);
      return { folders: rows, count: count?.count ?? 0 };
    },

    async update(organizationId, folderId, changes, at) {
      const here = isLive(organizationId, folderId);
      const [, rows] = await db.batch([
        db
          .update(folders)
          .set({ ...changes, modifiedAt: at })
          .where(here),
        select().where(here),
      ]);
      return rows[0] ?? null;
    },

    async delete(organizationId, folderId, { deleteWorkflows, at }) {
      const held = and(eq(workflows.organizationId, organizationId), eq(workflows.folderId, folderId), isNull(workflows.deletedAt));
      const remove = db
        .update(folders)
        .set({ deletedAt: at })
        .where(isLive(organizationId, folderId))
        .returning({ folderId: folders.folderId });
      const empty = db
        .update(workflows)
        .set({ folderId: null, ...(deleteWorkflows ? { deletedAt: at } : {}) })
        .where(held);
      const ids = db.select({ workflowPermanentId: workflows.workflowPermanentId }).from(workflows).where(held);
      if (!deleteWorkflows) return (await db.batch([remove, empty]))[0].length > 0 ? 0 : null;
      // The schedules go first: their workflows are known by the folder that they are in.
      const [, deleted, emptied] = await db.batch([deleteSchedulesOf(db, organizationId, ids, at), remove, empty]);
      return deleted.length > 0 ? emptied.meta.changes : null;
    },
  };
}

function isNamed(organizationId: OrganizationId, folderId: FolderId) {
  return and(eq(folders.organizationId, organizationId), eq(folders.folderId, folderId));
}

function isLive(organizationId: OrganizationId, folderId: FolderId) {
  return and(isNamed(organizationId, folderId), isNull(folders.deletedAt));
}
