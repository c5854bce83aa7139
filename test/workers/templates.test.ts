import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { openDatabase } from "../../src/adapters/d1/database.ts";
import { createWorkflows } from "../../src/adapters/d1/workflows.ts";
import { createTemplates } from "../../src/adapters/r2-templates.ts";
import type { OrganizationId, WorkflowId } from "../../src/domain/id.ts";
import { findRunnable } from "../../src/services/workflows.ts";
import { asAdmin, createTenant, definition } from "./api.ts";

let made = 0;
function newTemplateId(): WorkflowId {
  return `wpid_template_${++made}_${crypto.randomUUID()}`;
}

async function publish(id: string, json: object) {
  return await asAdmin("PUT", `/templates/${id}`, json);
}

/** The same bucket, with the reads that went to it. */
function watched(bucket: R2Bucket) {
  const reads: { key: string; downloaded: boolean }[] = [];
  const get = async (key: string, options?: R2GetOptions) => {
    const object = await bucket.get(key, options);
    reads.push({ key, downloaded: object !== null && "body" in object });
    return object;
  };
  return { bucket: { get, put: bucket.put.bind(bucket) } as unknown as R2Bucket, reads };
}

/** The same bucket, for a writer that dies after so many writes. */
function dyingAfter(bucket: R2Bucket, writes: number): R2Bucket {
  let left = writes;
  const put: typeof bucket.put = (...args) => {
    if (left-- > 0) return bucket.put(...(args as Parameters<typeof bucket.put>));
    throw new Error("died");
  };
  return { get: bucket.get.bind(bucket), put } as unknown as R2Bucket;
}

const sample = (id: WorkflowId, title: string) => ({
  workflow_permanent_id: id,
  workflow_id: `w_${title}` as const,
  definition: definition(title),
  hash: title,
  created_at: 1000,
});

describe("publishing a template", () => {
  it("makes a version only when the content changed", async () => {
    const id = newTemplateId();
    expect(await publish(id, definition("One"))).toMatchObject({
      status: 200,
      body: { workflow_permanent_id: id, version: 1, changed: true },
    });
    expect((await publish(id, definition("One"))).body).toEqual({ workflow_permanent_id: id, version: 1, changed: false });
    expect((await publish(id, definition("Two"))).body).toEqual({ workflow_permanent_id: id, version: 2, changed: true });
    const list = await (await env.TEMPLATES.get("global_workflows.txt"))!.text();
    expect(list.split("\n").filter((line) => line === id)).toHaveLength(1);
    const { objects } = await env.TEMPLATES.list({ prefix: `templates/${id}/` });
    expect(objects.map(({ key }) => key.split("/").at(-1))).toEqual(["1.json", "2.json", "index.json"]);
  });

  it("refuses a definition that is not valid, and writes nothing", async () => {
    const id = newTemplateId();
    const refused = await publish(id, definition("Bad", { blocks: [{ block_type: "sett", label: "a" }] }));
    expect(refused).toMatchObject({
      status: 422,
      body: { errors: expect.arrayContaining([expect.objectContaining({ code: "unknown_block_type" })]) },
    });
    expect((await env.TEMPLATES.list({ prefix: `templates/${id}/` })).objects).toEqual([]);
  });

  it("refuses an id of another form", async () => {
    expect(await publish("o_1", definition())).toMatchObject({ status: 400, body: { errors: [{ path: "workflow_permanent_id" }] } });
  });

  it("tells of the id and of the definition at once", async () => {
    const refused = await publish("o_1", { ...definition("Bad", { blocks: [{ block_type: "sett", label: "a" }] }), colour: "red" });
    expect(refused.status).toBe(422);
    expect(refused.body.errors.map(({ path }: { path: string }) => path).toSorted()).toEqual([
      "colour",
      "workflow_definition.blocks[0].block_type",
      "workflow_permanent_id",
    ]);
  });

  it("takes no folder from the definition: a template is in none", async () => {
    const id = newTemplateId();
    expect((await publish(id, { ...definition(), folder_id: "fld_1" })).status).toBe(200);
    const { call } = await createTenant();
    expect((await call("GET", `/v1/templates/${id}`)).body).toMatchObject({ folder_id: null });
  });

  it("gives contents that come at the same time each their own version, and lists every template", async () => {
    const [id, other] = [newTemplateId(), newTemplateId()];
    const contents = ["A", "B", "C", "D", "E"];
    const writers = contents.map(() => createTemplates(env.TEMPLATES, () => 1000)); // as in isolates apart
    const results = await Promise.all([
      ...contents.map((title, index) => writers[index]!.publish(sample(id, title))),
      createTemplates(env.TEMPLATES, () => 1000).publish(sample(other, "F")),
    ]);
    const reader = createTemplates(env.TEMPLATES, () => 1000);
    expect(new Set(results.slice(0, 5).map(({ version }) => version))).toEqual(new Set([1, 2, 3, 4, 5]));
    for (const [index, title] of contents.entries()) {
      expect((await reader.version(id, results[index]!.version))?.definition.title).toBe(title);
    }
    expect((await reader.index(id))?.latest_version).toBe(5);
    expect(await reader.retrieveGlobalWorkflows()).toEqual(expect.arrayContaining([id, other]));
  });

  it("finishes what another began that died before the index named its version", async () => {
    const id = newTemplateId();
    const orphan = { ...sample(id, "Orphan"), version: 1 };
    await env.TEMPLATES.put(`templates/${id}/1.json`, JSON.stringify(orphan));
    const templates = createTemplates(env.TEMPLATES, () => 1000);
    expect(await templates.publish(sample(id, "Next"))).toEqual({ version: 2, changed: true });
    expect((await templates.version(id, 1))?.definition.title).toBe("Orphan");
    expect(await templates.index(id)).toMatchObject({ latest_version: 2, title: "Next" });
  });
});

describe("unpublishing a template", () => {
  it("takes it from the list and from every route, once, and counts on when it is published again", async () => {
    const id = newTemplateId();
    const { call } = await createTenant();
    await publish(id, definition("One"));
    const { body: run } = await call(
      "POST",
      "/v1/run/workflows?template=true",
      { workflow_id: id, parameters: { count: 1 } },
      UNTIL_IT_ENDS,
    );
    expect(await asAdmin("DELETE", `/templates/${id}`)).toMatchObject({ status: 204, body: null });
    expect((await asAdmin("DELETE", `/templates/${id}`)).status).toBe(404);
    expect((await asAdmin("DELETE", "/templates/o_1")).status).toBe(404);
    expect((await call("GET", `/v1/templates/${id}`)).status).toBe(400);
    expect((await call("POST", "/v1/run/workflows?template=true", { workflow_id: id, parameters: { count: 1 } })).status).toBe(400);
    expect((await call("POST", `/v1/templates/${id}/workflows`)).status).toBe(400);
    expect((await call("GET", `/v1/workflows/runs/${run.run_id}`)).body.workflow).toMatchObject({ title: "One", version: 1 });
    expect((await publish(id, definition("One"))).body).toEqual({ workflow_permanent_id: id, version: 1, changed: false });
    expect((await call("GET", `/v1/templates/${id}`)).body.title).toBe("One");
    await asAdmin("DELETE", `/templates/${id}`);
    expect((await publish(id, definition("Two"))).body).toEqual({ workflow_permanent_id: id, version: 2, changed: true });
  });

  it("loses nothing of what others publish and unpublish at the same time", async () => {
    const [stays, ...rest] = Array.from({ length: 7 }, newTemplateId) as [WorkflowId, ...WorkflowId[]];
    const [leaving, coming] = [rest.slice(0, 3), rest.slice(3)];
    const first = createTemplates(env.TEMPLATES, () => 1000);
    for (const id of [stays, ...leaving]) await first.publish(sample(id, "Old"));
    const each = () => createTemplates(env.TEMPLATES, () => 1000); // as in isolates apart
    await Promise.all([...leaving.map((id) => each().unpublish(id)), ...coming.map((id) => each().publish(sample(id, "New")))]);
    const listed = new Set(await each().retrieveGlobalWorkflows());
    expect([stays, ...coming].filter((id) => !listed.has(id))).toEqual([]);
    expect(leaving.filter((id) => listed.has(id))).toEqual([]);
  });

  it("leaves nothing half-published when the publisher dies: the list names only what can be read", async () => {
    const id = newTemplateId();
    // Dies at its first, second or third write, each time with what is then in the bucket.
    for (const writes of [0, 1, 2]) {
      const dying = createTemplates(dyingAfter(env.TEMPLATES, writes), () => 1000);
      await expect(dying.publish(sample(id, "First"))).rejects.toThrow("died");
      const reader = createTemplates(env.TEMPLATES, () => 1000);
      expect(await reader.retrieveGlobalWorkflows()).not.toContain(id);
    }
    const templates = createTemplates(env.TEMPLATES, () => 1000);
    expect(await templates.publish(sample(id, "First"))).toEqual({ version: 1, changed: false });
    expect(await templates.retrieveGlobalWorkflows()).toContain(id);
    expect((await templates.version(id, 1))?.definition.title).toBe("First");
    for (const writes of [0, 1]) {
      await expect(createTemplates(dyingAfter(env.TEMPLATES, writes), () => 1000).publish(sample(id, "Second"))).rejects.toThrow("died");
      expect((await createTemplates(env.TEMPLATES, () => 1000).index(id))?.latest_version).toBe(1);
    }
    expect(await createTemplates(env.TEMPLATES, () => 1000).publish(sample(id, "Second"))).toEqual({ version: 2, changed: false });
  });
});

describe("a workflow made from a template", () => {
  it("is the organization's own, with the template's definition, and knows nothing of it afterwards", async () => {
    const id = newTemplateId();
    await publish(id, { ...definition("One"), description: "Ready-made." });
    const tenant = await createTenant();
    const { status, body } = await tenant.call("POST", `/v1/templates/${id}/workflows`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      title: "One",
      description: "Ready-made.",
      version: 1,
      is_template: false,
      folder_id: null,
      organization_id: tenant.organizationId,
      workflow_definition: definition().workflow_definition,
      warnings: [],
    });
    expect(body.workflow_permanent_id).not.toBe(id);
    await publish(id, definition("Two"));
    expect((await tenant.call("GET", `/v1/workflows/${body.workflow_permanent_id}`)).body.title).toBe("One");
    const started = { workflow_id: body.workflow_permanent_id, parameters: { count: 21 } };
    const { body: run } = await tenant.call("POST", "/v1/run/workflows", started, UNTIL_IT_ENDS);
    expect(run).toMatchObject({ status: "completed", output: { first_output: { doubled: 42 } } });
    expect((await (await createTenant()).call("GET", `/v1/workflows/${body.workflow_permanent_id}`)).status).toBe(404);
  });

  it("takes another title, a folder, and any version of the template", async () => {
    const id = newTemplateId();
    await publish(id, definition("One"));
    await publish(id, definition("Two"));
    const { call } = await createTenant();
    const { folder_id } = (await call("POST", "/v1/folders", { title: "F" })).body;
    expect((await call("POST", `/v1/templates/${id}/workflows`, {})).body.title).toBe("Two");
    expect((await call("POST", `/v1/templates/${id}/workflows`, { version: 1 })).body.title).toBe("One");
    expect((await call("POST", `/v1/templates/${id}/workflows`, { title: "Mine", folder_id })).body).toMatchObject({
      title: "Mine",
      folder_id,
    });
  });

  it("is made once under an Idempotency-Key, also when the template changes in between", async () => {
    const id = newTemplateId();
    await publish(id, definition("One"));
    const { call } = await createTenant();
    const make = (body: object) => call("POST", `/v1/templates/${id}/workflows`, body, { "idempotency-key": "k" });
    const [first, second] = await Promise.all([make({}), make({})]);
    await publish(id, definition("Two"));
    const third = await make({});
    expect([second.body.workflow_permanent_id, third.body.workflow_permanent_id]).toEqual(Array(2).fill(first.body.workflow_permanent_id));
    expect(third.body.title).toBe("One");
    expect(await make({ title: "Other" })).toMatchObject({ status: 422, body: { errors: [{ path: "Idempotency-Key" }] } });
  });

  it("is refused where the template, its version or the folder is not there, or the organization's limit is tighter", async () => {
    const id = newTemplateId();
    const blocks = ["a", "b"].map((label) => ({ block_type: "set", label, values: { v: 1 } }));
    await publish(id, definition("Two blocks", { blocks, parameters: [] }));
    const [tenant, small, stranger] = [await createTenant(), await createTenant({ max_workflow_blocks: 1 }), await createTenant()];
    const foreign = (await stranger.call("POST", "/v1/folders", { title: "F" })).body.folder_id;
    const make = (body: object, { call } = tenant, template: string = id) => call("POST", `/v1/templates/${template}/workflows`, body);
    expect(await make({}, tenant, "wpid_none")).toMatchObject({ status: 400, body: { type: "urn:pilotfish:problem:unknown_template" } });
    expect((await make({ version: 2 })).status).toBe(404);
    expect(await make({ folder_id: foreign })).toMatchObject({ status: 404, body: { errors: [{ path: "folder_id" }] } });
    expect(await make({}, small)).toMatchObject({ status: 422, body: { errors: [{ path: "workflow_definition.blocks" }] } });
    expect(await make({ title: "", version: 0, name: "x" })).toMatchObject({ status: 400 });
    for (const { call } of [tenant, small]) expect((await call("GET", "/v1/workflows")).body).toEqual([]);
  });
});

describe("reading templates", () => {
  it("is the same from the routes of workflows, agents and templates", async () => {
    const id = newTemplateId();
    await publish(id, definition("Shared one"));
    await publish(id, definition("Shared two"));
    const { call } = await createTenant();
    const read = async (path: string) => (await call("GET", path)).body;
    const latest = await read(`/v1/templates/${id}`);
    expect(latest).toMatchObject({
      workflow_permanent_id: id,
      version: 2,
      title: "Shared two",
      is_template: true,
      organization_id: "global",
    });
    expect(latest.workflow_definition).toEqual(definition().workflow_definition);
    expect(await read(`/v1/workflows/${id}?template=true`)).toEqual(latest);
    expect(await read(`/v1/agents/${id}?template=true&version=2`)).toEqual(latest);
    const first = await read(`/v1/workflows/${id}?template=true&version=1`);
    expect(first).toMatchObject({ version: 1, title: "Shared one" });
    expect(await read(`/v1/workflows/${id}/versions?template=true`)).toEqual([latest, first]);
    expect(await read(`/v1/templates/${id}/versions?page_size=1&page=2`)).toEqual([first]);
    const list = await read("/v1/templates?page_size=100");
    expect(list).toContainEqual(latest);
    expect(await read("/v1/workflows?template=true&page_size=100")).toEqual(list);
    expect(await read("/v1/templates?search_key=SHARED%20TWO")).toEqual([latest]);
    expect((await call("GET", `/v1/workflows/${id}`)).status).toBe(404);
  });

  it.each(["/v1/templates/{id}", "/v1/workflows/{id}?template=true", "/v1/workflows/{id}/versions?template=true"])(
    "names an id that is no template: %s",
    async (path) => {
      const tenant = await createTenant();
      const { workflow_permanent_id: own } = (await tenant.call("POST", "/v1/workflows", { json_definition: definition() })).body;
      const answer = await tenant.call("GET", path.replace("{id}", own));
      expect(answer).toMatchObject({
        status: 400,
        body: { type: "urn:pilotfish:problem:unknown_template", detail: expect.stringContaining(own) },
      });
    },
  );

  it("does not find a version that there is not", async () => {
    const id = newTemplateId();
    await publish(id, definition());
    expect((await (await createTenant()).call("GET", `/v1/templates/${id}?version=2`)).status).toBe(404);
  });

  it("asks the bucket again after a minute, and downloads only what changed", async () => {
    const id = newTemplateId();
    const writer = createTemplates(env.TEMPLATES, () => 0);
    await writer.publish(sample(id, "One"));
    let now = 0;
    const { bucket, reads } = watched(env.TEMPLATES);
    const reader = createTemplates(bucket, () => now);
    const index = `templates/${id}/index.json`;
    const latest = async () => [(await reader.index(id))?.title, reads.splice(0)];
    expect(await latest()).toEqual(["One", [{ key: index, downloaded: true }]]);
    now = 59_999;
    expect(await latest()).toEqual(["One", []]);
    now = 60_000;
    expect(await latest()).toEqual(["One", [{ key: index, downloaded: false }]]);
    await writer.publish(sample(id, "Two"));
    now = 119_999;
    expect(await latest()).toEqual(["One", []]);
    now = 120_000;
    expect(await latest()).toEqual(["Two", [{ key: index, downloaded: true }]]);
  });

  it("asks for the list by its ETag as well: unchanged it costs one conditional read a minute", async () => {
    const writer = createTemplates(env.TEMPLATES, () => 0);
    const [first, second] = [newTemplateId(), newTemplateId()];
    await writer.publish(sample(first, "One"));
    let now = 0;
    const { bucket, reads } = watched(env.TEMPLATES);
    const reader = createTemplates(bucket, () => now);
    const list = async () => [(await reader.retrieveGlobalWorkflows()).includes(second), reads.splice(0)];
    const key = "global_workflows.txt";
    expect(await list()).toEqual([false, [{ key, downloaded: true }]]);
    now = 60_000;
    expect(await list()).toEqual([false, [{ key, downloaded: false }]]);
    expect(await list()).toEqual([false, []]);
    await writer.publish(sample(second, "Two"));
    now = 119_999;
    expect(await list()).toEqual([false, []]);
    now = 120_000;
    expect(await list()).toEqual([true, [{ key, downloaded: true }]]);
  });

  it("sees at once what was published here", async () => {
    const id = newTemplateId();
    const templates = createTemplates(env.TEMPLATES, () => 0);
    await templates.publish(sample(id, "One"));
    await templates.index(id);
    await templates.publish(sample(id, "Two"));
    expect((await templates.index(id))?.title).toBe("Two");
    expect(await templates.retrieveGlobalWorkflows()).toContain(id);
  });
});

describe("findRunnable", () => {
  const organizationId: OrganizationId = "o_runnable";
  const deps = { workflows: createWorkflows(openDatabase(env.DB)), templates: createTemplates(env.TEMPLATES, Date.now) };

  it("finds a template's latest version, or the one that is asked for, for every organization", async () => {
    const id = newTemplateId();
    await publish(id, definition("One"));
    await publish(id, definition("Two"));
    const latest = await findRunnable(deps, organizationId, id, { template: true, version: null });
    expect(latest).toMatchObject({ workflow: { workflowPermanentId: id, version: 2, title: "Two" }, definition: { title: "Two" } });
    expect(latest.plan.root).toEqual(["first"]);
    expect((await findRunnable(deps, organizationId, id, { template: true, version: 1 })).workflow.title).toBe("One");
    await expect(findRunnable(deps, organizationId, id, { template: true, version: 3 })).rejects.toMatchObject({ code: "not_found" });
    await expect(findRunnable(deps, organizationId, id, { template: false, version: null })).rejects.toMatchObject({ code: "not_found" });
    await expect(findRunnable(deps, organizationId, "wpid_none", { template: true, version: null })).rejects.toMatchObject({
      code: "unknown_template",
    });
  });

  it("finds the organization's own workflow, compiles a version once, and notices a new one at once", async () => {
    const tenant = await createTenant();
    const own = tenant.organizationId as OrganizationId;
    const { workflow_permanent_id: id } = (await tenant.call("POST", "/v1/workflows", { json_definition: definition("One") })).body;
    const find = () => findRunnable(deps, own, id, { template: false, version: null });
    const first = await find();
    expect((await find()).plan).toBe(first.plan);
    await tenant.call("POST", `/v1/workflows/${id}`, { json_definition: definition("Two") });
    expect((await find()).workflow).toMatchObject({ version: 2, title: "Two" });
    await tenant.call("DELETE", `/v1/workflows/${id}`);
    await expect(find()).rejects.toMatchObject({ code: "not_found" });
  });
});
