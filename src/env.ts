import { z } from "zod";
import { MAIL_ADDRESS, type MailServer } from "./domain/mail.ts";

const settingsSchema = z.object({
  LOG_LEVEL: z.enum(["info", "error"]).default("info"),
  PILOTFISH_MAX_BROWSERS: z.coerce.number().int().min(1, "must be a whole number from 1").optional(),
  PILOTFISH_BROWSER_KEEP_ALIVE_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(480, "must be a whole number from 1 to 480: the platform keeps an idle browser for 10 minutes at most")
    .default(60),
  PILOTFISH_ADMIN_TOKEN: z.string().min(16, "must have at least 16 characters"),
  PILOTFISH_ENCRYPTION_KEY: z.base64("must be base64").refine((text) => atob(text).length === 32, "must be 32 bytes in base64"),
  PILOTFISH_SMTP_URL: z
    .string()
    .default("")
    .refine(
      (text) => text === "" || parseSmtpUrl(text) !== null,
      "must be smtps://user:password@host:465 or smtp://user:password@host:587",
    ),
  PILOTFISH_MAIL_FROM: z
    .string()
    .default("")
    .refine((text) => text === "" || MAIL_ADDRESS.test(text), "must be an address such as robot@example.com or Robot <robot@example.com>"),
});

/** Variables and secrets, checked. */
export interface Settings {
  readonly logLevel: "info" | "error";
  /** How many browsers the service may have at once, also where the platform allows more. */
  readonly maxBrowsers: number;
  /** A run keeps a browser that no block uses for so long. */
  readonly browserKeepAliveMs: number;
  /** Opens the admin routes. */
  readonly adminToken: string;
  /** Base64 of the 32 bytes that stored secrets are encrypted with. */
  readonly encryptionKey: string;
  /** The service's own mail server, and whom its mail is from; null when it has none. */
  readonly mail: { readonly server: MailServer; readonly from: string } | null;
}

/** @throws an error that names every variable that is missing or wrong, and how to set it */
export function readSettings(env: Env): Settings {
  const parsed = settingsSchema.safeParse(env);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`);
    throw new Error(`The service is not configured: ${problems.join("; ")}. Set secrets with \`npx wrangler secret put NAME\`.`);
  }
  const { LOG_LEVEL, PILOTFISH_ADMIN_TOKEN, PILOTFISH_ENCRYPTION_KEY, PILOTFISH_SMTP_URL, PILOTFISH_MAIL_FROM } = parsed.data;
  const { PILOTFISH_MAX_BROWSERS, PILOTFISH_BROWSER_KEEP_ALIVE_SECONDS } = parsed.data;
  const server = parseSmtpUrl(PILOTFISH_SMTP_URL);
  return {
    logLevel: LOG_LEVEL,
    maxBrowsers: PILOTFISH_MAX_BROWSERS ?? Infinity,
    browserKeepAliveMs: PILOTFISH_BROWSER_KEEP_ALIVE_SECONDS * 1000,
    adminToken: PILOTFISH_ADMIN_TOKEN,
    encryptionKey: PILOTFISH_ENCRYPTION_KEY,
    mail: server === null || PILOTFISH_MAIL_FROM === "" ? null : { server, from: PILOTFISH_MAIL_FROM },
  };
}

/** `smtps://user:password@host:465` (TLS from the first byte) or `smtp://user:password@host:587`; user and password percent-encoded. */
function parseSmtpUrl(text: string): MailServer | null {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "smtps:" && url.protocol !== "smtp:") || url.hostname === "") return null;
  const tls = url.protocol === "smtps:";
  const login = url.username === "" ? null : { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port === "" ? (tls ? 465 : 587) : Number(url.port), tls, login };
}
