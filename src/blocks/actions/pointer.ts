import { z } from "zod";
import { defineStep, exactlyOne, target, timeoutOf } from "./step.ts";

export const click = defineStep({
  action: "click",
  summary: "Click an element; when that opens another page, wait until it has loaded.",
  onlyReads: false,
  fields: { target },
  toPageAction: (step) => ({ do: "click", target: step.target, timeoutMs: timeoutOf(step) }),
});

export const hover = defineStep({
  action: "hover",
  summary: "Move the pointer onto an element.",
  onlyReads: true,
  fields: { target },
  toPageAction: (step) => ({ do: "hover", target: step.target, timeoutMs: timeoutOf(step) }),
});

export const scroll = defineStep({
  action: "scroll",
  summary: "Scroll the page.",
  onlyReads: true,
  fields: {
    target: target.exactOptional().describe("Scroll this element into view."),
    to: z.enum(["top", "bottom"]).exactOptional().describe("Scroll to an end of the page."),
    by: z
      .strictObject({ x: z.int().default(0).describe("Pixels to the right."), y: z.int().default(0).describe("Pixels down.") })
      .exactOptional()
      .describe("Scroll by an amount."),
  },
  faults: (step) => exactlyOne(step, ["target", "to", "by"]),
  toPageAction(step) {
    const timeoutMs = timeoutOf(step);
    if (step.target !== undefined) return { do: "scroll", to: { target: step.target }, timeoutMs };
    return { do: "scroll", to: step.to === undefined ? { byX: step.by?.x ?? 0, byY: step.by?.y ?? 0 } : { edge: step.to }, timeoutMs };
  },
});
