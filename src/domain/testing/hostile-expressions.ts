/** Expressions that anyone may write into a workflow and that would take long, or fill the memory, if they were let. */
import { EXPRESSION_LIMITS } from "../expression/limits.ts";
import type { Json } from "../json.ts";

const LONG = "a".repeat(EXPRESSION_LIMITS.resultLength);
export const HOSTILE_VALUES: Readonly<Record<string, Json>> = {
  long: LONG,
  spaces: " ".repeat(500_000),
  tags: "<!--".repeat(200_000),
  angles: "<".repeat(500_000),
  mixed: "aB".repeat(250_000),
  words: "aB ".repeat(150_000),
  marks: "<&'!,".repeat(100_000),
  emoji: "😀".repeat(250_000),
  brackets: `${")".repeat(2_040)}x `.repeat(200),
  texts: Array.from({ length: 200 }, (_, index) => "aB".repeat(50_000) + index),
  /** 10 MB. */
  large: "b".repeat(10_000_000),
  rows: Array.from({ length: 100_000 }, (_, index) => ({ id: index, name: `row ${index}`, price: index / 7 })),
  many: Array.from({ length: 20_000 }, (_, index) => `${"x".repeat(50)}${(index * 7919) % 20_000}`),
  wide: Object.fromEntries(Array.from({ length: 9_000 }, (_, index) => [`k${index}`, index])),
};
/** Each is refused, when it is read or while it is evaluated. */
export const REFUSED: readonly (readonly [what: string, source: string])[] = [
  ["nested empty loops", "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}"],
  ["loops over one long list", "{% for i in range(1000) %}{% for j in many %}{{ j }}{% endfor %}{% endfor %}"],
  ["a text that doubles", "{% set n = namespace(q='ab') %}{% for i in range(99) %}{% set n.q = n.q ~ n.q %}{% endfor %}"],
  ["a list that doubles", "{% set n = namespace(q=[1]) %}{% for i in range(99) %}{% set n.q = n.q + n.q %}{% endfor %}"],
  ["a list of itself and itself", "{% set n = namespace(q=[1]) %}{% for i in range(50) %}{% set n.q = [n.q, n.q] %}{% endfor %}{{ n.q }}"],
  ["a list in itself", "{% set a = [] %}{% set _ = a.append(a) %}{{ a }}"],
  ["equality of lists of themselves", "{% set a, b = [], [] %}{% set _ = a.append(a) %}{% set _ = b.append(b) %}{{ a == b }}"],
  [
    "equality that branches",
    "{% set n = namespace(a=[1], b=[1]) %}{% for i in range(50) %}{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}{{ n.a == n.b }}",
  ],
  ["a range without end", "{{ range(10 ** 9) }}"],
  ["many ranges", "{% for i in range(1000) %}{% set x = range(10000) %}{% endfor %}"],
  ["a text times a number", "{{ 'x' * 10 ** 9 }}"],
  ["a list times a number", "{{ [0] * 10 ** 9 }}"],
  ["center", "{{ 'x' | center(10 ** 9) }}"],
  ["ljust", "{{ 'x'.ljust(10 ** 9) }}"],
  ["zfill", "{{ 'x'.zfill(10 ** 9) }}"],
  ["expandtabs", "{{ ('\t' * 1000).expandtabs(10 ** 6) }}"],
  ["indent", "{{ ('x\n' * 10000) | indent(1000) }}"],
  ["a percent format", "{{ '%1000000000d' | format(1) }}"],
  ["many percent formats", "{{ ('%100000d' * 1000) % ([1] * 1000) }}"],
  ["a brace format", "{{ '{:>1000000000}'.format(1) }}"],
  ["replace that multiplies", "{{ long | replace('a', 'bbbbbbbbbb') }}"],
  ["replace of nothing", "{{ long | replace('', 'bb') }}"],
  ["replace again and again", "{% for i in range(10000) %}{% set x = long | replace('a', 'b') %}{% endfor %}"],
  ["upper again and again", "{% for i in range(10000) %}{% set x = long | upper %}{% endfor %}"],
  ["join that multiplies", "{{ ['x'] * 10000 | join(long) }}"],
  ["join of one long text", "{{ ([long] * 1000) | join }}"],
  ["split into characters", "{{ long.split('a') }}"],
  ["a list of a long text", "{{ long | list }}"],
  ["comparisons of long texts", "{% for i in range(10000) %}{% set x = long == long ~ '' %}{% endfor %}"],
  ["sorting long texts", "{{ ([long ~ 'b', long] * 5000) | sort }}"],
  ["sorting a long list", "{{ many | sort }}"],
  ["sorting again and again", "{% for i in range(1000) %}{% set x = range(9000) | sort(reverse=true) %}{% endfor %}"],
  ["keys of a wide object", "{% for i in range(1000) %}{% set x = wide.items() %}{% endfor %}"],
  ["membership of a long list", "{% for i in range(1000) %}{% set x = 'z' in many %}{% endfor %}"],
  ["batches of much filling", "{{ [1] | batch(10 ** 9, 0) }}"],
  ["slices of nothing", "{{ [1] | slice(10 ** 9) }}"],
  ["a macro that calls itself", "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}"],
  ["a loop that calls itself", "{% for x in [[1]] recursive %}{{ loop([x, x]) }}{% endfor %}"],
  ["a list of nothing times a number", "{{ [[] * 10 ** 9, [] * 10 ** 9] + [0] * 10 ** 9 }}"],
  ["a percent format of a star", "{{ '%*d' % (1000000000, 1) }}"],
  ["digits of a format", "{{ '%.1000000000f' % 1 }}"],
  ["truncate with a long end", "{% for i in range(10000) %}{% set x = long | truncate(9, end=long) %}{% endfor %}"],
  ["wordwrap with a long separator", "{{ long[:100000] | wordwrap(1, wrapstring=long) }}"],
  ["wordwrap of single letters", "{{ long | wordwrap(1) }}"],
  ["tojson in a loop", "{% for i in range(1000) %}{{ many | tojson }}{% endfor %}"],
  ["tojson with deep indents", "{{ many | tojson(indent=1000000) }}{% for i in range(100) %}{{ many | tojson(indent=16) }}{% endfor %}"],
  ["slices in a loop", "{% for i in range(9999) %}{% set x = many[::-1] %}{% endfor %}"],
  ["slices of a text in a loop", "{% for i in range(9999) %}{% set x = long[::-1] %}{% endfor %}"],
  ["a chain of ranges", `{{ ${Array.from({ length: 60 }, () => "range(10000)").join(" + ")} }}`],
  ["maps in a loop", "{% for i in range(9999) %}{% set x = many | map('upper') | list %}{% endfor %}"],
  ["groups in a loop", "{% for i in range(9999) %}{% set x = many | groupby(0) %}{% endfor %}"],
  ["unique in a loop", "{% for i in range(9999) %}{% set x = many | unique | list %}{% endfor %}"],
  ["a large value as text", "a{{ large }}"],
  ["a large list as text", "a{{ rows }}"],
  ["folding long texts", "{{ texts | sort }}{{ (texts * 40) | unique | list }}"],
  ["a format of brackets", "{{ ('{' ~ '[' * 100000 ~ '}').format(1) }}"],
  ["a long name of a filter", "{{ [1] | map(long) | list }}"],
  ["many long texts in a list", "{{ [long] * 1000 }}"],
  ["ensuring ASCII", "{% for i in range(99) %}{% set x = emoji | tojson(ensure_ascii=true) %}{% endfor %}"],
  ["counting keys", "{% for i in range(9999) %}{% set x = wide | length %}{% endfor %}"],
  ["asking an object whether it is empty", "{% for i in range(9999) %}{% if not wide %}{% endif %}{% endfor %}"],
  ["a format with an object", "{% for i in range(9999) %}{% set x = 'a' % wide %}{% endfor %}"],
  ["many named arguments", "{% for i in range(9999) %}{% set x = dict(**wide) %}{% endfor %}"],
  ["many cycles", "{% set c = cycler(*many) %}{% for i in range(9999) %}{% set c = cycler(*many) %}{% endfor %}"],
  ["many sorted lists in one text", `{{ ${Array.from({ length: 900 }, () => "(many|sort)").join("~")} }}`],
  ["a power tower", "{{ 9 ** 9 ** 9 ** 9 }}"],
  ["deep brackets", `{{ ${"(".repeat(5_000)}1${")".repeat(5_000)} }}`],
  ["deep lists", `{{ ${"[".repeat(5_000)}${"]".repeat(5_000)} }}`],
  ["a chain of nots", `{{ ${"not ".repeat(8_000)}1 }}`],
  ["a chain of signs", `{{ ${"- ".repeat(15_000)}1 }}`],
  ["a chain of sums", `{{ 1${"+1".repeat(15_000)} }}`],
  ["a chain of filters", `{{ 1${"|abs".repeat(8_000)} }}`],
  ["a chain of members", `{{ wide${".a".repeat(15_000)} }}`],
  ["a chain of else", `{{ ${"1 if 0 else ".repeat(2_000)}1 }}`],
  ["deep blocks", `${"{% if 1 %}".repeat(100)}x${"{% endif %}".repeat(100)}`],
  ["a text that is not closed", `{{ '${"\\".repeat(30_001)} }}`],
  ["the way to a prototype", "{{ 'x'.constructor.constructor('return 1')() }}"],
  ["the prototype of an object", "{{ wide.__proto__.polluted }}"],
];

/** Much, and allowed: they are quick by themselves. */
export const ALLOWED: readonly (readonly [what: string, source: string])[] = [
  ["tags that do not end", "{{ tags | striptags | length }}"],
  ["angles that do not close", "{{ angles | striptags | length }}"],
  ["spaces to trim", "{{ (spaces ~ 'x' ~ spaces).strip() }}"],
  ["a long word to wrap", "{{ (long[:100000] | wordwrap(50)) | length }}"],
  ["a long word that is no address", "{{ (long[:500000] ~ '@') | urlize | length }}"],
  ["a large value as it is", "{{ rows }}"],
  ["a large text as it is", "{{ large }}"],
  ["a list of nothing, times a number", "{{ [] * 10 ** 9 }}"],
  ["a text of nothing, times a number", "{{ '' * 10 ** 9 }}"],
  ["a chain of else ifs", `{% if 0 %}${"{% elif 0 %}".repeat(2_000)}{% endif %}`],
];

/** Arguments to try: one of them suits every filter and every method. */
const ARGUMENTS = ["", "('a')", "(900000)", "('a', 'b')", "(attribute=0)", "('upper')"];
const LARGE = ["mixed", "words", "marks", "emoji", "brackets", "texts", "wide"];

/** Each filter and each method on each of the large values, again and again, until the steps are used up. */
export function* everyOperation(filters: Iterable<string>, methods: Iterable<string>): Generator<readonly [what: string, source: string]> {
  const uses = [
    ...Array.from(filters, (name) => (value: string, args: string) => `${value} | ${name}${args}`),
    ...Array.from(methods, (name) => (value: string, args: string) => `${value}.${name}${args === "" ? "()" : args}`),
  ];
  for (const value of LARGE)
    for (const use of uses)
      for (const args of ARGUMENTS) {
        const source = use(value, args);
        yield [source, `{% for i in range(9999) %}{% set x = ${source} %}{% endfor %}`];
      }
}
