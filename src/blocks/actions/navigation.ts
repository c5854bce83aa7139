import { z } from "zod";
import { LOAD_STATES } from "../../domain/browser/browser.ts";
import { assertPageStatus } from "../browser-block.ts";
import { defineStep } from "./step.ts";

const waitUntil = z.enum(LOAD_STATES).default("load").describe("What to wait for; `networkidle` is no request for half a second.");

export const goto = defineStep({
  action: "goto",
  summary: "Open an address.",
  onlyReads: true,
  fields: { url: z.string().min(1).describe("Absolute http(s) address."), wait_until: waitUntil },
  describe: ({ url }) => url,
  async run({ url, wait_until }, { page, options }) {
    assertPageStatus(await page.goto(url, { ...options, waitUntil: wait_until }));
    return undefined;
  },
});

export const back = defineStep({
  action: "back",
  summary: "Go one page back, as the browser's button does.",
  onlyReads: true,
  fields: { wait_until: waitUntil },
  async run({ wait_until }, { page, options }) {
    assertPageStatus(await page.back({ ...options, waitUntil: wait_until }));
    return undefined;
  },
});

export const forward = defineStep({
  action: "forward",
  summary: "Go one page forward again, after `back`.",
  onlyReads: true,
  fields: { wait_until: waitUntil },
  async run({ wait_until }, { page, options }) {
    assertPageStatus(await page.forward({ ...options, waitUntil: wait_until }));
    return undefined;
  },
});

export const reload = defineStep({
  action: "reload",
  summary: "Load the page again. A form that led to it is sent again.",
  onlyReads: false,
  fields: { wait_until: waitUntil },
  async run({ wait_until }, { page, options }) {
    assertPageStatus(await page.reload({ ...options, waitUntil: wait_until }));
    return undefined;
  },
});
