/**
 * `npm run test:soak`: 500 runs in a row, each with a browser of its own. After each fifth of them the service is left alone for a moment, and
 * what it holds is counted: memory, open files, browsers and their processes. The Workers runtime is made to collect its garbage now and then, so
 * that its memory is what it holds and not what it has put off; of the programs around it the memory is the median of what they had after each of the last twenty runs. Exits with 1 when a browser is left, or
 * when memory or open files after the last fifth are more than a tenth above those after the first.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { SHOP_ACCOUNT, startShop } from "../../src/cli/demo-shop.ts";
import { startService } from "../../src/cli/service.ts";
import { connectService } from "../../src/cli/service-client.ts";
import { median, table, withSpread } from "../bench/statistics.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { countHeld, type Held, measureMemory, type Memory, runtimesOf } from "./count-held.ts";

const { values: options } = parseArgs({ options: { runs: { type: "string", default: "500" }, help: { type: "boolean", default: false } } });
if (options.help) {
  console.log("npm run test:soak -- [--runs 500]\nRuns in a row, each with a browser; what the service holds must not grow.");
  process.exit(0);
}
const FIFTHS = 5;
const share = Math.max(1, Math.round(Number(options.runs) / FIFTHS));
const TIME_LIMIT_MS = 60_000 + FIFTHS * 30_000 + share * FIFTHS * 3_000;
/** Objects of runs are evicted after 10 s without a call, and give back their files then; alarms and crons call some of them meanwhile. */
const REST_SECONDS = 20;
const GROWTH = 1.1;
const SAMPLED_RUNS = 20;
const RUNS_BETWEEN_COLLECTIONS = 20;

interface Fifth extends Held {
  /** So many were done at its end. */
  readonly runs: number;
  readonly durationMs: number;
  /** In MB, without garbage. */
  readonly workerd: number;
  /** In MB, after each of its last runs. */
  readonly around: readonly number[];
}

const began = Date.now();
const state = await mkdtemp(join(tmpdir(), "pilotfish-soak-"));
const [shop, service] = await Promise.all([
  startShop(),
  startService({ state, devApiKey: `soak-${randomUUID()}`, quiet: true, vars: { LOG_LEVEL: "error" } }),
]);
const close = async () => {
  await Promise.all([service.stop(), shop.close()]);
  await rm(state, { recursive: true, force: true });
};
setTimeout(() => {
  console.error(`not done after ${TIME_LIMIT_MS / 1_000} s: given up`);
  void close().finally(() => process.exit(1));
}, TIME_LIMIT_MS).unref();

try {
  const api = connectService(service.url, { apiKey: service.apiKey! });
  const created = await api.call<{ workflow_permanent_id: string }>("POST", "/v1/workflows", { json_definition: definition() });
  const runOnce = async () => {
    const run = await api.call<{ status: string; failure_reason: string | null }>(
      "POST",
      "/v1/run/workflows",
      { workflow_id: created.workflow_permanent_id },
      { prefer: "wait=60" },
    );
    if (run.status !== "completed") throw new Error(`a run ended wrong: ${run.status}: ${run.failure_reason}`);
  };
  const collect = () => Promise.all(runtimesOf(service.pid).map(collectGarbage));
  /** @returns what is held at the end of a rest, and the fewest files that were open in it */
  const rest = async (): Promise<Held> => {
    const seen: Held[] = [];
    for (let second = 0; second < REST_SECONDS; second++) {
      await sleep(1_000);
      seen.push(countHeld(service.pid));
    }
    const fewest = (read: (held: Held) => number) => Math.min(...seen.map(read));
    return { ...seen.at(-1)!, workerdFiles: fewest((held) => held.workerdFiles), filesAround: fewest((held) => held.filesAround) };
  };

  const fifths: Fifth[] = [];
  for (let fifth = 1; fifth <= FIFTHS; fifth++) {
    const durations: number[] = [];
    const samples: Memory[] = [];
    for (let index = 0; index < share; index++) {
      const startedAt = performance.now();
      await runOnce();
      durations.push(performance.now() - startedAt);
      if (index % RUNS_BETWEEN_COLLECTIONS === 0) await collect();
      if (index >= share - SAMPLED_RUNS) samples.push(measureMemory(service.pid));
    }
    const held = await rest();
    await collect();
    const { workerd } = measureMemory(service.pid);
    const around = samples.map((memory) => memory.around);
    fifths.push({ runs: fifth * share, durationMs: median(durations), workerd, around, ...held });
    console.log(`${Math.round((Date.now() - began) / 1_000)} s: ${describe(fifths.at(-1)!).join("  ")}`);
  }
  const head = ["runs", "median", "MB workerd", "MB around it", "files", "files around", "browsers", "their processes"];
  console.log(`\n${table([head, ...fifths.map(describe)])}\n`);
  judge(fifths);
} finally {
  await close();
}

/** Logs in, searches, reads a list, and takes a picture. */
function definition(): object {
  return {
    title: "Soak",
    workflow_definition: {
      parameters: [],
      blocks: [
        {
          block_type: "actions",
          label: "sign_in",
          steps: [
            { action: "goto", url: `${shop.url}/login` },
            { action: "fill", target: "[name=email]", value: SHOP_ACCOUNT.email },
            { action: "fill", target: "[name=password]", value: SHOP_ACCOUNT.password },
            { action: "click", target: { role: "button", name: "Sign in" } },
          ],
        },
        {
          block_type: "extraction",
          label: "products",
          selectors: { products: { rows: "tbody tr", fields: { name: "td", text: { type: "text" } }, required: true } },
        },
        { block_type: "screenshot", label: "picture" },
      ],
    },
  };
}

function describe({ runs, durationMs, workerd, around, workerdFiles, filesAround, browsers, browserProcesses }: Fifth): string[] {
  const counts = [workerdFiles, filesAround, browsers, browserProcesses].map(String);
  return [String(runs), `${Math.round(durationMs)} ms`, workerd.toFixed(0), withSpread(around, 0), ...counts];
}

function judge(fifths: readonly Fifth[]): void {
  const grown = (name: string, read: (fifth: Fifth) => number) => {
    const values = fifths.map(read);
    const from = values[0] ?? 0;
    const to = values.at(-1) ?? 0;
    return {
      name,
      found: `${from.toFixed(0)} → ${to.toFixed(0)} (× ${(to / from).toFixed(2)})`,
      promised: "≤ × 1.10",
      kept: to <= from * GROWTH,
    };
  };
  const none = (name: string, read: (fifth: Fifth) => number) => {
    const most = Math.max(...fifths.map(read));
    return { name, found: String(most), promised: "0", kept: most === 0 };
  };
  const promises = [
    grown("memory of workerd, MB", ({ workerd }) => workerd),
    grown("memory around it, MB", ({ around }) => median(around)),
    grown("open files of workerd", ({ workerdFiles }) => workerdFiles),
    grown("open files around it", ({ filesAround }) => filesAround),
    none("browsers left", ({ browsers }) => browsers),
    none("processes of browsers left", ({ browserProcesses }) => browserProcesses),
  ];
  const rows = promises.map(({ name, found, promised, kept }) => [name, found, promised, kept ? "kept" : "BROKEN"]);
  console.log(table([["promise", "found", "promised", ""], ...rows]));
  if (promises.some(({ kept }) => !kept)) process.exitCode = 1;
}
