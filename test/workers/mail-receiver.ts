/**
 * Real SMTP servers on loopback that take mail from the tests in workerd and keep it: one without TLS, one that asks for STARTTLS, one that speaks
 * TLS from the first byte. Runs in Node, as a global setup; `mail-client.ts` is how tests read what came.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";
import type { TestProject } from "vitest/node";

/** A message as it came over the wire. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body, dots unstuffed. */
  readonly source: string;
  /** Who was logged in; null for nobody. */
  readonly user: string | null;
  /** Was the connection encrypted? */
  readonly secure: boolean;
}

declare module "vitest" {
  interface ProvidedContext {
    /** Ports on `localhost`, by how the server speaks, and of the HTTP server that tells what came. */
    mailPorts: {
      readonly plain: number;
      readonly starttls: number;
      readonly tls: number;
      readonly untrusted: number;
      readonly box: number;
    };
  }
}

/** The one account. */
export const MAIL_USER = { username: "robot", password: "pä$$ word" };

export default async function serve({ provide }: TestProject): Promise<() => Promise<void>> {
  const mails: ReceivedMail[] = [];
  const ownPort = Number(process.env["PILOTFISH_TEST_MAIL_PORT"]); // the service under test sends there by itself
  const certificate = readFileSync(join(import.meta.dirname, "loopback.pem"), "utf8");
  const servers = {
    plain: mailServer(mails, { disabledCommands: ["STARTTLS"], allowInsecureAuth: true }),
    starttls: mailServer(mails, { key: certificate, cert: certificate }),
    tls: mailServer(mails, { secure: true, key: certificate, cert: certificate }),
    untrusted: mailServer(mails, { secure: true, logger: false }), // a certificate that nobody vouches for, and that is out of date
  };
  const box = createServer((request, response) => {
    const recipient = decodeURIComponent((request.url ?? "/").slice(1));
    response.end(JSON.stringify(mails.filter(({ to }) => to.includes(recipient))));
  });
  await Promise.all([
    ...Object.entries(servers).map(
      ([name, server]) => new Promise<void>((resolve) => server.listen(name === "plain" ? ownPort : 0, "127.0.0.1", resolve)),
    ),
    new Promise<void>((resolve) => box.listen(0, "127.0.0.1", resolve)),
  ]);
  const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
  provide("mailPorts", {
    plain: portOf(servers.plain.server),
    starttls: portOf(servers.starttls.server),
    tls: portOf(servers.tls.server),
    untrusted: portOf(servers.untrusted.server),
    box: portOf(box),
  });
  return async () => {
    box.closeAllConnections();
    await Promise.all([
      ...Object.values(servers).map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
      new Promise((resolve) => box.close(resolve)),
    ]);
  };
}

/**
 * Whom it lets in and what it takes: anybody, or `MAIL_USER`; recipients of `full.test` never (552), of `busy.test` not now (451). To `cut.test` the
 * connection breaks when the whole message is there and before it is answered.
 */
function mailServer(mails: ReceivedMail[], options: object): SMTPServer {
  const server: SMTPServer = new SMTPServer({
    ...options,
    authOptional: true,
    disableReverseLookup: true,
    closeTimeout: 100,
    size: 30 * 1024 * 1024,
    onAuth({ username, password }, _session, done) {
      if (username === MAIL_USER.username && password === MAIL_USER.password) done(null, { user: username });
      else done(new Error("Invalid username or password"));
    },
    onRcptTo({ address }, _session, done) {
      if (address.endsWith("@full.test")) done(Object.assign(new Error("The mailbox is full"), { responseCode: 552 }));
      else if (address.endsWith("@busy.test")) done(Object.assign(new Error("Try again later"), { responseCode: 451 }));
      else done();
    },
    onData(stream, session, done) {
      const to = session.envelope.rcptTo.map(({ address }) => address);
      const from = session.envelope.mailFrom === false ? "" : session.envelope.mailFrom.address;
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        if (to.some((address) => address.endsWith("@cut.test"))) {
          for (const connection of server.connections) connection._socket.destroy();
          return;
        }
        const source = Buffer.concat(chunks).toString();
        mails.push({ from, to, source, user: typeof session.user === "string" ? session.user : null, secure: session.secure });
        done();
      });
    },
  });
  server.on("error", () => undefined); // a client that left
  return server;
}
