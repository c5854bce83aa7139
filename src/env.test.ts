import { describe, expect, it } from "vitest";
import { readSettings } from "./env.ts";

function settingsOf(variables: Record<string, string>) {
  const secrets = { PILOTFISH_ADMIN_TOKEN: "a".repeat(16), PILOTFISH_ENCRYPTION_KEY: btoa("k".repeat(32)) };
  return readSettings({ ...secrets, ...variables } as unknown as Env);
}

describe("the service's own mail server", () => {
  const from = "Robot <robot@example.com>";

  it.each([
    [
      "smtps://robot:s%40fe@smtp.example.com",
      { host: "smtp.example.com", port: 465, tls: true, login: { username: "robot", password: "s@fe" } },
    ],
    ["smtp://smtp.example.com", { host: "smtp.example.com", port: 587, tls: false, login: null }],
    ["smtp://127.0.0.1:1025", { host: "127.0.0.1", port: 1025, tls: false, login: null }],
    ["smtp://[::1]:1025", { host: "::1", port: 1025, tls: false, login: null }],
  ])("is read from %s", (url, server) => {
    expect(settingsOf({ PILOTFISH_SMTP_URL: url, PILOTFISH_MAIL_FROM: from }).mail).toEqual({ server, from });
  });

  it("is there only with a sender", () => {
    expect(settingsOf({ PILOTFISH_SMTP_URL: "smtp://smtp.example.com" }).mail).toBeNull();
    expect(settingsOf({}).mail).toBeNull();
  });

  it.each([
    ["PILOTFISH_SMTP_URL", "https://smtp.example.com"],
    ["PILOTFISH_SMTP_URL", "smtp.example.com:587"],
    ["PILOTFISH_MAIL_FROM", "nobody"],
    ["PILOTFISH_MAIL_FROM", "Robot <robot@example.com>\r\nBcc: eve@example.com"],
  ])("is refused for %s = %j, without repeating what may be a password", (name, value) => {
    expect(() => settingsOf({ [name]: value })).toThrow(name);
    expect(() => settingsOf({ [name]: value })).not.toThrow(value);
  });
});
