import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import puppeteer from "@cloudflare/puppeteer";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createIds } from "../../../src/adapters/ids.ts";
import { composeEngine, type EngineDeps } from "../../../src/compose.ts";
import type { BrowserHolder } from "../../../src/domain/browser/browser-queue.ts";
import type { BrowserPool } from "../../../src/engine/pool/browser-pool-object.ts";
import { createTenant, type Tenant } from "../../workers/api.ts";
import { heldPage, html } from "./harness.ts";

const pool = () => env.BROWSER_POOL.get(env.BROWSER_POOL.idFromName("account"));
const engineOf = async (): Promise<EngineDeps> => await runInDurableObject(pool(), (object: BrowserPool) => composeEngine(object["env"]));
const running = async () => (await puppeteer.sessions(env.BROWSER)).map(({ sessionId }) => sessionId);
const until = async (check: () => Promise<unknown>, expected: unknown) => await expect.poll(check).toEqual(expected);

afterEach(() => {
  vi.restoreAllMocks();
});

async function newTenant(): Promise<Tenant> {
  return await createTenant({ allowed_hosts: ["127.0.0.1"] });
}

async function start(tenant: Tenant, blocks: readonly object[]): Promise<string> {
  const saved = await tenant.call("POST", "/v1/workflows", {
    json_definition: { title: "Capacity", workflow_definition: { parameters: [], blocks } },
  });
  expect(saved.body.errors ?? []).toEqual([]);
  const { body } = await tenant.call("POST", "/v1/run/workflows", { workflow_id: saved.body.workflow_permanent_id });
  return body.run_id;
}

const statusOf = async (tenant: Tenant, runId: string) => (await tenant.call("GET", `/v1/runs/${runId}`)).body.status;
const browsersOf = async (tenant: Tenant) => (await tenant.call("GET", "/v1/browsers")).body.browsers;
const goto = (label: string, url: string) => ({ block_type: "goto_url", label, url });
const evaluate = (label: string, script: string) => ({
  block_type: "actions",
  label,
  steps: [{ action: "evaluate", script, name: "value" }],
});

/** Lets runs keep a browser that no block uses for so long; until the returned function is called. */
async function keepAlive(ms: number): Promise<() => void> {
  const deps: { browserKeepAliveMs: number } = await engineOf();
  const before = deps.browserKeepAliveMs;
  deps.browserKeepAliveMs = ms;
  return () => (deps.browserKeepAliveMs = before);
}

describe("runs of several organizations that want more browsers than there are", () => {
  it("get them in the order of asking, and none loses an attempt", async () => {
    const { platform, holders } = await engineOf();
    vi.spyOn(platform, "limits").mockResolvedValue({ maxConcurrent: 2, activeSessionIds: [], nextAcquisitionInMs: 0 });
    await runInDurableObject(pool(), async (object: BrowserPool) => await object.alarm()); // it asks for the limit anew
    const asked: string[] = [];
    const find = holders.get.bind(holders);
    vi.spyOn(holders, "get").mockImplementation((holder) => {
      asked.push(holder.id);
      return find(holder);
    });
    const tenants = [await newTenant(), await newTenant()];
    const held = heldPage(); // nobody gives a browser back before all have asked
    const blocks = [goto("opens", held.url), { block_type: "wait", label: "rests", wait_sec: 1 }, evaluate("reads", "document.title")];
    const runs: { tenant: Tenant; runId: string }[] = [];
    for (let index = 0; index < 6; index++) {
      const tenant = tenants[index % 2]!;
      const runId = await start(tenant, blocks);
      runs.push({ tenant, runId });
      // It has asked before the next does.
      await until(async () => (await browsersOf(tenant)).some((browser: { run_id: string }) => browser.run_id === runId), true);
    }
    const waiting = (await Promise.all(tenants.map(browsersOf))).flat().filter(({ status }) => status === "waiting");
    expect(waiting).toHaveLength(4);
    const last = runs.at(-1)!;
    const { body: timeline } = await last.tenant.call("GET", `/v1/runs/${last.runId}/timeline`);
    expect(timeline[0].block).toMatchObject({
      label: "opens",
      status: "waiting",
      waiting_for: "browser",
      queue_position: expect.any(Number),
    });
    await held.release();

    for (const { tenant, runId } of runs) await until(() => statusOf(tenant, runId), "completed");
    expect(asked.filter((id, index) => asked.indexOf(id) === index)).toEqual(runs.slice(2).map(({ runId }) => runId));
    expect((await running()).length).toBeLessThanOrEqual(2);
    for (const tenant of tenants) await until(() => browsersOf(tenant), []);
    await until(running, []);
  });
});

describe("a run that rests", () => {
  it("holds no browser while a person is asked for longer than the keep-alive, and goes on where it was in another", async () => {
    const restore = await keepAlive(300);
    const tenant = await newTenant();
    const page = html("<title>Shop</title>");
    const runId = await start(tenant, [
      goto("opens", page),
      evaluate("fills", "document.cookie = 'seen=yes'; localStorage.cart = 'desk'; window.kept = true"),
      { block_type: "human_interaction", label: "asks", instructions: "Go on?" },
      evaluate("reads", "[location.href, localStorage.cart, document.cookie, window.kept ?? null]"),
    ]);
    await until(() => statusOf(tenant, runId), "paused");
    await until(() => browsersOf(tenant), []);
    await until(running, []);
    await tenant.call("POST", `/v1/runs/${runId}/approve`);
    await until(() => statusOf(tenant, runId), "completed");
    const { body } = await tenant.call("GET", `/v1/runs/${runId}`);
    expect(body.output.reads_output.value).toEqual([page, "desk", "seen=yes", null]);
    restore();
  });

  it("gives it back at once where it is known to sleep for longer, and keeps it where it does not", async () => {
    const restore = await keepAlive(60_000);
    const tenant = await newTenant();
    const wait = (label: string, seconds: number) => ({ block_type: "wait", label, wait_sec: seconds });
    const runId = await start(tenant, [
      goto("opens", html("<title>Shop</title>")),
      evaluate("marks", "window.kept = true"),
      wait("short", 1),
      evaluate("same", "window.kept ?? null"),
      wait("long", 3600),
    ]);
    await until(async () => {
      const { body } = await tenant.call("GET", `/v1/runs/${runId}/timeline`);
      return body[0]?.block.label;
    }, "long");
    await until(running, []);
    const { body } = await tenant.call("GET", `/v1/runs/${runId}/timeline`);
    expect(body.find(({ block }: { block: { label: string } }) => block.label === "same").block.output.value).toBe(true);
    await tenant.call("POST", `/v1/runs/${runId}/cancel`);
    restore();
  });
});

describe("a browser that was forgotten", () => {
  it("is closed by the sweep when nobody holds it, and by its lease when its holder is dead", async () => {
    const holder: BrowserHolder = { kind: "run", organizationId: "o_dead", id: createIds(Date.now).next("run") };
    const wish = { keepAliveMs: 60_000, onlyHosts: null };
    const [first, second] = [await pool().acquire(holder, wish), await pool().acquire(holder, wish)];
    if (first.outcome !== "acquired" || second.outcome !== "acquired") throw new Error("no browser");
    await until(async () => (await running()).toSorted(), [first.sessionId, second.sessionId].toSorted());
    await pool().sweep();
    expect(await running()).toHaveLength(2); // just opened
    const now = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => now + 10 * 60_000);
    await pool().sweep();
    await until(running, [second.sessionId]);
    await runDurableObjectAlarm(pool());
    await until(running, []);
  });
});
