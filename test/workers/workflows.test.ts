import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createTenant, definition, type Tenant } from "./api.ts";

async function create(tenant: Tenant, json: object = definition(), headers: Record<string, string> = {}) {
  return await tenant.call("POST", "/v1/workflows", { json_definition: json }, headers);
}

async function count(table: "workflows" | "workflow_versions", organizationId: string): Promise<number | null> {
  return await env.DB.prepare(`select count(*) as n from ${table} where organization_id = ?`).bind(organizationId).first<number>("n");
}

/** Skyvern's `Workflow`, every field of it. */
const FIELDS = [
  "workflow_id", "organization_id", "title", "workflow_permanent_id", "version", "is_saved_task", "is_template", "description", "workflow_definition",
  "proxy_location", "webhook_callback_url", "totp_verification_url", "totp_identifier", "persist_browser_session", "reuse_browser_session", "mask_secrets",
  "pin_saved_session_ip", "browser_profile_id", "browser_profile_key", "model", "status", "max_screenshot_scrolls", "max_elapsed_time_minutes",
  "extra_http_headers", "cdp_connect_headers", "run_with", "ai_fallback", "cache_key", "adaptive_caching", "enable_self_healing", "code_version",
  "generate_script_on_terminal", "run_sequentially", "sequential_key", "folder_id", "import_error", "created_by", "edited_by", "copilot_authored",
  "created_at", "modified_at", "deleted_at", "agent_id",
]; // prettier-ignore

describe("creating a workflow", () => {
  it("answers with all of Skyvern's fields, and the definition exactly as it was posted", async () => {
    const tenant = await createTenant();
    const posted = {
      ...definition("Orders"),
      description: "Places an order.",
      workflow_definition: {
        blocks: definition().workflow_definition.blocks,
        parameters: definition().workflow_definition.parameters,
        version: null,
      },
    };
    const { status, body } = await create(tenant, posted);
    expect(status).toBe(200);
    expect(Object.keys(body).toSorted()).toEqual([...FIELDS, "warnings"].toSorted());
    expect(body).toMatchObject({
      title: "Orders",
      description: "Places an order.",
      version: 1,
      organization_id: tenant.organizationId,
      workflow_permanent_id: expect.stringMatching(/^wpid_[0-9A-Z]{26}$/),
      workflow_id: expect.stringMatching(/^w_[0-9A-Z]{26}$/),
      agent_id: body.workflow_permanent_id,
      warnings: [],
    });
    expect(JSON.stringify(body.workflow_definition)).toBe(JSON.stringify(posted.workflow_definition));
    const { warnings: _, ...created } = body;
    expect((await tenant.call("GET", `/v1/workflows/${body.workflow_permanent_id}`)).body).toEqual(created);
  });

  it("can be fed what a GET returned, and loses nothing", async () => {
    const tenant = await createTenant();
    const posted = { ...definition("Round trip"), run_with: "agent", proxy_location: "RESIDENTIAL", max_elapsed_time_minutes: 5 };
    const { body: original } = await create(tenant, posted);
    const { body: read } = await tenant.call("GET", `/v1/workflows/${original.workflow_permanent_id}`);
    const { body: copy } = await create(tenant, read);
    const own = new Set(["workflow_id", "workflow_permanent_id", "agent_id", "created_at", "modified_at"]);
    const rest = (workflow: object) => Object.fromEntries(Object.entries(workflow).filter(([field]) => !own.has(field)));
    expect(rest(copy)).toEqual(rest(original));
    expect(copy.workflow_permanent_id).not.toBe(original.workflow_permanent_id);
  });

  it("reads YAML", async () => {
    const tenant = await createTenant();
    const yaml = "title: From YAML\nworkflow_definition:\n  parameters: []\n  blocks:\n    - {block_type: set, label: a, values: {v: 1}}\n";
    const { status, body } = await tenant.call("POST", "/v1/agents", { yaml_definition: yaml });
    expect([status, body.title]).toEqual([200, "From YAML"]);
    expect(body.workflow_definition.blocks).toEqual([{ block_type: "set", label: "a", values: { v: 1 } }]);
  });

  it("tells where in the YAML a fault is", async () => {
    const tenant = await createTenant();
    const yaml = "title: From YAML\nworkflow_definition:\n  blocks:\n    - block_type: sett\n      label: a\n";
    const { status, body } = await tenant.call("POST", "/v1/workflows", { yaml_definition: yaml });
    expect(status).toBe(422);
    expect(body.errors).toContainEqual({
      path: "workflow_definition.blocks[0].block_type",
      message: expect.stringMatching(/did you mean "set"\? \(line 4, column 7\)$/),
      code: "unknown_block_type",
    });
  });

  it("warns of a field that has no effect", async () => {
    const { body } = await create(await createTenant(), { ...definition(), cache_key: "x" });
    expect(body.warnings).toMatchObject([{ path: "cache_key" }]);
    expect(body.cache_key).toBe("x");
  });
});

describe("updating a workflow", () => {
  it("makes a new version and keeps the old", async () => {
    const tenant = await createTenant();
    const { workflow_permanent_id: id, workflow_id: firstId } = (await create(tenant, definition("One"))).body;
    const { body: second } = await tenant.call("POST", `/v1/workflows/${id}`, { json_definition: definition("Two") });
    expect(second).toMatchObject({ workflow_permanent_id: id, version: 2, title: "Two" });
    expect(second.workflow_id).not.toBe(firstId);
    const read = async (query: string) => (await tenant.call("GET", `/v1/workflows/${id}${query}`)).body.title;
    expect([await read(""), await read("?version=1"), await read("?version=2")]).toEqual(["Two", "One", "Two"]);
    const versions = (await tenant.call("GET", `/v1/agents/${id}/versions`)).body;
    expect(versions.map(({ version, title }: { version: number; title: string }) => [version, title])).toEqual([[2, "Two"], [1, "One"]]); // prettier-ignore
    expect((await tenant.call("GET", `/v1/workflows/${id}?version=3`)).status).toBe(404);
  });

  it("gives updates at the same time each their own version", async () => {
    const tenant = await createTenant();
    const { workflow_permanent_id: id } = (await create(tenant)).body;
    const updates = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        tenant.call("POST", `/v1/workflows/${id}`, { json_definition: definition(`Update ${index}`) }),
      ),
    );
    const made = updates.map(({ body }) => [body.version, body.title] as [number, string]);
    expect(made.map(([version]) => version).toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    const stored = (await tenant.call("GET", `/v1/workflows/${id}/versions`)).body as { version: number; title: string }[];
    expect(new Map(stored.map(({ version, title }) => [version, title]))).toEqual(new Map([...made, [1, "Test"]]));
  });
});

describe("listing workflows", () => {
  it("shows the latest version of each, last changed first, by page", async () => {
    const tenant = await createTenant();
    const ids: string[] = [];
    for (const title of ["A", "B", "C"]) ids.push((await create(tenant, definition(title))).body.workflow_permanent_id);
    await tenant.call("POST", `/v1/workflows/${ids[0]}`, { json_definition: definition("A2") });
    const titles = async (query: string) =>
      (await tenant.call("GET", `/v1/workflows${query}`)).body.map(({ title }: { title: string }) => title);
    expect(await titles("")).toEqual(["A2", "C", "B"]);
    expect(await titles("?page=1&page_size=2")).toEqual(["A2", "C"]);
    expect(await titles("?page=2&page_size=2")).toEqual(["B"]);
    expect(await titles("?page=3&page_size=2")).toEqual([]);
  });

  it.each([
    ["search_key=order", ["Place ORDER 100%", "Order_s"]],
    ["search_key=%25", ["Place ORDER 100%"]],
    ["title=_", ["Order_s"]],
    ["search_key=zzz", []],
  ])("finds titles by a part of them, taken literally: %s", async (query, expected) => {
    const tenant = await createTenant();
    for (const title of ["Order_s", "Invoices", "Place ORDER 100%"]) await create(tenant, definition(title));
    const { body } = await tenant.call("GET", `/v1/workflows?${query}`);
    expect(body.map(({ title }: { title: string }) => title)).toEqual(expected);
  });
});

it("takes the filters of Skyvern's clients that ask for nothing else, and says why it refuses the others", async () => {
  const tenant = await createTenant();
  await create(tenant);
  const { body } = await tenant.call("GET", "/v1/agents?only_workflows=true&only_saved_tasks=false&only_templates=false");
  expect(body).toHaveLength(1);
  const refused = await tenant.call("GET", "/v1/agents?only_saved_tasks=true");
  expect(refused).toMatchObject({ status: 400, body: { errors: [{ path: "only_saved_tasks", message: "tasks cannot be saved here" }] } });
});

describe("deleting a workflow", () => {
  it.each([
    ["POST", "/delete", 200],
    ["DELETE", "", 204],
  ])("by %s …%s hides it from every route, once", async (method, suffix, expected) => {
    const tenant = await createTenant();
    const { workflow_permanent_id: id } = (await create(tenant)).body;
    expect(await tenant.call(method, `/v1/workflows/${id}${suffix}`)).toMatchObject({ status: expected, body: null });
    expect((await tenant.call(method, `/v1/workflows/${id}${suffix}`)).status).toBe(404);
    expect((await tenant.call("GET", `/v1/workflows/${id}`)).status).toBe(404);
    expect((await tenant.call("GET", `/v1/workflows/${id}?version=1`)).status).toBe(404);
    expect((await tenant.call("GET", `/v1/workflows/${id}/versions`)).status).toBe(404);
    expect((await tenant.call("POST", `/v1/workflows/${id}`, { json_definition: definition() })).status).toBe(404);
    expect((await tenant.call("GET", "/v1/workflows")).body).toEqual([]);
    expect(await count("workflow_versions", tenant.organizationId)).toBe(1);
  });
});

describe("Idempotency-Key", () => {
  it("makes one workflow of requests with the same key, also when they come together", async () => {
    const tenant = await createTenant();
    const headers = { "idempotency-key": "order-1" };
    const answers = await Promise.all([1, 2, 3, 4].map(() => create(tenant, definition(), headers)));
    const later = await create(tenant, definition(), headers);
    expect(new Set([...answers, later].map(({ status, body }) => `${status} ${body.workflow_permanent_id} ${body.workflow_id}`)).size).toBe(
      1,
    );
    expect([await count("workflows", tenant.organizationId), await count("workflow_versions", tenant.organizationId)]).toEqual([1, 1]);
  });

  it("answers a repetition with version 1, whatever became of the workflow", async () => {
    const tenant = await createTenant();
    const { body: first } = await create(tenant, definition(), { "idempotency-key": "k" });
    await tenant.call("POST", `/v1/workflows/${first.workflow_permanent_id}`, { json_definition: definition("Two") });
    await tenant.call("DELETE", `/v1/workflows/${first.workflow_permanent_id}`);
    expect((await create(tenant, definition(), { "idempotency-key": "k" })).body).toEqual(first);
  });

  it("refuses another body under the same key, and lets another organization use it", async () => {
    const [tenant, other] = [await createTenant(), await createTenant()];
    const { body: first } = await create(tenant, definition("One"), { "idempotency-key": "k" });
    const refused = await create(tenant, definition("Two"), { "idempotency-key": "k" });
    expect(refused).toMatchObject({
      status: 422,
      body: { errors: [{ path: "Idempotency-Key" }], resource_id: first.workflow_permanent_id },
    });
    expect((await create(other, definition("Two"), { "idempotency-key": "k" })).status).toBe(200);
    expect(await count("workflows", tenant.organizationId)).toBe(1);
  });

  it("finishes under the same id what a request began that died before it created anything", async () => {
    const tenant = await createTenant();
    const { body: first } = await create(tenant, definition(), { "idempotency-key": "k" });
    await env.DB.batch([
      env.DB.prepare("delete from workflows where organization_id = ?").bind(tenant.organizationId),
      env.DB.prepare("delete from workflow_versions where organization_id = ?").bind(tenant.organizationId),
    ]);
    const { body: second } = await create(tenant, definition(), { "idempotency-key": "k" });
    expect(second.workflow_permanent_id).toBe(first.workflow_permanent_id);
    expect((await tenant.call("GET", `/v1/workflows/${first.workflow_permanent_id}`)).status).toBe(200);
  });
});
