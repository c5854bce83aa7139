import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { composeWorker } from "../../src/compose.ts";
import { createApp } from "../../src/http/app.ts";
import { definition, createTenant, send } from "./api.ts";
import { document, faultsIn, findOperation, nameOf, operations, requireDescribed, responsesOf } from "./conformance.ts";

describe("the OpenAPI document", () => {
  it("is served to anyone, and is the one that the routes make", async () => {
    const { status, body } = await send("GET", "/openapi.json");
    expect(status).toBe(200);
    expect(body.openapi).toBe("3.1.1");
    expect(Object.keys(body.paths)).toEqual(Object.keys(document.paths));
  });

  it("has every route that the app has, and no other", () => {
    const app = createApp(composeWorker(env).deps);
    const mounted = app.routes
      .filter(({ method }) => method !== "ALL") // middleware
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    expect([...new Set(mounted)].toSorted()).toEqual(operations.map(({ method, path }) => `${method} ${path}`).toSorted());
  });

  it("gives every operation an id of its own", () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("describes every field", () => {
    const undescribed: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      for (const [key, child] of Object.entries(value)) {
        if (key === "properties" && typeof child === "object" && child !== null) {
          for (const [name, field] of Object.entries(child as Record<string, Record<string, unknown>>)) {
            const says = field.description !== undefined || field.$ref !== undefined || field.const !== undefined;
            if (!says) undescribed.push(`${path}.${name}`);
            visit(field, `${path}.${name}`);
          }
        }
        if (!["example", "examples", "properties"].includes(key)) visit(child, `${path}.${key}`);
      }
    };
    visit(document.components.schemas, "");
    visit(document.paths, "");
    for (const { operationId, parameters } of operations) {
      for (const { name, description } of parameters.filter((parameter) => parameter.in !== "path")) {
        if (description === undefined) undescribed.push(`${operationId} ${name}`);
      }
    }
    expect(undescribed).toEqual([]);
  });

  it.each(operations.map((operation) => [operation.operationId, operation] as const))("has valid examples of %s", (_, operation) => {
    const media = [operation.requestBody, ...Object.values(responsesOf(operation))].flatMap((part) => Object.values(part?.content ?? {}));
    for (const { schema, example, examples = {} } of media) {
      if (example !== undefined) expect(faultsIn(example, schema)).toEqual([]);
      for (const reference of Object.values(examples)) {
        expect(faultsIn(document.components.examples[nameOf(reference)]?.value, schema)).toEqual([]);
      }
    }
  });
});

describe("what holds answers to the document", () => {
  const headers = new Headers({ "content-type": "application/json" });
  const health = { status: "ok" };

  it("finds the operation of a path with an id, with a slash at the end or not", () => {
    expect(findOperation("GET", "/v1/workflows/wpid_1?version=2")?.operationId).toBe("readWorkflow");
    expect(findOperation("GET", "/v1/workflows/runs/")?.operationId).toBe("listWorkflowRuns");
    expect(findOperation("GET", "/v1/nothing")).toBeUndefined();
  });

  it.each([
    ["an undeclared status", { status: 201, headers, body: health }, /declares 200/],
    ["an undeclared field", { status: 200, headers, body: { ...health, more: 1 } }, /more/],
    ["a missing field", { status: 200, headers, body: {} }, /status/],
    ["another content type", { status: 200, headers: new Headers({ "content-type": "text/plain" }), body: "ok" }, /text\/plain/],
  ])("refuses %s", (_, answer, reason) => {
    expect(() => requireDescribed("GET", "/healthz", answer)).toThrow(reason);
    expect(() => requireDescribed("GET", "/healthz", { status: 200, headers, body: health })).not.toThrow();
  });

  it("refuses a code that the operation does not declare", async () => {
    const tenant = await createTenant();
    const answer = await tenant.call("POST", "/v1/workflows", { json_definition: {} });
    const headersOfProblem = new Headers({ "content-type": "application/problem+json" });
    const other = { ...answer.body, type: "urn:pilotfish:problem:limit_exceeded" };
    expect(() => requireDescribed("POST", "/v1/workflows", { status: 422, headers: headersOfProblem, body: other })).toThrow(/type/);
    expect((await tenant.call("POST", "/v1/workflows", { json_definition: definition() })).status).toBe(200);
  });
});
