import { and, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import type { CredentialId, OrganizationId } from "../../domain/id.ts";
import type { Credentials } from "../../ports/credentials.ts";
import type { Database } from "./database.ts";
import { credentials } from "./schema.ts";

export function createCredentials(db: Database): Credentials {
  return {
    async insert(credential) {
      const { meta } = await db.insert(credentials).values(credential).onConflictDoNothing();
      return meta.changes > 0;
    },

    async get(organizationId, credentialId) {
      return (await db.select(columns).from(credentials).where(isLive(organizationId, credentialId)).get()) ?? null;
    },

    async existing(organizationId, ids) {
      const found = await db
        .select({ credentialId: credentials.credentialId })
        .from(credentials)
        .where(
          and(eq(credentials.organizationId, organizationId), inArray(credentials.credentialId, [...ids]), isNull(credentials.deletedAt)),
        );
      return found.map(({ credentialId }) => credentialId);
    },

    async list(organizationId, { credentialType, search }, { limit, offset }) {
      return await db
        .select(columns)
        .from(credentials)
        .where(
          and(
            eq(credentials.organizationId, organizationId),
            isNull(credentials.deletedAt),
            credentialType === undefined ? undefined : eq(credentials.credentialType, credentialType),
            search === undefined || search === "" ? undefined : sql`instr(lower(${credentials.name}), lower(${search})) > 0`,
          ),
        )
        .orderBy(desc(credentials.createdAt), desc(credentials.credentialId))
        .limit(limit)
        .offset(offset);
    },

    async update(organizationId, credentialId, changes, at) {
      const updated = await db
        .update(credentials)
        .set({ ...changes, modifiedAt: at })
        .where(isLive(organizationId, credentialId))
        .returning(columns);
      return updated[0] ?? null;
    },

    async delete(organizationId, credentialId, at) {
      const { meta } = await db
        .update(credentials)
        .set({ sealed: "", shown: {}, settings: {}, name: "", modifiedAt: at, deletedAt: at })
        .where(isLive(organizationId, credentialId));
      return meta.changes > 0;
    },
  };
}

const { credentialId, organizationId, name, credentialType, shown, settings, sealed, createdAt, modifiedAt } = credentials;
const columns = { credentialId, organizationId, name, credentialType, shown, settings, sealed, createdAt, modifiedAt };

function isLive(organization: OrganizationId, credential: CredentialId) {
  return and(eq(organizationId, organization), eq(credentialId, credential), isNull(credentials.deletedAt));
}
