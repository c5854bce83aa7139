/**
 * `npm run bench:api`: do lists stay as fast as they were when there are a million runs? Two services, one with 1,000 runs and one with 1,000,000,
 * answer the same requests in turns on the same machine. Prints medians of the rounds with their spread; exits non-zero when a target is missed.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startService, type Service } from "../../src/cli/service.ts";
import { SEEDED_WORKFLOW, seedHistory } from "./seed-history.ts";
import { median, table, withSpread } from "./statistics.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    requests: { type: "string", default: "100" },
    runs: { type: "string", default: "1000000" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log("npm run bench:api -- [--rounds 5] [--requests 100] [--runs 1000000]");
  process.exit(0);
}
const [rounds, requests, manyRuns] = [Number(options.rounds), Number(options.requests), Number(options.runs)];
const FEW = { runs: 1_000, workflows: 10 };
const MANY = { runs: manyRuns, workflows: manyRuns / 100 };
const TARGET = 1.5;
const DEEP_PAGE = 1_000;

/** A service whose database was filled before it started. */
interface Subject {
  readonly get: (path: string) => Promise<Response>;
  readonly stop: () => Promise<void>;
}

async function start(size: { runs: number; workflows: number }): Promise<Subject> {
  const state = await mkdtemp(join(tmpdir(), "pilotfish-bench-api-"));
  let service: Service | undefined;
  const stop = async () => {
    await service?.stop();
    await rm(state, { recursive: true, force: true });
  };
  try {
    await seedHistory(state, size);
    service = await startService({ state, devApiKey: `bench-${randomUUID()}`, quiet: true, vars: { LOG_LEVEL: "error" } });
  } catch (error) {
    await stop();
    throw error;
  }
  const { url, apiKey = "" } = service;
  return {
    get: async (path) => {
      const response = await fetch(new URL(path, url), { headers: { "x-api-key": apiKey } });
      if (!response.ok) throw new Error(`GET ${path} was answered with ${response.status}: ${await response.text()}`);
      return response;
    },
    stop,
  };
}

/** Follows the pages' `Link` headers. @returns the address of page `DEEP_PAGE`, or of the last page where there are fewer */
async function findDeepPage({ get }: Subject): Promise<string> {
  let path = "/v1/runs";
  for (let page = 1; page < DEEP_PAGE; page++) {
    const response = await get(path);
    await response.arrayBuffer();
    const [, next] = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "") ?? [];
    if (next === undefined) return path;
    path = next;
  }
  return path;
}

/** Milliseconds of one request, read to its end. It must have found something. */
async function time({ get }: Subject, path: string): Promise<number> {
  const began = performance.now();
  const rows = (await (await get(path)).json()) as unknown[];
  const took = performance.now() - began;
  if (rows.length === 0) throw new Error(`GET ${path} found nothing`);
  return took;
}

const subjects: Subject[] = [];
try {
  console.log(`filling and starting: ${FEW.runs} runs, and ${MANY.runs} …`);
  for (const size of [FEW, MANY]) subjects.push(await start(size)); // one after the other: filling takes the whole machine
  const [few, many] = subjects as [Subject, Subject];
  console.log(`walking to page ${DEEP_PAGE} …`);
  const [deepFew, deepMany] = [await findDeepPage(few), await findDeepPage(many)];
  const requestsOf: [label: string, few: string, many: string][] = [
    ["GET /v1/runs, first page", "/v1/runs", "/v1/runs"],
    [`page ${DEEP_PAGE} by cursor (few: the last)`, deepFew, deepMany],
    ["by status", "/v1/runs?status=failed", "/v1/runs?status=failed"],
    ["by two statuses", "/v1/runs?status=failed&status=completed", "/v1/runs?status=failed&status=completed"],
    ["by workflow", `/v1/runs?workflow_permanent_id=${SEEDED_WORKFLOW}`, `/v1/runs?workflow_permanent_id=${SEEDED_WORKFLOW}`],
    ["runs of a workflow", `/v1/workflows/${SEEDED_WORKFLOW}/runs`, `/v1/workflows/${SEEDED_WORKFLOW}/runs`],
    ["GET /v1/workflows", "/v1/workflows", "/v1/workflows"],
  ];
  for (const [, ofFew, ofMany] of requestsOf)
    for (let turn = 0; turn < 30; turn++) await Promise.all([time(few, ofFew), time(many, ofMany)]);

  const found = requestsOf.map(() => ({ few: [] as number[], many: [] as number[], ratio: [] as number[] }));
  for (let round = 1; round <= rounds; round++) {
    console.log(`round ${round} of ${rounds} …`);
    for (const [index, [, ofFew, ofMany]] of requestsOf.entries()) {
      const samples = { few: [] as number[], many: [] as number[] };
      for (let turn = 0; turn < requests; turn++) {
        samples.few.push(await time(few, ofFew));
        samples.many.push(await time(many, ofMany));
      }
      const medians = { few: median(samples.few), many: median(samples.many) };
      found[index]?.few.push(medians.few);
      found[index]?.many.push(medians.many);
      found[index]?.ratio.push(medians.many / medians.few);
    }
  }
  const rows = requestsOf.map(([label], index) => {
    const { few, many, ratio } = found[index] ?? { few: [], many: [], ratio: [] };
    const reached = median(ratio) <= TARGET;
    if (!reached) process.exitCode = 1;
    return [label, withSpread(few), withSpread(many), withSpread(ratio), `≤ ${TARGET.toFixed(2)}`, reached ? "reached" : "MISSED"];
  });
  const heads = ["p50, ms; medians of rounds (spread)", `${FEW.runs} runs`, `${MANY.runs} runs`, "ratio", "target", ""];
  console.log(`\n${table([heads, ...rows])}`);
} finally {
  await Promise.all(subjects.map((subject) => subject.stop()));
}
