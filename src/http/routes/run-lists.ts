import { type Context, Hono } from "hono";
import { z } from "zod";
import { isId, type RunId, type WorkflowId } from "../../domain/id.ts";
import { runListItem, workflowRunItem, workflowRunStatus } from "../../domain/run-list-view.ts";
import { workflowResponse } from "../../domain/workflow-view.ts";
import type { Deliveries, Gates, Log, RunIndex, RunObjects, RunPosition, Templates, Workflows } from "../../ports.ts";
import {
  cancelRuns,
  COUNT_LIMIT,
  type FoundRuns,
  listRuns,
  listWorkflowRuns,
  readRunStatus,
  RUN_STATUSES,
  type RunPageStart,
  type RunSearch,
} from "../../services/run-lists.ts";
import type { AppEnv } from "../auth.ts";
import { BODY_LIMITS, readBodyAs } from "../body.ts";
import { pageFields, query } from "../query.ts";
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

/** A parameter that may be there several times. */
function several<Schema extends z.ZodType>(schema: Schema, max: number) {
  return z.preprocess((value) => (value === undefined ? undefined : [value].flat()), z.array(schema).max(max).optional());
}

const workflowId = z.custom<WorkflowId>(
  (id) => typeof id === "string" && isId("workflow", id),
  "must be a workflow's id, such as wpid_01JD…",
);

const isoTime = z.union([z.iso.datetime({ offset: true, local: true }), z.iso.date()]);

/** ISO 8601; without an offset it is UTC, as Skyvern writes it. */
const instant = z
  .string()
  .refine((text) => isoTime.safeParse(text).success, "must be an ISO 8601 time, such as 2026-01-31T12:00:00Z")
  .transform((text) => Date.parse(/T.*(?:Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes("T") ? text : `${text}Z`));

const listFields = {
  ...pageFields,
  page: z.coerce.number<string>().int().min(1).max(100).optional().describe("From 1; go further by `cursor`."),
  cursor: z
    .string()
    .max(300)
    .transform((text, context) => {
      const cursor = readCursor(text);
      if (cursor === null) context.addIssue("is not one that a `Link` header gave");
      return cursor ?? z.NEVER;
    })
    .optional()
    .describe("Where the page before ended: follow the `Link` header with rel=next."),
  status: several(z.enum(RUN_STATUSES), RUN_STATUSES.length),
  search_key: z.string().min(3).max(200).optional().describe("A run's whole id, or a part of a workflow's title, in any case."),
};

const runsQuery = z.strictObject({
  ...listFields,
  run_type: several(z.enum(RUN_TYPES), RUN_TYPES.length),
  workflow_permanent_id: several(workflowId, 50),
});

const workflowRunsQuery = z.strictObject({
  ...listFields,
  error_code: z.string().min(1).max(200).optional().describe("Runs that have ended with this code among their errors."),
});

const runsOfWorkflowQuery = workflowRunsQuery.extend({
  created_at_start: instant.optional(),
  created_at_end: instant.optional(),
  include_child_runs: z.stringbool().default(false).describe("Also the runs that a `workflow_trigger` started."),
});

type ListQuery = z.output<z.ZodObject<typeof listFields>>;

const cancelSchema = z.strictObject({ run_ids: z.array(z.string().max(100)).max(100).describe("Up to 100 runs.") });

/** The history of runs, in Skyvern's shapes; what it calls agents are workflows. Mounted under `/v1`, before the routes of workflows. */
export function runListRoutes(deps: RunListDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
    .get("/runs", query(runsQuery), async (c) => {
      const asked = c.req.valid("query");
      const search: RunSearch = {
        ...searchOf(asked),
        ...(asked.workflow_permanent_id === undefined ? {} : { workflowPermanentIds: asked.workflow_permanent_id }),
        ...(asked.run_type?.includes("workflow_run") === false ? { statuses: [] } : {}),
      };
      const found = await listRuns(deps, c.get("organization"), search, pageOf(asked));
      describePage(c, found);
      return c.json(found.runs.map(runListItem));
    })
    .post("/runs/cancel", async (c) => {
      const { run_ids } = await readBodyAs(c, cancelSchema, BODY_LIMITS.request);
      return c.json(await cancelRuns(deps, c.get("organization"), run_ids));
    });
  for (const base of ["/workflows", "/agents"] as const) {
    app.get(`${base}/runs`, query(workflowRunsQuery), async (c) => {
      const asked = c.req.valid("query");
      const found = await listRuns(deps, c.get("organization"), searchOf(asked), pageOf(asked));
      describePage(c, found);
      return c.json(found.runs.map(workflowRunItem));
    });
    app.get(`${base}/runs/:id`, async (c) => {
      const { run, workflow, template, ...links } = await readRunStatus(deps, c.get("organization"), c.req.param("id"));
      const ran = workflow === null ? template && templateResponse(template) : workflowResponse({ ...workflow, isTemplate: false });
      return c.json(workflowRunStatus(run, { ...links, workflow: ran }));
    });
    app.get(`${base}/:id/runs`, query(runsOfWorkflowQuery), async (c) => {
      const asked = c.req.valid("query");
      const search: RunSearch = {
        ...searchOf(asked),
        includeChildren: asked.include_child_runs,
        ...(asked.created_at_start === undefined ? {} : { createdFrom: asked.created_at_start }),
        ...(asked.created_at_end === undefined ? {} : { createdUntil: asked.created_at_end }),
      };
      const found = await listWorkflowRuns(deps, c.get("organization"), c.req.param("id"), search, pageOf(asked));
      describePage(c, found);
      return c.json(found.runs.map(workflowRunItem));
    });
  }
  return app;
}

function searchOf({ status, search_key, error_code }: ListQuery & { readonly error_code?: string | undefined }): RunSearch {
  return {
    ...(status === undefined ? {} : { statuses: status }),
    ...(search_key === undefined ? {} : { searchKey: search_key }),
    ...(error_code === undefined ? {} : { errorCode: error_code }),
  };
}

/** A cursor says where it begins by itself, so a page beside it counts for nothing. */
function pageOf({ page = 1, page_size, cursor }: ListQuery): { pageSize: number; start: RunPageStart } {
  return { pageSize: page_size, start: cursor === undefined ? { offset: (page - 1) * page_size } : { cursor } };
}

/** `Link` to the next page, if there is one, and `x-total-count`: exact up to 10,000, then `10000+`. */
function describePage(c: Context<AppEnv>, { count, next }: FoundRuns): void {
  c.header("x-total-count", count > COUNT_LIMIT ? `${COUNT_LIMIT}+` : String(count));
  if (next === null) return;
  const url = new URL(c.req.url);
  url.searchParams.delete("page");
  url.searchParams.set("cursor", writeCursor(next, count));
  c.header("link", `<${url.href}>; rel="next"`);
}

const cursorSchema = z.tuple([
  z.int().min(0),
  z.custom<RunId>((id) => typeof id === "string" && isId("run", id)),
  z
    .int()
    .min(0)
    .max(COUNT_LIMIT + 1),
]);

function writeCursor({ createdAt, workflowRunId }: RunPosition, count: number): string {
  const cursor: z.infer<typeof cursorSchema> = [createdAt, workflowRunId, count];
  return btoa(JSON.stringify(cursor)).replace(/=+$/, "");
}

function readCursor(text: string): { after: RunPosition; count: number } | null {
  let value: unknown;
  try {
    value = JSON.parse(atob(text));
  } catch {
    return null;
  }
  const { data } = cursorSchema.safeParse(value);
  return data === undefined ? null : { after: { createdAt: data[0], workflowRunId: data[1] }, count: data[2] };
}
