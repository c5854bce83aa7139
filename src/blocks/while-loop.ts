import { z } from "zod";
import { defineBlock, OpenLoop } from "./block.ts";

export const whileLoop = defineBlock({
  type: "while_loop",
  category: "control",
  role: "while_loop",
  summary:
    "Run blocks as long as an expression is true: `condition: {expression}`, which is asked before each iteration and sees the outputs of the one before. " +
    "At most 1,000 iterations.",
  repeatable: true,
  config: z.strictObject({}),
  output: z.array(z.array(z.json())).describe("For each iteration `{loop_value, output_parameter, output_value}` of each of its blocks."),
  example: {
    block_type: "while_loop",
    label: "until_done",
    condition: { expression: "{{ current_index < 3 }}" },
    loop_blocks: [{ block_type: "set", label: "step", values: { number: "{{ current_index }}" } }],
  },
  execute: async () => new OpenLoop(null),
});
