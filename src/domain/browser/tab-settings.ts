/** What an author has set for a tab, in place of what the browser does by itself. */
import { z } from "zod";
import { PLATFORMS, type Platform } from "./user-agent.ts";

/** WHATWG URL parsing: a pure function that every runtime has, but that the core's `"types": []` hides. */
declare const URL: { parse(url: string): ParsedUrl | null };
interface ParsedUrl {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: string;
  readonly origin: string;
}

const platforms = Object.keys(PLATFORMS) as [Platform, ...Platform[]];

/** Fields that are absent are as the browser has them. */
export const tabSettingsSchema = z.object({
  viewport: z
    .object({ width: z.int(), height: z.int(), deviceScaleFactor: z.number(), mobile: z.boolean(), touch: z.boolean() })
    .exactOptional(),
  /** `platform` null: the one that the user agent names. */
  userAgent: z.object({ userAgent: z.string(), platform: z.enum(platforms).nullable() }).exactOptional(),
  /** BCP 47. */
  locale: z.string().exactOptional(),
  /** IANA. */
  timeZone: z.string().exactOptional(),
  /** Degrees and metres; `origins` may ask for it. */
  geolocation: z
    .object({ latitude: z.number(), longitude: z.number(), accuracy: z.number(), origins: z.array(z.string()) })
    .exactOptional(),
  /** Names and values, by the pattern of the origins that they are sent to (`matchesOrigin`). */
  headers: z.record(z.string(), z.record(z.string(), z.string())).exactOptional(),
  /** What is answered to a server that asks who is there, by the pattern of its origin. */
  logins: z.record(z.string(), z.object({ username: z.string(), password: z.string() })).exactOptional(),
  dialogs: z
    .object({
      respond: z.enum(["accept", "dismiss"]),
      /** For a prompt; null: what it suggests itself. */
      text: z.string().nullable(),
      /** So many more dialogs; null: until it is set otherwise. */
      times: z.int().nullable(),
    })
    .exactOptional(),
});
export type TabSettings = z.infer<typeof tabSettingsSchema>;

/** What a step sets; null takes it back. */
export type SettingsChange = { readonly [Name in keyof TabSettings]?: TabSettings[Name] | null };

/** @returns the settings after the change; without fields that hold nothing */
export function changeSettings(settings: TabSettings, change: SettingsChange): TabSettings {
  const changed = Object.entries({ ...settings, ...change }).filter(([, value]) => value !== null && value !== undefined);
  return tabSettingsSchema.parse(Object.fromEntries(changed.filter(([, value]) => !isEmpty(value))));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Any origin: for headers that hold no secret. */
export const EVERY_ORIGIN = "*";

const ORIGIN_PATTERN = /^(https?):\/\/(\*\.)?([^/?#@\\*\s]+)\/?$/i;

/** Why this is no pattern of origins, or null. */
export function originPatternFault(pattern: string): string | null {
  const [, scheme, , host] = ORIGIN_PATTERN.exec(pattern) ?? [];
  if (scheme !== undefined && URL.parse(`${scheme}://${host}`) !== null) return null;
  return "must be an origin such as https://shop.example.com, http://127.0.0.1:8080 or https://*.example.com";
}

/**
 * Does this address belong to the origins that the pattern means? Scheme, host and port are all compared; `*.` stands for every name below a host,
 * not for the host itself.
 */
export function matchesOrigin(pattern: string, url: string): boolean {
  const address = URL.parse(url);
  if (address === null || !/^https?:$/.test(address.protocol)) return false;
  if (pattern === EVERY_ORIGIN) return true;
  const [, scheme, wildcard, host] = ORIGIN_PATTERN.exec(pattern) ?? [];
  const wanted = scheme === undefined ? null : URL.parse(`${scheme}://${host}`);
  if (wanted === null) return false;
  if (wildcard === undefined) return address.origin === wanted.origin;
  return address.protocol === wanted.protocol && address.port === wanted.port && address.hostname.endsWith(`.${wanted.hostname}`);
}

/** The headers that a request to this address gets, by their names as they were written. */
export function headersFor(settings: Pick<TabSettings, "headers">, url: string): Record<string, string> {
  const matching = Object.entries(settings.headers ?? {}).filter(([pattern]) => matchesOrigin(pattern, url));
  const narrowestLast = matching.toSorted(([a], [b]) => Number(b === EVERY_ORIGIN) - Number(a === EVERY_ORIGIN));
  return Object.assign({}, ...narrowestLast.map(([, headers]) => headers)) as Record<string, string>;
}

/** What is answered to a server at this address that asks who is there. */
export function loginFor(settings: TabSettings, url: string): { username: string; password: string } | null {
  return Object.entries(settings.logins ?? {}).find(([pattern]) => matchesOrigin(pattern, url))?.[1] ?? null;
}

/** The headers that belong to a connection, or to the browser alone (RFC 9110, and what Chromium does not let be set). */
const NOT_OURS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"].map((name) => [
      name,
      "belongs to the connection: the browser sets it",
    ]),
  ),
  cookie: "is made of the browser's cookies: use set_cookies",
  "user-agent": "is set, with all that belongs to it, by set_user_agent",
  "accept-language": "is set, with all that belongs to it, by set_locale",
};

/** Why a header of this name may not be set, or null. */
export function headerNameFault(name: string): string | null {
  return headerFormFault(name) ?? browserHeaderReason(name);
}

/** Why this is no name of a header, or null. */
export function headerFormFault(name: string): string | null {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(name) ? null : "is no name of a header: letters, digits and - are";
}

/** Why this header is the browser's own to set, or null. */
export function browserHeaderReason(name: string): string | null {
  return NOT_OURS[name.toLowerCase()] ?? (/^(proxy|sec)-/i.test(name) ? "belongs to the browser" : null);
}

/** Why this may not be the value of a header, or null. Never shows it. */
export function headerValueFault(value: string): string | null {
  if (value.length > 8_000) return "is longer than 8,000 characters";
  return /^[\t\x20-\x7e]*$/.test(value) ? null : "may hold visible ASCII characters, spaces and tabs only";
}
