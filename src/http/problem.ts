import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import { ServiceError, type ErrorCode } from "../domain/error.ts";
import type { JsonObject } from "../domain/json.ts";
import { faultSchema } from "../domain/workflow-view-schema.ts";
import type { Log } from "../ports.ts";
import type { AppEnv } from "./auth.ts";

/** The one place where a refusal gets its HTTP status. Statuses are Skyvern's where it has the case. */
export const PROBLEMS = {
  malformed_body: { status: 400, title: "The request body cannot be read" },
  invalid_definition: { status: 422, title: "The workflow definition is not valid" },
  invalid_input: { status: 400, title: "The request is not valid" },
  invalid_parameters: { status: 400, title: "The run's input is not valid" },
  unknown_template: { status: 400, title: "There is no such template" },
  unauthenticated: { status: 401, title: "The caller is not known" },
  forbidden: { status: 403, title: "Not allowed" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "The method is not allowed" },
  conflict: { status: 409, title: "Conflict" },
  idempotency_mismatch: { status: 422, title: "The Idempotency-Key was used for another request" },
  unsupported_media_type: { status: 415, title: "The content type is not supported" },
  body_too_large: { status: 413, title: "The request body is too large" },
  range_not_satisfiable: { status: 416, title: "Nothing of the file is in the range" },
  limit_exceeded: { status: 429, title: "A limit is exceeded" },
  internal: { status: 500, title: "Internal error" },
} as const satisfies Record<ErrorCode | "internal", { status: ContentfulStatusCode; title: string }>;

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
    ...PROBLEMS.internal,
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
