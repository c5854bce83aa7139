import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { createTenant, definition, type Tenant } from "./api.ts";

const SECRET = "s3cret-of-the-cookie";
const cookie = { name: "session", value: SECRET, domain: "shop.example", secure: true };
const origins = [{ origin: "https://shop.example", localStorage: [{ name: "token", value: SECRET }] }];

const create = (tenant: Tenant, body: object, headers: Record<string, string> = {}) =>
  tenant.call("POST", "/v1/browser_profiles", { name: "Shop", ...body }, headers);
const pathsOf = (body: { errors: { path: string }[] }) => body.errors.map(({ path }) => path);

/** All that R2 holds for an organization, as text. */
async function stored({ organizationId }: Tenant): Promise<string[]> {
  const { objects } = await env.ARTIFACTS.list({ prefix: `org/${organizationId}/` });
  return await Promise.all(objects.map(async ({ key }) => (await env.ARTIFACTS.get(key))!.text()));
}

describe("browser profiles", () => {
  it("tell how much they hold and never what, and are ciphertext where they are stored", async () => {
    const tenant = await createTenant();
    const { status, body } = await create(tenant, { storage_state: { cookies: [cookie], origins } });
    expect([status, body]).toMatchObject([200, { source: "storage_state", cookie_count: 1, origin_count: 1, description: null }]);
    const path = `/v1/browser_profiles/${body.browser_profile_id}`;
    const answers = [body, (await tenant.call("GET", path)).body, (await tenant.call("GET", "/v1/browser_profiles")).body];
    expect(JSON.stringify([answers, await stored(tenant)])).not.toContain(SECRET);
    expect(await stored(tenant)).toHaveLength(1);
    const { body: changed } = await tenant.call("PATCH", path, { description: "Ann's" });
    expect(changed).toMatchObject({ name: "Shop", description: "Ann's", cookie_count: 1 });
    expect((await tenant.call("DELETE", path)).status).toBe(204);
    expect((await tenant.call("DELETE", path)).status).toBe(404);
    expect(await stored(tenant)).toEqual([]);
  });

  it("are made once under an Idempotency-Key", async () => {
    const tenant = await createTenant();
    const make = () => create(tenant, { storage_state: [cookie] }, { "idempotency-key": "k" });
    const [first, second] = await Promise.all([make(), make()]);
    expect(second.body.browser_profile_id).toBe(first.body.browser_profile_id);
    expect((await tenant.call("GET", "/v1/browser_profiles")).body).toHaveLength(1);
  });

  it.each<[string, object, string[]]>([
    ["nothing to be made of", {}, ["storage_state"]],
    ["two things to be made of", { storage_state: [cookie], workflow_run_id: "wr_1" }, ["storage_state"]],
    [
      "cookies that are none",
      { storage_state: [cookie, { ...cookie, domain: "" }, { value: "x" }] },
      ["storage_state.cookies[1].domain", "storage_state.cookies[2].name", "storage_state.cookies[2].domain"],
    ],
    [
      "an origin with a path",
      { storage_state: { origins: [{ origin: "https://a.example/x", localStorage: [] }] } },
      ["storage_state.origins[0].origin"],
    ],
    ["a session that is not there", { browser_session_id: "pbs_1" }, ["browser_session_id"]],
    ["a run that is not there", { workflow_run_id: "wr_1" }, ["workflow_run_id"]],
  ])("are refused with %s, every fault with its path, and nothing is stored", async (_, sent, paths) => {
    const tenant = await createTenant();
    const { status, body } = await create(tenant, sent);
    expect([status, pathsOf(body)]).toEqual([400, paths]);
    expect(JSON.stringify(body)).not.toContain(SECRET);
    expect(await stored(tenant)).toEqual([]);
  });

  it("are not made of a run that keeps nothing", async () => {
    const tenant = await createTenant();
    const { workflow_permanent_id: workflow_id } = (await tenant.call("POST", "/v1/workflows", { json_definition: definition() })).body;
    const run = await tenant.call("POST", "/v1/run/workflows", { workflow_id, parameters: { count: 1 } }, UNTIL_IT_ENDS);
    await expect.poll(async () => (await create(tenant, { workflow_run_id: run.body.run_id })).status).toBe(409);
  });

  it("of another organization, and beside a session or a fresh browser, cannot be run with", async () => {
    const [owner, other] = [await createTenant(), await createTenant()];
    const { browser_profile_id } = (await create(owner, { storage_state: [cookie] })).body;
    const { workflow_permanent_id: workflow_id } = (await other.call("POST", "/v1/workflows", { json_definition: definition() })).body;
    const start = (more: object) => other.call("POST", "/v1/run/workflows", { workflow_id, parameters: { count: 1 }, ...more });
    expect((await start({ browser_profile_id })).body.errors).toEqual([
      { path: "browser_profile_id", message: `there is no browser profile ${browser_profile_id}`, code: "invalid_value" },
    ]);
    const fresh = await start({ browser_profile_id, start_fresh_browser: true });
    expect([fresh.status, pathsOf(fresh.body)]).toEqual([400, ["start_fresh_browser"]]);
    const named = { ...definition(), browser_profile_id };
    const saved = await other.call("POST", "/v1/workflows", { json_definition: named });
    const run = await other.call("POST", "/v1/run/workflows", {
      workflow_id: saved.body.workflow_permanent_id,
      parameters: { count: 1 },
    });
    expect([run.status, pathsOf(run.body)]).toEqual([400, ["browser_profile_id"]]);
  });
});
