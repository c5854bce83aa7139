import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { asAdmin, createTenant, definition, send, type Tenant } from "./api.ts";

/** What bad input gets: the right status, a problem document with every fault's path, and nothing half-written. */
interface Row {
  readonly name: string;
  readonly request: (world: World) => readonly [method: string, path: string, body?: unknown, headers?: Record<string, string>];
  readonly status: number;
  /** Path and code of every fault, in any order. */
  readonly errors?: readonly (readonly [path: string, code: string])[];
  readonly detail?: RegExp;
  /** Rows that are left behind on purpose. */
  readonly leaves?: Readonly<Record<string, number>>;
}

interface World {
  readonly tenant: Tenant;
  /** A workflow of the tenant with one required parameter, `count`, an integer. */
  readonly own: string;
  /** A workflow of another organization. */
  readonly foreign: string;
}

const POST = "POST";
const WORKFLOWS = "/v1/workflows";
const RUNS = "/v1/run/workflows";
const json = (workflow: unknown) => ({ json_definition: workflow });
const blocks = (...list: object[]) => json(definition("Test", { blocks: list, parameters: [] }));
const set = (label: string, value: unknown = 1) => ({ block_type: "set", label, values: { v: value } });
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
/** A body that is sent piece by piece, without a content-length. */
function streamOf(first: string, times: number, piece: string): ReadableStream {
  const pieces = [first, ...Array.from({ length: times }, () => piece)].map((text) => new TextEncoder().encode(text));
  return new ReadableStream({
    pull(controller) {
      const next = pieces.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(next);
    },
  });
}
const run = ({ own }: World, more: object) => ({ workflow_id: own, ...more });
const AT = "workflow_definition";

const bodies: Row[] = [
  {
    name: "malformed JSON",
    request: () => [POST, WORKFLOWS, '{\n  "json_definition": {,}\n}'],
    status: 400,
    errors: [["", "malformed"]],
    detail: /line 2, column 23: expected a name in double quotes or "}", found ","/,
  },
  { name: "an empty body", request: () => [POST, WORKFLOWS, ""], status: 400, errors: [["", "malformed"]] },
  {
    name: "malformed YAML",
    request: () => [POST, WORKFLOWS, "a: [1\nb: 2", { "content-type": "application/x-yaml" }],
    status: 400,
    errors: [["", "malformed"]],
    detail: /line 2, column 1: /,
  },
  {
    name: "malformed YAML in yaml_definition",
    request: () => [POST, WORKFLOWS, { yaml_definition: "title: a\ntitle: b" }],
    status: 400,
    errors: [["", "malformed"]],
    detail: /line 2, column 1: the key "title" stands there already/,
  },
  { name: "YAML whose aliases multiply", request: () => [POST, WORKFLOWS, { yaml_definition: `a: &a [1]\nb: [${"*a,".repeat(101)}]` }], status: 400, errors: [["", "malformed"]] },
  { name: "a content type that is neither", request: () => [POST, WORKFLOWS, "x", { "content-type": "text/plain" }], status: 415, detail: /"text\/plain"/ },
  { name: "a definition over 1 MB", request: () => [POST, WORKFLOWS, json({ title: "x".repeat(1_048_577) })], status: 413, detail: /1048576 bytes/ },
  { name: "a body that announces more than 1 MB", request: () => [POST, WORKFLOWS, "{}", { "content-length": "1048577" }], status: 413 },
  { name: "a body over 1 MB that does not announce its length", request: () => [POST, WORKFLOWS, streamOf('{"a":"', 17, "x".repeat(65_536))], status: 413 },
  { name: "a run request over 256 KB", request: (world) => [POST, RUNS, run(world, { parameters: { count: "1".repeat(262_144) } })], status: 413 },
  { name: "JSON of more than 64 levels", request: () => [POST, WORKFLOWS, nested(65)], status: 400, errors: [["a.a.a.a", "too_deep"]] },
  { name: "JSON of 100,000 levels", request: () => [POST, WORKFLOWS, nested(100_000)], status: 400, errors: [["a.a.a.a", "too_deep"]] },
  { name: "YAML of 100,000 levels", request: () => [POST, WORKFLOWS, { yaml_definition: "[".repeat(100_000) }], status: 400, errors: [["", "too_deep"]] },
  { name: "more than 10,000 keys", request: () => [POST, WORKFLOWS, json(Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`k${i}`, 1])))], status: 400, errors: [["", "too_large"]] },
  { name: "a key that reaches into objects", request: () => [POST, WORKFLOWS, '{"json_definition":{"__proto__":{"title":"x"}}}'], status: 400, errors: [["json_definition.__proto__", "invalid_value"]] },
  { name: "a body that is no object", request: () => [POST, WORKFLOWS, "[]"], status: 400, errors: [["", "invalid_type"]] },
  { name: "bytes that are not UTF-8", request: () => [POST, WORKFLOWS, new Uint8Array([0x22, 0xff, 0x22])], status: 400, detail: /not UTF-8/ },
]; // prettier-ignore

const definitions: Row[] = [
  {
    name: "no definition",
    request: () => [POST, WORKFLOWS, {}],
    status: 400,
    errors: [["json_definition", "required"]],
  },
  { name: "two definitions", request: () => [POST, WORKFLOWS, { ...json(definition()), yaml_definition: "a" }], status: 400, errors: [["json_definition", "invalid_value"]] },
  {
    name: "an unknown field of the request",
    request: () => [POST, WORKFLOWS, { json_defintion: definition(), yaml_definition: "a" }],
    status: 400,
    errors: [["json_defintion", "unknown_field"]],
    detail: /did you mean "json_definition"\?/,
  },
  { name: "a definition that is text", request: () => [POST, WORKFLOWS, json("title: x")], status: 422, errors: [["", "invalid_type"]] },
  { name: "an empty definition", request: () => [POST, WORKFLOWS, json({})], status: 422, errors: [["title", "required"], [AT, "required"]] },
  { name: "no block", request: () => [POST, WORKFLOWS, blocks()], status: 422, errors: [[`${AT}.blocks`, "invalid_value"]] },
  {
    name: "an unknown block type",
    request: () => [POST, WORKFLOWS, blocks({ block_type: "sett", label: "a" })],
    status: 422,
    errors: [[`${AT}.blocks[0].block_type`, "unknown_block_type"]],
    detail: /did you mean "set"\?/,
  },
  {
    name: "an unknown field of a block",
    request: () => [POST, WORKFLOWS, blocks({ ...set("a"), vlaues: {} })],
    status: 422,
    errors: [[`${AT}.blocks[0].vlaues`, "unknown_field"]],
    detail: /did you mean "values"\?/,
  },
  { name: "an unknown field of a workflow", request: () => [POST, WORKFLOWS, json({ ...definition(), titel: "x" })], status: 422, errors: [["titel", "unknown_field"]], detail: /did you mean "title"\?/ },
  { name: "a label that is used twice", request: () => [POST, WORKFLOWS, blocks(set("a"), set("a"))], status: 422, errors: [[`${AT}.blocks[1].label`, "duplicate"]] },
  {
    name: "a name that is not declared",
    request: () => [POST, WORKFLOWS, blocks(set("first"), set("b", "{{ frist_output.v }}"))],
    status: 422,
    errors: [[`${AT}.blocks[1].values.v`, "undefined_name"]],
    detail: /did you mean 'first_output'\?/,
  },
  { name: "an expression that cannot be read", request: () => [POST, WORKFLOWS, blocks(set("a", "{{ 1 + }}"))], status: 422, errors: [[`${AT}.blocks[0].values.v`, "invalid_expression"]] },
  {
    name: "a parameter of a kind that is not supported",
    request: () => [POST, WORKFLOWS, json(definition("Test", { parameters: [{ parameter_type: "output", key: "first_output" }], blocks: [set("a")] }))],
    status: 422,
    errors: [[`${AT}.parameters[0].parameter_type`, "invalid_value"]],
  },
  {
    name: "many faults at once",
    request: () => [
      POST,
      WORKFLOWS,
      json({
        title: "",
        workflow_definition: {
          parameters: [{ parameter_type: "workflow", key: "n", workflow_parameter_type: "integer", default_value: "x" }],
          blocks: [{ ...set("a"), extra: 1 }, set("a", "{{ nothing }}"), { block_type: "wait", label: "1", wait_sec: "soon" }],
        },
      }),
    ],
    status: 422,
    errors: [
      ["title", "invalid_value"],
      [`${AT}.parameters[0].default_value`, "invalid_type"],
      [`${AT}.blocks[0].extra`, "unknown_field"],
      [`${AT}.blocks[1].label`, "duplicate"],
      [`${AT}.blocks[1].values.v`, "undefined_name"],
      [`${AT}.blocks[2].label`, "invalid_value"],
      [`${AT}.blocks[2].wait_sec`, "invalid_type"],
    ],
  },
  { name: "a bad definition in an update", request: ({ own }) => [POST, `${WORKFLOWS}/${own}`, blocks(set("a"), set("a"))], status: 422, errors: [[`${AT}.blocks[1].label`, "duplicate"]] },
]; // prettier-ignore

const idempotency: Row[] = ["", "x".repeat(256), "two words"].map((key) => ({
  name: `the Idempotency-Key "${key.slice(0, 20)}"`,
  request: () => [POST, WORKFLOWS, json(definition()), { "idempotency-key": key }],
  status: 400,
  errors: [["Idempotency-Key", "invalid_value"]],
}));

const runs: Row[] = [
  { name: "a run without a workflow", request: () => [POST, RUNS, {}], status: 400, errors: [["workflow_id", "required"]] },
  { name: "a run of a workflow that there is not", request: () => [POST, RUNS, { workflow_id: "wpid_nothing" }], status: 404 },
  { name: "a run of another organization's workflow", request: ({ foreign }) => [POST, RUNS, { workflow_id: foreign, parameters: { count: 1 } }], status: 404 },
  { name: "a run of a version that there is not", request: (world) => [POST, RUNS, run(world, { version: 9, parameters: { count: 1 } })], status: 404 },
  { name: "a run of a template that there is not", request: () => [POST, `${RUNS}?template=true`, { workflow_id: "wpid_nothing" }], status: 400, errors: [["workflow_id", "invalid_value"]], detail: /wpid_nothing/ },
  { name: "an unknown field of a run", request: (world) => [POST, RUNS, run(world, { parmeters: {} })], status: 400, errors: [["parmeters", "unknown_field"]], detail: /did you mean "parameters"\?/ },
  { name: "a missing parameter", request: (world) => [POST, RUNS, run(world, {})], status: 400, errors: [["parameters.count", "required"]], leaves: { runs: 1 } },
  {
    name: "a mistyped parameter, an unknown one, and a webhook to a private address",
    request: (world) => [POST, "/v1/run/agents", run(world, { parameters: { count: "5.5", cuont: 1 }, webhook_url: "http://127.1/hook" })],
    status: 400,
    errors: [["parameters.count", "invalid_type"], ["parameters.cuont", "unknown_field"], ["webhook_url", "forbidden_address"]],
    leaves: { runs: 1 },
  },
  ...["GET /v1/runs/wr_1", "GET /v1/runs/wr_1/timeline", "POST /v1/runs/wr_1/cancel", "GET /v1/runs/nonsense"].map((route): Row => ({
    name: `${route}, a run that there is not`,
    request: () => route.split(" ") as [string, string],
    status: 404,
  })),
]; // prettier-ignore

const callers: Row[] = [
  { name: "no key", request: () => ["GET", WORKFLOWS, undefined, { "x-api-key": "" }], status: 401, detail: /key is missing/ },
  { name: "a wrong key", request: ({ tenant }) => ["GET", WORKFLOWS, undefined, { "x-api-key": `${tenant.key}x` }], status: 401, detail: /key is not valid/ },
  { name: "a key's public part alone", request: ({ tenant }) => ["GET", WORKFLOWS, undefined, { "x-api-key": tenant.key.slice(0, 30) }], status: 401 },
  { name: "an enormous key", request: () => ["GET", WORKFLOWS, undefined, { "x-api-key": "k".repeat(10_000) }], status: 401 },
  { name: "another organization's workflow", request: ({ foreign }) => [POST, `${WORKFLOWS}/${foreign}`, json(definition())], status: 404 },
  { name: "an id of another kind", request: () => ["GET", `${WORKFLOWS}/wr_1`], status: 404 },
  { name: "an unknown route", request: () => ["GET", "/v1/workflow"], status: 404, detail: /There is no GET \/v1\/workflow\./ },
  { name: "a method that the route does not take", request: ({ own }) => ["PATCH", `${WORKFLOWS}/${own}`], status: 405, detail: /does not take PATCH; it takes GET, HEAD, POST, DELETE/ },
  { name: "a page that is no number, and a parameter that is unknown", request: () => ["GET", `${WORKFLOWS}?page=x&page_size=101&serch_key=a`], status: 400, errors: [["page", "invalid_type"], ["page_size", "invalid_value"], ["serch_key", "unknown_field"]], detail: /did you mean "search_key"\?/ },
  { name: "a version below 1", request: ({ own }) => ["GET", `${WORKFLOWS}/${own}?version=0`], status: 400, errors: [["version", "invalid_value"]] },
]; // prettier-ignore

const TABLES = ["organizations", "api_keys", "workflows", "workflow_versions", "runs", "idempotency_keys", "webhook_deliveries"];

async function countRows(): Promise<Record<string, number>> {
  const counts = await env.DB.batch<{ n: number }>(TABLES.map((table) => env.DB.prepare(`select count(*) as n from ${table}`)));
  return Object.fromEntries(counts.map(({ results }, index) => [TABLES[index], results[0]!.n]));
}

let world: World;
beforeAll(async () => {
  const [tenant, other] = [await createTenant(), await createTenant()];
  const create = async (owner: Tenant) => (await owner.call(POST, WORKFLOWS, json(definition()))).body.workflow_permanent_id as string;
  world = { tenant, own: await create(tenant), foreign: await create(other) };
});

describe("bad input", () => {
  it.each([...bodies, ...definitions, ...idempotency, ...runs, ...callers])(
    "is refused: $name",
    async ({ request, status, errors = [], detail = /./, leaves = {} }) => {
      const before = await countRows();
      const answer = await world.tenant.call(...request(world));
      expect(answer.body).toMatchObject({
        status,
        type: expect.stringMatching(/^urn:pilotfish:problem:/),
        title: expect.any(String),
        request_id: expect.stringMatching(/^req_/),
      });
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      const found = answer.body.errors.map(({ path, code }: { path: string; code: string }) => `${path} ${code}`);
      expect(found.toSorted()).toEqual(errors.map((fault) => fault.join(" ")).toSorted());
      expect(answer.body.detail).toMatch(detail);
      const after = await countRows();
      for (const table of TABLES) expect([table, after[table]]).toEqual([table, before[table]! + (leaves[table] ?? 0)]);
    },
  );

  it.each([
    ["no name", "/organizations", {}, [["name", "required"]]],
    ["an id of another form, and an unknown field", "/organizations", { name: "x", organization_id: "acme", allowed_host: [] }, [["allowed_host", "unknown_field"], ["organization_id", "invalid_value"]]],
    ["a limit below 1", "/organizations", { name: "x", max_concurrent_runs: 0 }, [["max_concurrent_runs", "invalid_value"]]],
    ["a key with a space in it", "/organizations/o_1/api-keys", { name: "x", key: "a b" }, [["key", "invalid_value"]]],
  ])("is refused by the admin routes: %s", async (_, path, body, errors) => {
    const before = await countRows();
    const answer = await asAdmin(POST, path, body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map(({ path: at, code }: { path: string; code: string }) => [at, code]).toSorted()).toEqual(errors);
    expect(await countRows()).toEqual(before);
  }); // prettier-ignore

  it("tells a wrong method which ones there are", async () => {
    const answer = await send("DELETE", "/healthz");
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect((await asAdmin("GET", "/organizations")).status).toBe(405);
    expect((await asAdmin("GET", "/organisations")).status).toBe(404);
  });
});
