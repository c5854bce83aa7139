import { and, asc, desc, eq, getTableColumns, isNull, lt, lte, or, sql, type SQL } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { NewDelivery, Settlement } from "../../domain/delivery.ts";
import type { DeliveryId, OrganizationId } from "../../domain/id.ts";
import type { Deliveries } from "../../ports/deliveries.ts";
import type { Database } from "./database.ts";
import { webhookDeliveries } from "./schema.ts";

/** The columns of a `DeliveryReport`. */
const { body: _body, leaseUntil: _leaseUntil, ...report } = getTableColumns(webhookDeliveries);

const isPending = eq(webhookDeliveries.status, "pending");

export function createDeliveries(db: Database): Deliveries {
  return {
    async add(deliveries, at) {
      // One row a statement: D1 takes at most 100 bound values in each.
      const [first, ...others] = deliveries.map((delivery): BatchItem<"sqlite"> =>
        db.insert(webhookDeliveries).values(newRow(delivery, at)).onConflictDoNothing(),
      );
      if (first !== undefined) await db.batch([first, ...others]);
    },

    async claim(deliveryId, now, leaseUntil) {
      const [row] = await db
        .update(webhookDeliveries)
        .set({ leaseUntil, attempts: sql`${webhookDeliveries.attempts} + 1` })
        .where(and(eq(webhookDeliveries.deliveryId, deliveryId), isPending, lte(webhookDeliveries.nextAttemptAt, now), isFree(now)))
        .returning();
      if (row === undefined) return null;
      const { organizationId, workflowRunId, eventType, url, body, attempts } = row;
      return { deliveryId, organizationId, workflowRunId, eventType, url, body, attempt: attempts };
    },

    async settle({ deliveryId, attempt }, settlement, at) {
      const settled = await db
        .update(webhookDeliveries)
        .set(outcome(settlement, at))
        .where(and(eq(webhookDeliveries.deliveryId, deliveryId), eq(webhookDeliveries.attempts, attempt)))
        .returning({ deliveryId: webhookDeliveries.deliveryId });
      return settled.length > 0;
    },

    async overdue(dueBefore, now, limit) {
      const rows = await db
        .select({ deliveryId: webhookDeliveries.deliveryId })
        .from(webhookDeliveries)
        .where(and(isPending, lt(webhookDeliveries.nextAttemptAt, dueBefore), isFree(now)))
        .orderBy(asc(webhookDeliveries.nextAttemptAt))
        .limit(limit);
      return rows.map((row) => row.deliveryId);
    },

    async list(organizationId, filter, page) {
      return await db
        .select(report)
        .from(webhookDeliveries)
        .where(
          and(
            eq(webhookDeliveries.organizationId, organizationId),
            filter.workflowRunId === undefined ? undefined : eq(webhookDeliveries.workflowRunId, filter.workflowRunId),
          ),
        )
        .orderBy(desc(webhookDeliveries.workflowRunId), desc(webhookDeliveries.createdAt), desc(webhookDeliveries.deliveryId))
        .limit(page.limit)
        .offset(page.offset);
    },

    async get(organizationId, deliveryId) {
      return (await db.select(report).from(webhookDeliveries).where(isOf(organizationId, deliveryId)).get()) ?? null;
    },

    async replay(organizationId, deliveryId, now) {
      const replayed = await db
        .update(webhookDeliveries)
        .set({ status: "pending", nextAttemptAt: now, leaseUntil: null })
        .where(and(isOf(organizationId, deliveryId), isFree(now)))
        .returning({ deliveryId: webhookDeliveries.deliveryId });
      return replayed.length > 0;
    },
  };
}

function newRow(delivery: NewDelivery, at: number): typeof webhookDeliveries.$inferInsert {
  return { ...delivery, status: "pending", nextAttemptAt: at, createdAt: at };
}

function outcome(settlement: Settlement, at: number): Partial<typeof webhookDeliveries.$inferInsert> {
  const { status, statusCode: lastStatusCode } = settlement;
  switch (status) {
    case "delivered":
      return { status, lastStatusCode, lastError: null, nextAttemptAt: null, leaseUntil: null, deliveredAt: at };
    case "pending":
      return { status, lastStatusCode, lastError: settlement.error, nextAttemptAt: settlement.nextAttemptAt, leaseUntil: null };
    case "failed":
      return { status, lastStatusCode, lastError: settlement.error, nextAttemptAt: null, leaseUntil: null };
  }
}

function isOf(organizationId: OrganizationId, deliveryId: DeliveryId): SQL | undefined {
  return and(eq(webhookDeliveries.deliveryId, deliveryId), eq(webhookDeliveries.organizationId, organizationId));
}

/** Nobody is attempting it at this moment. */
function isFree(now: number): SQL | undefined {
  return or(isNull(webhookDeliveries.leaseUntil), lte(webhookDeliveries.leaseUntil, now));
}
