import { z } from "zod";
import { jsonValue } from "../json-value.ts";
import type { Fault, FaultCode } from "../error.ts";
import { formatPath, isJsonObject, nearestName, type Json, type JsonObject } from "../json.ts";
import { faultsOf } from "./schema-faults.ts";

/** The types of Skyvern's `workflow_parameter_type`. */
export const PARAMETER_TYPES = ["string", "integer", "float", "boolean", "json", "file_url", "credential_id"] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];

/** Names that expressions know already (Skyvern's list), or that would reach into JavaScript's objects. */
const RESERVED_KEYS: ReadonlySet<string> = new Set([
  "current_item",
  "current_value",
  "current_index",
  "current_date",
  "workflow_title",
  "workflow_id",
  "workflow_permanent_id",
  "workflow_run_id",
  "workflow_run_outputs",
  "workflow_run_summary",
  "__proto__",
  "constructor",
  "prototype",
]);

const keySchema = z
  .string()
  .max(100)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a name that expressions can use: letters, digits and _, not beginning with a digit")
  .refine((key) => !RESERVED_KEYS.has(key), "is the name of a built-in value; choose another")
  .describe("The name that runs give the value by and expressions read it by.");

/** An input that a workflow declares. */
const inputSchema = z.strictObject({
  parameter_type: z.literal("workflow"),
  key: keySchema,
  description: z.string().nullish().describe("For people."),
  workflow_parameter_type: z
    .enum(PARAMETER_TYPES)
    .describe(
      "What values are converted to. `credential_id`: the id of a stored credential, whose fields expressions read as `{{ key.password }}`.",
    ),
  default_value: jsonValue.optional().describe("Used when a run gives no value or null. Absent or null: the parameter is required."),
});
export type InputParameter = z.infer<typeof inputSchema>;

const credentialIdSchema = z.string().min(1).max(100);

/** A credential that the workflow itself names. */
const credentialSchema = z.strictObject({
  parameter_type: z.literal("credential"),
  key: keySchema,
  description: z.string().nullish().describe("For people."),
  credential_id: credentialIdSchema.nullish().describe("The stored credential. Expressions read its fields as `{{ key.password }}`."),
  credential_ids: z.array(credentialIdSchema).max(100).nullish().describe("Skyvern's choice of several: the first is used."),
  selection_strategy: z.string().nullish().describe("Kept, and without effect."),
  fallback_credential_ids: z.array(credentialIdSchema).max(100).nullish().describe("Kept, and without effect."),
  fallback_trigger: z.string().nullish().describe("Kept, and without effect."),
});
export type CredentialParameter = z.infer<typeof credentialSchema>;

/** Another name for a parameter or an output, or for the field of it that has this name. */
const contextSchema = z.strictObject({
  parameter_type: z.literal("context"),
  key: keySchema,
  description: z.string().nullish().describe("For people."),
  source_parameter_key: z
    .string()
    .describe(
      "Another parameter, or `<label>_output`. Where its value is an object that has `key`, this is that field's value; else the value itself.",
    ),
});
export type ContextParameter = z.infer<typeof contextSchema>;

export type ParameterDefinition = InputParameter | CredentialParameter | ContextParameter;
/** All kinds, for the documentation. */
export const parameterSchema = z.discriminatedUnion("parameter_type", [inputSchema, credentialSchema, contextSchema]);

const SCHEMAS = { workflow: inputSchema, credential: credentialSchema, context: contextSchema } as const;

const USE_STORED = "is not supported: this service reads no outside vault. Store what it holds as a credential (POST /v1/credentials";
const useStored = (type: "password" | "credit_card" | "secret"): string =>
  `${USE_STORED}, credential_type "${type}") and declare a parameter of parameter_type "credential" with its credential_id`;

/** Skyvern's other kinds, and what to do instead: refused, for a parameter that silently has no value is worse. */
const UNSUPPORTED_KINDS: ReadonlyMap<string, string> = new Map([
  [
    "output",
    'cannot be declared: every block has its output as "<label>_output" by itself. Skyvern lists these entries when it shows a workflow; leave them out',
  ],
  ["aws_secret", useStored("secret")],
  ["azure_secret", useStored("secret")],
  ["azure_vault_credential", useStored("password")],
  ["bitwarden_login_credential", useStored("password")],
  ["bitwarden_sensitive_information", useStored("secret")],
  ["bitwarden_credit_card_data", useStored("credit_card")],
  ["onepassword", useStored("password")],
]);

/**
 * Checks a definition's `parameters`: form, names, and that every default converts to its type.
 * That a key does not clash with a block's label is the definition's to check, and so is where a context parameter's source stands.
 * @param basePath where the list stands, e.g. `["workflow_definition", "parameters"]`
 * @returns the parameters that could be read, in order and each key once, what is wrong with the others, and what has no effect
 */
export function checkParameterDefinitions(
  input: readonly unknown[],
  basePath: readonly PropertyKey[],
): { parameters: ParameterDefinition[]; faults: Fault[]; warnings: Fault[] } {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  const parameters = new Map<string, ParameterDefinition>();
  for (const [index, item] of input.entries()) {
    const at = (message: string, code: FaultCode, field: string): void => {
      faults.push({ path: formatPath([...basePath, index, field]), message, code });
    };
    const kind = isJsonObject(item) && typeof item.parameter_type === "string" ? item.parameter_type : "";
    const unsupported = UNSUPPORTED_KINDS.get(kind);
    if (unsupported !== undefined) {
      at(`the parameter type "${kind}" ${unsupported}`, "invalid_value", "parameter_type");
      continue;
    }
    if (isJsonObject(item) && kind !== "" && !(kind in SCHEMAS)) {
      const near = nearestName(kind, Object.keys(SCHEMAS));
      const hint = near === undefined ? `the types are ${Object.keys(SCHEMAS).join(", ")}` : `did you mean "${near}"?`;
      at(`unknown parameter type "${kind}"; ${hint}`, "invalid_value", "parameter_type");
      continue;
    }
    const schema = kind === "credential" || kind === "context" ? SCHEMAS[kind] : SCHEMAS.workflow;
    const parsed = schema.safeParse(item);
    if (!parsed.success) {
      faults.push(...faultsOf(parsed.error, schema, [...basePath, index]));
      continue;
    }
    const parameter: ParameterDefinition = parsed.data;
    if (parameters.has(parameter.key)) at(`another parameter has the key "${parameter.key}" already`, "duplicate", "key");
    if (parameter.parameter_type === "workflow") {
      const converted = convertDefault(parameter);
      if (!converted.ok) at(converted.message, "invalid_type", "default_value");
    }
    if (parameter.parameter_type === "credential") {
      if (credentialIdOf(parameter) === null) at("is required: the id of a stored credential", "required", "credential_id");
      warnings.push(...unusedChoices(parameter, [...basePath, index]));
    }
    parameters.set(parameter.key, parameter);
  }
  return { parameters: [...parameters.values()], faults, warnings };
}

/** The credential that a workflow names; null when it names none. */
export function credentialIdOf({ credential_id, credential_ids }: CredentialParameter): string | null {
  return credential_id ?? credential_ids?.[0] ?? null;
}

function unusedChoices(parameter: CredentialParameter, path: readonly PropertyKey[]): Fault[] {
  const used = credentialIdOf(parameter);
  const others = (parameter.credential_ids ?? []).some((id) => id !== used);
  const unused = [
    ...(others ? ["credential_ids"] : []),
    ...(parameter.selection_strategy == null ? [] : ["selection_strategy"]),
    ...((parameter.fallback_credential_ids ?? []).length === 0 ? [] : ["fallback_credential_ids"]),
    ...(parameter.fallback_trigger == null ? [] : ["fallback_trigger"]),
  ];
  return unused.map((field) => ({
    path: formatPath([...path, field]),
    message: `"${field}" is kept and returned, and has no effect: runs use ${used}`,
    code: "invalid_value",
  }));
}

/** What the names of parameters stand for besides the values that a run gives. */
export interface ParameterNames {
  /** Keys whose fields are those of a credential: `{{ key.password }}`. By key, the declared parameter that names the credential. */
  readonly credentials: ReadonlyMap<string, string>;
  /** Of each context parameter that reads no credential: the parameter or output that it names as its source, by key. */
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * Follows context parameters to what they read.
 * @param outputs names of all blocks' outputs
 * @param pathOf where the parameter with this key stands
 */
export function resolveNames(
  parameters: readonly ParameterDefinition[],
  outputs: ReadonlySet<string>,
  pathOf: (key: string) => string,
): ParameterNames & { faults: Fault[] } {
  const byKey = new Map(parameters.map((parameter) => [parameter.key, parameter]));
  const faults: Fault[] = [];
  const credentials = new Map<string, string>();
  const sources = new Map<string, string>();
  for (const parameter of parameters) {
    const { key } = parameter;
    if (holdsCredential(parameter)) credentials.set(key, key);
    if (parameter.parameter_type !== "context") continue;
    const fault = (code: FaultCode, message: string): void => {
      faults.push({ path: `${pathOf(key)}.source_parameter_key`, message, code });
    };
    const trail = [key];
    let source = parameter.source_parameter_key;
    for (let next = byKey.get(source); next?.parameter_type === "context" && !trail.includes(source); next = byKey.get(source)) {
      trail.push(source);
      source = next.source_parameter_key;
    }
    const root = byKey.get(source);
    if (trail.includes(source)) fault("cycle", `the context parameters read each other in a circle: ${[...trail, source].join(" → ")}`);
    else if (root !== undefined && holdsCredential(root)) credentials.set(key, source);
    else if (root !== undefined || outputs.has(source)) sources.set(key, parameter.source_parameter_key);
    else {
      const near = nearestName(source, [...byKey.keys(), ...outputs]);
      fault(
        "undefined_name",
        `there is no parameter or output "${source}"${near === undefined || near === key ? "" : `; did you mean "${near}"?`}`,
      );
    }
  }
  return { credentials, sources, faults };
}

function holdsCredential(parameter: ParameterDefinition): boolean {
  return (
    parameter.parameter_type === "credential" ||
    (parameter.parameter_type === "workflow" && parameter.workflow_parameter_type === "credential_id")
  );
}

/** What a context parameter reads in the end: the key of an input, or `<label>_output`. Any other name is its own. */
export function sourceOf(name: string, { sources }: Pick<ParameterNames, "sources">): string {
  let source = name;
  for (let next = sources.get(source); next !== undefined; next = sources.get(source)) source = next;
  return source;
}

/** What a context parameter has for its source's value (Skyvern's rule). */
export function contextValue(key: string, source: Json): Json {
  return isJsonObject(source) && Object.hasOwn(source, key) ? source[key]! : source;
}

/**
 * The values of a run's parameters, converted and with defaults filled in. The rules are Skyvern's (its `convert_value`), except that a key
 * which the workflow does not declare is refused.
 * @param definitions as `checkParameterDefinitions` returned them
 * @param values as the caller sent them; undefined when nothing was sent
 * @returns one value for every input (null for an optional one that was not given), or every fault, each under `parameters.<key>`
 */
export function resolveParameters(
  definitions: readonly ParameterDefinition[],
  values: JsonObject = {},
): { ok: true; values: JsonObject } | { ok: false; faults: Fault[] } {
  const faults: Fault[] = [];
  const resolved: Record<string, Json> = {};
  const inputs = definitions.filter((definition) => definition.parameter_type === "workflow");
  const keys = inputs.map((definition) => definition.key);
  const fault = (key: string, code: FaultCode, message: string): void => {
    faults.push({ path: formatPath(["parameters", key]), message, code });
  };
  for (const definition of inputs) {
    const { key, workflow_parameter_type: type } = definition;
    const value = Object.hasOwn(values, key) ? values[key]! : null;
    const result = isMissing(type, value) ? convertDefault(definition) : convertValue(type, value);
    if (!result.ok) fault(key, "invalid_type", result.message);
    else if (result.value === null && isMissing(type, value) && type !== "credential_id") {
      fault(key, "required", `is required: the workflow declares it as ${type} without a default`);
    } else resolved[key] = result.value;
  }
  for (const key of Object.keys(values)) {
    if (keys.includes(key)) continue;
    const near = nearestName(key, keys);
    const hint = near !== undefined ? `did you mean "${near}"?` : keys.length > 0 ? `it declares ${keys.join(", ")}` : "it declares none";
    fault(key, "unknown_field", `the workflow declares no parameter "${key}"; ${hint}`);
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, values: resolved };
}

/** Counts as not given. An empty text is a value for `string` only; `file_url` also knows Skyvern's empty forms of an upload. */
function isMissing(type: ParameterType, value: Json): boolean {
  if (value === null) return true;
  if (type === "string" || type === "credential_id") return false;
  if (typeof value === "string") return value.trim() === "";
  if (type !== "file_url" || !isJsonObject(value)) return false;
  const fields = Object.keys(value);
  return fields.length === 0 || (fields.length === 1 && value.s3uri === "");
}

/** The default as a run gets it; null when there is none. A default of `json` is the value itself: a text stays a text. */
function convertDefault({ workflow_parameter_type: type, default_value: value = null }: InputParameter): Conversion {
  if (value === null || type === "json") return { ok: true, value };
  if (type === "file_url" && isMissing(type, value)) return { ok: true, value: null };
  return convertValue(type, value);
}

type Conversion = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly message: string };

/** Skyvern's conversion table; see `parameter.test.ts`, which is that table. */
function convertValue(type: ParameterType, value: Json): Conversion {
  const converted = CONVERSIONS[type].convert(value);
  return converted === undefined
    ? { ok: false, message: `must be ${CONVERSIONS[type].wanted}, got ${describeValue(value)}` }
    : { ok: true, value: converted };
}

/** `convert` returns undefined for what it refuses. */
const CONVERSIONS: Record<ParameterType, { readonly wanted: string; convert(value: Json): Json | undefined }> = {
  string: { wanted: "text", convert: toText },
  integer: { wanted: 'a whole number such as 5 or "5"', convert: toInteger },
  float: { wanted: 'a number such as 5.5 or "5.5"', convert: toFloat },
  boolean: { wanted: 'true or false (or "true", "false", 1, 0)', convert: toBoolean },
  json: { wanted: "an object, a list, or JSON text", convert: toJson },
  file_url: { wanted: "a URL", convert: (value) => value },
  credential_id: { wanted: "the id of a credential", convert: (value) => value },
};

/** Python's `str()` for booleans, which Skyvern's users see; objects and lists become JSON text. */
function toText(value: Json): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Numbers lose their fraction, as by Python's `int()`; text must be a whole number. What a double cannot hold exactly is refused. */
function toInteger(value: Json): number | undefined {
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "string" && !/^\s*[+-]?\d+\s*$/.test(value)) return undefined;
  const number = typeof value === "number" || typeof value === "string" ? Math.trunc(Number(value)) + 0 : NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

function toFloat(value: Json): number | undefined {
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "string" && !/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value)) return undefined;
  const number = typeof value === "number" || typeof value === "string" ? Number(value) : NaN;
  return Number.isFinite(number) ? number : undefined;
}

function toBoolean(value: Json): boolean | undefined {
  const word = typeof value === "object" ? "" : String(value).toLowerCase();
  if (word === "true" || word === "1") return true;
  return word === "false" || word === "0" ? false : undefined;
}

function toJson(value: Json): Json | undefined {
  if (typeof value === "object") return value;
  if (typeof value !== "string") return undefined;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return undefined; // the caller is told what was wanted
  }
}

/** What came, for a message: `the text "5.5"`, `a list`. Long texts are cut. */
function describeValue(value: Json): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
  return `the ${typeof value} ${String(value)}`;
}
