import { z } from "zod";
import { type CookieFilter, newCookiesSchema } from "../../domain/browser/cookie.ts";
import { defineStep, resultName } from "./step.ts";

const names = z.array(z.string().min(1)).min(1).exactOptional().describe("Only cookies of these names.");

/** Fields that are absent are left out. */
function filterOf({ url, domain, names: wanted }: { url?: string; domain?: string; names?: string[] }): CookieFilter {
  return {
    ...(url === undefined ? {} : { url }),
    ...(domain === undefined ? {} : { domain }),
    ...(wanted === undefined ? {} : { names: wanted }),
  };
}

export const getCookies = defineStep({
  action: "get_cookies",
  summary: "Read cookies with their values, also those that are hidden from scripts. The result can be given to `set_cookies`.",
  onlyReads: true,
  fields: {
    name: resultName,
    url: z
      .url({ protocol: /^https?$/ })
      .exactOptional()
      .describe("Those that a request to this address would carry. Default: to the page's own."),
    names,
  },
  describe: ({ name }) => name,
  resultName: ({ name }) => name,
  async run(step, { page, options }) {
    const cookies = await page.cookies.get(filterOf({ ...step, url: step.url ?? page.url() }), options);
    return cookies.map((cookie) => ({ ...cookie }));
  },
});

export const setCookies = defineStep({
  action: "set_cookies",
  summary: "Set cookies. They belong to the browser: all tabs of the run share them.",
  onlyReads: true,
  fields: { cookies: newCookiesSchema.describe("The cookies, as written here or as `get_cookies` gave them.") },
  describe: ({ cookies }) => cookies.map(({ name }) => name).join(", "),
  async run({ cookies }, { page, options }) {
    await page.cookies.set(cookies, options);
    return undefined;
  },
});

export const clearCookies = defineStep({
  action: "clear_cookies",
  summary: "Delete cookies of the browser: all of them, or those that meet everything that is given.",
  onlyReads: true,
  fields: {
    url: z
      .url({ protocol: /^https?$/ })
      .exactOptional()
      .describe("Those that a request to this address would carry."),
    domain: z.string().min(1).exactOptional().describe("Those of this host."),
    names,
  },
  describe: ({ names: wanted = [], domain, url }) => [...wanted, domain ?? url ?? ""].join(" "),
  async run(step, { page, options }) {
    await page.cookies.clear(filterOf(step), options);
    return undefined;
  },
});
