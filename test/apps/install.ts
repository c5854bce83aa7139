import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { APPS } from "./application.ts";
import { writeAtomically } from "../../src/cli/local-browser/write-atomically.ts";

/** The lock that `node_modules` was installed from. */
const INSTALLED = join(APPS, "node_modules", ".installed-lock.json");

/**
 * Installs what `package-lock.json` of this folder names, unless it is there. No package's own scripts are run: the applications need none.
 * @throws when npm fails, with what it printed
 */
export async function installApps(report: (line: string) => void): Promise<void> {
  const lock = await readFile(join(APPS, "package-lock.json"), "utf8");
  if (existsSync(INSTALLED) && (await readFile(INSTALLED, "utf8")) === lock) return;
  report("installing the applications (npm ci in test/apps) …");
  await promisify(execFile)("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: APPS, timeout: 180_000 });
  await writeAtomically(INSTALLED, lock);
}
