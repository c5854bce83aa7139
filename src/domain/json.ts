import type { Fault } from "./error.ts";

/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Limits on what callers may send: a deeper value overflows the stack of `structuredClone`, and so of RPC and storage. */
export const JSON_LIMITS = { depth: 64, keys: 10_000 } as const;

const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

/** Is this an object, and not null or an array? */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `a.b[2]` from its steps. Keys that are not plain words are quoted: `a["x y"]`. */
export function formatPath(steps: readonly PropertyKey[]): string {
  let path = "";
  for (const step of steps) {
    if (typeof step === "number") path += `[${step}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(String(step))) path += path === "" ? String(step) : `.${String(step)}`;
    else path += `[${JSON.stringify(String(step))}]`;
  }
  return path;
}

/**
 * Checks a parsed value against the limits, without recursion (the value may be as deep as the parser let it).
 * @returns the faults, at most one for each kind of limit; empty when the value is acceptable
 */
export function checkJsonLimits(root: unknown): Fault[] {
  const stack: { value: unknown; path: PropertyKey[] }[] = [{ value: root, path: [] }];
  let keys = 0;
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { value, path } = item;
    if (typeof value !== "object" || value === null) continue;
    if (path.length >= JSON_LIMITS.depth) {
      return [{ path: formatPath(path.slice(0, 4)), message: `is nested more than ${JSON_LIMITS.depth} levels deep`, code: "too_deep" }];
    }
    const entries: [PropertyKey, unknown][] = Array.isArray(value)
      ? value.map((element, index) => [index, element])
      : Object.entries(value);
    keys += Array.isArray(value) ? 0 : entries.length;
    if (keys > JSON_LIMITS.keys) {
      return [{ path: "", message: `has more than ${JSON_LIMITS.keys} keys in all`, code: "too_large" }];
    }
    for (const [key, element] of entries) {
      if (FORBIDDEN_KEYS.has(String(key))) {
        return [{ path: formatPath([...path, key]), message: `the key "${String(key)}" is not allowed`, code: "invalid_value" }];
      }
      stack.push({ value: element, path: [...path, key] });
    }
  }
  return [];
}

/** Longer names are compared with none: the time grows with the square of their length. */
const MAX_COMPARED_LENGTH = 150;

/** The closest of `known` to `name` by edit distance, when it is close enough to be a slip. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > MAX_COMPARED_LENGTH) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's distance with swaps of neighbours (optimal string alignment); stops early at `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || b.length > MAX_COMPARED_LENGTH) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let value = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) value = Math.min(value, beforeLast[j - 2]! + 1);
      row.push(value);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}
