import { z } from "zod";

/** WHATWG URL parsing: a pure function that every runtime has, but that the core's `"types": []` hides. */
declare const URL: { parse(url: string): { readonly protocol: string; readonly hostname: string } | null };

export const SAME_SITE = ["Strict", "Lax", "None"] as const;

/** A cookie as outputs show it, and as `set_cookies` takes it back. */
const storedCookieSchema = z.strictObject({
  name: z.string(),
  value: z.string(),
  /** With a dot before it: sent to the names below it too. */
  domain: z.string(),
  path: z.string(),
  /** Seconds since the epoch; absent for one that ends with the browser. */
  expires: z.number().exactOptional(),
  http_only: z.boolean(),
  secure: z.boolean(),
  same_site: z.enum(SAME_SITE).exactOptional(),
});
export type StoredCookie = z.infer<typeof storedCookieSchema>;

const NAME = /^[^\p{Cc} ;=,"\\]+$/u;
const VALUE = /^[^\p{Cc};]*$/u;

const EXPIRES = "must be seconds since the epoch, or an instant such as 2027-01-31T12:00:00Z";

/** A cookie to be set. */
const newCookieSchema = z
  .strictObject({
    name: z.string().regex(NAME, 'may hold no spaces, control characters and none of = ; , " \\').describe("Its name."),
    value: z.union([z.string().regex(VALUE, "may hold no ; and no control characters"), z.number()]).describe("Its value, as it is sent."),
    url: z.string().exactOptional().describe("Address that it is for; gives its host, and `secure` for https. This or `domain`."),
    domain: z
      .string()
      .regex(/^\.?[^\s/:@?#]+$/, "must be a host without scheme, port and path")
      .exactOptional()
      .describe("Host that it is for; with a dot before it (`.example.com`) for the names below it too."),
    path: z.string().startsWith("/", "must begin with /").exactOptional().describe("Default: `/`."),
    expires: z
      .union([z.number().positive(EXPIRES), z.iso.datetime({ offset: true, error: EXPIRES })], EXPIRES)
      .exactOptional()
      .describe("When it ends: seconds since the epoch, or an instant. Default: with the browser."),
    http_only: z.boolean().default(false).describe("Hide it from the page's scripts."),
    secure: z.boolean().exactOptional().describe("Send it over https only. Default: what `url` says, else no."),
    same_site: z.enum(SAME_SITE).exactOptional().describe("When another site's pages send it. Default: as the browser does (`Lax`)."),
  })
  .superRefine((cookie, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: "custom", path: path === "" ? [] : [path], message });
    if ((cookie.url === undefined) === (cookie.domain === undefined)) fault("", "a cookie needs exactly one of url, domain");
    const url = cookie.url === undefined ? null : URL.parse(cookie.url);
    if (cookie.url !== undefined && (url === null || !/^https?:$/.test(url.protocol))) fault("url", "must be an absolute http(s) address");
    const secure = cookie.secure ?? url?.protocol === "https:";
    if (cookie.same_site === "None" && !secure) fault("same_site", "`None` goes with `secure: true` only");
    if (/^__(Secure|Host)-/i.test(cookie.name) && !secure) fault("name", `a cookie with this prefix goes with \`secure: true\` only`);
    if (/^__Host-/i.test(cookie.name) && (cookie.domain !== undefined || (cookie.path ?? "/") !== "/"))
      fault("name", "a cookie with the prefix `__Host-` has a url instead of a domain, and the path /");
  });
export type NewCookie = z.infer<typeof newCookieSchema>;

/** Which cookies are meant: those that meet all of it. */
export interface CookieFilter {
  /** Those that a request to this address would carry. */
  readonly url?: string;
  readonly names?: readonly string[];
  /** Of this host, whatever it shares with names below it included. */
  readonly domain?: string;
}

/** Does a cookie meet what the filter says of its name and its host? */
export function isMeant(cookie: Pick<StoredCookie, "name" | "domain">, { names, domain }: CookieFilter): boolean {
  if (names !== undefined && !names.includes(cookie.name)) return false;
  return domain === undefined || cookie.domain.replace(/^\./, "") === domain.replace(/^\./, "").toLowerCase();
}

/** When it ends, in seconds since the epoch. */
export function expiryOf({ expires }: Pick<NewCookie, "expires">): number | undefined {
  return typeof expires === "string" ? Date.parse(expires) / 1000 : expires;
}

/** Cookies as a field takes them: also the whole list that `get_cookies` gave. */
export const newCookiesSchema = z.array(newCookieSchema).min(1).max(1_000);
