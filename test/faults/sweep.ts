import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { createIds } from "../../src/adapters/ids.ts";
import { blockCatalog } from "../../src/blocks/registry.ts";
import { composeWorker } from "../../src/compose.ts";
import { deliveryIdOf, type OrganizationId, type RunId, type WorkflowId } from "../../src/domain/id.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { packPlan } from "../../src/domain/workflow/packed-plan.ts";
import { FINAL_STATUSES, type FinalStatus, type RunEvent } from "../../src/domain/run/run.ts";
import { requireDefinition } from "../../src/domain/workflow/check-definition.ts";
import { ORGANIZATION_SETTINGS } from "../../src/domain/testing/organization.ts";
import type { RunReport } from "../../src/ports/run-objects.ts";
import { launch } from "../../src/services/runs.ts";
import { eventually } from "../eventually.ts";
import { PATIENCE_MS } from "../patience.ts";
import type { ReceivedRequest } from "../workers/receiver.ts";
import { openBox } from "../workers/receiver-client.ts";
import { createFakeBrowsers } from "./fake-browsers.ts";
import { checkHistory } from "./history.ts";
import { type Fault, Injector } from "./injector.ts";
import type { WorkflowRun } from "./worker.ts";
import { createWorld } from "./world.ts";

/** A workflow that the sweep takes through every fault at every point. */
export interface Scenario {
  readonly name: string;
  /** @param place where its blocks may call, and the workflow that it may start */
  definition(place: { readonly url: string; readonly child: WorkflowId }): JsonObject;
  /** How the run may end: a fault may cost a block that must not be repeated. */
  readonly ends: readonly FinalStatus[];
  /** Paths of blocks that must not have an effect twice. */
  readonly once?: readonly string[];
  /** Another run holds the only slot at first. */
  readonly queued?: boolean;
  /** What a person does meanwhile; called again and again until the run has ended. */
  act?(run: DurableObjectStub<WorkflowRun>, report: RunReport): Promise<unknown>;
}

export const CHILD: JsonObject = {
  title: "Child",
  workflow_definition: { blocks: [{ block_type: "set", label: "inner", values: { v: 1 } }] },
};

/** How a run that was hit is woken. */
const WAKES = [
  (run: DurableObjectStub<WorkflowRun>) => run.wake(),
  (run: DurableObjectStub<WorkflowRun>) => runDurableObjectAlarm(run),
  (run: DurableObjectStub<WorkflowRun>) => run.report(0),
];
/** After so long without an end the alarm is not waited for, and as long again each time. */
const ALARM_WAIT_MS = 100;
const POLL_MS = 10;

const ids = createIds(Date.now);

export interface Outcome {
  /** The point at which the fault happened; null when the run has fewer points. */
  readonly struck: string | null;
  /** What was promised and not kept. */
  readonly broken: readonly string[];
}

/** One run with one fault. */
export async function runWith(scenario: Scenario, at: number, fault: Fault): Promise<Outcome> {
  const { deps } = composeWorker(env);
  const [organizationId, runId, child] = [ids.next("organization"), ids.next("run"), ids.next("workflow")];
  const injector = new Injector(at, fault);
  const browsers = createFakeBrowsers();
  createWorld(organizationId, { injector, browsers });
  const organization = {
    ...ORGANIZATION_SETTINGS,
    organizationId,
    allowedHosts: ["127.0.0.1"],
    maxConcurrentRuns: scenario.queued === true ? 1 : 100,
    createdAt: Date.now(),
  };
  const box = await openBox();
  await deps.organizations.insert({ ...organization, sealedWebhookSecret: "" });
  await deps.workflows.create({
    organizationId,
    workflowPermanentId: child,
    workflowId: ids.next("workflowVersion"),
    title: "Child",
    definition: CHILD,
    folderId: null,
    createdAt: Date.now(),
  });
  const { plan } = requireDefinition(scenario.definition({ url: box.url, child }), blockCatalog);
  const facts = {
    runId,
    organizationId,
    workflowPermanentId: ids.next("workflow"),
    workflowId: ids.next("workflowVersion"),
    version: 1,
    workflowTitle: scenario.name,
    parameters: {},
    request: {},
    webhookUrl: "http://127.0.0.1:1/hook",
    allowedHosts: organization.allowedHosts,
    maxSeconds: 3600,
    admission: { limit: organization.maxConcurrentRuns, priority: 0, sequentialKey: null },
    apiOrigin: "https://pilotfish.test",
    parent: null,
    retryOf: null,
  };
  const gate = deps.gates.get(organizationId);
  const other = ids.next("run");
  if (scenario.queued === true) await gate.admit({ runId: other, limit: 1, priority: 0, sequentialKey: null, onLimit: "queue" });

  const start = () =>
    launch(deps, organization, runId, {
      priority: 0,
      onLimit: "queue",
      waitMs: 0,
      prepare: async () => ({ facts, plan: packPlan(plan), browserState: null }),
    });
  await eventually(start); // as an `Idempotency-Key` lets a caller who was not answered
  if (scenario.queued === true) await gate.release(other);

  const run = findRun(organizationId, runId);
  const broken: string[] = [];
  if (!(await settle(organizationId, run, scenario, at))) broken.push(`stranded: ${await describeStranded(run)}`);
  const journal = await journalOf(run);
  for (const childRun of childrenOf(organizationId, journal)) {
    if (!(await settle(organizationId, childRun, { ...scenario, act: async () => {} }, at)))
      broken.push(`the child is stranded: ${await describeStranded(childRun)}`);
    broken.push(...checkHistory(await journalOf(childRun)).map((what) => `in the child: ${what}`));
  }
  broken.push(...checkHistory(journal));
  broken.push(...checkEnd(journal, scenario));
  broken.push(...checkCalls(journal, scenario, runId, await box.requests()));
  broken.push(...(await checkOutside(organizationId, runId, journal)));
  if (browsers.holders.size > 0) broken.push("it holds a browser's slot");
  const clicks = (scenario.once ?? []).length > 0 ? browsers.performed() : 0;
  if (clicks > 1) broken.push(`the page was acted on ${clicks} times`);
  return { struck: injector.struck, broken };
}

/** @returns whether the run has ended, all it had to tell is recorded, and nothing is left for it to do */
async function settle(organizationId: OrganizationId, run: Find, scenario: Scenario, at: number): Promise<boolean> {
  let wakeAt = 0;
  const look = async (): Promise<void> => {
    const first = wakeAt === 0;
    if (Date.now() >= wakeAt) {
      wakeAt = Date.now() + ALARM_WAIT_MS;
      if (first) await WAKES[at % WAKES.length]!(run());
      else for (const one of [run, ...childrenOf(organizationId, await journalOf(run))]) await runDurableObjectAlarm(one());
    }
    const report = await run().report(20);
    if (report !== null && !isFinalStatus(report.status)) await scenario.act?.(run(), report);
    if (report === null || !isFinalStatus(report.status) || !(await isSettled(run))) throw new Error("not yet");
  };
  return await vi.waitFor(look, { timeout: PATIENCE_MS, interval: POLL_MS }).then(
    () => true,
    () => false,
  );
}

async function isSettled(run: Find): Promise<boolean> {
  return await runInDurableObject(run(), async (_object, state) => {
    const { acknowledged, seq } = readOutbox(state);
    return acknowledged === seq && (await state.storage.getAlarm()) === null;
  });
}

function readOutbox({ storage: { sql } }: DurableObjectState): { acknowledged: number; seq: number } {
  const { seq } = sql.exec<{ seq: number }>("SELECT max(seq) AS seq FROM journal").one();
  const [row] = sql.exec<{ value: string }>("SELECT value FROM facts WHERE name = 'acknowledged'").toArray();
  return { seq, acknowledged: Number(row?.value ?? 0) };
}

async function describeStranded(run: Find): Promise<string> {
  try {
    const state = await runInDurableObject(run(), async (_object, ctx) => ({ ...readOutbox(ctx), alarm: await ctx.storage.getAlarm() }));
    const last = (await journalOf(run)).at(-1);
    return JSON.stringify({ ...state, last: last?.type });
  } catch (error) {
    return `it cannot be read: ${String(error)}`;
  }
}

function checkEnd(journal: readonly RunEvent[], scenario: Scenario): string[] {
  const last = journal.at(-1);
  if (last?.type !== "run_ended" || scenario.ends.includes(last.status)) return [];
  return [`it ended ${last.status}: ${last.reason}`];
}

/** No call without a start, and one at most where two would be too many. */
function checkCalls(journal: readonly RunEvent[], scenario: Scenario, runId: RunId, calls: readonly ReceivedRequest[]): string[] {
  const counts = new Map<string, number>();
  for (const { headers } of calls) {
    const path = (headers["idempotency-key"] ?? "").replace(`${runId}/`, "");
    counts.set(path, (counts.get(path) ?? 0) + 1);
  }
  return [...counts].flatMap(([path, count]) => {
    const starts = journal.filter((event) => event.type === "block_started" && event.path === path).length;
    if (count > starts) return [`${path} called ${count} times in ${starts} attempts`];
    return scenario.once?.includes(path) && count > 1 ? [`${path} called ${count} times, and may once`] : [];
  });
}

/** The index, the deliveries and the gate, as they must be when the run has told everything. */
async function checkOutside(organizationId: OrganizationId, runId: RunId, journal: readonly RunEvent[]): Promise<string[]> {
  const { deps } = composeWorker(env);
  const broken: string[] = [];
  const row = await deps.runIndex.get(organizationId, runId);
  const last = journal.at(-1);
  if (last?.type === "run_ended" && (row?.status !== last.status || row.seq !== journal.length))
    broken.push(`the index says ${JSON.stringify(row)}`);
  const due = journal.flatMap((event, index) => (isTold(event) ? [deliveryIdOf(runId, index + 1)] : []));
  const made = (await deps.deliveries.list(organizationId, { workflowRunId: runId }, { limit: 100, offset: 0 })).map(
    ({ deliveryId }) => deliveryId,
  );
  if (JSON.stringify(made.toSorted()) !== JSON.stringify(due.toSorted()))
    broken.push(`deliveries are ${made.join(" ")} and should be ${due.join(" ")}`);
  const { atWork, waiting } = await deps.gates.get(organizationId).describe();
  if (atWork + waiting > 0) broken.push(`the gate has ${atWork} at work and ${waiting} waiting`);
  return broken;
}

/** Events that a run's webhook is told of. */
function isTold(event: RunEvent): boolean {
  return ["run_started", "run_ended", "run_paused"].includes(event.type) || (event.type === "block_waiting" && event.wait.for !== "child");
}

/** A stub whose object was killed is broken for good, so there is a new one for every use. */
type Find = () => DurableObjectStub<WorkflowRun>;

function findRun(organizationId: OrganizationId, runId: RunId): Find {
  const id = env.WORKFLOW_RUN.idFromName(`${organizationId}:${runId}`);
  return () => env.WORKFLOW_RUN.get(id) as unknown as DurableObjectStub<WorkflowRun>;
}

/** The runs that a run has waited for. */
function childrenOf(organizationId: OrganizationId, journal: readonly RunEvent[]): Find[] {
  const waits = journal.flatMap((event) => (event.type === "block_waiting" && event.wait.for === "child" ? [event.wait.runId] : []));
  return [...new Set(waits)].map((runId) => findRun(organizationId, runId));
}

async function journalOf(run: Find): Promise<RunEvent[]> {
  const read = (_object: WorkflowRun, { storage }: DurableObjectState) =>
    storage.sql.exec<{ event: string }>("SELECT event FROM journal ORDER BY seq").toArray();
  const rows = await eventually(() => runInDurableObject(run(), read));
  return rows.map(({ event }) => JSON.parse(event) as RunEvent);
}

function isFinalStatus(status: string): status is FinalStatus {
  return (FINAL_STATUSES as readonly string[]).includes(status);
}
