import { describe, expect, it } from "vitest";
import { readRefusal } from "./unavailable.ts";

const idle = { timeUntilNextAllowedBrowserAcquisition: 0 };

describe("readRefusal", () => {
  it("takes the platform's time from its limits", () => {
    const message = "Unable to create new browser: code: 429: message: Rate limit exceeded";
    expect(readRefusal(message, { timeUntilNextAllowedBrowserAcquisition: 12_500 })).toEqual({ retryAfterMs: 12_500 });
  });

  it.each([
    ["Unable to create new browser: code: 429: message: Too many requests, Retry-After: 20", 20_000],
    ['Unable to create new browser: code: 429: message: {"error":"limit","retry-after":"7"}', 7000],
    ["Unable to create new browser: code: 429: message: try again in 1.5 seconds", 1500],
  ])("reads the time that is named in %j", (message, retryAfterMs) => {
    expect(readRefusal(message, idle)).toEqual({ retryAfterMs });
    expect(readRefusal(message, null)).toEqual({ retryAfterMs });
  });

  it("takes the longer of two times", () => {
    const message = "Unable to create new browser: code: 429: message: retry after 5";
    expect(readRefusal(message, { timeUntilNextAllowedBrowserAcquisition: 9000 })).toEqual({ retryAfterMs: 9000 });
  });

  it("knows of no time when nobody names one", () => {
    expect(readRefusal("Unable to create new browser: code: 503: message: no browser available", idle)).toEqual({ retryAfterMs: null });
  });

  it.each(["Unable to create new browser: code: 500: message: Chrome crashed after 30 s", "TypeError: fetch failed", "code: 4290"])(
    "does not take %j for a lack of browsers",
    (message) => {
      expect(readRefusal(message, { timeUntilNextAllowedBrowserAcquisition: 1000 })).toBeNull();
    },
  );
});
