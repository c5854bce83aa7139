import type { HostPolicy } from "../domain/outbound/outbound.ts";
import type { Mail, MailServer } from "../domain/mail.ts";

/** Mail to the outside. A server that a caller names is spoken to by way of the outbound guard. */
export interface Mailer {
  /** Whom the service's own mail is from; null when it has no mail server. */
  readonly serviceSender: string | null;
  /**
   * @param options.server null: the service's own
   * @throws MailError when nobody got it, or nobody knows
   */
  send(
    mail: Mail,
    options: { readonly server: MailServer | null; readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<SentMail>;
}

export interface SentMail {
  /** Whom the server took it for; at least one. */
  readonly accepted: readonly string[];
  readonly rejected: readonly { readonly address: string; readonly reason: string }[];
}

/** The mailer of an organization, which lets it reach what its policy says. */
export type MailerFor = (hosts: HostPolicy) => Mailer;
