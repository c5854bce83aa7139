import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { eventually } from "../eventually.ts";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { asAdmin, type Answer, createTenant, type Tenant } from "./api.ts";
import type { Answer as ReceiverAnswer } from "./receiver.ts";
import { openBox } from "./receiver-client.ts";

const PASSWORD = 'c0rrect h"rse+battery/stäple';
const TOTP_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/** Codes so long that they are found nowhere by chance. */
const TOTP_ADDRESS = `otpauth://totp/Shop?secret=${TOTP_SECRET}&digits=10`;
const CARD_NUMBER = "4242424242424242";
const TOKEN = "tok-5f1c9e77aa";

const password = (more: object = {}) => ({
  name: "Shop",
  credential_type: "password",
  credential: { username: "ann@example.com", password: PASSWORD, ...more },
});
const card = {
  name: "Card",
  credential_type: "credit_card",
  credential: { card_number: CARD_NUMBER, card_cvv: "737", card_exp_month: "04", card_exp_year: "2031", card_holder_name: "Ann Lee" },
};
const token = { name: "Token", credential_type: "secret", credential: { secret_value: TOKEN } };

const json = (value: unknown, more: object = {}): ReceiverAnswer => ({
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
  ...more,
});
const input = (key: string) => ({ parameter_type: "workflow", key, workflow_parameter_type: "credential_id" });

async function createCaller(): Promise<Tenant> {
  return await createTenant({ allowed_hosts: ["127.0.0.1"] });
}

async function store(tenant: Tenant, body: object): Promise<string> {
  const answer = await tenant.call("POST", "/v1/credentials", body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body.credential_id;
}

async function save(tenant: Tenant, parameters: object[], blocks: object[], more: object = {}): Promise<string> {
  const json_definition = { title: "Uses secrets", workflow_definition: { parameters, blocks }, ...more };
  const answer = await tenant.call("POST", "/v1/workflows", { json_definition });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.workflow_permanent_id;
}

async function start(tenant: Tenant, workflow_id: string, parameters: object, more: object = {}): Promise<string> {
  const answer = await tenant.call("POST", "/v1/run/workflows", { workflow_id, parameters, ...more });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.run_id;
}

async function ended(tenant: Tenant, runId: string): Promise<Answer["body"]> {
  return (await tenant.call("GET", `/v1/runs/${runId}`, undefined, UNTIL_IT_ENDS)).body;
}

function objectOf(tenant: Tenant, runId: string) {
  return env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${tenant.organizationId}:${runId}`));
}

describe("a block's fields", () => {
  it("are given the real values, by parameters of the run and of the workflow, also through a context parameter", async () => {
    const [tenant, box] = [await createCaller(), await openBox(json({ ok: true }))];
    const parameters = [
      input("login"),
      { parameter_type: "context", key: "account", source_parameter_key: "login" },
      { parameter_type: "credential", key: "card", credential_id: await store(tenant, card) },
    ];
    const workflowId = await save(tenant, parameters, [
      {
        block_type: "http_request",
        label: "pay",
        method: "POST",
        url: box.url,
        headers: { "x-user": "{{ login.username }}", "x-password": "{{ account.password | urlencode }}" },
        body: { number: "{{ card.card_number }}", cvv: "{{ card.card_cvv }}", brand: "{{ card.card_brand }}", id: "{{ login }}" },
      },
    ]);
    const login = await store(tenant, password());
    const run = await ended(tenant, await start(tenant, workflowId, { login }));
    expect(run).toMatchObject({ status: "completed", parameters: { login } });
    const [request] = await box.requests();
    expect(request!.headers).toMatchObject({
      "x-user": "ann@example.com",
      "x-password": encodeURIComponent(PASSWORD).replaceAll("%2F", "/"),
    });
    expect(JSON.parse(request!.body)).toEqual({ number: CARD_NUMBER, cvv: "737", brand: "visa", id: login });
    expect(run.output.pay_output.request_body).toEqual({ number: "***", cvv: "***", brand: "visa", id: login });
  });

  it("are given a fresh code of the authenticator", async () => {
    const [tenant, box] = [await createCaller(), await openBox()];
    const login = await store(tenant, password({ totp: TOTP_SECRET }));
    const workflowId = await save(
      tenant,
      [input("login")],
      [{ block_type: "http_request", label: "send", url: `${box.url}?code={{ login.totp }}&same={{ login.totp }}` }],
    );
    const run = await ended(tenant, await start(tenant, workflowId, { login }));
    const shown = await tenant.call("GET", `/v1/credentials/${login}/totp-code`);
    const [request] = await box.requests();
    const { searchParams } = new URL(request!.url, "http://x");
    expect(searchParams.get("code")).toMatch(/^\d{6}$/);
    expect(searchParams.get("same")).toBe(searchParams.get("code"));
    expect(JSON.stringify(run)).not.toContain(searchParams.get("code"));
    expect(shown.body.code).toMatch(/^\d{6}$/);
  });

  it("may name no secret where its value would be kept", async () => {
    const tenant = await createCaller();
    const json_definition = {
      title: "x",
      workflow_definition: {
        parameters: [input("login")],
        blocks: [
          { block_type: "set", label: "a", values: { x: "{{ login.password }}" } },
          { block_type: "wait", label: "b", wait_sec: 1, condition: "{{ login.password == 'x' }}" },
          { block_type: "http_request", label: "c", url: "https://a.example/{{ login.pasword }}" },
          { block_type: "set", label: "d", values: { x: "{{ login }}" } },
        ],
      },
    };
    const { status, body } = await tenant.call("POST", "/v1/workflows", { json_definition });
    expect(status).toBe(422);
    expect(body.errors.map(({ path, code }: { path: string; code: string }) => [path, code])).toEqual([
      ["workflow_definition.blocks[0].values.x", "invalid_expression"],
      ["workflow_definition.blocks[1].condition", "invalid_expression"],
      ["workflow_definition.blocks[2].url", "undefined_name"],
    ]);
  });

  it("fail the block with a clear sentence when the credential was deleted, or has no such field", async () => {
    const [tenant, box] = [await createCaller(), await openBox({ hold: "head" }, {})];
    const workflowId = await save(
      tenant,
      [input("login")],
      [
        { block_type: "http_request", label: "first", url: box.url },
        { block_type: "http_request", label: "second", url: box.url, headers: { "x-p": "{{ login.password }}" } },
      ],
    );
    const login = await store(tenant, password());
    const runId = await start(tenant, workflowId, { login });
    await eventually(async () => expect(await box.requests()).toHaveLength(1));
    await tenant.call("POST", `/v1/credentials/${login}/delete`);
    await box.release();
    expect((await ended(tenant, runId)).failure_reason).toContain(
      `The credential ${login}, which the parameter "login" names, has been deleted.`,
    );
    const other = await ended(tenant, await start(tenant, workflowId, { login: await store(tenant, token) }));
    expect(other.failure_reason).toContain(`'login.password' is undefined: the credential "Token" (secret) has no password.`);
  });
});

describe("the start of a run", () => {
  it("refuses what is no credential of the organization, with the path", async () => {
    const [tenant, other] = [await createCaller(), await createCaller()];
    const theirs = await store(other, token);
    const fixed = { parameter_type: "credential", key: "fixed", credential_id: theirs };
    const workflowId = await save(tenant, [input("login"), input("second"), fixed], [{ block_type: "wait", label: "w", wait_sec: 1 }]);
    for (const login of [theirs, "cred_none", "no id", { a: 1 }]) {
      const { status, body } = await tenant.call("POST", "/v1/run/workflows", { workflow_id: workflowId, parameters: { login } });
      expect(status).toBe(400);
      expect(body.errors.map(({ path }: { path: string }) => path)).toEqual(["parameters.login", "parameters.fixed"]);
    }
  });

  it("refuses a totp_url that may not be reached", async () => {
    const tenant = await createTenant();
    const workflowId = await save(tenant, [input("login")], [{ block_type: "wait", label: "w", wait_sec: 1 }]);
    const more = { totp_url: "http://127.0.0.1:9/code" };
    const { status, body } = await tenant.call("POST", "/v1/run/workflows", { workflow_id: workflowId, ...more });
    expect([status, body.errors[0].path]).toEqual([400, "totp_url"]);
  });
});

describe("a one-time code that has to come from outside", () => {
  const block = (url: string) => ({ block_type: "http_request", label: "send", url: `${url}?code={{ login.totp }}` });

  it("is waited for until it is sent in, and is used once", async () => {
    const [tenant, box] = [await createCaller(), await openBox()];
    const login = await store(tenant, password({ totp_type: "text", totp_identifier: "ann" }));
    const workflowId = await save(tenant, [input("login")], [block(box.url)]);
    const runId = await start(tenant, workflowId, { login });
    await eventually(async () => {
      const [entry] = (await tenant.call("GET", `/v1/runs/${runId}/timeline`)).body;
      expect(entry.block).toMatchObject({ status: "retrying", failure_reason: 'Waiting for a one-time code, sent in for "ann".' });
    });
    await tenant.call("POST", "/v1/credentials/totp", { totp_identifier: "bob", content: "111111" });
    await tenant.call("POST", "/v1/credentials/totp", { totp_identifier: "ann", content: "222222", workflow_run_id: "wr_other" });
    await tenant.call("POST", "/v1/credentials/totp", {
      totp_identifier: "ann",
      content: "Your code is 483920. It expires in 10 minutes.",
    });
    const run = await ended(tenant, runId);
    expect(run.status).toBe("completed");
    const [request, ...more] = await box.requests();
    expect([request!.url.split("?")[1], more]).toEqual(["code=483920", []]);
    expect(JSON.stringify(run)).not.toContain("483920");
    const { body } = await tenant.call("GET", "/v1/credentials/totp?totp_identifier=ann");
    expect(body.map((code: Answer["body"]) => code.used_at === null)).toEqual([false, true]);
  });

  it("can be waited for no longer by canceling the run", async () => {
    const [tenant, box] = [await createCaller(), await openBox()];
    const login = await store(tenant, password());
    const runId = await start(tenant, await save(tenant, [input("login")], [block(box.url)]), { login }, { totp_identifier: "ann" });
    await tenant.call("POST", `/v1/runs/${runId}/cancel`);
    expect((await ended(tenant, runId)).status).toBe("canceled");
    expect(await box.requests()).toEqual([]);
  });

  it("is fetched from totp_url, signed like a webhook, and asked for again until it is there", async () => {
    const tenant = await createCaller();
    const [site, codes] = [await openBox(), await openBox(json({}), json({ verification_code: 615243 }))];
    const login = await store(tenant, password());
    const workflowId = await save(tenant, [input("login")], [block(site.url)], { totp_verification_url: codes.url });
    const runId = await start(tenant, workflowId, { login });
    const run = await ended(tenant, runId);
    expect(run.status).toBe("completed");
    expect((await site.requests())[0]!.url).toContain("code=615243");
    const asked = await codes.requests();
    expect(asked.map(({ body }) => JSON.parse(body))).toEqual(
      Array.from({ length: 2 }, () => ({ task_id: null, workflow_run_id: runId, workflow_permanent_id: workflowId })),
    );
    const { body: organization } = await asAdmin("GET", `/organizations/${tenant.organizationId}`);
    expect(() => new Webhook(organization.webhook_secret).verify(asked[0]!.body, asked[0]!.headers)).not.toThrow();
    expect(JSON.stringify(run)).not.toContain("615243");
  });

  it("fails the block where nothing says where it comes from", async () => {
    const [tenant, box] = [await createCaller(), await openBox()];
    const login = await store(tenant, password());
    const run = await ended(tenant, await start(tenant, await save(tenant, [input("login")], [block(box.url)]), { login }));
    expect(run).toMatchObject({ status: "failed", failure_reason: expect.stringContaining("'login.totp' is undefined") });
  });
});

describe("no byte that is kept or answered", () => {
  const logged: string[] = [];
  beforeEach(() => {
    logged.length = 0;
    for (const method of ["log", "info", "warn", "error"] as const)
      vi.spyOn(console, method).mockImplementation((...args: unknown[]) => void logged.push(args.map(String).join(" ")));
  });
  afterEach(() => void vi.restoreAllMocks());

  /** As it is, and as it travels. */
  function formsOf(secret: string): string[] {
    return [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      new URLSearchParams({ a: secret }).toString().slice(2),
      Buffer.from(secret).toString("base64").replace(/=+$/, "").slice(0, -1),
      Buffer.from(secret).toString("hex"),
    ];
  }

  async function everythingKept(tenant: Tenant, runIds: readonly string[]): Promise<Map<string, string>> {
    const kept = new Map<string, string>();
    const { results: tables } = await env.DB.prepare(
      "select name from sqlite_master where type = 'table' and name not like '\\_%' escape '\\'",
    ).all<{ name: string }>();
    for (const { name } of tables)
      kept.set(`table ${name}`, JSON.stringify((await env.DB.prepare(`select * from "${name}"`).all()).results));
    const { objects } = await env.ARTIFACTS.list({ prefix: `org/${tenant.organizationId}/`, include: ["customMetadata", "httpMetadata"] });
    for (const object of objects) kept.set(object.key, JSON.stringify(object) + (await (await env.ARTIFACTS.get(object.key))!.text()));
    for (const runId of runIds) {
      const dump = await runInDurableObject(objectOf(tenant, runId), (_, { storage: { sql } }) =>
        sql
          .exec<{ name: string }>("select name from sqlite_master where type = 'table' and name not like '\\_%' escape '\\'")
          .toArray()
          .map(({ name }) => JSON.stringify(sql.exec(`select * from "${name}"`).toArray())),
      );
      kept.set(`storage of ${runId}`, dump.join("\n"));
      for (const rest of ["", "/timeline", "/artifacts"])
        kept.set(`${runId}${rest}`, JSON.stringify((await tenant.call("GET", `/v1/runs/${runId}${rest}`)).body));
    }
    for (const path of ["/v1/workflows/runs", "/v1/runs", "/v1/webhook-deliveries", "/v1/credentials", "/v1/credentials/totp"])
      kept.set(path, JSON.stringify((await tenant.call("GET", path)).body));
    kept.set("log", logged.join("\n"));
    return kept;
  }

  it("holds a secret: through success, failure, retries, files, large outputs and webhooks", async () => {
    const tenant = await createCaller();
    const basic = Buffer.from(`ann@example.com:${PASSWORD}`).toString("base64");
    const echo = {
      plain: `password ${PASSWORD}, token ${TOKEN}, card ${CARD_NUMBER}`,
      [TOKEN]: { nested: [JSON.stringify({ password: PASSWORD })], number: Number(CARD_NUMBER) },
      url: `https://a.example/?p=${encodeURIComponent(PASSWORD)}`,
      form: new URLSearchParams({ p: PASSWORD }).toString(),
      basic: `Basic ${basic}`,
      filler: "x".repeat(80_000), // goes to R2
    };
    const good = await openBox(json(echo));
    const flaky = await openBox(json(echo, { status: 503 }), json(echo));
    const bad = await openBox(json(echo, { status: 400 }));
    const file = await openBox({ headers: { "content-type": "text/plain" }, body: `${PASSWORD}\n${TOKEN}\n${basic}` });
    const hook = await openBox();
    const headers = { authorization: "Basic {{ login.password }}", "x-token": "{{ token.secret_value }}", "x-otp": "{{ login.totp }}" };
    const send = (label: string, url: string, more: object = {}) => ({
      block_type: "http_request",
      label,
      method: "POST",
      url: `${url}?t={{ token.secret_value }}`,
      headers: { ...headers, authorization: "Bearer {{ token.secret_value }}", "x-echo": "{{ login.password | urlencode }}" },
      body: { number: "{{ card.card_number }}", password: "{{ login.password }}", inside: "pw={{ login.password }};" },
      retry: { max_attempts: 2, initial_seconds: 0 },
      ...more,
    });
    const blocks = [
      send("good", good.url),
      send("flaky", flaky.url),
      send("file", file.url, { save_response_as_file: true, download_filename: "{{ token.secret_value }}.txt" }),
      { block_type: "http_request", label: "unrelated", url: good.url }, // shows what an earlier block sent
      { block_type: "set", label: "kept", values: { all: "{{ good_output.body }}", id: "{{ login }}" } },
      send("bad", bad.url, { continue_on_failure: true }),
      { block_type: "http_request", label: "unreachable", url: "http://{{ token.secret_value }}.internal/", continue_on_failure: true },
      send("last", bad.url),
    ];
    const workflowId = await save(tenant, [input("login"), input("card"), input("token")], blocks, { webhook_callback_url: hook.url });
    const parameters = {
      login: await store(tenant, password({ totp: TOTP_ADDRESS })),
      card: await store(tenant, card),
      token: await store(tenant, token),
    };
    const key = { "idempotency-key": crypto.randomUUID() };
    const { body: begun } = await tenant.call("POST", "/v1/run/workflows", { workflow_id: workflowId, parameters }, key);
    const first = await ended(tenant, begun.run_id);
    expect([first.status, first.failure_reason]).toEqual(["failed", expect.stringContaining("answered 400")]);
    const { body: again } = await tenant.call("POST", `/v1/runs/${begun.run_id}/retry`, { from_block: "last" });
    expect(await ended(tenant, again.run_id)).toMatchObject({ status: "failed" });
    await eventually(async () => expect((await hook.requests()).length).toBeGreaterThanOrEqual(4));

    const [sent] = await good.requests();
    expect(JSON.parse(sent!.body)).toMatchObject({ password: PASSWORD, number: CARD_NUMBER }); // the real values went out
    const codes = (await Promise.all([good, flaky, bad, file].map((box) => box.requests())))
      .flat()
      .flatMap(({ headers: { "x-otp": code } }) => code ?? []);
    expect(codes.length).toBeGreaterThan(4);

    const kept = await everythingKept(tenant, [begun.run_id, again.run_id]);
    kept.set("webhooks", JSON.stringify(await hook.requests()));
    expect([...kept.keys()].filter((name) => name.startsWith("org/")).length).toBeGreaterThan(1); // a file and large outputs
    const secrets = [PASSWORD, TOKEN, CARD_NUMBER, TOTP_SECRET].flatMap(formsOf);
    const leaks = [...kept].flatMap(([name, text]) =>
      [...secrets, ...codes].filter((form) => text.includes(form)).map((form) => `${name}: ${form}`),
    );
    expect(leaks).toEqual([]);
    expect(kept.get(`storage of ${begun.run_id}`)).toContain("***");
  });
});
