import { z } from "zod";
import { asksModel } from "../domain/workflow/criteria.ts";
import { defineBlock, OpenLoop } from "./block.ts";
import { aModel } from "./model-block.ts";

const JUDGE = aModel("to judge its condition, which is a prompt", "write an expression over what an extraction has read");

export const whileLoop = defineBlock({
  type: "while_loop",
  category: "control",
  role: "while_loop",
  summary:
    "Run blocks as long as an expression is true: `condition: {expression}`, which is asked before each iteration and sees the outputs of the one before. " +
    "At most 1,000 iterations.",
  repeatable: true,
  needs: ({ condition }) => (asksModel(condition) ? JUDGE : null),
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
