import { Hono } from "hono";
import { expect, it } from "vitest";
import type { AppEnv } from "../auth.ts";
import { mountRoutes } from "../route.ts";
import { healthRoutes, type HealthDeps } from "./health.ts";

it("is not ready while one of its stores does not answer, and says which", async () => {
  const logged: string[] = [];
  const app = new Hono<AppEnv>();
  const deps: HealthDeps = {
    log: { info: () => {}, error: (message) => void logged.push(message) },
    probes: { d1: async () => {}, r2: () => Promise.reject(new Error("bucket is gone")) },
  };
  mountRoutes(app, deps, healthRoutes, {
    api_key: (_, next) => next(),
    file_link: (_, next) => next(),
    admin: (_, next) => next(),
  });
  const response = await app.request("/readyz");
  expect([response.status, await response.json()]).toEqual([503, { status: "not_ready", checks: { d1: "ok", r2: "failed" } }]);
  expect(logged).toEqual(["not ready"]);
  expect((await app.request("/healthz")).status).toBe(200);
});
