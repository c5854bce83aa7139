/** Fields of Skyvern's that change nothing here: accepted, kept, returned, and named in a warning when they are set to something. */
import { z } from "zod";
import type { Fault } from "../error.ts";
import { formatPath, type Json, type JsonObject } from "../json.ts";

interface Mark {
  /** Skyvern's default: set to it, or to nothing (null, an empty list or object), the field is not worth a warning. */
  readonly fallback: Json;
  /** Whether it has an effect after all, by the fields beside it. */
  readonly unless: ((fields: JsonObject) => boolean) | undefined;
}
const marks = new WeakMap<z.ZodType, Mark>();

/** Marks such a field; null is always the same as leaving it out. */
export function unused<Schema extends z.ZodType>(
  schema: Schema,
  fallback: Json = null,
  description = "Kept; has no effect.",
  unless?: (fields: JsonObject) => boolean,
) {
  const field = schema.nullish().describe(description);
  marks.set(field, { fallback, unless });
  return field;
}

/**
 * One warning for each field of `value` that is set and has no effect.
 * @param schema of an object; its fields, not those inside them, are looked at
 */
export function warnOfUnused(schema: z.ZodType, value: JsonObject, basePath: readonly PropertyKey[]): Fault[] {
  return [...markedFieldsOf(schema)].flatMap(([field, { fallback, unless }]): Fault[] => {
    const set = Object.hasOwn(value, field) ? value[field]! : null;
    if (isNothing(set) || JSON.stringify(set) === JSON.stringify(fallback) || unless?.(value) === true) return [];
    return [{ path: formatPath([...basePath, field]), message: `"${field}" is kept and returned, and has no effect`, code: "no_effect" }];
  });
}

const markedFields = new WeakMap<z.ZodType, ReadonlyMap<string, Mark>>();

function markedFieldsOf(schema: z.ZodType): ReadonlyMap<string, Mark> {
  const known = markedFields.get(schema);
  if (known !== undefined) return known;
  const fields: [string, z.ZodType][] = schema instanceof z.ZodObject ? Object.entries(schema.shape) : [];
  const found = new Map(
    fields.flatMap(([field, type]) => {
      const mark = marks.get(type);
      return mark === undefined ? [] : [[field, mark] as const];
    }),
  );
  markedFields.set(schema, found);
  return found;
}

function isNothing(value: Json): boolean {
  return value === null || (typeof value === "object" && Object.keys(value).length === 0);
}
