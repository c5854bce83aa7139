import type { LimitsResponse } from "@cloudflare/puppeteer";

/**
 * Is this refusal of a new browser one that passes by itself? `@cloudflare/puppeteer` throws a plain `Error("Unable to create new browser:
 * code: 429: message: …")`, without status or headers, so the text is all there is.
 * @param message of the error that was thrown
 * @param limits what the platform says of its limits just now; null when it did not say
 * @returns null when it is no matter of capacity; otherwise when to ask again, in milliseconds, null if nobody named a time
 */
export function readRefusal(
  message: string,
  limits: Pick<LimitsResponse, "timeUntilNextAllowedBrowserAcquisition"> | null,
): { retryAfterMs: number | null } | null {
  const status = /\bcode: (\d{3})\b/.exec(message)?.[1];
  if (status !== "429" && status !== "503" && !/\b(rate limit|concurrent|too many|no browser available)/i.test(message)) return null;
  const seconds =
    /retry[- ]after["']?\s*[:=]?\s*["']?(\d+(?:\.\d+)?)/i.exec(message)?.[1] ??
    /\b(?:in|after) (\d+(?:\.\d+)?) ?s(?:ec(?:ond)?s?)?\b/i.exec(message)?.[1];
  const waits = [seconds === undefined ? 0 : Number(seconds) * 1000, limits?.timeUntilNextAllowedBrowserAcquisition ?? 0];
  const longest = Math.ceil(Math.max(...waits));
  return { retryAfterMs: longest > 0 ? longest : null };
}
