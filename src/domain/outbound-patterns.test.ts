import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOutboundUrl, METADATA_HOSTS, PRIVATE_SUFFIXES } from "./outbound.ts";
import { guardedPatterns, refusedSockets } from "./outbound-patterns.ts";

/** As Chromium matches them. */
const matches = (pattern: string, url: string) =>
  new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`).test(url);
const isHeldUp = (url: string, policy = { allowedHosts: [] as string[], deniedHosts: [] as string[], onlyHosts: [] as string[] }) =>
  guardedPatterns(policy).some((pattern) => matches(pattern, new URL(url).href));

const label = fc.stringMatching(/^[a-z]{1,8}$/);
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
  fc.nat().map(String),
  fc.constantFrom("localhost", "localhost.", "LOCALHOST", "0x7f.1", "①②⑦.0.0.1", ...METADATA_HOSTS),
  fc.tuple(label, fc.constantFrom(...PRIVATE_SUFFIXES), fc.constantFrom("", ".")).map((parts) => parts.join("")),
  fc.tuple(label, label).map(([a, b]) => `${a}.${b}.example`),
  fc.constantFrom("bücher.example", "BÜCHER.example", "xn--bcher-kva.example"),
);
const url = fc
  .tuple(fc.constantFrom("http", "https"), host, fc.constantFrom("", ":80", ":8443"), fc.constantFrom("", "/", "/a?b=c"))
  .map(([scheme, name, port, path]) => `${scheme}://${name}${port}${path}`)
  .filter((text) => URL.canParse(text));

describe("what is held up", () => {
  it("is everything that the guard refuses, but for names without a dot over https", () => {
    fc.assert(
      fc.property(url, fc.array(host, { maxLength: 3 }), (text, deniedHosts) => {
        const policy = { allowedHosts: [], deniedHosts, onlyHosts: [] };
        if (checkOutboundUrl(text, policy) !== null) expect([text, isHeldUp(text, policy)]).toEqual([text, true]);
      }),
      { numRuns: 5_000 },
    );
  });

  it("is nothing of what an ordinary page loads over https", () => {
    for (const text of ["https://shop.example/a.png", "https://cdn.example/lib/x.js?u=http://10.0.0.1/", "https://a-10.example:8443/"])
      expect([text, isHeldUp(text)]).toEqual([text, false]);
  });

  it("is everything where only some hosts may be reached", () => {
    const policy = { allowedHosts: [], deniedHosts: [], onlyHosts: ["shop.example"] };
    expect(isHeldUp("https://cdn.example/a.js", policy)).toBe(true);
    expect(checkOutboundUrl("https://cdn.example/a.js", policy)?.message).toContain("only hosts");
    expect(checkOutboundUrl("https://shop.example/a.js", policy)).toBeNull();
  });
});

describe("WebSockets that are refused", () => {
  it("are those to private networks and denied hosts, without what is allowed", () => {
    const patterns = refusedSockets({
      allowedHosts: ["127.0.0.1", "*.corp.internal", "10.0.0.7:25", "[fd00::7]:8080"],
      deniedHosts: ["ads.example:443"],
    });
    expect(patterns).toEqual(
      expect.arrayContaining(["ws://localhost:*/*", "ws://192.168.*:*/*", "wss://172.31.*:*/*", "wss://ads.example:*/*"]),
    );
    for (const start of ["127.", "10.", "*.internal"]) expect(patterns.filter((pattern) => pattern.includes(`//${start}`))).toEqual([]);
  });
});
