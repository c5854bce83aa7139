import { Hono } from "hono";
import { z } from "zod";
import type { DeliveryReport } from "../../domain/delivery.ts";
import { type DeliveryId, isId, type RunId } from "../../domain/id.ts";
import { formatInstant, formatInstantOrNull } from "../../domain/time.ts";
import { listDeliveries, type RecordDeliveriesDeps, replayDelivery } from "../../services/deliveries.ts";
import type { AppEnv } from "../auth.ts";
import { pageFields, query, toPage } from "../query.ts";

const listQuery = z.strictObject({
  run_id: z
    .custom<RunId>((id) => typeof id === "string" && isId("run", id), "must be a run's id, such as wr_01JD…")
    .optional()
    .describe("Only the deliveries of this run."),
  ...pageFields,
});

/** Webhook deliveries of the caller's organization: what was sent, what came of it, and another attempt. Mounted under `/v1/webhook-deliveries`. */
export function deliveryRoutes(deps: RecordDeliveriesDeps): Hono<AppEnv> {
  return new Hono<AppEnv>()
    .get("/", query(listQuery), async (c) => {
      const { run_id: workflowRunId, ...page } = c.req.valid("query");
      const filter = workflowRunId === undefined ? {} : { workflowRunId };
      const deliveries = await listDeliveries(deps, c.get("organization").organizationId, filter, toPage(page));
      return c.json(deliveries.map(deliveryResponse));
    })
    .post("/:id/replay", async (c) => {
      const delivery = await replayDelivery(deps, c.get("organization").organizationId, c.req.param("id") as DeliveryId);
      return c.json(deliveryResponse(delivery), 202);
    });
}

function deliveryResponse(delivery: DeliveryReport) {
  return {
    delivery_id: delivery.deliveryId,
    run_id: delivery.workflowRunId,
    event_type: delivery.eventType,
    url: delivery.url,
    status: delivery.status,
    attempts: delivery.attempts,
    last_status_code: delivery.lastStatusCode,
    last_error: delivery.lastError,
    next_attempt_at: formatInstantOrNull(delivery.nextAttemptAt),
    created_at: formatInstant(delivery.createdAt),
    delivered_at: formatInstantOrNull(delivery.deliveredAt),
  };
}
