/** One-time codes of authenticator apps (RFC 6238), by the library `otpauth`. Time is an argument. */
import { Secret, TOTP, URI } from "otpauth";
import type { OrganizationId, TotpCodeId } from "../id.ts";

/** Seconds that a code must still be good for; a block that is given one with less left waits for the next. */
export const MIN_SECONDS_LEFT = 3;

export type ReadTotp = { readonly ok: true; readonly totp: TOTP } | { readonly ok: false; readonly message: string };

/**
 * Reads a secret as apps show it: base32 in any case, with spaces or dashes, or an `otpauth://totp/…` address with its own digits, period and
 * algorithm. The message never repeats the text.
 */
export function readTotpSecret(text: string): ReadTotp {
  const given = text.trim();
  if (/^otpauth:/i.test(given)) {
    try {
      const parsed = URI.parse(given);
      if (parsed instanceof TOTP) return parsed.secret.bytes.length === 0 ? tooShort : { ok: true, totp: parsed };
      return { ok: false, message: "is an otpauth address of the type hotp, whose codes are counted; only totp, by time, is supported" };
    } catch {
      return {
        ok: false,
        message: "is not a valid otpauth address; it looks like otpauth://totp/Shop:ann?secret=JBSWY3DPEHPK3PXP&issuer=Shop",
      };
    }
  }
  const base32 = given.replaceAll(/[\s-]/g, "").replace(/=+$/, "").toUpperCase();
  if (!/^[A-Z2-7]+$/.test(base32)) {
    return { ok: false, message: "is neither base32 text (the letters A to Z and the digits 2 to 7) nor an otpauth://totp/ address" };
  }
  const secret = Secret.fromBase32(base32);
  return secret.bytes.length === 0 ? tooShort : { ok: true, totp: new TOTP({ secret }) };
}

const tooShort = { ok: false, message: "is too short to be a secret" } as const;

/** @param at milliseconds since the epoch */
export function totpCode(totp: TOTP, at: number): { readonly code: string; readonly secondsLeft: number } {
  return { code: totp.generate({ timestamp: at }), secondsLeft: Math.max(1, Math.ceil(totp.remaining({ timestamp: at }) / 1000)) };
}

/** What a code that was sent in was sealed for. */
export function totpCodePurpose(organizationId: OrganizationId, totpCodeId: TotpCodeId): string {
  return `totp-code:${organizationId}:${totpCodeId}`;
}
