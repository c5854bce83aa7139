import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createRunObjects } from "../../src/adapters/run-objects.ts";
import type { OrganizationId, RunId } from "../../src/domain/id.ts";
import { eventually } from "../eventually.ts";
import { PATIENCE_S, UNTIL_IT_ENDS } from "../patience.ts";
import { asAdmin, changeTenant, createTenant, type Answer, type Tenant } from "./api.ts";
import { openBox } from "./receiver-client.ts";

const set = (label: string, values: object = { v: 1 }) => ({ block_type: "set", label, values });
const blocksOf = (count: number) => Array.from({ length: count }, (_, index) => set(`b${index}`));
const workflowOf = (blocks: object[], more: object = {}) => ({ title: "Test", workflow_definition: { blocks }, ...more });
const sleeping = workflowOf([{ block_type: "wait", label: "w", wait_sec: 3_600 }]);

async function save(tenant: Tenant, definition: object): Promise<string> {
  const { status, body } = await tenant.call("POST", "/v1/workflows", { json_definition: definition });
  expect([status, body.errors ?? []]).toEqual([200, []]);
  return body.workflow_permanent_id;
}

const start = (tenant: Tenant, workflow_id: string, request: object = {}, seconds = 0): Promise<Answer> =>
  tenant.call("POST", "/v1/run/workflows", { workflow_id, ...request }, seconds > 0 ? { prefer: `wait=${seconds}` } : {});
const startId = async (...run: Parameters<typeof start>): Promise<RunId> => (await start(...run)).body.run_id;
const read = async (tenant: Tenant, runId: string, seconds = 0) =>
  (await tenant.call("GET", `/v1/runs/${runId}`, undefined, { prefer: `wait=${seconds}` })).body;
const cancel = (tenant: Tenant, runId: string) => tenant.call("POST", `/v1/runs/${runId}/cancel`);
const reaches = (tenant: Tenant, runId: string, status: string) =>
  eventually(async () => expect((await read(tenant, runId)).status).toBe(status));
const runs = createRunObjects(env.WORKFLOW_RUN);
const gateOf = ({ organizationId }: Tenant) => env.ORGANIZATION_GATE.get(env.ORGANIZATION_GATE.idFromName(organizationId));

/** How long the run may be at work, in seconds, as it was pinned at its start. The run must have ended. */
async function pinnedLimit({ organizationId }: Tenant, runId: RunId): Promise<number> {
  const source = await runs.get(organizationId as OrganizationId, runId).retrySource("start");
  if (source?.ok !== true) throw new Error(`run ${runId} has not ended`);
  return source.facts.maxSeconds;
}

describe("the blocks of a workflow", () => {
  const fault = (count: number, limit: number) => ({
    path: "workflow_definition.blocks",
    code: "too_large",
    message: `has ${count} blocks at the top level; the organization's limit max_workflow_blocks is ${limit}, which the administrator of the service can raise`,
  });

  it("are as many as the organization allows, when it is created, updated and validated", async () => {
    const tenant = await createTenant({ max_workflow_blocks: 2 });
    const id = await save(tenant, workflowOf(blocksOf(2)));
    for (const path of ["/v1/workflows", `/v1/workflows/${id}`, "/v1/agents"]) {
      const refused = await tenant.call("POST", path, { json_definition: workflowOf(blocksOf(3)) });
      expect([refused.status, refused.body.errors], path).toEqual([422, [fault(3, 2)]]);
    }
    const { status, body } = await tenant.call("POST", "/v1/workflows/validate", { json_definition: workflowOf(blocksOf(3)) });
    expect([status, body]).toEqual([200, { valid: false, plan: null, diagnostics: [{ severity: "error", ...fault(3, 2) }] }]);
    expect((await tenant.call("GET", `/v1/workflows/${id}`)).body.version).toBe(1);
  });

  it("are 50 by default, and counted at the top level only", async () => {
    const tenant = await createTenant();
    const loop = { block_type: "for_loop", label: "each", loop_variable_reference: "{{ [1] }}", loop_blocks: blocksOf(49) };
    await save(tenant, workflowOf([loop, set("last")]));
    const refused = await tenant.call("POST", "/v1/workflows", { json_definition: workflowOf(blocksOf(51)) });
    expect(refused.body.errors).toEqual([fault(51, 50)]);
  });

  it("run when they were saved under a higher limit, as a template does", async () => {
    const generous = await createTenant({ max_workflow_blocks: 500 });
    const id = await save(generous, workflowOf(blocksOf(500)));
    const strict = await changeTenant(generous, { max_workflow_blocks: 1 });
    expect((await strict.call("POST", `/v1/workflows/${id}`, { json_definition: workflowOf(blocksOf(2)) })).status).toBe(422);
    expect((await start(strict, id, {}, PATIENCE_S)).body).toMatchObject({ status: "completed", output: { b499_output: { v: 1 } } });
    expect((await asAdmin("PUT", "/templates/wpid_template_of_60", workflowOf(blocksOf(60)))).status).toBe(200);
    const run = await strict.call("POST", "/v1/run/workflows?template=true", { workflow_id: "wpid_template_of_60" }, UNTIL_IT_ENDS);
    expect(run.body.status).toBe("completed");
  });

  it("of a template are at most 500", async () => {
    const refused = await asAdmin("PUT", "/templates/wpid_template_of_501", workflowOf(blocksOf(501)));
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: "workflow_definition.blocks", code: "too_large" }] } });
  });
});

describe("the time that a run may be at work", () => {
  it("ends it after the organization's limit, whatever it asks for", async () => {
    const box = await openBox({ hold: "head" }); // a run that only waits is not at work
    const tenant = await createTenant({ max_run_seconds: 1, allowed_hosts: ["127.0.0.1"] });
    const id = await save(tenant, workflowOf([{ block_type: "http_request", label: "call", url: box.url }]));
    expect((await start(tenant, id, { max_elapsed_time_minutes: 5 }, PATIENCE_S)).body).toMatchObject({
      status: "timed_out",
      failure_reason: expect.stringContaining("limit of 1 seconds"),
    });
  });

  it.each([
    ["the organization's when nothing else is said", {}, {}, 90],
    ["the workflow's when that is less", { max_elapsed_time_minutes: 1 }, {}, 60],
    ["the request's before the workflow's", { max_elapsed_time_minutes: 2 }, { max_elapsed_time_minutes: 1 }, 60],
    ["the organization's when the workflow's is more", { max_elapsed_time_minutes: 2 }, {}, 90],
    ["the organization's when the request's is more", { max_elapsed_time_minutes: 1 }, { max_elapsed_time_minutes: 2 }, 90],
  ])("is %s", async (_, workflow, request, seconds) => {
    const tenant = await createTenant({ max_run_seconds: 90 });
    const runId = await startId(tenant, await save(tenant, workflowOf([set("a")], workflow)), request, PATIENCE_S);
    expect(await pinnedLimit(tenant, runId)).toBe(seconds);
  });

  it.each(["/v1/runs/{id}/retry", "/v1/workflows/runs/{id}/retry"])("is that of the request again after POST %s", async (path) => {
    const tenant = await createTenant();
    const first = await startId(tenant, await save(tenant, workflowOf([set("a")])), { max_elapsed_time_minutes: 3 }, PATIENCE_S);
    const from = path.includes("/workflows/") ? undefined : { from_block: "start" };
    const again = await tenant.call("POST", path.replace("{id}", first), from, UNTIL_IT_ENDS);
    expect(again.body).toMatchObject({ status: "completed", retried_from_workflow_run_id: first });
    expect(await pinnedLimit(tenant, again.body.run_id)).toBe(180);
  });

  it("is the organization's for a child too", async () => {
    const tenant = await createTenant({ max_run_seconds: 90 });
    const child = await save(tenant, workflowOf([set("a")], { max_elapsed_time_minutes: 5 }));
    const parent = workflowOf([{ block_type: "workflow_trigger", label: "sub", workflow_permanent_id: child }]);
    const runId = await startId(tenant, await save(tenant, parent), {}, PATIENCE_S);
    const { output } = await read(tenant, runId);
    expect(await pinnedLimit(tenant, output.sub_output.workflow_run_id)).toBe(90);
  });
});

describe("a run over the limit of concurrent runs", () => {
  it("is refused when it prefers that, with the time to wait, and leaves nothing behind", async () => {
    const tenant = await createTenant({ max_concurrent_runs: 1 });
    const id = await save(tenant, sleeping);
    const first = await startId(tenant, id);
    await eventually(async () => expect((await tenant.call("GET", "/v1/runs")).body).toHaveLength(1));
    const refused = await start(tenant, id, { on_limit: "reject" });
    expect(refused).toMatchObject({
      status: 429,
      body: {
        type: "urn:pilotfish:problem:limit_exceeded",
        status: 429,
        detail: "The organization has 1 runs at work, which is its limit.",
        retry_after: expect.any(Number),
      },
    });
    expect(refused.headers.get("retry-after")).toBe(String(refused.body.retry_after));
    expect(refused.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(await gateOf(tenant).describe()).toEqual({ limit: 1, atWork: 1, waiting: 0 });
    await cancel(tenant, first);
    // Another run has come and gone after it in the projection, so that a row of the refused one would be there by now.
    const next = await startId(tenant, id, { on_limit: "reject" });
    await cancel(tenant, next);
    await eventually(async () =>
      expect((await tenant.call("GET", "/v1/runs?status=canceled")).body).toMatchObject([{ run_id: next }, { run_id: first }]),
    );
    expect((await tenant.call("GET", "/v1/runs")).body).toHaveLength(2);
  });

  it("is told where it stands and what it waits for, until it is admitted", async () => {
    const tenant = await createTenant({ max_concurrent_runs: 1 });
    const id = await save(tenant, sleeping);
    const [first, second, third] = [await startId(tenant, id), await startId(tenant, id), await startId(tenant, id)];
    const queue_reason = "The organization has 1 runs at work, which is its limit.";
    expect(await read(tenant, second)).toMatchObject({ status: "queued", started_at: null, queue_position: 1, queue_reason });
    expect(await read(tenant, third)).toMatchObject({ status: "queued", queue_position: 2, queue_reason });
    await cancel(tenant, first);
    await reaches(tenant, second, "running");
    expect(await read(tenant, second)).not.toHaveProperty("queue_position");
    expect(await read(tenant, third)).toMatchObject({ status: "queued", queue_position: 1, queue_reason });
  });

  it("goes before those of a lower priority, and after those of its own", async () => {
    const tenant = await createTenant({ max_concurrent_runs: 1 });
    const id = await save(tenant, sleeping);
    const first = await startId(tenant, id);
    const [usual, urgent, alsoUrgent] = [
      await startId(tenant, id),
      await startId(tenant, id, { priority: 10 }),
      await startId(tenant, id, { priority: 10 }),
    ];
    const positions = await Promise.all([urgent, alsoUrgent, usual].map(async (runId) => (await read(tenant, runId)).queue_position));
    expect(positions).toEqual([1, 2, 3]);
    await cancel(tenant, first);
    await reaches(tenant, urgent, "running");
    expect((await read(tenant, usual)).status).toBe("queued");
  });

  it("goes on when the limit is raised and another run asks", async () => {
    const tenant = await createTenant({ max_concurrent_runs: 1 });
    const id = await save(tenant, sleeping);
    const [, second] = [await startId(tenant, id), await startId(tenant, id)];
    const raised = await changeTenant(tenant, { max_concurrent_runs: 3 });
    expect((await start(raised, id)).body.status).toBe("running");
    await reaches(raised, second, "running");
  });
});

describe("runs of a workflow that are to follow each other", () => {
  const parameters = [{ parameter_type: "workflow", key: "account", workflow_parameter_type: "string" }];
  const sequential = (more: object) => ({
    ...sleeping,
    ...more,
    run_sequentially: true,
    workflow_definition: { ...sleeping.workflow_definition, parameters },
  });
  const by = (account: string) => ({ parameters: { account } });

  it("do so for each value of their key, beside those of another", async () => {
    const tenant = await createTenant();
    const id = await save(tenant, sequential({ sequential_key: "{{ account }}" }));
    const first = await startId(tenant, id, by("ann"));
    const [second, other] = [await startId(tenant, id, by("ann")), await startId(tenant, id, by("bob"))];
    expect((await read(tenant, other)).status).toBe("running");
    expect(await read(tenant, second)).toMatchObject({
      status: "queued",
      queue_position: 1,
      queue_reason: `Run ${first} of the same sequential key is at work.`,
    });
    await cancel(tenant, first);
    await reaches(tenant, second, "running");
  });

  it("do so all without a key, and beside other workflows", async () => {
    const tenant = await createTenant();
    const [id, other] = [await save(tenant, sequential({})), await save(tenant, sequential({}))];
    const first = await startId(tenant, id, by("ann"));
    const second = await startId(tenant, id, by("bob"));
    expect([await read(tenant, first), await read(tenant, second)]).toMatchObject([{ status: "running" }, { status: "queued" }]);
    expect((await start(tenant, other, by("ann"))).body.status).toBe("running");
    await cancel(tenant, first);
    await reaches(tenant, second, "running");
  });

  it("are refused when they prefer that to waiting for each other", async () => {
    const tenant = await createTenant();
    const id = await save(tenant, sequential({ sequential_key: "{{ account }}" }));
    const first = await startId(tenant, id, by("ann"));
    const refused = await start(tenant, id, { ...by("ann"), on_limit: "reject" });
    expect(refused).toMatchObject({ status: 429, body: { detail: `Run ${first} of the same sequential key is at work.` } });
    expect(refused.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(await gateOf(tenant).describe()).toMatchObject({ atWork: 1, waiting: 0 });
  });
});
