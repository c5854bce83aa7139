import { beforeAll, describe, expect, it } from "vitest";
import { routes } from "../../src/http/routes.ts";
import { createTenant, type Tenant } from "./api.ts";
import { populate, type Things } from "./populate.ts";

/** Parameters of paths that name nothing of an organization's own: numbers of versions, labels, templates, which all organizations share. */
const NOT_OWNED: Readonly<Record<string, string>> = { before: "1", after: "1", version: "1" };

/** What a route wants in its query before it looks for anything. */
const QUERIES: Readonly<Record<string, string>> = { markTemplate: "?is_template=true", markAgentTemplate: "?is_template=true" };

/** Every path that names something of an organization, under each of its names. */
const paths = routes.flatMap(({ description }) =>
  description.caller !== "api_key"
    ? []
    : Object.entries(description.paths).flatMap(([operationId, path]) =>
        path.includes("{") && !path.startsWith("/v1/templates")
          ? [{ name: `${description.method.toUpperCase()} ${path}`, path: path + (QUERIES[operationId] ?? ""), description }]
          : [],
      ),
);

let caller: Tenant;
let own: Things;
let foreign: Things;
beforeAll(async () => {
  caller = await createTenant({ allowed_hosts: ["127.0.0.1"] });
  own = await populate(caller, "own");
  foreign = await populate(await createTenant({ allowed_hosts: ["127.0.0.1"] }), "foreign");
});

const namesIn = (path: string) => [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);

function fill(path: string, of: (name: string) => Things): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = NOT_OWNED[name] ?? of(name)[name];
    if (value === undefined) throw new Error(`populate() makes no ${name}`);
    return value;
  });
}

describe("another organization's id", () => {
  it.each(paths)("is not found: $name", async ({ path, description }) => {
    for (const stranger of namesIn(path).filter((name) => NOT_OWNED[name] === undefined)) {
      const address = fill(path, (name) => (name === stranger ? foreign : own));
      const answer = await caller.call(description.method.toUpperCase(), address, description.body?.example);
      expect([answer.status, answer.body?.type], address).toEqual([404, expect.stringMatching(/not_found$/)]);
      expect(JSON.stringify(answer.body), address).not.toContain('"foreign"');
    }
  });

  it("is not found in bodies either", async () => {
    const start = await caller.call("POST", "/v1/run/workflows", { workflow_id: foreign.workflow_id });
    expect(start.status).toBe(404);
    const canceled = await caller.call("POST", "/v1/runs/cancel", { run_ids: [foreign.run_id] });
    expect(canceled.body).toEqual({ cancelled: [], failed: [foreign.run_id] });
  });
});
