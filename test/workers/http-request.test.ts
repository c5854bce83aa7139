import { describe, expect, it } from "vitest";
import { createHttpClient, MAX_RESPONSE_BYTES } from "../../src/adapters/http-client.ts";
import { httpRequest } from "../../src/blocks/http-request.ts";
import { contextWith } from "../../src/blocks/testing/context.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { checkOutboundUrl } from "../../src/domain/outbound/outbound.ts";
import type { HttpRequest, HttpResponse } from "../../src/ports/http.ts";
import { eventually } from "../eventually.ts";
import { PATIENCE_MS } from "../patience.ts";
import { openBox } from "./receiver-client.ts";

const client = createHttpClient({ fetch, hosts: { allowedHosts: ["127.0.0.1"] } });

function send(request: Partial<HttpRequest> & { url: string }): Promise<HttpResponse> {
  return client.send({
    method: "GET",
    headers: {},
    timeoutMs: PATIENCE_MS,
    followRedirects: true,
    signal: new AbortController().signal,
    ...request,
  });
}

function text({ body }: HttpResponse): string {
  return new TextDecoder().decode(body);
}

describe("the outbound guard in workerd", () => {
  it.each(["http://127.1/", "http://2130706433/", "http://①②⑦.⓪.⓪.①/", "http://localhost./", "http://[::ffff:7f00:1]/"])(
    "refuses %s",
    (url) => {
      expect(checkOutboundUrl(url, { allowedHosts: [] })?.code).toBe("forbidden_address");
    },
  );
});

describe("an HTTP client", () => {
  it("sends method, headers and body, and answers with status, headers and body", async () => {
    const box = await openBox({ status: 201, headers: { "X-Order": "7", "set-cookie": ["a=1", "b=2"] }, body: "created" });
    const response = await send({ url: `${box.url}?q=1`, method: "put", headers: { "X-Source": "test" }, body: "hello" });
    expect(response).toMatchObject({ status: 201, headers: { "x-order": "7", "set-cookie": "a=1, b=2" }, url: `${box.url}?q=1` });
    expect(text(response)).toBe("created");
    const [request] = await box.requests();
    expect(request).toMatchObject({ method: "PUT", body: "hello", headers: { "x-source": "test", "user-agent": "Pilotfish/1.0" } });
    expect(request?.url).toMatch(/\?q=1$/);
  });

  it("answers with a refusal's status and does not throw", async () => {
    const box = await openBox({ status: 503, body: "busy" });
    expect(await send({ url: box.url })).toMatchObject({ status: 503 });
  });

  it("does not send to an address that is not on the list", async () => {
    const box = await openBox();
    const strict = createHttpClient({ fetch, hosts: { allowedHosts: [] } });
    const sent = strict.send({
      url: box.url,
      method: "GET",
      headers: {},
      timeoutMs: 1000,
      followRedirects: true,
      signal: new AbortController().signal,
    });
    await expect(sent).rejects.toMatchObject({
      name: "OutboundError",
      kind: "refused",
      message: expect.stringContaining("127.0.0.1 may not be reached"),
    });
    expect(await box.requests()).toEqual([]);
  });

  it.each(["Host", "connection", "Content-Length", "transfer-encoding", "CF-Connecting-IP", "cf-worker", "proxy-authorization", "upgrade"])(
    "refuses to set the header %s",
    async (name) => {
      const box = await openBox();
      await expect(send({ url: box.url, headers: { [name]: "1" } })).rejects.toMatchObject({
        kind: "refused",
        message: expect.stringContaining(`"${name}"`),
      });
      expect(await box.requests()).toEqual([]);
    },
  );

  it.each<[what: string, request: Partial<HttpRequest>]>([
    ["a header name with a blank", { headers: { "a b": "1" } }],
    ["a header value with a line break", { headers: { a: "1\r\nb: 2" } }],
    ["TRACE", { method: "TRACE" }],
    ["a method that is no word", { method: "GET /" }],
    ["a body with GET", { body: "x" }],
  ])("refuses %s", async (_what, request) => {
    const box = await openBox();
    await expect(send({ url: box.url, ...request })).rejects.toMatchObject({ kind: "refused" });
    expect(await box.requests()).toEqual([]);
  });
});

describe("redirects", () => {
  it.each([
    [301, "POST", "GET", ""],
    [302, "POST", "GET", ""],
    [303, "POST", "GET", ""],
    [301, "PUT", "PUT", "x"],
    [302, "DELETE", "DELETE", "x"],
    [303, "PUT", "GET", ""],
    [307, "POST", "POST", "x"],
    [308, "POST", "POST", "x"],
    [308, "PATCH", "PATCH", "x"],
  ])("%i turns %s into %s with the body %j", async (status, method, method2, body) => {
    const target = await openBox({ body: "there" });
    const box = await openBox({ status, headers: { location: target.url } });
    const response = await send({ url: box.url, method, body: "x", headers: { "content-type": "text/plain", "x-keep": "1" } });
    expect(response.url).toBe(target.url);
    expect(text(response)).toBe("there");
    const [request] = await target.requests();
    expect(request).toMatchObject({ method: method2, body, headers: { "x-keep": "1" } });
    expect("content-type" in request!.headers).toBe(body !== "");
  });

  it("keeps HEAD after 303", async () => {
    const target = await openBox();
    const box = await openBox({ status: 303, headers: { location: target.url } });
    await send({ url: box.url, method: "HEAD" });
    expect(await target.requests()).toMatchObject([{ method: "HEAD" }]);
  });

  it("resolves a relative address, and takes a redirect without one for the answer", async () => {
    const target = await openBox({ status: 302 });
    const box = await openBox({ status: 302, headers: { location: new URL(target.url).pathname } });
    expect(await send({ url: box.url })).toMatchObject({ status: 302, url: target.url });
  });

  it("does not follow when it was told not to", async () => {
    const target = await openBox();
    const box = await openBox({ status: 302, headers: { location: target.url } });
    expect(await send({ url: box.url, followRedirects: false })).toMatchObject({ status: 302, headers: { location: target.url } });
    expect(await target.requests()).toEqual([]);
  });

  it.each(["http://localhost:1/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "//[::1]/"])(
    "refuses a redirect to %s",
    async (location) => {
      const box = await openBox({ status: 302, headers: { location } });
      await expect(send({ url: box.url })).rejects.toMatchObject({ kind: "refused", message: expect.stringContaining("was redirected") });
    },
  );

  it("follows five and no more", async () => {
    const box = await openBox(...Array.from({ length: 5 }, () => ({ status: 302, headers: { location: "?again" } })), { body: "at last" });
    expect(text(await send({ url: box.url }))).toBe("at last");

    const loop = await openBox({ status: 302, headers: { location: "?again" } });
    await expect(send({ url: loop.url })).rejects.toMatchObject({ kind: "too_many_redirects" });
    expect(await loop.requests()).toHaveLength(6);
  });

  it("drops credentials on the way to another origin, and keeps them within one", async () => {
    const target = await openBox();
    const elsewhere = target.url.replace("127.0.0.1", "localhost");
    const headers = { Authorization: "Bearer x", Cookie: "sid=1", "X-Api-Key": "k", "X-Source": "test" };
    const both = createHttpClient({ fetch, hosts: { allowedHosts: ["127.0.0.1", "localhost"] } });
    for (const location of [target.url, elsewhere]) {
      const box = await openBox({ status: 307, headers: { location } });
      await both.send({
        url: box.url,
        method: "POST",
        headers,
        timeoutMs: PATIENCE_MS,
        followRedirects: true,
        signal: new AbortController().signal,
      });
    }
    const [same, other] = await target.requests();
    expect(same?.headers).toMatchObject({ authorization: "Bearer x", cookie: "sid=1", "x-api-key": "k", "x-source": "test" });
    expect(Object.keys(other!.headers)).toEqual(expect.not.arrayContaining(["authorization", "cookie", "x-api-key"]));
    expect(other?.headers).toMatchObject({ "x-source": "test" });
  });
});

describe("limits", () => {
  it("takes an answer of 5 MB and refuses one byte more", async () => {
    const box = await openBox({ bytes: MAX_RESPONSE_BYTES });
    expect((await send({ url: box.url })).body.byteLength).toBe(MAX_RESPONSE_BYTES);
    const larger = await openBox({ bytes: MAX_RESPONSE_BYTES + 1 });
    await expect(send({ url: larger.url })).rejects.toMatchObject({ kind: "too_large" });
  });

  it("stops reading an endless answer", async () => {
    const box = await openBox({ bytes: 1e9 });
    await expect(send({ url: box.url })).rejects.toMatchObject({ kind: "too_large" });
    await eventually(async () => expect(await box.requests()).toMatchObject([{ abandoned: true }]));
  });

  it("keeps only the beginning where that is all that is wanted", async () => {
    const box = await openBox({ body: "begin", bytes: 1e9 });
    const response = await send({ url: box.url, keepBytes: 8 });
    expect(text(response)).toBe("beginxxx");
    await eventually(async () => expect(await box.requests()).toMatchObject([{ abandoned: true }]));
  });

  it("has the answer when the head is there, where only the beginning of the body is wanted and it stalls", async () => {
    const box = await openBox({ status: 202, hold: "body", body: "begin" });
    const response = await send({ url: box.url, keepBytes: 8, timeoutMs: 2000 });
    expect(response.status).toBe(202);
    expect(text(response)).toBe("begin");
  });

  it.each(["head", "body"] as const)("gives up when the %s takes too long", async (hold) => {
    const box = await openBox({ hold, body: "begin" });
    await expect(send({ url: `${box.url}?token=secret`, timeoutMs: 1000 })).rejects.toMatchObject({
      kind: "timeout",
      message: `GET ${box.url} was not answered in full within 1 s`,
    });
    await eventually(async () => expect(await box.requests()).toMatchObject([{ abandoned: true }]));
  });

  it.each(["head", "body"] as const)("ends at once when it is aborted while waiting for the %s", async (hold) => {
    const box = await openBox({ hold, body: "begin" });
    const abort = new AbortController();
    const sent = expect(send({ url: box.url, signal: abort.signal })).rejects.toMatchObject({ kind: "aborted" });
    await eventually(async () => expect(await box.requests()).toHaveLength(1));
    abort.abort();
    await sent;
    await eventually(async () => expect(await box.requests()).toMatchObject([{ abandoned: true }]));
  });

  it("does not even begin when it was aborted before", async () => {
    const box = await openBox();
    await expect(send({ url: box.url, signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: "aborted" });
    expect(await box.requests()).toEqual([]);
  });

  it("calls a cut connection and a closed port a failure of the network", async () => {
    const box = await openBox({ reset: true });
    await expect(send({ url: box.url })).rejects.toMatchObject({ kind: "network" });
    await expect(send({ url: "http://127.0.0.1:1/" })).rejects.toMatchObject({ kind: "network" });
  });
});

describe("the block http_request over a real connection", () => {
  const run = (config: JsonObject) =>
    httpRequest.execute(contextWith({ idempotencyKey: "wr_1/post_order", http: client }), httpRequest.config.parse(config));

  it("posts JSON and answers with the parsed JSON", async () => {
    const box = await openBox({ headers: { "content-type": "application/json" }, body: '{"order":7}' });
    expect(await run({ method: "POST", url: box.url, body: { sku: "A-17" } })).toMatchObject({
      status_code: 200,
      response_body: { order: 7 },
    });
    expect(await box.requests()).toMatchObject([
      { method: "POST", body: '{"sku":"A-17"}', headers: { "content-type": "application/json", "idempotency-key": "wr_1/post_order" } },
    ]);
  });

  it("fails for now when the server is in trouble, and for good when the address may not be reached", async () => {
    const box = await openBox({ status: 502, body: "bad gateway" });
    await expect(run({ url: box.url })).rejects.toMatchObject({
      name: "BlockError",
      errorClass: "temporary",
      message: `GET ${box.url} answered 502: bad gateway`,
    });
    await expect(run({ url: "http://10.0.0.1/" })).rejects.toMatchObject({ name: "BlockError", errorClass: "block" });
  });
});
