import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Fault } from "../../src/domain/error.ts";
import { type Answer, createTenant, type Tenant } from "./api.ts";

const SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const login = (more: object = {}) => ({
  name: "Shop",
  credential_type: "password",
  credential: { username: "ann@example.com", password: "correct horse battery", totp: SECRET, totp_type: "authenticator", ...more },
});
const card = (more: object = {}) => ({
  name: "Card",
  credential_type: "credit_card",
  credential: {
    card_number: "4242 4242 4242 4242",
    card_cvv: "737",
    card_exp_month: "04",
    card_exp_year: "2031",
    card_holder_name: "Ann Lee",
    billing_city: "Lyon",
    ...more,
  },
});
const token = { name: "Token", credential_type: "secret", credential: { secret_value: "tok-5f1c", secret_label: "API" } };

const faultsOf = (answer: Answer) => (answer.body.errors as Fault[]).map(({ path, code }) => [path, code]);

let tenant: Tenant;
beforeAll(async () => {
  tenant = await createTenant();
});

async function store(body: object, headers?: Record<string, string>): Promise<Answer["body"]> {
  const answer = await tenant.call("POST", "/v1/credentials", body, headers);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}

describe("credentials", () => {
  it.each([
    ["password", login(), { username: "ann@example.com", totp_type: "authenticator", totp_identifier: null }],
    ["credit_card", card(), { last_four: "4242", brand: "visa" }],
    [
      "credit_card with its own brand",
      card({ card_number: "5555-5555-5555-4444", card_brand: "Bank X" }),
      { last_four: "4444", brand: "Bank X" },
    ],
    ["secret", token, { secret_label: "API" }],
  ])("of the type %s are stored, and shown without what is secret", async (_, body, shown) => {
    const created = await store(body);
    expect(created).toMatchObject({
      credential_id: expect.stringMatching(/^cred_[0-9A-Z]{26}$/),
      name: body.name,
      credential_type: body.credential_type,
      vault_type: "skyvern",
      organization_id: tenant.organizationId,
    });
    expect(created.credential).toEqual(shown);
    expect((await tenant.call("GET", `/v1/credentials/${created.credential_id}`)).body).toEqual(created);
  });

  it("are ciphertext in the database, bound to their organization and id", async () => {
    const { credential_id } = await store(login());
    const row = await env.DB.prepare("select * from credentials where credential_id = ?").bind(credential_id).first();
    expect(JSON.stringify(row)).not.toMatch(/correct horse|GEZDGNBV/);
    const { credential_id: other } = await store(login({ password: "another one" }));
    await env.DB.prepare("update credentials set sealed = ? where credential_id = ?").bind(row!.sealed, other).run();
    expect((await tenant.call("GET", `/v1/credentials/${other}/totp-code`)).status).toBe(500); // it opens for no other
  });

  it("keep Skyvern's other fields", async () => {
    const settings = {
      vault_type: "skyvern",
      proxy_location: "RESIDENTIAL",
      proxy_session_id: "p",
      rotate_proxy_session_id: false,
      browser_profile_id: "bp_1",
      auto_profile_disabled: true,
      pin_saved_session_ip: false,
      tested_url: "https://shop.example.com",
    };
    const created = await store({ ...login({ totp_identifier: "ann", metadata: { note: "x" } }), ...settings });
    expect(created).toMatchObject(settings);
    expect(created.credential).toEqual({ username: "ann@example.com", totp_type: "authenticator", totp_identifier: "ann" });
  });

  it.each<[string, object, [string, string][]]>([
    ["no content", { name: "x", credential_type: "secret" }, [["credential", "required"]]],
    ["an unknown type", { ...token, credential_type: "passwort" }, [["credential_type", "invalid_value"]]],
    ["an outside vault", { ...token, vault_type: "bitwarden" }, [["vault_type", "invalid_value"]]],
    [
      "fields of another type",
      { ...token, credential: { password: "x" } },
      [
        ["credential.secret_value", "required"],
        ["credential.password", "unknown_field"],
      ],
    ],
    ["a malformed authenticator secret", login({ totp: "not base32!" }), [["credential.totp", "invalid_value"]]],
    ["a card number with a wrong digit", card({ card_number: "4242 4242 4242 4243" }), [["credential.card_number", "invalid_value"]]],
    [
      "several at once",
      card({ card_cvv: "12", card_exp_month: "13", bank: "x" }),
      [
        ["credential.card_cvv", "invalid_value"],
        ["credential.card_exp_month", "invalid_value"],
        ["credential.bank", "invalid_value"],
      ],
    ],
  ])("are refused with %s", async (_, body, faults) => {
    const answer = await tenant.call("POST", "/v1/credentials", body);
    expect(answer.status).toBe(400);
    expect(faultsOf(answer)).toHaveLength(faults.length);
    expect(faultsOf(answer)).toEqual(expect.arrayContaining(faults));
    expect(JSON.stringify(answer.body)).not.toMatch(/not base32|4242|correct horse/);
  });

  it("are listed newest first, by page, type, vault and name", async () => {
    const own = await createTenant();
    const ids: string[] = [];
    for (const body of [login(), card(), { ...token, name: "Shop token" }]) {
      ids.push((await own.call("POST", "/v1/credentials", body)).body.credential_id);
    }
    const list = async (search: string) =>
      (await own.call("GET", `/v1/credentials${search}`)).body.map((one: Answer["body"]) => ids.indexOf(one.credential_id));
    expect(await list("")).toEqual([2, 1, 0]);
    expect(await list("?page=2&page_size=2")).toEqual([0]);
    expect(await list("?credential_type=credit_card")).toEqual([1]);
    expect(await list("?search=SHOP")).toEqual([2, 0]);
    expect(await list("?vault_type=skyvern&search=%25")).toEqual([]);
    expect(await list("?vault_type=bitwarden")).toEqual([]);
    expect((await own.call("GET", "/v1/credentials?credential_type=x")).status).toBe(400);
  });

  it("are renamed by PATCH and replaced by update", async () => {
    const created = await store(login());
    const path = `/v1/credentials/${created.credential_id}`;
    const renamed = await tenant.call("PATCH", path, { name: "New", tested_url: "https://a.example" });
    expect(renamed).toMatchObject({ status: 200, body: { name: "New", tested_url: "https://a.example", credential: created.credential } });
    expect(await tenant.call("PATCH", path, { credential: {} })).toMatchObject({ status: 400 });
    const replaced = await tenant.call("POST", `${path}/update`, token);
    expect(replaced).toMatchObject({
      status: 200,
      body: { name: "Token", credential_type: "secret", credential: { secret_label: "API" }, tested_url: null },
    });
    expect((await tenant.call("POST", `${path}/update`, { ...token, credential: {} })).status).toBe(400);
    expect((await tenant.call("GET", path)).body).toEqual(replaced.body);
  });

  it("are gone with what they held when they are deleted", async () => {
    const { credential_id } = await store(login());
    const path = `/v1/credentials/${credential_id}`;
    expect(await tenant.call("POST", `${path}/delete`)).toMatchObject({ status: 204, body: null });
    for (const [method, rest, body] of [
      ["GET", ""],
      ["POST", "/delete"],
      ["GET", "/totp-code"],
      ["PATCH", "", {}],
      ["POST", "/update", token],
    ] as const) {
      expect((await tenant.call(method, `${path}${rest}`, body)).status).toBe(404);
    }
    const row = await env.DB.prepare("select sealed, shown, name from credentials where credential_id = ?").bind(credential_id).first();
    expect(row).toEqual({ sealed: "", shown: "{}", name: "" });
  });

  it("are another organization's to no one else", async () => {
    const { credential_id } = await store(login());
    const other = await createTenant();
    for (const [method, rest, body] of [
      ["GET", ""],
      ["POST", "/delete"],
      ["GET", "/totp-code"],
      ["PATCH", "", { name: "x" }],
      ["POST", "/update", token],
    ] as const) {
      expect((await other.call(method, `/v1/credentials/${credential_id}${rest}`, body)).status, `${method} ${rest}`).toBe(404);
    }
    expect((await other.call("GET", "/v1/credentials")).body).toEqual([]);
    expect((await tenant.call("GET", `/v1/credentials/${credential_id}`)).body.name).toBe("Shop");
  });

  it("are stored once under an Idempotency-Key, whose row tells nothing of the secret", async () => {
    const key = { "idempotency-key": crypto.randomUUID() };
    const created = await store(login(), key);
    expect(await store(login(), key)).toEqual(created);
    expect((await tenant.call("POST", "/v1/credentials", { ...login(), name: "Other" }, key)).status).toBe(422);
    expect((await tenant.call("POST", "/v1/credentials", login({ password: "guess" }), key)).status).toBe(422);
    const { results } = await env.DB.prepare("select request_hash from idempotency_keys where key = ?").bind(key["idempotency-key"]).all();
    const again = { "idempotency-key": crypto.randomUUID() };
    await store(login({ password: "a wholly different one" }), again);
    const others = await env.DB.prepare("select request_hash from idempotency_keys where key = ?").bind(again["idempotency-key"]).all();
    expect(others.results).toEqual(results);
    await tenant.call("POST", `/v1/credentials/${created.credential_id}/delete`);
    expect((await tenant.call("POST", "/v1/credentials", login(), key)).status).toBe(409);
  });

  it("show the code of the moment, and how long it holds", async () => {
    const { credential_id } = await store(login());
    for (const method of ["GET", "POST"]) {
      const { status, body, headers } = await tenant.call(method, `/v1/credentials/${credential_id}/totp-code`);
      expect([status, headers.get("cache-control")]).toEqual([200, "no-store"]);
      expect(body).toEqual({ code: expect.stringMatching(/^\d{6}$/), seconds_remaining: expect.any(Number) });
    }
    const { credential_id: none } = await store(login({ totp: null }));
    expect((await tenant.call("GET", `/v1/credentials/${none}/totp-code`)).status).toBe(409);
  });
});

describe("one-time codes that are sent in", () => {
  it("are kept as ciphertext for ten minutes, and listed without the code", async () => {
    const own = await createTenant();
    const sent = { totp_identifier: "ann", content: "Order 20391: your code is 918273. Call 5551234.", source: "phone" };
    const { status, body } = await own.call("POST", "/v1/credentials/totp", sent);
    expect(status).toBe(200);
    expect(body).toMatchObject({ totp_identifier: "ann", source: "phone", workflow_id: null, used_at: null });
    expect(Date.parse(body.expired_at) - Date.parse(body.created_at)).toBe(600_000);
    await own.call("POST", "/v1/credentials/totp", { totp_identifier: "bob", content: "112233" });
    const identifiers = async (search: string) =>
      (await own.call("GET", `/v1/credentials/totp${search}`)).body.map((code: Answer["body"]) => code.totp_identifier);
    expect((await identifiers("")).toSorted()).toEqual(["ann", "bob"]);
    expect(await identifiers("?totp_identifier=ann")).toEqual(["ann"]);
    expect(JSON.stringify([body, (await own.call("GET", "/v1/credentials/totp")).body])).not.toMatch(/918273|112233/);
    const { results } = await env.DB.prepare("select * from totp_codes where organization_id = ?").bind(own.organizationId).all();
    expect(results).toHaveLength(2);
    expect(JSON.stringify(results)).not.toMatch(/918273|112233|20391/);
    expect((await (await createTenant()).call("GET", "/v1/credentials/totp")).body).toEqual([]);
  });

  it.each([
    ["content", { content: "Your codes: 1234 and 5678 for you." }],
    ["content", { content: "There is no code in this text." }],
    ["content", { content: "" }],
    ["expired_at", { expired_at: "2020-01-01T00:00:00" }],
    ["totp_identifier", { totp_identifier: " " }],
  ])("are refused with a sentence on %s when they cannot be used: %j", async (path, more) => {
    const answer = await tenant.call("POST", "/v1/credentials/totp", { totp_identifier: "ann", content: "123456", ...more });
    expect(answer.status).toBe(400);
    expect(faultsOf(answer)).toEqual([[path, "invalid_value"]]);
  });
});
