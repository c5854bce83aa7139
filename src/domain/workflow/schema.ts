import { z } from "zod";
import { evidenceSchema, screenshotScrollsField } from "../evidence/evidence.ts";
import { extraHeadersField, headerOriginsField } from "../browser/extra-headers.ts";
import { jsonValue } from "../json-value.ts";
import type { JsonObject } from "../json.ts";
import { connectHeadersField } from "../browser/remote-browser.ts";
import { RETRY_DEFAULTS } from "../recovery.ts";
import { WORKFLOW_STATUSES } from "./workflow-status.ts";
import { CRITERIA_TYPES } from "./criteria.ts";
import { unused } from "./unused-fields.ts";
import { BLOCK_TIMEOUT_SECONDS, DEFINITION_LIMITS } from "./limits.ts";

/** How often, and after which waits, something is tried again. */
export const retrySchema = z.strictObject({
  max_attempts: z.int().min(1).max(100).describe("Attempts in all, the first included."),
  initial_seconds: z
    .number()
    .min(0)
    .max(3600)
    .default(RETRY_DEFAULTS.initialMs / 1000)
    .describe("Wait before the second attempt."),
  multiplier: z.number().min(1).max(10).default(RETRY_DEFAULTS.multiplier).describe("Each wait is so many times the one before."),
  max_seconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(RETRY_DEFAULTS.maxMs / 1000)
    .describe("The longest wait."),
});

/** Python's identifiers, which is what Skyvern asks of labels and keys. */
export const IDENTIFIER = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;

const errorCodesSchema = z
  .record(z.string(), z.string())
  .refine((codes) => Object.keys(codes).length <= DEFINITION_LIMITS.errorCodes, `must have at most ${DEFINITION_LIMITS.errorCodes} codes`);

/** Skyvern's `{model_name}`. */
const modelSchema = z.record(z.string(), jsonValue);

const RESERVED_LABELS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** A block as written: the fields that every block has, and those of its type, which the catalog checks. */
export const blockSchema = z.looseObject({
  block_type: z.string().describe("One of the block types."),
  label: z
    .string()
    .max(DEFINITION_LIMITS.label)
    .regex(IDENTIFIER, "must be letters, digits and _, and not begin with a digit")
    .refine((label) => !RESERVED_LABELS.has(label), "means something else in JavaScript; choose another")
    .describe("Names the block, once in the workflow. Its output is `<label>_output` in expressions."),
  next_block_label: z
    .string()
    .nullish()
    .describe("Version 2: the block that comes after this one. Of a conditional: where its branches meet again."),
  depends_on: z
    .array(z.string())
    .max(DEFINITION_LIMITS.workflowBlocks)
    .optional()
    .describe("Version 3: blocks that must have ended before, besides those whose output is mentioned."),
  condition: z
    .union([
      z.string(),
      z.strictObject({
        criteria_type: z.enum(CRITERIA_TYPES).nullish().describe("How it is judged."),
        expression: z.string().describe("The expression."),
        description: z.string().nullish().describe("For people."),
      }),
    ])
    .optional()
    .describe(
      "An expression. The block is skipped, with a null output, when its value is false. Of a `while_loop`: `{criteria_type, expression, description}`, asked before each iteration; judging a `prompt` needs a model.",
    ),
  loop_blocks: z.array(z.unknown()).optional().describe("Of a loop: its blocks."),
  continue_on_failure: z.boolean().default(false).describe("Go on when this block fails."),
  skip_on_failure: z.boolean().optional().describe("The same as `continue_on_failure`."),
  next_loop_on_failure: z.boolean().default(false).describe("In a loop, or of one: when a block fails, go on with the next iteration."),
  timeout_seconds: z
    .number()
    .min(1)
    .max(BLOCK_TIMEOUT_SECONDS.person.max)
    .optional()
    .describe("How long one attempt may take: 120 by default, at most 780. For a person's answer 7,200, at most 30 days."),
  retry: retrySchema
    .optional()
    .describe("Try again after a failure that may pass. Default: 3 attempts where it may be run again after an interruption, else 1."),
  max_retries: z.int().min(0).max(99).nullish().describe("Skyvern's: so many more attempts after any failure."),
  on_interrupted: z
    .enum(["retry", "fail", "ask"])
    .optional()
    .describe(
      "When the service died during this block: run it again, fail, or ask a person. Default: `retry` for repeatable types, else `fail`.",
    ),
  error_code_mapping: errorCodesSchema.nullish().describe("Codes for failures whose reason contains the text. Wins over the workflow's."),
  evidence: evidenceSchema
    .nullish()
    .describe("Of a block with a page: what is kept of it, in place of what the workflow or the run says: `{screenshots, console, har}`."),
  model: unused(modelSchema),
  ignore_workflow_system_prompt: unused(z.boolean(), false),
  disable_cache: unused(z.boolean(), false),
});
export type BlockDefinition = z.infer<typeof blockSchema>;

/** A workflow as written. */
export const workflowSchema = z.strictObject({
  title: z.string().min(1).max(DEFINITION_LIMITS.title).describe("What people call the workflow."),
  description: z.string().nullish().describe("For people."),
  webhook_callback_url: z.string().nullish().describe("Where the events of its runs go, unless a run names another address."),
  max_elapsed_time_minutes: z.number().min(1).max(480).nullish().describe("How long a run may be at work."),
  totp_verification_url: z
    .string()
    .nullish()
    .describe("Where the service asks for one-time codes, unless a run names another address (`totp_url`)."),
  totp_identifier: z
    .string()
    .max(500)
    .nullish()
    .describe("By what name one-time codes are sent in, where the credential has none of its own."),
  run_sequentially: z.boolean().nullish().describe("One run of this workflow at a time; the others wait."),
  sequential_key: z
    .string()
    .nullish()
    .describe("With `run_sequentially`: one run at a time of those for which this expression has the same value."),
  status: z
    .enum(WORKFLOW_STATUSES)
    .nullish()
    .describe("`published` when absent. For people, and for the filter of lists: whatever its status, a workflow can be run."),
  is_saved_task: z.boolean().nullish().describe("Listed with `only_saved_tasks`, and not with `only_workflows`."),
  folder_id: z
    .string()
    .nullish()
    .describe("The folder to put the workflow into; it stays where it is when absent. Belongs to the workflow, not to a version."),
  evidence: evidenceSchema
    .nullish()
    .describe("What is kept of the pages of its runs, unless a run says otherwise: by default of attempts that fail."),
  proxy_location: unused(z.union([z.string(), z.record(z.string(), jsonValue)])),
  persist_browser_session: z
    .boolean()
    .nullish()
    .describe("Keep what the browser of a completed run remembers (cookies, local storage), and begin the next run with it."),
  reuse_browser_session: unused(z.boolean(), false),
  pin_saved_session_ip: unused(z.boolean(), false),
  browser_profile_id: z
    .string()
    .nullish()
    .describe("The profile that the browser of its runs begins with (`bp_…`), unless a run names another."),
  browser_profile_key: z
    .string()
    .nullish()
    .describe("With `persist_browser_session`: runs for which this expression has the same value share what is remembered, and no others."),
  mask_secrets: unused(z.boolean(), true, "Kept; has no effect: secrets are always masked."),
  model: unused(modelSchema),
  max_screenshot_scrolls: screenshotScrollsField
    .nullish()
    .describe("So many screens further down go the pictures that evidence keeps of the pages of its runs, from where a page stands."),
  extra_http_headers: extraHeadersField
    .nullish()
    .describe(
      "Headers that every request of its runs' pages carries besides, unless a run names others. To every site, unless `extra_http_headers_origins` names some. " +
        "Kept encrypted; shown as `***`, and a value that is sent as `***` stays what it is.",
    ),
  extra_http_headers_origins: headerOriginsField
    .nullish()
    .describe("Ours: the only sites that get `extra_http_headers`, also those of a run, unless that names others."),
  cdp_connect_headers: connectHeadersField
    .nullish()
    .describe(
      "Sent when connecting to the `browser_address` of a run that names no headers itself. Kept and shown as `extra_http_headers`.",
    ),
  run_with: unused(z.string(), "agent"),
  ai_fallback: unused(z.boolean(), true),
  cache_key: unused(z.string(), "default"),
  adaptive_caching: unused(z.boolean(), false),
  enable_self_healing: unused(z.boolean()),
  code_version: unused(z.literal([1, 2])),
  generate_script_on_terminal: unused(z.boolean(), false),
  workflow_definition: z.strictObject({
    version: z
      .literal([1, 2, 3], "must be 1 (list), 2 (next_block_label) or 3 (dependencies)")
      .nullish()
      .describe(
        "How blocks follow each other. 1: as they are listed. 2: by `next_block_label`. 3: by what they depend on, in parallel. " +
          "Default: 2 where a block is a `conditional` or names the next, else 1.",
      ),
    parameters: z.array(z.unknown()).max(DEFINITION_LIMITS.parameters).default([]).describe("The inputs of a run."),
    blocks: z
      .array(blockSchema)
      .min(1)
      .max(DEFINITION_LIMITS.workflowBlocks)
      .describe("The steps: as many as the organization's `max_workflow_blocks`, 50 by default."),
    finally_block_label: z.string().nullish().describe("A block of the outermost list that runs at the end, however the run ends."),
    max_parallel_blocks: z
      .int()
      .min(1)
      .max(DEFINITION_LIMITS.maxParallelBlocks.max)
      .optional()
      .describe("Version 3: how many blocks may run at once, 4 by default."),
    retry: retrySchema.optional().describe("Try a failed run again, from what failed."),
    error_code_mapping: errorCodesSchema.nullish().describe("Codes for failures whose reason contains the text."),
    workflow_system_prompt: unused(z.string()),
    completion_contract: unused(z.record(z.string(), jsonValue)),
  }),
});

/** Fields of a block that belong to every block and not to its type. */
export const COMMON_FIELDS = new Set(Object.keys(blockSchema.shape));

/** The fields of a block that belong to its type. */
export function configOf(block: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(block).filter(([field]) => !COMMON_FIELDS.has(field))) as JsonObject; // it came from JSON
}
