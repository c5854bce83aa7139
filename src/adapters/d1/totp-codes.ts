import { and, asc, desc, eq, gt, inArray, isNull, lt, or, sql } from "drizzle-orm";
import type { TotpCodes } from "../../ports/totp-codes.ts";
import type { Database } from "./database.ts";
import { totpCodes } from "./schema.ts";

export function createTotpCodes(db: Database): TotpCodes {
  return {
    async insert(code) {
      const { meta } = await db.insert(totpCodes).values(code).onConflictDoNothing();
      return meta.changes > 0;
    },

    async list(organizationId, { totpIdentifier }, now, { limit, offset }) {
      return await db
        .select()
        .from(totpCodes)
        .where(
          and(
            eq(totpCodes.organizationId, organizationId),
            totpIdentifier === undefined ? undefined : eq(totpCodes.totpIdentifier, totpIdentifier),
            gt(totpCodes.expiresAt, now),
          ),
        )
        .orderBy(desc(totpCodes.createdAt))
        .limit(limit)
        .offset(offset);
    },

    async take(organizationId, { totpIdentifier, workflowId, workflowRunId }, now) {
      const newest = db
        .select({ totpCodeId: totpCodes.totpCodeId })
        .from(totpCodes)
        .where(
          and(
            eq(totpCodes.organizationId, organizationId),
            eq(totpCodes.totpIdentifier, totpIdentifier),
            gt(totpCodes.expiresAt, now),
            isNull(totpCodes.usedAt),
            isNull(totpCodes.taskId),
            or(isNull(totpCodes.workflowId), eq(totpCodes.workflowId, workflowId)),
            or(isNull(totpCodes.workflowRunId), eq(totpCodes.workflowRunId, workflowRunId)),
          ),
        )
        .orderBy(desc(totpCodes.createdAt))
        .limit(1);
      const taken = await db
        .update(totpCodes)
        .set({ usedAt: now })
        .where(and(eq(totpCodes.organizationId, organizationId), inArray(totpCodes.totpCodeId, newest)))
        .returning();
      return taken[0] ?? null;
    },

    async purge(expiredBefore, limit) {
      const old = db
        .select({ rowid: sql`rowid` })
        .from(totpCodes)
        .where(lt(totpCodes.expiresAt, expiredBefore))
        .orderBy(asc(totpCodes.expiresAt))
        .limit(limit);
      const { meta } = await db.delete(totpCodes).where(inArray(sql`rowid`, old));
      return meta.changes;
    },
  };
}
