import { asc, inArray, lte, sql } from "drizzle-orm";
import type { FileExpiries } from "../../ports/files.ts";
import type { Database } from "./database.ts";
import { fileExpiries } from "./schema.ts";

export function createFileExpiries(db: Database): FileExpiries {
  return {
    async add(file) {
      await db.insert(fileExpiries).values(file);
    },

    async expired(now, limit) {
      return await db
        .select({ organizationId: fileExpiries.organizationId, fileId: fileExpiries.fileId })
        .from(fileExpiries)
        .where(lte(fileExpiries.expiresAt, now))
        .orderBy(asc(fileExpiries.expiresAt), asc(fileExpiries.fileId))
        .limit(limit);
    },

    async forget(now, limit) {
      const first = db
        .select({ rowid: sql`rowid` })
        .from(fileExpiries)
        .where(lte(fileExpiries.expiresAt, now))
        .orderBy(asc(fileExpiries.expiresAt), asc(fileExpiries.fileId))
        .limit(limit);
      await db.delete(fileExpiries).where(inArray(sql`rowid`, first));
    },
  };
}
