import { expect, it } from "vitest";
import { ID_PREFIXES, isId, type IdTypes } from "../domain/id.ts";
import { createIds } from "./ids.ts";

it("makes ids of the right form for every kind", () => {
  const ids = createIds(() => 1_700_000_000_000);
  for (const kind of Object.keys(ID_PREFIXES) as (keyof IdTypes)[]) expect(isId(kind, ids.next(kind))).toBe(true);
});

it("makes ids that sort as they were made, while the clock stands still or goes back", () => {
  const times = [5000, 5000, 5000, 4000, 6000];
  const ids = createIds(() => times.shift()!);
  const made = Array.from({ length: 5 }, () => ids.next("run"));
  expect(made.toSorted()).toEqual(made);
  expect(new Set(made).size).toBe(made.length);
});
