import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CACHE_HOME } from "../project.ts";
import { tryToStart } from "./try-to-start.ts";
import { writeAtomically } from "./write-atomically.ts";

const SPARTICUZ_HOME = join(CACHE_HOME, "sparticuz-chromium");

/**
 * The headless shell that the npm package `@sparticuz/chromium` carries, unpacked into the project's cache. With its own font and libraries it
 * needs nothing of the system; the libraries are used only where the system has none. Linux on x64 only.
 */
export async function sparticuzBrowser(
  report: (line: string) => void,
): Promise<{ chrome: string; environment: Record<string, string> } | undefined> {
  const version = sparticuzVersion();
  if (version === undefined || process.platform !== "linux" || process.arch !== "x64") return undefined;
  const home = join(SPARTICUZ_HOME, version);
  if (!existsSync(home)) {
    report("unpacking the browser of @sparticuz/chromium …");
    await unpackSparticuz(home);
  }
  const chrome = join(home, "chromium");
  const fonts = { FONTCONFIG_FILE: join(home, "fonts.conf") };
  await writeAtomically(fonts.FONTCONFIG_FILE, fontsConfiguration(home));
  const systemHasLibraries = (await tryToStart(chrome, ["--headless", "--no-sandbox"])) === undefined;
  const environment = systemHasLibraries ? fonts : { ...fonts, LD_LIBRARY_PATH: join(home, "al2023", "lib") };
  return { chrome, environment };
}

/** `inflate` of the package writes to the system's folder for temporary files, so it runs in a process that has its own. */
async function unpackSparticuz(home: string): Promise<void> {
  await mkdir(SPARTICUZ_HOME, { recursive: true });
  const unpacked = await mkdtemp(join(SPARTICUZ_HOME, ".unpacking-"));
  const archives = ["chromium.br", "fonts.tar.br", "al2023.tar.br"].map((name) => join(packageRoot(), "bin", name));
  const script = `import { inflate } from "@sparticuz/chromium"; await Promise.all(${JSON.stringify(archives)}.map(inflate));`;
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: import.meta.dirname,
    env: { ...process.env, TMPDIR: unpacked },
  });
  await chmod(join(unpacked, "chromium"), 0o755);
  await rename(unpacked, home).catch(async (error: unknown) => {
    await rm(unpacked, { recursive: true, force: true });
    if (!existsSync(home)) throw error; // otherwise another process was faster
  });
}

/** The system's fonts where there are any, and the package's font, so that text shows on a system without fonts. */
function fontsConfiguration(home: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${join(home, "fonts")}</dir>
  <cachedir>${join(CACHE_HOME, "fontconfig")}</cachedir>
</fontconfig>
`;
}

/** @returns undefined when the package is not installed */
export function sparticuzVersion(): string | undefined {
  try {
    return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
  } catch {
    return undefined;
  }
}

function packageRoot(): string {
  return join(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))), "..");
}
