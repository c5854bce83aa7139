import { describe, expect, it } from "vitest";
import { parseRetryAfter } from "./retry-after.ts";

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0);

describe("parseRetryAfter", () => {
  it.each<[header: string | undefined, ms: number | null]>([
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7_000],
    ["Sun, 22 Nov 2026 12:00:30 GMT", 30_000],
    ["Sunday, 22-Nov-26 12:01:00 GMT", 60_000],
    ["Sun, 22 Nov 2026 11:00:00 GMT", 0],
    [undefined, null],
    ["", null],
    ["-5", null],
    ["1.5", null],
    ["soon", null],
    ["soon GMT", null],
    ["2026-11-22T12:00:30Z", null],
  ])("reads %j as %s ms", (header, ms) => {
    expect(parseRetryAfter(header, NOW)).toBe(ms);
  });
});
