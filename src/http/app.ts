import { Hono } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import { ServiceError } from "../domain/error.ts";
import { createAuthenticate } from "../services/api-keys.ts";
import { requireAdmin, requireApiKey, requireFileAccess, type AppEnv } from "./auth.ts";
import { toProblem } from "./problem.ts";
import { mountRoutes } from "./route.ts";
import { type RouteDeps, routes } from "./routes.ts";

export interface AppDeps extends RouteDeps {
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
    if (c.res.status === 101) return; // a WebSocket has no headers of ours
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

  const requireKey = requireApiKey(createAuthenticate(deps));
  mountRoutes(app, deps, routes, {
    api_key: requireKey,
    file_link: requireFileAccess(deps, requireKey),
    admin: requireAdmin(deps.settings.adminToken),
  });
  return app;
}
