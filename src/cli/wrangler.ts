import { createRequire } from "node:module";
import { join } from "node:path";
import { CACHE_HOME } from "./project.ts";

/** The installed wrangler under the Node that runs this. */
export function wranglerCommand(...args: string[]): [command: string, ...args: string[]] {
  const manifest = createRequire(import.meta.url).resolve("wrangler/package.json");
  return [process.execPath, join(manifest, "..", "bin", "wrangler.js"), ...args];
}

/** The caller's environment without what would make wrangler build something else, look something up or write elsewhere. */
export function wranglerEnvironment(additions: Record<string, string> = {}): NodeJS.ProcessEnv {
  return {
    ...process.env,
    CLOUDFLARE_ENV: undefined,
    NODE_ENV: undefined,
    FORCE_COLOR: undefined,
    PILOTFISH_ADMIN_TOKEN: undefined, // wrangler would prefer these two to the ones in its --env-file
    PILOTFISH_ENCRYPTION_KEY: undefined,
    NO_COLOR: "1",
    NODE_COMPILE_CACHE: join(CACHE_HOME, "node-compile-cache"),
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_WRITE_LOGS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CLOUDFLARE_INCLUDE_PROCESS_ENV: "false",
    CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: "true",
    X_LOCAL_EXPLORER: "false",
    X_LOCAL_OBSERVABILITY: "false",
    ...additions,
  };
}
