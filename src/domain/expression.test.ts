import { describe, expect, it } from "vitest";
import { evaluateExpression, ExpressionError, fillIn, findExpressions, isFalse, parseExpression } from "./expression.ts";
import { EXPRESSION_LIMITS } from "./expression/limits.ts";
import type { Json } from "./json.ts";

const values: Record<string, Json> = {
  order: {
    id: 7,
    lines: [
      { sku: "A", price: 1.5 },
      { sku: "B", price: 2 },
    ],
    note: null,
    items: "reachable",
  },
  name: "Ada",
  nothing: null,
  list: [3, 1, 2],
  yes: true,
  hostile: "{{ name }}",
};
const scope = (name: string): Json | undefined => values[name];
const evaluate = (source: string): Json => evaluateExpression(parseExpression(source), scope);

describe("evaluateExpression", () => {
  it.each<[string, Json]>([
    ["{{ order }}", values.order!],
    ["{{ order.id + 1 }}", 8],
    ["{{ list }}", [3, 1, 2]],
    ["{{ yes }}", true],
    ["{{ order.note }}", null],
    ["{{ list | json }}", [3, 1, 2]],
  ])("keeps the type of the single expression %s", (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  it.each<[string, string]>([
    ["Order {{ order.id }} of {{ name }}", "Order 7 of Ada"],
    ["{{ list }}!", "[3, 1, 2]!"],
    ["[{{ order.note }}]", "[]"],
    ["{{ list | tojson }}", "[3, 1, 2]"],
    ["as {{ order.lines | json }}", 'as [{"sku":"A","price":1.5},{"sku":"B","price":2}]'],
    ["{% for line in order.lines %}{{ line.sku }}{% if not loop.last %}, {% endif %}{% endfor %}", "A, B"],
    [
      "{% set total = namespace(v=0) %}{% for line in order.lines %}{% set total.v = total.v + line.price %}{% endfor %}{{ total.v }}",
      "3.5",
    ],
    ["{{ name }}\n", "Ada"],
  ])("makes text of %s", (source, expected) => {
    expect(evaluate(source)).toBe(expected);
  });

  it("takes a name whose value is null for what it is", () => {
    expect(evaluate("{{ nothing }}")).toBe(null);
    expect(evaluate("{{ nothing is none and nothing is defined and not nothing }}")).toBe(true);
    expect(evaluate("{{ 1 if nothing else 2 }}")).toBe(2);
  });

  it("takes a value before a function of the same name", () => {
    expect(evaluateExpression(parseExpression("{{ dict }}"), (name) => (name === "dict" ? null : undefined))).toBe(null);
  });

  it("reaches a key that has the name of a method", () => {
    expect(evaluate("{{ order.items }}")).toBe("reachable");
  });

  it.each([
    ["{{ nobody }}", "'nobody' is undefined"],
    ["Dear {{ order.nmae }}", "'order.nmae' is undefined"],
    ["{{ order.lines[5].sku }}", "'order.lines[5]' is undefined"],
    ["{{ order['x'].y }}", `'order["x"]' is undefined`],
    ["{% if nobody %}a{% endif %}", "'nobody' is undefined"],
  ])("says what is undefined in %s", (source, message) => {
    expect(() => evaluate(source)).toThrow(new ExpressionError(message));
  });

  it("lets an expression ask whether a value is there", () => {
    expect(evaluate("{{ nobody is defined }}")).toBe(false);
    expect(evaluate("{{ order.nmae.first | default('none') }}")).toBe("none");
  });

  it("does not evaluate what it gives a second time", () => {
    expect(evaluate("{{ hostile }}")).toBe("{{ name }}");
    expect(evaluate("x {{ hostile }}")).toBe("x {{ name }}");
  });

  it.each([
    ["a range without end", "{{ range(10 ** 9) }}"],
    ["a large range", "{{ range(99999999) | length }}"],
    ["nested empty loops", "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}"],
    ["a text that doubles", "{% set ns = namespace(q='aaaaaaaaaa') %}{% for i in range(99) %}{% set ns.q = ns.q ~ ns.q %}{% endfor %}"],
    ["deep brackets", `{{ ${"(".repeat(5_000)}1${")".repeat(5_000)} }}`],
    ["deep blocks", `${"{% if yes %}".repeat(100)}x${"{% endif %}".repeat(100)}`],
    ["a long source", `{{ name }}${"x".repeat(EXPRESSION_LIMITS.sourceLength)}`],
    ["the way to a prototype", "{{ name.constructor.constructor('return 1')() }}"],
    ["a chain of nots", `{{ ${"not ".repeat(9_000)}yes }}`],
  ])("refuses %s", (_what, source) => {
    expect(() => evaluate(source)).toThrow(ExpressionError);
  });

  it.each(["{{", "{{ 1 + }}", "{% if yes %}", "{{ name | }}"])("says that %s cannot be read", (source) => {
    expect(() => parseExpression(source)).toThrow(/not a valid expression/);
  });
});

describe("parseExpression", () => {
  it.each<[string, string[]]>([
    ["{{ a.b + c[d] }}", ["a", "c", "d"]],
    ["{% for x in xs if x.ok %}{{ x }}{{ y }}{% endfor %}", ["xs", "y"]],
    ["{% set t = a %}{{ t }}", ["a"]],
    ["{{ a | default(b) | join(',') }}", ["a", "b"]],
    ["{% macro m(p, q=z) %}{{ p }}{{ q }}{{ w }}{% endmacro %}{{ m(v) }}", ["z", "w", "v"]],
    ["{{ {'k': a} }}{{ [b, true, none] }}", ["a", "b"]],
    ["{% macro m() %}{{ n() }}{% endmacro %}{% macro n() %}{{ a }}{% endmacro %}{{ m() }}", ["a"]],
    ["{{ a is defined }}", ["a"]],
  ])("knows the names that %s needs", (source, names) => {
    expect(parseExpression(source).names).toEqual(names);
  });
});

describe("fillIn", () => {
  it("fills in texts at any depth and leaves the rest", () => {
    expect(fillIn({ a: ["{{ name }}", 1, null], b: { c: "plain", d: "{{ list }}" } }, scope)).toEqual({
      a: ["Ada", 1, null],
      b: { c: "plain", d: [3, 1, 2] },
    });
  });

  it("bounds the work of all expressions together", () => {
    const loop = "{% for i in range(9000) %}{{ i }}{% endfor %}";
    expect(() => fillIn([loop, loop], scope)).not.toThrow();
    expect(() =>
      fillIn(
        Array.from({ length: 20 }, () => loop),
        scope,
      ),
    ).toThrow(/^\[\d\]: takes more than 150000 steps/);
  });

  it("names the field in which an expression fails", () => {
    expect(() => fillIn({ a: [{ b: "{{ nobody }}" }] }, scope)).toThrow("a[0].b: 'nobody' is undefined");
  });
});

it("findExpressions gives each expression with its path", () => {
  expect([...findExpressions({ a: ["x", "{{ y }}"], b: "{% if z %}{% endif %}" }, ["root"])]).toEqual([
    { source: "{{ y }}", path: ["root", "a", 1] },
    { source: "{% if z %}{% endif %}", path: ["root", "b"] },
  ]);
});

it.each<[Json, boolean]>([
  ["", true], ["False", true], [" no ", true], ["off", true], ["0", true], ["None", true], [0, true], [null, true], [false, true], [[], true], [{}, true],
  ["x", false], ["1", false], [1, false], [true, false], [[0], false], [{ a: null }, false],
])("isFalse reads %j as %s", (value, expected) => {
  expect(isFalse(value)).toBe(expected);
}); // prettier-ignore
