import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { CACHE_HOME } from "../project.ts";
import { isSameProcessAlive, signalGroup } from "../processes.ts";

/** One file for each browser that the wrapper started: the browser's pid and start, then those of the process that asked for it. */
export const BROWSER_RECORDS = join(CACHE_HOME, "browser-processes");

/**
 * Kills the Chromium processes whose service is gone. Miniflare starts each browser in a process group of its own, so a SIGKILL
 * of the service leaves them running. The wrapper wrote down who started which; a browser whose service lives is left alone,
 * and so is a stranger that has got the pid meanwhile.
 * @returns how many were killed
 */
export async function sweepBrowsers(records = BROWSER_RECORDS): Promise<number> {
  let killed = 0;
  for (const name of await readdir(records).catch(() => [])) {
    const record = join(records, name);
    const processes = parseRecord(await readFile(record, "utf8").catch(() => ""));
    if (processes === undefined) continue; // being written at this moment
    const browserLives = isSameProcessAlive(processes.browser);
    if (browserLives && isSameProcessAlive(processes.service)) continue;
    if (browserLives && signalGroup(processes.browser.pid, "SIGKILL")) killed++;
    await rm(record, { force: true });
  }
  return killed;
}

function parseRecord(text: string) {
  const [browser, service] = text.split("\n").map((line) => /^(\d+) (.+)$/.exec(line));
  if (browser?.[2] === undefined || service?.[2] === undefined) return undefined;
  return {
    browser: { pid: Number(browser[1]), startedAt: browser[2] },
    service: { pid: Number(service[1]), startedAt: service[2] },
  };
}
