import { z } from "zod";
import type { JsonObject } from "../domain/json.ts";
import { MAX_ATTACHMENT_BYTES, MailError, type MailServer } from "../domain/mail.ts";
import { BlockError, defineBlock } from "./block.ts";
import { FILE_REFERENCE, openFiles } from "./files.ts";
import { addressesSchema, addressSchema } from "./mail-address.ts";

/** Until the server must have taken the mail. */
const TIMEOUT_MS = 60_000;
/** The port at which TLS begins with the first byte (RFC 8314). */
const TLS_PORT = 465;

const secretKey = z.string().min(1).nullish();

const SERVER_FIELDS = ["host", "port", "username", "password"] as const;

const config = z
  .strictObject({
    sender: addressSchema.describe(
      "Whom the mail is from: `ann@example.com` or `Ann <ann@example.com>`. Mail by the service's own server is from that server's sender, and answers go to this one.",
    ),
    recipients: addressesSchema(1).describe("Whom it goes to; all of them see each other. A list, or a text with commas between."),
    subject: z.string().max(1000).describe("One line."),
    body: z.string().max(1_000_000).describe("Plain text."),
    file_attachments: z
      .array(z.json())
      .nullish()
      .describe(`Files to attach, together at most ${MAX_ATTACHMENT_BYTES / 1024 / 1024} MB. Each is ${FILE_REFERENCE}.`),
    custom_smtp_host: z.string().min(1).nullish().describe("The mail server to use instead of the service's own."),
    custom_smtp_port: z
      .union([z.int().min(1).max(65_535), z.string().regex(/^\d{1,5}$/, "must be a port")])
      .nullish()
      .describe("465 for TLS from the first byte; at others (587, 2525) it is asked for by STARTTLS. 587 when left out."),
    custom_smtp_username: z.string().nullish().describe("What to log in with there."),
    custom_smtp_password: z.string().nullish().describe("Its password; better an expression of a credential than the password itself."),
    smtp_host_secret_parameter_key: secretKey.describe("The key of a parameter with `custom_smtp_host`, as older definitions have it."),
    smtp_port_secret_parameter_key: secretKey.describe("The same for `custom_smtp_port`."),
    smtp_username_secret_parameter_key: secretKey.describe("The same for `custom_smtp_username`."),
    smtp_password_secret_parameter_key: secretKey.describe("The same for `custom_smtp_password`."),
  })
  .superRefine((fields, context) => {
    const isSet = (name: (typeof SERVER_FIELDS)[number]) =>
      fields[`custom_smtp_${name}`] != null || fields[`smtp_${name}_secret_parameter_key`] != null;
    const fault = (name: (typeof SERVER_FIELDS)[number], message: string) =>
      context.addIssue({ code: "custom", path: [`custom_smtp_${name}`], message });
    if (!isSet("host") && SERVER_FIELDS.some(isSet)) fault("host", "is required: the server that the other custom_smtp fields are of");
    if (isSet("username") && !isSet("password")) fault("password", "is required with custom_smtp_username");
    if (isSet("password") && !isSet("username")) fault("username", "is required with custom_smtp_password");
  });
type Config = z.infer<typeof config>;

export const sendEmail = defineBlock({
  type: "send_email",
  category: "data",
  summary:
    "Send an e-mail by SMTP: by a mail server that the block names, or by the service's own if it has one. What is sent is out of the service's hands; " +
    "a failure before the server has the mail is tried again only where `retry` asks for it.",
  repeatable: false,
  config,
  output: z.object({
    recipients: z.array(z.string()).describe("Whom the server took it for."),
    rejected: z
      .array(z.object({ address: z.string(), reason: z.string() }))
      .describe("Whom it did not take it for; where it is all of them, the block fails."),
    subject: z.string(),
    attachments: z.array(z.object({ file_name: z.string(), content_type: z.string(), size_bytes: z.int() })),
  }),
  example: {
    block_type: "send_email",
    label: "tell_ann",
    sender: "Pilotfish <robot@example.com>",
    recipients: ["ann@example.com"],
    subject: "The list of {{ current_date }}",
    body: "It is attached.",
    file_attachments: ["SKYVERN_DOWNLOAD_DIRECTORY"],
  },
  /** The key of a parameter means its value. */
  normalize(block: JsonObject): JsonObject {
    const named = SERVER_FIELDS.flatMap((name) => {
      const key = block[`smtp_${name}_secret_parameter_key`];
      return typeof key === "string" && block[`custom_smtp_${name}`] == null ? [[`custom_smtp_${name}`, `{{ ${key} }}`] as const] : [];
    });
    const rest = Object.entries(block).filter(([field]) => !/^smtp_\w+_secret_parameter_key$/.test(field));
    return Object.fromEntries([...rest, ...named]);
  },
  async execute(context, fields) {
    const server = serverOf(fields);
    const { serviceSender } = context.mailer;
    if (server === null && serviceSender === null) throw new BlockError(NO_SERVER);
    const attachments = await openFiles(context, fields.file_attachments ?? [], MAX_ATTACHMENT_BYTES);
    const mail = {
      from: server === null && serviceSender !== null ? serviceSender : fields.sender,
      replyTo: server === null ? fields.sender : null,
      to: fields.recipients,
      subject: fields.subject,
      text: fields.body,
      attachments,
      key: context.idempotencyKey.replaceAll(/[^\w.-]/g, "-"),
    };
    const { accepted, rejected } = await context.mailer
      .send(mail, { server, timeoutMs: TIMEOUT_MS, signal: context.signal })
      .catch(asBlockError);
    return {
      recipients: [...accepted],
      rejected: rejected.map(({ address, reason }) => ({ address, reason })),
      subject: fields.subject,
      attachments: attachments.map(({ name, contentType, bytes }) => ({
        file_name: name,
        content_type: contentType,
        size_bytes: bytes.byteLength,
      })),
    };
  },
});

/** Why a block that names no mail server cannot send. */
export const NO_SERVER =
  "the service has no mail server of its own (PILOTFISH_SMTP_URL and PILOTFISH_MAIL_FROM): name one with custom_smtp_host, or have its administrator set one";

function serverOf({
  custom_smtp_host: host,
  custom_smtp_port,
  custom_smtp_username: username,
  custom_smtp_password: password,
}: Config): MailServer | null {
  if (host == null) return null;
  const port = Number(custom_smtp_port ?? 587);
  return { host, port, tls: port === TLS_PORT, login: username == null || password == null ? null : { username, password } };
}

function asBlockError(error: unknown): never {
  if (!(error instanceof MailError)) throw error;
  throw new BlockError(error.message, { errorClass: error.failure === "temporary" ? "temporary" : "block", cause: error });
}
