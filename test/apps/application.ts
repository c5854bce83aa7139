import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { signalGroup } from "../../src/cli/processes.ts";

/** The folder with the applications, their package.json and the workflows. */
export const APPS = import.meta.dirname;

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;

/** An application that others wrote, and what a workflow is to do to it. */
export interface Application {
  readonly name: string;
  /** The document in `workflows/`. */
  readonly workflow: string;
  /**
   * Starts it on loopback.
   * @param folder an empty one, for everything that it keeps
   */
  start(folder: string): Promise<RunningApplication>;
}

export interface RunningApplication {
  readonly url: string;
  /** Stored with Pilotfish; the workflow's parameters of these names get the credentials' ids. */
  readonly credentials: Readonly<Record<string, Account>>;
  /** The workflow's other parameters. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly process: AppProcess;
  /**
   * Asks the application's own API whether what the workflow did is so.
   * @param output of the run, by the labels of its blocks
   * @returns what it has found, in a few words
   * @throws AssertionError
   */
  verify(output: Readonly<Record<string, Readonly<Record<string, unknown>>>>): Promise<string>;
}

export interface Account {
  readonly username: string;
  readonly password: string;
}

export interface AppProcess {
  readonly pid: number;
  /** What it printed. */
  log(): string;
  /** Hosts beyond this machine that it tried to reach. */
  left(): string[];
  /** SIGTERM for its process group, SIGKILL after 5 s. */
  stop(): Promise<void>;
}

/**
 * Starts a program of `node_modules` in a process group of its own and waits until it answers.
 * @param options.script path of the program in `node_modules`
 * @param options.ready an address that answers with 2xx once it is up
 * @throws when it ends, or does not answer within 60 s; then it is ended
 */
export async function startApp(options: {
  readonly script: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly ready: string;
}): Promise<AppProcess> {
  const program = join(APPS, "node_modules", options.script);
  const child = spawn(process.execPath, ["--require", join(APPS, "preload.cjs"), program, ...options.args], {
    cwd: options.folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: options.folder, TMPDIR: options.folder, NODE_ENV: "production", LANG: "C.UTF-8" },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.script} could not be started`);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const app: AppProcess = {
    pid,
    log: () => printed,
    left: () => [...printed.matchAll(/^left the machine: (.+)$/gm)].map(([, host]) => host ?? ""),
    stop: () => end(child, pid),
  };
  try {
    await untilReady(child, options.ready);
    return app;
  } catch (error) {
    await app.stop();
    throw new Error(`${options.script} did not start. It printed:\n${printed.slice(-4_000)}`, { cause: error });
  }
}

async function untilReady(child: ChildProcess, address: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const response = await fetch(address, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.ok) return;
    if (hasEnded(child)) throw new Error(`it ended (${child.signalCode ?? `exit code ${child.exitCode}`})`);
    if (Date.now() > deadline) throw new Error(`${address} did not answer within ${READY_TIMEOUT_MS / 1_000} s`);
    await sleep(50);
  }
}

async function end(child: ChildProcess, pid: number): Promise<void> {
  if (!hasEnded(child)) {
    const exited = new Promise((resolve) => child.once("exit", resolve));
    signalGroup(pid, "SIGTERM");
    await Promise.race([exited, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
  }
  signalGroup(pid, "SIGKILL"); // what it has started itself
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** A port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
