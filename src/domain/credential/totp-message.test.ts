import { describe, expect, it } from "vitest";
import { findTotpCode } from "./totp-message.ts";

describe("the one-time code in a message", () => {
  it.each([
    ["123456", "123456"],
    [" A1B2-C3 ", "A1B2-C3"],
    ["Your code is 123456.", "123456"],
    ["123 456 is your Shop verification code", "123456"],
    ["G-482913 is your verification code. Do not share it with anyone.", "482913"],
    ["Order 20391 is ready. 482913 is your code, not 5551", "482913"],
    ["Order 20391: your code is 918273. Call 5551234 for help.", "918273"],
    ["Ihr Bestätigungscode lautet 4821. Gültig 10 Minuten.", "4821"],
    ["Subject: Log in\n\nUse this code:\n\n  771 204\n\nIt expires in 10 minutes.", "771204"],
    ["Your code is 123456. Again: 123456", "123456"],
    ["Código: 99887766, pedido 1234567", "99887766"],
  ])("%j: %s", (content, code) => {
    expect(findTotpCode(content)).toEqual({ ok: true, code });
  });

  it.each([
    ["nothing", "   "],
    ["a text without a number", "Your code will be sent soon."],
    ["amounts, times, dates and telephone numbers only", "You paid $12345 on 2026/10/04 at 10:4500, +15551234567"],
    ["two numbers, both called a code", "Your code is 1234 or the code 5678."],
  ])("is refused in %s, without repeating the text", (_, content) => {
    const found = findTotpCode(content);
    expect(found).toMatchObject({ ok: false });
    for (const digits of content.match(/\d{4,}/g) ?? []) expect(!found.ok && found.message).not.toContain(digits);
  });
});
