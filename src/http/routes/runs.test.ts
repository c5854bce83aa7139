import { expect, it } from "vitest";
import { preferredWait } from "./runs.ts";

it.each<[string | undefined, number]>([
  [undefined, 0],
  ["", 0],
  ["wait=5", 5],
  ["respond-async, wait=10", 10],
  ['wait="7"; foo', 7],
  ["WAIT = 3", 3],
  ["wait=600", 60],
  ["wait=-1", 0],
  ["wait=1.5", 0],
  ["await=5", 0],
  ["wait=soon", 0],
])("preferredWait reads %j as %d seconds", (header, seconds) => {
  expect(preferredWait(header)).toBe(seconds);
});
