import { z } from "zod";
import { jsonValue } from "../domain/json-value.ts";
import { aModel, defineModelBlock } from "./model-block.ts";
import { llmKeyField, parameterKeysField } from "./skyvern-fields.ts";

export const textPrompt = defineModelBlock({
  type: "text_prompt",
  category: "data",
  summary: "Ask a model; the answer is the output, in the form of `json_schema`.",
  repeatable: true,
  need: aModel("to answer the prompt", "an http_request can ask one"),
  config: z.strictObject({
    prompt: z.string().min(1).describe("What is asked."),
    json_schema: z.record(z.string(), jsonValue).nullish().describe("JSON Schema of the answer."),
    ...llmKeyField,
    ...parameterKeysField,
  }),
  example: { block_type: "text_prompt", label: "summary", prompt: "Say in one sentence what was ordered on {{ current_date }}." },
});
