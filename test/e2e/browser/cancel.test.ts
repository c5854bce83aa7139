import puppeteer from "@cloudflare/puppeteer";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { eventually } from "../../eventually.ts";
import { AT_ONCE_MS, UNTIL_IT_ENDS } from "../../patience.ts";
import { createTenant, type Tenant } from "../../workers/api.ts";
import { at, busyPage, html } from "./harness.ts";

interface Block {
  readonly label: string;
  readonly status: string;
}

const wait = { block_type: "wait", label: "inner", wait_sec: 3600 };
const open = { block_type: "goto_url", label: "open", url: html("<title>Shop</title><h1>Shop</h1>") };
const busy = busyPage();

/** For each block type that can be caught at work: what comes before it, and the block, which does not end by itself. */
const blocks: Record<string, { before: object[]; block: object; status: "running" | "waiting" }> = {
  http_request: { before: [], block: { block_type: "http_request", label: "b", url: at("/silent"), timeout: 300 }, status: "running" },
  wait: { before: [], block: { ...wait, label: "b" }, status: "running" },
  for_loop: {
    before: [],
    block: { block_type: "for_loop", label: "b", loop_variable_reference: "{{ [1, 2] }}", loop_blocks: [wait] },
    status: "running",
  },
  while_loop: {
    before: [],
    block: { block_type: "while_loop", label: "b", condition: { expression: "{{ true }}" }, loop_blocks: [wait] },
    status: "running",
  },
  human_interaction: { before: [], block: { block_type: "human_interaction", label: "b" }, status: "waiting" },
  goto_url: { before: [], block: { block_type: "goto_url", label: "b", url: at("/silent") }, status: "running" },
  actions: {
    before: [open],
    block: { block_type: "actions", label: "b", steps: [{ action: "wait_for", text: "Never", timeout_seconds: 300 }] },
    status: "running",
  },
  extraction: {
    before: [open],
    block: { block_type: "extraction", label: "b", selectors: { price: "#price" }, wait_seconds: 300 },
    status: "running",
  },
  screenshot: {
    before: [
      { ...open, url: busy.url },
      { block_type: "human_interaction", label: "until_busy" },
    ],
    block: { block_type: "screenshot", label: "b" },
    status: "running",
  },
};

async function start(tenant: Tenant, definition: object): Promise<string> {
  const created = await tenant.call("POST", "/v1/workflows", { json_definition: { title: "Cancel", workflow_definition: definition } });
  expect(created.body.errors ?? []).toEqual([]);
  return (await tenant.call("POST", "/v1/run/workflows", { workflow_id: created.body.workflow_permanent_id })).body.run_id;
}

async function blockOf(tenant: Tenant, runId: string, label: string): Promise<Block | undefined> {
  const { body } = await tenant.call("GET", `/v1/runs/${runId}/timeline`);
  return body.map(({ block }: { block: Block }) => block).find((block: Block) => block.label === label);
}

async function openSessions(): Promise<number> {
  return (await puppeteer.sessions(env.BROWSER)).length;
}

describe("canceling a run in the middle of a block", () => {
  it.each(Object.keys(blocks))(
    "of the type %s takes effect at once, runs the block at the end, and gives the browser back",
    async (type) => {
      const { before, block, status } = blocks[type]!;
      const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
      const last = { block_type: "set", label: "last", values: { done: true } };
      const runId = await start(tenant, { blocks: [...before, block, last], finally_block_label: "last" });
      if (type === "screenshot") {
        await eventually(async () => expect(await blockOf(tenant, runId, "until_busy")).toMatchObject({ status: "waiting" }));
        await busy.begin();
        await tenant.call("POST", `/v1/runs/${runId}/approve`);
      }
      await eventually(async () => expect(await blockOf(tenant, runId, "b")).toMatchObject({ status }));
      const canceledAt = performance.now();
      expect((await tenant.call("POST", `/v1/runs/${runId}/cancel`)).status).toBe(200);
      const { body } = await tenant.call("GET", `/v1/runs/${runId}`, undefined, UNTIL_IT_ENDS);
      expect(body.status).toBe("canceled");
      expect(performance.now() - canceledAt).toBeLessThan(AT_ONCE_MS); // nothing waits for the block
      expect(await blockOf(tenant, runId, "b")).toMatchObject({ status: "canceled" });
      expect(await blockOf(tenant, runId, "last")).toMatchObject({ status: "completed" });
      await eventually(async () => expect(await openSessions()).toBe(0));
    },
  );

  it("of the type workflow_trigger cancels the run that it waits for", async () => {
    const tenant = await createTenant();
    const child = await tenant.call("POST", "/v1/workflows", {
      json_definition: { title: "Child", workflow_definition: { blocks: [wait] } },
    });
    const trigger = { block_type: "workflow_trigger", label: "b", workflow_permanent_id: child.body.workflow_permanent_id };
    const runId = await start(tenant, { blocks: [trigger] });
    const childId = await eventually(async () => {
      const block = (await blockOf(tenant, runId, "b")) as (Block & { block_workflow_run_id: string | null }) | undefined;
      expect(block).toMatchObject({ status: "waiting" });
      return block?.block_workflow_run_id;
    });
    await tenant.call("POST", `/v1/runs/${runId}/cancel`);
    const { body } = await tenant.call("GET", `/v1/runs/${childId}`, undefined, UNTIL_IT_ENDS);
    expect(body.status).toBe("canceled");
  });
});
