import { z } from "zod";
import { describeTarget } from "../../domain/browser/browser.ts";
import { defineStep, target, timeoutOf, writable } from "./step.ts";

export const type = defineStep({
  action: "type",
  summary: "Type key by key, at the end of what is there.",
  onlyReads: false,
  fields: {
    text: writable.describe("What to type."),
    target: target.exactOptional().describe("The field. Default: where the focus is."),
    delay_ms: z.int().min(0).max(10_000).default(0).describe("Milliseconds between two keys, for pages that look at each."),
  },
  toPageAction: (step) => ({
    do: "type",
    target: step.target ?? null,
    text: String(step.text),
    delayMs: step.delay_ms,
    timeoutMs: timeoutOf(step),
  }),
});

export const press = defineStep({
  action: "press",
  summary: "Press a key or a chord.",
  onlyReads: false,
  fields: {
    key: z.string().min(1).describe("`Enter`, `Tab`, `Escape`, `ArrowDown`, `a`, `Control+A`, …"),
    target: target.exactOptional().describe("The element to focus first. Default: where the focus is."),
  },
  describe: (step) => (step.target === undefined ? step.key : describeTarget(step.target)),
  toPageAction: (step) => ({ do: "press", target: step.target ?? null, key: step.key, timeoutMs: timeoutOf(step) }),
});
