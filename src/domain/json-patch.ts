import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/**
 * One step of a JSON Patch (RFC 6902). Written here, in the three operations that a comparison needs: the libraries for it compare lists by
 * position, so that one new block at the top of a workflow would read as a change of every block.
 */
export type PatchOperation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: Json }
  | { readonly op: "remove"; readonly path: string };

/** More pairs of items than this are compared by their positions. */
const MAX_ALIGNED_PAIRS = 1_000_000;

/** The steps that turn `before` into `after`, to be applied one after the other; none when they are equal. */
export function diffJson(before: Json, after: Json, path = ""): PatchOperation[] {
  if (isJsonObject(before) && isJsonObject(after)) return diffObjects(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) return diffLists(before as readonly Json[], after as readonly Json[], path);
  return before === after ? [] : [{ op: "replace", path, value: after }];
}

function diffObjects(before: JsonObject, after: JsonObject, path: string): PatchOperation[] {
  const at = (key: string) => `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return [
    ...removed.map((key): PatchOperation => ({ op: "remove", path: at(key) })),
    ...Object.entries(after).flatMap(([key, value]): PatchOperation[] =>
      Object.hasOwn(before, key) ? diffJson(before[key] ?? null, value, at(key)) : [{ op: "add", path: at(key), value }],
    ),
  ];
}

function diffLists(before: readonly Json[], after: readonly Json[], path: string): PatchOperation[] {
  const operations: PatchOperation[] = [];
  let index = 0; // in the list as it is after the steps so far
  for (const step of align(before.map(identityOf), after.map(identityOf))) {
    const at = `${path}/${index}`;
    const value = step.after === null ? null : (after[step.after] ?? null);
    if (step.after === null) operations.push({ op: "remove", path: at });
    else if (step.before === null) operations.push({ op: "add", path: at, value });
    else operations.push(...diffJson(before[step.before] ?? null, value, at));
    if (step.after !== null) index += 1;
  }
  return operations;
}

/** What makes two items of a list the same one, perhaps changed: a block's label, a parameter's key, else the whole value. */
function identityOf(item: Json): string {
  const name = isJsonObject(item) ? (item.label ?? item.key) : undefined;
  return typeof name === "string" ? `name ${name}` : JSON.stringify(item);
}

interface Step {
  /** Positions; null in one list for an item that only the other has. */
  readonly before: number | null;
  readonly after: number | null;
}

/** Pairs the items of a longest common subsequence; the others are removed or added. Items without a partner on both sides change in place. */
function align(before: readonly string[], after: readonly string[]): Step[] {
  const rows = before.length * after.length > MAX_ALIGNED_PAIRS ? null : commonLengths(before, after);
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const both = i < before.length && j < after.length;
    const [skipBefore, skipAfter] = [rows?.[i + 1]?.[j] ?? 0, rows?.[i]?.[j + 1] ?? 0];
    const inPlace = both && (before[i] === after[j] || rows === null || (rows[i]?.[j] ?? 0) === (rows[i + 1]?.[j + 1] ?? 0));
    if (inPlace) steps.push({ before: i++, after: j++ });
    else if (j >= after.length || (both && skipBefore >= skipAfter)) steps.push({ before: i++, after: null });
    else steps.push({ before: null, after: j++ });
  }
  return steps;
}

/** How long the longest common subsequence is of the ends of both lists that begin at `[i][j]`. */
function commonLengths(before: readonly string[], after: readonly string[]): Uint16Array[] {
  const rows = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const [row, next] = [rows[i]!, rows[i + 1]!];
      row[j] = before[i] === after[j] ? next[j + 1]! + 1 : Math.max(next[j]!, row[j + 1]!);
    }
  }
  return rows;
}
