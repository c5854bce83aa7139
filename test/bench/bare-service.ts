import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PROJECT } from "../../src/cli/project.ts";
import { wranglerCommand, wranglerEnvironment } from "../../src/cli/wrangler.ts";

export interface BareService {
  readonly url: string;
  /** The folder of what it keeps. */
  readonly state: string;
  stop(options?: { keepState?: boolean }): Promise<void>;
}

/**
 * A Worker to compare the service with, served as the service is: `wrangler dev`, trace store off, state on disk.
 * @param config its `.wrangler.toml` in this folder
 * @throws when it does not answer its own address within a minute
 */
export async function startBare(config: string, environment: Record<string, string> = {}): Promise<BareService> {
  const state = await mkdtemp(join(tmpdir(), "pilotfish-bare-"));
  const port = await freePort();
  const [command, ...args] = wranglerCommand(
    "dev", "--local", "--config", join(PROJECT, "test/bench", config), "--ip", "127.0.0.1", "--port", String(port),
    "--inspector-port", "0", "--persist-to", state, "--show-interactive-dev-session=false",
  ); // prettier-ignore
  // The hard limit of open files: every live object costs three.
  const child = spawn("sh", ["-c", 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$@"', "sh", command, ...args], {
    cwd: PROJECT,
    env: wranglerEnvironment({ CLOUDFLARE_DEV_REGISTRY_PATH: join(state, "registry"), ...environment }),
    stdio: "ignore",
    detached: true,
  });
  const url = `http://127.0.0.1:${port}`;
  for (
    let tries = 0;
    !(await fetch(url).then(
      (response) => response.ok,
      () => false,
    ));
    tries++
  ) {
    if (child.exitCode !== null || tries > 600) throw new Error(`${config} did not start`);
    await sleep(100);
  }
  return {
    url,
    state,
    async stop({ keepState = false } = {}) {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = new Promise((resolve) => child.once("exit", resolve));
        process.kill(-child.pid!, "SIGTERM");
        await exited;
      }
      if (!keepState) await rm(state, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
