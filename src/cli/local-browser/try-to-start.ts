import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signalGroup } from "../processes.ts";
import { BROWSER_RECORDS } from "./sweep.ts";

/**
 * Starts a browser until it is ready for DevTools, and ends it.
 * @returns undefined when it became ready within 20 s, otherwise what it printed
 */
export async function tryToStart(executable: string, flags: string[]): Promise<string | undefined> {
  const profile = await mkdtemp(join(tmpdir(), "pilotfish-browser-"));
  const child = spawn(executable, [...flags, "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = new Promise((resolve) => child.once("close", resolve));
  try {
    return await waitForDevTools(child);
  } finally {
    if (child.pid !== undefined) {
      signalGroup(child.pid, "SIGKILL");
      await exited;
      await rm(join(BROWSER_RECORDS, String(child.pid)), { force: true });
    }
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function waitForDevTools(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    let printed = "";
    const timeout = setTimeout(() => resolve(`it was not ready within 20 s\n${printed}`), 20_000);
    const settle = (failure: string | undefined) => {
      clearTimeout(timeout);
      resolve(failure);
    };
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      if (printed.includes("DevTools listening on")) settle(undefined);
    });
    child.once("error", (error) => settle(error.message));
    child.once("close", (code, signal) => settle(printed.trim() || `it ended at once (${signal ?? `exit code ${code}`})`));
  });
}
