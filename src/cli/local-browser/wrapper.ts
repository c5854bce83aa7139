import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Candidate } from "./candidates.ts";
import type { MiniflareBrowser } from "./miniflare.ts";
import { BROWSER_RECORDS } from "./sweep.ts";
import { tryToStart } from "./try-to-start.ts";
import { writeAtomically } from "./write-atomically.ts";

/**
 * Puts the wrapper where miniflare looks and starts it once as miniflare would.
 * @returns why the browser does not start, or undefined
 */
export async function installWrapper(
  candidate: Candidate,
  target: MiniflareBrowser,
  report: (line: string) => void,
): Promise<string | undefined> {
  await mkdir(dirname(target.executable), { recursive: true });
  await mkdir(BROWSER_RECORDS, { recursive: true });
  await writeAtomically(target.executable, wrapperScript(candidate, { sandbox: true }), 0o755);
  let failure = await tryToStart(target.executable, ["--headless=new"]);
  if (failure !== undefined && /sandbox/i.test(failure)) {
    await writeAtomically(target.executable, wrapperScript(candidate, { sandbox: false }), 0o755);
    failure = await tryToStart(target.executable, ["--headless=new"]);
    if (failure === undefined)
      report("this system does not let an ordinary user make Chromium's sandbox: the local browser runs without it");
  }
  if (failure !== undefined) {
    await rm(target.executable, { force: true });
    return failure;
  }
  // Without the marker a browser that fails to start once makes miniflare delete the folder and download.
  await writeFile(join(target.folder, ".miniflare-install-complete"), "");
  return undefined;
}

/** How our script is told from a browser that wrangler downloaded. */
export const WRAPPER_MARK = "# Made by Pilotfish (src/cli/local-browser/wrapper.ts)";

/**
 * Beside what miniflare passes: nothing that phones home or needs a GPU, and no packets of WebRTC to this machine's networks, which no guard sees. A second `--disable-features` would replace miniflare's.
 */
const FLAGS = [
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-domain-reliability",
  "--disable-sync",
  "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
  "--disable-quic",
  "--no-default-browser-check",
  "--no-first-run",
  "--no-pings",
  "--font-render-hinting=none",
];

/** `exec` keeps the pid, so the record that the script writes of itself is the record of the browser. */
export function wrapperScript(candidate: Candidate, { sandbox }: { sandbox: boolean }): string {
  const exports = Object.entries(candidate.environment ?? {}).map(([name, value]) => `export ${name}=${shellQuote(value)}`);
  return `#!/bin/sh
${WRAPPER_MARK}: starts the local Chromium and writes down who started it.
started() {
  if [ -r "/proc/$1/stat" ]; then
    read -r stat < "/proc/$1/stat"
    set -- \${stat##*) }
    shift 19
    echo "$1"
  else
    LC_ALL=C ps -o lstart= -p "$1" | tr -s ' ' | sed 's/^ //; s/ $//'
  fi
}
printf '%s %s\\n%s %s\\n' $$ "$(started $$)" $PPID "$(started $PPID)" 2>/dev/null > ${shellQuote(BROWSER_RECORDS)}/$$
${exports.join("\n")}
${sandbox ? `[ "$(id -u)" = 0 ] && set -- --no-sandbox "$@"` : `set -- --no-sandbox "$@"`}
exec ${shellQuote(candidate.chrome)} ${FLAGS.join(" ")} "$@"
`;
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
