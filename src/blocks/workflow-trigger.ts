import { z } from "zod";
import { jsonValue } from "../domain/json-value.ts";
import { unused } from "../domain/workflow/unused-fields.ts";
import { AwaitChild, defineBlock } from "./block.ts";
import { parameterKeysField } from "./skyvern-fields.ts";

export const workflowTrigger = defineBlock({
  type: "workflow_trigger",
  category: "control",
  summary: "Run another workflow, and wait for its end or not. The child shares its parent's slot, and canceling the parent cancels it.",
  repeatable: true,
  config: z.strictObject({
    workflow_permanent_id: z.string().min(1).describe("The workflow to run (`wpid_…`); its latest version."),
    payload: z.record(z.string(), jsonValue).nullish().describe("Values for its parameters."),
    wait_for_completion: z.boolean().default(true).describe("Wait for its end; a child that does not complete fails the block."),
    browser_session_id: unused(z.string(), null, "Kept; has no effect: a child has a browser of its own."),
    use_parent_browser_session: unused(z.boolean(), false, "Kept; has no effect: a child has a browser of its own."),
    ...parameterKeysField,
  }),
  output: z.object({
    workflow_run_id: z.string(),
    workflow_permanent_id: z.string(),
    status: z.string(),
    failure_reason: z.string().nullable(),
    outputs: z.record(z.string(), jsonValue).nullable(),
  }),
  example: {
    block_type: "workflow_trigger",
    label: "order",
    workflow_permanent_id: "wpid_01JD0000000000000000000000",
    payload: { sku: "A-1" },
  },
  execute: async (_context, config) =>
    new AwaitChild({
      workflowPermanentId: config.workflow_permanent_id,
      parameters: config.payload ?? {},
      wait: config.wait_for_completion,
    }),
});
