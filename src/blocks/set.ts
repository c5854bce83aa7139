import { z } from "zod";
import { jsonValue } from "../domain/json-value.ts";
import { defineBlock } from "./block.ts";

const values = z.record(z.string(), jsonValue);

export const set = defineBlock({
  type: "set",
  readsSecrets: false, // its output is its fields
  category: "data",
  summary: "Give names to values and expressions, for later blocks to use.",
  repeatable: true,
  config: z.strictObject({
    values: values.describe("Names to values. A value that is one single `{{ }}` keeps its type."),
  }),
  output: values,
  example: { block_type: "set", label: "greeting", values: { text: "Hello on {{ current_date }}", count: 3 } },
  execute: async (_context, config) => config.values,
});
