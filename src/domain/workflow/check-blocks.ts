import { type Fault } from "../error.ts";
import { checkCredentialReads } from "../credential/credential-reads.ts";
import { evidenceSchema, type EvidenceWish } from "../evidence/evidence.ts";
import { ExpressionError, findExpressions, hasExpression, parseExpression } from "../expression.ts";
import { formatPath, isJsonObject, nearestName, type JsonObject } from "../json.ts";
import { LOOP_NAMES, outputName, SYSTEM_NAMES } from "./names.ts";
import { type ParameterNames, sourceOf } from "./parameter.ts";
import type { BlockRole, DefinitionVersion, DraftBlock } from "./plan.ts";
import { faultsOf } from "./schema-faults.ts";
import { NO_RETRY } from "../recovery.ts";
import type { BlockCatalog, BlockTypeFacts } from "./catalog.ts";
import { asksModel } from "./criteria.ts";
import { BLOCK_TIMEOUT_SECONDS, DEFINITION_LIMITS } from "./limits.ts";
import { retryOf } from "./retry.ts";
import { ListNames, type Names, Scope } from "./scope.ts";
import { blockSchema, COMMON_FIELDS, configOf } from "./schema.ts";
import { warnOfUnused } from "./unused-fields.ts";

/** Faults that are told with the nearest name. */
const MAX_HINTS = 50;

/** What the schema cannot say: types and their fields, labels, and the names that expressions may use where they stand. */
export class DefinitionCheck {
  readonly faults: Fault[] = [];
  /** What has no effect, and what will fail when a run reaches it. */
  readonly warnings: Fault[] = [];
  /** Where each block stands, at any depth, by its label. */
  readonly paths = new Map<string, string>();
  /** What blocks say of their evidence, by their labels. */
  readonly evidence = new Map<string, EvidenceWish>();
  /** False when a label is missing or used twice, or there is too much to be looked at: nothing can be said of the graph then. */
  labelsAreClear = true;
  readonly #version: DefinitionVersion;
  readonly #catalog: BlockCatalog;
  /** Keys of all parameters, also of those with faults. */
  readonly #keys: ReadonlySet<string>;
  readonly #names: ParameterNames;
  /** What means a parameter or a system value in expressions, wherever it stands. */
  readonly #takenNames: ReadonlySet<string>;
  /** The workflow's own, which a block's win over. */
  readonly #errorCodes: Readonly<Record<string, string>>;
  readonly #finallyLabel: string | null;
  #hintsLeft = MAX_HINTS;
  #expressions = 0;
  readonly #mentionedKeys: { key: string; path: readonly PropertyKey[] }[] = [];

  constructor(
    version: DefinitionVersion,
    catalog: BlockCatalog,
    keys: ReadonlySet<string>,
    names: ParameterNames,
    finallyLabel: string | null,
    errorCodes: Readonly<Record<string, string>>,
  ) {
    this.#version = version;
    this.#catalog = catalog;
    this.#keys = keys;
    this.#names = names;
    this.#takenNames = new Set([...keys, ...SYSTEM_NAMES, ...LOOP_NAMES]);
    this.#finallyLabel = finallyLabel;
    this.#errorCodes = errorCodes;
  }

  /**
   * Checks one list of blocks.
   * @param outer names that are known around it
   * @param depth from 1
   */
  blocks(blocks: readonly JsonObject[], path: readonly PropertyKey[], outer: Scope, depth: number): DraftBlock[] {
    const labels = blocks.map(({ label }) => (typeof label === "string" ? label : null));
    const names = new ListNames(labels, this.#finallyLabel, this.#version === 1);
    return blocks.map((block, index) => {
      const at = [...path, index];
      const label = labels[index] ?? null;
      if (label === null) this.labelsAreClear = false;
      else this.#claimLabel(label, at);
      // In a loop a block may read the loop's values by its own label too.
      const own = new Set(depth > 1 && label !== null ? [label] : []);
      const readable = new Scope(outer, names.endedAt(index));
      const known = new Scope(new Scope(readable, this.#keysKnown(readable)), own);
      return this.#block(block, at, { known, later: (name) => names.laterAt(index, name) }, depth);
    });
  }

  /** A context parameter that reads an output is known where the output is. */
  #keysKnown(readable: Names): Names {
    const keys = this.#keys;
    if (this.#names.sources.size === 0) return keys;
    const has = (key: string): boolean => {
      const source = sourceOf(key, this.#names);
      return keys.has(key) && (keys.has(source) || readable.has(source));
    };
    return {
      has,
      *[Symbol.iterator]() {
        for (const key of keys) if (has(key)) yield key;
      },
    };
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

  /** They are filled in before the run begins: nothing but the parameters is known. */
  runKeys(workflow: unknown): void {
    for (const field of ["sequential_key", "browser_profile_key"]) {
      const key = isJsonObject(workflow) ? workflow[field] : null;
      if (typeof key !== "string" || !hasExpression(key)) continue;
      const known = new Scope(new Set(), this.#keysKnown(new Set()));
      this.#expression(key, field, { known, later: () => null }, false);
    }
  }

  parallelism(maxParallelBlocks: unknown): void {
    if (maxParallelBlocks === undefined || this.#version === 3) return;
    const message = `only version 3 runs blocks in parallel, and this definition is of version ${this.#version}; for the iterations of a for_loop there is max_concurrency`;
    this.faults.push({ path: "workflow_definition.max_parallel_blocks", message, code: "invalid_value" });
  }

  /** There may be more of them than one call has room for arguments. */
  #add(faults: readonly Fault[]): void {
    for (const fault of faults) this.faults.push(fault);
  }

  #claimLabel(label: string, path: readonly PropertyKey[]): void {
    const at = formatPath([...path, "label"]);
    const before = this.paths.get(label);
    if (before === undefined) this.paths.set(label, formatPath(path));
    else {
      this.labelsAreClear = false;
      this.faults.push({ path: at, message: `the label "${label}" is used before, by ${before}`, code: "duplicate" });
    }
    if (this.#keys.has(outputName(label))) {
      this.faults.push({ path: at, message: `its output "${outputName(label)}" has the name of a parameter`, code: "duplicate" });
    }
  }

  #block(block: JsonObject, path: readonly PropertyKey[], place: Place, depth: number): DraftBlock {
    const type = typeof block.block_type === "string" ? this.#catalog.find(block.block_type) : undefined;
    if (type === undefined && typeof block.block_type === "string") {
      this.faults.push({
        path: formatPath([...path, "block_type"]),
        message: unknownType(block.block_type, this.#catalog),
        code: "unknown_block_type",
      });
    }
    const written = configOf(block);
    if (type !== undefined) this.#add(type.checkConfig(written, path));
    const config = type?.normalize(written) ?? written;
    const role = type?.role ?? "step";
    this.#refusal(type, block, config, path);
    this.#parameterKeys(block, path);
    this.warnings.push(...warnOfUnused(blockSchema, block, path), ...(type?.warnOfUnused(written, path) ?? []));
    this.#evidence(type, block, path);
    const needs = this.#needs(type, block, config, path);
    const { condition, ...common } = Object.fromEntries(
      Object.entries(block).filter(([field]) => COMMON_FIELDS.has(field) && field !== "loop_blocks"),
    );
    for (const { source, path: inner } of findExpressions({ ...common, ...config }))
      this.#expression(source, formatPath([...path, ...inner]), place, (type?.readsSecrets ?? true) && String(inner[0]) in config);
    if (role === "conditional") this.#criteria(config, path);
    const body = this.#body(block, role, path, place.known, depth);
    this.#order(block, role, path);
    this.#condition(condition, role, path, place, body);
    return this.#draft({ block, config, role, needs, repeatable: type?.isRepeatable(written) ?? false, path, body });
  }

  /** @returns the sentence that the definition is saved with, and that a run fails with */
  #needs(type: BlockTypeFacts | undefined, block: JsonObject, config: JsonObject, path: readonly PropertyKey[]): string | null {
    const needs = type?.needs({ ...block, ...config }) ?? null;
    if (needs === null || typeof block.label !== "string" || typeof block.block_type !== "string") return null;
    const message = `The block "${block.label}" (${block.block_type}) needs ${needs}`;
    this.warnings.push({ path: formatPath(path), message, code: "unavailable" });
    return message;
  }

  #evidence(type: BlockTypeFacts | undefined, { label, evidence, block_type }: JsonObject, path: readonly PropertyKey[]): void {
    const wish = evidenceSchema.safeParse(evidence); // what is wrong with it the schema has said
    if (!wish.success || typeof label !== "string") return;
    if (type?.hasPage !== false) this.evidence.set(label, wish.data);
    else {
      const message = `"evidence" is kept and returned, and has no effect: a block of the type ${JSON.stringify(block_type)} has no page`;
      this.warnings.push({ path: formatPath([...path, "evidence"]), message, code: "no_effect" });
    }
  }

  #refusal(type: BlockTypeFacts | undefined, block: JsonObject, config: JsonObject, path: readonly PropertyKey[]): void {
    const reason = type?.refuses(config) ?? null;
    if (reason === null) return;
    const message = `the block type ${JSON.stringify(block.block_type)} is not run by this service: ${reason}`;
    this.faults.push({ path: formatPath([...path, "block_type"]), message, code: "not_supported" });
  }

  /** Skyvern's list of what a block may see. Here every block sees everything, but what is not there is a slip. */
  #parameterKeys(block: JsonObject, path: readonly PropertyKey[]): void {
    for (const [index, key] of (Array.isArray(block.parameter_keys) ? block.parameter_keys : []).entries()) {
      if (typeof key === "string" && !hasExpression(key)) this.#mentionedKeys.push({ key, path: [...path, "parameter_keys", index] });
    }
  }

  /** Every entry of a `parameter_keys` names a parameter, or the output of a block. To be called when all blocks have been looked at. */
  parameterKeys(): void {
    const known = new Set([...this.#keys, ...[...this.paths.keys()].map(outputName)]);
    for (const { key, path } of this.#mentionedKeys) {
      if (known.has(key)) continue;
      const near = this.#nearest(key, known);
      const message = `there is no parameter "${key}"${near === undefined ? "" : `; did you mean "${near}"?`}`;
      this.faults.push({ path: formatPath(path), message, code: "undefined_name" });
    }
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
  #condition(condition: unknown, role: BlockRole, path: readonly PropertyKey[], place: Place, body: readonly DraftBlock[] | null): void {
    const at = formatPath([...path, "condition"]);
    if (role === "while_loop") {
      if (!isJsonObject(condition) || typeof condition.expression !== "string") {
        this.faults.push({ path: at, message: "is required: `{expression}`, which is asked before each iteration", code: "required" });
      } else if (asksModel(condition)) {
        this.#expression(condition.expression, `${at}.expression`, place, false);
      } else {
        const inside = [...LOOP_NAMES, ...(body ?? []).flatMap(({ node }) => [outputName(node.label), node.label])];
        this.#test(condition.expression, `${at}.expression`, { ...place, known: new Scope(place.known, new Set(inside)) });
      }
    } else if (isJsonObject(condition)) {
      this.faults.push({ path: at, message: "must be a string; only a while_loop has an object here", code: "invalid_type" });
    } else if (typeof condition === "string") {
      this.#test(condition, at, place);
    }
  }

  /** An expression whose value is asked for its truth. */
  #test(source: string, path: string, place: Place): void {
    if (hasExpression(source)) this.#expression(source, path, place, false);
    else this.faults.push(plainText(path));
  }

  /** What the branches of a conditional ask; the names in it are checked with all others. */
  #criteria(config: JsonObject, path: readonly PropertyKey[]): void {
    for (const [index, branch] of (Array.isArray(config.branch_conditions) ? config.branch_conditions : []).entries()) {
      const source = isJsonObject(branch) && isJsonObject(branch.criteria) ? branch.criteria.expression : null;
      const isPlain = typeof source === "string" && !hasExpression(source) && !asksModel(isJsonObject(branch) ? branch.criteria : null);
      if (isPlain) this.faults.push(plainText(formatPath([...path, "branch_conditions", index, "criteria", "expression"])));
    }
  }

  #body(block: JsonObject, role: BlockRole, path: readonly PropertyKey[], known: Scope, depth: number): DraftBlock[] | null {
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
      if (!parsed.success) this.#add(faultsOf(parsed.error, blockSchema, [...at, index]));
    }
    const own = typeof block.label === "string" ? [block.label] : [];
    return this.blocks(blocksIn(blocks), at, new Scope(known, new Set([...LOOP_NAMES, ...own])), depth + 1);
  }

  #draft({
    block,
    config,
    role,
    needs,
    repeatable,
    path,
    body,
  }: {
    block: JsonObject;
    config: JsonObject;
    role: BlockRole;
    needs: string | null;
    repeatable: boolean;
    path: readonly PropertyKey[];
    body: DraftBlock[] | null;
  }): DraftBlock {
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
      names: this.#names,
      takenNames: this.#takenNames,
      path,
      nextLabel: typeof block.next_block_label === "string" ? block.next_block_label : null,
      dependsOn: Array.isArray(block.depends_on) ? block.depends_on.filter((label) => typeof label === "string") : [],
      branches: role === "conditional" ? branches : null,
      body,
      node: {
        label: typeof block.label === "string" ? block.label : "",
        blockType: common.block_type,
        role,
        needs,
        config,
        condition: typeof common.condition === "string" ? common.condition : (common.condition?.expression ?? null),
        maxConcurrency: typeof config.max_concurrency === "number" ? config.max_concurrency : 1,
        continueOnFailure: common.continue_on_failure || common.skip_on_failure === true,
        nextLoopOnFailure: common.next_loop_on_failure,
        timeoutMs: timeout * 1000,
        retry: needs === null ? retryOf(common, onInterrupted === "retry") : NO_RETRY,
        onInterrupted,
        errorCodes: common.error_code_mapping == null ? this.#errorCodes : { ...this.#errorCodes, ...common.error_code_mapping },
      },
    };
  }

  /** @param mayReadSecrets may it use the fields of credentials? */
  #expression(source: string, path: string, place: Place, mayReadSecrets: boolean): void {
    this.#expressions += 1;
    if (this.#expressions > DEFINITION_LIMITS.expressions) {
      const message = `has more than ${DEFINITION_LIMITS.expressions} expressions`;
      if (this.labelsAreClear) this.faults.push({ path: "workflow_definition", message, code: "too_large" });
      this.labelsAreClear = false;
      return;
    }
    try {
      const expression = parseExpression(source);
      for (const name of expression.names) {
        if (!place.known.has(name)) this.faults.push({ path, message: this.#undefinedName(name, place), code: "undefined_name" });
      }
      const { credentials } = this.#names;
      for (const fault of checkCredentialReads(expression, credentials, mayReadSecrets)) this.faults.push({ path, ...fault });
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.faults.push({ path, message: error.message, code: "invalid_expression" });
    }
  }

  #undefinedName(name: string, { known, later }: Place): string {
    const producer = later(sourceOf(name, this.#names));
    if (producer !== null) return `'${name}' is not defined here: the block "${producer}" has not run yet`;
    const near = this.#nearest(name, known);
    return `'${name}' is not defined${near === undefined ? "" : `; did you mean '${near}'?`}`;
  }

  /** Looking for the nearest of many names takes time: only the first faults are told with one. */
  #nearest(name: string, known: Iterable<string>): string | undefined {
    if (this.#hintsLeft === 0) return undefined;
    this.#hintsLeft -= 1;
    return nearestName(name, known);
  }
}

/** Where an expression stands: the names that it may use, and who will have a name later. */
interface Place {
  readonly known: Scope;
  readonly later: (name: string) => string | null;
}

/** The blocks of a list as it was written, each at its place: what is no block, which the schema refuses, is one without fields. */
export function blocksIn(list: unknown): JsonObject[] {
  return (Array.isArray(list) ? list : []).map((block) => (isJsonObject(block) ? block : {}));
}

function plainText(path: string): Fault {
  return { path, message: "is plain text, which is always true or always false; write an expression: {{ … }}", code: "invalid_expression" };
}

function unknownType(type: string, catalog: BlockCatalog): string {
  const near = nearestName(type, catalog.types);
  return `unknown block type "${type}"; ${near === undefined ? `the types are ${catalog.types.join(", ")}` : `did you mean "${near}"?`}`;
}
