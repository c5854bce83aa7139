import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { expect, it } from "vitest";
import { ServiceError } from "../domain/error.ts";
import type { AppEnv } from "./auth.ts";
import { toProblem } from "./problem.ts";

/** What a handler that throws this is answered with, and what was logged. */
async function answerTo(thrown: unknown) {
  const logged: unknown[] = [];
  const app = new Hono<AppEnv>();
  app.onError((error, c) => toProblem(error, c, { info: () => {}, error: (...line) => void logged.push(line) }));
  app.use(async (c, next) => {
    c.set("requestId", "req_1");
    await next();
  });
  app.get("/x", () => {
    throw thrown;
  });
  const response = await app.request("/x?secret=1");
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    retryAfter: response.headers.get("retry-after"),
    body: await response.json(),
    logged,
  };
}

it("tells a refusal with its faults and extra members", async () => {
  const faults = [{ path: "a.b", message: "is wrong", code: "invalid_value" as const }];
  const answer = await answerTo(
    new ServiceError("invalid_parameters", "The run was not started: a.b: is wrong", { faults, extra: { run_id: "wr_1" } }),
  );
  expect(answer).toEqual({
    status: 400,
    type: "application/problem+json",
    retryAfter: null,
    logged: [],
    body: {
      type: "urn:pilotfish:problem:invalid_parameters",
      title: "The run's input is not valid",
      status: 400,
      detail: "The run was not started: a.b: is wrong",
      errors: faults,
      run_id: "wr_1",
      request_id: "req_1",
    },
  });
});

it("tells when to try again, in the document and in the header", async () => {
  const answer = await answerTo(new ServiceError("limit_exceeded", "There are 100 runs at work.", { extra: { retry_after: 7 } }));
  expect(answer).toMatchObject({ status: 429, retryAfter: "7", body: { status: 429, retry_after: 7 } });
});

it("tells nothing of a bug but the request's id, and logs it whole", async () => {
  const bug = new Error("no such column: customers.password");
  const answer = await answerTo(bug);
  expect(answer).toMatchObject({ status: 500, type: "application/problem+json", body: { request_id: "req_1", status: 500, errors: [] } });
  expect(JSON.stringify(answer.body)).not.toContain("password");
  expect(answer.logged).toEqual([["request failed", bug, { request_id: "req_1", method: "GET", path: "/x" }]]);
});

it.each([
  [404, "urn:pilotfish:problem:not_found"],
  [418, "urn:pilotfish:problem:invalid_input"],
] as const)("makes a problem of Hono's own refusal with %i", async (status, type) => {
  const answer = await answerTo(new HTTPException(status, { message: "said Hono" }));
  expect(answer).toMatchObject({ logged: [], body: { type, detail: "said Hono" } });
});
