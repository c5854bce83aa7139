import { existsSync, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type BrowserSource, findCandidates } from "./local-browser/candidates.ts";
import { miniflareBrowser, type MiniflareBrowser, miniflareMain } from "./local-browser/miniflare.ts";
import { sparticuzVersion } from "./local-browser/sparticuz.ts";
import { BROWSER_RECORDS } from "./local-browser/sweep.ts";
import { installWrapper, WRAPPER_MARK, wrapperScript } from "./local-browser/wrapper.ts";
import { writeAtomically } from "./local-browser/write-atomically.ts";
import { CACHE_HOME } from "./project.ts";

const STATE_FILE = join(CACHE_HOME, "local-browser.json");

export interface LocalBrowser {
  /** What XDG_CACHE_HOME has to be for the process that runs miniflare (`wrangler dev`, vitest). */
  cacheHome: string;
  /** The Chromium that the wrapper starts; absent when wrangler is left to download its own. */
  chrome?: string;
  /** `download`: wrangler loads one down when the first browser is asked for. Those are not swept. */
  source: BrowserSource | "download";
}

interface Prepared extends LocalBrowser {
  /** Everything that the choice was made from: another key, and the choice is made anew. */
  key: string;
}

/**
 * Gives the local Browser Rendering binding a Chromium without a download where one can be had: miniflare starts whatever
 * file lies where its own download would be, so a wrapper script is put there.
 *
 * The choice: `PILOTFISH_CHROME`, a browser that wrangler downloaded before, a Chromium or Chrome of the system, the one in
 * the npm package `@sparticuz/chromium` (Linux on x64, needs no system packages), else wrangler's own download at its first use.
 * A browser is taken only if it starts. The choice is remembered: later calls take a few milliseconds.
 * @param report is told what is being done when it takes a while or needs attention
 * @throws when PILOTFISH_CHROME names a browser that does not start
 */
export async function prepareLocalBrowser(report: (line: string) => void = console.log): Promise<LocalBrowser> {
  if (process.platform === "win32") return { cacheHome: CACHE_HOME, source: "download" };
  const key = choiceKey();
  const known = readPrepared();
  if (known?.key === key && known.chrome !== undefined && isInPlace(known.chrome)) return publicPart(known);

  const target = miniflareBrowser(CACHE_HOME);
  const prepared: Prepared = { key, cacheHome: CACHE_HOME, source: "download" };
  for await (const candidate of findCandidates(report)) {
    const failure = await installWrapper(candidate, target, report);
    if (failure === undefined) {
      prepared.source = candidate.source;
      prepared.chrome = candidate.chrome;
      break;
    }
    if (candidate.source === "PILOTFISH_CHROME") {
      throw new Error(`PILOTFISH_CHROME=${candidate.chrome} does not start:\n${failure}`);
    }
    report(`${candidate.chrome} does not start, looking further: ${failure.split("\n", 1)[0]}`);
  }
  if (prepared.chrome === undefined) await removeOwnWrapper(target);
  await writeAtomically(STATE_FILE, JSON.stringify(prepared));
  return publicPart(prepared);
}

function choiceKey(): string {
  const { size, mtimeMs } = statSync(miniflareMain());
  const script = wrapperScript({ source: "system", chrome: "" }, { sandbox: true });
  return JSON.stringify([process.env["PILOTFISH_CHROME"] ?? "", size, mtimeMs, sparticuzVersion(), script]);
}

function isInPlace(chrome: string): boolean {
  const { folder, executable } = miniflareBrowser(CACHE_HOME);
  return [chrome, executable, BROWSER_RECORDS, join(folder, ".miniflare-install-complete")].every((path) => existsSync(path));
}

async function removeOwnWrapper({ folder, executable }: MiniflareBrowser): Promise<void> {
  if (readFileIfThere(executable)?.includes(WRAPPER_MARK)) await rm(folder, { recursive: true, force: true });
}

function readPrepared(): Prepared | undefined {
  const text = readFileIfThere(STATE_FILE);
  return text === undefined ? undefined : (JSON.parse(text) as Prepared);
}

function publicPart({ cacheHome, chrome, source }: Prepared): LocalBrowser {
  return { cacheHome, source, ...(chrome === undefined ? {} : { chrome }) };
}

function readFileIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const { chrome, source } = await prepareLocalBrowser((line) => console.log(`local browser: ${line}`));
  if (process.argv.includes("--show")) console.log(`${source}: ${chrome ?? "downloaded by wrangler at its first use"}`);
}
