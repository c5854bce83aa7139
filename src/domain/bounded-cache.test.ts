import { expect, it } from "vitest";
import { BoundedCache } from "./bounded-cache.ts";

it("drops what was used longest ago when the weight is over the bound", () => {
  const cache = new BoundedCache<string, number>(3);
  cache.set("a", 1);
  cache.set("b", 2);
  cache.set("c", 3);
  cache.get("a");
  cache.set("d", 4, 2);
  expect(["a", "b", "c", "d"].map((key) => cache.get(key))).toEqual([1, undefined, undefined, 4]);
});

it("counts the weight of a replaced entry once", () => {
  const cache = new BoundedCache<string, number>(3);
  cache.set("a", 1);
  for (let value = 0; value < 10; value++) cache.set("b", value, 2);
  expect([cache.get("a"), cache.get("b")]).toEqual([1, 9]);
});

it("does not keep what is heavier than the whole, and keeps the rest", () => {
  const cache = new BoundedCache<string, number>(3);
  cache.set("a", 1);
  cache.set("huge", 2, 4);
  expect([cache.get("a"), cache.get("huge")]).toEqual([1, undefined]);
});
