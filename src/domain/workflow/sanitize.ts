/**
 * Makes identifiers of a definition's names, as Skyvern does for YAML: `check order` becomes `check_order`, and so does everything that mentions it.
 * The rule: each run of characters that an identifier cannot have becomes `_`; what begins with a digit gets a `_` before it; what is taken gets
 * a number. Names that are identifiers stay.
 */
import type { Fault } from "../error.ts";
import { hasExpression } from "../expression.ts";
import { formatPath, isJsonObject, type Json, type JsonObject } from "../json.ts";
import { outputName } from "./names.ts";
import { IDENTIFIER } from "./schema.ts";

export interface Sanitized {
  readonly definition: Json;
  /** One for each name and each mention that was changed: old, new, path. */
  readonly changes: readonly Fault[];
}

/** @param definition as it was read, not checked; what is no definition is returned as it is */
export function sanitizeNames(definition: Json): Sanitized {
  const body = isJsonObject(definition) ? definition.workflow_definition : undefined;
  if (!isJsonObject(definition) || !isJsonObject(body)) return { definition, changes: [] };
  const renames = renamesOf(body);
  if (renames.labels.size === 0 && renames.keys.size === 0) return { definition, changes: [] };
  const changes: Fault[] = [];
  const rewrite = new Rewrite(renames, changes);
  const rewritten = Object.fromEntries(
    Object.entries(definition).map(([field, value]) => [
      field,
      field === "workflow_definition" ? rewrite.body(body, [field]) : rewrite.expressions(value, [field]),
    ]),
  );
  return { definition: rewritten, changes };
}

/** Old names to new ones. */
interface Renames {
  readonly labels: ReadonlyMap<string, string>;
  readonly keys: ReadonlyMap<string, string>;
}

function renamesOf(body: JsonObject): Renames {
  const labels = labelsIn(body.blocks);
  const keys = listOf(body.parameters).flatMap((parameter) =>
    isJsonObject(parameter) && typeof parameter.key === "string" ? [parameter.key] : [],
  );
  // A new name must not be another's, nor that of another's output.
  const taken = new Set([...labels, ...labels.map(outputName), ...keys].filter((name) => IDENTIFIER.test(name)));
  const nextNumbers = new Map<string, number>();
  const rename = (names: readonly string[], fallback: string) => {
    const renamed = new Map<string, string>();
    for (const name of names) {
      if (IDENTIFIER.test(name) || renamed.has(name)) continue;
      const base = toIdentifier(name) || fallback;
      let free = base;
      for (let number = nextNumbers.get(base) ?? 2; taken.has(free) || taken.has(outputName(free)); number += 1) {
        free = `${base}_${number}`;
        nextNumbers.set(base, number + 1);
      }
      taken.add(free).add(outputName(free));
      renamed.set(name, free);
    }
    return renamed;
  };
  return { keys: rename(keys, "parameter"), labels: rename(labels, "block") };
}

/** @returns an empty text where nothing is left */
function toIdentifier(name: string): string {
  const words = name.replaceAll(/[^\p{XID_Continue}]+/gu, "_").replaceAll(/^_+|_+$/g, "");
  return words === "" || IDENTIFIER.test(words) ? words : `_${words}`;
}

function labelsIn(blocks: Json | undefined): string[] {
  return listOf(blocks).flatMap((block) =>
    isJsonObject(block) ? [...(typeof block.label === "string" ? [block.label] : []), ...labelsIn(block.loop_blocks)] : [],
  );
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

/** Fields of a block, or of a branch, that hold a label. */
const LABEL_FIELDS = new Set(["label", "next_block_label"]);
/** Fields that hold the key of a parameter or of an output. */
const KEY_FIELD = /^(?:key|\w+_parameter_key)$/;
/** A bare label such as `1` or `2.5` in an expression is a number. */
const NUMBER_LIKE = /^[^\p{L}]*$/u;

/** Expressions, with their marks; in between is plain text. */
const TAG = /\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g;

class Rewrite {
  readonly #labels: ReadonlyMap<string, string>;
  /** Of parameters and outputs, as fields name them. */
  readonly #keys: ReadonlyMap<string, string>;
  /** As expressions name them: by label too. */
  readonly #mention: RegExp;
  readonly #names: ReadonlyMap<string, string>;
  readonly #longestFirst: readonly string[];
  readonly #changes: Fault[];

  constructor({ labels, keys }: Renames, changes: Fault[]) {
    this.#labels = labels;
    this.#keys = new Map([...[...labels].map(([old, name]) => [outputName(old), outputName(name)] as const), ...keys]);
    this.#names = new Map([...labels, ...this.#keys]);
    // The longest first: of `a-b` and `a-b_output` the second is meant where both fit. Texts in quotes are passed over whole, unless they are a label.
    const names = [...this.#names.keys()].filter((name) => !NUMBER_LIKE.test(name)).toSorted((a, b) => b.length - a.length);
    this.#longestFirst = names;
    const alternatives = names.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join("|");
    this.#mention = new RegExp(
      String.raw`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?<![\p{XID_Continue}.])(?:${alternatives || "(?!)"})(?!\p{XID_Continue})`,
      "gu",
    );
    this.#changes = changes;
  }

  body(body: JsonObject, path: readonly PropertyKey[]): JsonObject {
    return mapFields(body, (field, value) => {
      const at = [...path, field];
      if (field === "finally_block_label") return this.#name(value, this.#labels, at);
      if (field === "parameters") return mapList(value, (parameter, index) => this.#fields(parameter, [...at, index]));
      return field === "blocks" ? this.#blocks(value, at) : this.expressions(value, at);
    });
  }

  /** The same value with the names in its expressions changed. */
  expressions(value: Json, path: readonly PropertyKey[]): Json {
    if (Array.isArray(value)) return value.map((item: Json, index) => this.expressions(item, [...path, index]));
    if (isJsonObject(value)) return mapFields(value, (field, inner) => this.expressions(inner, [...path, field]));
    if (typeof value !== "string" || !hasExpression(value)) return value;
    const rewritten = value.replaceAll(TAG, (tag) => tag.replaceAll(this.#mention, (mention) => this.#renamed(mention)));
    return this.#changed(value, rewritten, path);
  }

  #blocks(blocks: Json, path: readonly PropertyKey[]): Json {
    return mapList(blocks, (block, index) => this.#fields(block, [...path, index]));
  }

  /** A parameter, a block or a branch. */
  #fields(value: Json, path: readonly PropertyKey[]): Json {
    if (!isJsonObject(value)) return value;
    return mapFields(value, (field, inner) => {
      const at = [...path, field];
      if (LABEL_FIELDS.has(field)) return this.#name(inner, this.#labels, at);
      if (KEY_FIELD.test(field) && !(typeof inner === "string" && hasExpression(inner))) return this.#name(inner, this.#keys, at);
      if (field === "loop_variable_reference") return this.#reference(inner, at);
      if (field === "depends_on") return mapList(inner, (label, index) => this.#name(label, this.#labels, [...at, index]));
      if (field === "parameter_keys") return mapList(inner, (key, index) => this.#name(key, this.#keys, [...at, index]));
      if (field === "loop_blocks") return this.#blocks(inner, at);
      if (field === "branch_conditions") return mapList(inner, (branch, index) => this.#fields(branch, [...at, index]));
      return this.expressions(inner, at);
    });
  }

  #name(value: Json, names: ReadonlyMap<string, string>, path: readonly PropertyKey[]): Json {
    return typeof value === "string" ? this.#changed(value, names.get(value) ?? value, path) : value;
  }

  /** A name, and perhaps fields of it, without the marks of an expression. */
  #reference(value: Json, path: readonly PropertyKey[]): Json {
    if (typeof value !== "string" || hasExpression(value)) return this.expressions(value, path);
    const old = this.#longestFirst.find((name) => value === name || value.startsWith(`${name}.`) || value.startsWith(`${name}[`));
    return old === undefined ? value : this.#changed(value, this.#names.get(old)! + value.slice(old.length), path);
  }

  /** A text in quotes is a name only where it is a label (`workflow_run_outputs["check order"]`). */
  #renamed(mention: string): string {
    const quote = mention.charAt(0);
    if (quote !== '"' && quote !== "'") return this.#names.get(mention) ?? mention;
    const label = this.#labels.get(mention.slice(1, -1));
    return label === undefined ? mention : `${quote}${label}${quote}`;
  }

  #changed(old: string, name: string, path: readonly PropertyKey[]): string {
    if (name !== old) {
      const message = `${JSON.stringify(old)} was changed to ${JSON.stringify(name)}: names must be identifiers`;
      this.#changes.push({ path: formatPath(path), message, code: "renamed" });
    }
    return name;
  }
}

function mapFields(value: JsonObject, change: (field: string, inner: Json) => Json): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, change(field, inner)]));
}

function mapList(value: Json, change: (item: Json, index: number) => Json): Json {
  return Array.isArray(value) ? value.map(change) : value;
}
