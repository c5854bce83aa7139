import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../../eventually.ts";
import { UNTIL_IT_ENDS } from "../../patience.ts";
import { createTenant, type Tenant } from "../../workers/api.ts";
import { at, html } from "./harness.ts";

const sessions: { tenant: Tenant; id: string }[] = [];
afterEach(async () => {
  for (const { tenant, id } of sessions.splice(0)) await tenant.call("POST", `/v1/browser_sessions/${id}/close`);
});

const newTenant = () => createTenant({ allowed_hosts: ["127.0.0.1", "localhost"] });

async function save(tenant: Tenant, blocks: readonly object[], settings: object = {}, parameters: readonly object[] = []): Promise<string> {
  const json_definition = { title: "Profile", ...settings, workflow_definition: { parameters, blocks } };
  const saved = await tenant.call("POST", "/v1/workflows", { json_definition });
  expect(saved.body.errors ?? []).toEqual([]);
  return saved.body.workflow_permanent_id;
}

async function run(tenant: Tenant, workflow_id: string, more: object = {}) {
  const { body } = await tenant.call("POST", "/v1/run/workflows", { workflow_id, ...more }, UNTIL_IT_ENDS);
  expect(body.status, body.failure_reason ?? JSON.stringify(body.errors)).toBe("completed");
  return body;
}

/** A page that shows what its origin kept before its own scripts ran. */
const SHELF = html(`<title>Shelf</title><script>window.before = localStorage.getItem("cart")</script>`);
/** The same site under its other name: another origin. */
const ELSEWHERE = SHELF.replace("127.0.0.1", "localhost");

const goto = (label: string, url: string) => ({ block_type: "goto_url", label, url });
const script = (label: string, text: string) => ({
  block_type: "actions",
  label,
  steps: [{ action: "evaluate", script: text, name: "seen" }],
});
const LOOKS = [
  goto("to_cookies", at("/cookies")),
  script("cookies", "document.body.textContent"),
  goto("to_shelf", SHELF),
  script("shelf", "window.before"),
  goto("to_elsewhere", ELSEWHERE),
  script("elsewhere", "window.before"),
];
const LOGS_IN = [
  goto("logs_in", at("/set-cookie?value=ann")),
  goto("fills", SHELF),
  script("puts", "localStorage.setItem('cart', 'desk')"),
  goto("goes", ELSEWHERE),
  script("puts_there", "localStorage.setItem('cart', 'lamp')"),
];
const seen = ({ output }: { output: Record<string, { seen: unknown }> }) =>
  ["cookies", "shelf", "elsewhere"].map((label) => output[`${label}_output`]!.seen);
const REMEMBERED = ["kept=ann", "desk", "lamp"];
const NOTHING = ["", null, null];

describe("a browser profile", () => {
  it("that was brought along logs the run in, on every origin, before a page's scripts run", async () => {
    const tenant = await newTenant();
    const domain = new URL(at("/")).hostname;
    const storage_state = {
      cookies: [{ name: "kept", value: "ann", domain, expires: 4e9 }],
      origins: [
        { origin: new URL(SHELF).origin, localStorage: [{ name: "cart", value: "desk" }] },
        { origin: new URL(ELSEWHERE).origin, localStorage: [{ name: "cart", value: "lamp" }] },
      ],
    };
    const { body: profile } = await tenant.call("POST", "/v1/browser_profiles", { name: "Ann", storage_state });
    const workflow = await save(tenant, LOOKS);
    const first = await run(tenant, workflow, { browser_profile_id: profile.browser_profile_id });
    expect([seen(first), first.browser_profile_id]).toEqual([REMEMBERED, profile.browser_profile_id]);
    expect(seen(await run(tenant, workflow))).toEqual(NOTHING);
    await expect
      .poll(async () => (await tenant.call("GET", `/v1/browser_profiles/${profile.browser_profile_id}/usage`)).body)
      .toMatchObject({ run_count: 1, workflow_permanent_ids: [workflow] });
  });

  it("is made of a session, and a session begins with it", async () => {
    const tenant = await newTenant();
    const open = async (more: object = {}): Promise<string> => {
      const { body } = await tenant.call("POST", "/v1/browser_sessions", more);
      expect(body.status).toBe("running");
      sessions.push({ tenant, id: body.browser_session_id });
      return body.browser_session_id;
    };
    const first = await open({ generate_browser_profile: true });
    await run(tenant, await save(tenant, LOGS_IN), { browser_session_id: first });
    const make = () => tenant.call("POST", "/v1/browser_profiles", { name: "Of a session", browser_session_id: first });
    await expect.poll(async () => (await make()).body).toMatchObject({ source: "browser_session", origin_count: 2 });
    const { body: closed } = await tenant.call("POST", `/v1/browser_sessions/${first}/close`);
    expect(closed.browser_profile_id).toMatch(/^bp_/);
    const second = await open({ browser_profile_id: closed.browser_profile_id });
    const there = await run(tenant, await save(tenant, LOOKS), { browser_session_id: second });
    expect(seen(there)).toEqual(["visitor=ann; kept=ann", "desk", "lamp"]);
  });

  it("of a session that is closed as soon as its run has ended has what that has left", async () => {
    const tenant = await newTenant();
    const { body } = await tenant.call("POST", "/v1/browser_sessions", { generate_browser_profile: true });
    const [logsIn, looks] = [await save(tenant, LOGS_IN), await save(tenant, LOOKS)];
    await run(tenant, logsIn, { browser_session_id: body.browser_session_id });
    await tenant.call("POST", `/v1/browser_sessions/${body.browser_session_id}/close`);
    const browser_profile_id = await eventually(async () => {
      const session = await tenant.call("GET", `/v1/browser_sessions/${body.browser_session_id}`);
      expect(session.body.browser_profile_id).toMatch(/^bp_/);
      return session.body.browser_profile_id;
    });
    expect(seen(await run(tenant, looks, { browser_profile_id }))).toEqual(["visitor=ann; kept=ann", "desk", "lamp"]);
  });
});

describe("a workflow with persist_browser_session", () => {
  const parameters = [{ parameter_type: "workflow", key: "who", workflow_parameter_type: "string", default_value: "ann" }];
  const isNew = { block_type: "set", label: "asks", values: { is_new: "{{ cookies_output.seen == '' }}" } };
  const logsIn = LOGS_IN.map((block) => ({ ...block, condition: "{{ asks_output.is_new }}" }));

  it("is logged in at its second run, which may begin as soon as the first is completed; until it is reset", async () => {
    const tenant = await newTenant();
    const workflow = await save(tenant, [...LOOKS, isNew, ...logsIn], { persist_browser_session: true });
    const first = await run(tenant, workflow);
    expect(seen(first)).toEqual(NOTHING);
    expect(seen(await run(tenant, workflow))).toEqual(["visitor=ann; kept=ann", "desk", "lamp"]);
    expect(seen(await run(tenant, await save(tenant, LOOKS, { persist_browser_session: true })))).toEqual(NOTHING);
    const { body: profile } = await tenant.call("POST", "/v1/browser_profiles", { name: "Of a run", workflow_run_id: first.run_id });
    expect(profile).toMatchObject({ source: "workflow_run", cookie_count: 2, origin_count: 2 });
    expect((await tenant.call("POST", `/v1/workflows/${workflow}/browser_session/reset_profile`)).status).toBe(204);
    expect(seen(await run(tenant, workflow))).toEqual(NOTHING);
  });

  it("keeps apart what runs with another key remember, and begins with nothing when asked to", async () => {
    const tenant = await newTenant();
    const settings = { persist_browser_session: true, browser_profile_key: "{{ who }}" };
    const workflow = await save(tenant, [...LOOKS, isNew, ...logsIn], settings, parameters);
    await run(tenant, workflow, { parameters: { who: "ann" } });
    expect(seen(await run(tenant, workflow, { parameters: { who: "bob" } }))).toEqual(NOTHING);
    expect(seen(await run(tenant, workflow, { parameters: { who: "ann" } }))[1]).toBe("desk");
    expect(seen(await run(tenant, workflow, { parameters: { who: "ann" }, start_fresh_browser: true }))).toEqual(NOTHING);
  });

  it("keeps nothing of a run that failed", async () => {
    const tenant = await newTenant();
    const fails = { block_type: "http_request", label: "fails", url: at("/status?code=404"), condition: "{{ asks_output.is_new }}" };
    const workflow = await save(tenant, [...LOOKS, isNew, ...logsIn, fails], { persist_browser_session: true });
    const start = () => tenant.call("POST", "/v1/run/workflows", { workflow_id: workflow }, UNTIL_IT_ENDS);
    expect((await start()).body.status).toBe("failed");
    expect(seen((await start()).body)).toEqual(NOTHING);
  });
});
