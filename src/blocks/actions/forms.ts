import { z } from "zod";
import { fileSource, openSources } from "./fetch-file.ts";
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
  summary: "Choose an option of a `select`, or several; afterwards exactly these are chosen.",
  onlyReads: false,
  fields: {
    target,
    value: writable.exactOptional().describe("The option's value."),
    label: writable.exactOptional().describe("The option's text."),
    index: z.int().exactOptional().describe("The option's place: 0 is the first, -1 the last."),
    values: z.array(writable).exactOptional().describe("Values of several options; none clears the choice."),
    labels: z.array(writable).exactOptional().describe("Texts of several options."),
  },
  faults: (step) => exactlyOne(step, ["value", "label", "index", "values", "labels"]),
  toPageAction(step) {
    const { target: element, value, label, index, values = [value], labels = [label] } = step;
    const by = index !== undefined ? "index" : label !== undefined || step.labels !== undefined ? "label" : "value";
    const wanted = { index: [index], label: labels, value: values }[by].map(String);
    return { do: "select", target: element, by, wanted, timeoutMs: timeoutOf(step) };
  },
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
  summary: "Give files to a file input, or to what opens a file chooser when it is clicked.",
  onlyReads: false,
  fields: {
    target,
    files: z
      .array(fileSource)
      .min(1)
      .max(100)
      .describe("The files, all together at most 25 MB: stored ones, fetched ones, or content given here."),
  },
  beginsBatch: true, // its files are fetched when the steps before it are done
  toPageAction: async (step, context) => ({
    do: "upload",
    target: step.target,
    files: await openSources(context, step.files, timeoutOf(step)),
    timeoutMs: timeoutOf(step),
  }),
});
