import { Buffer } from "node:buffer";
import { once } from "node:events";
import net from "node:net";
import { Readable } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { NodemailerError } from "nodemailer";
import MailComposer from "nodemailer/lib/mail-composer";
import SMTPConnection, { type SentMessageInfo } from "nodemailer/lib/smtp-connection";
import { bareAddress, type Mail, MailError, type MailServer } from "../domain/mail.ts";
import { checkMailServer, type HostPolicy, isPrivateHost } from "../domain/outbound/outbound.ts";
import type { Mailer, SentMail } from "../ports/mail.ts";

/**
 * Mail over SMTP, by nodemailer on the platform's own sockets. A server of the public internet must encrypt: mail and password are never sent there
 * in the clear.
 * @param options.hosts what the organization may reach
 * @param options.service the service's own server, which its administrator chose: the guard does not ask
 */
export function createMailer(options: {
  readonly hosts: HostPolicy;
  readonly service: { readonly server: MailServer; readonly from: string } | null;
}): Mailer {
  const { hosts, service } = options;
  return {
    serviceSender: service?.from ?? null,
    async send(mail, { server, timeoutMs, signal }) {
      const fault = server === null ? null : checkMailServer(server, hosts);
      if (server !== null && fault !== null)
        throw new MailError("refused", `the mail server ${server.host}:${server.port}: ${fault.message}`);
      const used = server ?? service?.server;
      if (used === undefined) throw new MailError("refused", "the service has no mail server of its own; name one in the block");
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), timeoutMs); // cleared, so that it keeps no Durable Object awake
      try {
        return await deliver(used, mail, await compose(mail), AbortSignal.any([signal, deadline.signal]));
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The message as it goes over the wire. Nothing is read from files or addresses, and every value is encoded for where it stands. */
async function compose({ from, replyTo, to, subject, text, attachments, key }: Mail): Promise<Buffer> {
  const composer = new MailComposer({
    from,
    ...(replyTo === null ? {} : { replyTo }),
    to: [...to],
    subject,
    text,
    messageId: `<${key}@${from.slice(from.lastIndexOf("@") + 1).replace(/>$/, "")}>`,
    attachments: attachments.map(({ name, contentType, bytes }) => ({
      filename: name,
      contentType,
      content: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    })),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return await composer.compile().build();
}

/** One connection, one message. @throws MailError */
async function deliver(server: MailServer, mail: Mail, source: Buffer, signal: AbortSignal): Promise<SentMail> {
  const { host, port, tls, login } = server;
  let isUnderWay = false; // from the message's first byte on, only the server knows what became of it
  const connection = new SMTPConnection({
    host,
    port,
    connection: await open(server, signal),
    secure: tls,
    secured: tls,
    requireTLS: !tls && !isPrivateHost(host),
    name: "pilotfish",
    logger: false,
  });
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined); // told to whoever waits
  const stop = () => broken.reject(new Error("it took too long"));
  try {
    connection.on("error", broken.reject);
    connection.on("end", () => broken.reject(new Error("the server closed the connection")));
    signal.addEventListener("abort", stop, { once: true });
    const step = <T>(run: (done: (error?: Error | null, result?: T) => void) => void): Promise<T | undefined> =>
      Promise.race([
        new Promise<T | undefined>((resolve, reject) => run((error, result) => (error ? reject(error) : resolve(result)))),
        broken.promise,
      ]);
    await step((done) => connection.connect(done));
    if (login !== null) await step((done) => connection.login({ user: login.username, pass: login.password }, done));
    const message = Readable.from(
      (function* () {
        isUnderWay = true;
        yield source;
      })(),
    );
    const envelope = { from: bareAddress(mail.from), to: mail.to.map(bareAddress), size: source.byteLength };
    const sent = await step<SentMessageInfo>((done) => connection.send(envelope, message, done));
    return {
      accepted: sent?.accepted ?? [],
      rejected: (sent?.rejectedErrors ?? []).map(({ recipient, response, message: reason }) => ({
        address: recipient ?? "",
        reason: response ?? reason,
      })),
    };
  } catch (error) {
    if (connection.upgrading === true) throw untrusted(server, error); // the platform does not say why
    throw asMailError(error, `${host}:${port}`, isUnderWay);
  } finally {
    signal.removeEventListener("abort", stop);
    connection.close();
  }
}

/** A connection of the platform's own, so that it is the platform that looks the name up. @throws MailError */
async function open({ host, port, tls }: MailServer, signal: AbortSignal): Promise<net.Socket> {
  const socket = tls ? connectTls({ host, port, servername: host }) : net.connect({ host, port });
  try {
    await once(socket, tls ? "secureConnect" : "connect", { signal });
    return socket;
  } catch (cause) {
    socket.on("error", () => undefined); // it is given up
    socket.destroy();
    if (tls && !signal.aborted) throw untrusted({ host, port }, cause);
    const late = signal.aborted ? " in time" : ": check that the host exists and listens there";
    throw new MailError("temporary", `the mail server ${host}:${port} could not be reached${late}`, { cause });
  }
}

function untrusted({ host, port }: Pick<MailServer, "host" | "port">, cause: unknown): MailError {
  const message = `the mail server ${host}:${port} could not be spoken to over TLS: check that it does, and that its certificate is valid for "${host}"`;
  return new MailError("refused", message, { cause });
}

/** Codes of nodemailer for what trying again does not mend. */
const LASTING = new Set(["EAUTH", "ETLS", "EENVELOPE"]);

function asMailError(error: unknown, where: string, isUnderWay: boolean): MailError {
  if (error instanceof MailError) return error;
  const { code, responseCode, message } = error as NodemailerError; // also what is none has a message
  const said = `the mail server ${where}: ${message}`;
  if (responseCode !== undefined) return new MailError(responseCode >= 500 ? "refused" : "temporary", said, { cause: error });
  if (isUnderWay) {
    return new MailError("unknown", `${said}. Whether the mail was taken is not known; it is not sent again by itself`, { cause: error });
  }
  return new MailError(code !== undefined && LASTING.has(code) ? "refused" : "temporary", said, { cause: error });
}
