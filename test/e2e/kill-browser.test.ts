import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Shop, SHOP_ACCOUNT, startShop } from "../../src/cli/demo-shop.ts";
import { connectService, type ServiceClient } from "../../src/cli/service-client.ts";
import { type Service, startService } from "../../src/cli/service.ts";
import { browsersOf, processesIn } from "./browser-processes.ts";

const API_KEY = "key-of-the-browser-kill-test";

interface Block {
  label: string;
  status: string;
  attempt: number;
}
interface Run {
  run_id: string;
  status: string;
  failure_reason: string | null;
  output: Record<string, { found: number }> | null;
}

let state: string;
let service: Service;
let api: ServiceClient;
let shop: Shop;
let workflowId: string;

async function start(): Promise<void> {
  service = await startService({ state, devApiKey: API_KEY, quiet: true, vars: { PILOTFISH_MAX_BROWSERS: "1" } });
  api = connectService(service.url, { apiKey: API_KEY });
}

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "pilotfish-kill-browser-"));
  [shop] = await Promise.all([startShop(), start()]);
  const created = await api.call<{ workflow_permanent_id: string }>("POST", "/v1/workflows", { json_definition: definition() });
  workflowId = created.workflow_permanent_id;
});

afterAll(async () => {
  await Promise.all([service.stop(), shop.close()]);
  await rm(state, { recursive: true, force: true });
});

beforeEach(() => void shop.requests.splice(0));

/** Signs in, and then reads two pages side by side, which are for those only who have signed in. */
function definition(): object {
  const read = (label: string, query: string) => ({
    block_type: "actions",
    label,
    depends_on: ["sign_in"],
    retry: { max_attempts: 2, initial_seconds: 0.1 },
    steps: [
      { action: "goto", url: `${shop.url}/products?q=${query}` },
      { action: "evaluate", name: "found", script: "document.querySelectorAll('tbody tr').length" },
    ],
    on_interrupted: "retry",
  });
  const signIn = {
    block_type: "actions",
    label: "sign_in",
    steps: [
      { action: "goto", url: `${shop.url}/login` },
      { action: "fill", target: "[name=email]", value: SHOP_ACCOUNT.email },
      { action: "fill", target: "[name=password]", value: SHOP_ACCOUNT.password },
      { action: "click", target: { role: "button", name: "Sign in" } },
      { action: "wait_for", url: "**/products" },
    ],
  };
  return {
    title: "Reads behind a login",
    workflow_definition: { version: 3, parameters: [], blocks: [signIn, read("ropes", "rope"), read("lamps", "lamp")] },
  };
}

/** Resolves when both pages are being waited for, which do not come before they are released. */
async function startRun(): Promise<{ runId: string; release: () => void }> {
  const release = shop.hold(/^GET \/products\?q=/);
  const { run_id: runId } = await api.call<Run>("POST", "/v1/run/workflows", { workflow_id: workflowId });
  await expect.poll(() => shop.requests.filter(({ path }) => path.includes("?q=")).length).toBe(2);
  return { runId, release };
}

async function finish(runId: string): Promise<Run> {
  let run: Run | undefined;
  const isOver = async () => {
    run = await api.call<Run>("GET", `/v1/runs/${runId}`);
    return run.status !== "running" && run.status !== "queued";
  };
  await expect.poll(isOver).toBe(true);
  return run!;
}

describe("a run with two browser blocks at work is completed, and no browser process is left,", () => {
  it.each<[string, (browser: number) => unknown]>([
    ["the browser's main process is killed", (browser) => process.kill(browser, "SIGKILL")],
    [
      "the service is killed and started again",
      async () => {
        await service.kill();
        await start();
      },
    ],
  ])("when %s", async (_, kill) => {
    const { runId, release } = await startRun();
    const browsers = browsersOf(service.pid);
    expect(browsers).toHaveLength(1);
    for (const browser of browsers) await kill(browser);
    release();
    expect(await finish(runId)).toMatchObject({
      status: "completed",
      failure_reason: null,
      output: { ropes_output: { found: expect.any(Number) }, lamps_output: { found: expect.any(Number) } },
    });
    const timeline = await api.call<{ block: Block }[]>("GET", `/v1/runs/${runId}/timeline`);
    const attempts = Object.fromEntries(timeline.map(({ block }) => [block.label, block.attempt]));
    expect(attempts).toEqual({ sign_in: 1, ropes: 2, lamps: 2 });
    expect(shop.requests.filter(({ method, path }) => method === "POST" && path === "/login")).toHaveLength(1);
    await expect.poll(() => processesIn(browsers)).toEqual([]);
    await expect.poll(() => browsersOf(service.pid)).toEqual([]);
  });
});

describe("a run that waits for another's browser", () => {
  it("has its turn though the service is killed and started again meanwhile", async () => {
    const { runId: holder, release } = await startRun();
    const { run_id: waiting } = await api.call<Run>("POST", "/v1/run/workflows", { workflow_id: workflowId });
    const line = async () => {
      const { browsers } = await api.call<{ browsers: { run_id: string; status: string }[] }>("GET", "/v1/browsers");
      return browsers.filter(({ status }) => status === "waiting").map(({ run_id }) => run_id);
    };
    await expect.poll(line).toEqual([waiting]);
    await service.kill();
    await start();
    release();
    const ends = await Promise.all([finish(holder), finish(waiting)]);
    expect(ends.map(({ status }) => status)).toEqual(["completed", "completed"]);
    expect(await line()).toEqual([]);
    await expect.poll(() => browsersOf(service.pid)).toEqual([]);
  });
});
