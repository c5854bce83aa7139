import type { Context } from "hono";
import { z } from "zod";
import { runExample, runSchema } from "../../domain/run/run-view-schema.ts";
import { requireStepsOverride, runRequestSchema, triggerTypeOf } from "../../domain/run/run-request.ts";
import type { TriggerType } from "../../domain/run/run.ts";
import { timelineEntrySchema, timelineExample } from "../../domain/run/timeline-view-schema.ts";
import type { SendWebhookDeps } from "../../services/deliveries.ts";
import { continueRun, decideRun, pauseRun, repeatRun, resumeRun, retryRun } from "../../services/run-control.ts";
import type { Vault } from "../../ports/vault.ts";
import { cancelRun, getRun, getTimeline, type StartDeps, startRun } from "../../services/runs.ts";
import type { AppEnv } from "../auth.ts";
import { templateField } from "../query.ts";
import { documentBody, IDEMPOTENCY_KEY, json, optionalBody, routeFor } from "../route.ts";

/** The longest that `Prefer: wait` holds an answer back, in seconds. */
const MAX_WAIT_SECONDS = 60;

const retrySchema = z.strictObject({
  from_block: z.string().default("failed").describe("Where to begin: a label of the outermost list, `failed`, or `start`."),
  parameters: z.record(z.string(), z.json()).default({}).describe("Parameters to change."),
  version: z
    .union([z.int().min(1), z.literal("latest")])
    .optional()
    .describe("Another version of the workflow; the run's own when absent."),
});

const decisionSchema = z.strictObject({
  block: z.string().optional().describe("The path of the block that is answered, when several wait."),
});

export interface RunRouteDeps extends StartDeps, SendWebhookDeps {
  readonly vault: Vault;
}

const PREFER = {
  description: `\`wait=10\`: hold the answer back until the run has ended, for so many seconds at the most (RFC 7240). At most ${MAX_WAIT_SECONDS} are granted.`,
  schema: z.string(),
};

/** The headers that are read by who makes a run. */
export const CALLER_HEADERS = {
  "Idempotency-Key": IDEMPOTENCY_KEY,
  Prefer: PREFER,
  "x-max-steps-override": {
    description: "Skyvern's: checked, and without effect: there are no steps of a model to limit.",
    schema: z.string().regex(/^[1-9]\d{0,8}$/),
  },
  "x-user-agent": {
    description: "Skyvern's: `skyvern-ui` makes `manual` of the run's `trigger_type`, `skyvern-mcp` makes `mcp`.",
    schema: z.string(),
  },
};

const APPLIED = {
  "Preference-Applied": { description: "How long the answer could be held back, when that was asked for.", schema: z.string().optional() },
};

const runAnswer = json("The run.", runSchema, runExample);

const route = routeFor<RunRouteDeps>();

/** Runs and what they leave behind. */
export const runRoutes = [
  route(
    {
      method: "post",
      paths: { startRun: "/v1/run/workflows", startAgentRun: "/v1/run/agents" },
      tag: "Runs",
      summary: "Run a workflow",
      description:
        "The run starts at once, or waits in the organization's queue. It keeps the version that it starts with. A start that is refused for its parameters leaves a run with the status `invalid` in the history.",
      caller: "api_key",
      query: z.object({ template: templateField }),
      headers: CALLER_HEADERS,
      body: documentBody(runRequestSchema, {
        workflow_id: "wpid_01JDAA0000000000000000000B",
        parameters: { url: "https://shop.example/kettle" },
      }),
      responses: { 200: json("The run.", runSchema, runExample, { headers: APPLIED }) },
      errors: [
        "not_found",
        "conflict",
        "unknown_template",
        "invalid_parameters",
        "invalid_definition",
        "idempotency_mismatch",
        "limit_exceeded",
      ],
    },
    async (deps, { c, organization, query, headers, body: { value } }) => {
      const caller = callerOf(c, headers);
      const run = await startRun(deps, organization, value, {
        template: query.template,
        ...caller,
      });
      if (caller.waitMs > 0) c.header("Preference-Applied", `wait=${caller.waitMs / 1000}`);
      return jsonText(c, run.json);
    },
  ),
  route(
    {
      method: "post",
      paths: { repeatWorkflowRun: "/v1/workflows/runs/{run_id}/retry", repeatAgentRun: "/v1/agents/runs/{run_id}/retry" },
      tag: "Runs",
      summary: "Run all blocks of a finished run again",
      description: "Skyvern's: a new run with the version, the parameters and the request that the first one had.",
      caller: "api_key",
      headers: CALLER_HEADERS,
      responses: { 200: runAnswer },
      errors: ["invalid_input", "conflict", "invalid_parameters", "unknown_template", "idempotency_mismatch"],
    },
    async (deps, { c, organization, params, headers }) =>
      jsonText(c, (await repeatRun(deps, organization, params.run_id, callerOf(c, headers))).json),
  ),
  route(
    {
      method: "post",
      paths: { continueWorkflowRun: "/v1/workflows/runs/{run_id}/continue", continueAgentRun: "/v1/agents/runs/{run_id}/continue" },
      tag: "Runs",
      summary: "Go on with a paused run",
      description: "Skyvern's: approves what waits for a person; a run that was paused by request is resumed.",
      caller: "api_key",
      responses: { 200: runAnswer },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params }) => jsonText(c, (await continueRun(deps, organization, params.run_id)).json),
  ),
  route(
    {
      method: "get",
      paths: { readRun: "/v1/runs/{run_id}" },
      tag: "Runs",
      summary: "A run",
      caller: "api_key",
      headers: { Prefer: PREFER },
      responses: { 200: json("The run.", runSchema, runExample) },
    },
    async (deps, { c, organization, params, headers }) =>
      jsonText(c, (await getRun(deps, organization, params.run_id, preferredWait(headers.Prefer) * 1000)).json),
  ),
  route(
    {
      method: "get",
      paths: { readTimeline: "/v1/runs/{run_id}/timeline" },
      tag: "Runs",
      summary: "What the blocks of a run do and did, the newest first",
      description: "Blocks that have not begun are left out. The blocks of a loop's iterations are under the loop.",
      caller: "api_key",
      responses: { 200: json("The timeline.", z.array(timelineEntrySchema), [timelineExample]) },
    },
    async (deps, { c, organization, params }) => jsonText(c, await getTimeline(deps, organization, params.run_id)),
  ),
  route(
    {
      method: "post",
      paths: { cancelRun: "/v1/runs/{run_id}/cancel" },
      tag: "Runs",
      summary: "Cancel a run",
      description: "What is under way is broken off, and the block that runs at the end is run. Canceling twice is no mistake.",
      caller: "api_key",
      responses: { 200: json("It is canceled, or will be when the block at the end has run.", z.null(), null) },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params }) => {
      await cancelRun(deps, organization, params.run_id);
      return c.json(null);
    },
  ),
  route(
    {
      method: "post",
      paths: { pauseRun: "/v1/runs/{run_id}/pause" },
      tag: "Runs",
      summary: "Begin nothing new",
      description: "What is under way ends. The time of the run stands still meanwhile.",
      caller: "api_key",
      responses: { 200: runAnswer },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params }) => jsonText(c, (await pauseRun(deps, organization, params.run_id)).json),
  ),
  route(
    {
      method: "post",
      paths: { resumeRun: "/v1/runs/{run_id}/resume" },
      tag: "Runs",
      summary: "Go on with a run that was paused by request",
      caller: "api_key",
      responses: { 200: runAnswer },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params }) => jsonText(c, (await resumeRun(deps, organization, params.run_id)).json),
  ),
  route(
    {
      method: "post",
      paths: { approveRun: "/v1/runs/{run_id}/approve" },
      tag: "Decisions",
      summary: "Approve what a block asks",
      caller: "api_key",
      body: optionalBody(decisionSchema, { block: "ask_the_boss" }),
      responses: { 200: runAnswer },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params, body: { block = null } }) =>
      jsonText(c, (await decideRun(deps, organization, params.run_id, block, true)).json),
  ),
  route(
    {
      method: "post",
      paths: { rejectRun: "/v1/runs/{run_id}/reject" },
      tag: "Decisions",
      summary: "Reject what a block asks",
      caller: "api_key",
      body: optionalBody(decisionSchema, { block: "ask_the_boss" }),
      responses: { 200: runAnswer },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params, body: { block = null } }) =>
      jsonText(c, (await decideRun(deps, organization, params.run_id, block, false)).json),
  ),
  route(
    {
      method: "post",
      paths: { retryRun: "/v1/runs/{run_id}/retry" },
      tag: "Runs",
      summary: "Try a finished run again, from where it failed",
      description: "A new run, linked to this one, that keeps the outputs of the blocks before `from_block`, and the browser's state.",
      caller: "api_key",
      headers: CALLER_HEADERS,
      body: optionalBody(retrySchema, { from_block: "failed", parameters: { url: "https://shop.example/teapot" } }),
      responses: { 200: runAnswer },
      errors: ["conflict", "invalid_parameters", "unknown_template", "idempotency_mismatch"],
    },
    async (deps, { c, organization, params, headers, body: wish }) => {
      const { json: text } = await retryRun(deps, organization, params.run_id, wish.from_block, {
        parameters: wish.parameters,
        version: wish.version ?? null,
        ...callerOf(c, headers),
      });
      return jsonText(c, text);
    },
  ),
];

/**
 * How long the caller prefers to wait, the address by which it knows the API, the key under which it repeats the request, and what Skyvern's
 * headers say of it.
 */
export function callerOf(
  c: Context<AppEnv>,
  headers: Readonly<Record<keyof typeof CALLER_HEADERS, string | undefined>>,
): { waitMs: number; apiOrigin: string; idempotencyKey: string | null; triggerType: TriggerType } {
  requireStepsOverride(headers["x-max-steps-override"]);
  return {
    waitMs: preferredWait(headers.Prefer) * 1000,
    apiOrigin: new URL(c.req.url).origin,
    idempotencyKey: headers["Idempotency-Key"] ?? null,
    triggerType: triggerTypeOf(headers["x-user-agent"]),
  };
}

/** RFC 7240's `wait`, in seconds, cut to the longest that is granted; 0 when it is not asked for. */
export function preferredWait(header: string | undefined): number {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?(?=$|[,;\s])/i.exec(header ?? "") ?? [];
  return Math.min(Number(seconds ?? 0), MAX_WAIT_SECONDS);
}

/** The body is JSON already: the run's object wrote it. */
function jsonText(c: Context<AppEnv>, json: string): Response {
  return c.body(json, 200, { "content-type": "application/json" });
}
