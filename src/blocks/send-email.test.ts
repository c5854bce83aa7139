import { describe, expect, it } from "vitest";
import type { JsonObject } from "../domain/json.ts";
import { type Mail, MailError, type MailServer } from "../domain/mail.ts";
import { sendEmail } from "./send-email.ts";
import { contextWith } from "./testing/context.ts";

const fields = { sender: "robot@example.com", recipients: ["ann@example.com"], subject: "Hello", body: "Hello." };
const server = { custom_smtp_host: "smtp.example.com" };

/** Sends by a mailer that only remembers. */
async function run(config: JsonObject, { serviceSender = null as string | null, fails = null as MailError | null } = {}) {
  const sent: { mail: Mail; server: MailServer | null }[] = [];
  const context = contextWith({
    idempotencyKey: "wr_1/orders[0].tell",
    mailer: {
      serviceSender,
      async send(mail, { server }) {
        sent.push({ mail, server });
        if (fails !== null) throw fails;
        return { accepted: mail.to, rejected: [] };
      },
    },
  });
  const output = await sendEmail.execute(context, sendEmail.config.parse(sendEmail.normalize?.({ ...fields, ...config })));
  return { output, ...sent[0]! };
}

function faultPaths(config: JsonObject): string[] {
  const result = sendEmail.config.safeParse({ ...fields, ...config });
  return result.success ? [] : result.error.issues.map((issue) => issue.path.join("."));
}

describe("send_email", () => {
  it("sends by the server that it names, with TLS from the first byte at port 465", async () => {
    const { mail, server: used } = await run({ ...server, custom_smtp_port: 465, custom_smtp_username: "u", custom_smtp_password: "p" });
    expect(used).toEqual({ host: "smtp.example.com", port: 465, tls: true, login: { username: "u", password: "p" } });
    expect(mail).toMatchObject({ from: "robot@example.com", replyTo: null, to: ["ann@example.com"], key: "wr_1-orders-0-.tell" });
  });

  it("takes the port as a text, and 587 for none", async () => {
    expect((await run({ ...server, custom_smtp_port: "2525" })).server).toMatchObject({ port: 2525, tls: false, login: null });
    expect((await run(server)).server).toMatchObject({ port: 587, tls: false });
  });

  it("sends by the service's own server as the service, and lets answers go to the sender", async () => {
    const { mail, server: used } = await run({}, { serviceSender: "Service <service@example.com>" });
    expect(used).toBeNull();
    expect(mail).toMatchObject({ from: "Service <service@example.com>", replyTo: "robot@example.com" });
  });

  it("says what to do when there is no server", async () => {
    await expect(run({})).rejects.toMatchObject({ name: "BlockError", message: expect.stringContaining("custom_smtp_host") });
  });

  it("reads the keys of parameters as their values", () => {
    const normalized = sendEmail.normalize?.({
      ...fields,
      smtp_host_secret_parameter_key: "mail_host",
      smtp_password_secret_parameter_key: "mail_password",
      custom_smtp_password: "set besides",
    });
    expect(normalized).toEqual({ ...fields, custom_smtp_host: "{{ mail_host }}", custom_smtp_password: "set besides" });
  });

  it("takes recipients as one text", async () => {
    const { mail } = await run({ ...server, recipients: "ann@example.com, Bob <bob@example.com>;" });
    expect(mail.to).toEqual(["ann@example.com", "Bob <bob@example.com>"]);
  });

  it.each([
    [{ recipients: [] }, ["recipients"]],
    [{ recipients: ["ann@example.com", "nobody"] }, ["recipients.1"]],
    [{ recipients: ["ann@example.com\r\nBcc: eve@example.com"] }, ["recipients.0"]],
    [{ sender: "ann@example.com, eve@example.com" }, ["sender"]],
    [{ sender: "Ann\r\nBcc: eve@example.com <ann@example.com>" }, ["sender"]],
    [{ custom_smtp_port: 587 }, ["custom_smtp_host"]],
    [{ ...server, custom_smtp_port: 70_000 }, ["custom_smtp_port"]],
    [{ ...server, custom_smtp_username: "u" }, ["custom_smtp_password"]],
    [{ smtp_host_secret_parameter_key: "h", smtp_password_secret_parameter_key: "p" }, ["custom_smtp_username"]],
  ])("refuses %j", (config, paths) => {
    expect(faultPaths(config)).toEqual(paths);
  });

  it.each([
    ["temporary", "temporary"],
    ["refused", "block"],
    ["unknown", "block"],
  ] as const)("a failure that is %s is of the class %s", async (failure, errorClass) => {
    const sent = run(server, { fails: new MailError(failure, "the mail server said no") });
    await expect(sent).rejects.toMatchObject({ name: "BlockError", errorClass, message: "the mail server said no" });
  });
});
