/**
 * `npm run bench`: what a run costs, as ratios to what the platform itself asks for ten durable steps (`floor.ts`), taken in turns on the same
 * machine, because such machines are noisy. Prints medians of the rounds with their spread; exits non-zero when a target is missed.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { connectService } from "../../src/cli/service-client.ts";
import { startService } from "../../src/cli/service.ts";
import { startBare } from "./bare-service.ts";
import { median, quantile, reportTargets, type Target } from "./statistics.ts";
import { meanObjectBytes, meanRowsWritten } from "./stored-state.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    runs: { type: "string", default: "200" },
    "in-flight": { type: "string", default: "32" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log("npm run bench -- [--rounds 3] [--runs 200] [--in-flight 32]");
  process.exit(0);
}
const [rounds, runs, inFlight] = [Number(options.rounds), Number(options.runs), Number(options["in-flight"])];
const HTTP_WAIT_MS = 200;

/** So many blocks, each reading the one before. */
function chain(length: number): object {
  const blocks = Array.from({ length }, (_, index) => ({
    block_type: "set",
    label: `b${index}`,
    values: { v: index === 0 ? "{{ start }}" : `{{ b${index - 1}_output.v + 1 }}` },
  }));
  return { parameters: [{ parameter_type: "workflow", workflow_parameter_type: "integer", key: "start" }], blocks };
}

/** Ten blocks side by side, and one that waits for them. */
function fan(): object {
  const blocks = Array.from({ length: 10 }, (_, index) => ({ block_type: "set", label: `b${index}`, values: { v: index } }));
  const join = { block_type: "set", label: "sum", values: { v: `{{ ${blocks.map(({ label }) => `${label}_output.v`).join(" + ")} }}` } };
  return { version: 3, max_parallel_blocks: 16, blocks: [...blocks, join] };
}

/** Blocks that each wait for a slow answer, side by side. */
function fetches(count: number, url: string): object {
  return {
    version: 3,
    max_parallel_blocks: 16,
    blocks: Array.from({ length: count }, (_, index) => ({ block_type: "http_request", label: `get${index}`, url })),
  };
}

type Work = () => Promise<void>;

/** Milliseconds of each of `count` calls, `lanes` at a time; and how long all of them took. */
async function measure(work: Work, count: number, lanes: number): Promise<{ samples: number[]; totalMs: number }> {
  const samples: number[] = [];
  const began = performance.now();
  let left = count;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (left-- > 0) {
        const start = performance.now();
        await work();
        samples.push(performance.now() - start);
      }
    }),
  );
  return { samples, totalMs: performance.now() - began };
}

/** Medians of several kinds of work, one call of each in turn. */
async function interleave<Name extends string>(works: Record<Name, Work>, count: number): Promise<Record<Name, number[]>> {
  const names = Object.keys(works) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let index = 0; index < count; index++) for (const name of names) samples[name].push(...(await measure(works[name], 1, 1)).samples);
  return samples;
}

const state = await mkdtemp(join(tmpdir(), "pilotfish-bench-"));
const slow = createServer((_request, response) => void setTimeout(() => response.end("{}"), HTTP_WAIT_MS)).listen(0, "127.0.0.1");
await once(slow, "listening");
const address = slow.address();
const slowUrl = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
console.log("starting the service and the floor …");
const [service, floor] = await Promise.all([
  startService({ state, devApiKey: `bench-${randomUUID()}`, quiet: true, vars: { LOG_LEVEL: "error" } }),
  startBare("floor.wrangler.toml"),
]);
try {
  const client = connectService(service.url, { apiKey: service.apiKey! });
  const runOf = async (title: string, definition: object, parameters: object = {}): Promise<Work> => {
    const created = await client.call<{ workflow_permanent_id: string }>("POST", "/v1/workflows", {
      json_definition: { title, workflow_definition: definition },
    });
    const request = { workflow_id: created.workflow_permanent_id, parameters };
    return async () => {
      const answer = await client.call<{ status: string }>("POST", "/v1/run/workflows", request, { prefer: "wait=60" });
      if (answer.status !== "completed") throw new Error(`a run of ${title} ended wrong: ${JSON.stringify(answer).slice(0, 500)}`);
    };
  };
  const bare: Work = async () => {
    const response = await fetch(floor.url, { method: "POST" });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`the floor answered ${response.status}`);
  };
  const w1 = await runOf("W1", chain(1), { start: 1 });
  const w10 = await runOf("W10", chain(10), { start: 1 });
  const w50 = await runOf("W50", chain(50), { start: 1 });
  const p10 = await runOf("P10", fan());
  const h1 = await runOf("H1", fetches(1, slowUrl));
  const h5 = await runOf("H5", fetches(5, slowUrl));
  console.log("warming up …");
  for (const work of [w10, bare, w1, w50, p10]) await measure(work, 60, 4);

  const found: Record<string, number[]> = {};
  const note = (name: string, value: number): void => void (found[name] ??= []).push(value);
  for (let round = 1; round <= rounds; round++) {
    console.log(`round ${round} of ${rounds} …`);
    const latency = await interleave({ bare, w10 }, runs);
    note("floor p50", median(latency.bare));
    note("W10 p50", median(latency.w10) / median(latency.bare));
    note("W10 p95", quantile(latency.w10, 0.95) / quantile(latency.bare, 0.95));
    const perSecond = { bare: [] as number[], w10: [] as number[] };
    for (let turn = 0; turn < 3; turn++) {
      perSecond.bare.push((runs * 1000) / (await measure(bare, runs, inFlight)).totalMs);
      perSecond.w10.push((runs * 1000) / (await measure(w10, runs, inFlight)).totalMs);
    }
    note("floor per second", median(perSecond.bare));
    note("W10 per second", median(perSecond.w10));
    note("W10 throughput", median(perSecond.w10) / median(perSecond.bare));
    const shape = await interleave({ bare, w1, w10, w50, p10 }, Math.ceil(runs / 2));
    note("one more block", (median(shape.w50) - median(shape.w10)) / 40 / (median(shape.bare) / 10));
    note("P10", median(shape.p10) / median(shape.w1));
    const waiting = await interleave({ h1, h5 }, 10);
    note("H5", median(waiting.h5) / median(waiting.h1));
  }
  await sleep(1_000); // what is still being written
  await Promise.all([service.stop(), floor.stop({ keepState: true })]);
  note("rows", meanRowsWritten(state, 10));
  note("disk", meanObjectBytes(state, "WorkflowRun", 10) / meanObjectBytes(floor.state, "Floor"));

  const targets: Target[] = [
    ["W10 p50", "W10 latency p50, ratio", (value) => value <= 1.3, "≤ 1.30, aim 0.90"],
    ["W10 p95", "W10 latency p95, ratio", () => true, ""],
    ["W10 throughput", `W10 runs/s, ${inFlight} in flight, ratio`, (value) => value >= 0.7, "≥ 0.70, aim 1.00"],
    ["one more block", "one more block against a synced step", (value) => value <= 1.5, "≤ 1.50, aim 0.50"],
    ["P10", "P10 against W1", (value) => value <= 1.5, "≤ 1.50, aim 1.20"],
    ["H5", `5 × ${HTTP_WAIT_MS} ms of HTTP against 1`, (value) => value <= 1.2, "≤ 1.20, aim 1.05"],
    ["rows", "rows written per block", (value) => value <= 4, "≤ 4.00, aim 3.00"],
    ["disk", "state on disk per W10 run, ratio", (value) => value <= 2, "≤ 2.00, aim 1.30"],
    ["floor p50", "floor p50, ms", () => true, ""],
    ["floor per second", "floor, requests/s", () => true, ""],
    ["W10 per second", "W10, runs/s", () => true, ""],
  ];
  reportTargets(targets, found, rounds);
} finally {
  slow.closeAllConnections();
  slow.close();
  await Promise.all([service.stop(), floor.stop()]);
  await rm(state, { recursive: true, force: true });
}
