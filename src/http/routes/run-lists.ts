import { z } from "zod";
import { runListItem, workflowRunItem } from "../../domain/run/run-list-view.ts";
import { workflowRunStatus } from "../../domain/run/run-status-view.ts";
import {
  runListItemExample,
  runListItemSchema,
  workflowRunItemExample,
  workflowRunItemSchema,
  workflowRunStatusExample,
  workflowRunStatusSchema,
} from "../../domain/run/run-list-view-schema.ts";
import { RUN_STATUSES } from "../../domain/run/run-view-schema.ts";
import { workflowResponse } from "../../domain/workflow/workflow-view.ts";
import type { Deliveries } from "../../ports/deliveries.ts";
import type { Gates } from "../../ports/gates.ts";
import type { Log } from "../../ports/log.ts";
import type { RunIndex } from "../../ports/run-index.ts";
import type { RunObjects } from "../../ports/run-objects.ts";
import type { Templates } from "../../ports/templates.ts";
import type { Workflows } from "../../ports/workflows.ts";
import { cancelRuns, listRuns, listWorkflowRuns, readRunStatus, type RunSearch } from "../../services/run-lists.ts";
import { cursorField, describePage, pageHeaders, pageRequest } from "../paging.ts";
import { flag, idField, pageFields, several } from "../query.ts";
import { body, json, routeFor } from "../route.ts";
import { templateResponse } from "./templates.ts";

export interface RunListDeps {
  readonly runIndex: RunIndex;
  readonly runs: RunObjects;
  readonly gates: Gates;
  readonly workflows: Workflows;
  readonly templates: Templates;
  readonly deliveries: Deliveries;
  readonly log: Log;
}

/** Skyvern's kinds of run, of which there is one here. */
const RUN_TYPES = ["workflow_run", "task_v1", "task_v2", "task_v3", "openai_cua", "anthropic_cua", "yutori_navigator", "ui_tars"] as const;

const isoTime = z.union([z.iso.datetime({ offset: true, local: true }), z.iso.date()]);

/** ISO 8601; without an offset it is UTC, as Skyvern writes it. */
const instant = z
  .string()
  .refine((text) => isoTime.safeParse(text).success, "must be an ISO 8601 time, such as 2026-01-31T12:00:00Z")
  .transform((text) => Date.parse(/T.*(?:Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes("T") ? text : `${text}Z`));

const listFields = {
  ...pageFields,
  page: z.coerce.number<string>().int().min(1).max(100).optional().describe("From 1; go further by `cursor`."),
  cursor: cursorField("run"),
  status: several(z.enum(RUN_STATUSES), RUN_STATUSES.length).describe("Only runs with one of these statuses."),
  search_key: z.string().min(3).max(200).optional().describe("A run's whole id, or a part of a workflow's title, in any case."),
};

const runsQuery = z.strictObject({
  ...listFields,
  run_type: several(z.enum(RUN_TYPES), RUN_TYPES.length).describe("Skyvern's; every run here is a `workflow_run`."),
  workflow_permanent_id: several(idField("workflow", "a workflow's id"), 50).describe("Only runs of these workflows."),
});

const workflowRunsQuery = z.strictObject({
  ...listFields,
  error_code: z.string().min(1).max(200).optional().describe("Runs that have ended with this code among their errors."),
});

const runsOfWorkflowQuery = workflowRunsQuery.extend({
  created_at_start: instant.optional().describe("Only runs that were made then or later; ISO 8601, UTC without an offset."),
  created_at_end: instant.optional().describe("Only runs that were made then or earlier."),
  include_child_runs: flag.default(false).describe("Also the runs that a `workflow_trigger` started."),
});

type ListQuery = z.output<z.ZodObject<typeof listFields>>;

const cancelSchema = z.strictObject({ run_ids: z.array(z.string().max(100)).max(100).describe("Up to 100 runs.") });

const canceledSchema = z
  .strictObject({
    cancelled: z.array(z.string()).describe("The runs that are canceled now."),
    failed: z.array(z.string()).describe("Those that do not exist, have ended otherwise, or could not be reached."),
  })
  .meta({ id: "CanceledRuns" });

const route = routeFor<RunListDeps>();

/** The history of runs, in Skyvern's shapes; what it calls agents are workflows. */
export const runListRoutes = [
  route(
    {
      method: "get",
      paths: { listRuns: "/v1/runs" },
      tag: "Runs",
      summary: "All runs, the newest first",
      caller: "api_key",
      query: runsQuery,
      responses: { 200: json("A page of them.", z.array(runListItemSchema), [runListItemExample], { headers: pageHeaders }) },
    },
    async (deps, { c, organization, query: asked }) => {
      const search: RunSearch = {
        ...searchOf(asked),
        ...(asked.workflow_permanent_id === undefined ? {} : { workflowPermanentIds: asked.workflow_permanent_id }),
        ...(asked.run_type?.includes("workflow_run") === false ? { statuses: [] } : {}),
      };
      const found = await listRuns(deps, organization, search, pageRequest(asked));
      describePage(c, found);
      return c.json(found.rows.map(runListItem));
    },
  ),
  route(
    {
      method: "post",
      paths: { cancelRuns: "/v1/runs/cancel" },
      tag: "Runs",
      summary: "Cancel up to 100 runs",
      description: "None keeps another from being canceled.",
      caller: "api_key",
      body: body(cancelSchema, { run_ids: ["wr_01JDAA0000000000000000000D"] }),
      responses: { 200: json("What became of each.", canceledSchema, { cancelled: ["wr_01JDAA0000000000000000000D"], failed: [] }) },
    },
    async (deps, { c, organization, body: { run_ids } }) => c.json(await cancelRuns(deps, organization, run_ids)),
  ),
  route(
    {
      method: "get",
      paths: { listWorkflowRuns: "/v1/workflows/runs", listAgentRuns: "/v1/agents/runs" },
      tag: "Runs",
      summary: "All runs, the newest first, with more of each",
      caller: "api_key",
      query: workflowRunsQuery,
      responses: { 200: json("A page of them.", z.array(workflowRunItemSchema), [workflowRunItemExample], { headers: pageHeaders }) },
    },
    async (deps, { c, organization, query: asked }) => {
      const found = await listRuns(deps, organization, searchOf(asked), pageRequest(asked));
      describePage(c, found);
      return c.json(found.rows.map(workflowRunItem));
    },
  ),
  route(
    {
      method: "get",
      paths: { readWorkflowRunStatus: "/v1/workflows/runs/{run_id}", readAgentRunStatus: "/v1/agents/runs/{run_id}" },
      tag: "Runs",
      summary: "A run in Skyvern's older form, with the workflow that ran",
      caller: "api_key",
      responses: { 200: json("The run.", workflowRunStatusSchema, workflowRunStatusExample) },
    },
    async (deps, { c, organization, params }) => {
      const { run, workflow, template, ...links } = await readRunStatus(deps, organization, params.run_id);
      const ran = workflow === null ? template && templateResponse(template) : workflowResponse(workflow);
      return c.json(workflowRunStatus(run, { ...links, workflow: ran }));
    },
  ),
  route(
    {
      method: "get",
      paths: { listRunsOfWorkflow: "/v1/workflows/{workflow_id}/runs", listRunsOfAgent: "/v1/agents/{workflow_id}/runs" },
      tag: "Runs",
      summary: "The runs of one workflow, the newest first",
      caller: "api_key",
      query: runsOfWorkflowQuery,
      responses: { 200: json("A page of them.", z.array(workflowRunItemSchema), [workflowRunItemExample], { headers: pageHeaders }) },
    },
    async (deps, { c, organization, params, query: asked }) => {
      const search: RunSearch = {
        ...searchOf(asked),
        includeChildren: asked.include_child_runs,
        ...(asked.created_at_start === undefined ? {} : { createdFrom: asked.created_at_start }),
        ...(asked.created_at_end === undefined ? {} : { createdUntil: asked.created_at_end }),
      };
      const found = await listWorkflowRuns(deps, organization, params.workflow_id, search, pageRequest(asked));
      describePage(c, found);
      return c.json(found.rows.map(workflowRunItem));
    },
  ),
];

function searchOf({ status, search_key, error_code }: ListQuery & { readonly error_code?: string | undefined }): RunSearch {
  return {
    ...(status === undefined ? {} : { statuses: status }),
    ...(search_key === undefined ? {} : { searchKey: search_key }),
    ...(error_code === undefined ? {} : { errorCode: error_code }),
  };
}
