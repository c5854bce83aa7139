import { z } from "zod";
import type { DeliveryReport } from "../../domain/delivery.ts";
import type { DeliveryId } from "../../domain/id.ts";
import type { JsonObject } from "../../domain/json.ts";
import { formatInstant, formatInstantOrNull } from "../../domain/time.ts";
import { createdAt, instant } from "../../domain/view-field.ts";
import { listDeliveries, type RecordDeliveriesDeps, replayDelivery } from "../../services/deliveries.ts";
import { idField, pageFields, toPage } from "../query.ts";
import { json, routeFor } from "../route.ts";

const listQuery = z.strictObject({
  run_id: idField("run", "a run's id").optional().describe("Only the deliveries of this run."),
  ...pageFields,
});

const deliverySchema = z
  .strictObject({
    delivery_id: z.string().describe("`whd_…`; the `webhook-id` of its messages."),
    run_id: z.string().describe("The run that it tells of."),
    event_type: z.string().describe("What happened: `workflow_run.completed` and the like."),
    url: z.string().describe("Where it goes."),
    status: z.enum(["pending", "delivered", "failed"]).describe("`pending` has another attempt ahead."),
    attempts: z.int().min(0).describe("Attempts that have begun, those of replays included."),
    last_status_code: z.int().nullable().describe("What the last attempt was answered with."),
    last_error: z.string().nullable().describe("Why the last attempt failed; null after one that succeeded."),
    next_attempt_at: instant.nullable().describe("When it is tried next, while it is pending."),
    created_at: createdAt,
    delivered_at: instant.nullable().describe("When it was last accepted."),
  })
  .meta({ id: "WebhookDelivery" });

const deliveryExample: JsonObject = {
  delivery_id: "whd_01JDAA0000000000000000000D_7",
  run_id: "wr_01JDAA0000000000000000000D",
  event_type: "workflow_run.completed",
  url: "https://hooks.example/runs",
  status: "pending",
  attempts: 1,
  last_status_code: 503,
  last_error: "the endpoint answered 503",
  next_attempt_at: "2026-01-31T12:00:10.000Z",
  created_at: "2026-01-31T12:00:04.500Z",
  delivered_at: null,
};

const route = routeFor<RecordDeliveriesDeps>();

/** Webhook deliveries of the caller's organization: what was sent, what came of it, and another attempt. */
export const deliveryRoutes = [
  route(
    {
      method: "get",
      paths: { listWebhookDeliveries: "/v1/webhook-deliveries" },
      tag: "Webhooks",
      summary: "Webhook deliveries, the newest first",
      caller: "api_key",
      query: listQuery,
      responses: { 200: json("A page of them.", z.array(deliverySchema), [deliveryExample]) },
    },
    async (deps, { c, organization, query: { run_id: workflowRunId, ...page } }) => {
      const filter = workflowRunId === undefined ? {} : { workflowRunId };
      const deliveries = await listDeliveries(deps, organization.organizationId, filter, toPage(page));
      return c.json(deliveries.map(deliveryResponse));
    },
  ),
  route(
    {
      method: "post",
      paths: { replayWebhookDelivery: "/v1/webhook-deliveries/{delivery_id}/replay" },
      tag: "Webhooks",
      summary: "Send a webhook once more, now",
      description: "The same id and the same body. If it fails, the schedule goes on from where it was.",
      caller: "api_key",
      responses: { 202: json("The delivery; its attempt is under way.", deliverySchema, deliveryExample) },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params }) => {
      const delivery = await replayDelivery(deps, organization.organizationId, params.delivery_id as DeliveryId);
      return c.json(deliveryResponse(delivery), 202);
    },
  ),
];

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
