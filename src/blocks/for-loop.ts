import { z } from "zod";
import { MAX_ITERATIONS } from "../domain/run/block-state.ts";
import { ExpressionError, hasExpression, parseExpression } from "../domain/expression.ts";
import { isJsonObject, type Json, type JsonObject } from "../domain/json.ts";
import { unused } from "../domain/workflow/unused-fields.ts";
import { BlockError, defineBlock, OpenLoop, Terminate } from "./block.ts";
import { aModel } from "./model-block.ts";
import { dataSchema } from "./skyvern-fields.ts";

const FIND_ITEMS = aModel("to find on the page what it goes over", "name a parameter or an output, or write an expression");

export const forLoop = defineBlock({
  type: "for_loop",
  category: "control",
  role: "for_loop",
  summary: "Run blocks once for each item of a list; inside, `current_value` and `current_index` are the item and its number from 0.",
  repeatable: true,
  needs: ({ loop_variable_reference: list }) =>
    typeof list === "string" && !hasExpression(list) && list.trim() !== "" ? FIND_ITEMS : null,
  config: z
    .strictObject({
      loop_variable_reference: z
        .json()
        .optional()
        .describe(
          "The list: an expression, or the name of a parameter or an output. What is no list is a list of one. Words that are no expression describe " +
            "what a model is to find on the page: a run fails there.",
        ),
      loop_over_parameter_key: z
        .string()
        .default("")
        .describe("The same, as older definitions name it: the key of a parameter or an output."),
      complete_if_empty: z
        .boolean()
        .default(false)
        .describe("An empty list completes the block; otherwise it ends the run as `terminated`."),
      max_concurrency: z.int().min(1).max(16).default(1).describe("How many iterations may run at once."),
      data_schema: unused(dataSchema, null, "Kept; has no effect: it is the form of what a model finds."),
    })
    .refine((config) => config.loop_variable_reference !== undefined || config.loop_over_parameter_key !== "", {
      path: ["loop_variable_reference"],
      message: "is required: what the loop goes over",
    }),
  output: z.array(z.array(z.json())).describe("For each iteration `{loop_value, output_parameter, output_value}` of each of its blocks."),
  example: {
    block_type: "for_loop",
    label: "each_sku",
    loop_variable_reference: "{{ ['A-1', 'A-2'] }}",
    max_concurrency: 2,
    loop_blocks: [{ block_type: "set", label: "line", values: { sku: "{{ current_value }}", number: "{{ current_index + 1 }}" } }],
  },
  /** A bare name means its value. */
  normalize(config: JsonObject): JsonObject {
    const { loop_over_parameter_key: key, loop_variable_reference: reference, ...rest } = config;
    const source = typeof reference === "string" && reference.trim() === "" ? undefined : reference;
    const named = source ?? (typeof key === "string" ? key : "");
    const list = typeof named === "string" && !hasExpression(named) && isReference(named) ? `{{ ${named} }}` : named;
    return { ...rest, loop_variable_reference: list };
  },
  async execute(_context, config) {
    const items = listOf(config.loop_variable_reference ?? null);
    if (items.length > MAX_ITERATIONS)
      throw new BlockError(`The list has ${items.length} items; a loop may have ${MAX_ITERATIONS} iterations.`);
    if (items.length === 0 && !config.complete_if_empty) return new Terminate("No iterable value found for the loop block");
    return new OpenLoop(items);
  },
});

/** Words that are no expression, and sentences that could be read as one (`products in cart`), describe what to find; a name is a name. */
function isReference(text: string): boolean {
  if (text.trim() === "" || /^\p{L}[\p{L}\d_]*(?:\s+\p{L}[\p{L}\d_]*)+\W*$/u.test(text.trim())) return false;
  try {
    parseExpression(`{{ ${text} }}`);
    return true;
  } catch (error) {
    if (error instanceof ExpressionError) return false;
    throw error;
  }
}

/** Skyvern's reading of what a loop goes over: the list itself, or the list inside an extraction's output. */
export function listOf(value: Json): readonly Json[] {
  if (Array.isArray(value)) return value;
  if (value === null || value === "") return [];
  if (isJsonObject(value)) {
    for (const inner of [
      value.extracted_information,
      isJsonObject(value.extracted_information) ? value.extracted_information.results : undefined,
      value.results,
    ]) {
      if (Array.isArray(inner)) return inner;
    }
  }
  return [value];
}
