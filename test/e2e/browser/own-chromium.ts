/** A Chromium of somebody's own, as a global setup: started with `--remote-debugging-port`, ended by its id. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** `http://127.0.0.1:<port>`, its DevTools endpoint; empty where it is yet to be downloaded. */
    chromiumOrigin: string;
  }
}

export default async function startChromium({ provide }: TestProject): Promise<() => Promise<void>> {
  const executable = process.env.PILOTFISH_TEST_CHROMIUM ?? "";
  if (!existsSync(executable)) {
    provide("chromiumOrigin", "");
    return async () => {};
  }
  const home = await mkdtemp(join(tmpdir(), "pilotfish-own-chromium-"));
  const chromium = spawn(
    executable,
    ["--headless", "--no-sandbox", "--remote-debugging-port=0", `--user-data-dir=${home}`, "about:blank"],
    {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true, // with its children a group of its own
    },
  );
  provide("chromiumOrigin", await originOf(chromium));
  return async () => {
    const ended = new Promise((resolve) => chromium.once("exit", resolve));
    process.kill(-chromium.pid!, "SIGKILL"); // it said where it listens, so it has an id
    await ended;
    await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
}

/** `DevTools listening on ws://127.0.0.1:40123/devtools/browser/…` */
function originOf(chromium: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    chromium.once("exit", (code) => reject(new Error(`Chromium ended with ${code}: ${said}`)));
    chromium.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const [, host] = /DevTools listening on ws:\/\/([^/\s]+)\//.exec(said) ?? [];
      if (host !== undefined) resolve(`http://${host}`);
    });
  });
}
