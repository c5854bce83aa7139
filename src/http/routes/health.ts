import { Hono } from "hono";
import manifest from "../../../package.json" with { type: "json" };
import type { Log } from "../../ports.ts";
import type { AppEnv } from "../auth.ts";

export interface HealthDeps {
  readonly log: Log;
  /** What the service cannot work without, by name; each rejects when it cannot be reached. */
  readonly probes: Readonly<Record<string, () => Promise<unknown>>>;
}

/** How long a probe may take before it counts as failed. */
const PROBE_TIMEOUT_MS = 5_000;

/** Open to everyone: is it alive, can it work, which version is it? */
export function healthRoutes(deps: HealthDeps): Hono<AppEnv> {
  return new Hono<AppEnv>()
    .get("/healthz", (c) => c.json({ status: "ok" }))
    .get("/readyz", async (c) => {
      const checks = await Promise.all(
        Object.entries(deps.probes).map(async ([name, probe]) => [name, await runProbe(deps, name, probe)] as const),
      );
      const ready = checks.every(([, result]) => result === "ok");
      return c.json({ status: ready ? "ready" : "not_ready", checks: Object.fromEntries(checks) }, ready ? 200 : 503);
    })
    .get("/v1/version", (c) => c.json({ version: manifest.version }));
}

async function runProbe({ log }: HealthDeps, name: string, probe: () => Promise<unknown>): Promise<"ok" | "failed"> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`)), PROBE_TIMEOUT_MS);
  try {
    await Promise.race([probe(), timeout]);
    return "ok";
  } catch (error) {
    log.error("not ready", error, { probe: name });
    return "failed";
  } finally {
    clearTimeout(timer);
  }
}
