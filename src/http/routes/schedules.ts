import type { Context } from "hono";
import { z } from "zod";
import type { Json } from "../../domain/json.ts";
import { scheduleItem, scheduleResponse } from "../../domain/schedule/schedule-view.ts";
import {
  scheduleItemExample,
  scheduleItemSchema,
  scheduleResponseExample,
  scheduleResponseSchema,
} from "../../domain/schedule/schedule-view-schema.ts";
import type { Schedule } from "../../domain/schedule/schedule.ts";
import {
  createSchedule,
  deleteSchedule,
  listSchedules,
  listSchedulesOfWorkflow,
  readSchedule,
  replaceSchedule,
  type ScheduleDeps,
  scheduleRequestSchema,
  setScheduleEnabled,
} from "../../services/schedules.ts";
import type { AppEnv } from "../auth.ts";
import { pageFields, toPage } from "../query.ts";
import { body, IDEMPOTENCY_KEY, json, routeFor } from "../route.ts";

export type ScheduleRouteDeps = ScheduleDeps;

const listQuery = z.strictObject({
  ...pageFields,
  status: z.enum(["active", "paused"]).optional().describe("Only those that are enabled, or only those that are not."),
  search: z.string().max(200).default("").describe("A part of the schedule's name or of its workflow's title, in any case."),
});

const totalCount = z.int().min(0).describe("How many there are.");

const organizationListSchema = z
  .strictObject({
    schedules: z.array(scheduleItemSchema).describe("A page of them."),
    total_count: totalCount,
    page: z.int().min(1).describe("As it was asked for."),
    page_size: z.int().min(1).describe("As it was asked for."),
  })
  .meta({ id: "ScheduleList" });

const workflowListSchema = z
  .strictObject({ schedules: z.array(scheduleItemSchema).describe("All of them."), total_count: totalCount })
  .meta({ id: "WorkflowScheduleList" });

const requestExample: Json = {
  cron_expression: "30 9 * * MON-FRI",
  timezone: "Europe/Berlin",
  parameters: { url: "https://shop.example/kettle" },
  name: "Every morning",
};
const requestBody = body(scheduleRequestSchema, requestExample);
const answer = json("The schedule.", scheduleResponseSchema, scheduleResponseExample);

const route = routeFor<ScheduleRouteDeps>();

/** Skyvern's schedules. */
export const scheduleRoutes = [
  route(
    {
      method: "get",
      paths: { listSchedules: "/v1/schedules" },
      tag: "Schedules",
      summary: "All schedules of the organization, the newest first",
      caller: "api_key",
      query: listQuery,
      responses: {
        200: json("A page of them.", organizationListSchema, { schedules: [scheduleItemExample], total_count: 1, page: 1, page_size: 10 }),
      },
    },
    async (deps, { c, organization, query: { status, search, ...page } }) => {
      const filter = { search, ...(status !== undefined && { enabled: status === "active" }) };
      const { schedules, count } = await listSchedules(deps, organization.organizationId, filter, toPage(page));
      return c.json({ schedules: schedules.map((found) => scheduleItem(found, found.workflowTitle)), total_count: count, ...page });
    },
  ),
  route(
    {
      method: "get",
      paths: { listWorkflowSchedules: "/v1/workflows/{workflow_id}/schedules", listAgentSchedules: "/v1/agents/{workflow_id}/schedules" },
      tag: "Schedules",
      summary: "The schedules of a workflow, the newest first",
      caller: "api_key",
      responses: { 200: json("All of them.", workflowListSchema, { schedules: [scheduleItemExample], total_count: 1 }) },
    },
    async (deps, { c, organization, params }) => {
      const { schedules, count } = await listSchedulesOfWorkflow(deps, organization.organizationId, params.workflow_id);
      return c.json({ schedules: schedules.map((found) => scheduleItem(found, found.workflowTitle)), total_count: count });
    },
  ),
  route(
    {
      method: "post",
      paths: { createSchedule: "/v1/workflows/{workflow_id}/schedules", createAgentSchedule: "/v1/agents/{workflow_id}/schedules" },
      tag: "Schedules",
      summary: "Run a workflow by a cron expression",
      description:
        "The parameters must fit the workflow's latest version. When clocks change, numbers, lists and ranges name times of the day: one that is skipped fires right after the jump, one that comes twice the first time. With `*` or `/` among the minutes or hours the expression is an interval, which goes on as time does.",
      caller: "api_key",
      headers: { "Idempotency-Key": IDEMPOTENCY_KEY },
      body: requestBody,
      responses: { 200: answer },
      errors: ["invalid_parameters", "conflict", "idempotency_mismatch"],
    },
    async (deps, { c, organization, params, headers, body: request }) => {
      const options = { idempotencyKey: headers["Idempotency-Key"] ?? null, apiOrigin: originOf(c) };
      return respond(c, deps, await createSchedule(deps, organization, params.workflow_id, request, options));
    },
  ),
  route(
    {
      method: "get",
      paths: {
        readSchedule: "/v1/workflows/{workflow_id}/schedules/{schedule_id}",
        readAgentSchedule: "/v1/agents/{workflow_id}/schedules/{schedule_id}",
      },
      tag: "Schedules",
      summary: "A schedule",
      caller: "api_key",
      responses: { 200: answer },
    },
    async (deps, { c, organization, params }) =>
      respond(c, deps, await readSchedule(deps, organization.organizationId, params.workflow_id, params.schedule_id)),
  ),
  route(
    {
      method: "put",
      paths: {
        replaceSchedule: "/v1/workflows/{workflow_id}/schedules/{schedule_id}",
        replaceAgentSchedule: "/v1/agents/{workflow_id}/schedules/{schedule_id}",
      },
      tag: "Schedules",
      summary: "Replace what a schedule says",
      description: "Without `enabled` and `on_missed` these stay as they are. Other times count from now.",
      caller: "api_key",
      body: requestBody,
      responses: { 200: answer },
      errors: ["invalid_parameters", "conflict"],
    },
    async (deps, { c, organization, params, body: request }) => {
      const { workflow_id: workflowId, schedule_id: id } = params;
      return respond(c, deps, await replaceSchedule(deps, organization, workflowId, id, request, { apiOrigin: originOf(c) }));
    },
  ),
  route(
    {
      method: "delete",
      paths: {
        deleteSchedule: "/v1/workflows/{workflow_id}/schedules/{schedule_id}",
        deleteAgentSchedule: "/v1/agents/{workflow_id}/schedules/{schedule_id}",
      },
      tag: "Schedules",
      summary: "Delete a schedule",
      description: "Its runs stay.",
      caller: "api_key",
      responses: { 200: json("It is deleted.", z.strictObject({ ok: z.literal(true).describe("It is.") }), { ok: true }) },
    },
    async (deps, { c, organization, params }) => {
      await deleteSchedule(deps, organization.organizationId, params.workflow_id, params.schedule_id);
      return c.json({ ok: true });
    },
  ),
  route(
    {
      method: "post",
      paths: {
        enableSchedule: "/v1/workflows/{workflow_id}/schedules/{schedule_id}/enable",
        enableAgentSchedule: "/v1/agents/{workflow_id}/schedules/{schedule_id}/enable",
      },
      tag: "Schedules",
      summary: "Let a schedule go on",
      description: "From now: what would have fired while it was paused is not made up for.",
      caller: "api_key",
      responses: { 200: answer },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params }) =>
      respond(c, deps, await setScheduleEnabled(deps, organization, params.workflow_id, params.schedule_id, true)),
  ),
  route(
    {
      method: "post",
      paths: {
        disableSchedule: "/v1/workflows/{workflow_id}/schedules/{schedule_id}/disable",
        disableAgentSchedule: "/v1/agents/{workflow_id}/schedules/{schedule_id}/disable",
      },
      tag: "Schedules",
      summary: "Pause a schedule",
      caller: "api_key",
      responses: { 200: answer },
      errors: ["conflict"],
    },
    async (deps, { c, organization, params }) =>
      respond(c, deps, await setScheduleEnabled(deps, organization, params.workflow_id, params.schedule_id, false)),
  ),
];

function respond(c: Context<AppEnv>, { clock }: ScheduleRouteDeps, schedule: Schedule): Response {
  return c.json(scheduleResponse(schedule, clock.now()));
}

function originOf(c: Context<AppEnv>): string {
  return new URL(c.req.url).origin;
}
