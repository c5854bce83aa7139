import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkOutboundUrl, type HostPolicy, METADATA_HOSTS, PRIVATE_SUFFIXES } from "./outbound.ts";
import { guardedPatterns, socketRules } from "./outbound-patterns.ts";

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

describe("a WebSocket", () => {
  /** As Chromium decides: the first rule that matches counts. */
  const isRefused = (url: string, policy: HostPolicy) =>
    socketRules(policy).find(({ urlPattern }) => new URLPattern(urlPattern).test(url))?.refused ?? false;
  const asSocket = (text: string) => new URL(text).href.replace(/^http/, "ws");
  const lists = fc.array(host, { maxLength: 2 });

  it("is refused wherever a request is, whatever lists an organization has", () => {
    fc.assert(
      fc.property(url, lists, lists, lists, (text, allowedHosts, deniedHosts, onlyHosts) => {
        const policy = { allowedHosts, deniedHosts, onlyHosts };
        if (checkOutboundUrl(text, policy) !== null) expect([text, isRefused(asSocket(text), policy)]).toEqual([text, true]);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ["a name of the internet", "ws://socket.example.com/feed", {}, false],
    ["the same with a port", "wss://a-1.example.io:8443/", {}, false],
    ["a bare address, private", "ws://100.64.0.1/", {}, true],
    ["a bare address, public or not", "ws://8.8.8.8/", {}, true],
    ["one of version 6", "ws://[fd00::7]/", {}, true],
    ["a private name", "wss://db.corp.internal/", {}, true],
    ["the same with its last dot", "wss://db.corp.internal./", {}, true],
    ["a name without a dot", "ws://intranet/", {}, true],
    ["what is allowed", "ws://10.0.0.7:8080/", { allowedHosts: ["10.0.0.7"] }, false],
    ["another of its range", "ws://10.0.0.8:8080/", { allowedHosts: ["10.0.0.7"] }, true],
    ["what is allowed at a port", "ws://10.0.0.7:8080/", { allowedHosts: ["10.0.0.7:8080"] }, false],
    ["the same at another port", "ws://10.0.0.7:8081/", { allowedHosts: ["10.0.0.7:8080"] }, true],
    ["what is allowed, of version 6", "ws://[fd00::7]:8080/", { allowedHosts: ["[fd00::7]:8080"] }, false],
    ["what is allowed below a name", "wss://a.corp.internal/", { allowedHosts: ["*.corp.internal"] }, false],
    ["what is denied", "wss://ads.example/", { deniedHosts: ["ads.example:443"] }, true],
    ["one of the only hosts", "wss://shop.example/", { onlyHosts: ["shop.example"] }, false],
    ["any other", "wss://cdn.example/", { onlyHosts: ["shop.example"] }, true],
    ["one of the only hosts that is private", "ws://10.0.0.7/", { onlyHosts: ["10.0.0.7"] }, true],
    ["the same where it is allowed besides", "ws://10.0.0.7/", { onlyHosts: ["10.0.0.7"], allowedHosts: ["10.0.0.7"] }, false],
    [
      "one that is denied of the only hosts",
      "wss://shop.example/",
      { onlyHosts: ["shop.example"], deniedHosts: ["*.example", "shop.example"] },
      true,
    ],
  ])("to %s", (_, address, policy, refused) => {
    expect(isRefused(new URL(address).href, { allowedHosts: [], ...policy })).toBe(refused);
  });
});
