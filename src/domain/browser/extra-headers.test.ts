import { describe, expect, it } from "vitest";
import { extraHeaders, headersByOrigin, headersWishOf, maskSealedFields, secretHeaderValues, unsentHeaders } from "./extra-headers.ts";

const headersOf = (run: Parameters<typeof headersWishOf>[0], workflow: typeof run = {}) =>
  extraHeaders(headersWishOf(workflow), headersWishOf(run));

describe("extra headers", () => {
  it.each<[string, Record<string, string>, string[]]>([
    ["of a header that is named like a secret", { "X-Api-Key": "blue-7" }, ["blue-7"]],
    ["with a scheme, also without it", { Authorization: "Bearer abc.def" }, ["Bearer abc.def", "abc.def"]],
    ["that looks like a token, whatever its header is called", { "x-bypass": "Zk3-0123456789abcdef" }, ["Zk3-0123456789abcdef"]],
    ["of so few characters that it would be found anywhere", { "x-api-key": "on", authorization: "Basic YQ==" }, ["Basic YQ=="]],
    [
      "that says what everybody may know",
      { "x-team": "production", accept: "application/json, text/html;q=0.9", "x-day": "2026-01-31" },
      [],
    ],
  ])("have secrets to be masked by their value: a value %s", (_, values, secrets) => expect(secretHeaderValues(values)).toEqual(secrets));

  it("go to every site, or to those that are named, without those that the browser sets itself", () => {
    const values = { "x-team": "blue", "User-Agent": "me", Cookie: "a=b", "Sec-Fetch-Mode": "x" };
    expect(headersByOrigin(headersOf({ extra_http_headers: values })!)).toEqual({ "*": { "x-team": "blue" } });
    const origins = ["https://a.example/", "https://*.b.example"];
    const named = headersOf({ extra_http_headers: values, extra_http_headers_origins: origins })!;
    expect(headersByOrigin(named)).toEqual({ "https://a.example": { "x-team": "blue" }, "https://*.b.example": { "x-team": "blue" } });
    expect(unsentHeaders(values).map(({ path }) => path)).toEqual(
      ["User-Agent", "Cookie", "Sec-Fetch-Mode"].map((name) => `extra_http_headers.${name}`),
    );
    expect(headersByOrigin(headersOf({ extra_http_headers: { Cookie: "a" } })!)).toEqual({});
  });

  it("are the workflow's where the run says nothing: the headers and the sites, each by itself", () => {
    const workflow = { extra_http_headers: { a: "1" }, extra_http_headers_origins: ["https://a.example"] };
    expect(headersOf({}, workflow)).toEqual({ values: { a: "1" }, origins: ["https://a.example"] });
    expect(headersOf({ extra_http_headers: { b: "2" } }, workflow)).toEqual({ values: { b: "2" }, origins: ["https://a.example"] });
    expect(headersOf({ extra_http_headers_origins: ["*"] }, workflow)).toEqual({ values: { a: "1" }, origins: ["*"] });
    expect(headersOf({ extra_http_headers: {} }, workflow)).toBeNull();
    expect(headersOf({ extra_http_headers_origins: ["*"] })).toBeNull();
  });

  it("are shown with their names alone, whatever a definition holds", () => {
    const definition = { title: "T", extra_http_headers: { a: "s3cret" }, cdp_connect_headers: { b: "sealed:x" } };
    expect(maskSealedFields(definition)).toEqual({ title: "T", extra_http_headers: { a: "***" }, cdp_connect_headers: { b: "***" } });
    expect(maskSealedFields({ extra_http_headers: null })).toEqual({ extra_http_headers: null });
  });
});
