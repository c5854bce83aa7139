import { z } from "zod";
import type { JsonObject } from "../../domain/json.ts";
import { MAX_URL_LENGTH } from "../../domain/outbound/outbound.ts";
import { type ReplayDeps, replayRunWebhook, testWebhook } from "../../services/webhook-replay.ts";
import { body, json, optionalBody, routeFor } from "../route.ts";

const replaySchema = z.strictObject({
  webhook_url: z.string().max(MAX_URL_LENGTH).nullish().describe("Another address; the run's own when absent."),
});

const webhookReplaySchema = z
  .strictObject({
    run_id: z.string().describe("The run, `wr_…`."),
    run_type: z.literal("workflow_run").describe("Skyvern's kinds of run, of which there is one here."),
    default_webhook_url: z.string().nullable().describe("The run's own address."),
    target_webhook_url: z.string().describe("Where it was sent."),
    payload: z.string().describe("The exact text that was signed and sent."),
    headers: z.record(z.string(), z.string()).describe("The headers that were sent; empty when nothing was."),
    status_code: z.int().nullable().describe("The endpoint's answer; null when there was none."),
    latency_ms: z.int().describe("Until the answer, in milliseconds."),
    response_body: z.string().nullable().describe("Its first 2,048 bytes."),
    error: z.string().nullable().describe("Why it was not accepted, in a sentence."),
  })
  .meta({ id: "RunWebhookReplay" });

const webhookReplayExample: JsonObject = {
  run_id: "wr_01JDAA0000000000000000000D",
  run_type: "workflow_run",
  default_webhook_url: null,
  target_webhook_url: "https://example.com/hook",
  payload: '{"type":"workflow_run.completed"}',
  headers: { "webhook-id": "whd_01JDAA0000000000000000000G" },
  status_code: 204,
  latency_ms: 83,
  response_body: "",
  error: null,
};

const testSchema = z.strictObject({
  webhook_url: z.string().max(MAX_URL_LENGTH).describe("The address to try."),
  run_type: z
    .literal("workflow_run", 'must be "workflow_run": there are no tasks here')
    .default("workflow_run")
    .describe("Skyvern's kind of run."),
  run_id: z.string().nullish().describe("A run that has ended, whose webhook is sent; an example's when absent."),
});

const testAnswerSchema = z
  .strictObject({
    status_code: z.int().nullable().describe("The endpoint's answer; null when there was none."),
    latency_ms: z.int().describe("Until the answer, in milliseconds."),
    response_body: z.string().nullable().describe("Its first 2,048 bytes."),
    headers_sent: z.record(z.string(), z.string()).describe("The headers that were sent; empty when nothing was."),
    error: z.string().nullable().describe("Why it was not accepted, in a sentence."),
  })
  .meta({ id: "WebhookTest" });

const route = routeFor<ReplayDeps>();

/** Webhooks that are sent by hand, once and now: again, or to try an endpoint. */
export const webhookReplayRoutes = [
  route(
    {
      method: "post",
      paths: { retryRunWebhook: "/v1/runs/{run_id}/retry_webhook" },
      tag: "Webhooks",
      summary: "Send the webhook of a finished run again",
      description:
        "Once and now, made from what the run is today. It is not listed among the deliveries and not tried again; what came back is the answer.",
      caller: "api_key",
      body: optionalBody(replaySchema, { webhook_url: "https://example.com/hook" }),
      responses: { 200: json("What was sent, and what came back.", webhookReplaySchema, webhookReplayExample) },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params, body: { webhook_url: url = null } }) =>
      c.json(await replayRunWebhook(deps, organization, params.run_id, url)),
  ),
  route(
    {
      method: "post",
      paths: { testWebhook: "/v1/internal/test-webhook" },
      tag: "Webhooks",
      summary: "Try an endpoint",
      description:
        "Sends it a signed webhook, of a run that has ended or of an example. It is not listed among the deliveries and not tried again.",
      caller: "api_key",
      body: body(testSchema, { webhook_url: "https://example.com/hook", run_type: "workflow_run" }),
      responses: {
        200: json("What came back.", testAnswerSchema, {
          status_code: 204,
          latency_ms: 83,
          response_body: "",
          headers_sent: { "webhook-id": "whd_01JDAA0000000000000000000G" },
          error: null,
        }),
      },
      errors: ["conflict", "not_found"],
    },
    async (deps, { c, organization, body: { webhook_url: url, run_id: runId = null } }) => {
      const { status_code, latency_ms, response_body, headers: headers_sent, error } = await testWebhook(deps, organization, url, runId);
      return c.json({ status_code, latency_ms, response_body, headers_sent, error });
    },
  ),
];
