import { z } from "zod";
import { FAULT_CODES, type FaultCode } from "../error.ts";
import { evidenceSchema } from "../evidence/evidence.ts";
import { DEFINITION_LIMITS } from "./limits.ts";
import { absent, anyObject, createdAt, instant, modifiedAt } from "../view-field.ts";
import type { JsonObject } from "../json.ts";
import { WORKFLOW_STATUSES } from "./workflow-status.ts";
import { workflowResponse } from "./workflow-view.ts";

const kept = z.json().describe("Skyvern's: kept and returned; has no effect here.");

const masked = z.record(z.string(), z.string()).nullable();

/** `workflow_definition`: parameters, blocks, how they follow each other. The document describes it from the registry of block types. */
export const workflowDefinitionSchema = anyObject.meta({ id: "WorkflowDefinition" });

/** A workflow as it is sent. The document describes it from `workflowSchema` and the registry of block types. */
export const workflowInputSchema = z.json().meta({ id: "WorkflowInput" });

/** What `workflowResponse` makes. */
export const workflowResponseSchema = z
  .strictObject({
    workflow_id: z.string().describe("The id of this version, `w_…`."),
    organization_id: z.string().describe("Whose it is; `global` for a template."),
    title: z.string().max(DEFINITION_LIMITS.title).describe("What people call the workflow."),
    workflow_permanent_id: z.string().describe("The id of the workflow, `wpid_…`: the same for all its versions."),
    agent_id: z.string().describe("The same, as newer clients of Skyvern call it."),
    version: z.int().min(1).describe("The number of this version, from 1."),
    is_saved_task: z.boolean().nullable().describe("Is it listed as a saved task?"),
    is_template: z.boolean().describe("Is it a template of its organization, or a global one, which every organization shares?"),
    description: z.string().nullable().describe("For people."),
    workflow_definition: workflowDefinitionSchema.describe("Parameters and blocks, as they were sent."),
    proxy_location: kept,
    webhook_callback_url: z.string().nullable().describe("Where the events of its runs go, unless a run names another address."),
    totp_verification_url: kept,
    totp_identifier: kept,
    persist_browser_session: kept,
    reuse_browser_session: kept,
    mask_secrets: kept,
    pin_saved_session_ip: kept,
    browser_profile_id: kept,
    browser_profile_key: kept,
    model: kept,
    status: z.enum(WORKFLOW_STATUSES).nullable().describe("For people, and for the filter of lists."),
    max_screenshot_scrolls: z.int().nullable().describe("So many screens further down go the pictures of its runs' pages."),
    max_elapsed_time_minutes: z.number().nullable().describe("How long a run may be at work."),
    extra_http_headers: masked.describe("What the requests of its runs' pages carry besides: the names, and `***` for each value."),
    extra_http_headers_origins: z.array(z.string()).nullish().describe("The only sites that get them; where the definition says it."),
    cdp_connect_headers: masked.describe("What its runs send to browsers of their own, likewise."),
    run_with: kept,
    ai_fallback: kept,
    cache_key: kept,
    adaptive_caching: kept,
    enable_self_healing: kept,
    code_version: kept,
    generate_script_on_terminal: kept,
    run_sequentially: z.boolean().nullable().describe("One run of this workflow at a time; the others wait."),
    sequential_key: z
      .string()
      .nullable()
      .describe("With `run_sequentially`: one run at a time of those for which this expression has the same value."),
    evidence: evidenceSchema
      .nullish()
      .describe("What is kept of the pages of its runs, unless a run says otherwise; where the definition says it."),
    folder_id: z.string().nullable().describe("The folder that it is in, `fld_…`: the same for all its versions."),
    import_error: absent,
    created_by: absent,
    edited_by: absent,
    copilot_authored: z.literal(false).describe("Skyvern's; always false here."),
    created_at: createdAt,
    modified_at: modifiedAt,
    deleted_at: instant.nullable().describe("When it was deleted; null as long as it is not."),
  })
  .meta({ id: "Workflow" });

/** One fault, or one warning. */
export const faultSchema = z
  .strictObject({
    path: z.string().describe("Where it is, from the root of the input: `workflow_definition.blocks[2].url`. Empty for the whole."),
    message: z.string().describe("What is wrong and what was wanted."),
    code: z.enum(Object.keys(FAULT_CODES) as FaultCode[]).describe("A stable word for programs."),
  })
  .meta({ id: "Fault" });

export const savedWorkflowSchema = workflowResponseSchema
  .extend({ warnings: z.array(faultSchema).describe("What was accepted and has no effect.") })
  .meta({ id: "SavedWorkflow" });

/** A workflow as a caller would write it, for the document. */
export const workflowExample = {
  title: "Check the price",
  workflow_definition: {
    parameters: [{ parameter_type: "workflow", key: "url", workflow_parameter_type: "string" }],
    blocks: [
      { block_type: "goto_url", label: "open", url: "{{ url }}" },
      { block_type: "extraction", label: "price", selectors: { price: { target: ".price", type: "number" } } },
    ],
  },
} satisfies JsonObject;

export const workflowResponseExample = workflowResponse({
  organizationId: "o_01JDAA0000000000000000000A",
  workflowPermanentId: "wpid_01JDAA0000000000000000000B",
  workflowId: "w_01JDAA0000000000000000000C",
  version: 1,
  isTemplate: false,
  folderId: null,
  definition: workflowExample,
  createdAt: Date.UTC(2026, 0, 31, 12),
  deletedAt: null,
});
