import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { composeWorker } from "../../src/compose.ts";
import { scheduleItemSchema, scheduleResponseSchema } from "../../src/domain/schedule/schedule-view-schema.ts";
import { LATE_MS, runIdOfFiring, SCHEDULE_LIMITS } from "../../src/domain/schedule/schedule.ts";
import { fireSchedules, type FiringDeps } from "../../src/services/schedule-firing.ts";
import { eventually } from "../eventually.ts";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { type Answer, createTenant, definition, send, type Tenant } from "./api.ts";

const HOUR_MS = 3_600_000;
const worker = composeWorker(env);
const hourly = { cron_expression: "0 * * * *", parameters: { count: 1 } };

async function saveWorkflow(tenant: Tenant, workflow: object = definition()): Promise<string> {
  const { status, body } = await tenant.call("POST", "/v1/workflows", { json_definition: workflow });
  expect([status, body.errors ?? []]).toEqual([200, []]);
  return body.workflow_permanent_id;
}

/** A tenant with a workflow that has a schedule. */
async function scheduled(request: object = hourly) {
  const tenant = await createTenant();
  const workflowId = await saveWorkflow(tenant);
  const path = `/v1/workflows/${workflowId}/schedules`;
  const { status, body } = await tenant.call("POST", path, request);
  expect([status, body.errors ?? []]).toEqual([200, []]);
  const id = body.schedule.workflow_schedule_id;
  return { tenant, workflowId, path, id, one: `${path}/${id}`, next: Date.parse(body.next_runs[0]) };
}

const read = async (tenant: Tenant, one: string) => (await tenant.call("GET", one)).body.schedule;
const runsOf = async (tenant: Tenant, workflowId: string) => (await tenant.call("GET", `/v1/workflows/${workflowId}/runs`)).body;
/** The index hears of runs by a queue. */
const history = (tenant: Tenant, workflowId: string, count: number) =>
  eventually(async () => {
    const runs = await runsOf(tenant, workflowId);
    expect(runs).toHaveLength(count);
    return runs;
  });
const endOf = (tenant: Tenant, runId: string) => tenant.call("GET", `/v1/runs/${runId}`, undefined, UNTIL_IT_ENDS);
const iso = (instant: number) => new Date(instant).toISOString();

describe("a schedule", () => {
  it("is answered with all of Skyvern's fields and the next five times, and read back the same by every path", async () => {
    const tenant = await createTenant();
    const workflowId = await saveWorkflow(tenant);
    const request = { cron_expression: "30 9 * * MON-FRI", timezone: "Europe/Berlin", enabled: true, parameters: { count: 2 }, name: "n" };
    const { status, body } = await tenant.call("POST", `/v1/agents/${workflowId}/schedules/`, { ...request, description: "d" });
    expect(status).toBe(200);
    expect(body).toEqual({
      schedule: {
        workflow_schedule_id: expect.stringMatching(/^wfs_[0-9A-Z]{26}$/),
        organization_id: tenant.organizationId,
        workflow_permanent_id: workflowId,
        ...request,
        description: "d",
        temporal_schedule_id: null,
        created_at: expect.stringMatching(/Z$/),
        modified_at: expect.stringMatching(/Z$/),
        deleted_at: null,
        on_missed: "run_latest",
        last_fire_at: null,
        last_run_id: null,
        last_error: null,
      },
      next_runs: Array.from({ length: 5 }, () => expect.stringMatching(/T0[78]:30:00.000Z$/)),
    });
    expect(body.next_runs.toSorted()).toEqual(body.next_runs);
    const { workflow_schedule_id: id } = body.schedule;
    for (const path of [`/v1/agents/${workflowId}/schedules/${id}`, `/v1/workflows/${workflowId}/schedules/${id}/`])
      expect((await tenant.call("GET", path)).body).toEqual(body);
    const item = { ...body.schedule, workflow_title: "Test", next_run: body.next_runs[0] };
    for (const base of ["agents", "workflows"])
      expect((await tenant.call("GET", `/v1/${base}/${workflowId}/schedules`)).body).toEqual({ schedules: [item], total_count: 1 });
    expect((await tenant.call("GET", "/v1/schedules")).body).toEqual({ schedules: [item], total_count: 1, page: 1, page_size: 10 });
  });

  it.each([
    [{ cron_expression: "0 25 * * *" }, "cron_expression", 'the hour "25" must be from 0 to 23'],
    [{ cron_expression: "* * * * *" }, "cron_expression", "at least 5 minutes apart"],
    [{ cron_expression: "0 0 30 2 *" }, "cron_expression", "never fires"],
    [{}, "cron_expression", "is required"],
    [{ ...hourly, timezone: "Europe/Berln" }, "timezone", 'did you mean "Europe/Berlin"?'],
    [{ ...hourly, on_missed: "run_lates" }, "on_missed", 'must be one of "run_latest", "run_all", "skip"'],
    [{ ...hourly, cron: "" }, "cron", "unknown field"],
    [{ ...hourly, parameters: { count: "x" } }, "parameters.count", "must be a whole number"],
    [{ ...hourly, parameters: {} }, "parameters.count", "is required"],
    [{ ...hourly, parameters: { count: 1, cuont: 1 } }, "parameters.cuont", 'did you mean "count"?'],
  ])("is refused as %j, when it is made and when it is changed", async (request, path, message) => {
    const { tenant, path: all, one } = await scheduled();
    const before = (await tenant.call("GET", one)).body;
    for (const refused of [await tenant.call("POST", all, request), await tenant.call("PUT", one, request)]) {
      expect([refused.status, refused.body.errors.map((fault: { path: string }) => fault.path)]).toEqual([400, [path]]);
      expect(refused.body.errors[0].message).toContain(message);
    }
    expect((await tenant.call("GET", all)).body.total_count).toBe(1);
    expect((await tenant.call("GET", one)).body).toEqual(before);
  });

  it("is refused with every fault at once", async () => {
    const { tenant, path } = await scheduled();
    const { body } = await tenant.call("POST", path, { cron_expression: "61 25 * * *", timezone: "Mars", enabled: "yes" });
    expect(body.errors.map((fault: { path: string }) => fault.path).toSorted()).toEqual([
      "cron_expression",
      "cron_expression",
      "enabled",
      "timezone",
    ]);
  });

  it("is replaced by PUT, which keeps what it does not say of its state and its policy", async () => {
    const { tenant, one } = await scheduled({ ...hourly, enabled: false, on_missed: "skip", name: "old" });
    const changed = await tenant.call("PUT", one, { cron_expression: "15 3 * * *", timezone: "Asia/Tokyo", parameters: { count: 5 } });
    expect(changed.body.schedule).toMatchObject({ enabled: false, on_missed: "skip", name: null, timezone: "Asia/Tokyo" });
    expect(changed.body.next_runs).toEqual([]); // it is paused
    const enabled = await tenant.call("PUT", one, { ...hourly, enabled: true, on_missed: "run_all" });
    expect(enabled.body.schedule).toMatchObject({ enabled: true, on_missed: "run_all", timezone: "UTC" });
    expect(enabled.body.next_runs).toHaveLength(5);
    expect((await tenant.call("PUT", one, hourly)).body.schedule).toMatchObject({ enabled: true, on_missed: "run_all" });
  });

  it("is paused and goes on, and says so each time it is asked", async () => {
    const { tenant, one } = await scheduled();
    for (const [verb, enabled, times] of [
      ["disable", false, 0],
      ["disable", false, 0],
      ["enable", true, 5],
      ["enable", true, 5],
    ] as const) {
      const { status, body } = await tenant.call("POST", `${one}/${verb}`);
      expect([status, body.schedule.enabled, body.next_runs.length]).toEqual([200, enabled, times]);
    }
  });

  it("is deleted, once", async () => {
    const { tenant, path, one } = await scheduled();
    expect(await tenant.call("DELETE", one)).toMatchObject({ status: 200, body: { ok: true } });
    for (const [method, suffix, body] of [
      ["DELETE", "", undefined],
      ["GET", "", undefined],
      ["PUT", "", hourly],
      ["POST", "/enable", undefined],
    ] as const)
      expect((await tenant.call(method, one + suffix, body)).status, method + suffix).toBe(404);
    expect((await tenant.call("GET", path)).body).toEqual({ schedules: [], total_count: 0 });
  });

  it("is made once for an Idempotency-Key", async () => {
    const { tenant, path } = await scheduled();
    const make = (body: object) => tenant.call("POST", path, body, { "idempotency-key": "k" });
    const [first, again] = await Promise.all([make(hourly), make(hourly)]);
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.body.schedule.workflow_schedule_id).toBe(first.body.schedule.workflow_schedule_id);
    expect((await make({ ...hourly, name: "other" })).status).toBe(422);
    expect((await tenant.call("GET", path)).body.total_count).toBe(2);
  });

  it("is one of as many as the organization may have", async () => {
    const { tenant, workflowId, path, one } = await scheduled();
    await env.DB.prepare(
      `with recursive number (n) as (select 1 union all select n + 1 from number where n < ${SCHEDULE_LIMITS.perOrganization - 1})
       insert into workflow_schedules (workflow_schedule_id, organization_id, workflow_permanent_id, cron_expression, timezone, enabled,
         on_missed, api_origin, created_at, modified_at)
       select 'wfs_' || n, ?, ?, '0 0 * * *', 'UTC', 0, 'skip', '', 0, 0 from number`,
    )
      .bind(tenant.organizationId, workflowId)
      .run();
    expect(await tenant.call("POST", path, hourly)).toMatchObject({ status: 409, body: { detail: expect.stringContaining("500") } });
    await tenant.call("DELETE", one);
    expect((await tenant.call("POST", path, hourly)).status).toBe(200);
  });

  it("is in the organization's list by its state, its name and its workflow's title, page by page", async () => {
    const { tenant, path } = await scheduled({ ...hourly, name: "Nightly" });
    const other = await saveWorkflow(tenant, definition("Invoices"));
    await tenant.call("POST", `/v1/workflows/${other}/schedules`, { ...hourly, enabled: false });
    await tenant.call("POST", path, { ...hourly, name: "weekly" });
    const names = async (query: string) => {
      const { body } = await tenant.call("GET", `/v1/schedules?${query}`);
      return [body.schedules.map((item: { name: string }) => item.name), body.total_count];
    };
    expect(await names("")).toEqual([["weekly", null, "Nightly"], 3]);
    expect(await names("status=active")).toEqual([["weekly", "Nightly"], 2]);
    expect(await names("status=paused")).toEqual([[null], 1]);
    expect(await names("search=NIGHT")).toEqual([["Nightly"], 1]);
    expect(await names("search=invoice")).toEqual([[null], 1]);
    expect(await names("page=2&page_size=2")).toEqual([["Nightly"], 3]);
    expect((await tenant.call("GET", "/v1/schedules?status=on")).status).toBe(400);
  });

  it("of another organization, or of another workflow, does not exist", async () => {
    const { tenant, path, one, id } = await scheduled();
    const stranger = await createTenant();
    const otherWorkflow = await saveWorkflow(tenant);
    const before = (await tenant.call("GET", one)).body;
    const calls: [Tenant, string][] = [
      [stranger, one],
      [tenant, `/v1/workflows/${otherWorkflow}/schedules/${id}`],
      [tenant, `${path}/wfs_none`],
      [tenant, `${path}/x`],
    ];
    for (const [caller, address] of calls)
      for (const [method, suffix, body] of [
        ["GET", "", undefined],
        ["PUT", "", hourly],
        ["DELETE", "", undefined],
        ["POST", "/enable", undefined],
        ["POST", "/disable", undefined],
      ] as const)
        expect((await caller.call(method, address + suffix, body)).status, `${method} ${address}${suffix}`).toBe(404);
    for (const answer of [await stranger.call("GET", path), await stranger.call("POST", path, hourly)]) expect(answer.status).toBe(404);
    expect((await stranger.call("GET", "/v1/schedules")).body.schedules).toEqual([]);
    expect((await tenant.call("GET", one)).body).toEqual(before);
  });
});

it("the API's document describes every route of schedules, and its examples are what the routes answer", async () => {
  const { body: document } = await send("GET", "/openapi.json");
  const paths = Object.keys(document.paths).filter((path) => path.includes("/schedules"));
  expect(paths.toSorted()).toEqual(
    ["/v1/agents/{workflow_id}/schedules", "/v1/workflows/{workflow_id}/schedules"]
      .flatMap((all) => [all, `${all}/{schedule_id}`, `${all}/{schedule_id}/disable`, `${all}/{schedule_id}/enable`])
      .concat("/v1/schedules")
      .toSorted(),
  );
  const { tenant, one } = await scheduled();
  const response = (await tenant.call("GET", one)).body;
  expect(scheduleResponseSchema.safeParse(response).error).toBeUndefined();
  const { schedules } = (await tenant.call("GET", "/v1/schedules")).body;
  expect(z.array(scheduleItemSchema).safeParse(schedules).error).toBeUndefined();
});

describe("at its time", () => {
  it("a schedule starts a run that says so, and moves on", async () => {
    const { tenant, workflowId, one, id, next } = await scheduled({ ...hourly, parameters: { count: 21 } });
    await worker.scheduled(next - 1);
    expect((await read(tenant, one)).last_run_id).toBeNull();
    await worker.scheduled(next);
    const runId = runIdOfFiring(id, next);
    expect((await endOf(tenant, runId)).body).toMatchObject({
      status: "completed",
      output: { first_output: { doubled: 42 } },
      trigger_type: "scheduled",
      workflow_schedule_id: id,
      run_request: { workflow_id: workflowId, parameters: { count: 21 } },
    });
    const [run] = await history(tenant, workflowId, 1);
    expect(run).toMatchObject({ workflow_run_id: runId, trigger_type: "scheduled", workflow_schedule_id: id });
    expect((await tenant.call("GET", "/v1/runs")).body[0]).toMatchObject({ run_id: runId, trigger_type: "scheduled" });
    expect(await read(tenant, one)).toMatchObject({ last_fire_at: iso(next), last_run_id: runId, last_error: null });
    expect((await tenant.call("GET", "/v1/schedules")).body.schedules[0].next_run).toBe(iso(next + HOUR_MS));
  });

  it("it starts one run, however many rounds are at it and however often", async () => {
    const { tenant, workflowId, one, next, id } = await scheduled();
    await Promise.all(Array.from({ length: 4 }, () => worker.scheduled(next)));
    await worker.scheduled(next);
    expect((await endOf(tenant, runIdOfFiring(id, next))).body.status).toBe("completed");
    await worker.scheduled(next + HOUR_MS - 1);
    await history(tenant, workflowId, 1);
    expect(await read(tenant, one)).toMatchObject({ last_fire_at: iso(next) });
    await eventually(async () => expect((await worker.deps.gates.get(tenant.organizationId as never).describe()).atWork).toBe(0));
  });

  it("it starts one run when the service dies between starting it and moving on", async () => {
    const { tenant, workflowId, one, next, id } = await scheduled();
    const settle = () => Promise.reject(new Error("injected: the service died"));
    const dying: FiringDeps = { ...worker.deps, log: silent, schedules: { ...worker.deps.schedules, settle } };
    await fireSchedules(dying, next);
    const runId = runIdOfFiring(id, next);
    expect((await endOf(tenant, runId)).body.status).toBe("completed");
    expect((await read(tenant, one)).last_run_id).toBeNull(); // it did not move on
    await worker.scheduled(next + 60_000);
    expect(await read(tenant, one)).toMatchObject({ last_run_id: runId });
    await history(tenant, workflowId, 1);
    expect((await worker.deps.gates.get(tenant.organizationId as never).describe()).atWork).toBe(0);
  });

  it.each([
    ["the last that was missed", "run_latest", [2]],
    ["every one that was missed", "run_all", [0, 1, 2]],
    ["none that was missed", "skip", []],
  ])("it makes up for %s by %s", async (_, on_missed, hours) => {
    const { tenant, workflowId, next, id, one } = await scheduled({ ...hourly, on_missed });
    await worker.scheduled(next + 2 * HOUR_MS + LATE_MS);
    const expected = hours.map((hour) => runIdOfFiring(id, next + hour * HOUR_MS));
    for (const runId of expected) expect((await endOf(tenant, runId)).body.status).toBe("completed");
    const runs = await history(tenant, workflowId, expected.length);
    expect(runs.map((run: { workflow_run_id: string }) => run.workflow_run_id).toSorted()).toEqual(expected);
    expect((await tenant.call("GET", "/v1/schedules")).body.schedules[0].next_run).toBe(iso(next + 3 * HOUR_MS));
    expect((await read(tenant, one)).last_run_id).toBe(expected.at(-1) ?? null);
  });

  it("it starts nothing while it is paused, and nothing of that time when it goes on", async () => {
    const { tenant, one, next, id } = await scheduled({ ...hourly, on_missed: "run_all" });
    await tenant.call("POST", `${one}/disable`);
    await worker.scheduled(next + 2 * HOUR_MS);
    expect((await tenant.call("POST", `${one}/enable`)).body.next_runs[0]).toBe(iso(next)); // by the clock it has not come yet
    await worker.scheduled(next - 1);
    expect((await read(tenant, one)).last_run_id).toBeNull();
    for (const hour of [0, 1, 2])
      expect((await tenant.call("GET", `/v1/runs/${runIdOfFiring(id, next + hour * HOUR_MS)}`)).status).toBe(404);
  });

  it("a change that leaves its times alone does not cost it a firing that is due", async () => {
    const { tenant, workflowId, one, next } = await scheduled();
    await env.DB.prepare("update workflow_schedules set next_fire_at = ?1, due_at = ?1 where organization_id = ?2")
      .bind(next - HOUR_MS, tenant.organizationId)
      .run();
    await tenant.call("PUT", one, { ...hourly, name: "renamed" });
    await worker.scheduled(Date.now());
    expect((await read(tenant, one)).last_fire_at).toBe(iso(next - HOUR_MS));
    await history(tenant, workflowId, 1);
  });

  it("it starts nothing once its workflow is deleted, and is deleted with it", async () => {
    const { tenant, workflowId, path, next, id } = await scheduled();
    await tenant.call("DELETE", `/v1/workflows/${workflowId}`);
    expect((await tenant.call("GET", "/v1/schedules")).body).toMatchObject({ schedules: [], total_count: 0 });
    expect((await tenant.call("POST", path, hourly)).status).toBe(404);
    await worker.scheduled(next);
    expect((await tenant.call("GET", `/v1/runs/${runIdOfFiring(id, next)}`)).status).toBe(404);
    const row = await env.DB.prepare("select deleted_at, due_at from workflow_schedules where workflow_schedule_id = ?").bind(id).first();
    expect(row).toEqual({ deleted_at: expect.any(Number), due_at: null });
  });

  it("a run whose parameters no longer fit is in the history as invalid, the schedule says why and goes on", async () => {
    const { tenant, workflowId, one, next, id } = await scheduled();
    const needs = (key: string) => ({
      json_definition: { ...definition("Test"), workflow_definition: { parameters: [parameter(key)], blocks: [set] } },
    });
    await tenant.call("POST", `/v1/workflows/${workflowId}`, needs("other"));
    await worker.scheduled(next);
    const [run] = await runsOf(tenant, workflowId);
    expect(run).toMatchObject({
      workflow_run_id: runIdOfFiring(id, next),
      status: "invalid",
      trigger_type: "scheduled",
      workflow_schedule_id: id,
    });
    const after = await read(tenant, one);
    expect(after).toMatchObject({ last_run_id: runIdOfFiring(id, next), last_fire_at: iso(next) });
    expect(after.last_error).toMatch(/parameters\.other: is required.*parameters\.count/);
    await tenant.call("POST", `/v1/workflows/${workflowId}`, needs("count"));
    await worker.scheduled(next + HOUR_MS);
    expect(await read(tenant, one)).toMatchObject({ last_run_id: runIdOfFiring(id, next + HOUR_MS), last_error: null });
  });

  it("one that fails keeps neither the others from firing nor itself from being tried again", async () => {
    const [broken, sound] = [await scheduled(), await scheduled()];
    const { gates } = worker.deps;
    const failing: FiringDeps = {
      ...worker.deps,
      log: silent,
      gates: {
        get(organizationId) {
          if (organizationId === broken.tenant.organizationId) throw new Error("injected: no gate");
          return gates.get(organizationId);
        },
      },
    };
    await fireSchedules(failing, broken.next);
    expect((await read(sound.tenant, sound.one)).last_run_id).toBe(runIdOfFiring(sound.id, sound.next));
    expect(await read(broken.tenant, broken.one)).toMatchObject({
      last_run_id: null,
      last_error: expect.stringContaining("it tries again"),
    });
    await worker.scheduled(broken.next + 59_999);
    expect((await read(broken.tenant, broken.one)).last_run_id).toBeNull();
    await worker.scheduled(broken.next + 60_000);
    const runId = runIdOfFiring(broken.id, broken.next);
    expect(await read(broken.tenant, broken.one)).toMatchObject({ last_run_id: runId, last_error: null });
  });

  it("more than one round can take care of are taken in turn", async () => {
    const tenant = await createTenant();
    const path = `/v1/workflows/${await saveWorkflow(tenant)}/schedules`;
    const made: Answer[] = [];
    for (let number = 0; number < 5; number += 1) made.push(await tenant.call("POST", path, hourly));
    const next = Date.parse(made[0]!.body.next_runs[0]);
    await fireSchedules(worker.deps, next - 1, 100); // what other tests left
    const fired = async () =>
      (await tenant.call("GET", path)).body.schedules.filter((item: { last_run_id: string | null }) => item.last_run_id !== null).length;
    const counts: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      await fireSchedules(worker.deps, next, 2);
      counts.push(await fired());
    }
    expect(counts).toEqual([2, 4, 5]);
  });
});

const silent = { info: () => {}, error: () => {} };
const set = { block_type: "set", label: "first", values: { v: 1 } };
const parameter = (key: string) => ({ parameter_type: "workflow", key, workflow_parameter_type: "integer" });
