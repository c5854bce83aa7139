import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { describeOutputs } from "./demo/describe-outputs.ts";
import { type Shop, SHOP_ACCOUNT, startShop } from "./demo-shop.ts";
import { refuseIfClaimed } from "./local-state.ts";
import { startService } from "./service.ts";
import { connectService, type ServiceClient } from "./service-client.ts";
import { templateId } from "./templates.ts";
import { startWebhookReceiver, type WebhookReceiver } from "./webhook-receiver.ts";
import { PROJECT } from "./project.ts";

const FOLDER = join(PROJECT, ".pilotfish", "demo");
const STATE = join(FOLDER, "state");
const ARTIFACTS = join(FOLDER, "artifacts");
const OUTPUT = join(FOLDER, "output.json");
const SERVICE_LOG = join(FOLDER, "service.log");
const TEMPLATE = templateId("shop-order.json");
const RUN_TIMEOUT_MS = 120_000;
const WEBHOOK_TIMEOUT_MS = 15_000;
const POLL_MS = 150;

const HELP = `npm run demo [-- options]

Opens a small shop on this machine, starts the service and runs the workflow docs/examples/shop-order.json in a real browser: it logs in,
searches, walks the result pages, places an order and posts the result. Everything is kept in .pilotfish/demo until the next demo.

Options, for a service that runs already:
  --url <https://…>         its address; it needs the template ${TEMPLATE} (npm run templates:push)
  --api-key <key>           or PILOTFISH_API_KEY
  --shop-url <https://…>    a shop that the service can reach (npm run demo:shop behind a tunnel); needed when the service is
                            not on this machine, or does not let its organization reach this machine's own addresses
  --webhook-secret <whsec_> or PILOTFISH_WEBHOOK_SECRET: receive and verify webhooks on this machine too
  --help`;

/** What the demo works with, whether it started the service or not. */
interface Stage {
  api: ServiceClient;
  shopUrl: string;
  /** Absent when the shop is someone else's. */
  shop?: Shop;
  /** Absent when the service cannot send webhooks to this machine. */
  webhooks?: WebhookReceiver;
}

interface Run {
  run_id: string;
  status: string;
  output: Record<string, unknown> | null;
  failure_reason: string | null;
}

interface TimelineEntry {
  type: string;
  block?: {
    label: string;
    block_type: string;
    status: string;
    failure_reason: string | null;
    duration: number | null;
  };
}

interface Artifact {
  artifact_id: string;
  artifact_type: string;
  file_name: string;
  file_size: number;
}

const FINAL = new Set(["completed", "failed", "terminated", "canceled", "timed_out", "invalid"]);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      "api-key": { type: "string" },
      "shop-url": { type: "string" },
      "webhook-secret": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const startedAt = performance.now();
  await using closing = new AsyncDisposableStack();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void closing.disposeAsync().finally(() => process.exit(130)));

  await refuseIfClaimed(STATE);
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(ARTIFACTS, { recursive: true });
  await play(values.url === undefined ? await setLocalStage(closing) : await setRemoteStage(closing, { ...values, url: values.url }));
  console.log(
    `\nThe demo took ${((performance.now() - startedAt) / 1_000).toFixed(1)} s. "npm run dev" starts the service for your own workflows.`,
  );
}

/** What is opened is closed by `closing`, also when something after it fails. */
async function setLocalStage(closing: AsyncDisposableStack): Promise<Stage> {
  console.log("Starting the service and the shop …");
  const shop = await startShop();
  closing.defer(() => shop.close());
  const service = await startService({ state: STATE, quiet: true });
  closing.defer(async () => {
    await writeFile(SERVICE_LOG, service.logs());
    await service.stop();
  });
  const admin = connectService(service.url, { adminToken: service.adminToken });
  const { webhook_secret } = await admin.call<{ webhook_secret: string }>("GET", `/v1/admin/organizations/${service.organizationId}`);
  const webhooks = await startWebhookReceiver(webhook_secret);
  closing.defer(() => webhooks.close());
  if (service.apiKey === undefined) throw new Error("the new service made no API key");
  console.log(`  service  ${service.url}\n  shop     ${shop.url}`);
  return { api: connectService(service.url, { apiKey: service.apiKey }), shopUrl: shop.url, shop, webhooks };
}

async function setRemoteStage(
  closing: AsyncDisposableStack,
  options: { url: string; "api-key"?: string; "shop-url"?: string; "webhook-secret"?: string },
): Promise<Stage> {
  const apiKey = options["api-key"] ?? process.env["PILOTFISH_API_KEY"];
  const secret = options["webhook-secret"] ?? process.env["PILOTFISH_WEBHOOK_SECRET"];
  if (!apiKey) throw new Error("--url needs an API key: --api-key or PILOTFISH_API_KEY");
  const api = connectService(options.url, { apiKey });
  const stage: Stage = { api, shopUrl: options["shop-url"] ?? "" };
  if (options["shop-url"] === undefined) {
    if (!isLoopback(options.url))
      throw new Error(`the service at ${options.url} cannot reach a shop on this machine: name one that it can reach with --shop-url`);
    const shop = await startShop();
    closing.defer(() => shop.close());
    stage.shop = shop;
    stage.shopUrl = shop.url;
  }
  if (secret && isLoopback(options.url)) {
    const webhooks = await startWebhookReceiver(secret);
    closing.defer(() => webhooks.close());
    stage.webhooks = webhooks;
  } else console.log("Webhooks are left out: they need --webhook-secret and a service on this machine.");
  return stage;
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}

async function play({ api, shopUrl, shop, webhooks }: Stage): Promise<void> {
  const { run_id } = await api.call<Run>("POST", "/v1/run/workflows?template=true", {
    workflow_id: TEMPLATE,
    parameters: {
      shop_url: shopUrl,
      email: SHOP_ACCOUNT.email,
      password: SHOP_ACCOUNT.password,
      search: "rope",
      quantity: 2,
      recipient: { name: "Ada Berg", email: "ada@example.com", street: "Quay 7", postcode: "24937", city: "Flensburg", country: "Germany" },
      result_url: `${shopUrl}/api/results`,
    },
    ...(webhooks === undefined ? {} : { webhook_url: webhooks.url }),
  });
  console.log(`\nRun ${run_id} of ${TEMPLATE}`);
  const run = await follow(api, run_id);
  if (run.status !== "completed") throw new Error(`the run ended ${run.status}: ${run.failure_reason ?? "no reason given"}`);

  const output = run.output ?? {};
  await writeFile(OUTPUT, JSON.stringify(output, null, 2));
  console.log(`\nOutputs (whole: ${relative(PROJECT, OUTPUT)})\n${describeOutputs(output)}`);
  if (webhooks !== undefined) await showWebhooks(webhooks);
  await saveArtifacts(api, run_id);
  if (shop !== undefined) checkShop(shop);
}

/** Prints each block as it ends; at a terminal also the one that runs. */
async function follow(api: ServiceClient, runId: string): Promise<Run> {
  const shown = new Set<string>();
  const deadline = Date.now() + RUN_TIMEOUT_MS;
  for (;;) {
    // The run first: when it is final, the timeline that is read after it is complete.
    const run = await api.call<Run>("GET", `/v1/runs/${runId}`);
    const timeline = await api.call<TimelineEntry[]>("GET", `/v1/runs/${runId}/timeline`);
    const blocks = timeline.flatMap(({ block }) => block ?? []).toReversed();
    for (const block of blocks.filter(({ label, status }) => status !== "running" && !shown.has(label))) {
      shown.add(block.label);
      printOverTransient(describeBlock(block));
    }
    const running = blocks.find(({ status }) => status === "running");
    if (process.stdout.isTTY && running !== undefined)
      process.stdout.write(`\r  …  ${running.label.padEnd(22)} ${running.block_type}\u001B[K`);
    if (FINAL.has(run.status)) {
      printOverTransient(`  run ${run.status}`);
      return run;
    }
    if (Date.now() > deadline) throw new Error(`the run was still ${run.status} after ${RUN_TIMEOUT_MS / 1_000} s`);
    await sleep(POLL_MS);
  }
}

function describeBlock({ label, block_type, status, duration, failure_reason }: NonNullable<TimelineEntry["block"]>): string {
  const mark = status === "completed" ? "✓" : status === "skipped" ? "–" : "✗";
  const time = duration === null ? "" : `${duration.toFixed(2)} s`;
  return `  ${mark}  ${label.padEnd(22)} ${block_type.padEnd(14)} ${status.padEnd(10)} ${time.padStart(8)}${failure_reason ? `\n     ${failure_reason}` : ""}`;
}

function printOverTransient(line: string): void {
  console.log(process.stdout.isTTY ? `\r\u001B[K${line}` : line);
}

async function showWebhooks(webhooks: WebhookReceiver): Promise<void> {
  console.log("\nWebhooks");
  try {
    await webhooks.waitFor(["workflow_run.started", "workflow_run.completed"], WEBHOOK_TIMEOUT_MS);
  } finally {
    for (const { type, id, verified, refusal } of webhooks.received) {
      console.log(`  ${verified ? "✓" : "✗"}  ${type.padEnd(24)} ${id}  ${verified ? "signature verified" : `refused: ${refusal}`}`);
    }
  }
  if (webhooks.received.some(({ verified }) => !verified)) throw new Error("a webhook could not be verified");
}

async function saveArtifacts(api: ServiceClient, runId: string): Promise<void> {
  console.log("\nArtifacts");
  const artifacts = await api.call<Artifact[]>("GET", `/v1/runs/${runId}/artifacts`);
  let screenshots = 0;
  for (const [index, { artifact_id, artifact_type, file_name }] of artifacts.entries()) {
    const bytes = await api.download(`/v1/artifacts/${artifact_id}/content`);
    const path = join(ARTIFACTS, `${String(index + 1).padStart(2, "0")}-${file_name.replaceAll(/[^\w.-]/g, "_")}`);
    await writeFile(path, bytes);
    if (bytes.subarray(0, 4).equals(PNG_SIGNATURE)) screenshots++;
    console.log(`  ${artifact_type.padEnd(12)} ${`${Math.ceil(bytes.length / 1_024)} KiB`.padStart(8)}  ${relative(PROJECT, path)}`);
  }
  if (screenshots === 0) throw new Error("the run saved no screenshot");
}

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

function checkShop({ orders, results }: Shop): void {
  const [order] = orders;
  if (order === undefined || orders.length > 1) throw new Error(`the shop has ${orders.length} orders instead of one`);
  if (results.length !== 1) throw new Error(`the result was posted ${results.length} times instead of once`);
  console.log(`\nThe shop has the order ${order.order_number}: ${order.quantity} × ${order.product}, and received the result.`);
}

try {
  await main();
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  if (existsSync(SERVICE_LOG)) console.error(`The service's log is in ${relative(PROJECT, SERVICE_LOG)}.`);
  process.exitCode = 1;
}
