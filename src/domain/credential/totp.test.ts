import { describe, expect, it } from "vitest";
import { readTotpSecret, totpCode } from "./totp.ts";

/** The secret of RFC 6238's test vectors, `12345678901234567890`, in base32. */
const RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

function codeOf(text: string, at: number) {
  const read = readTotpSecret(text);
  if (!read.ok) throw new Error(read.message);
  return totpCode(read.totp, at);
}

describe("codes of an authenticator's secret", () => {
  it.each([
    [59, "94287082"],
    [1111111109, "07081804"],
    [1111111111, "14050471"],
    [1234567890, "89005924"],
    [2000000000, "69279037"],
    [20000000000, "65353130"],
  ])("are those of RFC 6238, appendix B, at %i s", (seconds, code) => {
    expect(codeOf(`otpauth://totp/x?secret=${RFC_SECRET}&digits=8`, seconds * 1000).code).toBe(code);
  });

  it("have six digits from a bare secret, however it is written", () => {
    for (const text of [RFC_SECRET, RFC_SECRET.toLowerCase(), ` ${RFC_SECRET.replaceAll(/(.{4})/g, "$1 ")}`, `${RFC_SECRET}====`]) {
      expect(codeOf(text, 59_000).code).toBe("287082");
    }
  });

  it("say how long they hold", () => {
    expect(codeOf(RFC_SECRET, 0).secondsLeft).toBe(30);
    expect(codeOf(RFC_SECRET, 28_500).secondsLeft).toBe(2);
    expect(codeOf(`otpauth://totp/x?secret=${RFC_SECRET}&period=60`, 30_000).secondsLeft).toBe(30);
  });

  it.each([
    ["not base32 text", "1890!"],
    ["an empty address", "otpauth://"],
    ["an address without a secret", "otpauth://totp/x?issuer=y"],
    ["a secret that is too short", "A"],
    ["an address of counted codes", `otpauth://hotp/x?secret=${RFC_SECRET}&counter=1`],
  ])("refuses %s without repeating it", (_, text) => {
    const read = readTotpSecret(text);
    expect(read).toMatchObject({ ok: false });
    expect(!read.ok && read.message).not.toContain(RFC_SECRET);
  });
});
