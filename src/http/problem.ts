import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import { ServiceError, type ErrorCode } from "../domain/error.ts";
import type { JsonObject } from "../domain/json.ts";
import { faultSchema } from "../domain/workflow/workflow-view-schema.ts";
import type { Log } from "../ports/log.ts";
import type { AppEnv } from "./auth.ts";

/**
 * The one place where a refusal gets its HTTP status (Skyvern's where it has the case), and where it is said when that happens and what to do.
 * `docs/errors.md` and the OpenAPI document are made of it.
 */
export const PROBLEMS = {
  malformed_body: {
    status: 400,
    title: "The request body cannot be read",
    when: "The body is no JSON, or no YAML where `content-type` says so, or too deep, or no UTF-8.",
    remedy: "Mend it where `errors` says: line and column are told.",
  },
  invalid_input: {
    status: 400,
    title: "The request is not valid",
    when: "A field of the body, a query parameter or a header is missing, unknown, or has a value that it may not have.",
    remedy: "Mend what `errors` lists: it is all of it, each with its path.",
  },
  invalid_definition: {
    status: 422,
    title: "The workflow definition is not valid",
    when: "A workflow is saved, published or restored and its definition has faults. Nothing is stored.",
    remedy: "Mend what `errors` lists. `POST /v1/workflows/validate` tells the same without saving.",
  },
  invalid_parameters: {
    status: 400,
    title: "The run's input is not valid",
    when: "A run is started with parameters that the workflow does not declare, or with values that do not fit, or its webhook may not be reached.",
    remedy: "Mend what `errors` lists. The try is in the history as the run `run_id`, with the status `invalid`.",
  },
  unknown_template: {
    status: 400,
    title: "There is no such template",
    when: "A template is asked for (`template=true`, `/v1/templates`) that is not published.",
    remedy: "`GET /v1/templates` lists those there are.",
  },
  unauthenticated: {
    status: 401,
    title: "The caller is not known",
    when: "The API key, or the admin token, is missing, wrong or revoked.",
    remedy: "Send it in the header `x-api-key`, or as `Authorization: Bearer …`. (Skyvern says 403.)",
  },
  forbidden: {
    status: 403,
    title: "Not allowed",
    when: "The link of a file is not valid: it is over, or was changed.",
    remedy: "Ask for a new link, or send an API key.",
  },
  not_found: {
    status: 404,
    title: "Not found",
    when: "There is no such thing in the caller's organization, or no such path.",
    remedy: "Check the id, and the organization that the key belongs to: another organization's ids are not found.",
  },
  method_not_allowed: {
    status: 405,
    title: "The method is not allowed",
    when: "The path exists and does not take the method.",
    remedy: "The header `Allow` lists the methods that it takes.",
  },
  conflict: {
    status: 409,
    title: "Conflict",
    when: "The thing is not in a state for it: a finished run is canceled, a decision was made already, an id is taken.",
    remedy: "Read it again: `detail` says what its state is.",
  },
  idempotency_mismatch: {
    status: 422,
    title: "The Idempotency-Key was used for another request",
    when: "A key of the last 24 hours comes with another body. `resource_id` is what the first request made.",
    remedy: "Send the same body again, or another key.",
  },
  unsupported_media_type: {
    status: 415,
    title: "The content type is not supported",
    when: "The body is neither JSON nor YAML by its `content-type`.",
    remedy: "Send `application/json` or `application/x-yaml`.",
  },
  body_too_large: {
    status: 413,
    title: "The request body is too large",
    when: "The body has more bytes than the route takes.",
    remedy: "Send less; the document says how much each route takes.",
  },
  range_not_satisfiable: {
    status: 416,
    title: "Nothing of the file is in the range",
    when: "The header `Range` asks for bytes that the file does not have.",
    remedy: "The header `Content-Range` says how many it has.",
  },
  limit_exceeded: {
    status: 429,
    title: "A limit is exceeded",
    when: "The organization has as many runs at work as it may, and the request said `on_limit: reject`.",
    remedy: "Try again after `retry_after` seconds, or let the run wait: `on_limit: queue`.",
  },
  internal: {
    status: 500,
    title: "Internal error",
    when: "A fault of the service. It is logged whole and told as nothing.",
    remedy: "Try again; if it stays, report it with its `request_id`.",
  },
} as const satisfies Record<ErrorCode | "internal", { status: ContentfulStatusCode; title: string; when: string; remedy: string }>;

/** The `type` of a problem: a name, not an address. */
export function problemType(code: ErrorCode | "internal"): string {
  return `urn:pilotfish:problem:${code}`;
}

/** What `toProblem` answers. */
export const problemSchema = z
  .strictObject({
    type: z.string().describe("`urn:pilotfish:problem:` and the code."),
    title: z.string().describe("The code in words."),
    status: z.int().describe("The HTTP status."),
    detail: z.string().describe("What is wrong, in one sentence, with the first faults."),
    errors: z.array(faultSchema).describe("Every fault that was found; empty where there is only one thing to say."),
    request_id: z.string().describe("Names the request, `req_…`."),
    run_id: z.string().optional().describe("Of a start that was refused: the run that it left in the history."),
    resource_id: z.string().optional().describe("What the `Idempotency-Key` has made."),
    retry_after: z.int().optional().describe("Seconds to wait; the header `Retry-After` too."),
  })
  .meta({ id: "Problem" });

export function problemExample(code: ErrorCode | "internal"): JsonObject {
  const { status, title } = PROBLEMS[code];
  const request_id = "req_01JDAA0000000000000000000G";
  return { type: problemType(code), title, status, detail: `${title}.`, errors: [], request_id };
}

/**
 * Any error as a problem document (RFC 9457): `type`, `title`, `status`, `detail` (one sentence with the faults, which is all that Skyvern's
 * clients read), `errors[] { path, message, code }`, `request_id`. An extra member `retry_after` (whole seconds) is the header too. What is no `ServiceError` is a bug: logged whole, told as nothing.
 */
export function toProblem(error: unknown, c: Context<AppEnv>, log: Log): Response {
  const requestId = c.get("requestId");
  if (error instanceof ServiceError) {
    const { status, title } = PROBLEMS[error.code];
    if (error.extra.retry_after !== undefined) c.header("retry-after", String(error.extra.retry_after));
    return problemResponse(c, status, {
      type: problemType(error.code),
      title,
      status,
      detail: error.message,
      errors: error.faults,
      ...error.extra,
      request_id: requestId,
    });
  }
  if (error instanceof HTTPException && error.status < 500) return toProblem(fromHono(error), c, log);
  log.error("request failed", error, { request_id: requestId, method: c.req.method, path: c.req.path });
  return problemResponse(c, 500, {
    type: problemType("internal"),
    title: PROBLEMS.internal.title,
    status: PROBLEMS.internal.status,
    detail: `Something went wrong on our side. Name the request ${requestId} when you report it.`,
    errors: [],
    request_id: requestId,
  });
}

/** Hono's own refusals of a request, e.g. of a query that cannot be decoded. */
function fromHono(error: HTTPException): ServiceError {
  const code =
    (Object.keys(PROBLEMS) as (keyof typeof PROBLEMS)[])
      .filter((known) => known !== "internal")
      .find((known) => PROBLEMS[known].status === error.status) ?? "invalid_input";
  return new ServiceError(code, error.message || PROBLEMS[code].title, { cause: error });
}

function problemResponse(c: Context<AppEnv>, status: ContentfulStatusCode, body: object): Response {
  return c.body(JSON.stringify(body), status, { "content-type": "application/problem+json" });
}
