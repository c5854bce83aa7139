import { isJsonObject } from "../json.ts";

/** Skyvern: a text so long or shorter is the code itself. */
const MAX_CODE_LENGTH = 10;
const MAX_PULLED_LENGTH = 100;
export const MAX_MESSAGE_LENGTH = 20_000;

/** Words beside which a code stands in a message, in some of the languages that services write in. */
const CODE_WORDS = String.raw`\b\w*(?:code|otp|pin|passcode|password|token|verification|código|codigo|codice|kode)\b`;
/** 4 to 10 digits, also written as two groups (`123 456`) or after a letter (`G-123456`), and not a part of something longer. */
const NUMBER = String.raw`(?<![\w.,:/#$€£+-])(?:[A-Z]-)?(\d{3}[ -]\d{3}|\d{4}[ -]\d{4}|\d{4,10})(?![\w/€£%]|[.,:-]\d)`;

const ANY_NUMBER = new RegExp(NUMBER, "gu");
/** `your code is 123456`, `code: 123456` */
const AFTER_WORD = new RegExp(String.raw`${CODE_WORDS}[^\d.,;!?]{0,30}?${NUMBER}`, "giu");
/** `123456 is your verification code` */
const BEFORE_WORD = new RegExp(String.raw`${NUMBER}[^\d.,;!?]{0,40}?${CODE_WORDS}`, "giu");

export type FoundCode = { readonly ok: true; readonly code: string } | { readonly ok: false; readonly message: string };

/**
 * The one-time code in a message. A text of at most 10 characters is the code. In a longer one it is the only number of 4 to 10 digits; of several,
 * the only one after a word such as "code", or, where none stands so, the only one before such a word. No model is asked; what is not clear is refused, and the
 * refusal does not repeat the text.
 */
export function findTotpCode(content: string): FoundCode {
  const text = content.trim();
  if (text === "") return { ok: false, message: "must not be empty" };
  if (text.length <= MAX_CODE_LENGTH) return { ok: true, code: text };
  const all = numbersBy(ANY_NUMBER, text);
  if (all.length === 0) return { ok: false, message: "has no number of 4 to 10 digits in it; send the code itself" };
  const after = numbersBy(AFTER_WORD, text);
  const found = all.length === 1 ? all : after.length > 0 ? after : numbersBy(BEFORE_WORD, text);
  const [code, ...others] = found;
  if (code !== undefined && others.length === 0) return { ok: true, code };
  return { ok: false, message: `has ${all.length} numbers that may be the code; send the code itself` };
}

function numbersBy(pattern: RegExp, text: string): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, digits = ""]) => digits.replaceAll(/[ -]/g, "")))];
}

/** The code in the answer of a server that was asked for one: `{"verification_code":"123456"}`. Null when there is none yet. */
export function readVerificationCode(body: string): string | null {
  try {
    const answer: unknown = JSON.parse(body);
    const code = isJsonObject(answer) ? answer.verification_code : null;
    const text = typeof code === "string" || typeof code === "number" ? String(code).trim() : "";
    return text === "" || text.length > MAX_PULLED_LENGTH ? null : text;
  } catch {
    return null; // it is asked again
  }
}
