import { eq } from "drizzle-orm";
import type { Organizations } from "../../ports/organizations.ts";
import type { Database } from "./database.ts";
import { organizations } from "./schema.ts";

export function createOrganizations(db: Database): Organizations {
  return {
    async insert(organization) {
      const inserted = await db
        .insert(organizations)
        .values({
          ...organization,
          allowedHosts: [...organization.allowedHosts],
          deniedHosts: [...organization.deniedHosts],
          onlyHosts: [...organization.onlyHosts],
        })
        .onConflictDoNothing()
        .returning({ organizationId: organizations.organizationId });
      return inserted.length > 0;
    },

    async get(organizationId) {
      return (await db.select().from(organizations).where(eq(organizations.organizationId, organizationId)).get()) ?? null;
    },

    async update(organizationId, { allowedHosts, deniedHosts, onlyHosts, ...changes }) {
      const updated = await db
        .update(organizations)
        // The id, which stays, is there because an UPDATE must set something.
        .set({
          organizationId,
          ...changes,
          allowedHosts: allowedHosts && [...allowedHosts],
          deniedHosts: deniedHosts && [...deniedHosts],
          onlyHosts: onlyHosts && [...onlyHosts],
        })
        .where(eq(organizations.organizationId, organizationId))
        .returning();
      return updated[0] ?? null;
    },
  };
}
