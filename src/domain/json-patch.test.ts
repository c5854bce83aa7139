import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isJsonObject, type Json } from "./json.ts";
import { diffJson, type PatchOperation } from "./json-patch.ts";

/** RFC 6902, as a receiver of a patch would apply it; strict about what must exist. */
function applyPatch(document: Json, operations: readonly PatchOperation[]): Json {
  let result: unknown = structuredClone(document);
  for (const operation of operations) {
    const keys = operation.path
      .split("/")
      .slice(1)
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = keys.pop();
    if (last === undefined) {
      if (operation.op !== "replace") throw new Error(`${operation.op} of the whole document`);
      result = operation.value;
      continue;
    }
    const parent = keys.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], result);
    if (Array.isArray(parent)) {
      const index = Number(last);
      if (index > parent.length - (operation.op === "add" ? 0 : 1)) throw new Error(`no item at ${operation.path}`);
      if (operation.op === "remove") parent.splice(index, 1);
      else parent.splice(index, operation.op === "add" ? 0 : 1, operation.value);
    } else if (isJsonObject(parent)) {
      if (operation.op !== "add" && !Object.hasOwn(parent, last)) throw new Error(`nothing at ${operation.path}`);
      if (operation.op === "remove") delete (parent as Record<string, unknown>)[last];
      else Object.defineProperty(parent, last, { value: operation.value, writable: true, enumerable: true, configurable: true });
    } else throw new Error(`no place for ${operation.path}`);
  }
  return result as Json;
}

const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const block = fc.record({ label: fc.constantFrom("a", "b", "c", "d", "e~/f"), values: json });
const blocks = fc.array(block, { maxLength: 8 }).map((list) => JSON.parse(JSON.stringify(list)) as Json);

describe("diffJson", () => {
  it.each([
    ["any values", json],
    ["lists of blocks", blocks],
  ] as const)("turns one into the other: %s", (_what, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, arbitrary, (before, after) => {
        expect(applyPatch(before, diffJson(before, after))).toEqual(after);
      }),
      { numRuns: 2_000 },
    );
  });

  it("finds nothing between equal values", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(diffJson(value, structuredClone(value))).toEqual([]);
      }),
    );
  });

  it("says of a block that was put in between only that", () => {
    const [a, b, c] = ["a", "b", "c"].map((label) => ({ label, url: label }));
    expect(diffJson({ blocks: [a!, c!] }, { blocks: [a!, b!, c!] })).toEqual([{ op: "add", path: "/blocks/1", value: b }]);
  });

  it("follows a block that changed while others came and went", () => {
    const before = [{ label: "gone" }, { label: "kept", url: "x" }];
    const after = [{ label: "kept", url: "y" }, { label: "new" }];
    expect(diffJson(before, after)).toEqual([
      { op: "remove", path: "/0" },
      { op: "replace", path: "/0/url", value: "y" },
      { op: "add", path: "/1", value: { label: "new" } },
    ]);
  });

  it("escapes keys as JSON Pointers do", () => {
    expect(diffJson({ "a/b~c": 1 }, { "a/b~c": 2 })).toEqual([{ op: "replace", path: "/a~1b~0c", value: 2 }]);
  });

  it("compares very long lists by position, and is still exact", () => {
    const before = Array.from({ length: 1_500 }, (_, index) => index);
    const after = before.slice(1).concat(-1, -2);
    expect(applyPatch(before, diffJson(before, after))).toEqual(after);
  });
});
