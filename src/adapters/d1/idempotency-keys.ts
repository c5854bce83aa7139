import { and, asc, eq, inArray, lt, sql } from "drizzle-orm";
import type { IdempotencyKeys } from "../../ports/idempotency-keys.ts";
import type { Database } from "./database.ts";
import { idempotencyKeys } from "./schema.ts";

export function createIdempotencyKeys(db: Database): IdempotencyKeys {
  return {
    async claim(claim, freeBefore) {
      const { organizationId, scope, key, requestHash, resourceId, createdAt } = claim;
      const [, [holds]] = await db.batch([
        db
          .insert(idempotencyKeys)
          .values(claim)
          .onConflictDoUpdate({
            target: [idempotencyKeys.organizationId, idempotencyKeys.scope, idempotencyKeys.key],
            set: { requestHash, resourceId, createdAt },
            setWhere: lt(idempotencyKeys.createdAt, freeBefore),
          }),
        db
          .select()
          .from(idempotencyKeys)
          .where(and(eq(idempotencyKeys.organizationId, organizationId), eq(idempotencyKeys.scope, scope), eq(idempotencyKeys.key, key))),
      ]);
      if (holds === undefined) throw new Error(`The idempotency claim for ${scope} of ${organizationId} could not be stored`);
      return holds;
    },

    async release({ organizationId, scope, key, resourceId }) {
      const itself = and(
        eq(idempotencyKeys.organizationId, organizationId),
        eq(idempotencyKeys.scope, scope),
        eq(idempotencyKeys.key, key),
        eq(idempotencyKeys.resourceId, resourceId),
      );
      await db.delete(idempotencyKeys).where(itself);
    },

    async purge(madeBefore, limit) {
      const old = db
        .select({ rowid: sql`rowid` })
        .from(idempotencyKeys)
        .where(lt(idempotencyKeys.createdAt, madeBefore))
        .orderBy(asc(idempotencyKeys.createdAt))
        .limit(limit);
      const { meta } = await db.delete(idempotencyKeys).where(inArray(sql`rowid`, old));
      return meta.changes;
    },
  };
}
