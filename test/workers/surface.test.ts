import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import document from "../../docs/skyvern.md?raw";
import { composeWorker } from "../../src/compose.ts";
import { createApp } from "../../src/http/app.ts";
import { createTenant, type Tenant } from "./api.ts";

/** Every route of the app, as the router has it: no middleware. */
const routes = createApp(composeWorker(env).deps)
  .routes.filter(({ method, path }) => method !== "ALL" && !path.includes("*"))
  .map(({ method, path }) => ({ method, path, name: `${method} ${path}` }))
  .filter((route, index, all) => all.findIndex(({ name }) => name === route.name) === index);
const names = new Set(routes.map(({ method, path }) => nameOf(method, path)));

/** A route with its parameters' names left out. */
function nameOf(method: string, path: string): string {
  return `${method} ${path.replaceAll(/:\w+|\{\w+\}/g, "{}").replace(/(.)\/$/, "$1")}`;
}

let tenant: Tenant;
beforeAll(async () => {
  tenant = await createTenant();
});

/** What a route answers to a caller who asks for things that do not exist, without what differs from request to request. */
async function answerOf(method: string, path: string) {
  const asked = path.replaceAll(/:(\w+)/g, "wr_none");
  const request = new Request(`https://pilotfish.test${asked}`, { method, headers: { "x-api-key": tenant.key } });
  const response = await exports.default.fetch(request);
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  const body = type.includes("json") && text !== "" ? (JSON.parse(text) as Record<string, unknown>) : null;
  return { status: response.status, type, body, detail: body?.detail };
}

describe.each(routes)("$name", ({ method, path }) => {
  it("answers with a slash at the end as without one, and refuses in a sentence", async () => {
    const plain = await answerOf(method, path);
    const slashed = await answerOf(method, path.endsWith("/") ? path : `${path}/`);
    expect(slashed.status).toBe(plain.status);
    expect(slashed.detail).toEqual(plain.detail);
    expect(plain.status).toBeLessThan(500);
    if (plain.status < 400) return;
    expect(plain.type).toBe("application/problem+json");
    expect(plain.detail).toEqual(expect.stringMatching(/\S/));
    expect(String(plain.detail)).not.toMatch(/^There is no (GET|POST|PUT|DELETE|PATCH) /);
  });

  it("is there for agents as for workflows", async () => {
    if (!path.startsWith("/v1/") || path.startsWith("/v1/templates/") || !/\/(workflows|agents)(?=\/|$)/.test(path)) return;
    const twin = path.replace(/\/(workflows|agents)(?=\/|$)/, (_, word) => (word === "agents" ? "/workflows" : "/agents"));
    expect([...names]).toContain(nameOf(method, twin));
    const [one, other] = [await answerOf(method, path), await answerOf(method, twin)];
    expect([other.status, other.detail]).toEqual([one.status, one.detail]);
  });
});

describe("docs/skyvern.md", () => {
  /** Rows of the tables of routes: `| POST /v1/agents | yes | … |`. */
  const rows = [...document.matchAll(/^\| `([A-Z, ]+) (\/[^`]*)` +\| (\w+) +\|/gm)].flatMap(([, methods = "", path = "", verdict = ""]) =>
    methods.split(", ").map((method) => ({ method, path, verdict, name: nameOf(method, path) })),
  );

  it("names routes", () => expect(rows.length).toBeGreaterThan(40));

  it.each(rows.filter(({ verdict }) => verdict !== "no"))("says that $name exists, and it does", ({ method, path }) => {
    for (const word of ["agents", "workflows"])
      expect([...names]).toContain(nameOf(method, path.replace(/^(\/v1(?:\/run)?)\/agents(?=\/|$)/, `$1/${word}`)));
  });
});
