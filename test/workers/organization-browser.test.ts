import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { composeWorker } from "../../src/compose.ts";
import { fireSchedules } from "../../src/services/schedule-firing.ts";
import { asAdmin, changeTenant, createTenant, definition, type Tenant } from "./api.ts";

const SECRET = "s3cret-t0ken";
const browser = { browser_address: `wss://browsers.example/${SECRET}?token=${SECRET}`, cdp_connect_headers: { "x-key": SECRET } };
const shown = { browser_address: "wss://browsers.example/***", cdp_connect_headers: { "x-key": "***" } };

async function save(tenant: Tenant, json_definition: object = definition()): Promise<string> {
  return (await tenant.call("POST", "/v1/workflows", { json_definition })).body.workflow_permanent_id;
}

/** Starts a run, which ends without a browser. */
async function start(tenant: Tenant, workflow_id: string, more: object = {}) {
  return (await tenant.call("POST", "/v1/run/workflows", { workflow_id, parameters: { count: 1 }, ...more }, UNTIL_IT_ENDS)).body;
}

const sourceOf = (run: { browser_source: string; browser_address: string | null }) => [run.browser_source, run.browser_address];
const ORGANIZATION = ["organization", shown.browser_address];

describe("an organization's own browser", () => {
  it("is kept sealed, never shown in full, changed as a whole and taken away", async () => {
    const created = await asAdmin("POST", "/organizations", { name: "Acme", ...browser });
    expect([created.status, created.body]).toEqual([201, expect.objectContaining(shown)]);
    const path = `/organizations/${created.body.organization_id}`;
    const row = () => env.DB.prepare("select * from organizations where organization_id = ?").bind(created.body.organization_id).first();
    expect(JSON.stringify([created.body, await row()])).not.toContain(SECRET);
    expect((await asAdmin("PATCH", path, { name: "Acme & Co" })).body).toMatchObject(shown);
    const moved = await asAdmin("PATCH", path, { browser_address: "https://other.example" });
    expect(moved.body).toMatchObject({ browser_address: "https://other.example", cdp_connect_headers: {} });
    expect((await asAdmin("GET", path)).body).toEqual(moved.body);
    const none = { browser_address: null, cdp_connect_headers: null };
    expect((await asAdmin("PATCH", path, none)).body).toMatchObject(none);
    expect(await row()).toMatchObject({ browser: null });
  });

  it.each<[string, object, string[]]>([
    ["that is no address", { browser_address: "browser" }, ["browser_address invalid_value"]],
    ["at a private host", { browser_address: "ws://10.0.0.1:9222" }, ["browser_address forbidden_address"]],
    ["at a host that is denied", { ...browser, denied_hosts: ["browsers.example"] }, ["browser_address forbidden_address"]],
    ["with headers alone", { cdp_connect_headers: { "x-key": SECRET } }, ["cdp_connect_headers invalid_value"]],
    [
      "as it is shown, with a header that cannot be sent",
      { browser_address: shown.browser_address, cdp_connect_headers: { "x-key": "***", host: "a" } },
      ["browser_address invalid_value", "cdp_connect_headers.x-key invalid_value", "cdp_connect_headers.host invalid_value"],
    ],
  ])("%s is refused with every fault, and nothing is changed", async (_, settings, faults) => {
    const { organizationId } = await createTenant(browser);
    const path = `/organizations/${organizationId}`;
    const before = (await asAdmin("GET", path)).body;
    const answers = [await asAdmin("POST", "/organizations", { name: "Other", ...settings }), await asAdmin("PATCH", path, settings)];
    for (const { status, body } of answers) {
      expect(status).toBe(400);
      expect(body.errors.map((fault: { path: string; code: string }) => `${fault.path} ${fault.code}`)).toEqual(faults);
      expect(JSON.stringify(body)).not.toContain(SECRET);
    }
    expect((await asAdmin("GET", path)).body).toEqual(before);
  });

  it("may be at a private host that the same request allows, or an earlier one did", async () => {
    const { body } = await asAdmin("POST", "/organizations", {
      name: "A",
      allowed_hosts: ["10.0.0.1"],
      browser_address: "ws://10.0.0.1:1",
    });
    const path = `/organizations/${body.organization_id}`;
    expect((await asAdmin("PATCH", path, { browser_address: "ws://10.0.0.1:2" })).body).toMatchObject({
      browser_address: "ws://10.0.0.1:2",
    });
    expect((await asAdmin("PATCH", path, { allowed_hosts: [], browser_address: "ws://10.0.0.1:3" })).status).toBe(400);
    expect((await asAdmin("GET", path)).body).toMatchObject({ allowed_hosts: ["10.0.0.1"], browser_address: "ws://10.0.0.1:2" });
  });

  it("is that of runs which name none, and no session; the run says so, and holds nothing of it in the open", async () => {
    const tenant = await createTenant(browser);
    const workflow = await save(tenant);
    const { browser_session_id } = (await tenant.call("POST", "/v1/browser_sessions", {})).body;
    const run = await start(tenant, workflow);
    expect(sourceOf(run)).toEqual(ORGANIZATION);
    expect(run.run_request.browser_address).toBeNull();
    expect(sourceOf(await start(tenant, workflow, { start_fresh_browser: true }))).toEqual(ORGANIZATION);
    const own = await start(tenant, workflow, { browser_address: "wss://mine.example/path" });
    expect(sourceOf(own)).toEqual(["run", "wss://mine.example/***"]);
    expect(sourceOf(await start(tenant, workflow, { browser_session_id }))).toEqual(["session", null]);
    await tenant.call("POST", `/v1/browser_sessions/${browser_session_id}/close`);
    const status = (await tenant.call("GET", `/v1/workflows/runs/${run.run_id}`)).body;
    expect(status.browser_address).toBe(shown.browser_address);
    const object = env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${tenant.organizationId}:${run.run_id}`));
    const kept = await runInDurableObject(object, (_, { storage: { sql } }) => JSON.stringify(sql.exec("SELECT * FROM journal").toArray()));
    expect(kept + JSON.stringify([run, status])).not.toContain(SECRET);
    const other = await createTenant();
    expect(sourceOf(await start(other, await save(other)))).toEqual(["service", null]);
  });

  it("is that of child runs and of schedules too, and another try has the one of its own time", async () => {
    const tenant = await createTenant(browser);
    const workflow = await save(tenant);
    const trigger = { block_type: "workflow_trigger", label: "sub", workflow_permanent_id: workflow, payload: { count: 1 } };
    const parent = await save(tenant, definition("Parent", { blocks: [trigger] }));
    const childOf = async (run: { output: { sub_output: { workflow_run_id: string } } }) =>
      (await tenant.call("GET", `/v1/runs/${run.output.sub_output.workflow_run_id}`)).body;
    const own = { browser_address: "wss://mine.example" };
    expect(sourceOf(await childOf(await start(tenant, parent)))).toEqual(ORGANIZATION);
    expect(sourceOf(await childOf(await start(tenant, parent, own)))).toEqual(ORGANIZATION);
    const shared = await save(tenant, definition("Shared", { blocks: [{ ...trigger, use_parent_browser_session: true }] }));
    expect(sourceOf(await childOf(await start(tenant, shared, own)))).toEqual(["run", own.browser_address]);

    const { body } = await tenant.call("POST", `/v1/workflows/${workflow}/schedules`, {
      cron_expression: "0 * * * *",
      parameters: { count: 1 },
    });
    await fireSchedules(composeWorker(env).deps, Date.parse(body.next_runs[0]));
    const { schedule } = (await tenant.call("GET", `/v1/workflows/${workflow}/schedules/${body.schedule.workflow_schedule_id}`)).body;
    expect(sourceOf((await tenant.call("GET", `/v1/runs/${schedule.last_run_id}`)).body)).toEqual(ORGANIZATION);

    const [defaulted, named] = [await start(tenant, workflow), await start(tenant, workflow, own)];
    const changed = await changeTenant(tenant, { browser_address: "https://new.example" });
    const again = async ({ run_id }: { run_id: string }) =>
      sourceOf((await changed.call("POST", `/v1/runs/${run_id}/retry`, { from_block: "start" })).body);
    expect(await again(defaulted)).toEqual(["organization", "https://new.example"]);
    expect(await again(named)).toEqual(["run", own.browser_address]);
    const without = await changeTenant(tenant, { browser_address: null });
    const last = await without.call("POST", `/v1/workflows/runs/${defaulted.run_id}/retry`);
    expect(sourceOf(last.body)).toEqual(["service", null]);
  });
});
