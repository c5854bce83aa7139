import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, inject, it } from "vitest";
import { UNTIL_IT_ENDS } from "../../patience.ts";
import { createBrowsersAt } from "../../../src/adapters/browser/remote.ts";
import { browserGuard } from "../../../src/domain/outbound/outbound-patterns.ts";
import { changeTenant, createTenant, type Tenant } from "../../workers/api.ts";
import { ELSEWHERE, fetching } from "./elsewhere.ts";
import { at, evaluate, guardBy, html, NEVER, show, SOON } from "./harness.ts";

const endpoint = inject("chromiumOrigin");
const TOKEN = "s3cret-token";

async function targets(): Promise<{ id: string; url: string; title: string; webSocketDebuggerUrl: string }[]> {
  const list = await fetch(`${endpoint}/json/list`);
  return await list.json();
}

async function start(tenant: Tenant, blocks: readonly object[], more: object) {
  const json_definition = { title: "Remote", workflow_definition: { parameters: [], blocks } };
  const saved = await tenant.call("POST", "/v1/workflows", { json_definition });
  expect(saved.body.errors ?? []).toEqual([]);
  const body = { workflow_id: saved.body.workflow_permanent_id, ...more };
  return (await tenant.call("POST", "/v1/run/workflows", body, UNTIL_IT_ENDS)).body;
}

const newTenant = () => createTenant({ allowed_hosts: ["127.0.0.1"] });
const goto = (label: string, url: string) => ({ block_type: "goto_url", label, url });
const script = (label: string, text: string) => ({
  block_type: "actions",
  label,
  steps: [{ action: "evaluate", script: text, name: "seen" }],
});

describe.runIf(endpoint !== "")("a browser of the caller's own", () => {
  it("has a context of the run's own, which alone is closed when the run ends", async () => {
    const tenant = await newTenant();
    await fetch(`${endpoint}/json/new?${encodeURIComponent(at("/set-cookie?value=owner"))}`, { method: "PUT" });
    await expect.poll(async () => (await targets()).some(({ url }) => url.includes("owner"))).toBe(true);
    const before = (await targets()).map(({ id }) => id);
    const blocks = [
      goto("looks", at("/cookies")),
      script("cookies", "document.body.textContent"),
      goto("sets", at("/set-cookie?value=run")),
      goto("opens", html(`<title>Mine</title><script>window.open(${JSON.stringify(at("/list"))})</script>`)),
      script("title", "document.title"),
      { block_type: "screenshot", label: "shot" },
    ];
    const run = await start(tenant, blocks, { browser_address: `${endpoint}/?token=${TOKEN}`, cdp_connect_headers: { "x-key": TOKEN } });
    expect(run.status, run.failure_reason).toBe("completed");
    expect(run.output).toMatchObject({ cookies_output: { seen: "" }, title_output: { seen: "Mine" } });
    expect(run.run_request).toMatchObject({ browser_address: `${endpoint}/***`, cdp_connect_headers: { "x-key": "***" } });
    await expect.poll(async () => (await targets()).map(({ id }) => id)).toEqual(before);

    const object = env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${tenant.organizationId}:${run.run_id}`));
    const kept = await runInDurableObject(object, (_, { storage: { sql } }) => JSON.stringify(sql.exec("SELECT * FROM journal").toArray()));
    expect(kept + JSON.stringify(run)).not.toContain(TOKEN);
    const again = await tenant.call("POST", `/v1/runs/${run.run_id}/retry`, { from_block: "start" }, UNTIL_IT_ENDS);
    expect(again.body.status, again.body.failure_reason).toBe("completed"); // at the same address, which is kept
  });

  it("goes on with its own tabs while the run works in it", async () => {
    const remote = createBrowsersAt({ address: endpoint.replace(/^http/, "ws") + (await socketPath()), headers: {} }, () => null);
    const lease = await remote.lease({ sessionId: null, acquire: neverAsked, cookies: [], guard: guardBy(onlyList), signal: NEVER });
    try {
      const opened = await fetch(`${endpoint}/json/new?${encodeURIComponent(html("<title>Theirs</title>"))}`, { method: "PUT" });
      const { id } = await opened.json<{ id: string }>();
      const titleOf = async () =>
        (await (await fetch(`${endpoint}/json/list`)).json<{ id: string; title: string }[]>()).find((one) => one.id === id)?.title;
      await expect.poll(titleOf).toBe("Theirs"); // the run's guard would have refused it
      const tab = await lease.openTab({ tabId: null, state: null, signal: NEVER });
      await expect(tab.page.goto(html("<title>No</title>"), { ...SOON, waitUntil: "load" })).rejects.toThrow("may not be visited");
      await tab.page.goto(at("/list"), { ...SOON, waitUntil: "load" });
      await lease.disconnect();
      const second = await remote.takeUp({ sessionId: lease.sessionId, guard: guardBy(onlyList), signal: NEVER });
      const resumed = await second!.openTab({ tabId: tab.tabId, state: null, signal: NEVER });
      expect([resumed.resumed, resumed.page.url()]).toEqual([true, at("/list")]);
      await second!.close();
      expect(await remote.ping(lease.sessionId)).toBe(false);
      await fetch(`${endpoint}/json/close/${id}`);
    } finally {
      await remote.close(lease.sessionId);
    }
  });

  it("is guarded wherever its pages have something done", async () => {
    const remote = createBrowsersAt({ address: endpoint.replace(/^http/, "ws") + (await socketPath()), headers: {} }, () => null);
    const guard = browserGuard({ allowedHosts: ["127.0.0.1", "own.localhost"] });
    const lease = await remote.lease({ sessionId: null, acquire: neverAsked, cookies: [], guard, signal: NEVER });
    try {
      const { page } = await lease.openTab({ tabId: null, state: null, signal: NEVER });
      const loaded: string[] = [];
      for (const [where, from] of ELSEWHERE) {
        await show(page, "<body>");
        const asked = `${fetching(at("/list").replace("127.0.0.1", "localhost"))}.then(() => "loaded", () => "refused")`;
        if ((await evaluate(page, from(asked))) !== "refused") loaded.push(where);
      }
      expect(loaded).toEqual([]);
    } finally {
      await lease.close();
    }
  });

  it("that does not answer is an error that may pass, and names no token", async () => {
    const tenant = await newTenant();
    const block = { ...goto("opens", at("/list")), retry: { max_attempts: 2, initial_seconds: 0.1 } };
    const run = await start(tenant, [block], { browser_address: `ws://127.0.0.1:9/devtools?token=${TOKEN}` });
    expect(run.status).toBe("failed");
    expect(run.failure_reason).toContain("the browser at ws://127.0.0.1:9/*** could not be reached");
    expect(JSON.stringify(run)).not.toContain(TOKEN);
    const { body: timeline } = await tenant.call("GET", `/v1/runs/${run.run_id}/timeline`);
    expect(timeline[0].block.attempt).toBe(2);
  });

  it("that may not be reached refuses the start", async () => {
    const tenant = await createTenant();
    const { errors } = await start(tenant, [goto("opens", "https://a.example")], { browser_address: `${endpoint}?token=${TOKEN}` });
    expect(errors).toMatchObject([{ path: "browser_address", code: "forbidden_address" }]);
    expect(JSON.stringify(errors)).not.toContain(TOKEN);
  });
});

describe.runIf(endpoint !== "")("the browser of an organization", () => {
  const own = { browser_address: `${endpoint}/?token=${TOKEN}`, cdp_connect_headers: { "x-key": TOKEN } };
  const settings = { allowed_hosts: ["127.0.0.1"], ...own };

  it("is worked in by runs that name none, each in a context of its own", async () => {
    const tenant = await createTenant(settings);
    const mark = at(`/set-cookie?value=organization-${tenant.organizationId}`);
    const waits = { action: "wait_for", function: "document.title === 'Seen'", timeout_seconds: 600 };
    const blocks = [
      goto("before", at("/cookies")),
      script("cookies", "document.body.textContent"),
      goto("opens", mark),
      { block_type: "actions", label: "waits", steps: [waits] },
    ];
    const running = start(tenant, blocks, {});
    const there = () => targets().then((all) => all.find(({ url }) => url === mark));
    await expect.poll(there).toMatchObject({ title: "Set" });
    await sayTitle((await there())!.webSocketDebuggerUrl, "Seen");
    const run = await running;
    expect(run.status, run.failure_reason).toBe("completed");
    expect([run.browser_source, run.browser_address]).toEqual(["organization", `${endpoint}/***`]);
    expect(run.output.cookies_output.seen).toBe("");
    expect(JSON.stringify(run)).not.toContain(TOKEN);
    await expect.poll(there).toBeUndefined();
  });

  it("keeps what a workflow with persist_browser_session remembers", async () => {
    const tenant = await createTenant(settings);
    const blocks = [
      goto("before", at("/cookies")),
      script("cookies", "document.body.textContent"),
      goto("sets", at("/set-cookie?value=kept")),
    ];
    const persisting = { title: "Kept", persist_browser_session: true, workflow_definition: { parameters: [], blocks } };
    const { workflow_permanent_id: workflow_id } = (await tenant.call("POST", "/v1/workflows", { json_definition: persisting })).body;
    const seen = async () => {
      const { body } = await tenant.call("POST", "/v1/run/workflows", { workflow_id }, UNTIL_IT_ENDS);
      expect([body.status, body.browser_source], body.failure_reason).toEqual(["completed", "organization"]);
      return body.output.cookies_output.seen;
    };
    expect([await seen(), await seen()]).toEqual(["", expect.stringContaining("kept")]);
  });

  it("that cannot be reached fails the runs that would use it, and no other", async () => {
    const tenant = await createTenant({ ...settings, browser_address: `ws://127.0.0.1:9/${TOKEN}` });
    const block = { ...goto("opens", at("/list")), retry: { max_attempts: 1 } };
    const run = await start(tenant, [block], {});
    expect([run.status, run.failure_reason]).toEqual(["failed", expect.stringContaining("the browser at ws://127.0.0.1:9/*** could not")]);
    expect(JSON.stringify(run)).not.toContain(TOKEN);
    expect((await start(tenant, [block], { browser_address: endpoint })).status).toBe("completed");
    const { browser_session_id } = (await tenant.call("POST", "/v1/browser_sessions", {})).body;
    expect((await start(tenant, [block], { browser_session_id })).status).toBe("completed");
    await tenant.call("POST", `/v1/browser_sessions/${browser_session_id}/close`);
  });

  it("is not connected to when the organization may no longer reach it", async () => {
    const { organizationId } = await createTenant(settings);
    const tenant = await changeTenant({ organizationId }, { allowed_hosts: [] });
    const run = await start(tenant, [goto("opens", "https://shop.example/")], {});
    expect([run.status, run.failure_reason]).toEqual(["failed", expect.stringContaining("/*** may not be reached")]);
  });
});

/** Says a title to a page, by its own address: as somebody who watches the browser could. */
async function sayTitle(address: string, title: string): Promise<void> {
  const { webSocket } = await fetch(address.replace(/^ws/, "http"), { headers: { upgrade: "websocket" } });
  webSocket!.accept();
  const said = new Promise((resolve) => webSocket!.addEventListener("message", resolve, { once: true }));
  const loaded = `new Promise((done) => (document.readyState === "complete" ? done() : addEventListener("load", done)))`;
  const expression = `${loaded}.then(() => { document.title = ${JSON.stringify(title)} })`;
  webSocket!.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression, awaitPromise: true } }));
  await said;
  webSocket!.close();
}

const neverAsked = () => Promise.reject(new Error("an address needs no pool"));
const onlyList = (url: string) =>
  url === at("/list") ? null : ({ path: "", message: "only the list", code: "forbidden_address" } as const);

async function socketPath(): Promise<string> {
  const version = await (await fetch(`${endpoint}/json/version`)).json<{ webSocketDebuggerUrl: string }>();
  return new URL(version.webSocketDebuggerUrl).pathname;
}
