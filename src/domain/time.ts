/** An instant as the API writes it: ISO 8601, UTC, with milliseconds and `Z`. (`Date` is arithmetic here, not a clock.) */
export function formatInstant(at: number): string {
  return new Date(at).toISOString();
}

export function formatInstantOrNull(at: number | null): string | null {
  return at === null ? null : formatInstant(at);
}
