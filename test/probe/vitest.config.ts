import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";
process.env.XDG_CACHE_HOME = "/work/main/.pilotfish/cache";
export default defineConfig({
  root: "/work/main",
  plugins: [cloudflareTest({ miniflare: { compatibilityDate: "2026-10-01", compatibilityFlags: ["nodejs_compat"], browserRendering: { binding: "BROWSER" } } })],
  test: { include: ["test/e2e/browser/*.test.ts", "test/probe/*.test.ts"], globalSetup: ["test/e2e/browser/pages.ts"], testTimeout: 20000 },
});
