import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

import { identifyProcess, isSameProcessAlive, type ProcessIdentity } from "./processes.ts";
import { PROJECT } from "./project.ts";

/** The folder with everything that a local service keeps: PILOTFISH_STATE, else `.wrangler/state`. */
export function defaultStateFolder(): string {
  return resolve(PROJECT, process.env["PILOTFISH_STATE"] || join(".wrangler", "state"));
}

export interface LocalSecrets {
  /** For wrangler's `--env-file`: with it, wrangler reads neither .dev.vars nor .env. */
  file: string;
  adminToken: string;
}

/** The secrets of a local service, made at its first start. Only the owner may read the file. */
export async function readOrMakeSecrets(state: string): Promise<LocalSecrets> {
  const file = secretsFile(state);
  const made = `PILOTFISH_ADMIN_TOKEN=${randomBytes(32).toString("hex")}\nPILOTFISH_ENCRYPTION_KEY=${randomBytes(32).toString("base64")}\n`;
  await mkdir(state, { recursive: true });
  await writeFile(file, made, { mode: 0o600, flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  return { file, adminToken: await readAdminToken(file) };
}

function secretsFile(state: string): string {
  return join(state, "secrets.env");
}

async function readAdminToken(file: string): Promise<string> {
  const token = /^PILOTFISH_ADMIN_TOKEN=(.+)$/m.exec(await readFile(file, "utf8"))?.[1];
  if (token === undefined) throw new Error(`${file} holds no PILOTFISH_ADMIN_TOKEN: delete the file to have new secrets made`);
  return token;
}

interface RunningService {
  url: string;
  process: ProcessIdentity;
}

/** Says in the state folder which process works on it, and at which address. */
export async function claimState(state: string, url: string, pid: number): Promise<void> {
  const identity = identifyProcess(pid);
  if (identity === undefined) return;
  await writeFile(claimFile(state), JSON.stringify({ url, process: identity } satisfies RunningService));
}

/** @throws when a living service works on this folder: two would corrupt its databases */
export async function refuseIfClaimed(state: string): Promise<void> {
  const running = await readRunning(state);
  if (running !== undefined) throw new Error(`a service at ${running.url} (pid ${running.process.pid}) already works on ${state}`);
}

export async function releaseState(state: string): Promise<void> {
  await rm(claimFile(state), { force: true });
}

/** Where the service of the default state folder listens, and its admin token; undefined when none runs. */
export async function readLocalService(): Promise<{ url: string; adminToken: string } | undefined> {
  const state = defaultStateFolder();
  const running = await readRunning(state);
  return running && { url: running.url, adminToken: await readAdminToken(secretsFile(state)) };
}

async function readRunning(state: string): Promise<RunningService | undefined> {
  const text = await readFile(claimFile(state), "utf8").catch(() => undefined);
  const running = text === undefined ? undefined : (JSON.parse(text) as RunningService);
  return running && isSameProcessAlive(running.process) ? running : undefined;
}

function claimFile(state: string): string {
  return join(state, "service.json");
}
