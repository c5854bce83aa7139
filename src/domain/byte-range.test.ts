import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseByteRange } from "./byte-range.ts";

describe("a Range header for a file of 10 bytes", () => {
  it.each([
    [undefined, null],
    ["bytes=0-3", { offset: 0, length: 4 }],
    ["Bytes = 2-2", { offset: 2, length: 1 }],
    ["bytes=4-", { offset: 4, length: 6 }],
    ["bytes=4-999", { offset: 4, length: 6 }],
    ["bytes=-3", { offset: 7, length: 3 }],
    ["bytes=-99", { offset: 0, length: 10 }],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=5-2", null],
    ["bytes=0-1,4-5", null],
    ["bytes=-", null],
    ["lines=0-3", null],
    ["bytes=a-b", null],
  ])("%s means %j", (header, meant) => {
    expect(parseByteRange(header, 10)).toEqual(meant);
  });

  it("never leads outside of the file", () => {
    const number = fc.option(fc.nat(50), { nil: "" });
    fc.assert(
      fc.property(number, number, fc.nat(40), (first, last, size) => {
        const range = parseByteRange(`bytes=${first}-${last}`, size);
        if (range === null || range === "unsatisfiable") return;
        expect(range.length).toBeGreaterThan(0);
        expect(range.offset + range.length).toBeLessThanOrEqual(size);
      }),
    );
  });
});
