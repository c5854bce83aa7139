import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { openDatabase } from "../../src/adapters/d1/database.ts";
import { createRunIndex } from "../../src/adapters/d1/runs.ts";
import { createLog } from "../../src/adapters/log.ts";
import { createRunObjects } from "../../src/adapters/run-objects.ts";
import type { OrganizationId, RunId } from "../../src/domain/id.ts";
import { wakeSilentRuns } from "../../src/services/projection.ts";
import { createTenant, type Tenant } from "./api.ts";

const deps = { runIndex: createRunIndex(openDatabase(env.DB)), runs: createRunObjects(env.WORKFLOW_RUN), log: createLog("error") };
const MINUTE_MS = 60_000;

/** Asked of the index, since a question to the run itself would wake it. */
const statusInIndex = async (tenant: Tenant, runId: RunId) =>
  (await deps.runIndex.get(tenant.organizationId as OrganizationId, runId))?.status;

/** A run that sleeps, as the index knows. */
async function sleeper(tenant: Tenant, seconds: number) {
  const blocks = [
    { block_type: "wait", label: "w", wait_sec: seconds },
    { block_type: "set", label: "after", values: { v: 1 } },
  ];
  const definition = { json_definition: { title: "Test", workflow_definition: { blocks } } };
  const { workflow_permanent_id } = (await tenant.call("POST", "/v1/workflows", definition)).body;
  const { run_id } = (await tenant.call("POST", "/v1/run/workflows", { workflow_id: workflow_permanent_id })).body;
  await expect.poll(() => statusInIndex(tenant, run_id)).toBe("running");
  return { runId: run_id as RunId, object: env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${tenant.organizationId}:${run_id}`)) };
}

/** As after a fault of the platform: nothing will wake it. */
async function strand(object: DurableObjectStub): Promise<void> {
  await runInDurableObject(object, (_object, state) => state.storage.deleteAlarm());
  await evictDurableObject(object);
}

const alarmOf = (object: DurableObjectStub) => runInDurableObject(object, (_object, state) => state.storage.getAlarm());

it("a run that has lost its alarm is woken by the sweep and goes on", async () => {
  const tenant = await createTenant();
  const { runId, object } = await sleeper(tenant, 3);
  await strand(object);
  expect(await wakeSilentRuns(deps, Date.now())).toBe(0); // it has not been silent for long
  expect(await wakeSilentRuns(deps, Date.now() + 2 * MINUTE_MS)).toBeGreaterThan(0);
  await expect.poll(() => statusInIndex(tenant, runId)).toBe("completed");
});

it("a sleeper stays asleep and gets its alarm back, and a sweep with more than it can wake leaves none out", async () => {
  const tenant = await createTenant();
  const sleepers = await Promise.all([sleeper(tenant, 1000), sleeper(tenant, 1000), sleeper(tenant, 1000)]);
  for (const { object } of sleepers) await strand(object);
  const from = Date.now() + 2 * MINUTE_MS;
  const silent = (await deps.runIndex.unfinished(from, 0, 100)).length;
  for (let minute = 0; minute < silent; minute += 1) expect(await wakeSilentRuns(deps, from + minute * MINUTE_MS, 1)).toBe(1);
  for (const { object } of sleepers) expect(await alarmOf(object)).toBeGreaterThan(Date.now());
  const list = (await tenant.call("GET", "/v1/workflows/runs")).body as { status: string }[];
  expect(list.map(({ status }) => status)).toEqual(["running", "running", "running"]);
});
