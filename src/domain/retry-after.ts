/**
 * The wait that a `Retry-After` header asks for (RFC 9110, 10.2.3): whole seconds, or a date.
 * @param now milliseconds since the epoch, for the date form
 * @returns milliseconds, 0 or more; null when the header is absent or says nothing that can be read
 */
export function parseRetryAfter(value: string | undefined, now: number): number | null {
  const text = value?.trim() ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  if (!text.endsWith("GMT")) return null; // every HTTP date ends so, except asctime's, which nobody sends
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
