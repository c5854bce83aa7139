/**
 * `npm run bench:browser`: one piece of browser work (open a page, fill 3 fields, submit, read 5 texts, one screenshot, close the page) as a run of
 * this service, against a bare Worker that does it with `@cloudflare/puppeteer` as most people write it; taken in turns on the same machine,
 * because such machines are noisy. Prints medians of the rounds with their spread, and how many CDP messages the steps cost; exits non-zero
 * when a target is missed.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { prepareLocalBrowser } from "../../src/cli/local-browser.ts";
import { connectService } from "../../src/cli/service-client.ts";
import { startService } from "../../src/cli/service.ts";
import { startBare } from "./bare-service.ts";
import { FIELDS, serveOrderSite, TEXTS } from "./order-site.ts";
import { median, reportTargets, type Target } from "./statistics.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    runs: { type: "string", default: "15" },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log("npm run bench:browser -- [--rounds 5] [--runs 15]");
  process.exit(0);
}
/** What a site on the internet may take to answer. */
const ANSWER_MS = 150;

const [rounds, runs] = [Number(options.rounds), Number(options.runs)];

/** The work as steps; if asked to, in a tab that it opens and closes, as the other side does. Blocks that fork have tabs of their own anyway. */
function work(origin: string, tab: boolean): object[] {
  return [
    ...(tab ? [{ action: "new_tab" }] : []),
    { action: "goto", url: `${origin}/form` },
    ...Object.entries(FIELDS).map(([target, value]) => ({ action: "fill", target, value })),
    { action: "click", target: "#send" },
    { action: "extract", name: "texts", fields: TEXTS },
    { action: "screenshot" },
    ...(tab ? [{ action: "close_tab" }] : []),
  ];
}

interface Found {
  readonly texts: Record<string, string>;
}

/** That both sides did the work, and not something quicker. */
function assertDone(found: Found | undefined): void {
  const { number, state } = found?.texts ?? {};
  if (number !== "4711" || state !== "accepted") throw new Error(`the order was not read: ${JSON.stringify(found)}`);
}

type Work = () => Promise<void>;

async function timeOf(doWork: Work): Promise<number> {
  const start = performance.now();
  await doWork();
  return performance.now() - start;
}

/** Each kind of work in turn, so many times. @param settle what is waited for after each, and not measured */
async function interleave<Name extends string>(works: Record<Name, Work>, count: number, settle: Work): Promise<Record<Name, number[]>> {
  const names = Object.keys(works) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let index = 0; index < count; index++)
    for (const name of names) {
      samples[name].push(await timeOf(works[name]));
      await settle();
    }
  return samples;
}

const state = await mkdtemp(join(tmpdir(), "pilotfish-bench-"));
const [site, slowSite] = await Promise.all([serveOrderSite(0), serveOrderSite(ANSWER_MS)]);
console.log("starting the service and the bare Worker …");
const { cacheHome } = await prepareLocalBrowser();
const [service, bare] = await Promise.all([
  startService({ state, devApiKey: `bench-${randomUUID()}`, quiet: true, vars: { LOG_LEVEL: "error" } }),
  startBare("browser.wrangler.toml", { XDG_CACHE_HOME: cacheHome }),
]);
try {
  const client = connectService(service.url, { apiKey: service.apiKey! });
  const ask = async <Answer = Found & { messages: Record<string, number> }>(path: string): Promise<Answer> => {
    const response = await fetch(`${bare.url}${path}`);
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${(await response.text()).slice(0, 500)}`);
    return (await response.json()) as Answer;
  };
  const { sessionId } = await ask<{ sessionId: string }>("/open");
  const place = `?session=${sessionId}&site=${encodeURIComponent(site.origin)}`;
  const session = await client.call<{ browser_session_id: string }>("POST", "/v1/browser_sessions", { timeout: 60 });

  /** A run with so many blocks side by side that each do the work on a site. */
  const runOf = async (blocks: number, inSession: boolean, origin = site.origin): Promise<Work> => {
    const labels = Array.from({ length: blocks }, (_, index) => `order_${index}`);
    const definition = {
      version: 3,
      max_parallel_blocks: blocks,
      blocks: labels.map((label) => ({ block_type: "actions", label, steps: work(origin, inSession && blocks === 1) })),
    };
    const created = await client.call<{ workflow_permanent_id: string }>("POST", "/v1/workflows", {
      json_definition: { title: `${blocks} orders`, workflow_definition: definition },
    });
    const request = {
      workflow_id: created.workflow_permanent_id,
      ...(inSession ? { browser_session_id: session.browser_session_id } : {}),
    };
    return async () => {
      const run = await client.call<{ status: string; output: Record<string, Found> }>("POST", "/v1/run/workflows", request, {
        prefer: "wait=60",
      });
      if (run.status !== "completed") throw new Error(`a run ended wrong: ${JSON.stringify(run).slice(0, 1000)}`);
      for (const label of labels) assertDone(run.output[`${label}_output`]);
    };
  };
  const warm = {
    bare: async () => assertDone(await ask(`/puppeteer${place}`)),
    bareFour: async () => (await ask<Found[]>(`/puppeteer/tabs${place}&tabs=4`)).forEach(assertDone),
    adapter: async () => assertDone(await ask(`/adapter${place}`)),
    one: await runOf(1, true),
    four: await runOf(4, true),
    oneSlow: await runOf(1, true, slowSite.origin),
    fourSlow: await runOf(4, true, slowSite.origin),
  };
  const cold = { bare: async () => assertDone(await ask(`/puppeteer/cold${place}`)), run: await runOf(1, false) };
  /** A run lets go of its browser after its answer. */
  const settle = async (): Promise<void> => {
    const isBusy = async () => {
      const path = `/v1/browser_sessions/${session.browser_session_id}`;
      return (await client.call<{ runnable_id: string | null }>("GET", path)).runnable_id !== null;
    };
    while (await isBusy()) await sleep(10);
    await sleep(50);
  };
  console.log("warming up …");
  await interleave({ ...warm, coldBare: cold.bare, coldRun: cold.run }, 3, settle);

  const found: Record<string, number[]> = {};
  const note = (name: string, value: number): void => void (found[name] ??= []).push(value);
  for (let round = 1; round <= rounds; round++) {
    console.log(`round ${round} of ${rounds} …`);
    const took = await interleave(warm, runs, settle);
    note("bare", median(took.bare));
    note("warm", median(took.one) / median(took.bare));
    note("adapter", median(took.adapter) / median(took.bare));
    note("tabs", median(took.four) / median(took.one));
    note("bare tabs", median(took.bareFour) / median(took.bare));
    note("tabs against bare", median(took.four) / median(took.bareFour));
    note("slow tabs", median(took.fourSlow) / median(took.oneSlow));
    const tookCold = await interleave(cold, Math.ceil(runs / 3), settle);
    note("cold", median(tookCold.run) / median(tookCold.bare));
  }
  const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((total, count) => total + count, 0);
  const [theirs, ours] = [sum((await ask(`/puppeteer${place}`)).messages), sum((await ask(`/adapter${place}`)).messages)];
  note("their messages", theirs);
  note("our messages", ours);
  note("messages", ours / theirs);

  const targets: Target[] = [
    ["warm", "a run on an open browser against puppeteer, warm, ratio", (value) => value <= 1.05, "≤ 1.05, aim 0.85"],
    ["tabs", "4 parallel tabs in one run against 1", (value) => value <= 1.5, "≤ 1.50"],
    ["slow tabs", `the same where each answer of the site takes ${ANSWER_MS} ms`, () => true, ""],
    ["bare tabs", "puppeteer: 4 tabs at once against 1", () => true, ""],
    ["tabs against bare", "4 tabs in one run against 4 of puppeteer, ratio", () => true, ""],
    ["messages", "CDP messages against puppeteer, ratio", (value) => value <= 1, "≤ 1.00"],
    ["their messages", "CDP messages, puppeteer", () => true, ""],
    ["our messages", "CDP messages, the block", () => true, ""],
    ["adapter", "the block without the engine, warm, ratio", () => true, ""],
    ["cold", "a run with a new browser against puppeteer, cold, ratio", () => true, ""],
    ["bare", "puppeteer, warm, ms", () => true, ""],
  ];
  reportTargets(targets, found, rounds);
  await ask(`/close${place}`);
} finally {
  site.close();
  slowSite.close();
  await Promise.all([service.stop(), bare.stop()]);
  await rm(state, { recursive: true, force: true });
}
