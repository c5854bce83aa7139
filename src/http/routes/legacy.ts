import { z } from "zod";
import { ServiceError } from "../../domain/error.ts";
import { isJsonObject, type JsonObject } from "../../domain/json.ts";
import { runRequestSchema } from "../../domain/run/run-request.ts";
import { workflowRunStatusExample, workflowRunStatusSchema } from "../../domain/run/run-list-view-schema.ts";
import { workflowRunStatus } from "../../domain/run/run-status-view.ts";
import { LISTED_STATUSES } from "../../domain/workflow/workflow-status.ts";
import { workflowResponse } from "../../domain/workflow/workflow-view.ts";
import { timelineEntrySchema, timelineExample } from "../../domain/run/timeline-view-schema.ts";
import {
  savedWorkflowSchema,
  workflowExample,
  workflowInputSchema,
  workflowResponseExample,
  workflowResponseSchema,
} from "../../domain/workflow/workflow-view-schema.ts";
import { readRunStatus } from "../../services/run-lists.ts";
import { cancelRun, getTimeline, notFound, startRun } from "../../services/runs.ts";
import { listTemplates } from "../../services/templates.ts";
import { createWorkflow, deleteWorkflow, fromDocument, listWorkflows, readWorkflow, updateWorkflow } from "../../services/workflows.ts";
import { BODY_LIMITS } from "../body.ts";
import { pageRequest } from "../paging.ts";
import { pageFields, templateField, toPage, versionField } from "../query.ts";
import { documentBody, IDEMPOTENCY_KEY, json, routeFor } from "../route.ts";
import type { RunListDeps } from "./run-lists.ts";
import { CALLER_HEADERS, callerOf, type RunRouteDeps } from "./runs.ts";
import { savedResponse, templateResponse } from "./templates.ts";
import type { WorkflowDeps } from "./workflows.ts";

/** How the older API calls what a run's request says. */
const OLDER_NAMES = { data: "parameters", webhook_callback_url: "webhook_url", totp_verification_url: "totp_url" } as const;

const { parameters, webhook_url, totp_url, workflow_id: _, agent_id: __, version: ___, ...sameFields } = runRequestSchema.shape;
const olderRunSchema = z.strictObject({
  data: parameters,
  webhook_callback_url: webhook_url,
  totp_verification_url: totp_url,
  ...sameFields,
});

const startedSchema = z
  .strictObject({
    workflow_id: z.string().describe("The workflow, `wpid_…`."),
    workflow_run_id: z.string().describe("The run, `wr_…`."),
    agent_id: z.string().describe("The workflow, as newer clients call it."),
    agent_run_id: z.string().describe("The run, as newer clients call it."),
  })
  .meta({ id: "OlderRunStart" });

const startedExample = {
  workflow_id: "wpid_01JDAA0000000000000000000B",
  workflow_run_id: "wr_01JDAA0000000000000000000D",
  agent_id: "wpid_01JDAA0000000000000000000B",
  agent_run_id: "wr_01JDAA0000000000000000000D",
};

const definitionBody = documentBody(workflowInputSchema, workflowExample, BODY_LIMITS.definition);
const savedAnswer = json("The version, and what of it has no effect.", savedWorkflowSchema, { ...workflowResponseExample, warnings: [] });

const route = routeFor<WorkflowDeps & RunRouteDeps & RunListDeps>();

/** Skyvern's older API: the same workflows and runs, by older names. */
export const legacyRoutes = [
  route(
    {
      method: "get",
      paths: { checkHeartbeat: "/api/v1/heartbeat" },
      tag: "Older API",
      summary: "Is it alive?",
      caller: "anyone",
      responses: { 200: json("It is.", z.strictObject({ status: z.literal("ok").describe("Always `ok`.") }), { status: "ok" }) },
    },
    (_deps, { c }) => c.json({ status: "ok" }),
  ),
  route(
    {
      method: "get",
      paths: { listTemplatesOpenly: "/api/v1/workflows/templates" },
      tag: "Older API",
      summary: "The global templates",
      caller: "anyone",
      query: z.object(pageFields),
      responses: { 200: json("A page of them.", z.array(workflowResponseSchema), [workflowResponseExample]) },
    },
    async (deps, { c, query }) => c.json((await listTemplates(deps, "", toPage(query))).templates.map(templateResponse)),
  ),
  route(
    {
      method: "get",
      paths: { listOlderWorkflows: "/api/v1/workflows" },
      tag: "Older API",
      summary: "The workflows, last changed first",
      caller: "api_key",
      query: z.object(pageFields),
      responses: { 200: json("A page of them.", z.array(workflowResponseSchema), [workflowResponseExample]) },
    },
    async (deps, { c, organization, query }) => {
      const { rows } = await listWorkflows(deps, organization.organizationId, { statuses: LISTED_STATUSES }, pageRequest(query));
      return c.json(rows.map(workflowResponse));
    },
  ),
  route(
    {
      method: "post",
      paths: { createOlderWorkflow: "/api/v1/workflows" },
      tag: "Older API",
      summary: "Save a workflow: the body is the definition",
      caller: "api_key",
      headers: { "Idempotency-Key": IDEMPOTENCY_KEY },
      body: definitionBody,
      responses: { 200: savedAnswer },
      errors: ["invalid_definition", "idempotency_mismatch", "not_found"],
    },
    async (deps, { c, organization, headers, body: sent }) => {
      const key = headers["Idempotency-Key"] ?? null;
      return c.json(savedResponse(await createWorkflow(deps, organization, fromDocument(sent), key)));
    },
  ),
  route(
    {
      method: "get",
      paths: { readOlderWorkflow: "/api/v1/workflows/{workflow_id}" },
      tag: "Older API",
      summary: "A workflow",
      caller: "api_key",
      query: z.object({ version: versionField }),
      responses: { 200: json("The version.", workflowResponseSchema, workflowResponseExample) },
    },
    async (deps, { c, organization, params, query: { version = null } }) =>
      c.json(workflowResponse(await readWorkflow(deps, organization.organizationId, params.workflow_id, version))),
  ),
  route(
    {
      method: "put",
      paths: { updateOlderWorkflow: "/api/v1/workflows/{workflow_id}" },
      tag: "Older API",
      summary: "Save a new version: the body is the definition",
      caller: "api_key",
      body: definitionBody,
      responses: { 200: savedAnswer },
      errors: ["invalid_definition"],
    },
    async (deps, { c, organization, params, body: sent }) =>
      c.json(savedResponse(await updateWorkflow(deps, organization, params.workflow_id, fromDocument(sent)))),
  ),
  route(
    {
      method: "delete",
      paths: { deleteOlderWorkflow: "/api/v1/workflows/{workflow_id}" },
      tag: "Older API",
      summary: "Delete a workflow",
      caller: "api_key",
      responses: { 200: json("It is deleted.", z.null(), null) },
    },
    async (deps, { c, organization, params }) => {
      await deleteWorkflow(deps, organization.organizationId, params.workflow_id);
      return c.json(null);
    },
  ),
  route(
    {
      method: "post",
      paths: { startOlderRun: "/api/v1/workflows/{workflow_id}/run" },
      tag: "Older API",
      summary: "Run a workflow, of any version",
      caller: "api_key",
      query: z.object({ version: versionField, template: templateField }),
      headers: CALLER_HEADERS,
      body: documentBody(olderRunSchema, { data: { url: "https://shop.example/kettle" } }),
      responses: { 200: json("The ids.", startedSchema, startedExample) },
      errors: ["conflict", "unknown_template", "invalid_parameters", "invalid_definition", "idempotency_mismatch", "limit_exceeded"],
    },
    async (deps, { c, organization, params, query: { version, template }, headers, body: { value } }) => {
      const request = isJsonObject(value) ? newerRequest(value, params.workflow_id, version) : value;
      const options = { template, ...callerOf(c, headers) };
      const { json: text } = await startRun(deps, organization, request, options).catch((error: unknown) => {
        throw error instanceof ServiceError ? withOlderNames(error) : error;
      });
      const { run_id, workflow_permanent_id } = JSON.parse(text) as { run_id: string; workflow_permanent_id: string };
      return c.json({ workflow_id: workflow_permanent_id, workflow_run_id: run_id, agent_id: workflow_permanent_id, agent_run_id: run_id });
    },
  ),
  route(
    {
      method: "get",
      paths: { readOlderRun: "/api/v1/workflows/{workflow_id}/runs/{run_id}" },
      tag: "Older API",
      summary: "A run of a workflow",
      caller: "api_key",
      responses: { 200: json("The run.", workflowRunStatusSchema, workflowRunStatusExample) },
    },
    async (deps, { c, organization, params }) => {
      const { run, workflow, template, ...links } = await readRunStatus(deps, organization, params.run_id);
      if (run.workflow_permanent_id !== params.workflow_id) throw notFound(params.run_id);
      const ran = workflow === null ? template && templateResponse(template) : workflowResponse(workflow);
      return c.json(workflowRunStatus(run, { ...links, workflow: ran }));
    },
  ),
  route(
    {
      method: "get",
      paths: { readOlderTimeline: "/api/v1/workflows/{workflow_id}/runs/{run_id}/timeline" },
      tag: "Older API",
      summary: "What the blocks of a run do and did, the newest first",
      caller: "api_key",
      responses: { 200: json("The timeline.", z.array(timelineEntrySchema), [timelineExample]) },
    },
    async (deps, { c, organization, params }) => {
      const { run } = await readRunStatus(deps, organization, params.run_id);
      if (run.workflow_permanent_id !== params.workflow_id) throw notFound(params.run_id);
      return c.body(await getTimeline(deps, organization, params.run_id), 200, { "content-type": "application/json" });
    },
  ),
  route(
    {
      method: "post",
      paths: { cancelOlderRun: "/api/v1/workflows/runs/{run_id}/cancel" },
      tag: "Older API",
      summary: "Cancel a run",
      caller: "api_key",
      responses: { 200: json("It is canceled, or will be when the block at the end has run.", z.null(), null) },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params }) => {
      await cancelRun(deps, organization, params.run_id);
      return c.json(null);
    },
  ),
];

function newerRequest(body: JsonObject, workflowId: string, version: number | undefined): JsonObject {
  const renamed = Object.entries(body).map(([field, value]) => [nameIn(OLDER_NAMES, field), value]);
  return { ...Object.fromEntries(renamed), workflow_id: workflowId, ...(version === undefined ? {} : { version }) };
}

/** The same refusal, its paths in the words of the request. */
function withOlderNames(error: ServiceError): ServiceError {
  const older = Object.fromEntries(Object.entries(OLDER_NAMES).map(([old, name]) => [name, old]));
  const rename = (path: string) => path.replace(/^\w+/, (field) => nameIn(older, field));
  const faults = error.faults.map((fault) => ({ ...fault, path: rename(fault.path) }));
  const message = error.faults.reduce(
    (text, { path, message: what }) => text.replace(`${path}: ${what}`, `${rename(path)}: ${what}`),
    error.message,
  );
  return new ServiceError(error.code, message, { faults, extra: error.extra, cause: error });
}

function nameIn(names: Readonly<Record<string, string>>, field: string): string {
  return Object.hasOwn(names, field) ? (names[field] ?? field) : field;
}
