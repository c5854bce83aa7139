import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { type Answer, createTenant, definition, nextOf, type Tenant } from "./api.ts";

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

  it("has the same fields wherever it is shown, with Skyvern's values for what the definition does not say", async () => {
    const tenant = await createTenant();
    const { workflow_permanent_id: id } = (await create(tenant)).body;
    const own = (await tenant.call("GET", `/v1/workflows/${id}`)).body;
    const [listed] = (await tenant.call("GET", "/v1/workflows")).body;
    const [version] = (await tenant.call("GET", `/v1/workflows/${id}/versions`)).body;
    const { body: moved } = await tenant.call("PUT", `/v1/workflows/${id}/folder`, { folder_id: null });
    for (const shown of [own, listed, version, moved]) {
      expect(shown).toEqual(own);
      expect(Object.keys(shown).toSorted()).toEqual(FIELDS.toSorted());
    }
    expect(own).toMatchObject({
      is_saved_task: false,
      is_template: false,
      description: null,
      proxy_location: null,
      webhook_callback_url: null,
      totp_verification_url: null,
      totp_identifier: null,
      persist_browser_session: false,
      reuse_browser_session: false,
      mask_secrets: null,
      pin_saved_session_ip: false,
      browser_profile_id: null,
      browser_profile_key: null,
      model: null,
      status: "published",
      max_screenshot_scrolls: null,
      max_elapsed_time_minutes: null,
      extra_http_headers: null,
      cdp_connect_headers: null,
      run_with: "agent",
      ai_fallback: true,
      cache_key: "default",
      adaptive_caching: false,
      enable_self_healing: null,
      code_version: null,
      generate_script_on_terminal: false,
      run_sequentially: false,
      sequential_key: null,
      folder_id: null,
      import_error: null,
      created_by: null,
      edited_by: null,
      copilot_authored: false,
      deleted_at: null,
      agent_id: id,
      modified_at: own.created_at,
    });
    const said = {
      status: "draft",
      is_saved_task: true,
      proxy_location: "RESIDENTIAL_DE",
      run_with: "code",
      ai_fallback: false,
      model: { model_name: "m" },
    };
    expect((await create(tenant, { ...definition(), ...said })).body).toMatchObject(said);
  });

  it("refuses a status that there is not", async () => {
    const refused = await create(await createTenant(), { ...definition(), status: "ready", is_saved_task: "yes" });
    expect(refused.status).toBe(422);
    expect(refused.body.errors.map(({ path }: { path: string }) => path).toSorted()).toEqual(["is_saved_task", "status"]);
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

describe("the filters of Skyvern's clients", () => {
  /** One workflow of each kind, the first the oldest. */
  async function createKinds(tenant: Tenant): Promise<void> {
    const kinds = [
      definition("Published"),
      { ...definition("Draft"), status: "draft" },
      { ...definition("Made by itself"), status: "auto_generated" },
      { ...definition("Saved task"), is_saved_task: true },
      { ...definition("Saved draft"), is_saved_task: true, status: "draft" },
    ];
    for (const kind of kinds) await create(tenant, kind);
  }

  it.each([
    ["", ["Saved draft", "Saved task", "Draft", "Published"]],
    ["only_workflows=true", ["Draft", "Published"]],
    ["only_saved_tasks=true", ["Saved draft", "Saved task"]],
    ["status=draft", ["Saved draft", "Draft"]],
    ["status=auto_generated&status=published", ["Saved task", "Made by itself", "Published"]],
    ["status=draft&only_saved_tasks=true", ["Saved draft"]],
    ["status=importing", []],
    ["search_key=D", ["Saved draft", "Saved task", "Draft", "Published"]],
    ["search_key=draft&only_workflows=true", ["Draft"]],
    ["only_templates=true", []],
    [
      "tags=&only_workflows=false&only_saved_tasks=false&only_templates=false&template=false",
      ["Saved draft", "Saved task", "Draft", "Published"],
    ],
  ])("choose by what the latest versions say: %s", async (search, expected) => {
    const tenant = await createTenant();
    await createKinds(tenant);
    const { body, headers } = await tenant.call("GET", `/v1/agents?${search}`);
    expect(body.map(({ title }: { title: string }) => title)).toEqual(expected);
    expect(headers.get("x-total-count")).toBe(String(expected.length));
  });

  it("follow a workflow from status to status, from kind to kind and from folder to folder", async () => {
    const tenant = await createTenant();
    const { workflow_permanent_id: id } = (await create(tenant, { ...definition(), status: "draft" })).body;
    const { folder_id } = (await tenant.call("POST", "/v1/folders", { title: "F" })).body;
    const count = async (search: string) => (await tenant.call("GET", `/v1/workflows?${search}`)).body.length;
    expect([await count("status=draft"), await count("status=published"), await count(`folder_id=${folder_id}`)]).toEqual([1, 0, 0]);
    await tenant.call("POST", `/v1/workflows/${id}`, { json_definition: { ...definition(), is_saved_task: true, folder_id } });
    expect([await count("status=draft"), await count("status=published"), await count(`folder_id=${folder_id}`)]).toEqual([0, 1, 1]);
    expect([await count("only_workflows=true"), await count("only_saved_tasks=true")]).toEqual([0, 1]);
    await tenant.call("PUT", `/v1/workflows/${id}/template?is_template=true`);
    expect(await count(`folder_id=${folder_id}&only_templates=true&only_saved_tasks=true&search_key=test`)).toBe(1);
    expect(await count(`folder_id=fld_other&only_templates=true`)).toBe(0);
  });

  it.each([
    ["tags=finance", ["tags[0]"]],
    ["template=true&tags=finance", ["tags", "tags[0]"]],
    ["template=true&tags=", ["tags"]],
    ["template=true&folder_id=fld_1&status=draft&only_saved_tasks=true", ["folder_id", "only_saved_tasks", "status"]],
    ["only_workflows=true&only_saved_tasks=true", ["only_saved_tasks"]],
    ["status=done", ["status[0]"]],
    ["cursor=nonsense", ["cursor"]],
    [`cursor=${btoa('[1,"wr_1",1]')}`, ["cursor"]],
    ["page_size=0&folder=x", ["folder", "page_size"]],
  ])("are refused where they cannot be met: %s", async (search, paths) => {
    const tenant = await createTenant();
    const { status, body } = await tenant.call("GET", `/v1/workflows?${search}`);
    expect([status, body.errors.map(({ path }: { path: string }) => path).toSorted()]).toEqual([400, paths]);
  });

  it("go on from page to page by the Link header, without loss when workflows are made in between", async () => {
    const tenant = await createTenant();
    for (const title of ["A", "B", "C", "D", "E"])
      await create(tenant, { ...definition(title), status: title < "C" ? "draft" : "published" });
    const seen: string[] = [];
    for (let path: string | null = "/v1/workflows?page_size=2&search_key="; path !== null;) {
      const page: Answer = await tenant.call("GET", path);
      expect([page.status, page.headers.get("x-total-count")]).toEqual([200, "5"]);
      seen.push(...page.body.map(({ title }: { title: string }) => title));
      path = nextOf(page);
      await create(tenant, definition("Later"));
    }
    expect(seen).toEqual(["E", "D", "C", "B", "A"]);
  });

  it("count up to 10,000, and not further", async () => {
    const tenant = await createTenant();
    const fill = (from: number, to: number) =>
      env.DB.prepare(
        `with recursive numbers(n) as (select ?1 union all select n + 1 from numbers where n < ?2)
        insert into workflows (workflow_permanent_id, organization_id, latest_version, title, created_at, modified_at)
        select 'wpid_' || n, ?3, 1, 'Filled', n, n from numbers`,
      )
        .bind(from, to, tenant.organizationId)
        .run();
    const total = async (search = "") => (await tenant.call("GET", `/v1/workflows${search}`)).headers.get("x-total-count");
    await fill(1, 10_000);
    expect([await total(), await total("?search_key=fill")]).toEqual(["10000", "10000"]);
    await fill(10_001, 10_001);
    expect([await total(), await total("?search_key=nothing")]).toEqual(["10000+", "0"]);
  });
});

describe("a template of an organization", () => {
  it("is marked and unmarked without a new version, listed, and told of every version", async () => {
    const tenant = await createTenant();
    const { workflow_permanent_id: id } = (await create(tenant, definition("One"))).body;
    await create(tenant, definition("Ordinary"));
    await tenant.call("POST", `/v1/workflows/${id}`, { json_definition: definition("Two") });
    const templates = async () => (await tenant.call("GET", "/v1/workflows?only_templates=true")).body;
    const marked = await tenant.call("PUT", `/v1/workflows/${id}/template?is_template=true`);
    expect(marked).toMatchObject({ status: 200, body: { workflow_permanent_id: id, is_template: true } });
    expect(await templates()).toMatchObject([{ workflow_permanent_id: id, title: "Two", version: 2, is_template: true }]);
    expect((await tenant.call("GET", `/v1/workflows/${id}?version=1`)).body).toMatchObject({ title: "One", is_template: true });
    const saved = await tenant.call("POST", `/v1/workflows/${id}`, { json_definition: definition("Three") });
    expect(saved.body).toMatchObject({ version: 3, is_template: true });
    expect((await tenant.call("PUT", `/v1/agents/${id}/template?is_template=false`)).body).toEqual({
      workflow_permanent_id: id,
      is_template: false,
    });
    expect(await templates()).toEqual([]);
    expect((await tenant.call("GET", `/v1/workflows/${id}`)).body).toMatchObject({ version: 3, is_template: false });
  });

  it("is not a global one, and must be said to be one", async () => {
    const tenant = await createTenant();
    const { workflow_permanent_id: id } = (await create(tenant)).body;
    await tenant.call("PUT", `/v1/workflows/${id}/template?is_template=true`);
    expect((await tenant.call("GET", `/v1/workflows/${id}?template=true`)).status).toBe(400);
    expect(await tenant.call("PUT", `/v1/workflows/${id}/template`)).toMatchObject({
      status: 400,
      body: { errors: [{ path: "is_template" }] },
    });
    expect((await tenant.call("PUT", "/v1/workflows/wpid_none/template?is_template=true")).status).toBe(404);
  });
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
    expect((await create(tenant, definition(), { "idempotency-key": "k" })).body).toEqual({ ...first, deleted_at: expect.any(String) });
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
