/**
 * `npm run test:chaos`: runs of every kind, while the service's process tree is killed again and again and started on the same state. At the end
 * every promise is counted; the exit code says whether all were kept. The same seed gives the same runs and the same pauses between kills, not
 * the same moments: those are the machine's.
 */
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Service, startService } from "../../src/cli/service.ts";
import { connectService, RefusedRequest, type ServiceClient } from "../../src/cli/service-client.ts";
import { startWebhookReceiver } from "../../src/cli/webhook-receiver.ts";
import { table } from "../bench/statistics.ts";
import { startCountingServer } from "./counting-server.ts";
import { childDefinition, definitions, ONCE } from "./workflows.ts";

const { values: options } = parseArgs({
  options: {
    seed: { type: "string" },
    runs: { type: "string", default: "200" },
    kills: { type: "string", default: "20" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(
    "npm run test:chaos -- [--seed <number>] [--runs 200] [--kills 20]\nRuns of every kind against a service that is killed again and again; at the end, what was promised is counted.",
  );
  process.exit(0);
}
const seed = Number(options.seed ?? randomInt(1_000_000));
const [runCount, killCount] = [Number(options.runs), Number(options.kills)];
const random = randomFrom(seed);

const TIME_LIMIT_MS = 300_000;
/** How long the service lives between two kills, once it answers. */
const LIFE_MS = { min: 300, max: 2_500 };
const SLOTS = 40;
const FINAL = ["completed", "failed", "terminated", "canceled", "timed_out"];
const PAGE = 100;
const POLL_MS = 500;

interface RunRow {
  run_id: string;
  status: string;
  failure_reason: string | null;
}

const began = Date.now();
const deadline = began + TIME_LIMIT_MS;
const state = await mkdtemp(join(tmpdir(), "pilotfish-chaos-"));
const target = await startCountingServer(() => 10 + random() * 200);
console.log(`seed ${seed}: ${runCount} runs, ${killCount} kills`);

let service: Service = await startService({ state, quiet: true, vars: { LOG_LEVEL: "error" } });
const admin = () => connectService(service.url, { adminToken: service.adminToken });
const organization = await admin().call<{ organization_id: string; webhook_secret: string }>("POST", "/v1/admin/organizations", {
  name: "chaos",
  allowed_hosts: ["127.0.0.1"],
  max_concurrent_runs: SLOTS,
});
const { key: apiKey } = await admin().call<{ key: string }>("POST", `/v1/admin/organizations/${organization.organization_id}/api-keys`, {
  name: "chaos",
});
const api = (): ServiceClient => connectService(service.url, { apiKey });
const webhooks = await startWebhookReceiver(organization.webhook_secret);

try {
  const workflows = await saveWorkflows();
  const started = new Map<string, string>();
  let kills = 0;
  const killing = killAgainAndAgain();
  // The starts are spread over the kills, so that every kill finds runs at work.
  await Promise.all(Array.from({ length: 8 }, (_, lane) => startRuns(lane)));
  await killing;
  console.log(`${seconds()} s: ${kills} kills, ${started.size} runs started; waiting for their ends`);
  const listed = await waitFor(
    "every run to be final",
    () => readAll<Omit<RunRow, "failure_reason">>("/v1/runs"),
    (all) => all.length >= started.size && all.every(({ status }) => FINAL.includes(status)),
  );
  const rows = await Promise.all(listed.map(({ run_id }) => api().call<RunRow>("GET", `/v1/runs/${run_id}`))); // a list has no reasons
  const deliveries = await waitFor(
    "every webhook",
    () => readAll<Delivery>("/v1/webhook-deliveries"),
    (all) => all.every(({ delivery_id }) => webhooks.received.some(({ id, verified }) => id === delivery_id && verified)),
  );
  const freeSlots = await waitFor("every slot to be free", countFreeSlots, (free) => free === SLOTS);
  report(rows, deliveries, freeSlots);

  async function startRuns(lane: number): Promise<void> {
    for (let index = lane; index < runCount; index += 8) {
      const [kind, workflowId] = workflows.at(index % workflows.length) ?? ["", ""];
      const share = index / runCount;
      while (kills < Math.floor(share * killCount)) await sleep(50);
      const request = { workflow_id: workflowId, webhook_url: webhooks.url };
      const { run_id } = await insist(() =>
        api().call<RunRow>("POST", "/v1/run/workflows", request, { "idempotency-key": `chaos-${seed}-${index}` }),
      );
      started.set(run_id, kind);
    }
  }

  async function killAgainAndAgain(): Promise<void> {
    for (; kills < killCount; kills++) {
      await sleep(LIFE_MS.min + random() * (LIFE_MS.max - LIFE_MS.min));
      await service.kill();
      service = await startService({ state, quiet: true, vars: { LOG_LEVEL: "error" } });
    }
  }

  function report(rows: readonly RunRow[], deliveries: readonly Delivery[], freeSlots: number): void {
    const count = (status: string) => rows.filter((row) => row.status === status).length;
    const unknown = rows.filter(({ failure_reason }) => /outcome unknown/i.test(failure_reason ?? "")).length;
    const unfinished = rows.filter(({ status }) => !FINAL.includes(status)).length;
    const lost = [...started.keys()].filter((id) => !rows.some(({ run_id }) => run_id === id)).length;
    const unexpected = rows.filter(
      ({ status, failure_reason }) => status !== "completed" && !/outcome unknown/i.test(failure_reason ?? ""),
    );
    const once = [...target.calls].filter(([key]) => ONCE.test(key.slice(key.lastIndexOf(".") + 1).replace(/^.*\//, "")));
    const twice = once.filter(([, times]) => times > 1);
    const repeatable = [...target.calls].filter(([key]) => !once.some(([other]) => other === key));
    const missing = deliveries.filter(({ delivery_id }) => !webhooks.received.some(({ id, verified }) => id === delivery_id && verified));
    const ends = endings(deliveries);
    const wrongEnds = [...started.keys()].filter((id) => ends.get(id) !== 1);
    const promises: [string, number, number][] = [
      ["kills", kills, killCount],
      ["runs lost", lost, 0],
      ["runs not final", unfinished, 0],
      ["runs that ended neither completed nor outcome unknown", unexpected.length, 0],
      ["calls that may be made once, made again", twice.length, 0],
      ["webhooks never received", missing.length, 0],
      ["runs without exactly one final webhook", wrongEnds.length, 0],
      ["webhooks with a wrong signature", webhooks.received.filter(({ verified }) => !verified).length, 0],
      ["slots leaked", SLOTS - freeSlots, 0],
    ];
    const facts: [string, number][] = [
      ["runs, children included", rows.length],
      ["completed", count("completed")],
      ["outcome unknown", unknown],
      ["calls", sum(target.calls.values())],
      ["calls that may be made once", sum(once.map(([, times]) => times))],
      ["repeats of repeatable calls", sum(repeatable.map(([, times]) => times - 1))],
      ["webhooks", deliveries.length],
      ["webhooks received again", webhooks.received.length - new Set(webhooks.received.map(({ id }) => id)).size],
      ["seconds", seconds()],
    ];
    console.log(`\n${table(facts.map(([name, value]) => [name, String(value)]))}\n`);
    console.log(
      table([
        ["promise", "counted", "promised", ""],
        ...promises.map(([name, value, wanted]) => [name, String(value), String(wanted), value === wanted ? "kept" : "BROKEN"]),
      ]),
    );
    for (const { run_id, status, failure_reason } of [...unexpected, ...rows.filter((row) => !FINAL.includes(row.status))].slice(0, 20))
      console.log(`${run_id} (${started.get(run_id) ?? "child"}) ${status}: ${failure_reason ?? ""}`);
    for (const [key, times] of twice) console.log(`${key} was called ${times} times`);
    for (const id of wrongEnds.slice(0, 20)) console.log(`${id} (${started.get(id)}) has ${ends.get(id) ?? 0} final webhooks`);
    if (promises.some(([, value, wanted]) => value !== wanted)) process.exitCode = 1;
  }
} finally {
  await Promise.all([service.stop(), target.close(), webhooks.close()]);
  await rm(state, { recursive: true, force: true });
}

interface Delivery {
  delivery_id: string;
  run_id: string;
  event_type: string;
}

async function saveWorkflows(): Promise<[kind: string, workflowId: string][]> {
  const save = async (definition: object): Promise<string> =>
    (await api().call<{ workflow_permanent_id: string }>("POST", "/v1/workflows", { json_definition: definition })).workflow_permanent_id;
  const child = await save(childDefinition(target.url));
  const saved: [string, string][] = [];
  for (const [kind, definition] of Object.entries(definitions(target.url, child)))
    saved.push([kind, await save({ title: `Chaos: ${kind}`, ...definition })]);
  return saved;
}

/** What a list of the API holds, page by page. */
async function readAll<T>(path: string): Promise<T[]> {
  const all: T[] = [];
  for (let page = 1; ; page++) {
    const items = await api().call<T[]>("GET", `${path}?page=${page}&page_size=${PAGE}`);
    all.push(...items);
    if (items.length < PAGE) return all;
  }
}

/** So many runs may be started before one is refused. They are canceled again. */
async function countFreeSlots(): Promise<number> {
  const sleeper = await api().call<{ workflow_permanent_id: string }>("POST", "/v1/workflows", {
    json_definition: { title: "Sleeper", workflow_definition: { blocks: [{ block_type: "wait", label: "w", wait_sec: 3600 }] } },
  });
  const sleeping: string[] = [];
  try {
    for (;;)
      sleeping.push(
        (await api().call<RunRow>("POST", "/v1/run/workflows", { workflow_id: sleeper.workflow_permanent_id, on_limit: "reject" })).run_id,
      );
  } catch (error) {
    if (!(error instanceof RefusedRequest && error.status === 429)) throw error;
  }
  await Promise.all(sleeping.map((id) => api().call("POST", `/v1/runs/${id}/cancel`)));
  return sleeping.length;
}

/** How many different final events each run told. */
function endings(deliveries: readonly Delivery[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { run_id, event_type } of deliveries) {
    if (FINAL.some((status) => event_type === `workflow_run.${status}`)) counts.set(run_id, (counts.get(run_id) ?? 0) + 1);
  }
  return counts;
}

/** @returns what was read last: when the time is up, though it is not what was waited for */
async function waitFor<T>(what: string, read: () => Promise<T>, isEnough: (found: T) => boolean): Promise<T> {
  for (;;) {
    const found = await read();
    if (isEnough(found)) return found;
    if (Date.now() > deadline) {
      console.log(`${seconds()} s: gave up waiting for ${what}`);
      return found;
    }
    await sleep(POLL_MS);
  }
}

/** As a careful caller: the same request again until it is answered. @throws RefusedRequest for an answer that another try would not change */
async function insist<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof RefusedRequest && error.status < 500) throw error;
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function seconds(): number {
  return Math.round((Date.now() - began) / 1000);
}

/** Numbers from 0 to 1 (exclusive), the same for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let word = start >>> 0;
  return () => {
    word = (word + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(word ^ (word >>> 15), word | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
