/** A single message is cut. */
const MAX_TEXT = 5_000;

export function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
