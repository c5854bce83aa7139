import { describe, expect, it } from "vitest";
import type { Organization } from "../domain/organization.ts";
import { ORGANIZATION_SETTINGS } from "../domain/testing/organization.ts";
import type { ApiKeys, StoredApiKey } from "../ports/api-keys.ts";
import type { Organizations } from "../ports/organizations.ts";
import { API_KEY_CACHE_MS, createAuthenticate, isSameSecret, issueApiKey } from "./api-keys.ts";

const organization: Organization = { ...ORGANIZATION_SETTINGS, organizationId: "o_1", createdAt: 0 };

function bench() {
  let now = 0;
  let made = 0;
  const live: StoredApiKey[] = [];
  const lookups: string[] = [];
  const apiKeys: ApiKeys = {
    insert: async (key) => live[live.push(key) - 1]!,
    findLive: async (prefix) => {
      lookups.push(prefix);
      return live.filter((key) => key.prefix === prefix).map(({ hash }) => ({ hash, organization }));
    },
    revoke: async () => live.pop() !== undefined,
  };
  const organizations: Pick<Organizations, "get"> = { get: async () => ({ ...organization, sealedWebhookSecret: "" }) };
  const ids = { next: () => `ak_${String(++made).padStart(26, "0")}` as never };
  const deps = { apiKeys, organizations, ids, clock: { now: () => now } };
  const issue = async (key?: string) => (await issueApiKey(deps, "o_1", { name: "k", key })).apiKey.key;
  return { authenticate: createAuthenticate(deps), issue, lookups, revoke: () => live.pop(), pass: (ms: number) => void (now += ms) };
}

describe("authenticate", () => {
  it("looks a valid key up once in 30 seconds, and refuses it after that when it was revoked", async () => {
    const { authenticate, issue, lookups, revoke, pass } = bench();
    const key = await issue();
    expect(await authenticate(key)).toEqual(organization);
    revoke();
    pass(API_KEY_CACHE_MS - 1);
    expect(await authenticate(key)).toEqual(organization);
    expect(lookups).toHaveLength(1);
    pass(1);
    expect(await authenticate(key)).toBeNull();
    expect(lookups).toHaveLength(2);
  });

  it("remembers no refusal: a key works as soon as it is there", async () => {
    const { authenticate, issue } = bench();
    expect(await authenticate("imported")).toBeNull();
    await issue("imported");
    expect(await authenticate("imported")).toEqual(organization);
  });

  it("looks a key of our own up by its public part, and another by no part of the key itself", async () => {
    const { authenticate, lookups } = bench();
    await authenticate("pf_01JDXAMPLE0000000000000000_c2VjcmV0LXNlY3JldC1zZWNyZXQ");
    await authenticate("legacy-key-of-some-other-system");
    expect(lookups).toEqual(["pf_01JDXAMPLE0000000000000000", expect.stringMatching(/^sha256_[0-9a-f]{16}$/)]);
  });

  it("refuses a key that has the public part of another", async () => {
    const { authenticate, issue } = bench();
    const key = await issue();
    expect(await authenticate(`${key.slice(0, -1)}${key.endsWith("A") ? "B" : "A"}`)).toBeNull();
    expect(await authenticate(key.slice(0, 30))).toBeNull();
  });
});

it("compares secrets of any length", () => {
  expect([isSameSecret("a", "a"), isSameSecret("a", "b"), isSameSecret("", "a"), isSameSecret("aa", "a")]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
