import { REFUSED_FUNCTIONS } from "../src/domain/expression/calls.ts";
import { FILTERS, REFUSED_FILTERS } from "../src/domain/expression/filters.ts";
import { GLOBAL_NAMES } from "../src/domain/expression/globals.ts";
import { TESTS } from "../src/domain/expression/interpreter.ts";
import { EXPRESSION_LIMITS } from "../src/domain/expression/limits.ts";
import { METHODS } from "../src/domain/expression/methods.ts";
import type { Operations } from "../src/domain/expression/operation.ts";
import { LOOP_NAMES, SYSTEM_NAMES } from "../src/domain/workflow/names.ts";

/** `docs/expressions.md`: the lists are the code's own. */
export function expressionsPage(): string {
  const { sourceLength, nesting, operators, steps, stepsTogether, charactersPerStep, resultLength, range, depth } = EXPRESSION_LIMITS;
  return `# Expressions

<!-- Generated from src/domain/expression by \`npm run docs\`; do not edit. -->

Every text of a block may be an expression: [Jinja](https://jinja.palletsprojects.com/en/stable/templates/), as Skyvern has it. It is filled in
just before the block runs. What is in it is known when the workflow is saved: a name that nothing has defined, an unknown filter, test, function,
method or argument, and what cannot be read, are faults of the definition.

\`\`\`jinja
{{ order.lines }}                                            the list itself: a single {{ }} keeps its type
Order {{ order.id }} of {{ customer.name | default("nobody") }}  text
{% for line in order.lines if line.price > 10 %}{{ line.sku }}{{ ", " if not loop.last }}{% endfor %}
{{ order.lines | selectattr("price", "gt", 10) | map(attribute="sku") | join(", ") }}
\`\`\`

## Names

- Every parameter by its key; every block that has run by its label (\`login.status\`, \`login.output\`, and the fields of its output), and its output
  as \`<label>_output\`.
- In a loop: ${codes(LOOP_NAMES)}.
- Always: ${codes(SYSTEM_NAMES)}.

## Tags

\`{% if %}\` \`{% for %}\` (with \`else\`, \`if\`, \`recursive\` and all of \`loop\`) \`{% set %}\` (also as a block, with filters) \`{% with %}\` \`{% filter %}\`
\`{% macro %}\` \`{% call %}\` \`{% raw %}\` \`{# comments #}\`, and \`-\` beside a sign to take away white space. One newline at the end is dropped.
There are no other templates, so no \`include\`, \`import\`, \`extends\` or \`block\`.

## Filters

${signatures(FILTERS)}

Left out: ${refused(REFUSED_FILTERS)}

## Tests

${signatures(TESTS)}

## Functions

${codes(GLOBAL_NAMES)}. Left out: ${refused(REFUSED_FUNCTIONS)}

## Methods

Python's. Those that change a list or an object work on what the expression made itself; what it was given is the run's: take a \`.copy()\`.

- Texts: ${signatures(METHODS.text)}
- Lists: ${signatures(METHODS.list)}
- Objects: ${signatures(METHODS.object)}

## What is different from Jinja, on purpose

| here | Jinja and Skyvern |
| --- | --- |
| A list or an object in a text is JSON: \`[1, {"a": true}]\`; true is \`true\`, null is nothing | Python's words: \`[1, {'a': True}]\`, \`True\`, \`None\` |
| What is undefined is an error that names block, field and variable; \`is defined\` and \`default()\` may ask, at any depth | empty, or an error without a place |
| \`{{ a.items }}\` is the key of that name where there is one, \`{{ a.items() }}\` the method | the method, which hides the key |
| \`{{ x }}\` alone keeps the type of x; \`{{ x \\| json }}\` says the same | text, except with \`json\` in some fields |
| A result is data: braces in it mean nothing | the same |
| There is one kind of list: tuples and what filters give are lists, which have a length and positions | tuples, generators |
| \`tojson\` keeps the order of keys, and 3.0 is 3 | sorts them, unless it is told not to; 3.0 |
| \`escape\` escapes each time; \`safe\` changes nothing, because nothing is escaped by itself | remembers what is escaped |
| Whole numbers beyond 2^53 are refused, as they would lose digits | whole numbers of any size |
| A key of an object is a text: \`{1: 2}[1]\` and \`{1: 2}["1"]\` are the same | keys of any type |
| \`%\` and \`format\` refuse values that are left over, and divisions by zero say so | the same, in Python's words |
| \`indent\`, \`wordwrap\`, \`truncate\` take any value's text | texts only |
| \`wordwrap\` leaves no spaces at the end of a line | sometimes |

## Limits

| what | limit |
| --- | --- |
| an expression | ${count(sourceLength)} characters, ${nesting} brackets and blocks deep, ${count(operators)} operators in one tag |
| its work | ${count(steps)} steps; all expressions of a block together ${count(stepsTogether)} |
| a text that it makes | ${count(resultLength)} characters |
| a value that it makes | ${depth} levels |
| \`range()\` | ${count(range)} numbers |

A step is a node of the expression, an item of a list, or ${charactersPerStep} characters that are read or made, and it is counted before it is
done, so the same expression ends at the same place everywhere. \`npm run bench:expressions\` runs every filter and every method on large values
until the steps are used up: none may take more than 50 ms of CPU.
`;
}

function codes(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

/** Names with their arguments; those that may be left out have a question mark. */
function signatures(operations: Operations<unknown>): string {
  return [...operations]
    .map(([name, { parameters, required }]) => {
      if (parameters === null) return `\`${name}(…)\``;
      const shown = parameters.map((parameter, index) => (index < required ? parameter : `${parameter}?`));
      return shown.length === 0 ? `\`${name}\`` : `\`${name}(${shown.join(", ")})\``;
    })
    .join(" ");
}

function refused(reasons: ReadonlyMap<string, string>): string {
  return [...reasons].map(([name, reason]) => `\`${name}\` (${reason}).`).join(" ");
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}
