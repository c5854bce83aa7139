import { describe, expect, it } from "vitest";
import { faultsOf } from "../workflow/schema-faults.ts";
import { storageStateSchema, toMemory } from "./storage-state.ts";

const cookie = { name: "session", value: "s3cret", domain: "shop.example" };
const faultsIn = (value: unknown) => {
  const parsed = storageStateSchema.safeParse(value);
  return parsed.success ? [] : faultsOf(parsed.error, storageStateSchema).map(({ path }) => path);
};

describe("a storage state", () => {
  it("is read as Playwright writes it", () => {
    const state = storageStateSchema.parse({
      cookies: [{ ...cookie, path: "/", expires: -1, httpOnly: true, secure: true, sameSite: "None" }],
      origins: [{ origin: "https://shop.example", localStorage: [{ name: "cart", value: "desk" }] }],
    });
    expect(toMemory(state)).toEqual({
      cookies: [{ ...cookie, path: "/", httpOnly: true, secure: true, session: true, sameSite: "None" }],
      origins: [{ origin: "https://shop.example", local: { cart: "desk" } }],
      pages: [],
    });
  });

  it("is read as browser extensions export cookies", () => {
    const exported = { ...cookie, hostOnly: true, session: false, storeId: "0", expirationDate: 2e9, sameSite: "unspecified" };
    expect(toMemory(storageStateSchema.parse([exported])).cookies).toEqual([
      { ...cookie, path: "/", httpOnly: false, secure: false, session: false, expires: 2e9 },
    ]);
  });

  it("is refused with the path of every fault, and without what was sent", () => {
    const sent = [
      { ...cookie, name: "a=b" },
      { ...cookie, value: "a;b" },
      { ...cookie, domain: "https://shop.example/" },
      { ...cookie, sameSite: "None" },
      { ...cookie, name: "__Host-x", secure: true, domain: ".shop.example" },
      { ...cookie, sameSite: "sometimes" },
      { ...cookie, tasty: true },
    ];
    expect(faultsIn(sent)).toEqual([
      "cookies[0].name",
      "cookies[1].value",
      "cookies[2].domain",
      "cookies[3].secure",
      "cookies[4].path",
      "cookies[5].sameSite",
      "cookies[6].tasty",
    ]);
    const wrong = [{ origin: "shop.example", localStorage: [] }, { origin: "https://shop.example/cart" }];
    expect(faultsIn({ cookies: [], origins: wrong })).toEqual(["origins[0].origin", "origins[1].origin"]);
    const parsed = storageStateSchema.safeParse([{ ...cookie, value: "s3cret;" }]);
    expect(JSON.stringify(parsed.error?.issues)).not.toContain("s3cret");
  });
});
