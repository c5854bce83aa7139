import { z } from "zod";
import type { PageAction, ScrollDistance } from "../../domain/browser/browser.ts";
import { defineStep, target, timeoutOf } from "./step.ts";

/** A list that is longer than this is one without an end. */
const MAX_SCROLLS = 100;

export const scroll = defineStep({
  action: "scroll",
  summary: "Scroll: an element into view, or by an amount or to an end; the page, or what is inside an element.",
  onlyReads: true,
  fields: {
    target: target.exactOptional().describe("Alone: bring this element into view. With `to` or `by`: scroll what is inside it."),
    to: z
      .enum(["top", "bottom", "end"])
      .exactOptional()
      .describe("Scroll to an edge. `end`: down again and again, until a list that loads more has no more."),
    by: z
      .strictObject({ x: z.int().default(0).describe("Pixels to the right."), y: z.int().default(0).describe("Pixels down.") })
      .exactOptional()
      .describe("Scroll by an amount."),
    max_scrolls: z.int().min(1).max(10_000).exactOptional().describe(`With \`to: end\`: stop after so many. Default: ${MAX_SCROLLS}.`),
    idle_seconds: z
      .number()
      .positive()
      .max(60)
      .exactOptional()
      .describe("With `to: end`: it is the end when nothing more has come for so long. Default: 1."),
  },
  faults: ({ target: element, to, by, max_scrolls, idle_seconds }) => [
    ...(to !== undefined && by !== undefined ? [{ message: "scroll takes one of to, by" }] : []),
    ...(element === undefined && to === undefined && by === undefined ? [{ message: "scroll needs one of target, to, by" }] : []),
    ...(max_scrolls !== undefined && to !== "end" ? [{ path: ["max_scrolls"], message: "`max_scrolls` goes with `to: end`" }] : []),
    ...(idle_seconds !== undefined && to !== "end" ? [{ path: ["idle_seconds"], message: "`idle_seconds` goes with `to: end`" }] : []),
  ],
  toPageAction(step): PageAction {
    const timeoutMs = timeoutOf(step);
    const distance = distanceOf(step);
    if (step.target !== undefined && distance === null) return { do: "show", target: step.target, timeoutMs };
    return { do: "scroll", target: step.target ?? null, distance: distance ?? { byX: 0, byY: 0 }, timeoutMs };
  },
});

/** @returns null when the step only brings its element into view */
function distanceOf({
  to,
  by,
  max_scrolls = MAX_SCROLLS,
  idle_seconds = 1,
}: {
  to?: "top" | "bottom" | "end";
  by?: { x: number; y: number };
  max_scrolls?: number;
  idle_seconds?: number;
}): ScrollDistance | null {
  if (to === "end") return { edge: "end", maxScrolls: max_scrolls, idleMs: idle_seconds * 1000 };
  if (to !== undefined) return { edge: to };
  return by === undefined ? null : { byX: by.x, byY: by.y };
}
