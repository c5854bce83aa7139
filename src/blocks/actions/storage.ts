import { z } from "zod";
import { defineStep, resultName, writable } from "./step.ts";

const kind = z.enum(["local", "session"]).default("local").describe("`localStorage` or `sessionStorage`.");
const keys = z.array(z.string()).min(1).exactOptional();

export const getStorage = defineStep({
  action: "get_storage",
  summary: "Read the storage of the page's origin: keys to texts.",
  onlyReads: true,
  fields: { name: resultName, kind, keys: keys.describe("Only these keys, as far as they are there.") },
  describe: ({ name }) => name,
  resultName: ({ name }) => name,
  async run(step, { page, options }) {
    const all = await page.storage.get(step.kind, options);
    const { keys: wanted } = step;
    return wanted === undefined ? all : Object.fromEntries(Object.entries(all).filter(([key]) => wanted.includes(key)));
  },
});

export const setStorage = defineStep({
  action: "set_storage",
  summary: "Write into the storage of the page's origin. What else is there stays.",
  onlyReads: true,
  fields: { entries: z.record(z.string(), writable).describe("Keys to texts."), kind },
  describe: ({ entries }) => Object.keys(entries).join(", "),
  async run(step, { page, options }) {
    const texts = Object.fromEntries(Object.entries(step.entries).map(([key, value]) => [key, String(value)]));
    await page.storage.set(step.kind, texts, options);
    return undefined;
  },
});

export const clearStorage = defineStep({
  action: "clear_storage",
  summary: "Empty the storage of the page's origin.",
  onlyReads: true,
  fields: { kind, keys: keys.describe("Only these keys.") },
  describe: (step) => step.kind,
  async run(step, { page, options }) {
    await page.storage.clear(step.kind, step.keys ?? null, options);
    return undefined;
  },
});
