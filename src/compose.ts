import { createBrowserPlatform } from "./adapters/browser/platform.ts";
import { createBrowsers } from "./adapters/browser/browsers.ts";
import { createBrowsersAt } from "./adapters/browser/remote.ts";
import { createBrowserProfiles } from "./adapters/d1/browser-profiles.ts";
import { createBrowserSessions } from "./adapters/d1/browser-sessions.ts";
import { createApiKeys } from "./adapters/d1/api-keys.ts";
import { openDatabase } from "./adapters/d1/database.ts";
import { createCredentials } from "./adapters/d1/credentials.ts";
import { createDeliveries } from "./adapters/d1/deliveries.ts";
import { createFileExpiries } from "./adapters/d1/file-expiries.ts";
import { createFolders } from "./adapters/d1/folders.ts";
import { createIdempotencyKeys } from "./adapters/d1/idempotency-keys.ts";
import { createOrganizations } from "./adapters/d1/organizations.ts";
import { createRunIndex } from "./adapters/d1/runs.ts";
import { createSchedules } from "./adapters/d1/schedules.ts";
import { createTotpCodes } from "./adapters/d1/totp-codes.ts";
import { createWorkflows } from "./adapters/d1/workflows.ts";
import { createHttpClient } from "./adapters/http-client.ts";
import { createIds } from "./adapters/ids.ts";
import { createDecisionTokens } from "./adapters/decision-tokens.ts";
import { createFileLinks } from "./adapters/file-links.ts";
import { createLog } from "./adapters/log.ts";
import { createDeliveryQueue } from "./adapters/queue-deliveries.ts";
import { createArtifacts } from "./adapters/r2-artifacts.ts";
import { createBrowserMemories } from "./adapters/r2-browser-memories.ts";
import { createFiles } from "./adapters/r2-files.ts";
import { createTemplates } from "./adapters/r2-templates.ts";
import { createLargeValues } from "./adapters/r2-values.ts";
import {
  createBrowserHolders,
  createBrowserPool,
  createBrowserSessionObjects,
  createGates,
  createNewsQueue,
  createRunObjects,
} from "./adapters/run-objects.ts";
import { createMailer } from "./adapters/smtp-mailer.ts";
import { createVault } from "./adapters/vault.ts";
import { signWebhook } from "./adapters/webhook-signature.ts";
import { readSettings } from "./env.ts";
import { createApp } from "./http/app.ts";
import type { Artifacts } from "./ports/artifacts.ts";
import type { BrowserMemories } from "./ports/browser-memories.ts";
import type { ProfileMaker } from "./ports/browser-profiles.ts";
import type { BrowserSessionObjects, BrowserSessions } from "./ports/browser-sessions.ts";
import type { Browsers, BrowsersAt } from "./ports/browser.ts";
import type { BrowserPlatform } from "./ports/browser-platform.ts";
import type { BrowserHolders, BrowserPool } from "./ports/browser-pool.ts";
import type { Clock } from "./ports/clock.ts";
import type { Credentials } from "./ports/credentials.ts";
import type { DecisionTokens } from "./ports/decision-tokens.ts";
import type { SignWebhook } from "./ports/deliveries.ts";
import type { FileLinks, Files } from "./ports/files.ts";
import type { Gates } from "./ports/gates.ts";
import type { HttpClientFor } from "./ports/http.ts";
import type { Ids } from "./ports/ids.ts";
import type { LargeValues } from "./ports/large-values.ts";
import type { Log } from "./ports/log.ts";
import type { MailerFor } from "./ports/mail.ts";
import type { Organizations } from "./ports/organizations.ts";
import type { ChildRuns, RunNewsQueue, RunObjects } from "./ports/run-objects.ts";
import type { TotpCodes } from "./ports/totp-codes.ts";
import type { Vault } from "./ports/vault.ts";
import { storeProfile } from "./services/browser-profiles.ts";
import { consumeDeadDeliveries, consumeDeliveries, sweepDeliveries } from "./services/deliveries.ts";
import { purgeFiles } from "./services/files.ts";
import { purgeIdempotencyKeys } from "./services/idempotency.ts";
import { startChild } from "./services/child-runs.ts";
import { purgeTotpCodes } from "./services/totp-codes.ts";
import { fireSchedules } from "./services/schedule-firing.ts";
import { consumeNews, wakeSilentRuns } from "./services/projection.ts";

/** What the objects work with. */
export interface EngineDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly browsers: Browsers;
  readonly browsersAt: BrowsersAt;
  readonly memories: BrowserMemories;
  readonly sessions: BrowserSessionObjects;
  readonly browserSessions: BrowserSessions;
  readonly pool: BrowserPool;
  readonly platform: BrowserPlatform;
  readonly holders: BrowserHolders;
  readonly maxBrowsers: number;
  readonly browserKeepAliveMs: number;
  readonly vault: Vault;
  readonly credentials: Pick<Credentials, "get">;
  readonly totpCodes: Pick<TotpCodes, "take">;
  readonly organizations: Pick<Organizations, "get">;
  readonly sign: SignWebhook;
  readonly artifacts: Artifacts;
  readonly files: Files;
  readonly httpFor: HttpClientFor;
  readonly mailerFor: MailerFor;
  readonly gates: Gates;
  readonly runs: RunObjects;
  readonly news: RunNewsQueue;
  readonly values: LargeValues;
  readonly tokens: DecisionTokens;
  readonly links: FileLinks;
  readonly children: ChildRuns;
  readonly profiles: ProfileMaker;
  /** From 0 to 1 (exclusive). */
  readonly random: () => number;
}

const now = () => Date.now();
const clock: Clock = { now };

/** One of everything for an isolate: adapters hold no state but caches. */
const composed = new WeakMap<Env, { engine: EngineDeps; worker: ReturnType<typeof makeWorker> | null }>();

export function composeEngine(env: Env): EngineDeps {
  return entryOf(env).engine;
}

export function composeWorker(env: Env): ReturnType<typeof makeWorker> {
  const entry = entryOf(env);
  entry.worker ??= makeWorker(env, entry.engine);
  return entry.worker;
}

function entryOf(env: Env): { engine: EngineDeps; worker: ReturnType<typeof makeWorker> | null } {
  let entry = composed.get(env);
  if (entry === undefined) {
    entry = { engine: makeEngine(env), worker: null };
    composed.set(env, entry);
  }
  return entry;
}

function makeEngine(env: Env): EngineDeps {
  const settings = readSettings(env);
  const db = openDatabase(env.DB);
  const vault = createVault(settings.encryptionKey);
  return {
    clock,
    ids: createIds(now),
    log: createLog(settings.logLevel),
    browsers: createBrowsers(env.BROWSER),
    browsersAt: createBrowsersAt,
    memories: createBrowserMemories(env.ARTIFACTS, vault),
    sessions: createBrowserSessionObjects(env.BROWSER_SESSION),
    browserSessions: createBrowserSessions(db),
    vault,
    pool: createBrowserPool(env.BROWSER_POOL),
    platform: createBrowserPlatform(env.BROWSER),
    holders: createBrowserHolders({ run: env.WORKFLOW_RUN, browser_session: env.BROWSER_SESSION }),
    maxBrowsers: settings.maxBrowsers,
    browserKeepAliveMs: settings.browserKeepAliveMs,
    credentials: createCredentials(db),
    totpCodes: createTotpCodes(db),
    organizations: createOrganizations(db),
    sign: signWebhook,
    artifacts: createArtifacts(env.ARTIFACTS, now),
    files: createFiles(env.ARTIFACTS, now),
    httpFor: (hosts) => createHttpClient({ fetch, hosts }),
    mailerFor: (hosts) => createMailer({ hosts, service: settings.mail }),
    gates: createGates(env.ORGANIZATION_GATE),
    runs: createRunObjects(env.WORKFLOW_RUN),
    news: createNewsQueue(env.RUN_EVENTS),
    values: createLargeValues(env.ARTIFACTS),
    tokens: createDecisionTokens(settings.encryptionKey),
    links: createFileLinks(settings.encryptionKey),
    children: { start: (...child) => startChild(composeWorker(env).deps, ...child) },
    profiles: { make: (...profile) => storeProfile(composeWorker(env).deps, ...profile) },
    random: Math.random,
  };
}

function makeWorker(env: Env, engine: EngineDeps) {
  const db = openDatabase(env.DB);
  const deps = {
    ...engine,
    settings: readSettings(env),
    organizations: createOrganizations(db),
    credentials: createCredentials(db),
    totpCodes: createTotpCodes(db),
    apiKeys: createApiKeys(db),
    workflows: createWorkflows(db),
    schedules: createSchedules(db),
    browserProfiles: createBrowserProfiles(db),
    folders: createFolders(db),
    runIndex: createRunIndex(db),
    fileExpiries: createFileExpiries(db),
    idempotencyKeys: createIdempotencyKeys(db),
    deliveries: createDeliveries(db),
    deliveryQueue: createDeliveryQueue(env.WEBHOOK_DELIVERIES),
    templates: createTemplates(env.TEMPLATES, now),
    probes: { d1: () => env.DB.prepare("select 1").run(), r2: () => env.TEMPLATES.head("global_workflows.txt") },
  };
  const app = createApp(deps);
  return {
    deps,
    fetch: app.fetch,

    async queue(batch: MessageBatch): Promise<void> {
      switch (batch.queue) {
        case "pilotfish-webhook-deliveries":
          return await consumeDeliveries(batch, deps);
        case "pilotfish-webhook-deliveries-dlq":
          return await consumeDeadDeliveries(batch, deps);
        default:
          return await consumeNews(batch, deps);
      }
    },

    /** Every minute. One job that fails does not keep the others from their work. */
    async scheduled(at: number): Promise<void> {
      const sweepBrowsers = () => engine.pool.sweep();
      const jobs = { sweepBrowsers, wakeSilentRuns, fireSchedules, sweepDeliveries, purgeIdempotencyKeys, purgeTotpCodes, purgeFiles };
      const results = await Promise.allSettled(Object.values(jobs).map((job) => job(deps, at)));
      for (const [index, result] of results.entries()) {
        if (result.status === "rejected") engine.log.error(`the job ${Object.keys(jobs)[index]} failed`, result.reason);
      }
    },
  };
}
