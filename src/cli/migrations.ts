import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { CACHE_HOME, PROJECT } from "./project.ts";
import { wranglerCommand, wranglerEnvironment } from "./wrangler.ts";

const MIGRATED = join(CACHE_HOME, "migrated-databases");

/**
 * Brings the local D1 database of a state folder up to `migrations/`. Wrangler takes seconds for it, so nothing is run when the folder
 * has seen the same migrations before, and a folder without a database gets a copy of one that was migrated for another.
 */
export async function applyMigrations(state: string): Promise<void> {
  const fingerprint = await fingerprintMigrations();
  const marker = join(state, "migrations.sha256");
  const database = join(state, "v3", "d1");
  if (existsSync(database)) {
    if ((await readFile(marker, "utf8").catch(() => undefined)) === fingerprint) return;
    await runWranglerMigrations(state);
  } else {
    await cp(await migratedDatabase(fingerprint), database, { recursive: true });
  }
  await writeFile(marker, fingerprint);
}

async function migratedDatabase(fingerprint: string): Promise<string> {
  const migrated = join(MIGRATED, fingerprint);
  if (!existsSync(migrated)) {
    await mkdir(MIGRATED, { recursive: true });
    const draft = await mkdtemp(join(MIGRATED, ".draft-"));
    try {
      await runWranglerMigrations(draft);
      await rename(draft, migrated).catch((error: unknown) => {
        if (!existsSync(migrated)) throw error; // otherwise another process was faster
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  return join(migrated, "v3", "d1");
}

/** Of the migrations and of what decides on the name of the database's file. */
async function fingerprintMigrations(): Promise<string> {
  const folder = join(PROJECT, "migrations");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  const hash = createHash("sha256").update(await readFile(join(PROJECT, "wrangler.toml")));
  for (const name of names) hash.update(name).update(await readFile(join(folder, name)));
  return hash.digest("hex");
}

async function runWranglerMigrations(state: string): Promise<void> {
  const [command, ...args] = wranglerCommand("d1", "migrations", "apply", "DB", "--local", "--persist-to", state);
  try {
    await promisify(execFile)(command, args, { cwd: PROJECT, env: wranglerEnvironment() });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`the D1 migrations could not be applied to ${state}:\n${stdout}${stderr}`, { cause: error });
  }
}
