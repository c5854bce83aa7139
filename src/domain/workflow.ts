import { z } from "zod";
import { describeFaults, ServiceError, type Fault } from "./error.ts";
import { ExpressionError, findExpressions, parseExpression } from "./expression.ts";
import { formatPath, isJsonObject, nearestName, type JsonObject } from "./json.ts";
import { checkParameterDefinitions, type ParameterDefinition } from "./parameter.ts";
import { BLOCK_TIMEOUT_SECONDS, compile, configOf, type Plan } from "./plan.ts";
import { faultsOf } from "./schema-faults.ts";

export const DEFINITION_LIMITS = { blocks: 50, label: 100, title: 200 } as const;

/** What the domain needs to know of the block types; `blocks/registry.ts` has them. */
export interface BlockCatalog {
  readonly types: readonly string[];
  find(type: string): BlockTypeFacts | undefined;
}
export interface BlockTypeFacts {
  isRepeatable(config: JsonObject): boolean;
  /** Checks the fields of the type; a field that holds an expression waits until it is filled in. Paths begin at `basePath`. */
  checkConfig(config: JsonObject, basePath: readonly PropertyKey[]): Fault[];
}

/** Python's identifiers, which is what Skyvern asks of labels and keys. */
const IDENTIFIER = /^[\p{L}_][\p{L}\p{N}_]*$/u;

/** A block as written: the fields that every block has, and those of its type, which the catalog checks. */
export const blockSchema = z.looseObject({
  block_type: z.string().describe("One of the block types."),
  label: z
    .string()
    .max(DEFINITION_LIMITS.label)
    .regex(IDENTIFIER, "must be letters, digits and _, and not begin with a digit")
    .describe("Names the block, once in the workflow. Its output is `<label>_output` in expressions."),
  next_block_label: z.string().nullish().describe("Of definition version 2; ignored in version 1."),
  condition: z.string().optional().describe("An expression. The block is skipped, with a null output, when its value is false."),
  continue_on_failure: z.boolean().default(false).describe("Go on with the next block when this one fails."),
  timeout_seconds: z
    .number()
    .min(1)
    .max(BLOCK_TIMEOUT_SECONDS.max)
    .default(BLOCK_TIMEOUT_SECONDS.default)
    .describe("How long one attempt at this block may take."),
  on_interrupted: z
    .enum(["retry", "fail"])
    .optional()
    .describe("When the service died during this block: run it again, or fail. Default: `retry` for repeatable types, else `fail`."),
});
export type BlockDefinition = z.infer<typeof blockSchema>;

const workflowSchema = z.strictObject({
  title: z.string().min(1).max(DEFINITION_LIMITS.title).describe("What people call the workflow."),
  description: z.string().nullish().describe("For people."),
  webhook_callback_url: z.string().nullish().describe("Where the events of its runs go, unless a run names another address."),
  workflow_definition: z.strictObject({
    version: z
      .literal(1, "must be 1: the blocks run in the order of the list")
      .nullish()
      .describe("1: blocks run in the order of the list."),
    parameters: z.array(z.unknown()).default([]).describe("The inputs of a run."),
    blocks: z.array(blockSchema).min(1).max(DEFINITION_LIMITS.blocks).describe("The steps."),
  }),
});

/** A workflow's definition, checked; what callers get back is the JSON that they sent, kept beside it. */
export interface WorkflowDefinition {
  readonly title: string;
  readonly description: string | null;
  readonly webhookCallbackUrl: string | null;
  readonly parameters: readonly ParameterDefinition[];
}

export type CheckedDefinition =
  | { readonly ok: true; readonly definition: WorkflowDefinition; readonly plan: Plan; readonly warnings: readonly Fault[] }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/**
 * Fields that Skyvern's clients send and that change nothing here: accepted, kept, returned, and named in a warning when they are set to
 * something.
 */
const UNUSED_WORKFLOW_FIELDS = new Set([
  "proxy_location", "totp_verification_url", "totp_identifier", "persist_browser_session", "reuse_browser_session", "pin_saved_session_ip",
  "browser_profile_id", "browser_profile_key", "mask_secrets", "model", "is_saved_task", "max_screenshot_scrolls", "max_elapsed_time_minutes",
  "extra_http_headers", "cdp_connect_headers", "status", "run_with", "ai_fallback", "cache_key", "adaptive_caching", "enable_self_healing",
  "code_version", "generate_script_on_terminal", "run_sequentially", "sequential_key", "folder_id",
]); // prettier-ignore

/** Names that expressions have in every run. */
export const SYSTEM_NAMES = [
  "workflow_run_id", "workflow_id", "workflow_permanent_id", "workflow_title", "organization_id", "timestamp", "current_date", "workflow_run_outputs",
] as const; // prettier-ignore

/** The name of a block's output in expressions and in a run's `output`. */
export function outputName(label: string): `${string}_output` {
  return `${label}_output`;
}

/** The label of the block whose output has this name, if it is the name of an output. */
export function labelOfOutput(name: string): string | null {
  return name.endsWith("_output") ? name.slice(0, -"_output".length) : null;
}

/**
 * Checks a workflow as it was posted, and compiles it. Every fault is found, not the first; paths begin at the root of the input.
 */
export function checkDefinition(input: unknown, catalog: BlockCatalog): CheckedDefinition {
  const { used, warnings } = setAside(input);
  const result = workflowSchema.safeParse(used);
  const faults = result.success ? [] : faultsOf(result.error, workflowSchema);
  const raw = isJsonObject(used) && isJsonObject(used.workflow_definition) ? used.workflow_definition : {};
  const parameters = checkParameterDefinitions(Array.isArray(raw.parameters) ? raw.parameters : [], ["workflow_definition", "parameters"]);
  const blocks = Array.isArray(raw.blocks) ? raw.blocks : [];
  faults.push(...parameters.faults, ...checkBlocks(blocks, parameters.parameters, catalog));
  if (!result.success || faults.length > 0) return { ok: false, faults };
  const { title, description, webhook_callback_url, workflow_definition } = result.data;
  return {
    ok: true,
    definition: {
      title,
      description: description ?? null,
      webhookCallbackUrl: webhook_callback_url ?? null,
      parameters: parameters.parameters,
    },
    plan: compile(workflow_definition.blocks, catalog),
    warnings,
  };
}

/** The same for input that was checked before, as a stored version is. @throws ServiceError `invalid_definition` with every fault */
export function requireDefinition(input: unknown, catalog: BlockCatalog): CheckedDefinition & { ok: true } {
  const checked = checkDefinition(input, catalog);
  if (!checked.ok)
    throw new ServiceError("invalid_definition", describeFaults("The workflow definition is not valid", checked.faults), {
      faults: checked.faults,
    });
  return checked;
}

function setAside(input: unknown): { used: unknown; warnings: Fault[] } {
  if (!isJsonObject(input)) return { used: input, warnings: [] };
  const warnings = Object.keys(input)
    .filter((field) => UNUSED_WORKFLOW_FIELDS.has(field) && input[field] !== null && input[field] !== false)
    .map((field): Fault => ({ path: field, message: `"${field}" is kept and returned, and has no effect`, code: "invalid_value" }));
  return { used: Object.fromEntries(Object.entries(input).filter(([field]) => !UNUSED_WORKFLOW_FIELDS.has(field))), warnings };
}

/** What the schema cannot say: types and their fields, labels, and the names that expressions may use where they stand. */
function checkBlocks(blocks: readonly unknown[], parameters: readonly ParameterDefinition[], catalog: BlockCatalog): Fault[] {
  const faults: Fault[] = [];
  const labels = blocks.map((block) => (isJsonObject(block) && typeof block.label === "string" ? block.label : null));
  const known = new Set<string>([...parameters.map(({ key }) => key), ...SYSTEM_NAMES]);
  for (const [index, block] of blocks.entries()) {
    if (!isJsonObject(block)) continue; // the schema has said so
    const path = ["workflow_definition", "blocks", index];
    const at = (field: PropertyKey) => formatPath([...path, field]);
    const label = labels[index] ?? null;
    if (label !== null && labels.indexOf(label) < index) {
      faults.push({
        path: at("label"),
        message: `the label "${label}" is used before, by blocks[${labels.indexOf(label)}]`,
        code: "duplicate",
      });
    }
    const clash = label === null ? undefined : parameters.find(({ key }) => key === outputName(label));
    if (clash) faults.push({ path: at("label"), message: `its output "${clash.key}" has the name of a parameter`, code: "duplicate" });
    if (typeof block.block_type === "string") {
      const type = catalog.find(block.block_type);
      if (type) faults.push(...type.checkConfig(configOf(block), path));
      else faults.push({ path: at("block_type"), message: unknownType(block.block_type, catalog), code: "unknown_block_type" });
    }
    faults.push(...checkExpressions(block, path, known, labels.slice(index)));
    if (label !== null) known.add(outputName(label));
  }
  return faults;
}

function unknownType(type: string, catalog: BlockCatalog): string {
  const near = nearestName(type, catalog.types);
  return `unknown block type "${type}"; ${near === undefined ? `the types are ${catalog.types.join(", ")}` : `did you mean "${near}"?`}`;
}

/** @param later labels of blocks that have not run when these expressions are filled in */
function checkExpressions(
  block: JsonObject,
  path: readonly PropertyKey[],
  known: ReadonlySet<string>,
  later: readonly (string | null)[],
): Fault[] {
  const faults: Fault[] = [];
  for (const { source, path: inner } of findExpressions(block)) {
    const at = formatPath([...path, ...inner]);
    try {
      for (const name of parseExpression(source).names.filter((name) => !known.has(name))) {
        faults.push({ path: at, message: undefinedName(name, known, later), code: "undefined_name" });
      }
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      faults.push({ path: at, message: error.message, code: "invalid_expression" });
    }
  }
  return faults;
}

function undefinedName(name: string, known: ReadonlySet<string>, later: readonly (string | null)[]): string {
  const producer = later.find((label) => label !== null && outputName(label) === name);
  if (producer !== undefined) return `'${name}' is not defined here: the block "${producer}" has not run yet`;
  const near = nearestName(name, known);
  return `'${name}' is not defined${near === undefined ? "" : `; did you mean '${near}'?`}`;
}
