import { z } from "zod";
import { describeFaults, ServiceError, type Fault } from "./error.ts";
import { ExpressionError, findExpressions, hasExpression, parseExpression } from "./expression.ts";
import { formatPath, isJsonObject, nearestName, type JsonObject } from "./json.ts";
import { LOOP_NAMES, outputName, SYSTEM_NAMES } from "./names.ts";
import { checkParameterDefinitions, type ParameterDefinition } from "./parameter.ts";
import { type BlockRole, type DefinitionVersion, type DraftBlock, type Plan, wire } from "./plan.ts";
import { NO_RETRY, RETRY_DEFAULTS, type RetryPolicy } from "./recovery.ts";
import { faultsOf } from "./schema-faults.ts";

export const DEFINITION_LIMITS = {
  /** Blocks at the top level, however many an organization allows. */
  workflowBlocks: 500,
  loopBlocks: 50,
  depth: 10,
  label: 100,
  title: 200,
  maxParallelBlocks: { default: 4, max: 16 },
} as const;

/** Limits of one attempt at a block, in seconds. An attempt must end well before the platform stops an alarm, after 15 minutes. */
const BLOCK_TIMEOUT_SECONDS = { step: { default: 120, max: 780 }, person: { default: 7_200, max: 2_592_000 } } as const;

/** What the domain needs to know of the block types; `blocks/registry.ts` has them. */
export interface BlockCatalog {
  readonly types: readonly string[];
  find(type: string): BlockTypeFacts | undefined;
}
export interface BlockTypeFacts {
  readonly role: BlockRole;
  isRepeatable(config: JsonObject): boolean;
  /** The config in the one form that is checked for names, filled in and executed. */
  normalize(config: JsonObject): JsonObject;
  /** Checks the fields of the type; a field that holds an expression waits until it is filled in. Paths begin at `basePath`. */
  checkConfig(config: JsonObject, basePath: readonly PropertyKey[]): Fault[];
}

const retrySchema = z.strictObject({
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
const IDENTIFIER = /^[\p{L}_][\p{L}\p{N}_]*$/u;

/** A block as written: the fields that every block has, and those of its type, which the catalog checks. */
export const blockSchema = z.looseObject({
  block_type: z.string().describe("One of the block types."),
  label: z
    .string()
    .max(DEFINITION_LIMITS.label)
    .regex(IDENTIFIER, "must be letters, digits and _, and not begin with a digit")
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
    .union([z.string(), z.looseObject({ expression: z.string() })])
    .optional()
    .describe(
      "An expression. The block is skipped, with a null output, when its value is false. Of a `while_loop`: `{expression}`, asked before each iteration.",
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
  error_code_mapping: z
    .record(z.string(), z.string())
    .nullish()
    .describe("Codes for failures whose reason contains the text. Wins over the workflow's."),
});
export type BlockDefinition = z.infer<typeof blockSchema>;

/** Fields of a block that belong to every block and not to its type. */
const COMMON_FIELDS = new Set(Object.keys(blockSchema.shape));
/** What may be run again without asking tries so often when nothing else is said: a lost answer is a failure too. */
const DEFAULT_ATTEMPTS = 3;

/** A workflow as written; the fields that have no effect here are set aside before. */
export const workflowSchema = z.strictObject({
  title: z.string().min(1).max(DEFINITION_LIMITS.title).describe("What people call the workflow."),
  description: z.string().nullish().describe("For people."),
  webhook_callback_url: z.string().nullish().describe("Where the events of its runs go, unless a run names another address."),
  max_elapsed_time_minutes: z.number().min(1).max(480).nullish().describe("How long a run may be at work."),
  run_sequentially: z.boolean().nullish().describe("One run of this workflow at a time; the others wait."),
  sequential_key: z
    .string()
    .nullish()
    .describe("With `run_sequentially`: one run at a time of those for which this expression has the same value."),
  workflow_definition: z.strictObject({
    version: z
      .literal([1, 2, 3], "must be 1 (list), 2 (next_block_label) or 3 (dependencies)")
      .nullish()
      .describe(
        "How blocks follow each other. 1: as they are listed. 2: by `next_block_label`. 3: by what they depend on, in parallel. " +
          "Default: 2 where a block is a `conditional` or names the next, else 1.",
      ),
    parameters: z.array(z.unknown()).default([]).describe("The inputs of a run."),
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
    error_code_mapping: z.record(z.string(), z.string()).nullish().describe("Codes for failures whose reason contains the text."),
  }),
});

/** A workflow's definition, checked; what callers get back is the JSON that they sent, kept beside it. */
export interface WorkflowDefinition {
  readonly title: string;
  readonly description: string | null;
  readonly webhookCallbackUrl: string | null;
  readonly maxSeconds: number | null;
  /** An expression over the parameters; runs with the same value come one after the other. Null: no such order. */
  readonly sequentialKey: string | null;
  readonly parameters: readonly ParameterDefinition[];
}

/** What an organization sets to the workflows that it saves. */
export interface WorkflowLimits {
  readonly maxWorkflowBlocks: number;
}

export type CheckedDefinition =
  | {
      readonly ok: true;
      readonly definition: WorkflowDefinition;
      readonly version: DefinitionVersion;
      readonly plan: Plan;
      /** Where each block stands in the definition, by its label. */
      readonly paths: ReadonlyMap<string, string>;
      readonly warnings: readonly Fault[];
    }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/**
 * Fields that Skyvern's clients send and that change nothing here: accepted, kept, returned, and named in a warning when they are set to
 * something.
 */
const UNUSED_WORKFLOW_FIELDS = new Set([
  "proxy_location",
  "totp_verification_url",
  "totp_identifier",
  "persist_browser_session",
  "reuse_browser_session",
  "pin_saved_session_ip",
  "browser_profile_id",
  "browser_profile_key",
  "mask_secrets",
  "model",
  "is_saved_task",
  "max_screenshot_scrolls",
  "extra_http_headers",
  "cdp_connect_headers",
  "status",
  "run_with",
  "ai_fallback",
  "cache_key",
  "adaptive_caching",
  "enable_self_healing",
  "code_version",
  "generate_script_on_terminal",
  "folder_id",
]);

/**
 * Checks a workflow as it was posted, and compiles it. Every fault is found, not the first; paths begin at the root of the input.
 * @param limits those of the organization that saves it; absent for what belongs to none, or was saved before
 */
export function checkDefinition(input: unknown, catalog: BlockCatalog, limits?: WorkflowLimits): CheckedDefinition {
  const { used, warnings } = setAside(input);
  const result = workflowSchema.safeParse(used);
  const faults = result.success ? [] : faultsOf(result.error, workflowSchema);
  const raw = isJsonObject(used) && isJsonObject(used.workflow_definition) ? used.workflow_definition : {};
  const parameters = checkParameterDefinitions(Array.isArray(raw.parameters) ? raw.parameters : [], ["workflow_definition", "parameters"]);
  const blocks = (Array.isArray(raw.blocks) ? raw.blocks : []).filter(isJsonObject);
  if (limits !== undefined && blocks.length > limits.maxWorkflowBlocks) faults.push(tooManyBlocks(blocks.length, limits));
  // The schema has said that there are too many: looking at them all would take too long.
  if (blocks.length > DEFINITION_LIMITS.workflowBlocks) return { ok: false, faults: [...faults, ...parameters.faults] };
  const version = raw.version === 1 || raw.version === 2 || raw.version === 3 ? raw.version : inferVersion(blocks);
  const keys = (Array.isArray(raw.parameters) ? raw.parameters : []).flatMap((parameter) =>
    isJsonObject(parameter) && typeof parameter.key === "string" ? [parameter.key] : [],
  );
  const finallyLabel = typeof raw.finally_block_label === "string" ? raw.finally_block_label : null;
  const check = new DefinitionCheck(
    version,
    catalog,
    keys,
    finallyLabel,
    result.success ? (result.data.workflow_definition.error_code_mapping ?? {}) : {},
  );
  const drafts = check.blocks(blocks, ["workflow_definition", "blocks"], new Set(), 1);
  check.sequentialKey(used);
  check.parallelism(raw.max_parallel_blocks);
  const wired = wire(
    version,
    drafts.filter(({ node }) => node.label !== finallyLabel),
    finallyLabel,
  );
  const last = wire(version, check.lastBlocks(drafts), finallyLabel);
  faults.push(...parameters.faults, ...check.faults, ...(check.labelsAreClear ? [...wired.faults, ...last.faults] : []));
  if (!result.success || faults.length > 0) return { ok: false, faults };
  const { title, description, webhook_callback_url, max_elapsed_time_minutes, run_sequentially, sequential_key, workflow_definition } =
    result.data;
  const plan: Plan = {
    mode: version === 3 ? "dependencies" : "cursor",
    root: wired.order,
    nodes: { ...wired.nodes, ...last.nodes },
    finallyLabel,
    // A single cursor moves by itself; only the iterations of its loops run side by side, and they say how many.
    maxParallelBlocks:
      version === 3
        ? (workflow_definition.max_parallel_blocks ?? DEFINITION_LIMITS.maxParallelBlocks.default)
        : DEFINITION_LIMITS.maxParallelBlocks.max,
    retry: workflow_definition.retry === undefined ? NO_RETRY : retryPolicy(workflow_definition.retry),
  };
  const definition: WorkflowDefinition = {
    title,
    description: description ?? null,
    webhookCallbackUrl: webhook_callback_url ?? null,
    maxSeconds: max_elapsed_time_minutes == null ? null : max_elapsed_time_minutes * 60,
    sequentialKey: run_sequentially ? (sequential_key ?? "") : null,
    parameters: parameters.parameters,
  };
  return { ok: true, definition, version, plan, paths: check.paths, warnings };
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

/** The fields of a block that belong to its type. */
export function configOf(block: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(block).filter(([field]) => !COMMON_FIELDS.has(field))) as JsonObject; // it came from JSON
}

/** Skyvern's rule: a conditional, or a block that names the next, makes it version 2. */
function inferVersion(blocks: readonly JsonObject[]): 1 | 2 {
  const leads = blocks.some(
    (block) => block.block_type === "conditional" || typeof block.next_block_label === "string" || inferVersion(innerBlocks(block)) === 2,
  );
  return leads ? 2 : 1;
}

function innerBlocks(block: JsonObject): JsonObject[] {
  return Array.isArray(block.loop_blocks) ? block.loop_blocks.filter(isJsonObject) : [];
}

function setAside(input: unknown): { used: unknown; warnings: Fault[] } {
  if (!isJsonObject(input)) return { used: input, warnings: [] };
  const warnings = Object.keys(input)
    .filter((field) => UNUSED_WORKFLOW_FIELDS.has(field) && input[field] !== null && input[field] !== false)
    .map((field): Fault => ({ path: field, message: `"${field}" is kept and returned, and has no effect`, code: "invalid_value" }));
  return { used: Object.fromEntries(Object.entries(input).filter(([field]) => !UNUSED_WORKFLOW_FIELDS.has(field))), warnings };
}

function retryPolicy(retry: z.infer<typeof retrySchema>, on: RetryPolicy["on"] = "temporary"): RetryPolicy {
  return {
    maxAttempts: retry.max_attempts,
    initialMs: retry.initial_seconds * 1000,
    multiplier: retry.multiplier,
    maxMs: retry.max_seconds * 1000,
    on,
  };
}

/** What the schema cannot say: types and their fields, labels, and the names that expressions may use where they stand. */
class DefinitionCheck {
  readonly faults: Fault[] = [];
  /** Where each block stands, at any depth, by its label. */
  readonly paths = new Map<string, string>();
  /** False when a label is missing or used twice, or a list is too long to be looked at: nothing can be said of the graph then. */
  labelsAreClear = true;
  readonly #version: DefinitionVersion;
  readonly #catalog: BlockCatalog;
  /** Keys of all parameters, also of those with faults. */
  readonly #keys: readonly string[];
  /** The workflow's own, which a block's win over. */
  readonly #errorCodes: Readonly<Record<string, string>>;
  readonly #finallyLabel: string | null;

  constructor(
    version: DefinitionVersion,
    catalog: BlockCatalog,
    keys: readonly string[],
    finallyLabel: string | null,
    errorCodes: Readonly<Record<string, string>>,
  ) {
    this.#version = version;
    this.#catalog = catalog;
    this.#keys = keys;
    this.#finallyLabel = finallyLabel;
    this.#errorCodes = errorCodes;
  }

  /**
   * Checks one list of blocks.
   * @param outer names that are known around it, besides parameters and system values
   * @param depth from 1
   */
  blocks(blocks: readonly JsonObject[], path: readonly PropertyKey[], outer: ReadonlySet<string>, depth: number): DraftBlock[] {
    const labels = blocks.map(({ label }) => (typeof label === "string" ? label : null));
    return blocks.map((block, index) => {
      const at = [...path, index];
      const label = labels[index] ?? null;
      if (label === null) this.labelsAreClear = false;
      else this.#claimLabel(label, at);
      // In a list only what stands before has run; in a graph the graph decides, and a block that was not run has no output. The block at the
      // end comes after all others.
      const ended =
        this.#version === 1 && label !== this.#finallyLabel ? labels.slice(0, index) : labels.filter((other) => other !== label);
      const outputs = ended.flatMap((other) => (other === null || other === this.#finallyLabel ? [] : [outputName(other), other]));
      // In a loop a block may read the loop's values by its own label too.
      const own = depth > 1 && label !== null ? [label] : [];
      const known = new Set([...outer, ...this.#keys, ...SYSTEM_NAMES, ...outputs, ...own]);
      return this.#block(block, at, known, [...labels.slice(index), this.#finallyLabel], depth);
    });
  }

  /** The block that runs at the end, which must be one of the outermost and stand by itself. */
  lastBlocks(drafts: readonly DraftBlock[]): DraftBlock[] {
    const label = this.#finallyLabel;
    const last = drafts.filter(({ node }) => node.label === label);
    if (label !== null && last.length === 0) {
      const inside = this.paths.has(label)
        ? `the block "${label}" stands inside a loop; it must be one of the outermost`
        : `there is no block "${label}" in the outermost list`;
      this.faults.push({ path: "workflow_definition.finally_block_label", message: inside, code: "unknown_label" });
    }
    return last.map((block) => {
      for (const [field, isSet] of [
        ["next_block_label", block.nextLabel !== null],
        ["depends_on", block.dependsOn.length > 0],
      ] as const) {
        const message = `the block "${label}" runs at the end, after all others, by finally_block_label: leave this out`;
        if (isSet) this.faults.push({ path: formatPath([...block.path, field]), message, code: "invalid_value" });
      }
      return { ...block, nextLabel: null, dependsOn: [] };
    });
  }

  /** It is filled in before the run begins: nothing but the parameters is known. */
  sequentialKey(workflow: unknown): void {
    const key = isJsonObject(workflow) ? workflow.sequential_key : null;
    if (typeof key === "string" && hasExpression(key)) this.#expression(key, "sequential_key", new Set(this.#keys), []);
  }

  parallelism(maxParallelBlocks: unknown): void {
    if (maxParallelBlocks === undefined || this.#version === 3) return;
    const message = `only version 3 runs blocks in parallel, and this definition is of version ${this.#version}; for the iterations of a for_loop there is max_concurrency`;
    this.faults.push({ path: "workflow_definition.max_parallel_blocks", message, code: "invalid_value" });
  }

  #claimLabel(label: string, path: readonly PropertyKey[]): void {
    const at = formatPath([...path, "label"]);
    const before = this.paths.get(label);
    if (before === undefined) this.paths.set(label, formatPath(path));
    else {
      this.labelsAreClear = false;
      this.faults.push({ path: at, message: `the label "${label}" is used before, by ${before}`, code: "duplicate" });
    }
    if (this.#keys.includes(outputName(label))) {
      this.faults.push({ path: at, message: `its output "${outputName(label)}" has the name of a parameter`, code: "duplicate" });
    }
  }

  /** @param later labels of blocks that come with or after this one */
  #block(
    block: JsonObject,
    path: readonly PropertyKey[],
    known: ReadonlySet<string>,
    later: readonly (string | null)[],
    depth: number,
  ): DraftBlock {
    const type = typeof block.block_type === "string" ? this.#catalog.find(block.block_type) : undefined;
    if (type === undefined && typeof block.block_type === "string") {
      this.faults.push({
        path: formatPath([...path, "block_type"]),
        message: unknownType(block.block_type, this.#catalog),
        code: "unknown_block_type",
      });
    }
    const written = configOf(block);
    if (type !== undefined) this.faults.push(...type.checkConfig(written, path));
    const config = type?.normalize(written) ?? written;
    const role = type?.role ?? "step";
    const { condition, ...common } = Object.fromEntries(
      Object.entries(block).filter(([field]) => COMMON_FIELDS.has(field) && field !== "loop_blocks"),
    );
    for (const { source, path: inner } of findExpressions({ ...common, ...config }))
      this.#expression(source, formatPath([...path, ...inner]), known, later);
    if (role === "conditional") this.#criteria(config, path);
    const body = this.#body(block, role, path, known, depth);
    this.#order(block, role, path);
    this.#condition(condition, role, path, known, body, later);
    return this.#draft(block, config, role, type?.isRepeatable(written) ?? false, path, body);
  }

  /** How blocks follow each other is said in the way of the definition's version. */
  #order(block: JsonObject, role: BlockRole, path: readonly PropertyKey[]): void {
    const fault = (field: string, message: string) =>
      this.faults.push({ path: formatPath([...path, field]), message, code: "invalid_value" });
    const leads = typeof block.next_block_label === "string";
    const inList =
      'needs version 2; this definition says version 1, in which blocks follow each other as they are listed. Say "version": 2';
    if (this.#version === 1 && leads) fault("next_block_label", inList);
    if (this.#version === 1 && role === "conditional") fault("block_type", inList);
    if (this.#version === 3 && leads)
      fault("next_block_label", "is of version 2; in version 3 the block that comes after names this one in its depends_on");
    if (this.#version !== 3 && Array.isArray(block.depends_on) && block.depends_on.length > 0) {
      fault("depends_on", `needs "version": 3; this definition is of version ${this.#version}, in which one block runs at a time`);
    }
  }

  /** A while_loop's is asked before every iteration and sees the iteration before. */
  #condition(
    condition: unknown,
    role: BlockRole,
    path: readonly PropertyKey[],
    known: ReadonlySet<string>,
    body: readonly DraftBlock[] | null,
    later: readonly (string | null)[],
  ): void {
    const at = formatPath([...path, "condition"]);
    if (role === "while_loop") {
      if (!isJsonObject(condition) || typeof condition.expression !== "string") {
        this.faults.push({ path: at, message: "is required: `{expression}`, which is asked before each iteration", code: "required" });
      } else if (condition.criteria_type !== undefined && condition.criteria_type !== "jinja2_template") {
        this.faults.push({
          path: `${at}.criteria_type`,
          message: 'must be "jinja2_template": judging a prompt needs a model',
          code: "invalid_value",
        });
      } else {
        const inside = [...LOOP_NAMES, ...(body ?? []).flatMap(({ node }) => [outputName(node.label), node.label])];
        this.#test(condition.expression, `${at}.expression`, new Set([...known, ...inside]), later);
      }
    } else if (isJsonObject(condition)) {
      this.faults.push({ path: at, message: "must be a string; only a while_loop has an object here", code: "invalid_type" });
    } else if (typeof condition === "string") {
      this.#test(condition, at, known, later);
    }
  }

  /** An expression whose value is asked for its truth. */
  #test(source: string, path: string, known: ReadonlySet<string>, later: readonly (string | null)[]): void {
    if (hasExpression(source)) this.#expression(source, path, known, later);
    else this.faults.push(plainText(path));
  }

  /** What the branches of a conditional ask; the names in it are checked with all others. */
  #criteria(config: JsonObject, path: readonly PropertyKey[]): void {
    for (const [index, branch] of (Array.isArray(config.branch_conditions) ? config.branch_conditions : []).entries()) {
      const source = isJsonObject(branch) && isJsonObject(branch.criteria) ? branch.criteria.expression : null;
      const isPlain = typeof source === "string" && !hasExpression(source);
      if (isPlain) this.faults.push(plainText(formatPath([...path, "branch_conditions", index, "criteria", "expression"])));
    }
  }

  #body(block: JsonObject, role: BlockRole, path: readonly PropertyKey[], known: ReadonlySet<string>, depth: number): DraftBlock[] | null {
    const at = [...path, "loop_blocks"];
    const blocks = block.loop_blocks;
    if (role !== "for_loop" && role !== "while_loop") {
      if (blocks !== undefined)
        this.faults.push({
          path: formatPath(at),
          message: 'unknown field "loop_blocks": only loops have blocks of their own',
          code: "unknown_field",
        });
      return null;
    }
    if (!Array.isArray(blocks)) {
      if (blocks === undefined) this.faults.push({ path: formatPath(at), message: "is required (a list)", code: "required" });
      return [];
    }
    if (depth > DEFINITION_LIMITS.depth) {
      this.faults.push({ path: formatPath(at), message: `is nested more than ${DEFINITION_LIMITS.depth} loops deep`, code: "too_deep" });
      return [];
    }
    if (blocks.length === 0 || blocks.length > DEFINITION_LIMITS.loopBlocks) {
      this.faults.push({
        path: formatPath(at),
        message: `must have 1 to ${DEFINITION_LIMITS.loopBlocks} blocks`,
        code: blocks.length === 0 ? "invalid_value" : "too_large",
      });
    }
    if (blocks.length > DEFINITION_LIMITS.loopBlocks) {
      this.labelsAreClear = false;
      return [];
    }
    for (const [index, inner] of blocks.entries()) {
      const parsed = blockSchema.safeParse(inner);
      if (!parsed.success) this.faults.push(...faultsOf(parsed.error, blockSchema, [...at, index]));
    }
    const own = typeof block.label === "string" ? [block.label] : [];
    return this.blocks(blocks.filter(isJsonObject), at, new Set([...known, ...LOOP_NAMES, ...own]), depth + 1);
  }

  #draft(
    block: JsonObject,
    config: JsonObject,
    role: BlockRole,
    repeatable: boolean,
    path: readonly PropertyKey[],
    body: DraftBlock[] | null,
  ): DraftBlock {
    const parsed = blockSchema.safeParse(block);
    // With faults nothing is compiled; the graph is still looked at, by the labels that are there.
    const common = parsed.success ? parsed.data : blockSchema.parse({ block_type: "", label: "_" });
    const limits = BLOCK_TIMEOUT_SECONDS[role === "person" ? "person" : "step"];
    const timeout = common.timeout_seconds ?? limits.default;
    if (timeout > limits.max) {
      this.faults.push({ path: formatPath([...path, "timeout_seconds"]), message: `must be at most ${limits.max}`, code: "invalid_value" });
    }
    const branches = Array.isArray(config.branch_conditions)
      ? config.branch_conditions.map((branch) =>
          isJsonObject(branch) && typeof branch.next_block_label === "string" ? branch.next_block_label : null,
        )
      : [];
    const onInterrupted = common.on_interrupted ?? (repeatable ? "retry" : "fail");
    return {
      source: { ...config, condition: block.condition ?? null, loop_blocks: block.loop_blocks ?? null },
      takenNames: new Set([...this.#keys, ...SYSTEM_NAMES, ...LOOP_NAMES]),
      path,
      nextLabel: typeof block.next_block_label === "string" ? block.next_block_label : null,
      dependsOn: Array.isArray(block.depends_on) ? block.depends_on.filter((label) => typeof label === "string") : [],
      branches: role === "conditional" ? branches : null,
      body,
      node: {
        label: typeof block.label === "string" ? block.label : "",
        blockType: common.block_type,
        role,
        config,
        condition: typeof common.condition === "string" ? common.condition : (common.condition?.expression ?? null),
        maxConcurrency: typeof config.max_concurrency === "number" ? config.max_concurrency : 1,
        continueOnFailure: common.continue_on_failure || common.skip_on_failure === true,
        nextLoopOnFailure: common.next_loop_on_failure,
        timeoutMs: timeout * 1000,
        retry: retryOf(common, onInterrupted === "retry"),
        onInterrupted,
        errorCodes: { ...this.#errorCodes, ...common.error_code_mapping },
      },
    };
  }

  #expression(source: string, path: string, known: ReadonlySet<string>, later: readonly (string | null)[]): void {
    try {
      for (const name of parseExpression(source).names) {
        if (!known.has(name)) this.faults.push({ path, message: undefinedName(name, known, later), code: "undefined_name" });
      }
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.faults.push({ path, message: error.message, code: "invalid_expression" });
    }
  }
}

function retryOf(block: BlockDefinition, mayRepeat: boolean): RetryPolicy {
  if (block.retry !== undefined) return retryPolicy(block.retry);
  if (block.max_retries != null) return { ...RETRY_DEFAULTS, maxAttempts: block.max_retries + 1, on: "any" };
  return { ...RETRY_DEFAULTS, maxAttempts: mayRepeat ? DEFAULT_ATTEMPTS : 1 };
}

function plainText(path: string): Fault {
  return { path, message: "is plain text, which is always true or always false; write an expression: {{ … }}", code: "invalid_expression" };
}

function tooManyBlocks(count: number, { maxWorkflowBlocks }: WorkflowLimits): Fault {
  const message = `has ${count} blocks at the top level; the organization's limit max_workflow_blocks is ${maxWorkflowBlocks}, which the administrator of the service can raise`;
  return { path: "workflow_definition.blocks", message, code: "too_large" };
}

function unknownType(type: string, catalog: BlockCatalog): string {
  const near = nearestName(type, catalog.types);
  return `unknown block type "${type}"; ${near === undefined ? `the types are ${catalog.types.join(", ")}` : `did you mean "${near}"?`}`;
}

function undefinedName(name: string, known: ReadonlySet<string>, later: readonly (string | null)[]): string {
  const producer = later.find((label) => label !== null && (outputName(label) === name || label === name));
  if (producer !== undefined) return `'${name}' is not defined here: the block "${producer}" has not run yet`;
  const near = nearestName(name, known);
  return `'${name}' is not defined${near === undefined ? "" : `; did you mean '${near}'?`}`;
}
