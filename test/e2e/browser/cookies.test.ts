import { beforeEach, describe, expect, it } from "vitest";
import { actions } from "../../../src/blocks/actions.ts";
import type { Json, JsonObject } from "../../../src/domain/json.ts";
import { at, browserOfFile, leaseBrowser, runBlock, show } from "./harness.ts";

const one = await browserOfFile();

const run = async (...steps: JsonObject[]) => (await runBlock(actions, one.page, { steps })).output;
const get = { action: "get_cookies", name: "cookies" };
const IN_A_WEEK = new Date(Math.ceil(Date.now() / 1000) * 1000 + 7 * 86_400_000).toISOString();
const goto = (path: string) => ({ action: "goto", url: at(path) });
const namesOf = (cookies: Json | undefined) => (cookies as { name: string }[]).map(({ name }) => name).toSorted();

describe("cookies", () => {
  beforeEach(async () => void (await run({ action: "clear_cookies" })));

  it("of the page are read, also those that scripts do not see, and put back as they were", async () => {
    const { cookies } = await run(goto("/set-cookie?value=ann"), get);
    expect(cookies).toEqual([
      {
        name: "kept",
        value: "ann",
        domain: "127.0.0.1",
        path: "/",
        expires: expect.any(Number),
        http_only: false,
        secure: false,
        same_site: "Lax",
      },
      { name: "visitor", value: "ann", domain: "127.0.0.1", path: "/", http_only: true, secure: false },
    ]);
    const output = await run({ action: "clear_cookies" }, { ...get, name: "none" }, { action: "set_cookies", cookies: cookies! }, get);
    expect(output).toMatchObject({ none: [], cookies });
  });

  it("are set for a site before it is visited, and reach it", async () => {
    const output = await run(
      {
        action: "set_cookies",
        cookies: [
          { name: "a", value: 1, url: at("/") },
          { name: "b", value: "x", domain: "127.0.0.1", path: "/cookies", expires: IN_A_WEEK, http_only: true, same_site: "Strict" },
          { name: "c", value: "y", domain: ".example.com", secure: true, same_site: "None" },
        ],
      },
      goto("/cookies"),
      { action: "extract", name: "page", fields: { sent: "#cookies" } },
      get,
      { action: "get_cookies", name: "example", url: "https://shop.example.com/" },
      { action: "get_cookies", name: "named", names: ["a"] },
    );
    expect(output["page"]).toEqual({ sent: "b=x; a=1" });
    expect(output["cookies"]).toMatchObject([{ name: "a" }, { name: "b", expires: Date.parse(IN_A_WEEK) / 1000 }]);
    expect([output["example"], output["named"]].map(namesOf)).toEqual([["c"], ["a"]]);
  });

  it("are deleted by name, host and address", async () => {
    const cookie = (name: string, domain: string) => ({ name, value: "1", domain, path: "/" });
    const all = [cookie("a", "127.0.0.1"), cookie("b", "127.0.0.1"), cookie("a", ".example.com"), cookie("d", "other.test")];
    const left = async (filter: JsonObject) => {
      await run({ action: "clear_cookies" }, { action: "set_cookies", cookies: all }, { action: "clear_cookies", ...filter });
      return (await one.lease.cookies()).map(({ name, domain }) => JSON.stringify([name, domain])).toSorted();
    };
    expect(await left({ names: ["a"] })).toEqual(['["b","127.0.0.1"]', '["d","other.test"]']);
    expect(await left({ domain: "example.com" })).toEqual(['["a","127.0.0.1"]', '["b","127.0.0.1"]', '["d","other.test"]']);
    expect(await left({ url: "http://127.0.0.1/", names: ["b"] })).toEqual([
      '["a",".example.com"]',
      '["a","127.0.0.1"]',
      '["d","other.test"]',
    ]);
  });

  it("that the browser does not take are named without their values, and the others are set", async () => {
    const cookies = [
      { name: "good", value: "1", domain: "127.0.0.1" },
      { name: "bad", value: "s3cret".repeat(1_000), domain: "127.0.0.1" },
    ];
    const failure = run({ action: "set_cookies", cookies });
    await expect(failure).rejects.toThrow('steps[0] set_cookies good, bad: the browser does not take cookies[1] "bad" (127.0.0.1)');
  });

  it.each<[string, JsonObject, RegExp]>([
    ["no site", { name: "a", value: "1" }, /a cookie needs exactly one of url, domain/],
    ["two sites", { name: "a", value: "1", url: "http://a.test", domain: "a.test" }, /exactly one of url, domain/],
    ["an address of no site", { name: "a", value: "1", url: "ftp://a.test" }, /absolute http\(s\) address/],
    ["a domain with a scheme", { name: "a", value: "1", domain: "https://a.test" }, /must be a host without scheme/],
    ["SameSite=None without secure", { name: "a", value: "1", domain: "a.test", same_site: "None" }, /goes with `secure: true`/],
    ["an unknown SameSite", { name: "a", value: "1", domain: "a.test", same_site: "lax" }, /same_site/],
    ["an expiry that is no date", { name: "a", value: "1", domain: "a.test", expires: "tomorrow" }, /seconds since the epoch/],
    ["a value with ;", { name: "a", value: "1; domain=b", domain: "a.test" }, /may hold no ;/],
    ["a name with =", { name: "a=b", value: "1", domain: "a.test" }, /may hold no spaces/],
    ["a prefix without secure", { name: "__Secure-a", value: "1", domain: "a.test" }, /`secure: true`/],
  ])("are refused with %s", (_, cookie, message) => {
    expect(() => actions.config.parse({ steps: [{ action: "set_cookies", cookies: [cookie] }] })).toThrow(message);
  });
});

describe("storage", () => {
  it("of the page's origin is written, read and emptied", async () => {
    await show(one.page, "<title>Stores</title>");
    const get = (name: string, more: JsonObject = {}) => ({ action: "get_storage", name, ...more });
    const output = await run(
      { action: "clear_storage" },
      { action: "set_storage", entries: { cart: "desk", count: 2 } },
      { action: "set_storage", entries: { cart: "chair", other: "x" } },
      { action: "set_storage", kind: "session", entries: { step: "3" } },
      { action: "evaluate", script: "[localStorage.cart, localStorage.count, sessionStorage.step]", name: "seen" },
      get("local"),
      get("session", { kind: "session" }),
      get("some", { keys: ["count", "missing"] }),
      { action: "clear_storage", keys: ["cart"] },
      get("rest"),
    );
    expect(output["seen"]).toEqual(["chair", "2", "3"]);
    expect(output).toMatchObject({ local: { cart: "chair", count: "2" }, session: { step: "3" }, some: { count: "2" } });
    expect(output["rest"]).toEqual({ count: "2", other: "x" });
  });

  it("of a document without storage, and one that is full, are told of", async () => {
    const empty = await leaseBrowser();
    const failure = runBlock(actions, empty.page, { steps: [{ action: "set_storage", entries: { a: "1" } }] });
    await expect(failure).rejects.toThrow("steps[0] set_storage a: this document has no storage");
    await empty.close();
    await show(one.page, "<title>Full</title>");
    await expect(run({ action: "set_storage", entries: { a: "s".repeat(6_000_000) } })).rejects.toThrow(/does not take this: .*quota/);
  });
});
