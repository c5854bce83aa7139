/** JSON Schemas (draft 2020-12) of zod schemas, for the OpenAPI document. */
import { z } from "zod";
import { isJsonObject, type Json, type JsonObject } from "../domain/json.ts";

/** Where a reference to a component begins. */
export const COMPONENTS = "#/components/schemas/";

/**
 * Converts schemas together, as what a caller may send: `z.strictObject` for what is closed. Those with a name (`.meta({ id })`) become
 * components.
 * @returns the schema of each, and the components that they refer to
 * @throws an Error for a recursive schema without a name
 */
export function toJsonSchemas(schemas: readonly z.ZodType[]): {
  schemaOf: (schema: z.ZodType) => JsonObject;
  components: Record<string, JsonObject>;
} {
  const unique = [...new Set(schemas)];
  const together = z.strictObject({ ...Object.fromEntries(unique.map((schema, index) => [index, schema])), any: z.json() });
  // An object's schema has properties, and those that have names are among its definitions.
  const { properties, $defs } = z.toJSONSchema(together, { io: "input", unrepresentable: "any" }) as unknown as {
    properties: Record<string, JsonObject>;
    $defs: Record<string, JsonObject>;
  };
  const shape = (name: string) => JSON.stringify($defs[name]).replaceAll(`"#/$defs/${name}"`, "");
  const anything = shape(refName(properties.any?.$ref));
  const isAlias = (name: string) => name.startsWith("__") && Object.keys($defs[name] ?? {}).join() === "$ref";
  /** The component that is meant; null for any JSON value. */
  const resolve = (name: string): string | null => {
    if (isAlias(name)) return resolve(refName($defs[name]?.$ref));
    if (!name.startsWith("__")) return name;
    if (shape(name) === anything) return null;
    throw new Error(`A recursive schema has no name: ${shape(name).slice(0, 300)}`);
  };
  const converted = new Map(unique.map((schema, index) => [schema, tidy(properties[index] ?? {}, resolve)]));
  const named = Object.entries($defs).filter(([name]) => resolve(name) === name);
  const components = Object.fromEntries(named.map(([name, schema]) => [name, tidy(schema, resolve)]));
  return {
    components,
    schemaOf: (schema) => {
      const found = converted.get(schema);
      if (found === undefined) throw new Error("A schema was not converted.");
      return found;
    },
  };
}

/** Leaves out what says nothing, and points references to the components. A reference to any JSON value is no restriction. */
function tidy(schema: JsonObject, resolve: (name: string) => string | null): JsonObject {
  const entries = Object.entries(schema).flatMap(([key, value]): [string, Json][] => {
    if (key === "$ref") {
      const component = resolve(refName(value));
      return component === null ? [] : [[key, COMPONENTS + component]];
    }
    if (key === "id" || key === "propertyNames") return [];
    if (key === "pattern" && typeof schema.format === "string") return []; // the format says it
    if ((key === "maximum" || key === "minimum") && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER) return [];
    if (key === "properties" && isJsonObject(value)) {
      return [[key, Object.fromEntries(Object.entries(value).map(([name, field]) => [name, tidyJson(field, resolve)]))]];
    }
    return [[key, key === "default" || key === "enum" || key === "const" ? value : tidyJson(value, resolve)]];
  });
  return Object.fromEntries(entries);
}

function tidyJson(value: Json, resolve: (name: string) => string | null): Json {
  if (Array.isArray(value)) return value.map((item: Json) => tidyJson(item, resolve));
  return isJsonObject(value) ? tidy(value, resolve) : value;
}

function refName(ref: Json | undefined): string {
  return typeof ref === "string" ? (ref.split("/").at(-1) ?? "") : "";
}
