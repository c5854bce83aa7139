import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { eventually } from "../eventually.ts";
import { PATIENCE_S, UNTIL_IT_ENDS } from "../patience.ts";
import { createTenant, send, type Tenant } from "./api.ts";
import { mailsTo, newAddress } from "./mail-client.ts";
import { openBox } from "./receiver-client.ts";

const set = (label: string, v: unknown = 1, more: object = {}) => ({ block_type: "set", label, values: { v }, ...more });
const wait = (label: string, seconds: number) => ({ block_type: "wait", label, wait_sec: seconds });

async function save(tenant: Tenant, definition: object, more: object = {}): Promise<string> {
  const answer = await tenant.call("POST", "/v1/workflows", {
    json_definition: { title: "Test", workflow_definition: definition, ...more },
  });
  expect(answer.body.errors ?? []).toEqual([]);
  return answer.body.workflow_permanent_id;
}

async function start(tenant: Tenant, definition: object, request: object = {}, seconds = 0) {
  const workflow_id = await save(tenant, definition);
  return (await tenant.call("POST", "/v1/run/workflows", { workflow_id, ...request }, seconds > 0 ? { prefer: `wait=${seconds}` } : {}))
    .body;
}

const read = (tenant: Tenant, runId: string, seconds = PATIENCE_S) =>
  tenant.call("GET", `/v1/runs/${runId}`, undefined, { prefer: `wait=${seconds}` });
const blocksOf = async (tenant: Tenant, runId: string) =>
  (await tenant.call("GET", `/v1/runs/${runId}/timeline`)).body.map((entry: { block: object }) => entry.block).toReversed();

describe("version 3", () => {
  it("runs what can run side by side, and joins", async () => {
    const boxes = await Promise.all(
      [1, 2, 3].map((n) => openBox({ status: 200, headers: { "content-type": "application/json" }, body: `{"n":${n}}` })),
    );
    const fetching = boxes.map((box, index) => ({ block_type: "http_request", label: `get${index}`, url: box.url }));
    const owner = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const sum = set("sum", "{{ get0_output.response_body.n + get1_output.response_body.n + get2_output.response_body.n }}");
    const run = await start(owner, { version: 3, blocks: [sum, ...fetching] }, {}, PATIENCE_S);
    expect(run).toMatchObject({ status: "completed", output: { sum_output: { v: 6 } } });
  });
});

describe("control blocks", () => {
  it("take the branch that is true and meet again", async () => {
    const tenant = await createTenant();
    const branches = [
      { criteria: { expression: "{{ a_output.v > 5 }}" }, next_block_label: "high" },
      { is_default: true, next_block_label: "low" },
    ];
    const blocks = [
      set("a", 3, { next_block_label: "choose" }),
      { block_type: "conditional", label: "choose", branch_conditions: branches, next_block_label: "end" },
      set("high", "h"),
      set("low", "l"),
      set("end", "{{ low_output.v }}"),
    ];
    const run = await start(tenant, { blocks }, {}, PATIENCE_S);
    expect(run).toMatchObject({ status: "completed", output: { end_output: { v: "l" } } });
    expect((await blocksOf(tenant, run.run_id)).map(({ label }: { label: string }) => label)).toEqual(["a", "choose", "low", "end"]);
  });

  it("loop over a list, each iteration with its own values", async () => {
    const tenant = await createTenant();
    const loop = {
      block_type: "for_loop",
      label: "each",
      loop_variable_reference: "{{ [10, 20, 30] }}",
      max_concurrency: 2,
      loop_blocks: [set("twice", "{{ current_value * 2 + current_index }}")],
    };
    const run = await start(tenant, { blocks: [loop, set("last", "{{ each_output[2][0].output_value.v }}")] }, {}, PATIENCE_S);
    expect(run).toMatchObject({ status: "completed", output: { last_output: { v: 62 } } });
    const [each] = await blocksOf(tenant, run.run_id);
    expect(each).toMatchObject({ label: "each", block_type: "for_loop", status: "completed" });
  });

  it("loop as long as an expression is true, which sees the iteration before", async () => {
    const tenant = await createTenant();
    const loop = {
      block_type: "while_loop",
      label: "until",
      condition: { expression: "{{ current_index == 0 or step_output.v < 3 }}" },
      loop_blocks: [set("step", "{{ current_index + 1 }}")],
    };
    const run = await start(tenant, { blocks: [loop] }, {}, PATIENCE_S);
    expect(run.status).toBe("completed");
    expect(run.output.until_output).toHaveLength(3);
  });

  it("end the run in good order when a loop has nothing to go over", async () => {
    const tenant = await createTenant();
    const run = await start(
      tenant,
      { blocks: [{ block_type: "for_loop", label: "each", loop_variable_reference: "{{ [] }}", loop_blocks: [set("a")] }] },
      {},
      PATIENCE_S,
    );
    expect(run).toMatchObject({ status: "terminated", failure_reason: expect.stringContaining("No iterable value") });
  });
});

describe("recovery", () => {
  it("tries again what may pass, with the same Idempotency-Key", async () => {
    const box = await openBox({ status: 503 }, { status: 200 });
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const call = { block_type: "http_request", label: "call", url: box.url, retry: { max_attempts: 3, initial_seconds: 0.05 } };
    const run = await start(tenant, { blocks: [call] }, {}, PATIENCE_S);
    expect(run.status).toBe("completed");
    const requests = await box.requests();
    expect(requests).toHaveLength(2);
    expect(new Set(requests.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
    expect(await blocksOf(tenant, run.run_id)).toMatchObject([{ attempt: 2, status: "completed" }]);
  });

  it("gives up when its attempts are used up, and maps the failure to a code", async () => {
    const box = await openBox({ status: 500 });
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const call = {
      block_type: "http_request",
      label: "call",
      url: box.url,
      retry: { max_attempts: 2, initial_seconds: 0.01 },
      error_code_mapping: { UPSTREAM_DOWN: "500" },
    };
    const run = await start(tenant, { blocks: [call] }, {}, PATIENCE_S);
    expect(run).toMatchObject({ status: "failed", errors: [{ error_code: "UPSTREAM_DOWN" }] });
    expect(await box.requests()).toHaveLength(2);
  });

  it("tries the whole run again from what failed", async () => {
    const [first, second] = [await openBox(), await openBox({ status: 404 }, { status: 200 })];
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const blocks = [
      { block_type: "http_request", label: "first", url: first.url },
      { block_type: "http_request", label: "second", url: second.url },
    ];
    const run = await start(tenant, { blocks, retry: { max_attempts: 2, initial_seconds: 0.05 } }, {}, PATIENCE_S);
    expect(run.status).toBe("completed");
    expect([(await first.requests()).length, (await second.requests()).length]).toEqual([1, 2]);
  });

  it("runs the block at the end however the run ends", async () => {
    const box = await openBox();
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const last = { block_type: "http_request", label: "clean_up", url: box.url };
    const failed = await start(
      tenant,
      { blocks: [set("a", "{{ 1 / 0 }}"), { ...set("b"), values: { v: "{{ a_output.nope }}" } }, last], finally_block_label: "clean_up" },
      {},
      PATIENCE_S,
    );
    expect(failed.status).toBe("failed");
    const canceled = await start(tenant, { blocks: [wait("w", 3600), last], finally_block_label: "clean_up" });
    await tenant.call("POST", `/v1/runs/${canceled.run_id}/cancel`);
    expect((await read(tenant, canceled.run_id)).body.status).toBe("canceled");
    expect(await box.requests()).toHaveLength(2);
  });
});

describe("pause and resume", () => {
  it("begin nothing new, and go on", async () => {
    const box = await openBox({ hold: "head" });
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const { run_id } = await start(tenant, { blocks: [{ block_type: "http_request", label: "asks", url: box.url }, set("after")] });
    expect((await tenant.call("POST", `/v1/runs/${run_id}/pause`)).body.status).toBe("paused");
    expect((await tenant.call("POST", `/v1/runs/${run_id}/pause`)).status).toBe(409);
    await box.release();
    await eventually(async () => expect(await blocksOf(tenant, run_id)).toMatchObject([{ label: "asks", status: "completed" }]));
    expect((await read(tenant, run_id, 1)).body.status).toBe("paused");
    expect((await tenant.call("POST", `/v1/runs/${run_id}/resume`)).body.status).toBe("running");
    expect((await read(tenant, run_id)).body.status).toBe("completed");
  });
});

describe("a person's decision", () => {
  const approval = { block_type: "human_interaction", label: "approval", instructions: "Is it right?" };

  it("goes on when it is approved, and ends the run when it is rejected", async () => {
    const tenant = await createTenant();
    for (const [answer, status] of [
      ["approve", "completed"],
      ["reject", "terminated"],
    ] as const) {
      const { run_id } = await start(tenant, { blocks: [approval, set("after")] });
      await eventually(async () => expect((await read(tenant, run_id, 0)).body.status).toBe("paused"));
      expect((await tenant.call("POST", `/v1/runs/${run_id}/${answer}`)).status).toBe(200);
      expect((await read(tenant, run_id)).body.status).toBe(status);
      expect((await tenant.call("POST", `/v1/runs/${run_id}/${answer}`)).status).toBe(409);
    }
  });

  it("can be given by a link of the webhook, once, and only by pressing its button", async () => {
    const box = await openBox();
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const { run_id } = await start(tenant, { blocks: [approval] }, { webhook_url: box.url });
    const paused = await eventually(async () => {
      const events = (await box.requests()).map(({ body }) => JSON.parse(body));
      const found = events.find(({ type }) => type === "workflow_run.paused");
      expect(found).toBeDefined();
      return found;
    });
    const [question] = paused.waiting_for;
    expect(question).toMatchObject({ block: "approval", instructions: "Is it right?" });
    const path = question.approve.url.replace("https://pilotfish.test", "");
    expect((await send("GET", path)).body).toContain("Approve the block &quot;approval&quot;");
    expect((await read(tenant, run_id, 0)).body.status).toBe("paused");
    expect((await send("POST", path)).body).toContain("Done: approved.");
    expect((await read(tenant, run_id)).body.status).toBe("completed");
    expect((await send("POST", path)).status).toBe(409);
    expect((await send("POST", path.replace("decisions/", "decisions/x"))).status).toBe(404);
  });
});

describe("a question by mail", () => {
  const approval = { block_type: "human_interaction", label: "approval", instructions: "Is it right?" };

  it("goes to its recipients with a link for each answer, which works once", async () => {
    const to = newAddress();
    const asked = {
      ...approval,
      recipients: `Ann <${to}>`,
      sender: "boss@example.test",
      subject: "Order 7",
      negative_descriptor: "Not yet",
    };
    const tenant = await createTenant();
    const { run_id } = await start(tenant, { blocks: [asked] });
    const mail = await eventually(async () => {
      const [received] = await mailsTo(to);
      if (received === undefined) throw new Error("no mail so far");
      return received;
    });
    expect(mail.source).toMatch(/^Subject: Order 7\r$/m);
    expect(mail.source).toMatch(/^Reply-To: boss@example\.test\r$/m);
    const text = mail.source.replaceAll(/=\r\n/g, "").replaceAll("=3D", "=");
    expect(text).toContain("Is it right?");
    expect(text).toMatch(/Not yet: https:.*answer=reject/);
    const [, path = ""] = /Approve: https:\/\/pilotfish\.test(\S*answer=approve)/.exec(text) ?? [];
    await send("POST", path).catch(() => null); // it is HTML
    expect((await read(tenant, run_id)).body.status).toBe("completed");
    expect((await send("POST", path)).status).toBe(409);
    const { body } = await tenant.call("GET", `/v1/webhook-deliveries?run_id=${run_id}`);
    expect(body).toMatchObject([{ url: `mailto:${to}`, status: "delivered", last_status_code: 250 }]);
  });

  it("that does not get through does not hold the run", async () => {
    const to = newAddress("full.test");
    const tenant = await createTenant();
    const { run_id } = await start(tenant, { blocks: [{ ...approval, recipients: [to] }] });
    await eventually(async () => {
      const { body } = await tenant.call("GET", `/v1/webhook-deliveries?run_id=${run_id}`);
      expect(body).toMatchObject([{ status: "failed", last_error: expect.stringContaining("552") }]);
    });
    expect((await read(tenant, run_id, 0)).body.status).toBe("paused");
    expect((await tenant.call("POST", `/v1/runs/${run_id}/approve`)).status).toBe(200);
    expect((await read(tenant, run_id)).body.status).toBe("completed");
  });
});

describe("retrying a run", () => {
  it("keeps what was done before, with changed parameters", async () => {
    const box = await openBox();
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const parameters = [{ key: "path", parameter_type: "workflow", workflow_parameter_type: "string" }];
    const blocks = [{ block_type: "http_request", label: "once", url: box.url }, set("risky", "{{ {'a': 1}[path] }}")];
    const failed = await start(tenant, { parameters, blocks }, { parameters: { path: "b" } }, PATIENCE_S);
    expect(failed.status).toBe("failed");
    const again = await tenant.call("POST", `/v1/runs/${failed.run_id}/retry`, { parameters: { path: "a" } }, UNTIL_IT_ENDS);
    expect(again.body).toMatchObject({
      status: "completed",
      retried_from_workflow_run_id: failed.run_id,
      output: { risky_output: { v: 1 } },
    });
    expect(await box.requests()).toHaveLength(1);
    const whole = await tenant.call(
      "POST",
      `/v1/runs/${failed.run_id}/retry`,
      { from_block: "start", parameters: { path: "a" } },
      UNTIL_IT_ENDS,
    );
    expect(whole.body.status).toBe("completed");
    expect(await box.requests()).toHaveLength(2);
    const unknown = await tenant.call("POST", `/v1/runs/${failed.run_id}/retry`, { from_block: "rsky" });
    expect(unknown).toMatchObject({ status: 400, body: { errors: [{ path: "from_block" }] } });
  });
});

describe("Skyvern's routes for runs", () => {
  const approval = (label: string) => ({ block_type: "human_interaction", label, instructions: "Is it right?" });

  it.each(["workflows", "agents"])("retry all blocks with the same request, at /v1/%s/runs/{id}/retry", async (word) => {
    const box = await openBox();
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const parameters = [{ key: "path", parameter_type: "workflow", workflow_parameter_type: "string" }];
    const blocks = [{ block_type: "http_request", label: "call", url: box.url }, set("got", "{{ path }}")];
    const first = await start(tenant, { parameters, blocks }, { parameters: { path: "a" }, webhook_url: box.url }, PATIENCE_S);
    const update = { title: "Newer", workflow_definition: { blocks: [set("other")] } };
    await tenant.call("POST", `/v1/workflows/${first.workflow_permanent_id}`, { json_definition: update });
    const before = [(await read(tenant, first.run_id)).body, await blocksOf(tenant, first.run_id)];
    const again = await tenant.call("POST", `/v1/${word}/runs/${first.run_id}/retry`, undefined, UNTIL_IT_ENDS);
    expect(again.status).toBe(200);
    expect(again.body).toMatchObject({
      status: "completed",
      version: 1,
      retried_from_workflow_run_id: first.run_id,
      run_request: first.run_request,
      output: { got_output: { v: "a" } },
    });
    expect(again.body.run_id).not.toBe(first.run_id);
    expect(await blocksOf(tenant, first.run_id)).toEqual(before[1]);
    expect((await read(tenant, first.run_id)).body).toEqual({ ...before[0], retried_by_workflow_run_id: again.body.run_id });
    expect(before[0].retried_from_workflow_run_id).toBeNull();
    const calls = (await box.requests()).filter(({ headers }) => headers["webhook-id"] === undefined);
    expect(calls).toHaveLength(2);
  });

  it("retry finished runs only", async () => {
    const tenant = await createTenant();
    const { run_id } = await start(tenant, { blocks: [wait("w", 3600)] });
    for (const word of ["workflows", "agents"]) {
      expect(await tenant.call("POST", `/v1/${word}/runs/${run_id}/retry`)).toMatchObject({
        status: 400,
        body: { detail: "Only terminal workflow runs can be retried" },
      });
      expect((await tenant.call("POST", `/v1/${word}/runs/wr_nobody/retry`)).status).toBe(404);
      expect((await (await createTenant()).call("POST", `/v1/${word}/runs/${run_id}/retry`)).status).toBe(404);
    }
  });

  it.each(["workflows", "agents"])("continue a run that waits for a person, at /v1/%s/runs/{id}/continue", async (word) => {
    const tenant = await createTenant();
    const { run_id } = await start(tenant, { blocks: [approval("ask"), set("after", "{{ ask_output.approved }}")] });
    const path = `/v1/${word}/runs/${run_id}/continue`;
    await eventually(async () => expect((await read(tenant, run_id, 0)).body.status).toBe("paused"));
    expect((await (await createTenant()).call("POST", path)).status).toBe(404);
    expect(await tenant.call("POST", path)).toMatchObject({ status: 200, body: { run_id } });
    expect((await read(tenant, run_id)).body).toMatchObject({ status: "completed", output: { after_output: { v: true } } });
    expect((await tenant.call("POST", path)).status).toBe(404);
  });

  it("continue a run that was paused by request", async () => {
    const tenant = await createTenant();
    const { run_id } = await start(tenant, { blocks: [wait("w", 3600)] });
    const path = `/v1/workflows/runs/${run_id}/continue`;
    expect((await tenant.call("POST", path)).status).toBe(404);
    await tenant.call("POST", `/v1/runs/${run_id}/pause`);
    expect((await tenant.call("POST", path)).body.status).toBe("running");
  });

  it("do not guess which of several blocks is approved", async () => {
    const tenant = await createTenant();
    const { run_id } = await start(tenant, { version: 3, blocks: [approval("one"), approval("two")] });
    await eventually(async () => expect((await read(tenant, run_id, 0)).body.status).toBe("paused"));
    const answer = await tenant.call("POST", `/v1/workflows/runs/${run_id}/continue`);
    expect(answer).toMatchObject({ status: 409, body: { detail: expect.stringContaining("Several blocks wait") } });
    expect(await blocksOf(tenant, run_id)).toMatchObject([{ status: "waiting" }, { status: "waiting" }]);
  });
});

describe("a child run", () => {
  it("shares its parent's slot, and gives its outputs to the parent", async () => {
    const tenant = await createTenant({ max_concurrent_runs: 1 });
    const child = await save(tenant, {
      parameters: [{ key: "n", parameter_type: "workflow", workflow_parameter_type: "integer" }],
      blocks: [set("double", "{{ n * 2 }}")],
    });
    const trigger = { block_type: "workflow_trigger", label: "sub", workflow_permanent_id: child, payload: { n: 21 } };
    const run = await start(tenant, { blocks: [trigger, set("got", "{{ sub_output.outputs.double_output.v }}")] }, {}, PATIENCE_S);
    expect(run).toMatchObject({ status: "completed", output: { got_output: { v: 42 } } });
  });

  it("fails its parent's block when it fails, and is canceled with its parent", async () => {
    const tenant = await createTenant();
    const failing = await save(tenant, { blocks: [set("bad", "{{ {}['x'] }}")] });
    const failed = await start(
      tenant,
      { blocks: [{ block_type: "workflow_trigger", label: "sub", workflow_permanent_id: failing }] },
      {},
      PATIENCE_S,
    );
    expect(failed).toMatchObject({ status: "failed", failure_reason: expect.stringContaining("is undefined") });
    const sleeping = await save(tenant, { blocks: [wait("w", 3600)] });
    const parent = await start(tenant, { blocks: [{ block_type: "workflow_trigger", label: "sub", workflow_permanent_id: sleeping }] });
    const childId = await eventually(async () => {
      const [block] = await blocksOf(tenant, parent.run_id);
      expect(block.block_workflow_run_id).toMatch(/^wr_/);
      return block.block_workflow_run_id;
    });
    await tenant.call("POST", `/v1/runs/${parent.run_id}/cancel`);
    expect((await read(tenant, childId)).body.status).toBe("canceled");
  });
});

describe("large outputs", () => {
  it("come back as they were, also after the object was away", async () => {
    const text = "x".repeat(100_000);
    const box = await openBox({ status: 200, headers: { "content-type": "text/plain" }, body: text });
    const owner = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const run = await start(
      owner,
      { blocks: [{ block_type: "http_request", label: "get", url: box.url }, set("length", "{{ get_output.response_body | length }}")] },
      {},
      PATIENCE_S,
    );
    expect(run).toMatchObject({ status: "completed", output: { length_output: { v: 100_000 } } });
    await evictDurableObject(env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${owner.organizationId}:${run.run_id}`)));
    expect((await read(owner, run.run_id)).body.output.get_output.response_body).toBe(text);
    expect((await owner.call("GET", `/v1/runs/${run.run_id}/artifacts`)).body).toEqual([]);
  });
});
