/// <reference types="vite/client" />
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { composeWorker } from "../../src/compose.ts";
import { eventually } from "../eventually.ts";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { type Answer, createTenant, type Tenant } from "./api.ts";
import type { Answer as ReceiverAnswer } from "./receiver.ts";
import { type Box, openBox } from "./receiver-client.ts";

const files = import.meta.glob<object>("../../docs/examples/*.json", { eager: true, import: "default" });
/** By the names of their files, without `.json`. */
const examples = new Map(Object.entries(files).map(([path, example]) => [path.split("/").at(-1)!.replace(".json", ""), example]));
/** What `npm run demo` runs: it needs a browser and a shop. */
const shown = new Set(["shop-order"]);

/** Tests of what the description of an example promises. */
function describeExample(name: string, tests: (example: Example) => void): void {
  shown.add(name);
  describe(`docs/examples/${name}.json`, () => tests(new Example(name)));
}

class Example {
  readonly #name: string;
  constructor(name: string) {
    this.#name = name;
  }

  async save(tenant: Tenant): Promise<string> {
    const { status, body } = await tenant.call("POST", "/v1/workflows", { json_definition: examples.get(this.#name) });
    expect(status, JSON.stringify(body)).toBe(200);
    return body.workflow_permanent_id;
  }

  /** Starts a run and does not wait for it. */
  async start(tenant: Tenant, parameters: object, more: object = {}): Promise<RunOf> {
    return await startRun(tenant, await this.save(tenant), parameters, more);
  }

  /** A run to its end. */
  async run(tenant: Tenant, parameters: object): Promise<Answer["body"]> {
    return await (await this.start(tenant, parameters)).ended();
  }
}

async function startRun(tenant: Tenant, workflow_id: string, parameters: object, more: object = {}): Promise<RunOf> {
  const { status, body } = await tenant.call("POST", "/v1/run/workflows", { workflow_id, parameters, ...more });
  expect(status, JSON.stringify(body)).toBe(200);
  return new RunOf(tenant, body.run_id);
}

class RunOf {
  readonly id: string;
  readonly #tenant: Tenant;
  constructor(tenant: Tenant, id: string) {
    this.#tenant = tenant;
    this.id = id;
  }

  async read(): Promise<Answer["body"]> {
    return (await this.#tenant.call("GET", `/v1/runs/${this.id}`)).body;
  }

  async ended(): Promise<Answer["body"]> {
    return (await this.#tenant.call("GET", `/v1/runs/${this.id}`, undefined, UNTIL_IT_ENDS)).body;
  }

  async reaches(status: string): Promise<void> {
    await eventually(async () => expect((await this.read()).status).toBe(status));
  }

  async post(verb: string, body?: object): Promise<Answer> {
    return await this.#tenant.call("POST", `/v1/runs/${this.id}/${verb}`, body);
  }

  /** The blocks that have begun, by label; of those in loops, the outermost only. */
  async blocks(): Promise<Record<string, Answer["body"]>> {
    const { body } = await this.#tenant.call("GET", `/v1/runs/${this.id}/timeline`);
    return Object.fromEntries(body.map(({ block }: { block: { label: string } }) => [block.label, block]));
  }

  /** Ends its object in the middle of its work, as when the process dies, and wakes it again. */
  async kill(): Promise<void> {
    await expect(runInDurableObject(this.object, (_object, state) => state.abort("killed by the test"))).rejects.toThrow(
      "killed by the test",
    );
    await this.read();
  }

  get object() {
    return env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${this.#tenant.organizationId}:${this.id}`));
  }
}

const json = (value: unknown, more: object = {}) => ({
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
  ...more,
});
/** What one block gave in each iteration of a loop; null where it gave nothing. */
function outputsInLoop(output: readonly { output_parameter: { key: string }; output_value: unknown }[][], name: string): unknown[] {
  return output.map((iteration) => iteration.find(({ output_parameter: { key } }) => key === name)?.output_value ?? null);
}
/** An organization that may reach the receiver. */
const createCaller = (more: { max_concurrent_runs?: number } = {}) => createTenant({ allowed_hosts: ["127.0.0.1"], ...more });

async function received(box: Box, count: number) {
  return await eventually(async () => {
    const requests = await box.requests();
    expect(requests).toHaveLength(count);
    return requests;
  });
}

describeExample("conditional-merge", (example) => {
  it.each([
    [{ weight_kg: 3, express: true }, "courier", 21],
    [{ weight_kg: 30 }, "freight", 70],
    [{ weight_kg: 3 }, "parcel", 8],
  ])("takes one branch, and goes on where they meet: %j", async (parameters, carrier, price) => {
    const run = await example.start(await createTenant(), parameters);
    expect(await run.ended()).toMatchObject({ status: "completed", output: { quote_output: { best: { carrier, price } } } });
    expect(Object.keys(await run.blocks()).toSorted()).toEqual(["choose", carrier, "quote"].toSorted());
  });
});

describeExample("skip-condition", (example) => {
  it.each([
    [100, "completed", 90],
    [99, "skipped", 99],
  ])("of %d: the discount is %s", async (total, discount, invoiced) => {
    const run = await example.start(await createTenant(), { total });
    expect(await run.ended()).toMatchObject({ status: "completed", output: { invoice_output: { total: invoiced } } });
    expect((await run.blocks()).discount).toMatchObject({ status: discount });
  });
});

describeExample("parallel-join", (example) => {
  it("sends two requests at the same time, the third when there is room, and joins all three", async () => {
    const [first, second, third] = await Promise.all([
      openBox(json({ price: 12 }, { hold: "head" })),
      openBox(json({ price: 9 }, { hold: "head" })),
      openBox(json({ price: 10 })),
    ]);
    const run = await example.start(await createCaller(), { first_url: first.url, second_url: second.url, third_url: third.url });
    await Promise.all([received(first, 1), received(second, 1)]);
    expect(Object.keys(await run.blocks()).toSorted()).toEqual(["first", "second"]);
    await second.release();
    await received(third, 1);
    await eventually(async () => expect((await run.blocks()).third).toMatchObject({ status: "completed" }));
    expect(await run.blocks()).not.toHaveProperty("compare");
    await first.release();
    expect(await run.ended()).toMatchObject({ status: "completed", output: { compare_output: { lowest: 9 } } });
  });
});

describeExample("parallel-choice", (example) => {
  it.each([
    [{ in_stock: 5, wanted: 3 }, "order", "tell", { ordered: 3, missing: 0 }],
    [{ in_stock: 1, wanted: 3 }, "tell", "order", { ordered: 0, missing: 2 }],
  ])("of %j: runs %s, skips %s, and reports", async (parameters, taken, skipped, report) => {
    const run = await example.start(await createTenant(), parameters);
    expect(await run.ended()).toMatchObject({ status: "completed", output: { report_output: report } });
    expect(await run.blocks()).toMatchObject({
      [taken]: { status: "completed" },
      [skipped]: { status: "skipped" },
      audit: { status: "completed" },
    });
  });
});

describeExample("loop-concurrent", (example) => {
  it("runs three iterations at a time, and keeps the order", async () => {
    const box = await openBox(json({ pieces: 7 }, { hold: "head" }));
    const run = await example.start(await createCaller(), { skus: ["A", "B", "C", "D", "E"], stock_url: box.url });
    await received(box, 3);
    expect(await run.read()).toMatchObject({ status: "running" });
    await box.release();
    const { status, output } = await run.ended();
    expect([status, output.summary_output]).toEqual(["completed", { checked: 5 }]);
    expect(outputsInLoop(output.each_sku_output, "line_output")).toEqual(
      ["A", "B", "C", "D", "E"].map((sku, index) => ({ number: index + 1, sku, pieces: 7 })),
    );
    expect(await box.requests()).toHaveLength(5);
  });

  it("completes with nothing to go over", async () => {
    const { status, output } = await example.run(await createTenant(), { skus: [], stock_url: "https://shop.example" });
    expect([status, output]).toEqual(["completed", { each_sku_output: [], summary_output: { checked: 0 } }]);
  });

  it("fails over more than 1,000 items, before the first", async () => {
    const skus = Array.from({ length: 1_001 }, (_, index) => index);
    const { status, failure_reason } = await example.run(await createTenant(), { skus, stock_url: "https://shop.example" });
    expect([status, failure_reason]).toEqual([
      "failed",
      'Block "each_sku" (for_loop) failed: The list has 1001 items; a loop may have 1000 iterations.',
    ]);
  });
});

describeExample("loop-failures", (example) => {
  it("goes on with the next order, and past a message", async () => {
    const orders = await openBox(json({}), { status: 404 }, json({}));
    const messages = await openBox({ status: 404 }, {});
    const { status, output } = await example.run(await createCaller(), {
      orders: [1, 2, 3],
      orders_url: orders.url,
      messages_url: messages.url,
    });
    expect(status).toBe("completed");
    expect(outputsInLoop(output.each_order_output, "note_output")).toEqual([
      { order: 1, thanked: false },
      null,
      { order: 3, thanked: true },
    ]);
    expect((await orders.requests()).map(({ url }) => url.split("/").at(-1))).toEqual(["1", "2", "3"]);
    expect((await messages.requests()).map(({ body }) => JSON.parse(body))).toEqual([{ order: 1 }, { order: 3 }]);
  });

  it("is terminated when there is nothing to go over", async () => {
    const { status, failure_reason } = await example.run(await createTenant(), {
      orders: [],
      orders_url: "https://shop.example",
      messages_url: "https://shop.example",
    });
    expect([status, failure_reason]).toEqual(["terminated", expect.stringContaining("No iterable value found for the loop block")]);
  });
});

describeExample("while-until", (example) => {
  it("looks until the report is ready", async () => {
    const box = await openBox(json({ status: "working" }), json({ status: "working" }), json({ status: "ready", link: "/report.pdf" }));
    const { status, output } = await example.run(await createCaller(), { report_url: box.url, pause_seconds: 0.05 });
    expect([status, output.report_output]).toEqual(["completed", { looks: 3, link: "/report.pdf" }]);
    expect(await box.requests()).toHaveLength(3);
  });
});

describeExample("retry-backoff", (example) => {
  it("tries again after failures that may pass, with the same key", async () => {
    const box = await openBox({ status: 503 }, { reset: true }, { status: 201 });
    const run = await example.start(await createCaller(), { orders_url: box.url, sku: "A-1" });
    expect(await run.ended()).toMatchObject({ status: "completed", output: { order_output: { status_code: 201 } } });
    const keys = (await box.requests()).map(({ headers }) => headers["idempotency-key"]);
    expect(keys).toEqual([expect.any(String), keys[0], keys[0]]);
    expect(await run.blocks()).toMatchObject({ order: { attempt: 3, status: "completed" }, prepare: { attempt: 1 } });
  });

  it("does not try again what will not pass, and can be tried again from there", async () => {
    const box = await openBox({ status: 400 }, {});
    const tenant = await createCaller();
    const run = await example.start(tenant, { orders_url: box.url, sku: "A-1" });
    expect(await run.ended()).toMatchObject({ status: "failed", failure_reason: expect.stringContaining("answered 400") });
    const { body } = await run.post("retry");
    expect(await new RunOf(tenant, body.run_id).ended()).toMatchObject({
      status: "completed",
      retried_from_workflow_run_id: run.id,
      output: { prepare_output: { sku: "A-1" } },
    });
    expect(await box.requests()).toHaveLength(2);
  });
});

describeExample("optional-step", (example) => {
  it("goes on without what cannot be read, and names the failure", async () => {
    const [product, reviews] = [await openBox(json({ name: "Cup" })), await openBox({ status: 404 })];
    const run = await example.start(await createCaller(), { product_url: product.url, reviews_url: reviews.url });
    expect(await run.ended()).toMatchObject({ status: "completed", output: { page_output: { name: "Cup", reviews: 0 } } });
    expect((await run.blocks()).reviews).toMatchObject({ status: "failed", error_codes: ["NO_REVIEWS"] });
  });

  it("fails without what it needs", async () => {
    const product = await openBox({ status: 404 });
    expect(await example.run(await createCaller(), { product_url: product.url, reviews_url: product.url })).toMatchObject({
      status: "failed",
    });
  });
});

describeExample("block-timeout", (example) => {
  it("cuts the request short and goes on", async () => {
    const box = await openBox({ hold: "head" });
    const run = await example.start(await createCaller(), { price_url: box.url });
    expect(await run.ended()).toMatchObject({ status: "completed", output: { answer_output: { known: false } } });
    expect((await run.blocks()).price).toMatchObject({ status: "failed", attempt: 1 });
    await eventually(async () => expect(await box.requests()).toMatchObject([{ abandoned: true }]));
  });
});

describeExample("on-interrupted", (example) => {
  /** When the request has come, and before it is answered. */
  async function interrupt(run: RunOf, box: Box): Promise<void> {
    await received(box, 1);
    await run.kill();
  }

  it("reserves again by itself, asks before it pays again, and never ships twice", async () => {
    const [reserve, pay, ship] = await Promise.all([
      openBox({ hold: "head" }, {}),
      openBox({ hold: "head" }, {}),
      openBox({ hold: "head" }, {}),
    ]);
    const run = await example.start(await createCaller(), { reserve_url: reserve.url, pay_url: pay.url, ship_url: ship.url });
    await interrupt(run, reserve);
    await interrupt(run, pay);
    const [first, second] = await reserve.requests();
    expect(second?.headers["idempotency-key"]).toBe(first?.headers["idempotency-key"]);
    await run.reaches("paused");
    expect((await run.blocks()).pay).toMatchObject({ status: "waiting", waiting_for: "interruption" });
    expect(await pay.requests()).toHaveLength(1);
    expect((await run.post("approve")).status).toBe(200);
    await interrupt(run, ship);
    expect(await run.ended()).toMatchObject({ status: "failed", failure_reason: expect.stringContaining("Outcome unknown") });
    expect((await run.blocks()).ship).toMatchObject({ status: "failed", outcome: "unknown" });
    expect([await reserve.requests(), await pay.requests(), await ship.requests()].map(({ length }) => length)).toEqual([2, 2, 1]);
  });

  it("fails when the person says that it must not be run again", async () => {
    const [reserve, pay] = await Promise.all([openBox(), openBox({ hold: "head" }, {})]);
    const run = await example.start(await createCaller(), { reserve_url: reserve.url, pay_url: pay.url, ship_url: reserve.url });
    await interrupt(run, pay);
    await run.reaches("paused");
    expect((await run.post("reject")).status).toBe(200);
    expect(await run.ended()).toMatchObject({ status: "failed" });
    expect(await pay.requests()).toHaveLength(1);
  });
});

describeExample("finally-cleanup", (example) => {
  async function prepare(work: ReceiverAnswer) {
    const boxes = await Promise.all([openBox(json({ account: "a-7" })), openBox(work), openBox()]);
    const [borrow, doing, back] = boxes;
    const run = await example.start(await createCaller(), { borrow_url: borrow.url, work_url: doing.url, give_back_url: back.url });
    return { run, work: doing, back };
  }
  const givenBack = async (back: Box) => (await back.requests()).map(({ body }) => JSON.parse(body));

  it.each([
    ["completed", {}],
    ["failed", { status: 400 }],
  ])("gives back when the run has %s", async (status, answer) => {
    const { run, back } = await prepare(answer);
    expect(await run.ended()).toMatchObject({ status });
    expect(await givenBack(back)).toEqual([{ account: "a-7" }]);
  });

  it("gives back when the run is canceled in the middle of a request", async () => {
    const { run, work, back } = await prepare({ hold: "head" });
    await received(work, 1);
    expect((await run.post("cancel")).status).toBe(200);
    expect(await run.ended()).toMatchObject({ status: "canceled" });
    expect(await givenBack(back)).toEqual([{ account: "a-7" }]);
    await eventually(async () => expect(await work.requests()).toMatchObject([{ abandoned: true }]));
  });

  it("gives back when the run was at work for longer than its minute", async () => {
    const { run, work, back } = await prepare({ hold: "head" });
    await received(work, 1);
    await runInDurableObject(run.object, (_object, state) => {
      // As if all of it had been two minutes ago.
      state.storage.sql.exec("UPDATE journal SET event = json_set(event, '$.at', json_extract(event, '$.at') - 120000)");
    });
    await run.kill();
    expect(await run.ended()).toMatchObject({ status: "timed_out", failure_reason: expect.stringContaining("60 seconds") });
    expect(await givenBack(back)).toEqual([{ account: "a-7" }]);
  });
});

describeExample("approval", (example) => {
  it.each([
    ["approve", "completed", { order_output: { total: 900, approved_by_a_person: true } }],
    ["reject", "terminated", {}],
  ])("pauses a large order; %s: %s", async (verb, status, output) => {
    const run = await example.start(await createTenant(), { total: 900 });
    await run.reaches("paused");
    expect((await run.blocks()).approval).toMatchObject({ status: "waiting", instructions: "An order of 900 is waiting. Is that right?" });
    expect((await run.post(verb)).status).toBe(200);
    expect(await run.ended()).toMatchObject({ status, output });
    expect((await run.post(verb)).status).toBe(409);
  });

  it("asks nobody about a small one", async () => {
    expect(await example.run(await createTenant(), { total: 20 })).toMatchObject({
      status: "completed",
      output: { order_output: { approved_by_a_person: false } },
    });
  });
});

describeExample("nested-workflow", (example) => {
  it("runs the other workflow for each parcel, within the parent's slot", async () => {
    const tenant = await createTenant({ max_concurrent_runs: 1 });
    const carrier_workflow = await new Example("conditional-merge").save(tenant);
    const { status, output } = await example.run(tenant, { carrier_workflow, parcels: [3, 30] });
    expect(status).toBe("completed");
    expect(outputsInLoop(output.each_parcel_output, "shipment_output")).toEqual([{ carrier: "parcel" }, { carrier: "freight" }]);
  });

  it("cancels its children with it", async () => {
    const tenant = await createTenant();
    const carrier_workflow = await new Example("approval").save(tenant);
    const run = await startRun(tenant, await saveTrigger(tenant), { carrier_workflow });
    const child = await eventually(async () => new RunOf(tenant, requireText((await run.blocks()).child?.block_workflow_run_id)));
    await child.reaches("paused");
    await run.post("cancel");
    expect((await run.ended()).status).toBe("canceled");
    await child.reaches("canceled");
  });

  it("fails when there is no such workflow", async () => {
    const { status, failure_reason } = await example.run(await createTenant(), {
      carrier_workflow: "wpid_01JD0000000000000000000000",
      parcels: [1],
    });
    expect([status, failure_reason]).toEqual(["failed", expect.stringContaining("wpid_01JD0000000000000000000000")]);
  });

  async function saveTrigger(tenant: Tenant): Promise<string> {
    const blocks = [
      { block_type: "workflow_trigger", label: "child", workflow_permanent_id: "{{ carrier_workflow }}", payload: { total: 900 } },
    ];
    const parameters = [{ parameter_type: "workflow", key: "carrier_workflow", workflow_parameter_type: "string" }];
    return (
      await tenant.call("POST", "/v1/workflows", { json_definition: { title: "Trigger", workflow_definition: { parameters, blocks } } })
    ).body.workflow_permanent_id;
  }
});

describeExample("recursion", (example) => {
  it("runs itself, on one slot", async () => {
    expect(await example.run(await createTenant({ max_concurrent_runs: 1 }), { number: 4 })).toMatchObject({
      status: "completed",
      output: { runs_output: { count: 5 } },
    });
  });

  it("fails beyond 10 deep", async () => {
    expect(await example.run(await createTenant(), { number: 12 })).toMatchObject({
      status: "failed",
      failure_reason: expect.stringContaining("10 deep"),
    });
  });
});

describeExample("sequential-key", (example) => {
  it("lets one run at work for each account, in the order of their starts", async () => {
    const [box, tenant] = [await openBox({ hold: "head" }), await createCaller()];
    const workflow_id = await example.save(tenant);
    const book = (account: string) => startRun(tenant, workflow_id, { account, bookings_url: box.url });
    const first = await book("ann");
    const second = await book("ann");
    const other = await book("bob");
    await received(box, 2);
    expect([await first.read(), await second.read(), await other.read()].map(({ status }) => status)).toEqual([
      "running",
      "queued",
      "running",
    ]);
    expect(await second.read()).toMatchObject({ queue_position: 1, queue_reason: expect.stringContaining(first.id) });
    await box.release();
    expect([await first.ended(), await second.ended(), await other.ended()].map(({ status }) => status)).toEqual([
      "completed",
      "completed",
      "completed",
    ]);
    expect((await box.requests()).map(({ body }): string => JSON.parse(body).account).toSorted()).toEqual(["ann", "ann", "bob"]);
  });

  it("queues runs over the organization's limit, whatever their account; who prefers an error gets one", async () => {
    const [box, tenant] = [await openBox({ hold: "head" }), await createCaller({ max_concurrent_runs: 1 })];
    const workflow_id = await example.save(tenant);
    const parameters = { account: "ann", bookings_url: box.url };
    await startRun(tenant, workflow_id, parameters);
    const second = await startRun(tenant, workflow_id, { ...parameters, account: "bob" });
    expect(await second.read()).toMatchObject({ status: "queued", queue_position: 1 });
    const refused = await tenant.call("POST", "/v1/run/workflows", {
      workflow_id,
      parameters: { ...parameters, account: "eve" },
      on_limit: "reject",
    });
    expect([refused.status, Number(refused.headers.get("retry-after"))]).toEqual([429, expect.any(Number)]);
    await box.release();
    expect(await second.ended()).toMatchObject({ status: "completed" });
  });
});

describeExample("credentials", (example) => {
  const shop = json({ customer: "Ann", orders: [1, 2], session: { token: "its own", user: "ann" }, echo: "correct horse battery" });

  it("sends the real password and code, and gives back neither", async () => {
    const [tenant, box] = [await createCaller(), await openBox(shop)];
    const credential = {
      username: "ann@example.com",
      password: "correct horse battery",
      totp: "GEZDGNBVGY3TQOJQ",
      totp_type: "authenticator",
    };
    const stored = await tenant.call("POST", "/v1/credentials", { name: "Shop", credential_type: "password", credential });
    const run = await example.run(tenant, { login: stored.body.credential_id, login_url: box.url });
    expect(run).toMatchObject({ status: "completed", output: { result_output: { customer: "Ann", orders: 2 } } });
    const [sent] = await box.requests();
    expect(JSON.parse(sent!.body)).toEqual({
      user: credential.username,
      password: credential.password,
      code: expect.stringMatching(/^\d{6}$/),
    });
    expect(run.output.log_in_output.body).toEqual({ customer: "Ann", orders: [1, 2], session: { token: "***", user: "ann" }, echo: "***" });
    expect(run.output.log_in_output.request_body).toEqual({ user: credential.username, password: "***", code: "***" });
  });

  it("waits for a code that is sent in, where the credential has no authenticator", async () => {
    const [tenant, box] = [await createCaller(), await openBox(shop)];
    const credential = { username: "ann", password: "correct horse battery", totp_type: "email", totp_identifier: "ann@example.com" };
    const stored = await tenant.call("POST", "/v1/credentials", { name: "Shop", credential_type: "password", credential });
    await tenant.call("POST", "/v1/credentials/totp", { totp_identifier: "ann@example.com", content: "482913 is your Shop code" });
    expect(await example.run(tenant, { login: stored.body.credential_id, login_url: box.url })).toMatchObject({ status: "completed" });
    expect(JSON.parse((await box.requests())[0]!.body).code).toBe("482913");
  });

  it("is refused with another organization's credential", async () => {
    const [tenant, other] = [await createCaller(), await createCaller()];
    const body = { name: "Shop", credential_type: "secret", credential: { secret_value: "theirs" } };
    const theirs = await other.call("POST", "/v1/credentials", body);
    const parameters = { login: theirs.body.credential_id, login_url: "https://shop.example" };
    const started = await tenant.call("POST", "/v1/run/workflows", { workflow_id: await example.save(tenant), parameters });
    expect([started.status, started.body.errors]).toEqual([400, [expect.objectContaining({ path: "parameters.login" })]]);
  });
});

describeExample("wait", (example) => {
  it("completes when the time has come, also through an eviction", async () => {
    const run = await example.start(await createTenant(), { seconds: 0.3 });
    await evictDurableObject(run.object);
    expect(await run.ended()).toMatchObject({ status: "completed", output: { reminder_output: { text: "Time is up." } } });
  });

  it("is canceled at once", async () => {
    const run = await example.start(await createTenant(), { seconds: 86_400 });
    expect(await run.read()).toMatchObject({ status: "running" });
    await run.post("cancel");
    expect(await run.read()).toMatchObject({ status: "canceled", output: {} });
    expect((await run.blocks()).a_while).toMatchObject({ status: "canceled" });
  });

  it("stands still while it is paused", async () => {
    const run = await example.start(await createTenant(), { seconds: 0.2 });
    expect((await run.post("pause")).body).toMatchObject({ status: "paused" });
    expect((await run.post("resume")).body).toMatchObject({ status: "running" });
    expect(await run.ended()).toMatchObject({ status: "completed" });
  });

  it("is refused with a parameter that is wrong, and the try is kept", async () => {
    const tenant = await createTenant();
    const workflow_id = await example.save(tenant);
    const { status, body } = await tenant.call("POST", "/v1/run/workflows", { workflow_id, parameters: { seconds: "soon" } });
    expect([status, body.errors]).toEqual([400, [expect.objectContaining({ path: "parameters.seconds" })]]);
    expect(await new RunOf(tenant, body.run_id).read()).toMatchObject({ status: "invalid" });
  });
});

describeExample("run-retry", (example) => {
  it("tries the run again from what failed, after a pause", async () => {
    const [download, into] = [await openBox(json({ rows: [1, 2] })), await openBox({ status: 400 }, { hold: "head" })];
    const run = await example.start(await createCaller(), { download_url: download.url, import_url: into.url });
    await run.reaches("retrying");
    expect((await run.read()).failure_reason).toContain("answered 400");
    await received(into, 2);
    await into.release();
    expect(await run.ended()).toMatchObject({ status: "completed", failure_reason: null });
    expect(await download.requests()).toHaveLength(1);
  });

  it("fails after its last try", async () => {
    const [download, into] = [await openBox(json({ rows: [] })), await openBox({ status: 400 })];
    expect(await example.run(await createCaller(), { download_url: download.url, import_url: into.url })).toMatchObject({
      status: "failed",
    });
    expect(await into.requests()).toHaveLength(3);
  });
});

describeExample("daily-summary", (example) => {
  it("runs by itself at the time of its schedule", async () => {
    const tenant = await createCaller();
    const path = `/v1/workflows/${await example.save(tenant)}/schedules`;
    const request = { cron_expression: "30 9 * * MON-FRI", timezone: "Europe/Berlin", parameters: { team: "sales" } };
    const { body } = await tenant.call("POST", path, request);
    await composeWorker(env).scheduled(Date.parse(body.next_runs[0]));
    const { last_run_id } = (await tenant.call("GET", `${path}/${body.schedule.workflow_schedule_id}`)).body.schedule;
    const { status, output } = await new RunOf(tenant, last_run_id).ended();
    expect([status, output.summary_output.text]).toEqual(["completed", expect.stringMatching(/^Summary for sales, \d{4}-\d\d-\d\d$/)]);
  });
});

it("every example is run by a test", () => {
  expect([...examples.keys()].toSorted()).toEqual([...shown].toSorted());
});

function requireText(value: unknown): string {
  if (typeof value !== "string") throw new Error(`not there yet: ${JSON.stringify(value)}`);
  return value;
}
