import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../json.ts";
import {
  checkParameterDefinitions,
  PARAMETER_TYPES,
  resolveParameters,
  contextValue,
  type InputParameter,
  resolveNames,
  sourceOf,
  type ParameterType,
} from "./parameter.ts";

function define(type: ParameterType, more: Partial<InputParameter> = {}): InputParameter {
  return { parameter_type: "workflow", key: "p", workflow_parameter_type: type, ...more };
}

/** Converts one value as a run does: `refused`, `missing`, or what the run gets. */
function convert(type: ParameterType, value: Json, more: Partial<InputParameter> = {}): Json | typeof refused | typeof missing {
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
    const defaults: Record<ParameterType, InputParameter["default_value"]> = {
      string: "a",
      integer: 1,
      float: 1.5,
      boolean: true,
      json: [],
      file_url: "",
      credential_id: "cred_1",
    };
    const parameters = PARAMETER_TYPES.map((type) => define(type, { key: type, default_value: defaults[type], description: null }));
    expect(check(...parameters)).toEqual({ parameters, faults: [], warnings: [] });
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

  it.each([
    ["aws_secret", "secret"],
    ["azure_secret", "secret"],
    ["azure_vault_credential", "password"],
    ["bitwarden_login_credential", "password"],
    ["bitwarden_sensitive_information", "secret"],
    ["bitwarden_credit_card_data", "credit_card"],
    ["onepassword", "password"],
  ])("refuses Skyvern's %s parameters, and names the credential of the type %s to use instead", (kind, type) => {
    const { faults } = check({ parameter_type: kind, key: "k", vault_id: "v", item_id: "i" });
    expect(faults).toEqual([
      { path: "parameters[0].parameter_type", code: "invalid_value", message: expect.stringContaining(`credential_type "${type}"`) },
    ]);
    expect(faults[0]!.message).toMatch(`the parameter type "${kind}" is not supported`);
  });

  it("says of output parameters, which Skyvern lists when it shows a workflow, to leave them out", () => {
    const { faults } = check({ parameter_type: "output", key: "first_output", output_parameter_id: "op_1" });
    expect(faults).toMatchObject([{ path: "parameters[0].parameter_type", message: expect.stringContaining("leave them out") }]);
  });

  it("accepts a credential that the workflow names, and warns of what has no effect", () => {
    const plain = { parameter_type: "credential", key: "login", credential_id: "cred_1" };
    expect(check(plain)).toEqual({ parameters: [plain], faults: [], warnings: [] });
    const several = {
      parameter_type: "credential",
      key: "login",
      credential_ids: ["cred_1", "cred_2"],
      selection_strategy: "random",
      fallback_credential_ids: ["cred_3"],
      fallback_trigger: "failure",
    };
    const { faults, warnings } = check(several);
    expect(faults).toEqual([]);
    expect(warnings.map(({ path }) => path)).toEqual([
      "parameters[0].credential_ids",
      "parameters[0].selection_strategy",
      "parameters[0].fallback_credential_ids",
      "parameters[0].fallback_trigger",
    ]);
    expect(warnings[0]!.message).toContain("runs use cred_1");
  });

  it("refuses a credential parameter that names none", () => {
    expect(check({ parameter_type: "credential", key: "login", credential_ids: [] }).faults).toMatchObject([
      { path: "parameters[0].credential_id", code: "required" },
    ]);
  });

  it("takes no values from a run for credential and context parameters", () => {
    const { parameters } = check(
      { parameter_type: "credential", key: "login", credential_id: "cred_1" },
      { parameter_type: "context", key: "name", source_parameter_key: "login" },
    );
    expect(resolveParameters(parameters, {})).toEqual({ ok: true, values: {} });
    expect(resolveParameters(parameters, { login: "cred_2" })).toMatchObject({
      ok: false,
      faults: [{ path: "parameters.login", code: "unknown_field" }],
    });
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

describe("context parameters", () => {
  const from = (key: string, source_parameter_key: string) => ({ parameter_type: "context" as const, key, source_parameter_key });
  const names = (...parameters: Parameters<typeof resolveNames>[0]) =>
    resolveNames(parameters, new Set(["read_output"]), (key) => `at ${key}`);

  it("read a parameter, an output, or another context parameter", () => {
    const found = names(define("json", { key: "customer" }), from("name", "customer"), from("first", "name"), from("page", "read_output"));
    expect(found.faults).toEqual([]);
    expect(["first", "name", "page", "customer", "else"].map((name) => sourceOf(name, found))).toEqual([
      "customer",
      "customer",
      "read_output",
      "customer",
      "else",
    ]);
  });

  it("stand for the credential that their source names", () => {
    const { credentials, sources } = names(define("credential_id", { key: "account" }), from("login", "account"), from("again", "login"));
    expect([...credentials]).toEqual([
      ["account", "account"],
      ["login", "account"],
      ["again", "account"],
    ]);
    expect(sources.size).toBe(0);
  });

  it("are refused without a source that exists, and in a circle", () => {
    expect(names(define("json", { key: "customer" }), from("x", "custmer"), from("a", "b"), from("b", "a")).faults).toMatchObject([
      { path: "at x.source_parameter_key", code: "undefined_name", message: expect.stringContaining('did you mean "customer"?') },
      { path: "at a.source_parameter_key", code: "cycle", message: expect.stringContaining("a → b → a") },
      { path: "at b.source_parameter_key", code: "cycle" },
    ]);
  });

  it.each<[Json, Json]>([
    [{ name: "Ann", age: 4 }, "Ann"],
    [{ age: 4 }, { age: 4 }],
    ["Ann", "Ann"],
    [["name"], ["name"]],
    [null, null],
  ])("have of %j the value %j", (source, value) => {
    expect(contextValue("name", source)).toEqual(value);
  });
});
