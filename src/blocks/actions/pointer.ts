import { z } from "zod";
import { describeTarget, KEY_MODIFIERS, MOUSE_BUTTONS } from "../../domain/browser/browser.ts";
import { defineStep, target, timeoutOf } from "./step.ts";

export const click = defineStep({
  action: "click",
  summary: "Click an element; when that opens another page, wait until it has loaded.",
  onlyReads: false,
  fields: {
    target,
    button: z.enum(MOUSE_BUTTONS).default("left").describe("`right` opens the page's own context menu, where it has one."),
    count: z
      .union([z.literal(1), z.literal(2)])
      .default(1)
      .describe("2: a double click."),
    modifiers: z.array(z.enum(KEY_MODIFIERS)).default([]).describe("Keys that are held down meanwhile."),
  },
  toPageAction: ({ button, count, modifiers, ...step }) => ({
    do: "click",
    target: step.target,
    press: { button, count, modifiers },
    timeoutMs: timeoutOf(step),
  }),
});

export const focus = defineStep({
  action: "focus",
  summary: "Give an element the focus, without a click.",
  onlyReads: true,
  fields: { target },
  toPageAction: (step) => ({ do: "focus", target: step.target, timeoutMs: timeoutOf(step) }),
});

export const hover = defineStep({
  action: "hover",
  summary: "Move the pointer onto an element.",
  onlyReads: true,
  fields: { target },
  toPageAction: (step) => ({ do: "hover", target: step.target, timeoutMs: timeoutOf(step) }),
});

export const drag = defineStep({
  action: "drag",
  summary: "Drag an element onto another, by the pointer; pages with HTML drag and drop see that.",
  onlyReads: false,
  fields: { target: target.describe("What is dragged."), to: target.describe("What it is dropped on, in its middle.") },
  describe: (step) => `${describeTarget(step.target)} to ${describeTarget(step.to)}`,
  toPageAction: (step) => ({ do: "drag", target: step.target, to: step.to, timeoutMs: timeoutOf(step) }),
});
