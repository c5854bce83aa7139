import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "./json.ts";
import {
  checkParameterDefinitions,
  PARAMETER_TYPES,
  resolveParameters,
  type ParameterDefinition,
  type ParameterType,
} from "./parameter.ts";

function define(type: ParameterType, more: Partial<ParameterDefinition> = {}): ParameterDefinition {
  return { parameter_type: "workflow", key: "p", workflow_parameter_type: type, ...more };
}

/** Converts one value as a run does: `refused`, `missing`, or what the run gets. */
function convert(type: ParameterType, value: Json, more: Partial<ParameterDefinition> = {}): Json | typeof refused | typeof missing {
  const result = resolveParameters([define(type, more)], { p: value });
  if (result.ok) return result.values.p!;
  expect(result.faults).toHaveLength(1);
  expect(result.faults[0]!.path).toBe("parameters.p");
  return result.faults[0]!.code === "required" ? missing : refused;
}
const refused = Symbol("refused");
const missing = Symbol("missing");

/** Skyvern's conversion table, every type by every kind of value. What a type has no row for is refused. */
const SAMPLES: readonly Json[] = [
  5, 5.7, -5.7, 0, 1, 1e300, 9007199254740993, true, false, "5", " 5 ", "+5", "-0", "5.5", "1e3", "inf", "nan", "0x10", "9007199254740993",
  "true", "False", "1", "0", "yes", "x", "", "  ", "null", '{"a":1}', "{a}", null, {}, { a: 1 }, { s3uri: "" }, { s3uri: "s3://b/k" }, [], [1, "z"],
]; // prettier-ignore

const TABLE: Record<ParameterType, readonly (readonly [Json, Json | typeof refused | typeof missing])[]> = {
  string: [
    [5, "5"], [5.7, "5.7"], [-5.7, "-5.7"], [0, "0"], [1, "1"], [1e300, "1e+300"], [9007199254740993, "9007199254740992"],
    [true, "True"], [false, "False"], ["5", "5"], [" 5 ", " 5 "], ["+5", "+5"], ["-0", "-0"], ["5.5", "5.5"], ["1e3", "1e3"], ["inf", "inf"],
    ["nan", "nan"], ["0x10", "0x10"], ["9007199254740993", "9007199254740993"], ["true", "true"], ["False", "False"], ["1", "1"], ["0", "0"],
    ["yes", "yes"], ["x", "x"], ["", ""], ["  ", "  "], ["null", "null"], ['{"a":1}', '{"a":1}'], ["{a}", "{a}"], [null, missing],
    [{}, "{}"], [{ a: 1 }, '{"a":1}'], [{ s3uri: "" }, '{"s3uri":""}'], [{ s3uri: "s3://b/k" }, '{"s3uri":"s3://b/k"}'], [[], "[]"], [[1, "z"], '[1,"z"]'],
  ],
  integer: [
    [5, 5], [5.7, 5], [-5.7, -5], [0, 0], [1, 1], [true, 1], [false, 0], ["5", 5], [" 5 ", 5], ["+5", 5], ["-0", 0], ["1", 1], ["0", 0],
    ["", missing], ["  ", missing], [null, missing],
  ],
  float: [
    [5, 5], [5.7, 5.7], [-5.7, -5.7], [0, 0], [1, 1], [1e300, 1e300], [9007199254740993, 9007199254740992], [true, 1], [false, 0], ["5", 5],
    [" 5 ", 5], ["+5", 5], ["-0", -0], ["5.5", 5.5], ["1e3", 1000], ["9007199254740993", 9007199254740992], ["1", 1], ["0", 0],
    ["", missing], ["  ", missing], [null, missing],
  ],
  boolean: [
    [true, true], [false, false], [1, true], [0, false], ["true", true], ["False", false], ["1", true], ["0", false],
    ["", missing], ["  ", missing], [null, missing],
  ],
  json: [
    ["5", 5], [" 5 ", 5], ["-0", -0], ["5.5", 5.5], ["1e3", 1000], ["9007199254740993", 9007199254740992], ["true", true], ["1", 1], ["0", 0],
    ["null", null], ['{"a":1}', { a: 1 }], [{}, {}], [{ a: 1 }, { a: 1 }], [{ s3uri: "" }, { s3uri: "" }], [{ s3uri: "s3://b/k" }, { s3uri: "s3://b/k" }],
    [[], []], [[1, "z"], [1, "z"]], ["", missing], ["  ", missing], [null, missing],
  ],
  file_url: [
    ...SAMPLES.map((value) => [value, value] as const),
    ["", missing], ["  ", missing], [{}, missing], [{ s3uri: "" }, missing], [null, missing],
  ],
  credential_id: SAMPLES.map((value) => [value, value] as const),
}; // prettier-ignore

describe("conversion of a run's values", () => {
  const cases = PARAMETER_TYPES.flatMap((type) =>
    SAMPLES.map((value) => {
      const rows = TABLE[type].filter(([input]) => Object.is(input, value) || JSON.stringify(input) === JSON.stringify(value));
      return [type, value, rows.length > 0 ? rows.at(-1)![1] : refused] as const;
    }),
  );
  it.each(cases)("%s from %j is %o", (type, value, expected) => {
    expect(convert(type, value)).toEqual(expected);
  });

  it("has no row in the table that no sample reaches", () => {
    const known = new Set(SAMPLES.map((value) => JSON.stringify(value)));
    expect(PARAMETER_TYPES.flatMap((type) => TABLE[type].filter(([input]) => !known.has(JSON.stringify(input))))).toEqual([]);
  });

  it("says what was wanted and what came", () => {
    const result = resolveParameters([define("integer")], { p: "5.5" });
    expect(result).toEqual({
      ok: false,
      faults: [{ path: "parameters.p", code: "invalid_type", message: 'must be a whole number such as 5 or "5", got the text "5.5"' }],
    });
  });
});

describe("defaults", () => {
  it.each([
    ["absent", {}],
    ["null", { p: null }],
  ])("fills in a default, converted, for a value that is %s", (_, values: JsonObject) => {
    expect(resolveParameters([define("integer", { default_value: "7" })], values)).toEqual({ ok: true, values: { p: 7 } });
  });

  it.each(["integer", "float", "boolean", "json"] as const)("fills in the default of a %s for an empty text", (type) => {
    expect(convert(type, "", { default_value: type === "json" ? {} : 1 })).toEqual({ integer: 1, float: 1, boolean: true, json: {} }[type]);
  });

  it("takes an empty text as the value of a string that has a default", () => {
    expect(convert("string", "", { default_value: "x" })).toBe("");
  });

  it("keeps a json default as it is: a text that looks like JSON stays a text", () => {
    expect(resolveParameters([define("json", { default_value: "5" })])).toEqual({ ok: true, values: { p: "5" } });
    expect(resolveParameters([define("json", { default_value: 5 })])).toEqual({ ok: true, values: { p: 5 } });
  });

  it("counts a null default, and an empty one of a file_url, as none", () => {
    expect(convert("string", null, { default_value: null })).toBe(missing);
    expect(convert("file_url", "", { default_value: "" })).toBe(missing);
  });

  it("lets a credential_id be left out", () => {
    expect(resolveParameters([define("credential_id")])).toEqual({ ok: true, values: { p: null } });
  });
});

describe("resolveParameters", () => {
  it("reports every fault at once", () => {
    const definitions = [define("integer", { key: "count" }), define("boolean", { key: "dry_run" }), define("string", { key: "sku" })];
    const result = resolveParameters(definitions, { count: "many", dry_run: "yes", skuu: "a" });
    expect(result.ok ? [] : result.faults.map(({ path, code }) => [path, code])).toEqual([
      ["parameters.count", "invalid_type"],
      ["parameters.dry_run", "invalid_type"],
      ["parameters.sku", "required"],
      ["parameters.skuu", "unknown_field"],
    ]);
  });

  it.each([
    [
      [define("string", { key: "customer", default_value: "" })],
      { custmer: 1 },
      'the workflow declares no parameter "custmer"; did you mean "customer"?',
    ],
    [[define("string", { key: "a", default_value: "" })], { zzzzzz: 1 }, 'the workflow declares no parameter "zzzzzz"; it declares a'],
    [[], { zzzzzz: 1 }, 'the workflow declares no parameter "zzzzzz"; it declares none'],
  ])("refuses a key that is not declared", (definitions, values: JsonObject, message) => {
    expect(resolveParameters(definitions, values)).toMatchObject({ ok: false, faults: [{ message }] });
  });

  it("does not take what every object inherits for a value", () => {
    const result = resolveParameters([define("string", { key: "toString" })], {});
    expect(result).toMatchObject({ ok: false, faults: [{ path: "parameters.toString", code: "required" }] });
  });
});

describe("checkParameterDefinitions", () => {
  const check = (...parameters: unknown[]) => checkParameterDefinitions(parameters, ["parameters"]);

  it("accepts every type with a default of that type", () => {
    const defaults: Record<ParameterType, ParameterDefinition["default_value"]> = {
      string: "a",
      integer: 1,
      float: 1.5,
      boolean: true,
      json: [],
      file_url: "",
      credential_id: "cred_1",
    };
    const parameters = PARAMETER_TYPES.map((type) => define(type, { key: type, default_value: defaults[type], description: null }));
    expect(check(...parameters)).toEqual({ parameters, faults: [] });
  });

  it.each([
    ["a default that does not convert", define("integer", { default_value: "x" }), "parameters[0].default_value", "invalid_type"],
    ["a key that is no identifier", define("string", { key: "first name" }), "parameters[0].key", "invalid_value"],
    ["a reserved key", define("string", { key: "current_value" }), "parameters[0].key", "invalid_value"],
    ["a key that reaches into objects", define("string", { key: "__proto__" }), "parameters[0].key", "invalid_value"],
    ["an unknown type", { ...define("string"), workflow_parameter_type: "text" }, "parameters[0].workflow_parameter_type", "invalid_value"],
    ["an unknown field", { ...define("string"), defaultvalue: 1 }, "parameters[0].defaultvalue", "unknown_field"],
    ["a kind that nobody knows", { ...define("string"), parameter_type: "workflw" }, "parameters[0].parameter_type", "invalid_value"],
    ["something that is no object", "p", "parameters[0]", "invalid_type"],
  ])("refuses %s", (_, parameter, path, code) => {
    expect(check(parameter).faults).toMatchObject([{ path, code }]);
  });

  it.each(["output", "context", "credential", "aws_secret", "onepassword"])("refuses Skyvern's %s parameters with one sentence", (kind) => {
    const { faults } = check({ parameter_type: kind, key: "k", source_parameter_key: "other" });
    expect(faults).toMatchObject([
      { path: "parameters[0].parameter_type", message: expect.stringMatching(`^the parameter type "${kind}" `) },
    ]);
  });

  it("refuses a key that is declared twice, and still finds what is wrong elsewhere", () => {
    const { parameters, faults } = check(define("string"), define("integer"), define("integer", { key: "n", default_value: "x" }));
    expect(faults.map(({ path, code }) => [path, code])).toEqual([
      ["parameters[1].key", "duplicate"],
      ["parameters[2].default_value", "invalid_type"],
    ]);
    expect(parameters.map(({ key }) => key)).toEqual(["p", "n"]);
  });
});
