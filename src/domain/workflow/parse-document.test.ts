import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatPath } from "../json.ts";
import { parseJson, parseYaml, type ParsedDocument } from "./parse-document.ts";

function faultsOf(parsed: ParsedDocument) {
  if (parsed.ok) throw new Error("was read");
  return parsed.faults;
}

describe("parseJson", () => {
  it.each([
    ["", "line 1, column 1: expected a value, the text ends"],
    ["{", 'line 1, column 2: expected a name in double quotes or "}", the text ends'],
    ['{"a": x}', 'line 1, column 7: expected a value, found "x"'],
    ['{"a": 1,}', 'line 1, column 9: expected a name in double quotes, found "}"'],
    ['{"a": 1\n "b": 2}', 'line 2, column 2: expected "," or "}", found "\\""'],
    ["[1, 2", 'line 1, column 6: expected "," or "]", the text ends'],
    ["[1,]", 'line 1, column 4: expected a value, found "]"'],
    ['{"a" 1}', 'line 1, column 6: expected ":", found "1"'],
    ["{a: 1}", 'line 1, column 2: expected a name in double quotes or "}", found "a"'],
    ["[01]", 'line 1, column 2: expected a value or "]", found "0"'],
    ['"abc', 'line 1, column 5: expected a closing ", the text ends'],
    ['"a\nb"', 'line 1, column 3: expected an escape such as \\n (a string may not hold a control character), found "\\n"'],
    ['"a\\x"', 'line 1, column 3: expected an escape such as \\n or \\u00e9, found "\\\\"'],
    ["{} {}", 'line 1, column 4: expected the end of the text, found "{"'],
  ])("says where %j stops being JSON", (text, message) => {
    expect(faultsOf(parseJson(text))).toEqual([{ path: "", code: "malformed", message: `is not valid JSON: ${message}` }]);
  });

  it("finds the place of a character that does not belong, or the number, word or escape that it spoils", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.nat(), (json, at) => {
        const cut = at % (json.length + 1);
        const parsed = parseJson(`${json.slice(0, cut)}!${json.slice(cut)}`);
        if (parsed.ok || parsed.faults[0]!.code !== "malformed") return; // it stands in a string
        const column = Number(/line 1, column (\d+)/.exec(parsed.faults[0]!.message)?.[1]);
        expect(column).toBeLessThanOrEqual(cut + 1);
        expect(json.slice(column - 1, cut)).toMatch(/^(\\u?[\da-f]*|[\w.+-]*)$/i);
      }),
    );
  });

  it("refuses more than 64 levels", () => {
    expect(faultsOf(parseJson("[".repeat(65) + "]".repeat(65)))).toMatchObject([{ code: "too_deep" }]);
    expect(parseJson("[".repeat(64) + "]".repeat(64)).ok).toBe(true);
  });
});

describe("parseYaml", () => {
  it("reads what JSON can say", () => {
    expect(parseYaml("a: [1, 2.5, yes, null]\nb: {c: 'x'}\nd: 2026-01-02\n")).toMatchObject({
      ok: true,
      value: { a: [1, 2.5, "yes", null], b: { c: "x" }, d: "2026-01-02" },
    });
  });

  it.each([
    ["a bad indent", "a:\n  - b\n c: 1\n", /^is not valid YAML at line 3, column \d+: /],
    ["a key that stands twice", "a: 1\na: 2\n", /^is not valid YAML at line 2, column 1: the key "a" stands there already$/],
    ["an unknown tag", "a: !secret x\n", /^is not valid YAML at line 1, column 4: Unresolved tag/],
    ["a second document", "a: 1\n---\nb: 2\n", /^is not valid YAML at line 2, column 1: /],
    ["a number that JSON does not have", "a: 1\nb: .inf\n", /^is not valid YAML at line 2, column 4: a number must be finite$/],
    ["a key that is a list", "? [a]\n: 1\n", /^is not valid YAML at line 1, column 3: a key must be a plain value$/],
    ["aliases that multiply", `a: &a [x]\nb: [${"*a, ".repeat(101)}]\n`, /aliases/],
  ])("refuses %s", (_, text, message) => {
    expect(faultsOf(parseYaml(text))[0]).toEqual({ path: "", code: "malformed", message: expect.stringMatching(message) });
  });

  it.each([64 + 1, 50_000])("refuses %i levels", (depth) => {
    expect(faultsOf(parseYaml("[".repeat(depth) + "]".repeat(depth)))).toMatchObject([{ code: "too_deep" }]);
  });

  it("refuses more text than can be read quickly, and says what to do", () => {
    expect(faultsOf(parseYaml(`a: ${"x".repeat(262_144)}`))).toMatchObject([
      { code: "too_large", message: expect.stringContaining("as JSON") },
    ]);
  });

  it("tells at most ten faults of one text", () => {
    expect(faultsOf(parseYaml("a: ]\n".repeat(100)))).toHaveLength(10);
  });

  it.each([
    ["a field, at its key", "blocks[1].url", "line 4, column 5"],
    ["an item, at its beginning", "blocks[0]", "line 2, column 5"],
    ["what is missing, at what should hold it", "blocks[0].url", "line 2, column 5"],
    ["a quoted key", formatPath(["odd key", "x"]), "line 5, column 13"],
    ["the whole", "", "line 1, column 1"],
  ])("locates %s", (_, path, place) => {
    const parsed = parseYaml('blocks:\n  - label: a\n  - label: b\n    url: 5\n"odd key": {x: 1}\n');
    if (!parsed.ok) throw new Error(parsed.faults[0]!.message);
    const [fault] = parsed.locate([{ path, message: "is wrong", code: "invalid_value" }]);
    expect(fault!.message).toBe(`is wrong (${place})`);
  });
});
