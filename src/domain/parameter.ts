import { z } from "zod";
import type { Fault, FaultCode } from "./error.ts";
import { formatPath, isJsonObject, nearestName, type Json, type JsonObject } from "./json.ts";
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

/** An input that a workflow declares. */
export const parameterSchema = z.strictObject({
  parameter_type: z.literal("workflow"),
  key: z
    .string()
    .max(100)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a name that expressions can use: letters, digits and _, not beginning with a digit")
    .refine((key) => !RESERVED_KEYS.has(key), "is the name of a built-in value; choose another")
    .describe("The name that runs give the value by and expressions read it by."),
  description: z.string().nullish(),
  workflow_parameter_type: z.enum(PARAMETER_TYPES),
  default_value: z.json().optional().describe("Used when a run gives no value or null. Absent or null: the parameter is required."),
});
export type ParameterDefinition = z.infer<typeof parameterSchema>;

/** Skyvern's other kinds, and what to do instead: refused, for a parameter that silently has no value is worse. */
const UNSUPPORTED_KINDS: ReadonlyMap<string, string> = new Map([
  ["output", 'cannot be declared: every block has its output as "<label>_output" by itself; leave this entry out'],
  ["context", "is not supported; read the value where it is used, as in {{ source.key }}"],
  ["credential", 'is not supported; declare a "workflow" parameter of the type credential_id'],
  ["aws_secret", "is not supported"],
  ["azure_secret", "is not supported"],
  ["azure_vault_credential", "is not supported"],
  ["bitwarden_login_credential", "is not supported"],
  ["bitwarden_sensitive_information", "is not supported"],
  ["bitwarden_credit_card_data", "is not supported"],
  ["onepassword", "is not supported"],
]);

/**
 * Checks a definition's `parameters`: form, names, and that every default converts to its type.
 * That a key does not clash with a block's label is the definition's to check.
 * @param basePath where the list stands, e.g. `["workflow_definition", "parameters"]`
 * @returns the parameters that could be read, in order and each key once, and what is wrong with the others
 */
export function checkParameterDefinitions(
  input: readonly unknown[],
  basePath: readonly PropertyKey[],
): { parameters: ParameterDefinition[]; faults: Fault[] } {
  const faults: Fault[] = [];
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
    const parsed = parameterSchema.safeParse(item);
    if (!parsed.success) {
      faults.push(...faultsOf(parsed.error, parameterSchema, [...basePath, index]));
      continue;
    }
    const parameter = parsed.data;
    if (parameters.has(parameter.key)) at(`another parameter has the key "${parameter.key}" already`, "duplicate", "key");
    const converted = convertDefault(parameter);
    if (!converted.ok) at(converted.message, "invalid_type", "default_value");
    parameters.set(parameter.key, parameter);
  }
  return { parameters: [...parameters.values()], faults };
}

/**
 * The values of a run's parameters, converted and with defaults filled in. The rules are Skyvern's (its `convert_value`), except that a key
 * which the workflow does not declare is refused.
 * @param definitions as `checkParameterDefinitions` returned them
 * @param values as the caller sent them; undefined when nothing was sent
 * @returns one value for every definition (null for an optional one that was not given), or every fault, each under `parameters.<key>`
 */
export function resolveParameters(
  definitions: readonly ParameterDefinition[],
  values: JsonObject = {},
): { ok: true; values: JsonObject } | { ok: false; faults: Fault[] } {
  const faults: Fault[] = [];
  const resolved: Record<string, Json> = {};
  const keys = definitions.map((definition) => definition.key);
  const fault = (key: string, code: FaultCode, message: string): void => {
    faults.push({ path: formatPath(["parameters", key]), message, code });
  };
  for (const definition of definitions) {
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
function convertDefault({ workflow_parameter_type: type, default_value: value = null }: ParameterDefinition): Conversion {
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
