/** What a browser is to remember, as people bring it along: a list of cookies, or Playwright's storage state. */
import { z } from "zod";
import { type BrowserMemory, originOf } from "./browser-memory.ts";

export const STORAGE_STATE_LIMITS = { cookies: 5_000, origins: 200, cookie: 8_192, domain: 300, bytes: 2_097_152 } as const;

/** RFC 6265: no control characters, and none that end the value or the header. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const FORBIDDEN = /[\u0000-\u001f\u007f;]/;

const SAME_SITE = { strict: "Strict", lax: "Lax", none: "None", no_restriction: "None", unspecified: null } as const;

const cookieText = (what: string) =>
  z
    .string()
    .max(STORAGE_STATE_LIMITS.cookie)
    .refine((text) => !FORBIDDEN.test(text), `${what} has a character that no cookie may have`);
const ignored = z.json().optional().describe("Read and dropped.");

/** Playwright's cookie, and what browser extensions export. */
const cookieSchema = z
  .strictObject({
    name: cookieText("the name")
      .refine((name) => !name.includes("="), "must not have a =")
      .describe("Its name."),
    value: cookieText("the value").describe("Its value."),
    domain: z
      .string()
      .max(STORAGE_STATE_LIMITS.domain)
      .regex(/^\.?[^\s/:;,]+$/, "must be a host, such as shop.example, or .shop.example with its subdomains")
      .describe("A host; with a dot before it, its subdomains too."),
    path: z
      .string()
      .max(2_000)
      .regex(/^\/[^;\s]*$/, "must begin with /")
      .default("/")
      .describe("`/` when absent."),
    expires: z.number().nullish().describe("Seconds since 1970; absent, null or -1 for a cookie of the session."),
    expirationDate: z.number().nullish().describe("The same, as extensions call it."),
    httpOnly: z.boolean().nullish().describe("Hidden from scripts."),
    secure: z.boolean().nullish().describe("Sent over https only."),
    sameSite: z
      .string()
      .nullish()
      .refine((text) => text == null || Object.hasOwn(SAME_SITE, text.toLowerCase()), "must be Strict, Lax or None")
      .describe("`Strict`, `Lax` or `None`; also as extensions write it."),
    hostOnly: ignored,
    session: ignored,
    storeId: ignored,
    id: ignored,
    partitionKey: ignored,
    size: ignored,
    priority: ignored,
    sameParty: ignored,
    sourceScheme: ignored,
    sourcePort: ignored,
  })
  .superRefine(({ name, secure, sameSite, path, domain }, context) => {
    const fault = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
    if (SAME_SITE[(sameSite?.toLowerCase() ?? "unspecified") as keyof typeof SAME_SITE] === "None" && secure !== true)
      fault("secure", "must be true where sameSite is None: browsers drop the cookie otherwise");
    if (/^__(?:Secure|Host)-/i.test(name) && secure !== true) fault("secure", "must be true: the name says so");
    if (/^__Host-/i.test(name) && (path !== "/" || domain.startsWith(".")))
      fault("path", "must be / on a host without a dot before it: the name says so");
  });

const originSchema = z.strictObject({
  origin: z
    .string()
    .max(STORAGE_STATE_LIMITS.domain)
    .refine((text) => originOf(text) === text, "must be an origin, such as https://shop.example")
    .describe("`https://shop.example`"),
  localStorage: z
    .array(z.strictObject({ name: z.string().describe("The key."), value: z.string().describe("What is kept.") }))
    .default([])
    .describe("What the origin keeps."),
  indexedDB: ignored,
});

const cookies = z.array(cookieSchema).max(STORAGE_STATE_LIMITS.cookies);

export const storageStateSchema = z
  .preprocess(
    (value) => (Array.isArray(value) ? { cookies: value } : value),
    z.strictObject({
      cookies: cookies.default([]).describe("The cookies."),
      origins: z.array(originSchema).max(STORAGE_STATE_LIMITS.origins).default([]).describe("Local storage, by its origin."),
    }),
  )
  .describe("Playwright's storage state `{cookies, origins}`, or a list of cookies.");
export type StorageState = z.infer<typeof storageStateSchema>;

/** As a browser is given it. */
export function toMemory({ cookies: list, origins }: StorageState): BrowserMemory {
  return {
    cookies: list.map(({ name, value, domain, path, expires, expirationDate, httpOnly, secure, sameSite }) => {
      const until = expires ?? expirationDate ?? -1;
      const site = SAME_SITE[(sameSite?.toLowerCase() ?? "unspecified") as keyof typeof SAME_SITE];
      return {
        name,
        value,
        domain,
        path,
        httpOnly: httpOnly ?? false,
        secure: secure ?? false,
        session: until < 0,
        ...(until < 0 ? {} : { expires: until }),
        ...(site === null ? {} : { sameSite: site }),
      };
    }),
    origins: origins.map(({ origin, localStorage }) => ({
      origin,
      local: Object.fromEntries(localStorage.map(({ name, value }) => [name, value])),
    })),
    pages: [],
  };
}
