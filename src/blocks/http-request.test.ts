import { describe, expect, it } from "vitest";
import type { JsonObject } from "../domain/json.ts";
import { OutboundError, type OutboundErrorKind } from "../domain/outbound/outbound.ts";
import type { HttpRequest, HttpResponse } from "../ports/http.ts";
import type { NewArtifact } from "./block.ts";
import { fileName } from "./file-name.ts";
import { httpRequest, parseBody, withoutSecrets } from "./http-request.ts";
import { contextWith } from "./testing/context.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

function respond(status: number, body = "", headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, body: encode(body), url: "https://api.example.com/orders" };
}

/** Runs the block against one answer, or against an error in its place. */
async function run(config: JsonObject, outcome: HttpResponse | OutboundError = respond(200)) {
  const sent: HttpRequest[] = [];
  const files: NewArtifact[] = [];
  const context = contextWith({
    attempt: 2,
    idempotencyKey: "key-of-the-block",
    http: {
      async send(request) {
        sent.push(request);
        if (outcome instanceof OutboundError) throw outcome;
        return outcome;
      },
    },
    async saveArtifact(file) {
      files.push(file);
      return {
        artifactId: "a_1",
        type: file.type,
        name: file.name,
        contentType: file.contentType,
        sizeBytes: file.bytes.byteLength,
        sha256: "ab",
        createdAt: 0,
      };
    },
  });
  const output = await httpRequest.execute(context, httpRequest.config.parse({ url: "https://api.example.com/orders", ...config }));
  return { output, sent: sent[0]!, files };
}

function faultPaths(config: JsonObject): string[] {
  const result = httpRequest.config.safeParse({ url: "https://api.example.com/orders", ...config });
  return result.success ? [] : result.error.issues.map((issue) => issue.path.join("."));
}

describe("http_request: what is sent", () => {
  it("sends an object as JSON, once and with the same idempotency key on every attempt", async () => {
    const { sent } = await run({ method: "post", body: { sku: "A-17" } });
    expect(sent).toMatchObject({ method: "POST", body: '{"sku":"A-17"}', timeoutMs: 30_000, followRedirects: true });
    expect(sent.headers).toEqual({ "content-type": "application/json", "idempotency-key": "key-of-the-block" });
  });

  it("lets the author's own headers come before the defaults, in any case, and takes numbers for values", async () => {
    const { sent } = await run({
      method: "PUT",
      body: [1],
      headers: { "Content-Type": "application/vnd.api+json", "Idempotency-Key": "mine", "X-Count": 3 },
    });
    expect(sent.headers).toEqual({ "content-type": "application/vnd.api+json", "idempotency-key": "mine", "x-count": "3" });
  });

  it("sends a text as it is, without guessing its type", async () => {
    const { sent } = await run({ method: "POST", body: "a=1&b=2" });
    expect(sent.body).toBe("a=1&b=2");
    expect(sent.headers).not.toHaveProperty("content-type");
  });

  it("sends an object as a form where the content type says so", async () => {
    const { sent } = await run({
      method: "POST",
      body: { q: "a b&c", n: 2 },
      headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    });
    expect(sent.body).toBe("q=a+b%26c&n=2");
  });

  it.each(["GET", "HEAD"])("sends no body with %s, for which Skyvern's editor writes {}", async (method) => {
    const { sent } = await run({ method, body: {} });
    expect(sent).not.toHaveProperty("body");
    expect(sent.headers).not.toHaveProperty("content-type");
  });
});

describe("http_request: what a definition may say", () => {
  it.each<[JsonObject, string]>([
    [{ method: "FETCH" }, "method"],
    [{ method: "GET", body: { a: 1 } }, "body"],
    [{ timeout: 0 }, "timeout"],
    [{ timeout: 601 }, "timeout"],
    [{ url: "" }, "url"],
    [{ headers: { a: ["b"] } }, "headers.a"],
    [{ body: 5 }, "body"],
    [{ retries: 1 }, ""],
  ])("refuses %j at %j", (config, path) => {
    expect(faultPaths(config)).toEqual([path]);
  });

  it("accepts what Skyvern's editor writes for fields left empty", () => {
    expect(
      faultPaths({
        method: "GET",
        headers: null,
        body: null,
        download_filename: null,
        follow_redirects: true,
        save_response_as_file: false,
        timeout: 30,
      }),
    ).toEqual([]);
  });

  it("accepts its own example", () => {
    const { block_type: _type, label: _label, ...config } = httpRequest.example;
    expect(faultPaths(config)).toEqual([]);
  });
});

describe("http_request: what comes back", () => {
  it("answers with exactly the keys of Skyvern", async () => {
    const answer = respond(201, '{"id":7}', { "content-type": "application/json; charset=utf-8", "set-cookie": "sid=1" });
    const { output } = await run({ method: "POST", headers: { Authorization: "Bearer x" }, body: { sku: "A-17" } }, answer);
    const headers = { "content-type": "application/json; charset=utf-8", "set-cookie": "[REDACTED]" };
    expect(output).toEqual({
      status_code: 201,
      response_headers: headers,
      response_body: { id: 7 },
      request_method: "POST",
      request_url: "https://api.example.com/orders",
      request_headers: { authorization: "[REDACTED]", "content-type": "application/json", "idempotency-key": "key-of-the-block" },
      request_body: { sku: "A-17" },
      headers,
      body: { id: 7 },
      url: "https://api.example.com/orders",
    });
    expect(httpRequest.output.safeParse(output).success).toBe(true);
  });

  it.each<[type: string | undefined, body: string, value: unknown]>([
    ["application/json", '{"a":[1]}', { a: [1] }],
    ["application/problem+json;charset=utf-8", "null", null],
    ["text/json", "3", 3],
    ["application/json", "not json", "not json"],
    ["application/json", "", ""],
    ["application/json", "[".repeat(65) + "]".repeat(65), "[".repeat(65) + "]".repeat(65)],
    ["text/plain", '{"a":1}', '{"a":1}'],
    [undefined, "{}", "{}"],
  ])("reads %s %j", (type, body, value) => {
    expect(parseBody({ headers: type === undefined ? {} : { "content-type": type }, body: encode(body) })).toEqual(value);
  });

  it("reads a text in the charset that the answer names, and in UTF-8 when nobody knows it", () => {
    expect(parseBody({ headers: { "content-type": "text/plain; charset=iso-8859-1" }, body: Uint8Array.of(0xe9) })).toBe("é");
    expect(parseBody({ headers: { "content-type": "text/plain; charset=klingon" }, body: encode("é") })).toBe("é");
  });

  it("stores the answer as a file where it is asked to", async () => {
    const { output, files } = await run(
      { save_response_as_file: true, download_filename: "../orders.csv" },
      respond(200, "a,b\n", { "content-type": "text/csv" }),
    );
    expect(files).toEqual([{ type: "download", name: "orders.csv", contentType: "text/csv", bytes: encode("a,b\n") }]);
    expect(output).toEqual({
      status_code: 200,
      artifact_id: "a_1",
      file_path: "a_1",
      file_name: "orders.csv",
      file_size: 4,
      content_type: "text/csv",
      sha256: "ab",
    });
    expect(httpRequest.output.safeParse(output).success).toBe(true);
  });

  it.each<[wanted: string | null, disposition: string, url: string, name: string]>([
    ["report.pdf", 'attachment; filename="x.pdf"', "https://h/y.pdf", "report.pdf"],
    ["/etc/passwd", "", "https://h/", "passwd"],
    ["..\\..\\boot.ini", "", "https://h/", "boot.ini"],
    ["..", 'attachment; filename="a;b.pdf"', "https://h/y.pdf", "a;b.pdf"],
    [null, "attachment; filename*=UTF-8''%E2%82%AC%20rates.csv; filename=rates.csv", "https://h/", "€ rates.csv"],
    [null, "inline", "https://h/a/my%20file.txt?x=1", "my file.txt"],
    [null, "", "https://h/%2Fetc%2Fpasswd", "passwd"],
    [null, "", "https://h/%E0%A4%A", "%E0%A4%A"],
    [null, "", "https://h/", "response"],
    ["a\u0000b\n.txt", "", "https://h/", "a_b_.txt"],
  ])("names the file for %j, %j and %s: %s", (wanted, disposition, url, name) => {
    expect(fileName(wanted, { headers: { "content-disposition": disposition }, url })).toBe(name);
  });
});

describe("http_request: failures", () => {
  it.each([
    [400, "block"],
    [401, "block"],
    [404, "block"],
    [408, "temporary"],
    [409, "block"],
    [425, "temporary"],
    [429, "temporary"],
    [500, "temporary"],
    [503, "temporary"],
  ])("takes %i for a failure of class %s", async (status, errorClass) => {
    await expect(run({}, respond(status, "why"))).rejects.toMatchObject({
      name: "BlockError",
      errorClass,
      message: `GET https://api.example.com/orders answered ${status}: why`,
    });
  });

  it("tells the first 500 characters of what the server said, and how long it asks to wait", async () => {
    const error = await run({}, respond(429, "x".repeat(600), { "retry-after": "7" })).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ message: `GET https://api.example.com/orders answered 429: ${"x".repeat(500)}`, retryAfterMs: 7000 });
  });

  it("says where a redirect leads that it was told not to follow", async () => {
    await expect(run({ follow_redirects: false }, respond(302, "", { location: "/login" }))).rejects.toThrow(
      "answered 302 (a redirect to /login; follow_redirects is off)",
    );
  });

  it.each<[OutboundErrorKind, string]>([
    ["timeout", "temporary"],
    ["network", "temporary"],
    ["refused", "block"],
    ["too_large", "block"],
    ["too_many_redirects", "block"],
  ])("takes an outbound error of kind %s for one of class %s", async (kind, errorClass) => {
    await expect(run({}, new OutboundError(kind, "what happened"))).rejects.toMatchObject({
      name: "BlockError",
      errorClass,
      message: "what happened",
    });
  });
});

describe("parts of an answer that are named as secret", () => {
  const answer = (body: string) => respond(200, body, { "content-type": "application/json" });
  const masked = (body: string, ...paths: string[]) => new TextDecoder().decode(withoutSecrets(answer(body), paths).body);

  it.each([
    ["token", { token: "***", a: { token: 2 }, list: [{ key: 3 }, { key: 4 }] }],
    ["$.a.token", { token: 1, a: { token: "***" }, list: [{ key: 3 }, { key: 4 }] }],
    ["list[1].key", { token: 1, a: { token: 2 }, list: [{ key: 3 }, { key: "***" }] }],
    ["list[*].key", { token: 1, a: { token: 2 }, list: [{ key: "***" }, { key: "***" }] }],
    ["list", { token: 1, a: { token: 2 }, list: "***" }],
    ["a['token']", { token: 1, a: { token: "***" }, list: [{ key: 3 }, { key: 4 }] }],
    ["nowhere.at.all", { token: 1, a: { token: 2 }, list: [{ key: 3 }, { key: 4 }] }],
  ])("%s are masked", (path, expected) => {
    expect(JSON.parse(masked('{"token":1,"a":{"token":2},"list":[{"key":3},{"key":4}]}', path))).toEqual(expected);
  });

  it("are withheld with the whole answer where it is no JSON", () => {
    expect(masked("token=secret", "token")).toBe("***");
    expect(masked("token=secret")).toBe("token=secret");
  });

  it("stand in no error and no file either", async () => {
    const secret = respond(400, '{"token":"hidden"}', { "content-type": "application/json" });
    await expect(run({ url: "https://a.example", secret_response_paths: ["token"] }, secret)).rejects.toThrow('{"token":"***"}');
    const config = { url: "https://a.example", secret_response_paths: ["token"], save_response_as_file: true };
    const { files } = await run(config, answer('{"token":"hidden"}'));
    expect(files.map(({ bytes }) => new TextDecoder().decode(bytes))).toEqual(['{"token":"***"}']);
  });
});
