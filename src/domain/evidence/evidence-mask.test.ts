import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskHeader, maskUrl, maskUrlsIn } from "./evidence-mask.ts";

describe("an address as evidence", () => {
  it.each([
    ["https://shop.example/orders?page=2#top", "https://shop.example/orders?page=2#top"],
    ["https://ann:pa55@shop.example/", "https://***@shop.example/"],
    ["https://ann:p@ss@shop.example/", "https://***@shop.example/"],
    ["https://shop.example/?token=abc&page=2", "https://shop.example/?token=***&page=2"],
    ["https://shop.example/?X-Amz-Signature=abc&X-Amz-Date=1", "https://shop.example/?X-Amz-Signature=***&X-Amz-Date=1"],
    ["https://shop.example/?api%5Fkey=abc", "https://shop.example/?api%5Fkey=***"],
    ["https://shop.example/?user%5Bpassword%5D=abc&password=", "https://shop.example/?user%5Bpassword%5D=***&password="],
    ["https://shop.example/cb#access_token=abc&expires_in=3", "https://shop.example/cb#access_token=***&expires_in=3"],
    ["/login?next=%2F&code=4711", "/login?next=%2F&code=***"],
    ["data:image/png;base64,AAAA", "data:…"],
  ])("%s", (url, shown) => {
    expect(maskUrl(url)).toBe(shown);
  });

  it("never shows the value of a parameter with a secret's name, wherever it stands", () => {
    const value = fc.stringMatching(/^SECRET[a-zA-Z0-9%+.~-]{0,20}$/);
    const name = fc.constantFrom("password", "access_token", "apiKey", "client_secret", "sid", "code");
    const others = fc.array(fc.stringMatching(/^[a-c]{1,3}(=[a-z]{0,3})?$/), { maxLength: 3 });
    fc.assert(
      fc.property(others, name, value, others, fc.constantFrom("?", "#"), (before, field, secret, after, sign) => {
        const url = `https://x.example/${sign}${[...before, `${field}=${secret}`, ...after].join("&")}`;
        expect(maskUrl(url)).not.toContain("SECRET");
        expect(maskUrlsIn(`at ${url} (line 3)`)).not.toContain("SECRET");
      }),
    );
  });
});

it.each([
  ["Authorization", "Basic YW5uOnBhNTU=", "***"],
  ["set-cookie", "sid=1; HttpOnly", "***"],
  ["Proxy-Authorization", "x", "***"],
  ["X-Api-Key", "x", "***"],
  ["X-CSRF-Token", "x", "***"],
  ["Referer", "https://x.example/?token=abc", "https://x.example/?token=***"],
  ["Content-Type", "text/html", "text/html"],
])("shows the header %s: %s as %s", (name, value, shown) => {
  expect(maskHeader(name, value)).toBe(shown);
});
