import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

export interface MiniflareBrowser {
  folder: string;
  executable: string;
}

/** Where miniflare looks for its Chrome: the layout of @puppeteer/browsers below `.wrangler` in the cache folder. */
export function miniflareBrowser(cacheHome: string): MiniflareBrowser {
  const isMac = process.platform === "darwin";
  const isArm = process.arch === "arm64";
  const platform = isMac ? (isArm ? "mac_arm" : "mac") : isArm ? "linux_arm" : "linux";
  const folder = join(cacheHome, ".wrangler", "chrome", `${platform}-${miniflareBrowserVersion()}`);
  const application = join("Google Chrome for Testing.app", "Contents", "MacOS", "Google Chrome for Testing");
  const executable = isMac ? join(isArm ? "chrome-mac-arm64" : "chrome-mac-x64", application) : join("chrome-linux64", "chrome");
  return { folder, executable: join(folder, executable) };
}

let browserVersion: string | undefined;

function miniflareBrowserVersion(): string {
  if (browserVersion === undefined) {
    const source = readFileSync(miniflareMain(), "utf8");
    browserVersion = /\bBROWSER_VERSION = "([\d.]+)"/.exec(source)?.[1];
    if (browserVersion === undefined)
      throw new Error("the installed miniflare does not name its BROWSER_VERSION any more: see src/cli/local-browser/miniflare.ts");
  }
  return browserVersion;
}

export function miniflareMain(): string {
  return createRequire(import.meta.url).resolve("miniflare");
}
