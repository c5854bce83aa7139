import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sweepBrowsers } from "./sweep.ts";
import { identifyProcess } from "../processes.ts";

let records: string;
const started: ChildProcess[] = [];

beforeEach(async () => {
  records = await mkdtemp(join(tmpdir(), "pilotfish-records-"));
});

afterEach(async () => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  await rm(records, { recursive: true });
});

/** Stands for a browser: it has a process group of its own, as miniflare gives it. */
function startProcess() {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
  started.push(child);
  const identity = identifyProcess(child.pid ?? 0);
  if (identity === undefined) throw new Error("the process did not start");
  return { ...identity, ended: new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal))) };
}

const line = ({ pid, startedAt }: { pid: number; startedAt: string }) => `${pid} ${startedAt}\n`;
const GONE = { pid: 2 ** 22 + 1, startedAt: "1" };

test("kills a browser whose service is gone", async () => {
  const browser = startProcess();
  await writeFile(join(records, "1"), line(browser) + line(GONE));
  expect(await sweepBrowsers(records)).toBe(1);
  expect(await browser.ended).toBe("SIGKILL");
  expect(await readdir(records)).toEqual([]);
});

test("leaves a browser whose service lives", async () => {
  const [browser, service] = [startProcess(), startProcess()];
  await writeFile(join(records, "1"), line(browser) + line(service));
  expect(await sweepBrowsers(records)).toBe(0);
  expect(identifyProcess(browser.pid)).toBeDefined();
  expect(await readdir(records)).toEqual(["1"]);
});

test("leaves a stranger that got the browser's pid", async () => {
  const stranger = startProcess();
  await writeFile(join(records, "1"), line({ ...stranger, startedAt: "earlier" }) + line(GONE));
  expect(await sweepBrowsers(records)).toBe(0);
  expect(identifyProcess(stranger.pid)).toBeDefined();
  expect(await readdir(records)).toEqual([]);
});

test("takes a stranger that got the service's pid for a service that is gone", async () => {
  const [browser, stranger] = [startProcess(), startProcess()];
  await writeFile(join(records, "1"), line(browser) + line({ ...stranger, startedAt: "earlier" }));
  expect(await sweepBrowsers(records)).toBe(1);
});

test("waits with a record that is still being written", async () => {
  await writeFile(join(records, "1"), "12");
  expect(await sweepBrowsers(records)).toBe(0);
  expect(await readdir(records)).toEqual(["1"]);
});
