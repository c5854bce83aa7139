import { describe, expect, inject, it } from "vitest";
import { createMailer } from "../../src/adapters/smtp-mailer.ts";
import type { Mail, MailServer } from "../../src/domain/mail.ts";
import { PATIENCE_MS } from "../patience.ts";
import { mailsTo, newAddress } from "./mail-client.ts";

const mailer = createMailer({ hosts: { allowedHosts: ["localhost", "127.0.0.1"] }, service: null });
const LOGIN = { username: "robot", password: "pä$$ word" };

type Kind = "plain" | "starttls" | "tls" | "untrusted";

function server(kind: Kind, login: MailServer["login"] = null): MailServer {
  return { host: "localhost", port: inject("mailPorts")[kind], tls: kind === "tls" || kind === "untrusted", login };
}

function mail(to: readonly string[], more: Partial<Mail> = {}): Mail {
  return {
    from: "Pilotfish <robot@example.test>",
    replyTo: null,
    to,
    subject: "Hello",
    text: "Hello.",
    attachments: [],
    key: crypto.randomUUID(),
    ...more,
  };
}

function send(sent: Mail, to: MailServer, timeoutMs = PATIENCE_MS, signal = new AbortController().signal) {
  return mailer.send(sent, { server: to, timeoutMs, signal });
}

describe("a mailer", () => {
  it.each(["plain", "starttls", "tls"] as const)("sends a mail to a server with %s", async (kind) => {
    const to = newAddress();
    expect(await send(mail([to]), server(kind))).toEqual({ accepted: [to], rejected: [] });
    const [received] = await mailsTo(to);
    expect(received).toMatchObject({ from: "robot@example.test", to: [to], user: null, secure: kind !== "plain" });
    expect(received?.source).toContain("From: Pilotfish <robot@example.test>\r\n");
    expect(received?.source).toContain("Subject: Hello\r\n");
    expect(received?.source).toMatch(/\r\n\r\nHello\.\r\n$/);
  });

  it.each(["plain", "starttls", "tls"] as const)("logs in at a server with %s", async (kind) => {
    const to = newAddress();
    await send(mail([to]), server(kind, LOGIN));
    expect(await mailsTo(to)).toMatchObject([{ user: "robot" }]);
  });

  it("sends attachments, byte for byte", async () => {
    const to = newAddress();
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 256);
    await send(mail([to], { attachments: [{ name: "Rechnung März.bin", contentType: "application/x-test", bytes }] }), server("plain"));
    const [received] = await mailsTo(to);
    const [, base64 = ""] = /Content-Type: application\/x-test[\s\S]*?\r\n\r\n([\w+/=\r\n]+)/.exec(received?.source ?? "") ?? [];
    expect(Uint8Array.from(atob(base64.replaceAll(/\s/g, "")), (character) => character.charCodeAt(0))).toEqual(bytes);
  });

  it("lets nothing in a value become a header or another recipient", async () => {
    const to = newAddress();
    const evil = "Hi\r\nBcc: eve@example.test\r\n\r\n.\r\nRCPT TO:<eve@example.test>";
    const attachments = [{ name: 'a"\r\nX-Evil: 1.txt', contentType: "text/plain\r\nX-Evil: 2", bytes: new Uint8Array(1) }];
    await send(mail([to], { subject: evil, text: `${evil}\r\n.\r\nQUIT`, attachments }), server("plain"));
    const [received] = await mailsTo(to);
    expect(received?.to).toEqual([to]);
    const [head = ""] = received?.source.split("\r\n\r\n") ?? [];
    expect(head).not.toMatch(/^Bcc:/im);
    expect(received?.source).not.toMatch(/^X-Evil/im);
    expect(received?.source).toContain("\r\n.\r\nQUIT");
    expect(await mailsTo("eve@example.test")).toEqual([]);
  });

  it("tells whom the server did not take it for", async () => {
    const [to, full] = [newAddress(), newAddress("full.test")];
    const sent = await send(mail([to, full]), server("plain"));
    expect(sent).toEqual({ accepted: [to], rejected: [{ address: full, reason: "552 The mailbox is full" }] });
  });

  it.each([
    ["no recipient can get it", "refused", "full.test", null, /552 The mailbox is full/],
    ["no recipient can get it just now", "temporary", "busy.test", null, /451 Try again later/],
    ["the password is wrong", "refused", "example.test", { username: "robot", password: "wrong" }, /535/],
    ["the connection breaks after the message", "unknown", "cut.test", null, /Whether the mail was taken is not known/],
  ] as const)("says so when %s", async (_, failure, domain, login, message) => {
    const sent = send(mail([newAddress(domain)]), server("plain", login));
    await expect(sent).rejects.toMatchObject({ name: "MailError", failure, message: expect.stringMatching(message) });
    await expect(sent).rejects.not.toMatchObject({ message: expect.stringContaining("wrong") });
  });

  it("sends nothing to a server that it cannot trust", async () => {
    const to = newAddress();
    const sent = send(mail([to]), server("untrusted", LOGIN));
    await expect(sent).rejects.toMatchObject({ failure: "refused", message: expect.stringMatching(/TLS: .* its certificate is valid/) });
    expect(await mailsTo(to)).toEqual([]);
  });

  it("fails when nobody listens there", async () => {
    const sent = send(mail([newAddress()]), { host: "127.0.0.1", port: 1, tls: false, login: null });
    await expect(sent).rejects.toMatchObject({
      failure: "temporary",
      message: expect.stringContaining("127.0.0.1:1 could not be reached"),
    });
  });

  it("gives up on a server that says nothing", async () => {
    const silent = { host: "127.0.0.1", port: inject("mailPorts").box, tls: false, login: null }; // HTTP, which waits to be asked
    await expect(send(mail([newAddress()]), silent, 200)).rejects.toMatchObject({ failure: "temporary" });
  });

  it("does not speak to a server that is not on the list", async () => {
    const strict = createMailer({ hosts: { allowedHosts: [] }, service: null });
    const sent = strict.send(mail([newAddress()]), {
      server: server("plain"),
      timeoutMs: PATIENCE_MS,
      signal: new AbortController().signal,
    });
    await expect(sent).rejects.toMatchObject({ failure: "refused", message: expect.stringContaining("localhost may not be reached") });
  });
});

describe("the service's own mail server", () => {
  it("is not asked about by the guard, and names its sender", async () => {
    const own = createMailer({
      hosts: { allowedHosts: [] },
      service: { server: server("tls", LOGIN), from: "Service <service@example.test>" },
    });
    const to = newAddress();
    expect(own.serviceSender).toBe("Service <service@example.test>");
    const replyTo = "ann@example.test";
    const options = { server: null, timeoutMs: PATIENCE_MS, signal: new AbortController().signal };
    await own.send(mail([to], { from: "Service <service@example.test>", replyTo }), options);
    const [received] = await mailsTo(to);
    expect(received).toMatchObject({ user: "robot", from: "service@example.test" });
    expect(received?.source).toContain("Reply-To: ann@example.test\r\n");
  });
});
