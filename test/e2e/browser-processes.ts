import { execFileSync } from "node:child_process";

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

/** Every process that lives. One that is dead and not yet collected by its parent does not. */
function listProcesses(): ProcessRow[] {
  const table = execFileSync("ps", ["-A", "-o", "pid=,ppid=,pgid=,stat="], { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  return table
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , stat]) => stat !== undefined && !stat.startsWith("Z"))
    .map(([pid, parent, group]) => ({ pid: Number(pid), parent: Number(parent), group: Number(group) }));
}

/**
 * The browsers that a service has started: each leads a process group of its own, and its parent is in the service's.
 * @param servicePid of the service's process group
 * @returns their process groups
 */
export function browsersOf(servicePid: number): number[] {
  const processes = listProcesses();
  const isOfService = new Set(processes.filter(({ group }) => group === servicePid).map(({ pid }) => pid));
  return processes.filter(({ pid, parent, group }) => pid === group && isOfService.has(parent)).map(({ group }) => group);
}

/** The processes in these groups, which outlive the one that leads them. */
export function processesIn(groups: readonly number[]): number[] {
  return listProcesses()
    .filter(({ group }) => groups.includes(group))
    .map(({ pid }) => pid);
}
