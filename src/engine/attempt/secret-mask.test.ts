import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MASK, SecretMask } from "./secret-mask.ts";

function maskOf(...values: string[]): SecretMask {
  const mask = new SecretMask();
  for (const value of values) mask.add(value);
  return mask;
}

const SECRET = "p\"ä ss&<w>/+ö?rd'%";

describe("a secret is masked", () => {
  it.each<[string, (secret: string) => string]>([
    ["as it is", (secret) => `the password is ${secret}.`],
    ["in JSON", (secret) => JSON.stringify({ password: secret })],
    ["in JSON within JSON", (secret) => JSON.stringify({ body: JSON.stringify({ password: secret }) })],
    ["in a URL", (secret) => `https://a.example/?q=${encodeURIComponent(secret)}`],
    ["in a URL with codes in lower case", (secret) => encodeURIComponent(secret).replaceAll(/%../g, (code) => code.toLowerCase())],
    ["in a form", (secret) => new URLSearchParams({ user: "ann", password: secret }).toString()],
    [
      "in HTML",
      (secret) =>
        `<input value="${secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;")}">`,
    ],
    ["in base64", (secret) => Buffer.from(secret).toString("base64")],
    ["in a Basic header", (secret) => `Basic ${Buffer.from(`ann@example.com:${secret}`).toString("base64")}`],
    ["in a Basic header of another length", (secret) => `Basic ${Buffer.from(`anna@example.com:${secret}`).toString("base64")}`],
    ["in base64url", (secret) => Buffer.from(`x${secret}y`).toString("base64url")],
    ["in hexadecimal", (secret) => Buffer.from(secret).toString("hex")],
  ])("%s", (_, write) => {
    for (const secret of [SECRET, "correct horse battery", "hunter22"]) {
      const text = write(secret);
      const masked = maskOf(secret).text(text);
      expect(masked).toContain(MASK);
      expect(masked).not.toContain(secret);
      expect(masked.length).toBeLessThan(text.length);
    }
  });

  it("in every text, name and number of a value", () => {
    const mask = maskOf("123456", "hunter22");
    expect(mask.json({ a: ["hunter22!", { hunter22: 1 }], code: 123456, other: 1234567, no: null, yes: true })).toEqual({
      a: [`${MASK}!`, { [MASK]: 1 }],
      code: MASK,
      other: 1234567,
      no: null,
      yes: true,
    });
  });

  it("when it is short, only where it is the whole of a text or a number", () => {
    const mask = maskOf("737");
    expect(mask.json({ cvv: "737", number: 737, text: "flight 737" })).toEqual({ cvv: MASK, number: MASK, text: "flight 737" });
  });

  it("whole, where one secret is the beginning of another", () => {
    expect(maskOf("hunter", "hunter22").text("hunter22 hunter")).toBe(`${MASK} ${MASK}`);
  });

  it("in artifacts that are text, and in no others", () => {
    const mask = maskOf("hunter22");
    const bytes = new TextEncoder().encode('{"p":"hunter22"}');
    expect(new TextDecoder().decode(mask.bytes("application/json; charset=utf-8", bytes))).toBe(`{"p":"${MASK}"}`);
    expect(mask.bytes("image/png", bytes)).toBe(bytes);
  });

  it("in errors for the log, with their causes", () => {
    const error = new Error("typing hunter22 failed", { cause: new TypeError("hunter22") });
    const masked = maskOf("hunter22").error(error) as Error;
    expect(JSON.stringify([masked.message, masked.stack, (masked.cause as Error).message, (masked.cause as Error).stack])).not.toContain(
      "hunter22",
    );
  });

  it("wherever it stands, whatever it is, and nothing else is changed", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, maxLength: 30, unit: "binary" }), fc.string(), fc.string(), (secret, before, after) => {
        const masked = maskOf(secret).text(before + secret + after);
        expect(masked).not.toContain(secret);
        fc.pre(!before.includes(secret) && !after.includes(secret));
        expect(masked).toContain(MASK);
      }),
    );
    const other = maskOf("no such secret");
    fc.assert(fc.property(fc.json(), (text) => other.text(text) === text));
  });
});
