import { describe, expect, it } from "vitest";
import { createFileLinks } from "./file-links.ts";

const links = createFileLinks(btoa("0123456789abcdef0123456789abcdef"));
const PATH = "/v1/artifacts/a_1/content";
const made = links.make("o_1", PATH, 1_000_000);
const query = Object.fromEntries(new URLSearchParams(made.split("?")[1])) as { sig: string; expiry: string; kid: string };

describe("a link to a file", () => {
  it("names the organization, until it expires", () => {
    expect(made.startsWith(`${PATH}?`)).toBe(true);
    expect(query).toEqual({ expiry: "1000", kid: "o_1", sig: expect.stringMatching(/^[\w-]{43}$/) });
    expect(links.check(PATH, query, 1_000_000)).toEqual({ ok: true, organizationId: "o_1" });
    expect(links.check(PATH, query, 1_000_001)).toEqual({ ok: false, reason: "expired" });
  });

  it.each<[string, string, Partial<typeof query>]>([
    ["another path", "/v1/artifacts/a_2/content", {}],
    ["another organization", PATH, { kid: "o_2" }],
    ["a later expiry", PATH, { expiry: "2000" }],
    ["an expiry that is no number", PATH, { expiry: "1e9" }],
    ["another signature", PATH, { sig: "A".repeat(43) }],
    ["a shorter signature", PATH, { sig: query.sig.slice(0, 20) }],
    ["no signature", PATH, { sig: "" }],
    ["a key that is no organization's", PATH, { kid: "../o_1" }],
  ])("does not hold for %s", (_, path, change) => {
    expect(links.check(path, { ...query, ...change }, 0)).toEqual({ ok: false, reason: "invalid" });
  });

  it("does not hold under another key of the service", () => {
    expect(createFileLinks(btoa("f".repeat(32))).check(PATH, query, 0)).toEqual({ ok: false, reason: "invalid" });
  });
});
