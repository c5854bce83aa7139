import { constants, existsSync } from "node:fs";
import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { CACHE_HOME } from "../project.ts";
import { miniflareBrowser } from "./miniflare.ts";
import { sparticuzBrowser } from "./sparticuz.ts";

export type BrowserSource = "PILOTFISH_CHROME" | "wrangler" | "system" | "sparticuz";

export interface Candidate {
  source: BrowserSource;
  chrome: string;
  /** What the browser has to find in its environment. */
  environment?: Record<string, string>;
}

/** The browsers of this machine that might do, best first. Each is looked for only when the ones before it did not start. */
export async function* findCandidates(report: (line: string) => void): AsyncGenerator<Candidate> {
  const chosen = process.env["PILOTFISH_CHROME"];
  if (chosen) {
    yield { source: "PILOTFISH_CHROME", chrome: chosen };
    return;
  }
  for (const cacheHome of userCacheHomes()) {
    const { executable } = miniflareBrowser(cacheHome);
    if (existsSync(executable)) yield { source: "wrangler", chrome: executable };
  }
  for (const chrome of systemBrowsers()) {
    if (await isExecutable(chrome)) yield { source: "system", chrome };
  }
  const carried = await sparticuzBrowser(report);
  if (carried !== undefined) yield { source: "sparticuz", ...carried };
}

function userCacheHomes(): string[] {
  const standard = process.platform === "darwin" ? join(homedir(), "Library", "Caches") : join(homedir(), ".cache");
  const asked = process.env["XDG_CACHE_HOME"];
  return asked && asked !== CACHE_HOME ? [asked, standard] : [standard];
}

function systemBrowsers(): string[] {
  if (process.platform === "darwin") {
    const applications = ["/Applications", join(homedir(), "Applications")];
    const names = ["Google Chrome", "Chromium", "Google Chrome for Testing"];
    return applications.flatMap((folder) => names.map((name) => join(folder, `${name}.app`, "Contents", "MacOS", name)));
  }
  // A headless shell first: half the time and half the memory of the full browser.
  const names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
  const path: string = process.env["PATH"] ?? "";
  const folders = path.split(delimiter).filter((folder) => folder.startsWith("/"));
  return names.flatMap((name) => folders.map((folder) => join(folder, name)));
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
