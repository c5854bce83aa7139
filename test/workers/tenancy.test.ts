import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Fault } from "../../src/domain/error.ts";
import { asAdmin, createTenant, definition, send } from "./api.ts";

describe("organizations", () => {
  it("are created with a webhook secret of their own, and read back the same", async () => {
    const settings = {
      name: "Acme",
      allowed_hosts: ["127.0.0.1"],
      denied_hosts: ["*.ads.example"],
      only_hosts: ["127.0.0.1", "shop.example:8443"],
      max_concurrent_runs: 7,
      max_run_seconds: 604_800,
      max_workflow_blocks: 500,
    };
    const created = await asAdmin("POST", "/organizations", settings);
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      organization_id: expect.stringMatching(/^o_[0-9A-Z]{26}$/),
      ...settings,
      browser_address: null,
      cdp_connect_headers: null,
      webhook_secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/), // 32 bytes
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    const read = await asAdmin("GET", `/organizations/${created.body.organization_id}`);
    expect(read).toMatchObject({ status: 200, body: created.body });
    const other = await asAdmin("POST", "/organizations", { name: "Other" });
    expect(other.body).toMatchObject({
      allowed_hosts: [],
      denied_hosts: [],
      only_hosts: [],
      max_concurrent_runs: 100,
      max_run_seconds: 3_600,
      max_workflow_blocks: 50,
    });
    expect(other.body.webhook_secret).not.toBe(created.body.webhook_secret);
  });

  it("take a chosen id, once", async () => {
    expect((await asAdmin("POST", "/organizations", { name: "A", organization_id: "o_chosen" })).status).toBe(201);
    const again = await asAdmin("POST", "/organizations", { name: "B", organization_id: "o_chosen" });
    expect(again).toMatchObject({ status: 409, body: { title: "Conflict", detail: "There is an organization o_chosen already." } });
    expect((await asAdmin("GET", "/organizations/o_chosen")).body.name).toBe("A");
  });

  it("are changed in what is named, and keep the rest", async () => {
    const { body: created } = await asAdmin("POST", "/organizations", { name: "Acme", allowed_hosts: ["a.test"], max_concurrent_runs: 7 });
    const { body: other } = await asAdmin("POST", "/organizations", { name: "Other" });
    const path = `/organizations/${created.organization_id}`;
    for (const changes of [
      { max_run_seconds: 60 },
      { denied_hosts: ["ads.example"], only_hosts: ["*.shop.example"] },
      { name: "Acme & Co", allowed_hosts: [], only_hosts: [], max_concurrent_runs: 8, max_workflow_blocks: 3 },
      {},
    ]) {
      Object.assign(created, changes);
      expect(await asAdmin("PATCH", path, changes)).toMatchObject({ status: 200, body: created });
      expect((await asAdmin("GET", path)).body).toEqual(created);
    }
    expect((await asAdmin("GET", `/organizations/${other.organization_id}`)).body).toEqual(other);
  });

  it("are not changed when anything is wrong, and every fault is told", async () => {
    const { body: created } = await asAdmin("POST", "/organizations", { name: "Acme" });
    const path = `/organizations/${created.organization_id}`;
    const { status, body } = await asAdmin("PATCH", path, {
      name: " ",
      allowed_hosts: "a.test",
      denied_hosts: ["ok.test", "https://a.test/", "*"],
      max_concurrent_runs: 10_001,
      max_run_seconds: 604_801,
      max_workflow_blocks: 501,
      organization_id: "o_2",
    });
    expect(status).toBe(400);
    expect(body.errors.map((fault: Fault) => `${fault.path} ${fault.code}`).toSorted()).toEqual([
      "allowed_hosts invalid_type",
      "denied_hosts[1] invalid_value",
      "denied_hosts[2] invalid_value",
      "max_concurrent_runs invalid_value",
      "max_run_seconds invalid_value",
      "max_workflow_blocks invalid_value",
      "name invalid_value",
      "organization_id unknown_field",
    ]);
    expect((await asAdmin("PATCH", path, { max_run_seconds: 0, max_workflow_blocks: 1.5 })).body.errors).toHaveLength(2);
    expect((await asAdmin("GET", path)).body).toEqual(created);
  });

  it("are not found when they do not exist", async () => {
    expect((await asAdmin("GET", "/organizations/o_nobody")).status).toBe(404);
    expect((await asAdmin("PATCH", "/organizations/o_nobody", { name: "x" })).status).toBe(404);
    expect((await asAdmin("PATCH", "/organizations/o_nobody", {})).status).toBe(404);
    expect((await asAdmin("POST", "/organizations/o_nobody/api-keys", { name: "k" })).status).toBe(404);
  });

  it("can read their own webhook secret, which is stored sealed", async () => {
    const { organizationId, call } = await createTenant();
    const { body: organization } = await asAdmin("GET", `/organizations/${organizationId}`);
    expect((await call("GET", "/v1/webhook-secret")).body).toEqual({ secret: organization.webhook_secret });
    const row = await env.DB.prepare("select * from organizations where organization_id = ?").bind(organizationId).first();
    expect(JSON.stringify(row)).not.toContain(organization.webhook_secret.slice("whsec_".length));
  });
});

describe("API keys", () => {
  it("are shown once, and only their digest is stored", async () => {
    const { organizationId } = await createTenant();
    const { status, body } = await asAdmin("POST", `/organizations/${organizationId}/api-keys`, { name: "ci" });
    expect(status).toBe(201);
    expect(body).toEqual({
      api_key_id: expect.stringMatching(/^ak_[0-9A-Z]{26}$/),
      name: "ci",
      key: expect.stringMatching(/^pf_[0-9A-Z]{26}_[\w-]{43}$/),
      created_at: expect.any(String),
    });
    const row = await env.DB.prepare("select * from api_keys where api_key_id = ?").bind(body.api_key_id).first();
    expect(JSON.stringify(row)).not.toContain(body.key.split("_").at(-1));
  });

  it.each([
    ["x-api-key", (key: string) => ({ "x-api-key": key })],
    ["Authorization: Bearer", (key: string) => ({ authorization: `Bearer ${key}` })],
    ["x-api-key with Bearer before it", (key: string) => ({ "x-api-key": `Bearer ${key}` })],
    ["x-api-key in quotes and spaces", (key: string) => ({ "x-api-key": `  "${key}" ` })],
    ["Authorization in quotes", (key: string) => ({ authorization: `bearer '${key}'` })],
  ])("are accepted as %s", async (_, headers) => {
    const { key } = await createTenant();
    expect((await send("GET", "/v1/workflows", undefined, headers(key))).status).toBe(200);
  });

  it("of any form can be taken over, by one organization", async () => {
    const [one, other] = [await createTenant(), await createTenant()];
    const imported = { name: "old", key: `eyJhbGciOi.${one.organizationId}!` };
    const first = await asAdmin("POST", `/organizations/${one.organizationId}/api-keys`, imported);
    expect(first).toMatchObject({ status: 201, body: { key: imported.key } });
    expect(await asAdmin("POST", `/organizations/${one.organizationId}/api-keys`, imported)).toMatchObject({
      status: 200,
      body: first.body,
    });
    expect((await asAdmin("POST", `/organizations/${other.organizationId}/api-keys`, imported)).status).toBe(409);
    const saved = await send("POST", "/v1/workflows", { json_definition: definition() }, { "x-api-key": imported.key });
    expect(saved.body.organization_id).toBe(one.organizationId);
  });

  it("stop working when they are revoked, can be revoked once, and only by their organization", async () => {
    const [one, other] = [await createTenant(), await createTenant()];
    const { body } = await asAdmin("POST", `/organizations/${one.organizationId}/api-keys`, { name: "short-lived" });
    const remove = (organizationId: string) => asAdmin("DELETE", `/organizations/${organizationId}/api-keys/${body.api_key_id}`);
    expect((await remove(other.organizationId)).status).toBe(404);
    expect((await remove(one.organizationId)).status).toBe(204);
    expect((await remove(one.organizationId)).status).toBe(404);
    expect((await send("GET", "/v1/workflows", undefined, { "x-api-key": body.key })).status).toBe(401);
    expect((await one.call("GET", "/v1/workflows")).status).toBe(200);
  });
});

describe("the admin routes", () => {
  it.each([
    ["no token", {}],
    ["a wrong token", { authorization: "Bearer wrong" }],
  ])("refuse %s", async (_, headers) => {
    expect(await send("POST", "/v1/admin/organizations", { name: "x" }, headers)).toMatchObject({ status: 401, body: { status: 401 } });
  });

  it("refuse an API key, and the API refuses the admin token", async () => {
    const { key } = await createTenant();
    expect((await send("GET", "/v1/admin/organizations/o_1", undefined, { "x-api-key": key })).status).toBe(401);
    expect((await send("GET", "/v1/workflows", undefined, { "x-api-key": env.PILOTFISH_ADMIN_TOKEN })).status).toBe(401);
  });
});

describe("another organization's workflow", () => {
  it.each([
    ["GET", "", undefined],
    ["GET", "?version=1", undefined],
    ["GET", "/versions", undefined],
    ["POST", "", { json_definition: definition("Stolen") }],
    ["POST", "/delete", undefined],
    ["DELETE", "", undefined],
    ["PUT", "/folder", { folder_id: null }],
    ["PUT", "/template?is_template=true", undefined],
  ])("does not exist for %s /v1/workflows/{id}%s", async (method, suffix, body) => {
    const [owner, stranger] = [await createTenant(), await createTenant()];
    const { workflow_permanent_id: id } = (await owner.call("POST", "/v1/workflows", { json_definition: definition("Mine") })).body;
    const answer = await stranger.call(method, `/v1/workflows/${id}${suffix}`, body);
    expect(answer).toMatchObject({ status: 404, body: { detail: `There is no workflow ${id}.` } });
    expect((await owner.call("GET", `/v1/workflows/${id}`)).body).toMatchObject({ title: "Mine", version: 1 });
    expect((await stranger.call("GET", "/v1/workflows")).body).toEqual([]);
  });
});

describe("the service", () => {
  it("says that it lives, that it is ready, and which version it is, to everyone", async () => {
    expect(await send("GET", "/healthz")).toMatchObject({ status: 200, body: { status: "ok" } });
    expect(await send("GET", "/readyz")).toMatchObject({ status: 200, body: { status: "ready", checks: { d1: "ok", r2: "ok" } } });
    expect((await send("GET", "/v1/version")).body).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
  });

  it("tolerates a slash at the end of a path", async () => {
    const { call } = await createTenant();
    expect((await call("GET", "/v1/workflows/")).status).toBe(200);
    expect((await send("GET", "/healthz/")).status).toBe(200);
  });

  it("names every request, and keeps the caller's name for it", async () => {
    expect((await send("GET", "/healthz")).headers.get("x-request-id")).toMatch(/^req_[0-9A-Z]{26}$/);
    const refused = await send("GET", "/v1/workflows", undefined, { "x-request-id": "trace-7" });
    expect([refused.headers.get("x-request-id"), refused.body.request_id]).toEqual(["trace-7", "trace-7"]);
  });

  it.each(["/healthz", "/v1/workflows", "/nowhere"])("forbids to be framed or sniffed: %s", async (path) => {
    const { headers } = await send("GET", path);
    expect(Object.fromEntries(headers)).toMatchObject({
      "x-frame-options": "DENY",
      "content-security-policy": "frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
    });
  });
});
