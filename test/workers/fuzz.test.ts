import { env } from "cloudflare:workers";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { z } from "zod";
import { createBrowserSessions } from "../../src/adapters/d1/browser-sessions.ts";
import { openDatabase } from "../../src/adapters/d1/database.ts";
import { MAX_OPEN_SESSIONS } from "../../src/domain/browser/browser-session.ts";
import type { OrganizationId } from "../../src/domain/id.ts";
import { routes } from "../../src/http/routes.ts";
import { AT_ONCE_MS } from "../patience.ts";
import { createTenant, type Tenant } from "./api.ts";
import { populate, type Things } from "./populate.ts";

/** So many requests; `FUZZ_SEED` repeats those of a run that has failed. */
const CASES = 5_000;
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_122);
/** The longest that an answer may take. */
const MAX_ANSWER_MS = AT_ONCE_MS;
/** Stands in everything that belongs to the other organization, and in nothing that is sent. */
const MARKER = "b7e3-of-another-organization";

interface Case {
  readonly operation: number;
  /** Values for the parameters of the path, in their order. */
  readonly params: readonly Param[];
  readonly query: readonly (readonly [name: number | string, value: string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: BodyCase;
}
type Param = "own" | "foreign" | { readonly text: string };
type BodyCase =
  | { readonly kind: "example" | "none" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "mutated"; readonly mutations: readonly Mutation[] };
interface Mutation {
  /** Which of the places in the example. */
  readonly place: number;
  readonly how: "replace" | "remove" | "add";
  readonly name: string;
  readonly value: unknown;
}

const operations = routes.flatMap(({ description }) =>
  Object.values(description.paths).map((path) => ({ ...description, path, queryNames: namesOf(description.query) })),
);

function namesOf(schema: z.ZodType | undefined): string[] {
  return schema !== undefined && "shape" in schema ? Object.keys(schema.shape as object) : [];
}

// -------------------------------------------------------------------------------------------------------- requests

const nasty = fc.constantFrom(
  "",
  " ",
  "\0",
  "%00",
  "%ff",
  "../..",
  "__proto__",
  "constructor",
  "'; drop table runs; --",
  "null",
  "-1",
  "0",
  "1e309",
  "99999999999999999999",
  "true",
  "{{ 1 / 0 }}",
  "{{ x.__class__ }}",
  "{% for i in range(10000) %}{% for j in range(10000) %}x{% endfor %}{% endfor %}",
  "\ud800",
  "wpid_01JD0000000000000000000000",
  "wr_zzz",
  "http://169.254.169.254/latest",
  "a".repeat(5_000),
);
const texts = fc.oneof({ weight: 2, arbitrary: nasty }, fc.string({ unit: "binary", maxLength: 40 }));
const values = fc.oneof(
  texts,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    null,
    -0,
    1e308,
    1.5,
    [],
    {},
    [[]],
    { __proto__: null },
    Array.from({ length: 2_000 }, () => 1),
    nested(80),
  ),
);
const cases: fc.Arbitrary<Case> = fc.record({
  operation: fc.nat(operations.length - 1),
  params: fc.array(fc.oneof<fc.Arbitrary<Param>[]>(fc.constantFrom("own", "own", "foreign"), fc.record({ text: texts })), {
    minLength: 3,
    maxLength: 3,
  }),
  query: fc.array(fc.tuple(fc.oneof(fc.nat(12), texts), texts), { maxLength: 3 }),
  headers: fc.dictionary(
    fc.constantFrom(
      "content-type",
      "idempotency-key",
      "x-max-steps-override",
      "x-user-agent",
      "accept",
      "range",
      "if-none-match",
      "x-api-key",
    ),
    fc.oneof(
      fc.constantFrom("application/json", "application/x-yaml", "text/plain", "multipart/form-data; boundary=x", "bytes=9-1"),
      texts,
    ),
    { maxKeys: 2 },
  ),
  body: fc.oneof(
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("example" as const, "none" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("text" as const), text: fc.oneof(texts, fc.json()) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("json" as const), value: values }) },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("mutated" as const),
        mutations: fc.array(
          fc.record({
            place: fc.nat(200),
            how: fc.constantFrom("replace" as const, "remove" as const, "add" as const),
            name: texts,
            value: values,
          }),
          { minLength: 1, maxLength: 3 },
        ),
      }),
    },
  ),
});

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** A copy of the example in which some places are something else. */
function mutate(example: unknown, mutations: readonly Mutation[]): unknown {
  const root = { value: structuredClone(example) };
  for (const { place, how, name, value } of mutations) {
    const places: [holder: Record<string, unknown> | unknown[], key: string][] = [];
    const visit = (holder: Record<string, unknown> | unknown[]): void => {
      for (const [key, inner] of Object.entries(holder)) {
        places.push([holder, key]);
        if (typeof inner === "object" && inner !== null) visit(inner as Record<string, unknown>);
      }
    };
    visit(root);
    if (places.length === 0) break; // everything was removed
    const [holder, key] = places[place % places.length]!;
    const target = (holder as Record<string, unknown>)[key];
    if (how === "replace") (holder as Record<string, unknown>)[key] = structuredClone(value);
    else if (how === "add" && typeof target === "object" && target !== null) Reflect.set(target, name, structuredClone(value));
    else if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
  }
  return root.value;
}

function toRequest({ operation: index, params, query, headers, body }: Case): Request | null {
  const operation = operations[index]!;
  let at = 0;
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const param = params[at++]!;
    const value = typeof param === "object" ? param.text : ((param === "own" ? own : foreign)[name] ?? "1");
    return value.startsWith("%") ? value : encodeURIComponent(value.toWellFormed());
  });
  const search = query.map(([name, value]) =>
    [typeof name === "number" ? (operation.queryNames[name] ?? "page") : name, value]
      .map((text) => encodeURIComponent(text.toWellFormed()))
      .join("="),
  );
  const content = bodyOf(body, operation.body?.example);
  try {
    return new Request(`https://pilotfish.test${path}?${search.join("&")}`, {
      method: operation.method.toUpperCase(),
      headers: {
        "content-type": "application/json",
        "x-api-key": operation.caller === "admin" ? env.PILOTFISH_ADMIN_TOKEN : caller.key,
        ...headers,
      },
      ...(content === undefined || operation.method === "get" ? {} : { body: content }),
    });
  } catch {
    return null; // no client could send it
  }
}

function bodyOf(body: BodyCase, example: unknown): string | undefined {
  switch (body.kind) {
    case "none":
      return undefined;
    case "text":
      return body.text;
    case "json":
      return JSON.stringify(body.value);
    case "example":
      return example === undefined ? undefined : JSON.stringify(example);
    case "mutated":
      return JSON.stringify(mutate(example ?? {}, body.mutations)) ?? "";
  }
}

// -------------------------------------------------------------------------------------------------------- the store

/** Grow by themselves while runs go on, and keep what was tried: the history of runs, and its deliveries. */
const MOVING = /^(runs|run_|webhook_deliveries|d1_|sqlite_|_cf)/;

let fingerprint: D1PreparedStatement[];

async function prepareFingerprint(): Promise<D1PreparedStatement[]> {
  const { results } = await env.DB.prepare("select name from sqlite_master where type = 'table'").all<{ name: string }>();
  const tables = results.map(({ name }) => name).filter((name) => !MOVING.test(name));
  const columns = await env.DB.batch<{ name: string }>(tables.map((table) => env.DB.prepare(`pragma table_info("${table}")`)));
  return tables.map((table, index) => {
    const parts = columns[index]!.results.map(
      ({ name }) => `coalesce(length("${name}"), 0) * ${name.length} + coalesce(unicode("${name}"), 0)`,
    );
    return env.DB.prepare(`select '${table}' as name, count(*) as n, total(${parts.join(" + ")}) as sum from "${table}"`);
  });
}

async function storeNow(): Promise<string> {
  return JSON.stringify((await env.DB.batch(fingerprint)).map(({ results }) => results));
}

// ------------------------------------------------------------------------------------------------------------ tests

let caller: Tenant;
let own: Things;
let foreign: Things;
beforeAll(async () => {
  caller = await createTenant({ allowed_hosts: ["127.0.0.1"] });
  own = await populate(caller, "own");
  await openAllSessions(caller);
  foreign = await populate(await createTenant({ allowed_hosts: ["127.0.0.1"] }), MARKER);
  fingerprint = await prepareFingerprint();
});

/** As many sessions as there may be, so that no request starts a browser: that takes longer than an answer may. */
async function openAllSessions({ organizationId }: Tenant): Promise<void> {
  const sessions = createBrowserSessions(openDatabase(env.DB));
  const none = { runId: null, warning: null, startedAt: null, completedAt: null };
  for (let number = 0; number < MAX_OPEN_SESSIONS; number++)
    await sessions.upsert({
      browserSessionId: `pbs_${number}`,
      organizationId: organizationId as OrganizationId,
      status: "created",
      timeoutMinutes: 5,
      browserProfileId: null,
      generateProfile: false,
      ...none,
      createdAt: 1,
      modifiedAt: 1,
      revision: 1,
    });
}

describe(`${CASES} requests that no client of ours would send`, () => {
  it("are answered at once and never with a 500, tell nothing of others, and leave nothing behind when they are refused", async () => {
    const counts = new Map<number, number>();
    let before = await storeNow();
    const property = fc.asyncProperty(cases, async (one) => {
      const request = toRequest(one);
      if (request === null) return;
      const again = request.clone();
      const { answer, text, ms } = await ask(request);
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
      const what = `${request.method} ${request.url} answered ${answer.status} ${text.slice(0, 500)}`;
      expect(answer.status, what).toBeLessThan(500);
      expect(text, what).not.toContain(MARKER);
      if (ms > MAX_ANSWER_MS) expect((await ask(again)).ms, `twice too long: ${what}`).toBeLessThan(MAX_ANSWER_MS); // once may be the machine's doing
      const after = await storeNow();
      if (answer.status >= 400) expect(after, `refused, and stored something: ${what}`).toBe(before);
      else if (/delete/i.test(request.method + request.url)) own = await populate(caller, "own", own["browser_session_id"]); // there is to be something to refuse
      before = answer.status < 400 ? await storeNow() : after;
    });
    await fc.assert(property, { numRuns: CASES, seed: SEED, endOnFailure: true });
    const refused = [...counts].reduce((sum, [status, count]) => sum + (status >= 400 ? count : 0), 0);
    expect(refused, `of ${CASES}, the others were taken`).toBeGreaterThan(CASES / 4); // else it has lost its teeth
    expect(refused).toBeLessThan((CASES * 9) / 10);
  }, 600_000);
});

async function ask(request: Request): Promise<{ answer: Response; text: string; ms: number }> {
  const { exports } = await import("cloudflare:workers");
  const began = performance.now();
  const answer = await exports.default.fetch(request);
  return { answer, text: await answer.text(), ms: performance.now() - began };
}
