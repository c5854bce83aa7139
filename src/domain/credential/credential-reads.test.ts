import { describe, expect, it } from "vitest";
import { checkCredentialReads, credentialReads } from "./credential-reads.ts";
import { parseExpression } from "../expression.ts";

const keys = new Set(["login"]);
const reads = (source: string) => credentialReads(parseExpression(source), keys).map(({ field, computed }) => (computed ? "?" : field));

describe("what an expression reads of a credential", () => {
  it.each([
    ["{{ login.password }}", ["password"]],
    ["{{ login['password'] }}", ["password"]],
    ["{{ login }}", [null]],
    ["{{ login | upper }}", [null]],
    ["{{ login.username ~ ':' ~ login.password }}", ["username", "password"]],
    ["{{ (login.totp | default('none')).strip() }}", ["totp"]],
    ["Basic {{ login.password if login else 'none' }}", ["password", null]],
    ["{% if other.login %}{{ login.totp }}{% endif %}", ["totp"]],
    ["{% for c in login.password %}{{ c }}{% endfor %}", ["password"]],
    ["{{ { 'a': [login.password] } }}", ["password"]],
    ["{{ login[field] }}", ["?"]],
    ["{{ other.password }}", []],
  ])("%s: %j", (source, expected) => {
    expect(reads(source)).toHaveLength(expected.length);
    expect(reads(source)).toEqual(expect.arrayContaining(expected));
  });
});

describe("the check of what is read", () => {
  const check = (source: string, mayRead = true) => checkCredentialReads(parseExpression(source), keys, mayRead);

  it.each(["{{ login.password }}", "{{ login.billing_city }}", "{{ login.secret_value }}", "{{ login }}"])(
    "lets %s pass where secrets may be used",
    (source) => {
      expect(check(source)).toEqual([]);
    },
  );

  it("refuses a field that no credential has, with the nearest name", () => {
    expect(check("{{ login.pasword }}")).toMatchObject([
      { code: "undefined_name", message: "'login.pasword' is not defined; did you mean 'login.password'?" },
    ]);
  });

  it("refuses a field that only the run would know", () => {
    expect(check("{{ login[field] }}")).toMatchObject([{ code: "invalid_expression" }]);
  });

  it("refuses every field where the value would be kept, and lets the id pass", () => {
    expect(check("{{ login.username }}", false)).toMatchObject([
      { code: "invalid_expression", message: expect.stringContaining("'login.username'") },
    ]);
    expect(check("{{ login }}", false)).toEqual([]);
  });
});
