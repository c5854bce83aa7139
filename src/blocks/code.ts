import { z } from "zod";
import { parameterKeysField } from "./skyvern-fields.ts";
import { defineRefusedBlock } from "./refused-block.ts";

export const code = defineRefusedBlock({
  type: "code",
  category: "data",
  summary: "Run Python.",
  reason:
    "it runs no Python. Work on values with expressions in a set, on the page with actions (whose step evaluate runs JavaScript there) and extraction, and ask anything else with an http_request",
  config: z.strictObject({
    code: z.string().describe("Python."),
    prompt: z.string().nullish().describe("What the code was made from."),
    steps: z
      .array(
        z.strictObject({
          title: z.string().nullish().describe("What the step is called."),
          description: z.string().nullish().describe("What it does."),
          action_type: z.string().nullish().describe("What kind of step it is."),
          line_start: z.int().nullish().describe("Its first line."),
          line_end: z.int().nullish().describe("Its last line."),
        }),
      )
      .nullish()
      .describe("What its lines do."),
    ...parameterKeysField,
  }),
  example: { block_type: "code", label: "total", code: "total = 1 + 2" },
});
