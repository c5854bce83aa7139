import { z } from "zod";
import { defineBlock, Sleep } from "./block.ts";

/** The longest wait: 30 days. */
const MAX_SECONDS = 30 * 24 * 3600;

export const wait = defineBlock({
  type: "wait",
  category: "control",
  summary: "Wait, from a moment to days. A waiting run holds nothing and costs nothing; canceling it ends the wait at once.",
  repeatable: true,
  config: z.strictObject({
    wait_sec: z.number().min(0).max(MAX_SECONDS).default(0).describe("Seconds to wait, at most 30 days."),
  }),
  output: z.null(),
  example: { block_type: "wait", label: "pause", wait_sec: 5 },
  execute: async (context, config) => new Sleep(context.now() + config.wait_sec * 1000, null),
});
