import { z } from "zod";
import { jsonValue } from "../domain/json-value.ts";
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
    browser_session_id: z.string().nullish().describe("The child uses the browser of this session (`pbs_…`), as soon as that is free."),
    use_parent_browser_session: z
      .boolean()
      .nullish()
      .describe(
        "The child goes on in the browser session of this run. Where this run has none, the child's own browser begins with the page and the cookies " +
          "of this run's, and keeps what it does there to itself.",
      ),
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
      browserSessionId: config.browser_session_id?.trim() || null,
      useParentBrowser: config.use_parent_browser_session ?? false,
    }),
});
