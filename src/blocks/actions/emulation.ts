import { z } from "zod";
import { timeZoneFault } from "../../domain/schedule/cron.ts";
import { EVERY_ORIGIN, headerNameFault, headerValueFault, originPatternFault } from "../../domain/browser/tab-settings.ts";
import { PLATFORMS, type Platform } from "../../domain/browser/user-agent.ts";
import { BlockError } from "../block.ts";
import { defineStep } from "./step.ts";

/** What these steps set holds for the tab until the run's end, and for the tabs that it opens later. */

export const setViewport = defineStep({
  action: "set_viewport",
  summary: "Set the size of the page, and what kind of screen it is on. Without a size: 1280 × 800, as at first.",
  onlyReads: true,
  fields: {
    width: z.int().min(100).max(8_000).exactOptional().describe("CSS pixels."),
    height: z.int().min(100).max(8_000).exactOptional().describe("CSS pixels."),
    device_scale_factor: z.number().min(0.5).max(5).default(1).describe("Pixels of the screen for one CSS pixel."),
    mobile: z.boolean().default(false).describe("As a phone: with the `viewport` tag, and scroll bars that lie over the page."),
    touch: z.boolean().exactOptional().describe("With touch events. Default: as `mobile`."),
  },
  faults: ({ width, height }) =>
    (width === undefined) === (height === undefined) ? [] : [{ message: "`width` and `height` go together" }],
  describe: ({ width, height }) => (width === undefined ? "" : `${width} × ${height}`),
  async run({ width, height, device_scale_factor: deviceScaleFactor, mobile, touch = mobile }, { page, options }) {
    const viewport = width === undefined || height === undefined ? null : { width, height, deviceScaleFactor, mobile, touch };
    await page.settings.change({ viewport }, options);
    return undefined;
  },
});

const platforms = Object.keys(PLATFORMS) as [Platform, ...Platform[]];

export const setUserAgent = defineStep({
  action: "set_user_agent",
  summary: "Say to sites which browser this is: in the header, in `navigator` and in client hints, which follow from it.",
  onlyReads: true,
  fields: {
    user_agent: z
      .string()
      .min(1)
      .max(1_000)
      .regex(/^[\x20-\x7e]+$/, "may hold visible ASCII characters and spaces only")
      .nullable()
      .describe("The whole text; null for the browser's own."),
    platform: z.enum(platforms).exactOptional().describe("Default: the one that the text names."),
  },
  describe: ({ user_agent: userAgent }) => userAgent ?? "null",
  async run({ user_agent: userAgent, platform = null }, { page, options }) {
    await page.settings.change({ userAgent: userAgent === null ? null : { userAgent, platform } }, options);
    return undefined;
  },
});

export const setLocale = defineStep({
  action: "set_locale",
  summary: "Set the language that sites are asked for (`Accept-Language`, `navigator.language`) and how the page writes dates and numbers.",
  onlyReads: true,
  fields: {
    locale: z
      .string()
      .refine(isLocale, "must be a language tag such as de-DE or pt-BR")
      .nullable()
      .describe("BCP 47 language tag; null for the browser's own."),
  },
  describe: ({ locale }) => locale ?? "null",
  async run({ locale }, { page, options }) {
    await page.settings.change({ locale: locale === null ? null : (Intl.getCanonicalLocales(locale)[0] ?? locale) }, options);
    return undefined;
  },
});

function isLocale(tag: string): boolean {
  try {
    return Intl.DateTimeFormat.supportedLocalesOf(tag).length === 1;
  } catch {
    return false; // not even the form of one
  }
}

export const setTimezone = defineStep({
  action: "set_timezone",
  summary: "Set the time zone of the page's clock.",
  onlyReads: true,
  fields: {
    timezone: z
      .string()
      .superRefine((name, context) => {
        const message = timeZoneFault(name);
        if (message !== null) context.addIssue({ code: "custom", message });
      })
      .nullable()
      .describe("IANA name, such as Europe/Berlin; null for the browser's own."),
  },
  describe: ({ timezone }) => timezone ?? "null",
  async run({ timezone }, { page, options }) {
    await page.settings.change({ timeZone: timezone }, options);
    return undefined;
  },
});

/** The field that says whom something is for. */
function originsField(everyOrigin: boolean) {
  return z
    .array(
      z.string().superRefine((pattern, context) => {
        const message = everyOrigin && pattern === EVERY_ORIGIN ? null : originPatternFault(pattern);
        if (message !== null) context.addIssue({ code: "custom", message });
      }),
    )
    .min(1)
    .exactOptional();
}

/** @throws BlockError on a page that has no origin */
function originsOf(given: readonly string[] | undefined, url: string): readonly string[] {
  if (given !== undefined) return given.map((origin) => origin.replace(/\/$/, ""));
  if (/^https?:/.test(url)) return [new URL(url).origin];
  throw new BlockError(`\`origins\` is needed: the page is at ${url}, which is of no site`);
}

export const setGeolocation = defineStep({
  action: "set_geolocation",
  summary: "Set where the page finds itself, and permit a site to ask for it. Without a position there is none, as at first.",
  onlyReads: true,
  fields: {
    latitude: z.number().min(-90).max(90).exactOptional().describe("Degrees, north positive."),
    longitude: z.number().min(-180).max(180).exactOptional().describe("Degrees, east positive."),
    accuracy: z.number().min(0).default(1).describe("Metres."),
    origins: originsField(false).describe("The sites that may ask, as `https://maps.example.com`. Default: the page's own."),
  },
  faults: ({ latitude, longitude, origins }) => [
    ...((latitude === undefined) === (longitude === undefined) ? [] : [{ message: "`latitude` and `longitude` go together" }]),
    ...(origins ?? []).flatMap((origin, index) =>
      origin.includes("*")
        ? [{ path: ["origins", String(index)], message: "must be one origin, without *: the browser permits each by itself" }]
        : [],
    ),
  ],
  describe: ({ latitude, longitude }) => (latitude === undefined ? "" : `${latitude}, ${longitude}`),
  async run({ latitude, longitude, accuracy, origins }, { page, options }) {
    const geolocation =
      latitude === undefined || longitude === undefined
        ? null
        : { latitude, longitude, accuracy, origins: [...originsOf(origins, page.url())] };
    await page.settings.change({ geolocation }, options);
    return undefined;
  },
});

export const setHeaders = defineStep({
  action: "set_headers",
  summary:
    "Send further headers with the page's requests to its own site, or to the sites that are named. Replaces what this step set for them before.",
  onlyReads: true,
  fields: {
    headers: z
      .record(z.string(), z.string())
      .superRefine((headers, context) => {
        for (const [name, value] of Object.entries(headers)) {
          const message = headerNameFault(name) ?? headerValueFault(value);
          if (message !== null) context.addIssue({ code: "custom", path: [name], message });
        }
      })
      .describe("Names to values; none takes them back."),
    origins: originsField(true).describe(
      "The sites that get them: `https://shop.example.com`, `https://*.example.com`, or `*` for every site, which is nothing for secrets. Default: the page's own.",
    ),
  },
  describe: ({ headers }) => Object.keys(headers).join(", "),
  async run({ headers, origins }, { page, options }) {
    const changed = Object.fromEntries(originsOf(origins, page.url()).map((origin) => [origin, headers]));
    const all = Object.entries({ ...page.settings.now.headers, ...changed }).filter(([, set]) => Object.keys(set).length > 0);
    await page.settings.change({ headers: Object.fromEntries(all) }, options);
    return undefined;
  },
});

export const basicAuth = defineStep({
  action: "basic_auth",
  summary:
    "Answer a site that asks for a user name and a password in the browser's own window (HTTP authentication). Wrong ones lead to the site's answer for that, mostly a 401. Without a user name: no longer.",
  onlyReads: true,
  fields: {
    username: z.string().exactOptional().describe("User name."),
    password: z.string().exactOptional().describe("Password."),
    origins: originsField(false).describe("The sites: `https://intranet.example.com`, `https://*.example.com`. Default: the page's own."),
  },
  faults: ({ username, password }) =>
    (username === undefined) === (password === undefined) ? [] : [{ message: "`username` and `password` go together" }],
  describe: ({ origins = [] }) => origins.join(", "),
  async run({ username, password, origins }, { page, options }) {
    const logins = { ...page.settings.now.logins };
    for (const origin of originsOf(origins, page.url())) {
      if (username === undefined || password === undefined) delete logins[origin];
      else logins[origin] = { username, password };
    }
    await page.settings.change({ logins }, options);
    return undefined;
  },
});
