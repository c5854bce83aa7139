import { Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import { ServiceError } from "../domain/error.ts";
import type { DecisionTokens, Log } from "../ports.ts";
import { createAuthenticate } from "../services/api-keys.ts";
import type { RecordDeliveriesDeps } from "../services/deliveries.ts";
import { requireAdmin, requireApiKey, type AppEnv } from "./auth.ts";
import { toProblem } from "./problem.ts";
import { adminRoutes, type AdminDeps } from "./routes/admin.ts";
import { decisionRoutes } from "./routes/decisions.ts";
import { deliveryRoutes } from "./routes/deliveries.ts";
import { healthRoutes, type HealthDeps } from "./routes/health.ts";
import { organizationRoutes, type OrganizationDeps } from "./routes/organization.ts";
import { runListRoutes, type RunListDeps } from "./routes/run-lists.ts";
import { runRoutes, type RunRouteDeps } from "./routes/runs.ts";
import { templateRoutes, type TemplateDeps } from "./routes/templates.ts";
import { workflowRoutes, type WorkflowDeps } from "./routes/workflows.ts";

export interface AppDeps
  extends AdminDeps, HealthDeps, OrganizationDeps, TemplateDeps, WorkflowDeps, RunRouteDeps, RunListDeps, RecordDeliveriesDeps {
  readonly log: Log;
  readonly tokens: DecisionTokens;
  readonly settings: { readonly adminToken: string };
}

/** The HTTP API. Make one for the isolate: it remembers valid API keys. A path may end in a slash or not. */
export function createApp(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ strict: false });
  app.onError((error, c) => toProblem(error, c, deps.log));
  app.notFound((c) => toProblem(new ServiceError("not_found", `There is no ${c.req.method} ${c.req.path}.`), c, deps.log));

  app.use(requestId({ generator: () => deps.ids.next("request") }));
  app.use(async (c, next) => {
    await next();
    c.res.headers.set("x-content-type-options", "nosniff");
    c.res.headers.set("x-frame-options", "DENY");
    c.res.headers.append("content-security-policy", "frame-ancestors 'none'"); // beside what a route asks for: all of them apply
  });
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        const allow = methods.join(", ");
        c.header("allow", allow);
        return toProblem(
          new ServiceError("method_not_allowed", `${c.req.path} does not take ${c.req.method}; it takes ${allow}.`),
          c,
          deps.log,
        );
      },
    }),
  );

  app.route("/", healthRoutes(deps));

  app.use("/v1/admin/*", requireAdmin(deps.settings.adminToken));
  app.route("/v1/admin", adminRoutes(deps));
  app.all("/v1/admin/*", (c) => c.notFound()); // and not on to the routes that ask for an API key

  app.route("/v1/decisions", decisionRoutes(deps)); // their tokens are the key

  app.use("/v1/*", requireApiKey(createAuthenticate(deps)));
  app.route("/v1", organizationRoutes(deps));
  app.route("/v1", runListRoutes(deps)); // before the workflows: /workflows/runs is no workflow
  app.route("/v1", runRoutes(deps));
  app.route("/v1/webhook-deliveries", deliveryRoutes(deps));
  app.route("/v1/templates", templateRoutes(deps));
  const workflows = workflowRoutes(deps);
  app.route("/v1/workflows", workflows);
  app.route("/v1/agents", workflows);
  return app;
}
