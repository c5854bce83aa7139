import fc from "fast-check";
import { expect, it } from "vitest";
import { evaluateExpression, ExpressionError, parseExpression } from "../expression.ts";
import type { Json } from "../json.ts";
import { GLOBAL_NAMES } from "./globals.ts";
import { FILTERS } from "./filters.ts";
import { METHOD_NAMES } from "./methods.ts";
import { TESTS } from "./interpreter.ts";

const VALUES: Readonly<Record<string, Json>> = deepFreeze({
  a: [3, null, "x", [1.5, { k: "v" }], true],
  b: { items: [1, 2], k: null, "a key": "é😀", nested: { b: "B" } },
  c: "The quick-brown <b>fox</b>\n  jumps, 12.5% & %s {} 😀",
  d: -7.5,
  e: null,
});

const literal = fc.constantFrom(
  "0",
  "1",
  "-2",
  "3.5",
  "1e3",
  "''",
  "'%05.1f'",
  "'{:>4}'",
  "' a b '",
  "'k'",
  "none",
  "true",
  "[]",
  "{}",
  "(1, 2)",
);
const name = fc.constantFrom("a", "b", "c", "d", "e", "missing", "x", "loop", "range", "dict");
const { expression } = fc.letrec<{ expression: string; args: string }>((tie) => ({
  args: fc.oneof(
    { weight: 3, arbitrary: fc.constant("") },
    fc.array(tie("expression"), { maxLength: 3 }).map((items) => `(${items.join(", ")})`),
    tie("expression").map((value) => `(attribute=${value})`),
  ),
  expression: fc.oneof(
    { depthSize: "small", maxDepth: 4 },
    literal,
    name,
    fc
      .tuple(tie("expression"), fc.constantFrom(...FILTERS.keys()), tie("args"))
      .map(([value, filter, args]) => `${value} | ${filter}${args}`),
    fc.tuple(tie("expression"), fc.constantFrom(...TESTS.keys()), tie("args")).map(([value, test, args]) => `${value} is ${test}${args}`),
    fc
      .tuple(tie("expression"), fc.constantFrom(...METHOD_NAMES), tie("args"))
      .map(([value, method, args]) => `(${value}).${method}${args || "()"}`),
    fc.tuple(fc.constantFrom(...GLOBAL_NAMES), tie("args")).map(([global, args]) => `${global}${args}`),
    fc
      .tuple(
        tie("expression"),
        fc.constantFrom("+", "-", "*", "/", "//", "%", "**", "~", "==", "<", ">=", "in", "not in", "and", "or"),
        tie("expression"),
      )
      .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    fc.tuple(tie("expression"), tie("expression")).map(([value, key]) => `(${value})[${key}]`),
    fc.tuple(tie("expression"), tie("expression"), tie("expression")).map(([value, from, step]) => `(${value})[${from}::${step}]`),
    fc.array(tie("expression"), { maxLength: 3 }).map((items) => `[${items.join(", ")}]`),
    fc.tuple(tie("expression"), tie("expression")).map(([key, value]) => `{${key}: ${value}}`),
    fc.tuple(tie("expression"), tie("expression")).map(([value, test]) => `(${value} if ${test} else e)`),
  ),
}));
const template = fc.oneof(
  expression.map((inner) => `{{ ${inner} }}`),
  fc.tuple(expression, expression).map(([list, inner]) => `{% for x in ${list} %}{{ ${inner} }}{{ loop.index }}{% else %}none{% endfor %}`),
  fc.tuple(expression, expression).map(([value, inner]) => `{% set x = ${value} %}{% if x %}{{ ${inner} }}{% endif %}`),
  fc.tuple(expression, expression).map(([value, inner]) => `{% macro m(x=1) %}{{ ${inner} }}{% endmacro %}{{ m(${value}) }}{{ m() }}`),
);
const WORDS = [
  ..."{{ }} {% %} {# #} {%- -%} {{- -}} ( ) [ ] { } , : . | = == < ** // ~ + - * ' \" \\ \n for in if else elif endif endfor set endset".split(
    " ",
  ),
  ..."macro endmacro call endcall raw endraw filter endfilter with endwith is not and or recursive none x 1 2.5 upper loop".split(" "),
];
const soup = fc.array(fc.constantFrom(...WORDS), { maxLength: 40 }).map((words) => words.join(" "));

it("ends every expression with a JSON value or an ExpressionError, always the same, and changes nothing that it was given", () => {
  fc.assert(
    fc.property(fc.oneof({ weight: 6, arbitrary: template }, { weight: 2, arbitrary: soup }, fc.string()), (source) => {
      const first = attempt(source);
      expect(attempt(source)).toEqual(first);
      if ("value" in first) expect(JSON.parse(JSON.stringify(first.value))).toEqual(withoutNegativeZero(first.value));
    }),
    { numRuns: 5_000 },
  );
});

/** Throws what is no ExpressionError. Values are frozen, so that a change of one is a TypeError. */
function attempt(source: string): { value: Json } | { refusal: string } {
  try {
    return { value: evaluateExpression(parseExpression(source), (key) => VALUES[key]) };
  } catch (error) {
    if (error instanceof ExpressionError) return { refusal: error.message };
    throw error;
  }
}

function withoutNegativeZero(value: Json): Json {
  if (typeof value === "number") return value + 0;
  if (Array.isArray(value)) return value.map(withoutNegativeZero);
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutNegativeZero(item)]))
    : value;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const inner of Object.values(Object.freeze(value))) deepFreeze(inner);
  return value;
}
