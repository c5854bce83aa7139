// Sets up what `npm run demo`, `npm run dev` and `npm test` need. Runs on Node 20 with nothing installed, so it is plain JavaScript
// and imports nothing from the project. npm runs it as a script of its own (`predemo`, `predev`, `pretest`): the script that
// follows then finds the newer Node that was installed here first on its PATH.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const LOCKFILE = join(PROJECT, "package-lock.json");
const NODE_MODULES = join(PROJECT, "node_modules");
/** Holds the SHA-256 of the lockfile that node_modules was installed from. */
const MARKER = join(NODE_MODULES, ".pilotfish-setup");
const NODE = join(NODE_MODULES, ".bin", "node");
/** npm prints its whole usage after the error. */
const SHOWN_ERROR_LINES = 12;

const lockfile = readFileSync(LOCKFILE, "utf8");
const fingerprint = createHash("sha256").update(lockfile).digest("hex");

if (!isInstalled()) {
  install();
  writeFileSync(MARKER, fingerprint);
}
if (!existsSync(join(PROJECT, ".pilotfish", "cache", "local-browser.json"))) setUpBrowser();

function isInstalled() {
  if (readText(MARKER) === fingerprint) return true;
  if (!existsSync(NODE) || !matchesLockfile()) return false;
  writeFileSync(MARKER, fingerprint);
  return true;
}

/** npm notes in node_modules/.package-lock.json what it installed: packages for other platforms are missing there. */
function matchesLockfile() {
  const installedText = readText(join(NODE_MODULES, ".package-lock.json"));
  if (installedText === undefined) return false;
  const wanted = JSON.parse(lockfile).packages;
  const installed = JSON.parse(installedText).packages;
  const isSame = (path) => wanted[path]?.version === installed[path]?.version && wanted[path]?.integrity === installed[path]?.integrity;
  const mayBeMissing = (path) => path === "" || wanted[path].optional === true || wanted[path].devOptional === true;
  return Object.keys(installed).every(isSame) && Object.keys(wanted).every((path) => path in installed || mayBeMissing(path));
}

function install() {
  say("installing the packages of package-lock.json (npm ci) …");
  // npm runs on the system's Node: the one in node_modules/.bin is about to be replaced.
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.endsWith(join("node_modules", ".bin")));
  const { status, error, stderr } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: PROJECT,
    env: { ...process.env, PATH: path.join(delimiter) },
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (error) fail(`npm could not be started (${error.message}). It comes with Node: see https://nodejs.org.`);
  if (status !== 0) {
    console.error(stderr.trim().split("\n").slice(0, SHOWN_ERROR_LINES).join("\n"));
    fail(`npm ci failed (its message is above). Without a network there has to be a filled npm cache.
If package.json was changed by hand, "npm install" brings package-lock.json in line with it. Then run the command again.`);
  }
  if (!existsSync(NODE))
    fail(`npm ci did not install the package "node". It is a devDependency: do not omit those (NODE_ENV, npm config "omit").`);
}

function setUpBrowser() {
  const { status, error } = spawnSync(NODE, [join("src", "cli", "local-browser.ts")], { cwd: PROJECT, stdio: "inherit" });
  if (error) fail(`${NODE} does not start (${error.message}): remove node_modules and run the command again.`);
  if (status !== 0) fail("the local browser could not be set up (the reason is above).");
}

function readText(path) {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

function say(line) {
  console.log(`setup: ${line}`);
}

function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}
