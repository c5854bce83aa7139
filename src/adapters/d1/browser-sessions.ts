import { and, desc, eq, getTableColumns, isNull, sql } from "drizzle-orm";
import type { BrowserSessions } from "../../ports/browser-sessions.ts";
import type { Database } from "./database.ts";
import { browserSessions } from "./schema.ts";

export function createBrowserSessions(db: Database): BrowserSessions {
  const { organizationId: organization, browserSessionId, createdAt, completedAt, revision } = browserSessions;
  const newestFirst = [desc(createdAt), desc(browserSessionId)];
  return {
    async upsert(session) {
      await db
        .insert(browserSessions)
        .values(session)
        .onConflictDoUpdate({ target: [organization, browserSessionId], set: session, setWhere: sql`excluded.revision > ${revision}` });
    },

    async open(organizationId, limit) {
      return await db
        .select(getTableColumns(browserSessions))
        .from(browserSessions)
        .where(and(eq(organization, organizationId), isNull(completedAt)))
        .orderBy(...newestFirst)
        .limit(limit);
    },

    async list(organizationId, { limit, offset }) {
      return await db
        .select(getTableColumns(browserSessions))
        .from(browserSessions)
        .where(eq(organization, organizationId))
        .orderBy(...newestFirst)
        .limit(limit)
        .offset(offset);
    },
  };
}
