import type { BlockEvidence, EvidenceWish } from "../evidence/evidence.ts";
import { type HeadersWish, headersWishOf, unsentHeaders } from "../browser/extra-headers.ts";
import { describeFaults, ServiceError, type Fault } from "../error.ts";
import { formatPath, isJsonObject, type JsonObject } from "../json.ts";
import { outputName, SYSTEM_NAMES } from "./names.ts";
import { checkParameterDefinitions, type ParameterDefinition, type ParameterNames, resolveNames } from "./parameter.ts";
import { type DefinitionVersion, type Plan, wire } from "./plan.ts";
import { NO_RETRY } from "../recovery.ts";
import { faultsOf } from "./schema-faults.ts";
import type { BlockCatalog } from "./catalog.ts";
import { blocksIn, DefinitionCheck } from "./check-blocks.ts";
import { DEFINITION_LIMITS } from "./limits.ts";
import { retryPolicy } from "./retry.ts";
import { workflowSchema } from "./schema.ts";
import { Scope } from "./scope.ts";
import { warnOfUnused } from "./unused-fields.ts";

/** A workflow's definition, checked; what callers get back is the JSON that they sent, kept beside it. */
export interface WorkflowDefinition {
  readonly title: string;
  readonly description: string | null;
  readonly webhookCallbackUrl: string | null;
  readonly maxSeconds: number | null;
  readonly evidence: EvidenceWish | null;
  /** Of the blocks that say it for themselves. */
  readonly blockEvidence: BlockEvidence;
  readonly screenshotScrolls: number;
  /** An expression over the parameters; runs with the same value come one after the other. Null: no such order. */
  readonly sequentialKey: string | null;
  readonly parameters: readonly ParameterDefinition[];
  readonly names: ParameterNames;
  /** What the browsers of its runs begin with and leave for each other. `key` is an expression over the parameters. */
  readonly remembering: { readonly persists: boolean; readonly profileId: string | null; readonly key: string | null };
  /** What the requests of its runs' pages carry besides; values as they are kept (`isSealed`). */
  readonly extraHeaders: HeadersWish;
  /** What its runs send when connecting to a browser of their own, if they do not say; values likewise. */
  readonly connectHeaders: Readonly<Record<string, string>>;
  /** Where one-time codes are asked for, and by what name they are sent in. */
  readonly totpUrl: string | null;
  readonly totpIdentifier: string | null;
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
 * Checks a workflow as it was posted, and compiles it. Every fault is found, not the first; paths begin at the root of the input.
 * @param limits those of the organization that saves it; absent for what belongs to none, or was saved before
 */
export function checkDefinition(input: unknown, catalog: BlockCatalog, limits?: WorkflowLimits): CheckedDefinition {
  if (hasMoreValuesThan(DEFINITION_LIMITS.values, input)) {
    const message = `has more than ${DEFINITION_LIMITS.values} values in all; give data to a run by its parameters`;
    return { ok: false, faults: [{ path: "workflow_definition", message, code: "too_large" }] };
  }
  const result = workflowSchema.safeParse(input);
  const faults = result.success ? [] : faultsOf(result.error, workflowSchema);
  const raw = isJsonObject(input) && isJsonObject(input.workflow_definition) ? input.workflow_definition : {};
  // Where the schema has said that there are too many, looking at them all would take too long.
  const written = Array.isArray(raw.parameters) && raw.parameters.length <= DEFINITION_LIMITS.parameters ? raw.parameters : [];
  const parameters = checkParameterDefinitions(written, ["workflow_definition", "parameters"]);
  const blocks = blocksIn(raw.blocks);
  if (limits !== undefined && blocks.length > limits.maxWorkflowBlocks) faults.push(tooManyBlocks(blocks.length, limits));
  if (blocks.length > DEFINITION_LIMITS.workflowBlocks) return { ok: false, faults: limitFaults([...faults, ...parameters.faults]) };
  const version = raw.version === 1 || raw.version === 2 || raw.version === 3 ? raw.version : inferVersion(blocks);
  const keys = new Set(
    written.flatMap((parameter) => (isJsonObject(parameter) && typeof parameter.key === "string" ? [parameter.key] : [])),
  );
  const names = resolveNames(parameters.parameters, new Set(outputNamesIn(blocks)), (key) => pathOfParameter(written, key));
  const finallyLabel = typeof raw.finally_block_label === "string" ? raw.finally_block_label : null;
  const check = new DefinitionCheck(
    version,
    catalog,
    keys,
    names,
    finallyLabel,
    result.success ? (result.data.workflow_definition.error_code_mapping ?? {}) : {},
  );
  const drafts = check.blocks(blocks, ["workflow_definition", "blocks"], new Scope(new Set(SYSTEM_NAMES), new Set()), 1);
  check.parameterKeys();
  check.runKeys(input);
  check.parallelism(raw.max_parallel_blocks);
  const wired = wire(
    version,
    drafts.filter(({ node }) => node.label !== finallyLabel),
    finallyLabel,
  );
  const last = wire(version, check.lastBlocks(drafts), finallyLabel);
  const inGraph = check.labelsAreClear ? [...wired.faults, ...last.faults] : [];
  const found = [...faults, ...parameters.faults, ...names.faults, ...check.faults, ...inGraph];
  if (!result.success || found.length > 0) return { ok: false, faults: limitFaults(found) };
  const {
    title,
    description,
    evidence,
    webhook_callback_url,
    max_elapsed_time_minutes,
    run_sequentially,
    sequential_key,
    workflow_definition,
  } = result.data;
  const { totp_verification_url, totp_identifier } = result.data;
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
    evidence: evidence ?? null,
    blockEvidence: Object.fromEntries(check.evidence),
    screenshotScrolls: result.data.max_screenshot_scrolls ?? 0,
    maxSeconds: max_elapsed_time_minutes == null ? null : max_elapsed_time_minutes * 60,
    sequentialKey: run_sequentially ? (sequential_key ?? "") : null,
    parameters: parameters.parameters,
    names,
    remembering: {
      persists: result.data.persist_browser_session ?? false,
      profileId: result.data.browser_profile_id?.trim() || null,
      key: result.data.browser_profile_key?.trim() || null,
    },
    extraHeaders: headersWishOf(result.data),
    connectHeaders: result.data.cdp_connect_headers ?? {},
    totpUrl: totp_verification_url?.trim() || null,
    totpIdentifier: totp_identifier?.trim() || null,
  };
  const warnings = [
    ...warnOfUnused(workflowSchema, isJsonObject(input) ? input : {}, []),
    ...warnOfUnused(workflowSchema.shape.workflow_definition, raw, ["workflow_definition"]),
    ...unsentHeaders(result.data.extra_http_headers),
    ...check.warnings,
    ...parameters.warnings,
  ];
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

/** Skyvern's rule: a conditional, or a block that names the next, makes it version 2. */
function inferVersion(blocks: readonly JsonObject[]): 1 | 2 {
  const leads = blocks.some(
    (block) =>
      block.block_type === "conditional" || typeof block.next_block_label === "string" || inferVersion(blocksIn(block.loop_blocks)) === 2,
  );
  return leads ? 2 : 1;
}

/** The outputs of all blocks at any depth. */
function outputNamesIn(blocks: readonly JsonObject[]): string[] {
  return blocks.flatMap((block) => [
    ...(typeof block.label === "string" ? [outputName(block.label)] : []),
    ...outputNamesIn(blocksIn(block.loop_blocks)),
  ]);
}

function pathOfParameter(parameters: unknown, key: string): string {
  const index = Array.isArray(parameters) ? parameters.findIndex((item) => isJsonObject(item) && item.key === key) : 0;
  return formatPath(["workflow_definition", "parameters", index]);
}

function hasMoreValuesThan(limit: number, root: unknown): boolean {
  const open = [root];
  let count = 0;
  for (let value = open.pop(); value !== undefined && count <= limit; value = open.pop()) {
    if (typeof value !== "object" || value === null) continue;
    const inside = Array.isArray(value) ? value : Object.values(value);
    count += inside.length;
    if (count <= limit) open.push(...inside);
  }
  return count > limit;
}

/** A megabyte can have half a million faults: nobody reads them, and the answer would be too large to be sent. */
function limitFaults(faults: readonly Fault[]): readonly Fault[] {
  const { faults: limit } = DEFINITION_LIMITS;
  if (faults.length <= limit) return faults;
  const rest = { path: "workflow_definition", message: `has ${faults.length - limit} more faults than these`, code: "too_large" } as const;
  return [...faults.slice(0, limit), rest];
}

function tooManyBlocks(count: number, { maxWorkflowBlocks }: WorkflowLimits): Fault {
  const message = `has ${count} blocks at the top level; the organization's limit max_workflow_blocks is ${maxWorkflowBlocks}, which the administrator of the service can raise`;
  return { path: "workflow_definition.blocks", message, code: "too_large" };
}
