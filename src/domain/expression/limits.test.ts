import { describe, expect, it } from "vitest";
import { evaluateExpression, ExpressionError, parseExpression } from "../expression.ts";
import type { Json } from "../json.ts";
import { ALLOWED, HOSTILE_VALUES, REFUSED } from "../testing/hostile-expressions.ts";
import { EXPRESSION_LIMITS } from "./limits.ts";

const evaluate = (source: string): Json => evaluateExpression(parseExpression(source), (name) => HOSTILE_VALUES[name]);

describe("the limits of expressions", () => {
  it.each(REFUSED)("refuse %s", (_what, source) => {
    expect(() => evaluate(source)).toThrow(ExpressionError);
  });

  it.each(ALLOWED)("let pass %s", (_what, source) => {
    expect(() => evaluate(source)).not.toThrow();
  });

  it("count work in steps, so that an expression ends at the same place everywhere", () => {
    const loop = (count: number) => `{% for i in range(${count}) %}{{ i }}{% endfor %}`;
    expect(() => evaluate(loop(5_000))).not.toThrow();
    expect(() => evaluate(`${loop(9_999)}${loop(9_999)}`)).toThrow(new ExpressionError(`takes more than ${EXPRESSION_LIMITS.steps} steps`));
  });
});

describe("values that are not the expression's own", () => {
  it("cannot be changed", () => {
    expect(() => evaluate("{{ many.append(1) }}")).toThrow(/cannot change a value that was not made in this expression/);
    expect(() => evaluate("{{ wide.update(a=1) }}")).toThrow(/cannot change/);
    expect(HOSTILE_VALUES.many).toHaveLength(20_000);
  });

  it("can be changed as a copy", () => {
    expect(evaluate("{% set c = wide.copy() %}{% set _ = c.update(k0=5) %}{{ c.k0 }}{{ wide.k0 }}")).toBe("50");
  });
});

describe("what is wrong is said when the expression is read", () => {
  it.each([
    ["{{ 1 | nofilter }}", "unknown filter 'nofilter'"],
    ["{{ 1 | uper }}", "unknown filter 'uper'; did you mean 'upper'?"],
    ["{{ 1 is odds }}", "unknown test 'odds'; did you mean 'odd'?"],
    ["{{ [1] | random }}", /^the filter 'random' is left out: a run that is repeated must come to the same result/],
    ["{{ 1.5 | round(digits=2) }}", "the filter 'round' has no argument 'digits'; it has precision, method"],
    ["{{ 1 | abs(2) }}", "the filter 'abs' takes no arguments"],
    ["{{ [1] | batch }}", "the filter 'batch' needs the argument 'linecount'"],
    ["{% filter nope %}x{% endfilter %}", "unknown filter 'nope'"],
    ["{% include 'x' %}", "is not a valid expression: {% include %} needs other templates, and there are none"],
    ["{% nope %}", "is not a valid expression: there is no tag {% nope %}"],
    ["{% if 1 %}x", "is not a valid expression: a block is not closed; write {% endif %}"],
    ["{{ name.uper() }}", "there is no method .uper(); did you mean 'upper'?"],
    ["{{ order.lines[0].sku.strp().lower() }}", "there is no method .strp(); did you mean 'strip'?"],
    ["{{ rnge(3) }}", "there is no function rnge(); did you mean 'range'?"],
    ["{{ now() }}", /^there is no function now\(\): an expression has no clock/],
    ["{{ lipsum(3) }}", /^there is no function lipsum\(\): its text is another one each time/],
    ["{{ 1 + }}", "is not a valid expression: a value is expected, not }}"],
    ["{{ 'x }}", "is not a valid expression: a text is not closed; write '"],
    ["{{ 1", "is not a valid expression: it ends too early; is a {{ left open?"],
    ["{{ a ? b }}", "is not a valid expression: '?' means nothing here"],
  ])("%s", (source, message) => {
    expect(() => parseExpression(source)).toThrow(typeof message === "string" ? new ExpressionError(message) : message);
  });

  it.each([
    ["{{ [3] | map('uper') | list }}", "unknown filter 'uper'"],
    ["{{ 'a' + 1 }}", "cannot work out a text + a number; ~ joins values as texts"],
    ["{{ 1 / 0 }}", "divides by zero"],
    ["{{ [1, 'a'] | sort }}", /^cannot compare/],
    ["{{ [{'a': 1}, {}] | sum(attribute='a') }}", /is undefined|needs a number/],
    ["{{ [] | first }}", "'first of an empty list' is undefined"],
    ["{{ 2 ** 60 }}", /would lose digits/],
    ["{{ 5() }}", "'5' is a number and cannot be called"],
    ["{% set a = 'a' %}{{ a.nope() }}", "'a.nope' is undefined, so it cannot be called"],
    ["{{ long.items() }}", "'long.items' is undefined, so it cannot be called"],
  ])("and when it is evaluated: %s", (source, message) => {
    expect(() => evaluate(source)).toThrow(typeof message === "string" ? new ExpressionError(message) : message);
  });
});
