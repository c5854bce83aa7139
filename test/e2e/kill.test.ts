import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Shop, SHOP_ACCOUNT, startShop } from "../../src/cli/demo-shop.ts";
import { connectService, type ServiceClient } from "../../src/cli/service-client.ts";
import { type Service, startService } from "../../src/cli/service.ts";

const API_KEY = "key-of-the-kill-test";
const FINAL = new Set(["completed", "failed", "canceled", "timed_out"]);

interface Block {
  label: string;
  status: string;
  attempt: number;
  outcome: string | null;
  started_at: string;
  finished_at: string | null;
}
interface Run {
  run_id: string;
  status: string;
  failure_reason: string | null;
}

let state: string;
let service: Service;
let api: ServiceClient;
let shop: Shop;

async function start(): Promise<void> {
  service = await startService({ state, devApiKey: API_KEY, quiet: true });
  api = connectService(service.url, { apiKey: API_KEY });
}

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "pilotfish-kill-"));
  [shop] = await Promise.all([startShop(), start()]);
});

afterAll(async () => {
  await Promise.all([service.stop(), shop.close()]);
  await rm(state, { recursive: true, force: true });
});

async function order(): Promise<string> {
  const parameters = {
    shop_url: shop.url,
    ...SHOP_ACCOUNT,
    search: "rope",
    quantity: 2,
    recipient: { name: "Ada Berg", email: "ada@example.com", street: "Quay 7", postcode: "24937", city: "Flensburg", country: "Germany" },
    result_url: `${shop.url}/api/results`,
  };
  const request = { workflow_id: "wpid_template_shop_order", parameters };
  return (await api.call<Run>("POST", "/v1/run/workflows?template=true", request)).run_id;
}

async function blocksOf(runId: string): Promise<Block[]> {
  const timeline = await api.call<{ block: Block }[]>("GET", `/v1/runs/${runId}/timeline`);
  return timeline.map(({ block }) => block).toReversed();
}

/**
 * Orders, and kills the whole process tree while this block waits for the shop's answer.
 * @param request of the block, which no block before it sends
 * @returns what was complete by then
 */
async function killDuring(label: string, request: RegExp): Promise<{ runId: string; before: Block[] }> {
  const release = shop.hold(request);
  const asked = shop.requests.length;
  const runId = await order();
  await expect.poll(() => shop.requests.slice(asked).some(({ method, path }) => request.test(`${method} ${path}`))).toBe(true);
  const blocks = await blocksOf(runId);
  expect(blocks.find((block) => block.label === label)).toMatchObject({ status: "running" });
  await service.kill();
  release();
  return { runId, before: blocks.filter(({ status }) => status === "completed") };
}

async function finish(runId: string): Promise<Run> {
  for (;;) {
    const run = await api.call<Run>("GET", `/v1/runs/${runId}`);
    if (FINAL.has(run.status)) return run;
    await sleep(100);
  }
}

describe("a service that is killed in the middle of a run and started again on the same state", () => {
  it.each([
    ["sign_in", /^POST \/login/],
    ["search_products", /^GET \/products\?/],
    ["download_list", /^GET \/products\.csv/],
    ["open_product", /^GET \/products\//],
  ])("completes the run after a kill during %s and repeats no completed block", async (label, request) => {
    const [orders, results] = [shop.orders.length, shop.results.length];
    const { runId, before } = await killDuring(label, request);
    await start();
    expect(await finish(runId)).toMatchObject({ status: "completed", failure_reason: null });
    const after = await blocksOf(runId);
    expect(after).toEqual(expect.arrayContaining(before)); // with the same times and attempts
    expect(after.find((block) => block.label === label)).toMatchObject({ status: "completed", attempt: 2 });
    expect(after.filter((block) => block.attempt > 1)).toHaveLength(1);
    expect(shop.orders.length - orders).toBe(1);
    expect(shop.results.length - results).toBe(1);
  });

  it("fails the run, its outcome unknown, after a kill during the one block that must not be repeated", async () => {
    const orders = shop.orders.length;
    const { runId } = await killDuring("place_order", /^POST \/order\//);
    await start();
    const run = await finish(runId);
    expect(run).toMatchObject({ status: "failed" });
    expect(run.failure_reason).toMatch(/outcome unknown/i);
    expect((await blocksOf(runId)).at(-1)).toMatchObject({ label: "place_order", status: "failed", outcome: "unknown", attempt: 1 });
    expect(shop.orders.length - orders).toBeLessThanOrEqual(1);
  });
});
