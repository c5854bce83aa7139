import { describe, expect, it } from "vitest";
import { checkRemote, maskAddress } from "./remote-browser.ts";

const faultsOf = (address: string, headers: Record<string, string> = {}) =>
  checkRemote({ address, headers }, { allowedHosts: ["127.0.0.1"] }).map(({ path, code }) => [path, code]);

describe("the address of a browser", () => {
  it.each(["wss://a.example/x?token=1", "ws://127.0.0.1:9222/devtools/browser/1", "https://a.example", "http://127.0.0.1:9222"])(
    "may be %s",
    (address) => expect(faultsOf(address, { "x-api-key": "k" })).toEqual([]),
  );

  it.each<[string, string, string]>([
    ["a file", "file:///etc/passwd", "invalid_value"],
    ["no address", "browser", "invalid_value"],
    ["a private host that is not allowed", "ws://10.0.0.1:9222", "forbidden_address"],
    ["a password", "wss://user:secret@a.example", "forbidden_address"],
  ])("may not be %s", (_, address, code) => expect(faultsOf(address)).toEqual([["browser_address", code]]));

  it("may not come with headers of the connection, or with what no header may have", () => {
    const headers = { Host: "a", "Sec-WebSocket-Key": "a", "a b": "a", "x-ok": "a\nb" };
    expect(faultsOf("wss://a.example", headers).map(([path]) => path)).toEqual(
      Object.keys(headers).map((name) => `cdp_connect_headers.${name}`),
    );
  });

  it.each([
    ["wss://a.example:8443/s3cret?token=s3cret#s3cret", "wss://a.example:8443/***"],
    ["wss://a.example?token=s3cret", "wss://a.example/***"],
    ["http://127.0.0.1:9222/", "http://127.0.0.1:9222/"],
    ["http://127.0.0.1:9222", "http://127.0.0.1:9222"],
  ])("is shown as far as its host: %s", (address, shown) => expect(maskAddress(address)).toBe(shown));

  it("may not be what is shown of one, and neither may a header's value", () => {
    const shown = maskAddress("wss://a.example/s3cret");
    expect(faultsOf(shown, { "x-key": "***" }).map(([path]) => path)).toEqual(["browser_address", "cdp_connect_headers.x-key"]);
  });
});
