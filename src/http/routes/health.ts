import { z } from "zod";
import manifest from "../../../package.json" with { type: "json" };
import type { Log } from "../../ports/log.ts";
import { json, routeFor } from "../route.ts";

export interface HealthDeps {
  readonly log: Log;
  /** What the service cannot work without, by name; each rejects when it cannot be reached. */
  readonly probes: Readonly<Record<string, () => Promise<unknown>>>;
}

/** How long a probe may take before it counts as failed. */
const PROBE_TIMEOUT_MS = 5_000;

const readinessSchema = z
  .strictObject({
    status: z.enum(["ready", "not_ready"]).describe("Can it work?"),
    checks: z.record(z.string(), z.enum(["ok", "failed"])).describe("What it cannot work without, by name."),
  })
  .meta({ id: "Readiness" });

const route = routeFor<HealthDeps>();

/** Open to everyone: is it alive, can it work, which version is it? */
export const healthRoutes = [
  route(
    {
      method: "get",
      paths: { checkHealth: "/healthz" },
      tag: "Service",
      summary: "Is it alive?",
      caller: "anyone",
      responses: {
        200: json("It is.", z.strictObject({ status: z.literal("ok").describe("Always `ok`.") }).meta({ id: "Health" }), { status: "ok" }),
      },
    },
    (_, { c }) => c.json({ status: "ok" }),
  ),
  route(
    {
      method: "get",
      paths: { checkReadiness: "/readyz" },
      tag: "Service",
      summary: "Can it work?",
      caller: "anyone",
      responses: {
        200: json("It can.", readinessSchema, { status: "ready", checks: { d1: "ok", r2: "ok" } }),
        503: json("It cannot; `checks` says what is missing.", readinessSchema, {
          status: "not_ready",
          checks: { d1: "ok", r2: "failed" },
        }),
      },
    },
    async (deps, { c }) => {
      const checks = await Promise.all(
        Object.entries(deps.probes).map(async ([name, probe]) => [name, await runProbe(deps, name, probe)] as const),
      );
      const ready = checks.every(([, result]) => result === "ok");
      return c.json({ status: ready ? "ready" : "not_ready", checks: Object.fromEntries(checks) }, ready ? 200 : 503);
    },
  ),
  route(
    {
      method: "get",
      paths: { readVersion: "/v1/version" },
      tag: "Service",
      summary: "Which version is it?",
      caller: "anyone",
      responses: {
        200: json("Its version.", z.strictObject({ version: z.string().describe("By semantic versioning.") }).meta({ id: "Version" }), {
          version: manifest.version,
        }),
      },
    },
    (_, { c }) => c.json({ version: manifest.version }),
  ),
];

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
