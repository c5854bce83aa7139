import { z } from "zod";
import type { JsonObject } from "../json.ts";
import { faultSchema } from "./workflow-view-schema.ts";

const retrySchema = z
  .strictObject({
    max_attempts: z.int().min(1).describe("Attempts in all."),
    initial_seconds: z.number().describe("Wait before the second attempt."),
    multiplier: z.number().describe("Each wait is so many times the one before."),
    max_seconds: z.number().describe("The longest wait."),
    on: z.enum(["temporary", "any"]).describe("After which failures: those that may pass, or any."),
  })
  .meta({ id: "RetryPolicy" });

const levels = z.array(z.array(z.string()));

/** What `planView` makes. */
const planSchema = z
  .strictObject({
    version: z.literal([1, 2, 3]).describe("How blocks follow each other: by the list, by `next_block_label`, by dependencies."),
    mode: z.enum(["cursor", "dependencies"]).describe("One block at a time, or all that can."),
    max_parallel_blocks: z.int().min(1).describe("How many blocks may run at once."),
    retry: retrySchema.describe("Whether a failed run is tried again."),
    nodes: z
      .array(
        z.strictObject({
          label: z.string().describe("The block's name."),
          block_type: z.string().describe("Its type."),
          condition: z.string().nullable().describe("Skipped when this expression is false."),
          max_concurrency: z.int().nullable().describe("Of a `for_loop`: how many iterations may run at once."),
          continue_on_failure: z.boolean().describe("Does the run go on when it fails?"),
          next_loop_on_failure: z.boolean().describe("Does the loop go on with its next iteration when it fails?"),
          timeout_seconds: z.number().describe("How long one attempt may take."),
          retry: retrySchema.describe("Whether it is tried again."),
          on_interrupted: z.enum(["retry", "fail", "ask"]).describe("What is done when the service died during it."),
          path: z.string().nullable().describe("Where it stands in the definition."),
          loop: z.string().nullable().describe("The loop around it."),
          levels: levels.nullable().describe("Of a loop: its blocks, as the plan's `levels`."),
        }),
      )
      .describe("The blocks of all depths, in the order of the definition."),
    edges: z
      .array(
        z.strictObject({
          from: z.string().describe("The block before."),
          to: z.string().describe("The block after."),
          reason: z
            .enum(["list_order", "next_block_label", "merge", "loop", "depends_on", "expression", "condition", "branch"])
            .describe("Why the one comes after the other."),
        }),
      )
      .describe("Who comes after whom."),
    levels: levels.describe("The outermost blocks: what is on one level may run at the same time, or only one of it will (a branch)."),
    finally_block_label: z.string().nullable().describe("The block that runs at the end."),
  })
  .meta({ id: "Plan" });

export const diagnosticSchema = faultSchema
  .extend({ severity: z.enum(["error", "warning"]).describe("A warning keeps nothing from being saved.") })
  .meta({ id: "Diagnostic" });

export const validationSchema = z
  .strictObject({
    valid: z.boolean().describe("Could it be saved?"),
    plan: planSchema.nullable().describe("What it would do; null when it is not valid."),
    diagnostics: z.array(diagnosticSchema).describe("Everything that is wrong, or has no effect."),
  })
  .meta({ id: "Validation" });

export const validationExample: JsonObject = {
  valid: false,
  plan: null,
  diagnostics: [
    {
      severity: "error",
      path: "workflow_definition.blocks[0].url",
      message: `'ulr' is not defined; did you mean 'url'?`,
      code: "undefined_name",
    },
  ],
};
