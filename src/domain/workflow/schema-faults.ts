import type { z } from "zod";
import type { Fault, FaultCode } from "../error.ts";
import { formatPath, nearestName } from "../json.ts";

type Issue = z.core.$ZodIssue;
type Schema = z.core.$ZodTypes;

/** Zod's own wording (its English locale). A message that does not begin like this was written by the schema's author and is kept. */
const STANDARD_MESSAGE = /^(Invalid |Too big|Too small|Unrecognized key)/;

/** Looking for the nearest name takes time: of a single object, so many unknown fields are told with one. */
const HINTED_FIELDS = 100;

/** How types are named to callers, who write JSON. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "an object",
  record: "an object",
  null: "null",
  undefined: "nothing",
  never: "nothing",
};

/**
 * What zod found, as faults in the words of an API: `must be a string, got a number`, `unknown field "urll"; did you mean "url"?`.
 * Of a union that matched in no branch, the faults of the branch that came closest are told.
 * @param schema the schema that was parsed with: it knows which names would have been right
 * @param basePath where the parsed value stands in the caller's input; put before every path
 * @returns at least one fault; an unknown field has its own path, not that of the object around it
 */
export function faultsOf(error: z.core.$ZodError, schema: z.core.$ZodType, basePath: readonly PropertyKey[] = []): Fault[] {
  return error.issues.flatMap((issue) => faultsOfIssue(issue, schema, [], basePath));
}

function faultsOfIssue(issue: Issue, root: z.core.$ZodType, unionPath: readonly PropertyKey[], basePath: readonly PropertyKey[]): Fault[] {
  const path = [...unionPath, ...issue.path]; // paths inside a union's branches start at the union
  const fault = (code: FaultCode, message: string, at: readonly PropertyKey[] = path): Fault => ({
    path: formatPath([...basePath, ...at]),
    message: STANDARD_MESSAGE.test(issue.message) ? message : issue.message,
    code,
  });
  switch (issue.code) {
    case "invalid_type":
      return [fault(...wrongType([issue]))];
    case "unrecognized_keys": {
      const known = knownFields(schemasAt(root, path));
      return issue.keys.map((key, index) =>
        fault("unknown_field", unknownFieldMessage(key, index < HINTED_FIELDS ? known : []), [...path, key]),
      );
    }
    case "invalid_value":
      return [fault(...wrongChoice(issue.values, issue.input))];
    case "too_big":
      return [
        fault(
          issue.origin === "string" || issue.origin === "array" ? "too_large" : "invalid_value",
          boundMessage(issue, "most", issue.maximum),
        ),
      ];
    case "too_small":
      return [fault("invalid_value", boundMessage(issue, "least", issue.minimum))];
    case "not_multiple_of":
      return [fault("invalid_value", `must be a multiple of ${issue.divisor}`)];
    case "invalid_format":
      return [fault("invalid_value", formatMessage(issue))];
    case "invalid_union":
      if ("options" in issue && issue.options !== undefined) return [fault(...wrongChoice(issue.options, undefined))];
      return faultsOfUnion(issue.errors, fault, (inner) => faultsOfIssue(inner, root, path, basePath));
    case "invalid_key":
      return [fault("invalid_value", `the key is not allowed: ${issue.issues.map((inner) => inner.message).join("; ")}`)];
    case "invalid_element":
      return issue.issues.flatMap((inner) => faultsOfIssue(inner, root, path, basePath));
    case "custom":
      return [fault("invalid_value", "is not valid")];
  }
}

/** @param issues the types that would have been right, at least one; what came is the same for all */
function wrongType(issues: readonly z.core.$ZodIssueInvalidType[]): [FaultCode, string] {
  const wanted = [...new Set(issues.map((issue) => TYPE_NAMES[issue.expected] ?? issue.expected))].join(" or ");
  // Zod drops the input from its issues, so what came is read from the message: its default locale ends it so.
  const received = /received (\S+)$/.exec(issues[0]?.message ?? "")?.[1];
  if (received === "undefined") return ["required", `is required (${wanted})`];
  return ["invalid_type", `must be ${wanted}${received === undefined ? "" : `, got ${TYPE_NAMES[received] ?? received}`}`];
}

function wrongChoice(values: readonly unknown[], input: unknown): [FaultCode, string] {
  const names = values.map((value) => JSON.stringify(value));
  const near =
    typeof input === "string"
      ? nearestName(
          input,
          values.filter((value) => typeof value === "string"),
        )
      : undefined;
  const hint = near === undefined ? "" : `; did you mean "${near}"?`;
  return ["invalid_value", (names.length === 1 ? `must be ${names[0]}` : `must be one of ${names.join(", ")}`) + hint];
}

function boundMessage(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall, word: "most" | "least", bound: number | bigint): string {
  const unit = issue.origin === "string" ? "character" : issue.origin === "array" ? "item" : undefined;
  if (unit !== undefined) return `must have ${issue.exact ? "exactly" : `at ${word}`} ${bound} ${unit}${Number(bound) === 1 ? "" : "s"}`;
  if (issue.inclusive === false) return `must be ${word === "most" ? "less" : "more"} than ${bound}`;
  return `must be at ${word} ${bound}`;
}

function formatMessage(issue: z.core.$ZodIssueInvalidStringFormat): string {
  if (issue.format === "regex") return `must match the pattern ${issue.pattern}`;
  return `must be a valid ${issue.format === "url" ? "URL" : issue.format}`;
}

/** The branch that came closest is the one whose faults lie deepest; where every branch refused the whole, the types wanted are listed. */
function faultsOfUnion(
  branches: readonly (readonly Issue[])[],
  fault: (code: FaultCode, message: string) => Fault,
  toFaults: (issue: Issue) => Fault[],
): Fault[] {
  const inside = branches.filter((issues) => !issues.some((issue) => issue.path.length === 0 && issue.code !== "unrecognized_keys"));
  const closest = inside.toSorted((a, b) => depthOf(b) - depthOf(a) || a.length - b.length)[0];
  if (closest !== undefined) return closest.flatMap(toFaults);
  const whole = branches.flat().filter((issue) => issue.path.length === 0);
  const types = whole.filter((issue) => issue.code === "invalid_type");
  return types.length === whole.length
    ? [fault(...wrongType(types))]
    : whole.filter((issue) => issue.code !== "invalid_type").flatMap(toFaults);
}

function depthOf(issues: readonly Issue[]): number {
  return issues.reduce((depth, issue) => Math.max(depth, issue.path.length), -Infinity); // too many for the arguments of one call
}

/** `unknown field "urll"; did you mean "url"?` */
function unknownFieldMessage(name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  return `unknown field "${name}"${near === undefined ? "" : `; did you mean "${near}"?`}`;
}

function knownFields(schemas: readonly Schema[]): string[] {
  return schemas.flatMap(({ _zod: { def } }) => (def.type === "object" ? Object.keys(def.shape) : []));
}

/** Every schema that may govern the value at `path`: one, or one for each branch of the unions on the way. */
function schemasAt(root: z.core.$ZodType, path: readonly PropertyKey[]): Schema[] {
  let level = unwrap(root as Schema);
  for (const step of path) level = level.flatMap((schema) => childOf(schema, step)).flatMap((schema) => unwrap(schema as Schema));
  return level;
}

function childOf({ _zod: { def } }: Schema, step: PropertyKey): z.core.$ZodType[] {
  switch (def.type) {
    case "object": {
      const child = def.shape[String(step)] ?? def.catchall;
      return child === undefined ? [] : [child];
    }
    case "array":
      return [def.element];
    case "record":
      return [def.valueType];
    case "tuple": {
      const child = def.items[Number(step)] ?? def.rest;
      return child == null ? [] : [child];
    }
    default:
      return [];
  }
}

/** Takes off what does not change the shape (optional, default, …) and opens unions. */
function unwrap(schema: Schema): Schema[] {
  const { def } = schema._zod;
  switch (def.type) {
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
    case "catch":
      return unwrap(def.innerType as Schema);
    case "lazy":
      return unwrap(def.getter() as Schema);
    case "pipe":
      return [...unwrap(def.in as Schema), ...unwrap(def.out as Schema)];
    case "union":
      return def.options.flatMap((option) => unwrap(option as Schema));
    case "intersection":
      return [...unwrap(def.left as Schema), ...unwrap(def.right as Schema)];
    default:
      return [schema];
  }
}
