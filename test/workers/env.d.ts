import type { D1Migration } from "@cloudflare/vitest-pool-workers";

declare global {
  namespace Cloudflare {
    interface Env {
      /** The SQL of `migrations/`, which the test runner reads in Node. */
      MIGRATIONS: D1Migration[];
    }
  }
}
