import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { asAdmin, createTenant, definition, type Tenant } from "./api.ts";

const SECRET = "s3cret-t0ken";
const MASKED = { extra_http_headers: { "x-key": "***" }, cdp_connect_headers: { "x-browser-key": "***" } };
const headed = (value = SECRET) => ({
  ...definition(),
  extra_http_headers: { "x-key": value },
  cdp_connect_headers: { "x-browser-key": value },
});

const save = (tenant: Tenant, json_definition: object) => tenant.call("POST", "/v1/workflows", { json_definition });
const stored = async (id: string) =>
  (
    await env.DB.prepare("select definition from workflow_versions where workflow_permanent_id = ? order by version").bind(id).all()
  ).results.map((row) => JSON.parse(String(row.definition)) as Record<string, Record<string, string>>);
const faultsOf = (body: { errors: { path: string; code: string }[] }) => body.errors.map(({ path, code }) => `${path} ${code}`);

describe("headers of a workflow", () => {
  it("are stored sealed and shown by their names, also of a version, in a run's status and in what changed", async () => {
    const tenant = await createTenant();
    const { body } = await save(tenant, headed());
    expect(body).toMatchObject({ ...MASKED, warnings: [] });
    const path = `/v1/workflows/${body.workflow_permanent_id}`;
    await tenant.call("POST", path, { json_definition: headed(`${SECRET}-2`) });
    const run = await tenant.call("POST", "/v1/run/workflows", { workflow_id: body.workflow_permanent_id, parameters: { count: 1 } });
    const seen = [
      body,
      (await tenant.call("GET", path)).body,
      (await tenant.call("GET", `${path}?version=1`)).body,
      (await tenant.call("GET", "/v1/workflows")).body,
      (await tenant.call("GET", `${path}/versions`)).body,
      (await tenant.call("GET", `/v1/workflows/runs/${run.body.run_id}`)).body,
    ];
    expect((await tenant.call("GET", `${path}/versions/1/diff/2`)).body).toEqual([]);
    const object = env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${tenant.organizationId}:${run.body.run_id}`));
    const journal = await runInDurableObject(object, (_, { storage: { sql } }) =>
      JSON.stringify(sql.exec("SELECT * FROM journal").toArray()),
    );
    expect(journal).toContain("x-key");
    expect(JSON.stringify([seen, await stored(body.workflow_permanent_id)]) + journal).not.toContain(SECRET);
  });

  it("keep their values where *** is sent for them: what a GET returns can be posted back, and an old version restored", async () => {
    const tenant = await createTenant();
    const { body } = await save(tenant, headed());
    const path = `/v1/workflows/${body.workflow_permanent_id}`;
    const again = await tenant.call("POST", path, { json_definition: (await tenant.call("GET", path)).body });
    expect([again.status, again.body]).toEqual([200, expect.objectContaining({ version: 2, ...MASKED })]);
    const mixed = { ...headed(), extra_http_headers: { "x-new": "1", "x-key": "***" }, cdp_connect_headers: null };
    await tenant.call("POST", path, { json_definition: mixed });
    await tenant.call("POST", `${path}/versions/1/restore`);
    const [first, second, third, fourth] = await stored(body.workflow_permanent_id);
    expect(second).toEqual(first);
    expect(third!.extra_http_headers).toEqual({ "x-new": expect.stringMatching(/^sealed:/), "x-key": first!.extra_http_headers!["x-key"] });
    expect(fourth).toEqual(first);
  });

  it.each<[string, object, string[]]>([
    ["*** for a value that is not there", { extra_http_headers: { "x-other": "***" } }, ["extra_http_headers.x-other invalid_value"]],
    [
      "what no header may have",
      { extra_http_headers: { "a b": "1", ok: "a\nb" } },
      ['extra_http_headers["a b"] invalid_value', "extra_http_headers.ok invalid_value"],
    ],
    ["too much of it", { cdp_connect_headers: { "x-key": "x".repeat(5_001) } }, ["cdp_connect_headers.x-key too_large"]],
    ["a site that is none", { extra_http_headers_origins: ["a.example"] }, ["extra_http_headers_origins[0] invalid_value"]],
  ])("are refused with %s, and nothing is stored", async (_, wrong, faults) => {
    const tenant = await createTenant();
    const { body } = await save(tenant, headed());
    for (const path of ["/v1/workflows", `/v1/workflows/${body.workflow_permanent_id}`]) {
      const answer = await tenant.call("POST", path, { json_definition: { ...headed(), ...wrong } });
      expect([answer.status, faultsOf(answer.body)]).toEqual([422, faults]);
    }
    expect(await stored(body.workflow_permanent_id)).toHaveLength(1);
  });

  it("are no part of a template, which every organization can read", async () => {
    const { status, body } = await asAdmin("PUT", "/templates/wpid_headed", headed());
    expect([status, faultsOf(body)]).toEqual([422, ["extra_http_headers invalid_value", "cdp_connect_headers invalid_value"]]);
    expect((await asAdmin("DELETE", "/templates/wpid_headed")).status).toBe(404);
  });

  it("that the browser sets itself are warned of, of a run too", async () => {
    const tenant = await createTenant();
    const headers = { "User-Agent": "me", "x-team": "blue" };
    const { body } = await save(tenant, { ...definition(), extra_http_headers: headers });
    const warning = { path: "extra_http_headers.User-Agent", code: "no_effect", message: expect.stringContaining("set_user_agent") };
    expect(body.warnings).toEqual([warning]);
    const request = { workflow_id: body.workflow_permanent_id, parameters: { count: 1 }, extra_http_headers: headers };
    const run = await tenant.call("POST", "/v1/run/workflows", request);
    expect(run.body).toMatchObject({ warnings: [warning], run_request: { extra_http_headers: { "User-Agent": "***", "x-team": "***" } } });
    const wrong = { ...request, extra_http_headers_origins: ["ftp://a.example"] };
    const refused = await tenant.call("POST", "/v1/run/workflows", wrong);
    expect(faultsOf(refused.body)).toEqual(["extra_http_headers_origins[0] invalid_value"]);
  });
});
