import { z } from "zod";
import { defineStep, resultName, writable } from "./step.ts";

export const dialog = defineStep({
  action: "dialog",
  summary:
    "Say how the dialogs (`alert`, `confirm`, `prompt`) of this tab are answered from now on, and of those that it opens. Without it all are dismissed. A page that asks whether it may be left is always told yes.",
  onlyReads: true,
  fields: {
    respond: z.enum(["accept", "dismiss"]).describe("OK, or Cancel."),
    text: writable.exactOptional().describe("What is written into a `prompt`. Default: what the page suggests."),
    times: z.int().min(1).exactOptional().describe("So many dialogs; then they are dismissed again. Default: all."),
  },
  faults: ({ respond, text }) =>
    text !== undefined && respond === "dismiss" ? [{ path: ["text"], message: "`text` goes with `respond: accept`" }] : [],
  describe: ({ respond }) => respond,
  async run({ respond, text, times }, { page, options }) {
    await page.settings.change({ dialogs: { respond, text: text === undefined ? null : String(text), times: times ?? null } }, options);
    return undefined;
  },
});

export const getDialogs = defineStep({
  action: "get_dialogs",
  summary: "Read which dialogs the page's tabs have shown since the last `get_dialogs`, at most 100: type, message, how each was answered.",
  onlyReads: true,
  fields: {
    name: resultName,
    at_least: z.int().min(0).max(100).default(0).describe("Wait until there are so many, or the time is up."),
  },
  describe: ({ name }) => name,
  resultName: ({ name }) => name,
  async run(step, { page, options }) {
    const seen = await page.dialogs.take({ ...options, atLeast: step.at_least });
    return seen.map(({ type, message, respond, text, url }) => ({ type, message, respond, text, url }));
  },
});
