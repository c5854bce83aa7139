import { z } from "zod";

/** A server that takes mail. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** Does TLS begin with the first byte (port 465, RFC 8314)? Otherwise it is asked for by STARTTLS. */
  readonly tls: boolean;
  /** Null: it takes mail without a login. */
  readonly login: { readonly username: string; readonly password: string } | null;
}

export interface MailAttachment {
  /** File name with its ending, no folders. */
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

export interface Mail {
  /** `ann@example.com` or `Ann <ann@example.com>`. */
  readonly from: string;
  /** Whom an answer goes to, where that is not `from`. */
  readonly replyTo: string | null;
  /** One address each. */
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly attachments: readonly MailAttachment[];
  /** What the server and the recipients can recognise a repeat by: letters, digits, `.`, `-` and `_`. */
  readonly key: string;
}

/**
 * Why a mail was not taken: `temporary` may pass (no connection, a 4xx), `refused` will not (a 5xx, a wrong password, an address that the guard does
 * not let through), `unknown` is a connection that broke when all was sent: nobody knows whether it was taken.
 */
export type MailFailure = "temporary" | "refused" | "unknown";

/** The message names the server and what it said, never the login. */
export class MailError extends Error {
  override readonly name = "MailError";
  readonly failure: MailFailure;

  constructor(failure: MailFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.failure = failure;
  }
}

/** Mail by the service's own server, as a delivery keeps it. */
export const serviceMailSchema = z.object({
  to: z.array(z.string()).min(1),
  replyTo: z.string().nullable(),
  subject: z.string(),
  text: z.string(),
});
export type ServiceMail = z.infer<typeof serviceMailSchema>;

/** Where a delivery by mail goes, in place of a webhook's address: `mailto:ann@example.com,bob@example.com`. */
export function mailtoUrl(to: readonly string[]): string {
  return MAILTO + to.map((address) => encodeURIComponent(bareAddress(address)).replaceAll("%40", "@")).join(",");
}

export function isMailto(url: string): boolean {
  return url.startsWith(MAILTO);
}

const MAILTO = "mailto:";

/** `Ann <ann@example.com>` → `ann@example.com`. */
export function bareAddress(written: string): string {
  return /<(.+)>$/.exec(written)?.[1] ?? written;
}

/** The largest mail that is sent, all attachments together: what most servers take (25 MB), less the third that Base64 adds. */
export const MAX_ATTACHMENT_BYTES = 18 * 1024 * 1024;
export const MAX_RECIPIENTS = 50;

/**
 * `ann@example.com` or `Ann Example <ann@example.com>`: one address, with nothing in it that ends a header or begins another recipient. Which
 * addresses exist only their servers know.
 */
export const MAIL_ADDRESS =
  /^(?:[^\p{Cc}<>@,;:"\\]+ <[^\s\p{Cc}<>@,;:"\\()[\]]+@[^\s\p{Cc}<>@,;:"\\()[\]]+>|[^\s\p{Cc}<>@,;:"\\()[\]]+@[^\s\p{Cc}<>@,;:"\\()[\]]+)$/u;
