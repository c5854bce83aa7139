/**
 * `npm run test:apps`: workflows that log in to applications which others wrote, and change something there by their web interfaces. What they
 * did is then asked of the applications' own APIs. Service, browser and applications are real; all are on loopback and keep their data in
 * temporary folders. Exits with 1 when something is not as it should be.
 */
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startService } from "../../src/cli/service.ts";
import { connectService, type ServiceClient } from "../../src/cli/service-client.ts";
import { type Application, APPS, type RunningApplication } from "./application.ts";
import { installApps } from "./install.ts";
import { nodeRed } from "./node-red.ts";
import { tiddlywiki } from "./tiddlywiki.ts";
import { verdaccio } from "./verdaccio.ts";

const APPLICATIONS: readonly Application[] = [verdaccio, nodeRed, tiddlywiki];
const TIME_LIMIT_MS = 240_000;

const { positionals, values } = parseArgs({ allowPositionals: true, options: { help: { type: "boolean", default: false } } });
const names = APPLICATIONS.map(({ name }) => name);
const unknown = positionals.filter((name) => !names.includes(name));
if (values.help || unknown.length > 0) {
  console.log(`npm run test:apps -- [${names.join("|")}]…\nWorkflows against applications that others wrote; all of them by default.`);
  process.exit(unknown.length > 0 ? 1 : 0);
}

interface Run {
  run_id: string;
  status: string;
  failure_reason: string | null;
  output: Record<string, Record<string, unknown>> | null;
}

const began = Date.now();
const closing = new AsyncDisposableStack();
const abandon = (why: string) => {
  console.error(`${seconds(began)}: ${why}`);
  void closing.disposeAsync().finally(() => process.exit(1));
};
setTimeout(() => abandon(`not done after ${TIME_LIMIT_MS / 1_000} s: given up`), TIME_LIMIT_MS).unref();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abandon(`asked to end (${signal})`));

try {
  await installApps(console.log);
  const folder = await mkdtemp(join(tmpdir(), "pilotfish-apps-"));
  closing.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  console.log("starting the service …");
  const service = await startService({ state: join(folder, "state"), devApiKey: `apps-${randomUUID()}`, quiet: true });
  closing.defer(() => service.stop());
  const api = connectService(service.url, { apiKey: service.apiKey! });
  for (const application of APPLICATIONS.filter(({ name }) => positionals.length === 0 || positionals.includes(name)))
    await prove(api, application, join(folder, application.name));
  console.log(`${seconds(began)}: ${process.exitCode === 1 ? "NOT all is as it should be" : "all is as it should be"}`);
} finally {
  await closing.disposeAsync();
}

/** Starts the application, runs its workflow, and asks it what came of that. */
async function prove(api: ServiceClient, application: Application, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const startedAt = Date.now();
  const running = await application.start(folder);
  const stop = closing.use({ [Symbol.asyncDispose]: () => running.process.stop() });
  try {
    console.log(`${application.name}: started at ${running.url} in ${seconds(startedAt)}`);
    const runBegan = Date.now();
    const run = await runWorkflow(api, application, running);
    if (run.status !== "completed") throw new Error(`the run is ${run.status}: ${run.failure_reason}`);
    console.log(`${application.name}: ${application.workflow} completed in ${seconds(runBegan)}`);
    console.log(`${application.name}: ${await running.verify(run.output ?? {})}`);
    assertNoSecrets(running, run);
    const left = running.process.left();
    if (left.length > 0) throw new Error(`it tried to reach ${[...new Set(left)].join(", ")}`);
  } catch (error) {
    process.exitCode = 1;
    console.error(`${application.name}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await stop[Symbol.asyncDispose]();
  }
}

async function runWorkflow(api: ServiceClient, { name, workflow }: Application, running: RunningApplication): Promise<Run> {
  const created = await api.call<{ workflow_permanent_id: string }>("POST", "/v1/workflows", {
    yaml_definition: await readFile(join(APPS, "workflows", workflow), "utf8"),
  });
  const credentials: Record<string, string> = {};
  for (const [key, credential] of Object.entries(running.credentials)) {
    const stored = await api.call<{ credential_id: string }>("POST", "/v1/credentials", {
      name: `${name} ${key}`,
      credential_type: "password",
      credential,
    });
    credentials[key] = stored.credential_id;
  }
  const request = {
    workflow_id: created.workflow_permanent_id,
    parameters: { url: running.url, ...running.parameters, ...credentials },
  };
  return await api.call<Run>("POST", "/v1/run/workflows", request, { prefer: "wait=60" });
}

function assertNoSecrets({ credentials }: RunningApplication, run: Run): void {
  const told = JSON.stringify(run);
  for (const [key, { password }] of Object.entries(credentials))
    if (told.includes(password)) throw new Error(`the run tells the password of ${key}`);
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1_000).toFixed(1)} s`;
}
