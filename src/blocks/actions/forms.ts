import { z } from "zod";
import { fetchFile, fileSource } from "./fetch-file.ts";
import { defineStep, exactlyOne, target, timeoutOf, writable } from "./step.ts";

export const fill = defineStep({
  action: "fill",
  summary: "Replace the content of a field.",
  onlyReads: false,
  fields: { target, value: writable.describe("The new content; empty clears the field.") },
  toPageAction: (step) => ({ do: "fill", target: step.target, value: String(step.value), timeoutMs: timeoutOf(step) }),
});

export const select = defineStep({
  action: "select",
  summary: "Choose an option of a `select`.",
  onlyReads: false,
  fields: {
    target,
    value: writable.exactOptional().describe("The option's value."),
    label: writable.exactOptional().describe("The option's text."),
  },
  faults: (step) => exactlyOne(step, ["value", "label"]),
  toPageAction: (step) =>
    step.label === undefined
      ? { do: "select", target: step.target, by: "value", wanted: String(step.value), timeoutMs: timeoutOf(step) }
      : { do: "select", target: step.target, by: "label", wanted: String(step.label), timeoutMs: timeoutOf(step) },
});

export const check = defineStep({
  action: "check",
  summary: "Tick a checkbox or choose a radio button.",
  onlyReads: false,
  fields: { target },
  toPageAction: (step) => ({ do: "check", target: step.target, checked: true, timeoutMs: timeoutOf(step) }),
});

export const uncheck = defineStep({
  action: "uncheck",
  summary: "Clear a checkbox.",
  onlyReads: false,
  fields: { target },
  toPageAction: (step) => ({ do: "check", target: step.target, checked: false, timeoutMs: timeoutOf(step) }),
});

export const upload = defineStep({
  action: "upload",
  summary: "Give files to a file input.",
  onlyReads: false,
  fields: { target, files: z.array(fileSource).min(1).describe("The files: content given here or fetched from an address.") },
  beginsBatch: true, // its files are fetched when the steps before it are done
  toPageAction: async (step, context) => ({
    do: "upload",
    target: step.target,
    files: await Promise.all(step.files.map((file) => fetchFile(context, file, timeoutOf(step)))),
    timeoutMs: timeoutOf(step),
  }),
});
