/**
 * What expressions cost: `npm run bench:expressions`. First those that workflows are made of, in microseconds; then those that attack, in
 * milliseconds of CPU, the slowest first. No expression may take more than 50 ms; the steps that are counted (`EXPRESSION_LIMITS.steps`) are
 * chosen for that. Exits with 1 when one takes longer: run it on a quiet machine.
 */
import { evaluateExpression, ExpressionError, parseExpression } from "../../src/domain/expression.ts";
import { FILTERS } from "../../src/domain/expression/filters.ts";
import { METHOD_NAMES } from "../../src/domain/expression/methods.ts";
import type { Json } from "../../src/domain/json.ts";
import { ALLOWED, everyOperation, HOSTILE_VALUES, REFUSED } from "../../src/domain/testing/hostile-expressions.ts";
import { median, table, withSpread } from "./statistics.ts";

const ROUNDS = 5;
const CALLS = 2_000;
const MOST_MS = 50;

const VALUES: Readonly<Record<string, Json>> = {
  url: "https://shop.test",
  order: { id: 7, lines: Array.from({ length: 20 }, (_, index) => ({ id: index, sku: `sku-${index}`, price: index / 4 })) },
};
const USUAL = [
  "{{ order.id }}",
  "{{ order.lines }}",
  "{{ url }}/orders/{{ order.id }}?first={{ order.lines[0].sku }}",
  "{{ order.lines | map(attribute='sku') | join(', ') }}",
  "{{ order.lines | selectattr('price', 'gt', 2) | sum(attribute='price') | round(2) }}",
  "{% for line in order.lines %}{{ line.sku }}{% if not loop.last %}, {% endif %}{% endfor %}",
];

console.log(
  table([
    ["usual", "read anew, µs", "evaluate, µs"],
    ...USUAL.map((source) => {
      let variant = 0;
      const read = () => parseExpression(`${source}{# ${(variant += 1)} #}`); // a source that is not in the cache
      const evaluate = () => evaluateExpression(parseExpression(source), (name) => VALUES[name]);
      return [source.slice(0, 60), ...[read, evaluate].map((call) => withSpread(rounds(call)))];
    }),
  ]),
);

/** Microseconds of one call, for each round. */
function rounds(call: () => unknown): number[] {
  for (let index = 0; index < CALLS; index++) call();
  return Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    for (let index = 0; index < CALLS; index++) call();
    return ((performance.now() - start) / CALLS) * 1_000;
  });
}

// Each filter and each method that takes these arguments; the slowest go among the attacks, to be measured again.
const swept = [...everyOperation(FILTERS.keys(), METHOD_NAMES)]
  .map(([what, source]) => ({ what, source, ms: cpuMsOf(source) }))
  .toSorted((a, b) => b.ms - a.ms);
const attacks = [...REFUSED, ...ALLOWED, ...swept.slice(0, 20).map(({ what, source }) => [what, source] as const)]
  .map(([what, source], index) => {
    const samples = Array.from({ length: ROUNDS }, (_, round) => cpuMsOf(`${source}{# ${index} ${round} #}`));
    return { what, ms: median(samples), samples };
  })
  .toSorted((a, b) => b.ms - a.ms);
console.log(`\n${table([["attack", "CPU, ms"], ...attacks.slice(0, 15).map(({ what, samples }) => [what, withSpread(samples)])])}`);
console.log(`${swept.length + REFUSED.length + ALLOWED.length} attacks; the slowest takes ${attacks[0]?.ms.toFixed(1)} ms of ${MOST_MS}`);
if (attacks.some(({ ms }) => ms > MOST_MS)) process.exitCode = 1;

/** Reading and evaluating, with the garbage that it leaves. */
function cpuMsOf(source: string): number {
  const start = process.cpuUsage();
  try {
    evaluateExpression(parseExpression(source), (name) => HOSTILE_VALUES[name]);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}
