import { exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { eventually } from "../eventually.ts";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { asAdmin, createTenant, definition, type Tenant } from "./api.ts";
import { openBox } from "./receiver-client.ts";

async function createWorkflow(tenant: Tenant, json: object = definition()): Promise<string> {
  return (await tenant.call("POST", "/v1/workflows", { json_definition: json })).body.workflow_permanent_id;
}

const run = (tenant: Tenant, body: object, headers: Record<string, string> = UNTIL_IT_ENDS) =>
  tenant.call("POST", "/v1/run/workflows", body, headers);
const listed = async (tenant: Tenant, runId: string) =>
  await eventually(async () => {
    const row = (await tenant.call("GET", "/v1/runs")).body.find((item: { run_id: string }) => item.run_id === runId);
    expect(row).toBeDefined();
    return row;
  });
const waiting = { title: "Waits", workflow_definition: { blocks: [{ block_type: "wait", label: "w", wait_sec: 3600 }] } };

/** Skyvern's `WorkflowRunResponse`, every field of it. */
const FIELDS = [
  "run_id", "status", "output", "downloaded_files", "recording_url", "recording_archived", "screenshot_urls", "failure_reason", "created_at", "modified_at",
  "queued_at", "started_at", "finished_at", "app_url", "browser_session_id", "browser_profile_id", "max_screenshot_scrolls", "script_run", "errors",
  "step_count", "run_type", "run_with", "ai_fallback", "script_id", "browser_seed_source", "run_request",
]; // prettier-ignore

describe("starting a run", () => {
  it("answers when the run has ended and the caller prefers to wait", async () => {
    const tenant = await createTenant();
    const workflow_id = await createWorkflow(tenant);
    const { status, body, headers } = await run(tenant, { workflow_id, parameters: { count: 21 } });
    expect(status).toBe(200);
    expect(headers.get("preference-applied")).toBe(UNTIL_IT_ENDS.prefer);
    expect(Object.keys(body)).toEqual(expect.arrayContaining(FIELDS));
    expect(body).toMatchObject({
      status: "completed",
      output: { first_output: { doubled: 42 } },
      run_request: { workflow_id, parameters: { count: 21 } },
    });
    expect((await tenant.call("GET", `/v1/runs/${body.run_id}`)).body).toEqual(body);
  });

  it("answers at once when it does not", async () => {
    const tenant = await createTenant();
    const { body } = await run(tenant, { workflow_id: await createWorkflow(tenant, waiting) }, {});
    expect(body.status).toBe("running");
    expect((await tenant.call("GET", `/v1/runs/${body.run_id}/timeline`)).body).toMatchObject([
      { block: { label: "w", status: "running", attempt: 1 } },
    ]);
  });

  it("takes the words of newer clients: /run/agents and agent_id", async () => {
    const tenant = await createTenant();
    const agent_id = await createWorkflow(tenant);
    const { body } = await tenant.call("POST", "/v1/run/agents/", { agent_id, parameters: { count: "4" } }, UNTIL_IT_ENDS);
    expect(body).toMatchObject({ status: "completed", output: { first_output: { doubled: 8 } } });
  });

  it("runs the latest version, or the one that is named", async () => {
    const tenant = await createTenant();
    const workflow_id = await createWorkflow(tenant);
    const second = { ...definition(), workflow_definition: { blocks: [{ block_type: "set", label: "second", values: { v: 2 } }] } };
    await tenant.call("POST", `/v1/workflows/${workflow_id}`, { json_definition: second });
    expect((await run(tenant, { workflow_id })).body.output).toEqual({ second_output: { v: 2 } });
    expect((await run(tenant, { workflow_id, version: 1, parameters: { count: 1 } })).body.output).toEqual({
      first_output: { doubled: 2 },
    });
  });

  it("runs a template, and names the one that it does not know", async () => {
    const tenant = await createTenant();
    await asAdmin("PUT", "/templates/wpid_template_doubling", definition("Doubling"));
    const known = await tenant.call(
      "POST",
      "/v1/run/workflows?template=true",
      { workflow_id: "wpid_template_doubling", parameters: { count: 3 } },
      UNTIL_IT_ENDS,
    );
    expect(known.body).toMatchObject({ status: "completed", output: { first_output: { doubled: 6 } } });
    const unknown = await tenant.call("POST", "/v1/run/workflows?template=true", {
      workflow_id: "wpid_template_tripling",
      parameters: { count: 3 },
    });
    expect(unknown).toMatchObject({ status: 400, body: { detail: expect.stringContaining("wpid_template_tripling") } });
  });

  it("lists every fault of its parameters at once and keeps the try in the history", async () => {
    const tenant = await createTenant();
    const workflow_id = await createWorkflow(tenant);
    const { status, body } = await run(tenant, {
      workflow_id,
      parameters: { count: "many", cuont: 1 },
      webhook_url: "http://127.0.0.1/hook",
    });
    expect(status).toBe(400);
    expect(body.errors.map((fault: { path: string }) => fault.path).toSorted()).toEqual([
      "parameters.count",
      "parameters.cuont",
      "webhook_url",
    ]);
    expect(await listed(tenant, body.run_id)).toMatchObject({ status: "invalid" });
    expect((await tenant.call("GET", `/v1/runs/${body.run_id}`)).body).toMatchObject({ status: "invalid", failure_reason: body.detail });
  });

  it("gives the slot of a refused start back", async () => {
    const tenant = await createTenant({ max_concurrent_runs: 1 });
    const workflow_id = await createWorkflow(tenant);
    for (let index = 0; index < 3; index++) expect((await run(tenant, { workflow_id })).status).toBe(400);
    expect((await run(tenant, { workflow_id, parameters: { count: 1 } })).body.status).toBe("completed");
  });

  it("queues what is over the organization's limit and goes on when a run ends", async () => {
    const tenant = await createTenant({ max_concurrent_runs: 1 });
    const [slow, quick] = [await createWorkflow(tenant, waiting), await createWorkflow(tenant)];
    const first = await run(tenant, { workflow_id: slow }, {});
    const second = await run(tenant, { workflow_id: quick, parameters: { count: 1 } }, {});
    expect([first.body.status, second.body.status]).toEqual(["running", "queued"]);
    await tenant.call("POST", `/v1/runs/${first.body.run_id}/cancel`);
    expect((await tenant.call("GET", `/v1/runs/${second.body.run_id}`, undefined, UNTIL_IT_ENDS)).body).toMatchObject({
      status: "completed",
      queued_at: expect.any(String),
    });
  });
});

describe("an Idempotency-Key", () => {
  it("starts one run, however often and however close together it is sent", async () => {
    const tenant = await createTenant();
    const body = { workflow_id: await createWorkflow(tenant), parameters: { count: 1 } };
    const answers = await Promise.all([1, 2, 3].map(() => run(tenant, body, { ...UNTIL_IT_ENDS, "idempotency-key": "one" })));
    answers.push(await run(tenant, body, { "idempotency-key": "one" }));
    expect(new Set(answers.map((answer) => answer.body.run_id)).size).toBe(1);
    expect(answers.every((answer) => answer.body.status === "completed")).toBe(true);
  });

  it("is refused with another body", async () => {
    const tenant = await createTenant();
    const workflow_id = await createWorkflow(tenant);
    await run(tenant, { workflow_id, parameters: { count: 1 } }, { "idempotency-key": "two" });
    expect((await run(tenant, { workflow_id, parameters: { count: 2 } }, { "idempotency-key": "two" })).status).toBe(422);
  });

  it("is free again after a refusal, for the request as it should have been", async () => {
    const tenant = await createTenant();
    const workflow_id = await createWorkflow(tenant);
    const key = { "idempotency-key": "three" };
    const refused = await run(tenant, { workflow_id, parameters: { count: "many" } }, key);
    expect(refused.status).toBe(400);
    const mended = await run(tenant, { workflow_id, parameters: { count: 3 } }, { ...key, ...UNTIL_IT_ENDS });
    expect(mended).toMatchObject({ status: 200, body: { status: "completed" } });
    expect((await run(tenant, { workflow_id, parameters: { count: 3 } }, key)).body.run_id).toBe(mended.body.run_id);
  });

  it("makes one new run of a retry, however often it is sent", async () => {
    const tenant = await createTenant();
    const first = await run(tenant, { workflow_id: await createWorkflow(tenant), parameters: { count: 1 } }, UNTIL_IT_ENDS);
    const retry = async (from_block: string) =>
      await tenant.call("POST", `/v1/runs/${first.body.run_id}/retry`, { from_block }, { "idempotency-key": "again" });
    const answers = await Promise.all([1, 2, 3].map(() => retry("start")));
    expect(new Set(answers.map(({ body }) => body.run_id)).size).toBe(1);
    expect(answers[0]!.body.run_id).not.toBe(first.body.run_id);
    expect((await retry("failed")).status).toBe(409); // nothing failed: told before the key is looked at
  });
});

describe("a run", () => {
  it("is canceled once, and not after its end", async () => {
    const tenant = await createTenant();
    const { run_id } = (await run(tenant, { workflow_id: await createWorkflow(tenant, waiting) }, {})).body;
    for (let index = 0; index < 2; index++)
      expect(await tenant.call("POST", `/v1/runs/${run_id}/cancel`)).toMatchObject({ status: 200, body: null });
    expect((await tenant.call("GET", `/v1/runs/${run_id}`)).body.status).toBe("canceled");
    const done = (await run(tenant, { workflow_id: await createWorkflow(tenant), parameters: { count: 1 } })).body;
    expect((await tenant.call("POST", `/v1/runs/${done.run_id}/cancel`)).status).toBe(409);
  });

  it("comes into the list, newest first, by status and workflow", async () => {
    const tenant = await createTenant();
    const workflow_id = await createWorkflow(tenant);
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) ids.push((await run(tenant, { workflow_id, parameters: { count } })).body.run_id);
    await eventually(async () => expect((await tenant.call("GET", "/v1/runs?status=completed")).body).toHaveLength(3));
    const { body } = await tenant.call("GET", `/v1/runs?workflow_permanent_id=${workflow_id}&page_size=2`);
    expect(body.map((item: { run_id: string }) => item.run_id)).toEqual(ids.toReversed().slice(0, 2));
    expect((await tenant.call("GET", "/v1/runs?status=failed")).body).toEqual([]);
  });

  it("is a 404 for another organization, in every way to ask for it", async () => {
    const [owner, stranger] = [await createTenant(), await createTenant()];
    const workflow_id = await createWorkflow(owner);
    const { run_id } = (await run(owner, { workflow_id, parameters: { count: 1 } })).body;
    await listed(owner, run_id);
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/timeline"],
      ["GET", "/artifacts"],
      ["POST", "/cancel"],
    ] as const) {
      expect((await stranger.call(method, `/v1/runs/${run_id}${path}`)).status, path).toBe(404);
    }
    expect((await run(stranger, { workflow_id, parameters: { count: 1 } })).status).toBe(404);
    expect((await stranger.call("GET", "/v1/runs")).body).toEqual([]);
  });

  it("saves files that are listed, and read by their organization only", async () => {
    const box = await openBox({ status: 200, headers: { "content-type": "text/csv" }, body: "sku,price\nA,1\n" });
    const [owner, stranger] = [await createTenant({ allowed_hosts: ["127.0.0.1"] }), await createTenant()];
    const json = {
      title: "Saves",
      workflow_definition: {
        blocks: [{ block_type: "http_request", label: "get", url: box.url, save_response_as_file: true, download_filename: "prices.csv" }],
      },
    };
    const { body } = await run(owner, { workflow_id: await createWorkflow(owner, json) });
    expect(body).toMatchObject({ status: "completed" });
    const [artifact] = (await owner.call("GET", `/v1/runs/${body.run_id}/artifacts`)).body;
    expect(artifact).toMatchObject({ file_name: "prices.csv", content_type: "text/csv", file_size: 14, run_id: body.run_id });
    const content = await exports.default.fetch(
      new Request(`https://pilotfish.test${artifact.uri}`, { headers: { "x-api-key": owner.key } }),
    );
    expect(await content.text()).toBe("sku,price\nA,1\n");
    expect(content.headers.get("content-disposition")).toContain("prices.csv");
    expect((await stranger.call("GET", artifact.uri)).status).toBe(404);
  });
});

describe("the webhook of a run", () => {
  it("gets the start and the end, once each, in Skyvern's fields", async () => {
    const box = await openBox();
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const { body } = await run(tenant, { workflow_id: await createWorkflow(tenant), parameters: { count: 2 }, webhook_url: box.url });
    const requests = await eventually(async () => {
      const seen = await box.requests();
      expect(seen).toHaveLength(2);
      return seen;
    });
    const events = requests.map((request) => JSON.parse(request.body)).toSorted((a, b) => b.type.localeCompare(a.type));
    expect(events.map(({ type, status }) => [type, status])).toEqual([
      ["workflow_run.started", "running"],
      ["workflow_run.completed", "completed"],
    ]);
    expect(events[1]).toMatchObject({ run_id: body.run_id, workflow_run_id: body.run_id, outputs: { first_output: { doubled: 4 } } });
    await eventually(async () => {
      const deliveries = (await tenant.call("GET", `/v1/webhook-deliveries?run_id=${body.run_id}`)).body;
      expect(deliveries.map((delivery: { status: string }) => delivery.status)).toEqual(["delivered", "delivered"]);
    });
  });
});
