import { describe, expect, it } from "vitest";
import { eventually } from "../../eventually.ts";
import { createTenant, type Tenant } from "../../workers/api.ts";
import { at, heldPage } from "./harness.ts";
import { killRun } from "./kill-run.ts";

const sets = {
  block_type: "actions",
  label: "sets",
  steps: [
    { action: "goto", url: at("/headers") },
    { action: "set_viewport", width: 500, height: 400 },
    { action: "set_headers", headers: { "X-Team": "blue" } },
    { action: "evaluate", script: "window.kept = true" },
  ],
};
const LOOKS = [
  { action: "evaluate", name: "size", script: "[innerWidth, innerHeight]" },
  { action: "evaluate", name: "kept", script: "window.kept ?? null" },
  { action: "goto", url: at("/headers") },
  { action: "evaluate", name: "team", script: "JSON.parse(headers.textContent)['x-team']" },
];

async function start(tenant: Tenant, blocks: readonly object[]): Promise<string> {
  const json_definition = { title: "Eviction", workflow_definition: { parameters: [], blocks } };
  const saved = await tenant.call("POST", "/v1/workflows", { json_definition });
  expect(saved.body.errors ?? []).toEqual([]);
  return (await tenant.call("POST", "/v1/run/workflows", { workflow_id: saved.body.workflow_permanent_id })).body.run_id;
}

const reach = async (tenant: Tenant, runId: string, status: string) =>
  await eventually(async () => {
    const { body } = await tenant.call("GET", `/v1/runs/${runId}`);
    expect(body.status, body.failure_reason).toBe(status);
    return body;
  });

async function blockOf(tenant: Tenant, runId: string, label: string): Promise<{ status: string; attempt: number } | undefined> {
  const { body } = await tenant.call("GET", `/v1/runs/${runId}/timeline`);
  return body.map(({ block }: { block: { label: string } }) => block).find((block: { label: string }) => block.label === label);
}

describe("a run whose object dies", () => {
  it("while it waits goes on in the same tab, with what was set for that", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const runId = await start(tenant, [
      sets,
      { block_type: "human_interaction", label: "asks" },
      { block_type: "actions", label: "looks", steps: LOOKS },
    ]);
    await reach(tenant, runId, "paused");
    await killRun(tenant, runId);
    await tenant.call("POST", `/v1/runs/${runId}/approve`);
    const { output } = await reach(tenant, runId, "completed");
    expect(output.looks_output).toMatchObject({ size: [500, 400], kept: true, team: "blue" });
  });

  it("while a block is at work begins that again in another browser, with what was set before it", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const held = heldPage();
    const runId = await start(tenant, [
      sets,
      {
        block_type: "actions",
        label: "looks",
        on_interrupted: "retry",
        steps: [LOOKS[0], LOOKS[1], { action: "goto", url: held.url }, LOOKS[2], LOOKS[3]],
      },
    ]);
    await eventually(async () => expect(await blockOf(tenant, runId, "looks")).toMatchObject({ status: "running", attempt: 1 }));
    await killRun(tenant, runId);
    await held.release();
    const { output } = await reach(tenant, runId, "completed");
    expect(output.looks_output).toMatchObject({ size: [500, 400], kept: null, team: "blue" });
    expect(await blockOf(tenant, runId, "looks")).toMatchObject({ attempt: 2 });
  });
});
