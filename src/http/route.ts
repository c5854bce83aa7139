/**
 * How a route is declared: what OpenAPI says of it stands beside its handler, and there is no other way to mount one. The schemas that are
 * described are those that check the request. A module of our own, for the libraries check bodies by themselves: they know nothing of YAML, of
 * lines and columns, of limits counted while reading, or of a fault list over the whole.
 */
import type { Context, Hono, MiddlewareHandler } from "hono";
import { z } from "zod";
import { type ErrorCode, invalidInput } from "../domain/error.ts";
import type { Json } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import type { ParsedDocument } from "../domain/workflow/parse-document.ts";
import { faultsOf } from "../domain/workflow/schema-faults.ts";
import type { AppEnv } from "./auth.ts";
import { BODY_LIMITS, readBody, readBodyAs, readOptionalBodyAs } from "./body.ts";

/** Who may call: who has an API key, who has that or a signed link to this very file (`c.get("fileOwner")`), who has the admin token, or anyone. */
export type Caller = "api_key" | "file_link" | "admin" | "anyone";

type Method = "get" | "post" | "put" | "patch" | "delete";

/** The chapters of the document. */
export type Tag =
  | "Workflows"
  | "Folders"
  | "Runs"
  | "Browsers"
  | "Credentials"
  | "Files"
  | "Schedules"
  | "Decisions"
  | "Webhooks"
  | "Templates"
  | "Organization"
  | "Administration"
  | "Older API"
  | "Service";

/** How a route reads its body, and what may stand in it. */
export interface BodySpec<Body> {
  readonly schema: z.ZodType;
  readonly example: Json;
  /** False: no body counts as `{}`. */
  readonly required: boolean;
  readonly maxBytes: number;
  /** JSON and YAML when left out. */
  readonly types?: readonly string[];
  readonly read: (c: Context<AppEnv>) => Promise<Body>;
}

interface HeaderSpec {
  readonly description: string;
  readonly schema: z.ZodType;
}

/** One of the answers of a route that are no refusals. */
export interface ResponseSpec {
  readonly description: string;
  readonly headers: Readonly<Record<string, HeaderSpec>>;
  /** Null for an answer without a body. */
  readonly content: { readonly type: string; readonly schema: z.ZodType; readonly example?: Json } | null;
}

/** What is said of a route. */
interface RouteSpec<Path extends string, Who extends Caller, Query, Body, Header extends string> {
  readonly method: Method;
  /** Paths by operation id: `{ readWorkflow: "/v1/workflows/{workflow_id}" }`. The second and further ones are aliases; their parameters have the same names. */
  readonly paths: Readonly<Record<string, Path>>;
  readonly tag: Tag;
  /** A few words, for lists. */
  readonly summary: string;
  /** What else is to be known; Markdown. */
  readonly description?: string;
  readonly caller: Who;
  /** Checks the query string. Without it, what stands there counts for nothing. */
  readonly query?: z.ZodType<Query>;
  /** The headers that it reads, beside those that every route does. */
  readonly headers?: Readonly<Record<Header, HeaderSpec>>;
  readonly body?: BodySpec<Body>;
  readonly responses: Readonly<Record<number, ResponseSpec>>;
  /** Why it may refuse, beside what follows from the rest of the description (`impliedErrors`). */
  readonly errors?: readonly ErrorCode[];
}

/** What a handler is given: everything checked. */
export interface RouteRequest<Path extends string, Who extends Caller, Query, Body, Header extends string> {
  readonly c: Context<AppEnv>;
  /** The caller's; null where callers are not asked for an API key. */
  readonly organization: Who extends "api_key" ? Organization : null;
  /** By the names in the path, decoded. Their form is the handler's to check. */
  readonly params: Readonly<Record<ParamNames<Path>, string>>;
  readonly query: Query;
  readonly headers: Readonly<Record<Header, string | undefined>>;
  readonly body: Body;
}

type ParamNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}` ? Name | ParamNames<Rest> : never;

/** A route as it is described, without its handler. */
export type RouteDescription = Omit<RouteSpec<string, Caller, unknown, unknown, string>, "body"> & { readonly body?: BodySpec<unknown> };

/** A route of an app that has these dependencies. */
export interface Route<Deps> {
  readonly description: RouteDescription;
  readonly answer: (deps: Deps, c: Context<AppEnv>) => Promise<Response>;
}

/** `const route = routeFor<WorkflowDeps>()`, then `route(description, handler)` for each route of a file. */
export function routeFor<Deps>() {
  return <const Path extends string, const Who extends Caller, Query = undefined, Body = undefined, Header extends string = never>(
    spec: RouteSpec<Path, Who, Query, Body, Header>,
    handle: (deps: Deps, request: RouteRequest<Path, Who, Query, Body, Header>) => Response | Promise<Response>,
  ): Route<Deps> => ({
    description: spec,
    answer: async (deps, c) => {
      const headers = Object.keys(spec.headers ?? {}).map((name) => [name, c.req.header(name)]);
      // The casts say what the description says: a query or body is undefined exactly where none is described, an organization is known
      // exactly behind an API key, and the path has the parameters that its text names.
      return await handle(deps, {
        c,
        organization: (spec.caller === "api_key" ? c.get("organization") : null) as Who extends "api_key" ? Organization : null,
        params: c.req.param() as Record<ParamNames<Path>, string>,
        query: (spec.query === undefined ? undefined : readQuery(c, spec.query)) as Query,
        headers: Object.fromEntries(headers) as Record<Header, string | undefined>,
        body: (spec.body === undefined ? undefined : await spec.body.read(c)) as Body,
      });
    },
  });
}

/** A body that is checked before the handler is called. */
export function body<Schema extends z.ZodType>(
  schema: Schema,
  example: Json,
  maxBytes: number = BODY_LIMITS.request,
): BodySpec<z.output<Schema>> {
  return { schema, example, required: true, maxBytes, read: (c) => readBodyAs(c, schema, maxBytes) };
}

/** The same for one that may be left out. */
export function optionalBody<Schema extends z.ZodType>(schema: Schema, example: Json): BodySpec<z.output<Schema>> {
  const maxBytes = BODY_LIMITS.request;
  return { schema, example, required: false, maxBytes, read: (c) => readOptionalBodyAs(c, schema, maxBytes) };
}

/** A body that the service checks, with this schema or by rules which no schema can say: the handler is given the document. */
export function documentBody(
  schema: z.ZodType,
  example: Json,
  maxBytes: number = BODY_LIMITS.request,
): BodySpec<ParsedDocument & { ok: true }> {
  return { schema, example, required: true, maxBytes, read: (c) => readBody(c, maxBytes) };
}

/** An answer in JSON. @param schema as strict as the answer is: `z.strictObject` */
export function json(
  description: string,
  schema: z.ZodType,
  example: Json,
  { headers = {}, type = "application/json" }: { headers?: Readonly<Record<string, HeaderSpec>>; type?: string } = {},
): ResponseSpec {
  return { description, headers, content: { type, schema, example } };
}

/** An answer in text or bytes. @param type its content type, perhaps a range such as `image/*` */
export function content(description: string, type: string, headers: Readonly<Record<string, HeaderSpec>> = {}): ResponseSpec {
  return { description, headers, content: { type, schema: z.string() } };
}

/** An answer without a body. */
export function empty(description: string): ResponseSpec {
  return { description, headers: {}, content: null };
}

/** `Idempotency-Key`, of what makes something. */
export const IDEMPOTENCY_KEY = {
  description: "The same key with the same request makes nothing twice, for 24 hours: the repeat is answered with what the first one made.",
  schema: z.string().regex(/^[\x21-\x7e]{1,255}$/),
};

/** The refusals that follow from what a route reads. */
export function impliedErrors(route: RouteDescription): ErrorCode[] {
  const hasParams = Object.values(route.paths).some((path) => path.includes("{"));
  return [
    ...(route.caller === "anyone" ? [] : (["unauthenticated"] as const)),
    ...(route.caller === "file_link" ? (["forbidden"] as const) : []),
    ...(route.body === undefined ? [] : (["malformed_body", "invalid_input", "unsupported_media_type", "body_too_large"] as const)),
    ...(route.query === undefined ? [] : (["invalid_input"] as const)),
    ...(hasParams ? (["not_found"] as const) : []),
    ...(route.errors ?? []),
  ];
}

/** Mounts the routes. Where two could take a path, the one with more fixed words goes first: `/workflows/runs` is no workflow. */
export function mountRoutes<Deps>(
  app: Hono<AppEnv>,
  deps: Deps,
  routes: readonly Route<Deps>[],
  guards: Readonly<Record<Exclude<Caller, "anyone">, MiddlewareHandler<AppEnv>>>,
): void {
  const mounted = routes.flatMap((route) => Object.values(route.description.paths).map((path) => ({ path, ...route })));
  for (const { path, description, answer } of mounted.toSorted((a, b) => comparePaths(a.path, b.path))) {
    const { method, caller } = description;
    const guard: MiddlewareHandler<AppEnv> = caller === "anyone" ? (_, next) => next() : guards[caller];
    app.on(method, path.replaceAll(/\{(\w+)\}/g, ":$1"), guard, (c) => answer(deps, c));
  }
}

/** The order in which paths are tried. */
export function comparePaths(a: string, b: string): number {
  const [first, second] = [a, b].map((path) => path.replaceAll(/\{\w+\}/g, "~")) as [string, string]; // after every letter
  return first === second ? 0 : first < second ? -1 : 1;
}

/** @throws ServiceError `invalid_input` with every fault */
function readQuery<Query>(c: Context<AppEnv>, schema: z.ZodType<Query>): Query {
  const given = Object.entries(c.req.queries()).map(([name, values]) => [name, values.length === 1 ? values[0] : values]);
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  throw invalidInput("The query is not valid", faultsOf(parsed.error, schema));
}
