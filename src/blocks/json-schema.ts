import { Validator } from "@cfworker/json-schema";
import { z } from "zod";
import { formatPath, isJsonObject, type Json } from "../domain/json.ts";

/** Where a schema holds other schemas: one, a list, or by name. What is elsewhere (`enum`, `const`, `default`) is data. */
const INNER = [
  "items",
  "additionalItems",
  "contains",
  "additionalProperties",
  "propertyNames",
  "not",
  "if",
  "then",
  "else",
  "unevaluatedItems",
  "unevaluatedProperties",
];
const INNER_LISTS = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
const INNER_MAPS = ["properties", "$defs", "definitions", "dependentSchemas"];

/** What would run somebody's regular expression, which can take for ever, or fetch something. */
const FORBIDDEN = ["pattern", "patternProperties"];

/** A JSON Schema that can be checked safely: no patterns, and references only into itself. */
export const jsonSchema = z.record(z.string(), z.json()).superRefine((schema, context) => {
  for (const { path, message } of schemaFaults(schema)) context.addIssue({ code: "custom", path, message });
});

/** What of a JSON Schema is not checked safely, with its path in it. */
export function schemaFaults(schema: Json, path: readonly PropertyKey[] = []): { path: PropertyKey[]; message: string }[] {
  if (!isJsonObject(schema)) return [];
  const faults = FORBIDDEN.filter((name) => schema[name] !== undefined).map((name) => ({
    path: [...path, name],
    message: "is not supported: a pattern can take for ever; use enum, format or minLength",
  }));
  if (typeof schema.$ref === "string" && !schema.$ref.startsWith("#"))
    faults.push({ path: [...path, "$ref"], message: "must begin with #: only the schema itself is looked into" });
  const inner = [
    ...INNER.map((name) => [schema[name] ?? null, [...path, name]] as const),
    ...INNER_LISTS.flatMap((name) =>
      Array.isArray(schema[name]) ? schema[name].map((item: Json, index) => [item, [...path, name, index]] as const) : [],
    ),
    ...INNER_MAPS.flatMap((name) => {
      const map = schema[name];
      return isJsonObject(map) ? Object.entries(map).map(([key, item]) => [item, [...path, name, key]] as const) : [];
    }),
  ];
  return [...faults, ...inner.flatMap(([item, at]) => schemaFaults(item, at))];
}

/** How many faults a message names. */
const NAMED_FAULTS = 5;

/** @returns what does not fit, in a sentence; null when it fits */
export function misfitOf(value: Json, schema: Record<string, Json>): string | null {
  const { valid, errors } = new Validator(schema, "2020-12", false).validate(value);
  if (valid) return null;
  // The library tells of a fault at every level above it too: the innermost say what it is.
  const innermost = errors.filter(
    ({ instanceLocation }) => !errors.some((other) => other.instanceLocation.startsWith(`${instanceLocation}/`)),
  );
  const named = innermost.slice(0, NAMED_FAULTS).map(({ instanceLocation, error }) => `${readable(instanceLocation)} ${error}`);
  const more = innermost.length > NAMED_FAULTS ? `, and ${innermost.length - NAMED_FAULTS} more` : "";
  return named.join(" ") + more;
}

/** `#/0/price` → `[0].price:` */
function readable(pointer: string): string {
  const steps = pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return steps.length === 0 ? "the value:" : `${formatPath(steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step)))}:`;
}
