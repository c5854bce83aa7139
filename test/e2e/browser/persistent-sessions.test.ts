import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import puppeteer from "@cloudflare/puppeteer";
import { afterEach, describe, expect, it, vi } from "vitest";
import { PATIENCE_S, UNTIL_IT_ENDS } from "../../patience.ts";
import { createTenant, type Tenant } from "../../workers/api.ts";
import { at, busyPage, html } from "./harness.ts";
import { killRun } from "./kill-run.ts";

const opened: { tenant: Tenant; id: string }[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const { tenant, id } of opened.splice(0)) await tenant.call("POST", `/v1/browser_sessions/${id}/close`);
});

async function newTenant(): Promise<Tenant> {
  return await createTenant({ allowed_hosts: ["127.0.0.1"] });
}

async function open(tenant: Tenant, body: object = {}): Promise<string> {
  const { status, body: session } = await tenant.call("POST", "/v1/browser_sessions", body);
  expect(status).toBe(200);
  opened.push({ tenant, id: session.browser_session_id });
  await until(async () => (await read(tenant, session.browser_session_id)).status, "running");
  return session.browser_session_id;
}

const read = async (tenant: Tenant, id: string) => (await tenant.call("GET", `/v1/browser_sessions/${id}`)).body;

async function save(tenant: Tenant, blocks: readonly object[], version = 1): Promise<string> {
  const json_definition = { title: "Session", workflow_definition: { version, parameters: [], blocks } };
  const saved = await tenant.call("POST", "/v1/workflows", { json_definition });
  expect(saved.body.errors ?? []).toEqual([]);
  return saved.body.workflow_permanent_id;
}

/** Starts a run in a session. */
async function start(tenant: Tenant, browser_session_id: string, blocks: readonly object[], wait = PATIENCE_S, version = 1) {
  const workflow_id = await save(tenant, blocks, version);
  return await tenant.call("POST", "/v1/run/workflows", { workflow_id, browser_session_id }, wait > 0 ? { prefer: `wait=${wait}` } : {});
}

const goto = (label: string, url: string) => ({ block_type: "goto_url", label, url });
const look = (label: string, script = "document.title") => ({
  block_type: "actions",
  label,
  steps: [{ action: "evaluate", script, name: "seen" }],
});
const page = (name: string) => html(`<title>${name}</title><input id=a>`);
const waitsFor = (text: string) => ({
  block_type: "actions",
  label: "waits",
  steps: [{ action: "wait_for", text, timeout_seconds: 600 }],
});
const until = async (check: () => Promise<unknown>, expected: unknown) => await expect.poll(check).toEqual(expected);

const objectOf = (tenant: Tenant, id: string) => env.BROWSER_SESSION.get(env.BROWSER_SESSION.idFromName(`${tenant.organizationId}:${id}`));
const browsersRunning = async () => (await puppeteer.sessions(env.BROWSER)).map(({ sessionId }) => sessionId);

/** Opens a session. @returns also the platform's id of its browser */
async function openKnown(tenant: Tenant, body: object = {}): Promise<{ id: string; browser: string }> {
  const others = new Set(await browsersRunning()); // those of the tests before are still being ended
  const id = await open(tenant, body);
  return { id, browser: (await browsersRunning()).find((sessionId) => !others.has(sessionId))! };
}

/** Of the pages that are open in it. */
async function titlesOf(browser: string): Promise<string[]> {
  const connected = await puppeteer.connect(env.BROWSER, browser);
  try {
    return (await Promise.all((await connected.pages()).map((tab) => tab.title()))).filter((title) => title !== "").toSorted();
  } finally {
    await connected.disconnect();
  }
}

const isRunning = async (browser: string) => (await browsersRunning()).includes(browser);

describe("a browser session", () => {
  it("keeps the page, what was typed into it, and the cookies from one run to the next", async () => {
    const tenant = await newTenant();
    const id = await open(tenant, { url: page("Begin") });
    const first = await start(tenant, id, [
      look("found"),
      goto("visits", at("/set-cookie?value=ann")),
      goto("opens", page("Left open")),
      { block_type: "actions", label: "types", steps: [{ action: "fill", target: "#a", value: "typed" }] },
      { block_type: "set", label: "names", values: { session: "{{ browser_session_id }}" } },
    ]);
    expect(first.body).toMatchObject({ status: "completed", browser_session_id: id });
    expect(first.body.output).toMatchObject({ found_output: { seen: "Begin" }, names_output: { session: id } });

    const second = await start(tenant, id, [
      look("finds", "[document.title, document.getElementById('a').value]"),
      goto("shows", at("/cookies")),
      look("cookies", "document.body.textContent"),
    ]);
    expect(second.body.status, second.body.failure_reason).toBe("completed");
    expect(second.body.output.finds_output.seen).toEqual(["Left open", "typed"]);
    expect(second.body.output.cookies_output.seen).toBe("visitor=ann; kept=ann");
    await until(async () => {
      const { body } = await tenant.call("GET", `/v1/browser_sessions/${id}/workflow_runs`);
      return body.map((run: { workflow_run_id: string }) => run.workflow_run_id);
    }, [second.body.run_id, first.body.run_id]);
  });

  it("closes the tabs that were a run's own, and keeps its page", async () => {
    const tenant = await newTenant();
    const { id, browser } = await openKnown(tenant);
    const blocks = [
      goto("begins", page("Main")),
      { ...look("stays"), depends_on: ["begins"] },
      { ...goto("leaves", page("Side")), depends_on: ["begins"] },
    ];
    expect((await start(tenant, id, blocks, PATIENCE_S, 3)).body.status).toBe("completed");
    const next = await start(tenant, id, [look("sees")]);
    expect(next.body.output.sees_output.seen).toBe("Main");
    expect(await isRunning(browser)).toBe(true);
  });

  it.each<[string, string, string, readonly string[]]>([
    ["begins again", "retry", "completed", ["Main", "Opened again"]],
    ["fails", "fail", "failed", ["Main"]],
  ])("is rid of the tabs that a block has opened before it was interrupted, when it %s", async (_, on_interrupted, ends, titles) => {
    const tenant = await newTenant();
    const { id, browser } = await openKnown(tenant);
    const [count, counted] = [at(`/login?id=${id}`), at(`/asked?id=${id}`)];
    // The first attempt never ends.
    const holds = `await fetch("${count}"); if ((await (await fetch("${counted}")).text()).includes("<title>1<")) await new Promise(() => {});`;
    const steps = [
      { action: "new_tab", url: page("Stray") },
      { action: "evaluate", script: holds, timeout_seconds: 600 },
      { action: "evaluate", script: "document.title = 'Opened again'" },
    ];
    const run = await start(
      tenant,
      id,
      [goto("begins", page("Main")), { block_type: "actions", label: "opens", on_interrupted, steps }],
      0,
    );
    await until(async () => (await (await fetch(counted)).text()).includes("<title>1<"), true);
    expect(await titlesOf(browser)).toEqual(["Main", "Stray"]);
    await killRun(tenant, run.body.run_id);
    await until(async () => (await tenant.call("GET", `/v1/runs/${run.body.run_id}`)).body.status, ends);
    await until(async () => (await read(tenant, id)).runnable_id, null);
    await until(() => titlesOf(browser), titles);
  });

  it("is used by one run at a time: another is refused at its start, or waits where it meets it later", async () => {
    const tenant = await newTenant();
    const id = await open(tenant);
    const holder = await start(tenant, id, [goto("opens", html("<p id=p></p>")), waitsFor("Go on")], 0);
    await until(async () => (await read(tenant, id)).runnable_id, holder.body.run_id);
    const refused = await start(tenant, id, [look("sees")], 0);
    expect(refused.status).toBe(409);
    expect(refused.body.detail).toContain(holder.body.run_id);

    const child = await save(tenant, [look("sees")]);
    const parent = await save(tenant, [
      { block_type: "workflow_trigger", label: "asks", workflow_permanent_id: child, browser_session_id: id },
    ]);
    const waiting = await tenant.call("POST", "/v1/run/workflows", { workflow_id: parent });
    await until(async () => {
      const { body } = await tenant.call("GET", "/v1/workflows/runs");
      const run = body.find((row: { parent_workflow_run_id: string }) => row.parent_workflow_run_id === waiting.body.run_id);
      if (run === undefined) return null;
      const timeline = await tenant.call("GET", `/v1/runs/${run.workflow_run_id}/timeline`);
      return timeline.body[0]?.block.failure_reason;
    }, `The browser session ${id} is used by the run ${holder.body.run_id}.`);
    await tenant.call("POST", `/v1/runs/${holder.body.run_id}/cancel`);
    await until(async () => (await tenant.call("GET", `/v1/runs/${waiting.body.run_id}`)).body.status, "completed");
  });

  it("is shared with a child that its run waits for, which leaves the page to it", async () => {
    const tenant = await newTenant();
    const id = await open(tenant, { url: page("Parent's") });
    const child = await save(tenant, [look("sees"), goto("moves", page("Child's"))]);
    const asks = { block_type: "workflow_trigger", label: "asks", workflow_permanent_id: child, use_parent_browser_session: true };
    const run = await start(tenant, id, [look("before"), asks, look("after")]);
    expect(run.body.status, run.body.failure_reason).toBe("completed");
    expect(run.body.output).toMatchObject({
      asks_output: { outputs: { sees_output: { seen: "Parent's" } } },
      after_output: { seen: "Child's" },
    });
  });

  it("is not needed for a child to begin where its parent's browser is", async () => {
    const tenant = await newTenant();
    const child = await save(tenant, [look("sees")]);
    const asks = { block_type: "workflow_trigger", label: "asks", workflow_permanent_id: child, use_parent_browser_session: true };
    const workflow_id = await save(tenant, [goto("opens", page("Own")), asks]);
    const { body } = await tenant.call("POST", "/v1/run/workflows", { workflow_id }, UNTIL_IT_ENDS);
    expect(body.output.asks_output).toMatchObject({ status: "completed", outputs: { sees_output: { seen: "Own" } } });
  });

  it("that is closed while a run uses it ends its browser, and the run's block says so", async () => {
    const tenant = await newTenant();
    const { id, browser } = await openKnown(tenant);
    const run = await start(tenant, id, [goto("opens", html("<p></p>")), waitsFor("Never")], 0);
    await until(async () => {
      const { body } = await tenant.call("GET", `/v1/runs/${run.body.run_id}/timeline`);
      return body.find(({ block }: { block: { label: string } }) => block.label === "waits")?.block.status;
    }, "running");
    const closed = await tenant.call("POST", `/v1/browser_sessions/${id}/close`);
    expect(closed.body).toMatchObject({ status: "completed", runnable_id: null, completed_at: expect.any(String) });
    await until(async () => {
      const { body } = await tenant.call("GET", `/v1/runs/${run.body.run_id}`);
      return [body.status, body.failure_reason];
    }, ["failed", expect.stringContaining(`The browser session ${id} was closed.`)]);
    await until(() => isRunning(browser), false);
    expect((await start(tenant, id, [look("sees")], 0)).body).toMatchObject({ status: 400, errors: [{ path: "browser_session_id" }] });
  });

  it("that is closed says so at once, however long its browser takes to tell what it remembers", async () => {
    const [tenant, busy] = [await newTenant(), busyPage()];
    const { id, browser } = await openKnown(tenant, { url: busy.url });
    await busy.begin();
    const closed = await tenant.call("POST", `/v1/browser_sessions/${id}/close`);
    expect(await isRunning(browser)).toBe(true);
    expect(closed.body).toMatchObject({ status: "completed", completed_at: expect.any(String) });
    expect((await tenant.call("GET", "/v1/browser_sessions")).body).toEqual([]);
    await until(() => isRunning(browser), false);
  });

  it("that times out ends its browser", async () => {
    const tenant = await newTenant();
    const { id, browser } = await openKnown(tenant, { timeout: 5 });
    const now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now + 5 * 60_000);
    await runDurableObjectAlarm(objectOf(tenant, id));
    expect(await read(tenant, id)).toMatchObject({ status: "timeout", completed_at: expect.any(String) });
    await until(() => isRunning(browser), false);
    await until(async () => (await tenant.call("GET", "/v1/browser_sessions")).body, []);
    const { body: history } = await tenant.call("GET", "/v1/browser_sessions/history");
    expect(history).toMatchObject([{ browser_session_id: id, status: "timeout" }]);
  });

  it("whose browser is lost opens another for the next run, with its page and cookies, and says so", async () => {
    const tenant = await newTenant();
    const { id, browser } = await openKnown(tenant);
    const script = "localStorage.setItem('cart', 'desk')";
    await start(tenant, id, [goto("visits", at("/set-cookie?value=ann")), look("keeps", script), goto("opens", at("/list"))]);
    await until(async () => (await read(tenant, id)).runnable_id, null);
    const connected = await puppeteer.connect(env.BROWSER, browser);
    await connected.close();

    const next = await start(tenant, id, [
      look("sees", "[document.title, localStorage.getItem('cart')]"),
      goto("shows", at("/cookies")),
      look("cookies", "document.body.textContent"),
    ]);
    expect(next.body.status, next.body.failure_reason).toBe("completed");
    expect(next.body.output.sees_output.seen).toEqual(["List 1", "desk"]);
    expect(next.body.output.cookies_output.seen).toBe("visitor=ann; kept=ann");
    expect((await read(tenant, id)).warning).toMatch(/was lost, and another was opened/);
  });
});
