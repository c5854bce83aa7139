import { and, eq, getTableColumns, isNull } from "drizzle-orm";
import type { ApiKeys } from "../../ports/api-keys.ts";
import type { Database } from "./database.ts";
import { apiKeys, organizations } from "./schema.ts";

const { sealedWebhookSecret: _, ...ORGANIZATION } = getTableColumns(organizations);

export function createApiKeys(db: Database): ApiKeys {
  return {
    async insert(key) {
      const [, [live]] = await db.batch([
        db.insert(apiKeys).values(key).onConflictDoNothing(), // the index on live hashes lets no second one in
        db
          .select()
          .from(apiKeys)
          .where(and(eq(apiKeys.hash, key.hash), isNull(apiKeys.revokedAt))),
      ]);
      if (live === undefined) throw new Error(`API key ${key.apiKeyId} could not be stored, and none with its hash is there`);
      return live;
    },

    async findLive(prefix) {
      return await db
        .select({ hash: apiKeys.hash, organization: ORGANIZATION })
        .from(apiKeys)
        .innerJoin(organizations, eq(organizations.organizationId, apiKeys.organizationId))
        .where(and(eq(apiKeys.prefix, prefix), isNull(apiKeys.revokedAt)));
    },

    async revoke(organizationId, apiKeyId, at) {
      const revoked = await db
        .update(apiKeys)
        .set({ revokedAt: at })
        .where(and(eq(apiKeys.apiKeyId, apiKeyId), eq(apiKeys.organizationId, organizationId), isNull(apiKeys.revokedAt)))
        .returning({ apiKeyId: apiKeys.apiKeyId });
      return revoked.length > 0;
    },
  };
}
