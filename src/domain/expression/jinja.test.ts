import { describe, expect, it } from "vitest";
import { evaluateExpression, parseExpression } from "../expression.ts";
import type { Json } from "../json.ts";
import { FILTERS } from "./filters.ts";
import { CONTEXT, FILTER_CASES, METHOD_CASES, OPERATOR_CASES, TAG_CASES, TEST_CASES } from "../testing/jinja-cases.ts";
import { createTests } from "./tests.ts";

const evaluate = (source: string): Json => evaluateExpression(parseExpression(source), (name) => CONTEXT[name]);

describe("what Jinja does", () => {
  it.each(FILTER_CASES)("filters %s", (source, result) => {
    expect(evaluate(source)).toEqual(result);
  });

  it.each(TEST_CASES)("tests %s", (source, result) => {
    expect(evaluate(source)).toEqual(result);
  });

  it.each(METHOD_CASES)("calls %s", (source, result) => {
    expect(evaluate(source)).toEqual(result);
  });

  it.each(OPERATOR_CASES)("works out %s", (source, result) => {
    expect(evaluate(source)).toEqual(result);
  });

  it.each(TAG_CASES)("renders %s", (source, result) => {
    // Jinja writes True and False, in which JSON and every reader of JSON sees a fault.
    // Something stands before it, so that it is a text in any case.
    expect(evaluate(`:${source}`)).toBe(`:${result as string}`.replaceAll("True", "true").replaceAll("False", "false"));
  });

  it("has a case for every filter and every test", () => {
    const sources = [...FILTER_CASES, ...TEST_CASES].map(([source]) => source).join("\n");
    const elsewhere = new Set(["json", "tojson", "pprint"]);
    const unused = [...FILTERS.keys()].filter((name) => !elsewhere.has(name) && !new RegExp(`\\|${name}\\b`).test(sources));
    const signs = new Set(["==", "!=", ">", ">=", "<", "<="]);
    const untested = [...createTests(FILTERS).keys()].filter(
      (name) => !signs.has(name) && !new RegExp(`is (?:not )?${name}\\b`).test(sources),
    );
    expect({ unused, untested }).toEqual({ unused: [], untested: [] });
  });
});

describe("what is better than in Jinja, on purpose", () => {
  it.each<[string, Json]>([
    ["a {{ order.lines[0].tags }}", 'a ["x"]'],
    ["a {{ {'k': none, 'b': true} }}", 'a {"k": null, "b": true}'],
    ["a{{ none }}", "a"],
    ["{{ [1.0, 'é'] | tojson }}", '[1, "é"]'],
    ["{{ {'b': 1, 'a': 2} | tojson }}", '{"b": 1, "a": 2}'],
    ["{{ {'b': 1, 'a': [2]} | tojson(indent=2, sort_keys=true) }}", '{\n  "a": [\n    2\n  ],\n  "b": 1\n}'],
    ["{{ 'é' | tojson(ensure_ascii=true) }}", '"\\u00e9"'],
    ["{{ [1, {'a': 2}] | tojson(separators=(',', ':')) }}", '[1,{"a":2}]'],
    ["{{ {'a': 1} | pprint }}", '{\n  "a": 1\n}'],
    ["x{{ {'a': [1]} | json }}", 'x{"a":[1]}'],
    ["{{ {'items': 1}.items }}", 1],
    ["{{ {'items': 1}.items() | list }}", [["items", 1]]],
    ["{{ order | attr('id') }}", 7],
  ])("%s", (source, result) => {
    expect(evaluate(source)).toEqual(result);
  });
});
