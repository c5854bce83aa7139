import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** A process that cannot be mistaken for a later one of the same pid. */
export interface ProcessIdentity {
  pid: number;
  /** When the process started, in the words of the system: only good for comparing. */
  startedAt: string;
}

/**
 * Who has this pid now. A dead process that its parent has not yet collected counts as gone.
 * @returns undefined when no live process has the pid
 */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const startedAt = process.platform === "linux" ? readProcStart(pid) : readPsStart(pid);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export function isSameProcessAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startedAt === identity.startedAt;
}

/**
 * Sends a signal to a process group.
 * @returns false when there is no such group any more
 */
export function signalGroup(leaderPid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-leaderPid, signal);
  } catch {
    return false;
  }
}

function readProcStart(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may hold spaces and parentheses itself; proc(5) counts the fields from 1.
  const fromThird = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fromThird[0];
  return state === "Z" || state === "X" ? undefined : fromThird[19];
}

function readPsStart(pid: number): string | undefined {
  try {
    const [state, ...startedAt] = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
    })
      .trim()
      .split(/\s+/);
    return state === undefined || state.startsWith("Z") ? undefined : startedAt.join(" ");
  } catch {
    return undefined;
  }
}
