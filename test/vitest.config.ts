import { createServer } from "node:net";
import { defineConfig } from "vitest/config";
import { prepareLocalBrowser } from "../src/cli/local-browser.ts";
import { miniflareBrowser } from "../src/cli/local-browser/miniflare.ts";
import { PATIENCE_MS } from "./patience.ts";

const root = new URL("..", import.meta.url).pathname;
process.env.NODE_EXTRA_CA_CERTS = `${root}test/workers/loopback.pem`; // workerd trusts the mail servers of the tests; read when the next line imports it
const { cloudflareTest, readD1Migrations } = await import("@cloudflare/vitest-pool-workers");
process.env.XDG_CACHE_HOME = (await prepareLocalBrowser()).cacheHome; // where the local browser binding looks
process.env.PILOTFISH_TEST_CHROMIUM = miniflareBrowser(process.env.XDG_CACHE_HOME).executable; // what it starts
// Secrets that wrangler.toml asks for; of the tests only.
process.env.PILOTFISH_ADMIN_TOKEN = "admin-token-of-the-tests";
process.env.PILOTFISH_ENCRYPTION_KEY = btoa("0123456789abcdef0123456789abcdef");
// The port of the service's own mail server, which `mail-receiver.ts` plays; one that is free now. This file is read more than once.
process.env.PILOTFISH_TEST_MAIL_PORT ??= await freePort();
const migrations = await readD1Migrations(`${root}migrations`);

/** Below those that systems give to outgoing connections, one of which could take it before it is listened at. */
function freePort(): Promise<string> {
  const port = 20_000 + Math.floor(Math.random() * 12_000);
  return new Promise((resolve) => {
    const server = createServer().listen(port, "127.0.0.1", () => server.close(() => resolve(String(port))));
    server.once("error", () => resolve(freePort()));
  });
}

const mailSettings = {
  PILOTFISH_SMTP_URL: `smtp://127.0.0.1:${process.env.PILOTFISH_TEST_MAIL_PORT}`,
  PILOTFISH_MAIL_FROM: "Service <service@example.test>",
};

/** Tests await conditions: these only end one that hangs, on a machine that may be busy. */
const patience = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: PATIENCE_MS, interval: 20 } } };

/** Tests that run inside the Worker's own runtime, against real local bindings. */
const inWorkerd = (main?: string) =>
  cloudflareTest({
    ...(main === undefined ? {} : { main: root + main }),
    wrangler: { configPath: `${root}wrangler.toml` },
    miniflare: { bindings: { MIGRATIONS: migrations, LOG_LEVEL: "error", ...mailSettings } },
  });

export default defineConfig({
  test: {
    maxWorkers: 2, // most tests wait for another process: on two cores vitest would run one file at a time
    projects: [
      { root, test: { ...patience, name: "unit", include: ["src/**/*.test.ts"], isolate: false } }, // nothing to share: the core is pure
      {
        root,
        plugins: [inWorkerd()],
        test: {
          ...patience,
          name: "workers",
          include: ["test/workers/**/*.test.ts"],
          setupFiles: ["test/workers/setup.ts"],
          globalSetup: ["test/workers/receiver.ts", "test/workers/mail-receiver.ts", "test/workers/s3-receiver.ts"],
        },
      },
      {
        root,
        plugins: [inWorkerd("test/faults/worker.ts")],
        test: {
          ...patience,
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          setupFiles: ["test/workers/setup.ts"],
          globalSetup: ["test/workers/receiver.ts"],
        },
      },
      {
        root,
        plugins: [inWorkerd()],
        test: {
          ...patience,
          name: "browser",
          include: ["test/e2e/browser/**/*.test.ts"],
          setupFiles: ["test/workers/setup.ts"],
          globalSetup: ["test/e2e/browser/pages.ts", "test/e2e/browser/own-chromium.ts"],
        },
      },
      { root, test: { ...patience, name: "e2e", include: ["test/e2e/*.test.ts"] } },
    ],
  },
});
