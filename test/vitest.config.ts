import { defineConfig } from "vitest/config";
import { prepareLocalBrowser } from "../src/cli/local-browser.ts";

const root = new URL("..", import.meta.url).pathname;
process.env.NODE_EXTRA_CA_CERTS = `${root}test/workers/loopback.pem`; // workerd trusts the mail servers of the tests; read when the next line imports it
const { cloudflareTest, readD1Migrations } = await import("@cloudflare/vitest-pool-workers");
process.env.XDG_CACHE_HOME = (await prepareLocalBrowser()).cacheHome; // where the local browser binding looks
// Secrets that wrangler.toml asks for; of the tests only.
process.env.PILOTFISH_ADMIN_TOKEN = "admin-token-of-the-tests";
process.env.PILOTFISH_ENCRYPTION_KEY = btoa("0123456789abcdef0123456789abcdef");
const migrations = await readD1Migrations(`${root}migrations`);

/** Tests that run inside the Worker's own runtime, against real local bindings. */
const inWorkerd = (main?: string) =>
  cloudflareTest({
    ...(main === undefined ? {} : { main: root + main }),
    wrangler: { configPath: `${root}wrangler.toml` },
    miniflare: { bindings: { MIGRATIONS: migrations, LOG_LEVEL: "error" } },
  });

export default defineConfig({
  test: {
    projects: [
      { root, test: { name: "unit", include: ["src/**/*.test.ts"] } },
      {
        root,
        plugins: [inWorkerd()],
        test: {
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
          name: "browser",
          include: ["test/e2e/browser/**/*.test.ts"],
          setupFiles: ["test/workers/setup.ts"],
          globalSetup: ["test/e2e/browser/pages.ts"],
          testTimeout: 30_000,
        },
      },
      { root, test: { name: "e2e", include: ["test/e2e/*.test.ts"], testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false } },
    ],
  },
});
