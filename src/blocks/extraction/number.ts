/** `1 234,56` and `1'234.50` in groups of three, or digits with dots and commas, or a bare fraction (`.5`). */
const NUMBER = /(?<!\d)\d{1,3}(?:[\u0020\u00a0\u2009\u202f'’]\d{3}(?!\d))+(?:[.,]\d+)*|\d+(?:[.,]\d+)*|[.,]\d+/gu;
const GROUP_SEPARATORS = /[\u0020\u00a0\u2009\u202f'’]/gu;

/**
 * Reads the one number in a text as people write them: with thousands separators, a currency, a unit or words around it, a minus sign of any
 * kind or accounting parentheses. A percentage is its number.
 *
 * Where `.` and `,` both occur, the last is the decimal separator. One that occurs several times groups thousands. A single one groups
 * thousands when exactly three digits follow and one to three digits other than a lone 0 precede (`1,234`, `1.234`, but not `0.125`), unless
 * `decimal` says that it is the decimal separator.
 * @param decimal the decimal separator, where the page's numbers could be read in two ways
 * @returns null when there is no number, or more than one
 */
export function parseNumber(text: string, decimal?: "." | ","): number | null {
  const found = [...text.matchAll(NUMBER)];
  const match = found[0];
  if (match === undefined || found.length > 1) return null;
  const digits = plainDigits(match[0].replaceAll(GROUP_SEPARATORS, ""), decimal);
  if (digits === null) return null;
  const value = Number(digits);
  return isNegative(text, match.index, match.index + match[0].length) ? -value : value;
}

/** `1.234,56` → `1234.56`; null when the separators make no number (`1,23,4.5.6`, `12.30.45`). */
function plainDigits(number: string, decimal: "." | "," | undefined): string | null {
  const separator = decimal ?? decimalSeparatorOf(number);
  const [whole = "", fraction, ...more] = separator === null ? [number] : number.split(separator);
  if (more.length > 0 || /[.,]/.test(fraction ?? "")) return null;
  if (/[.,]/.test(whole) && !/^\d{1,3}(?:([.,])\d{2,3}(?:\1\d{2,3})*)?[.,]\d{3}$/.test(whole)) return null; // two digits: 12,34,567 of India
  const plain = whole.replaceAll(/[.,]/g, "");
  return fraction === undefined ? plain : `${plain || "0"}.${fraction}`;
}

/** @returns null when every separator in it groups thousands, or there is none */
function decimalSeparatorOf(number: string): "." | "," | null {
  const dots = number.split(".").length - 1;
  const commas = number.split(",").length - 1;
  if (dots > 0 && commas > 0) return number.lastIndexOf(".") > number.lastIndexOf(",") ? "." : ",";
  if (dots + commas !== 1 || /^[1-9]\d{0,2}[.,]\d{3}$/.test(number)) return null;
  return dots === 1 ? "." : ",";
}

/**
 * A minus sign directly before the number or its currency (`-$5`, `$-5`, `−5`) or behind it (`5-`), or an accountant's parentheses around an
 * amount (`(5.00)`, `($5)`; but `(5)` is how pages write a count).
 */
function isNegative(text: string, start: number, end: number): boolean {
  const before = text.slice(0, start);
  const after = text.slice(end);
  if (/(?:^|[\s(:])[-−–]\s*\p{Sc}?\s*$/u.test(before) || /\p{Sc}\s*[-−–]$/u.test(before) || /^[-−](?:\s|$)/u.test(after)) return true;
  const isAmount = /\p{Sc}/u.test(text) || /[.,]/.test(text.slice(start, end));
  return isAmount && /\(\s*\p{Sc}?\s*$/u.test(before) && /^\s*\p{Sc}?\s*\)/u.test(after);
}
