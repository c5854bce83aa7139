import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { browsersOf, processesIn } from "../e2e/browser-processes.ts";

/** Resident memory, in MB. */
export interface Memory {
  /** Of the Workers runtime. */
  readonly workerd: number;
  /** Of the programs around it: wrangler, and miniflare, which starts the browsers. */
  readonly around: number;
}

/** What a service holds at a moment beside memory. Open files are 0 where the system does not tell (only Linux does). */
export interface Held {
  readonly workerdFiles: number;
  readonly filesAround: number;
  readonly browsers: number;
  readonly browserProcesses: number;
}

/** @param servicePid of the service's process group */
export function measureMemory(servicePid: number): Memory {
  const processes = listGroup(servicePid);
  const sum = (isWorkerd: boolean) =>
    processes.filter((row) => row.isWorkerd === isWorkerd).reduce((total, { rssKb }) => total + rssKb / 1024, 0);
  return { workerd: sum(true), around: sum(false) };
}

/** @param servicePid of the service's process group */
export function countHeld(servicePid: number): Held {
  const processes = listGroup(servicePid);
  const files = (isWorkerd: boolean) =>
    processes.filter((row) => row.isWorkerd === isWorkerd).reduce((total, { pid }) => total + countFiles(pid), 0);
  const browsers = browsersOf(servicePid);
  return {
    workerdFiles: files(true),
    filesAround: files(false),
    browsers: browsers.length,
    browserProcesses: processesIn(browsers).length,
  };
}

/**
 * The Workers runtimes: the service's own, and the one that hands requests on to it.
 * @param servicePid of the service's process group
 * @returns their pids
 */
export function runtimesOf(servicePid: number): number[] {
  return listGroup(servicePid)
    .filter(({ isWorkerd }) => isWorkerd)
    .map(({ pid }) => pid);
}

function listGroup(group: number): { pid: number; rssKb: number; isWorkerd: boolean }[] {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,pgid=,rss=,args="], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 })
    .trim()
    .split("\n");
  return rows
    .map((row) => /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)/.exec(row))
    .filter((match) => match !== null && Number(match[2]) === group)
    .map((match) => ({ pid: Number(match?.[1]), rssKb: Number(match?.[3]), isWorkerd: /workerd/.test(match?.[4] ?? "") }));
}

function countFiles(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}
