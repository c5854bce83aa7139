/**
 * `npm run bench`: what a run costs, as ratios to what the platform itself asks for ten durable steps (`floor.ts`), taken in turns on the same
 * machine. The work is W10: ten `set` blocks that each read the one before, by `POST /v1/run/workflows` with `Prefer: wait`.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connectService } from "../../src/cli/service-client.ts";
import { startService } from "../../src/cli/service.ts";
import { startFloor } from "./floor-service.ts";
import { median, quantile, table, withSpread } from "./statistics.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    runs: { type: "string", default: "200" },
    "in-flight": { type: "string", default: "32" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(
    "npm run bench -- [--rounds 3] [--runs 200] [--in-flight 32]\nW10 against the bare-object floor: latency and throughput as ratios, medians of the rounds with their spread.",
  );
  process.exit(0);
}
const [rounds, runs, inFlight] = [Number(options.rounds), Number(options.runs), Number(options["in-flight"])];

/** Ten blocks, each reading the one before. */
function w10(): object {
  const blocks = Array.from({ length: 10 }, (_, index) => ({
    block_type: "set",
    label: `b${index}`,
    values: { v: index === 0 ? "{{ start }}" : `{{ b${index - 1}_output.v + 1 }}` },
  }));
  const parameters = [{ parameter_type: "workflow", workflow_parameter_type: "integer", key: "start" }];
  return { title: "W10", workflow_definition: { parameters, blocks } };
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

const state = await mkdtemp(join(tmpdir(), "pilotfish-bench-"));
console.log("starting the service and the floor …");
const service = await startService({ state, devApiKey: `bench-${randomUUID()}`, quiet: true, vars: { LOG_LEVEL: "error" } });
const floor = await startFloor();
try {
  const client = connectService(service.url, { apiKey: service.apiKey! });
  const workflow = await client.call<{ workflow_permanent_id: string }>("POST", "/v1/workflows", { json_definition: w10() });
  const request = { workflow_id: workflow.workflow_permanent_id, parameters: { start: 1 } };
  const run: Work = async () => {
    const answer = await client.call<{ status: string; output: Record<string, { v: number }> }>("POST", "/v1/run/workflows", request, {
      prefer: "wait=30",
    });
    if (answer.status !== "completed" || answer.output.b9_output?.v !== 10)
      throw new Error(`a run ended wrong: ${JSON.stringify(answer).slice(0, 500)}`);
  };
  const bare: Work = async () => {
    const response = await fetch(floor.url, { method: "POST" });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`the floor answered ${response.status}`);
  };
  console.log("warming up …");
  await measure(run, 100, 4);
  await measure(bare, 100, 4);

  const found = {
    p50: [] as number[],
    p95: [] as number[],
    floorP50: [] as number[],
    throughput: [] as number[],
    perSecond: [] as number[],
    floorPerSecond: [] as number[],
  };
  for (let round = 1; round <= rounds; round++) {
    console.log(`round ${round} of ${rounds} …`);
    const latency = { run: [] as number[], bare: [] as number[] };
    for (let index = 0; index < runs; index++) {
      latency.bare.push(...(await measure(bare, 1, 1)).samples);
      latency.run.push(...(await measure(run, 1, 1)).samples);
    }
    found.floorP50.push(median(latency.bare));
    found.p50.push(median(latency.run) / median(latency.bare));
    found.p95.push(quantile(latency.run, 0.95) / quantile(latency.bare, 0.95));
    const perSecond = { run: [] as number[], bare: [] as number[] };
    for (let turn = 0; turn < 3; turn++) {
      perSecond.bare.push((runs * 1000) / (await measure(bare, runs, inFlight)).totalMs);
      perSecond.run.push((runs * 1000) / (await measure(run, runs, inFlight)).totalMs);
    }
    found.perSecond.push(median(perSecond.run));
    found.floorPerSecond.push(median(perSecond.bare));
    found.throughput.push(median(perSecond.run) / median(perSecond.bare));
  }
  const [latency, throughput] = [median(found.p50), median(found.throughput)];
  console.log(
    `\n${table([
      ["W10 against the floor", `median of ${rounds} (spread)`, "target", ""],
      ["latency p50, ratio", withSpread(found.p50), "≤ 2.00", latency <= 2 ? "reached" : "missed"],
      ["latency p95, ratio", withSpread(found.p95), "", ""],
      [`runs/s, ${inFlight} in flight, ratio`, withSpread(found.throughput), "", ""],
      ["floor p50, ms", withSpread(found.floorP50, 1), "", ""],
      ["floor, requests/s", withSpread(found.floorPerSecond, 0), "", ""],
      ["W10, runs/s", withSpread(found.perSecond, 0), "", ""],
    ])}\n\nFor comparison: Cloudflare Workflows, served locally: latency 3.1, runs/s 0.2 of the floor.`,
  );
  if (latency > 2 || Number.isNaN(throughput)) process.exitCode = 1;
} finally {
  await Promise.all([service.stop(), floor.stop()]);
  await rm(state, { recursive: true, force: true });
}
