import { and, desc, eq, getTableColumns, isNotNull, isNull } from "drizzle-orm";
import type { BrowserProfileId, OrganizationId } from "../../domain/id.ts";
import type { BrowserProfiles } from "../../ports/browser-profiles.ts";
import type { Database } from "./database.ts";
import { browserProfiles, runs } from "./schema.ts";

const { deletedAt: _deletedAt, ...PROFILE } = getTableColumns(browserProfiles);

export function createBrowserProfiles(db: Database): BrowserProfiles {
  return {
    async insert(profile) {
      const { meta } = await db.insert(browserProfiles).values(profile).onConflictDoNothing();
      return meta.changes > 0;
    },

    async get(organizationId, browserProfileId) {
      return (await db.select(PROFILE).from(browserProfiles).where(isLive(organizationId, browserProfileId)).get()) ?? null;
    },

    async list(organizationId, { limit, offset }) {
      return await db
        .select(PROFILE)
        .from(browserProfiles)
        .where(and(eq(browserProfiles.organizationId, organizationId), isNull(browserProfiles.deletedAt)))
        .orderBy(desc(browserProfiles.createdAt), desc(browserProfiles.browserProfileId))
        .limit(limit)
        .offset(offset);
    },

    async update(organizationId, browserProfileId, changes, at) {
      const updated = await db
        .update(browserProfiles)
        .set({ ...changes, modifiedAt: at })
        .where(isLive(organizationId, browserProfileId))
        .returning(PROFILE);
      return updated[0] ?? null;
    },

    async delete(organizationId, browserProfileId, at) {
      const { meta } = await db.update(browserProfiles).set({ deletedAt: at }).where(isLive(organizationId, browserProfileId));
      return meta.changes > 0;
    },

    async usage(organizationId, browserProfileId, limit) {
      const used = await db
        .select({ workflowPermanentId: runs.workflowPermanentId, createdAt: runs.createdAt })
        .from(runs)
        // Stated twice: SQLite uses a partial index only for a query that says its condition.
        .where(and(eq(runs.organizationId, organizationId), eq(runs.browserProfileId, browserProfileId), isNotNull(runs.browserProfileId)))
        .orderBy(desc(runs.createdAt))
        .limit(limit);
      const workflowPermanentIds = [...new Set(used.map(({ workflowPermanentId }) => workflowPermanentId))];
      return { runCount: used.length, lastUsedAt: used[0]?.createdAt ?? null, workflowPermanentIds };
    },
  };
}

function isLive(organizationId: OrganizationId, browserProfileId: BrowserProfileId) {
  return and(
    eq(browserProfiles.organizationId, organizationId),
    eq(browserProfiles.browserProfileId, browserProfileId),
    isNull(browserProfiles.deletedAt),
  );
}
