import { type ChildProcess, spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { sweepBrowsers } from "./local-browser/sweep.ts";
import { prepareLocalBrowser } from "./local-browser.ts";
import { claimState, readOrMakeSecrets, refuseIfClaimed, releaseState } from "./local-state.ts";
import { applyMigrations } from "./migrations.ts";
import { seedService } from "./seed.ts";
import { connectService } from "./service-client.ts";
import { signalGroup } from "./processes.ts";
import { PROJECT } from "./project.ts";
import { wranglerCommand, wranglerEnvironment } from "./wrangler.ts";

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const CRON_INTERVAL_MS = 60_000;
const KEPT_LOG_LINES = 2_000;

export interface ServiceOptions {
  /** A free port when absent. */
  port?: number;
  /** Folder for everything that the service keeps, relative to the project. */
  state: string;
  /** Becomes a key of the organization `dev`, whatever its form. Absent: one is made at the first start on this state. */
  devApiKey?: string;
  /** Worker variables beside the ones in wrangler.toml. */
  vars?: Record<string, string>;
  /** Print neither the service's log nor what is being prepared; `logs()` has the log in any case. */
  quiet?: boolean;
}

export interface Service {
  url: string;
  adminToken: string;
  /** The organization `dev`, which may reach loopback. */
  organizationId: string;
  /** `devApiKey`, or the key that was made at this start; absent when one was made at an earlier start. */
  apiKey?: string;
  /** Of the process group that holds wrangler and workerd. Browsers have groups of their own. */
  pid: number;
  /** Resolves with a reason when the service ends without being asked to. */
  crashed: Promise<string>;
  logs(): string;
  /** SIGTERM, which closes the browsers too; SIGKILL after 10 s. */
  stop(): Promise<void>;
  /** SIGKILL of the whole tree at once, as a power cut would do it. Browsers live on until the next start sweeps them. */
  kill(): Promise<void>;
}

/**
 * Starts the service under `wrangler dev` and seeds it: secrets, migrations, the organization `dev`, the templates. The service ends with
 * the process that started it, even when that one is killed. Several can run side by side, each on its own state.
 * @throws when the service does not answer within 60 s or ends before, with its last log lines
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const print = options.quiet ? () => {} : (line: string) => console.log(line);
  const state = resolve(PROJECT, options.state);
  await refuseIfClaimed(state);
  const [port, secrets, browser] = await Promise.all([
    options.port === undefined ? freePort() : requireFreePort(options.port),
    readOrMakeSecrets(state),
    prepareLocalBrowser((line) => print(`local browser: ${line}`)),
    sweepBrowsers(),
    applyMigrations(state),
  ]);
  const url = `http://127.0.0.1:${port}`;

  const registry = join(state, "dev-registry");
  await rm(registry, { recursive: true, force: true });
  const variables = Object.entries({ ENVIRONMENT: "development", ...options.vars });
  const address = ["--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"];
  const folders = ["--persist-to", state, "--env-file", secrets.file];
  const vars = variables.flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const command = wranglerCommand("dev", "--local", "--show-interactive-dev-session=false", ...address, ...folders, ...vars);
  const { child, pid } = spawnBound(
    command,
    wranglerEnvironment({ XDG_CACHE_HOME: browser.cacheHome, CLOUDFLARE_DEV_REGISTRY_PATH: registry }),
  );
  let asked = false;
  let ready = false;
  const log = collectLog(child, (line) => {
    if (ready && !asked && isOfInterest(line)) print(line); // how its parts complain of each other's end is nobody's business
  });
  const exited = new Promise<string>((settle) => {
    child.once("exit", (code, signal) => settle(`the service ended (${signal ?? `exit code ${code}`}). Its last lines:\n${log.tail(25)}`));
  });

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    asked = true;
    clearInterval(cron);
    if (signal === "SIGKILL") signalGroup(pid, "SIGKILL");
    else if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await Promise.race([exited, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    signalGroup(pid, "SIGKILL");
    await exited;
    await releaseState(state);
  }

  let cron: NodeJS.Timeout | undefined;
  try {
    await claimState(state, url, pid);
    await waitUntilHealthy(url, exited, log);
    await sweepBrowsers(); // again: a service that was killed a moment ago may not have been gone yet
    const admin = connectService(url, { adminToken: secrets.adminToken });
    const seeded = await seedService(admin, { state, ...(options.devApiKey === undefined ? {} : { devApiKey: options.devApiKey }) });
    ready = true;
    const fireCron = () => void fetch(`${url}/cdn-cgi/handler/scheduled?cron=*+*+*+*+*`).catch(() => {});
    fireCron();
    cron = setInterval(fireCron, CRON_INTERVAL_MS);
    cron.unref();
    return {
      url,
      pid,
      adminToken: secrets.adminToken,
      ...seeded,
      crashed: exited.then((reason) => (asked ? new Promise<string>(() => {}) : reason)),
      logs: () => log.tail(KEPT_LOG_LINES),
      stop: () => end("SIGTERM"),
      kill: () => end("SIGKILL"),
    };
  } catch (error) {
    await end("SIGKILL");
    throw error;
  }
}

/**
 * Raises the soft limit of open files to the hard one (each live run costs three), and binds the life of the group to ours: the
 * watcher reads from a pipe that nobody writes to, and gets its end when this process is gone, by whatever cause.
 */
const LAUNCHER = `
ulimit -n "$(ulimit -Hn)" 2>/dev/null
exec 3<&0
(trap '' TERM; read -r _ <&3; kill -TERM -$$; sleep ${STOP_TIMEOUT_MS / 1_000}; kill -KILL -$$) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
`;

function spawnBound(command: string[], env: NodeJS.ProcessEnv): { child: ChildProcess; pid: number } {
  const child = spawn("sh", ["-c", LAUNCHER, "sh", ...command], { cwd: PROJECT, env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  if (child.pid === undefined) throw new Error("the service could not be started: there is no sh");
  return { child, pid: child.pid };
}

interface CollectedLog {
  tail(lines: number): string;
}

function collectLog(child: ChildProcess, onLine: (line: string) => void): CollectedLog {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream?.setEncoding("utf8").on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      for (const colored of parts) {
        const line = stripVTControlCharacters(colored);
        lines.push(line);
        onLine(line);
      }
      if (lines.length > KEPT_LOG_LINES) lines.splice(0, lines.length - KEPT_LOG_LINES);
    });
  }
  return { tail: (count) => lines.slice(-count).join("\n") };
}

/** The Worker logs its own requests; wrangler's line for each would say it twice. */
function isOfInterest(line: string): boolean {
  return line.trim() !== "" && !line.startsWith("[wrangler:info]");
}

async function waitUntilHealthy(url: string, exited: Promise<string>, log: CollectedLog): Promise<void> {
  let ended: string | undefined;
  void exited.then((reason) => (ended = reason));
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (response?.ok) return;
    if (ended !== undefined) throw new Error(ended);
    const [, buildFailure] = log.tail(KEPT_LOG_LINES).split(/^.*Build failed with/m);
    if (buildFailure !== undefined) throw new Error(`the Worker could not be built: ${buildFailure.trim()}`);
    if (Date.now() > deadline)
      throw new Error(`${url}/healthz did not answer 200 within ${READY_TIMEOUT_MS / 1_000} s. The last lines:\n${log.tail(25)}`);
    await sleep(25);
  }
}

async function freePort(): Promise<number> {
  return listenOnce(0);
}

async function requireFreePort(port: number): Promise<number> {
  return listenOnce(port).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EADDRINUSE") throw new Error(`port ${port} is in use by another program: stop it, or choose another with PORT=…`);
    throw error;
  });
}

function listenOnce(port: number): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}
