import { describe, expect, it } from "vitest";
import {
  changeSettings,
  headerNameFault,
  headersFor,
  headerValueFault,
  loginFor,
  matchesOrigin,
  originPatternFault,
} from "./tab-settings.ts";

describe("a pattern of origins", () => {
  it.each<[string, string, boolean]>([
    ["https://shop.example.com", "https://shop.example.com/cart?x=1", true],
    ["https://shop.example.com/", "https://SHOP.example.com:443/", true],
    ["https://shop.example.com", "http://shop.example.com/", false],
    ["https://shop.example.com", "https://shop.example.com:8443/", false],
    ["https://shop.example.com", "https://shop.example.com.evil.test/", false],
    ["https://shop.example.com", "https://evil.test/?https://shop.example.com/", false],
    ["https://shop.example.com", "https://shop.example.com@evil.test/", false],
    ["https://*.example.com", "https://a.b.example.com/", true],
    ["https://*.example.com", "https://example.com/", false],
    ["https://*.example.com", "https://evilexample.com/", false],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", true],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8081/", false],
    ["*", "https://anything.test/", true],
    ["*", "data:text/html,x", false],
    ["https://shop.example.com", "about:blank", false],
  ])("%s fits %s: %s", (pattern, url, expected) => expect(matchesOrigin(pattern, url)).toBe(expected));

  it.each(["https://a.test", "http://127.0.0.1:80", "https://*.a.test", "http://[::1]:8080", "https://a.test/"])("may be %s", (pattern) =>
    expect(originPatternFault(pattern)).toBeNull(),
  );
  it.each(["a.test", "*", "https://", "https://a.test/path", "ftp://a.test", "https://a*.test", "https://u:p@a.test", "https://a b"])(
    "may not be %s",
    (pattern) => expect(originPatternFault(pattern)).toMatch(/must be an origin such as/),
  );
});

describe("what is set", () => {
  it("gives a request the headers of all patterns that fit it, a named site before every site", () => {
    const settings = {
      headers: { "https://a.test": { "x-a": "site" }, "*": { "x-a": "all", "x-b": "all" }, "https://b.test": { "x-c": "no" } },
    };
    expect(headersFor(settings, "https://a.test/")).toEqual({ "x-a": "site", "x-b": "all" });
    expect(headersFor({}, "https://a.test/")).toEqual({});
  });

  it("gives a login to its site only", () => {
    const settings = { logins: { "https://a.test": { username: "ann", password: "x" } } };
    expect(loginFor(settings, "https://a.test/x")).toEqual({ username: "ann", password: "x" });
    expect(loginFor(settings, "http://a.test/x")).toBeNull();
  });

  it("is changed field by field, and taken back by null or by nothing in it", () => {
    const settings = changeSettings({ locale: "de-DE" }, { timeZone: "UTC", headers: { "*": { a: "b" } } });
    expect(settings).toEqual({ locale: "de-DE", timeZone: "UTC", headers: { "*": { a: "b" } } });
    expect(changeSettings(settings, { locale: null, headers: {} })).toEqual({ timeZone: "UTC" });
  });
});

describe("a header", () => {
  it.each([
    ["X-Team", null],
    ["Authorization", null],
    ["x y", "is no name of a header"],
    ["", "is no name of a header"],
    ["HOST", "belongs to the connection"],
    ["cookie", "use set_cookies"],
    ["User-Agent", "set_user_agent"],
    ["Sec-Fetch-Site", "belongs to the browser"],
    ["Proxy-Authorization", "belongs to the browser"],
  ])("of the name %j: %s", (name, fault) => {
    if (fault === null) expect(headerNameFault(name)).toBeNull();
    else expect(headerNameFault(name)).toContain(fault);
  });

  it.each([
    ["a b\tc", null],
    ["", null],
    ["a\nb", "visible ASCII"],
    ["ä", "visible ASCII"],
    ["x".repeat(8_001), "longer than"],
  ])("of the value %j: %s", (value, fault) => {
    if (fault === null) expect(headerValueFault(value)).toBeNull();
    else expect(headerValueFault(value)).toContain(fault);
  });
});
