/** Jinja's tests: what may stand after `is`, or be named in `select`, `reject` and their kin. */
import { ExpressionError } from "./limits.ts";
import { operation, type Operation, type Operations } from "./operation.ts";
import {
  Callable,
  compare,
  contains,
  integer,
  isDict,
  isEqual,
  isFloat,
  isList,
  numberOf,
  toText,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./value.ts";

type Test = Operation<boolean>;

/** A test of the value alone. */
const is = (run: (value: Value) => boolean): Test => operation("", (value) => run(value));
const equal = operation<boolean>("other", (value, [other = null], { budget }) => isEqual(value, other, budget));
const unequal = operation<boolean>("other", (value, [other = null], { budget }) => !isEqual(value, other, budget));
const ordered = (holds: (order: number) => boolean): Test =>
  operation("other", (value, [other = null], { budget }) => holds(compare(value, other, budget)));
const [greater, greaterOrEqual] = [ordered((order) => order > 0), ordered((order) => order >= 0)];
const [less, lessOrEqual] = [ordered((order) => order < 0), ordered((order) => order <= 0)];
const cased = (convert: (value: string) => string, other: (value: string) => string): Test =>
  operation("", (value, _args, { budget }) => {
    const content = toText(value, budget);
    budget.spendText(content.length);
    return content === convert(content) && content !== other(content);
  });

const remainder = (value: Value, by: number): number => {
  if (value instanceof Undefined) throw undefinedError(value);
  const number = numberOf(value);
  if (number === null) throw new ExpressionError(`only a number can be divided, not ${typeName(value)}`);
  return Math.abs(number % by);
};

const divisor = (value: Value): number => {
  const number = integer(value, "the divisor");
  if (number === 0) throw new ExpressionError("divides by zero");
  return number;
};

/** Those that may be asked of what is not there. */
export const LENIENT_TESTS: ReadonlySet<string> = new Set(["defined", "undefined"]);

/** @param filters names of the filters, for the test of that name */
export function createTests(filters: { has(name: string): boolean }): Operations<boolean> {
  const names = new Set<string>();
  const tests: Operations<boolean> = new Map<string, Test>(
    Object.entries({
      boolean: is((value) => typeof value === "boolean"),
      callable: is((value) => value instanceof Callable),
      defined: is((value) => !(value instanceof Undefined)),
      divisibleby: operation("num", (value, [by = null]) => remainder(value, divisor(by)) === 0),
      eq: equal,
      equalto: equal,
      escaped: is(() => false),
      even: is((value) => remainder(value, 2) === 0),
      false: is((value) => value === false),
      filter: is((value) => typeof value === "string" && filters.has(value)),
      float: is(isFloat),
      ge: greaterOrEqual,
      greaterthan: greater,
      gt: greater,
      in: operation("seq", (value, [container = null], { budget }) => contains(container, value, budget)),
      integer: is((value) => typeof value === "number" && Number.isInteger(value)),
      iterable: is((value) => typeof value === "string" || isList(value) || isDict(value)),
      le: lessOrEqual,
      lessthan: less,
      lower: cased(
        (value) => value.toLowerCase(),
        (value) => value.toUpperCase(),
      ),
      lt: less,
      mapping: is(isDict),
      ne: unequal,
      none: is((value) => value === null),
      number: is((value) => numberOf(value) !== null),
      odd: is((value) => remainder(value, 2) === 1),
      sameas: operation("other", (value, [other = null]) => value === other),
      sequence: is((value) => typeof value === "string" || isList(value) || isDict(value)),
      string: is((value) => typeof value === "string"),
      test: is((value) => typeof value === "string" && names.has(value)),
      true: is((value) => value === true),
      undefined: is((value) => value instanceof Undefined),
      upper: cased(
        (value) => value.toUpperCase(),
        (value) => value.toLowerCase(),
      ),
      "==": equal,
      "!=": unequal,
      ">": greater,
      ">=": greaterOrEqual,
      "<": less,
      "<=": lessOrEqual,
    } satisfies Record<string, Test>),
  );
  for (const name of tests.keys()) names.add(name);
  return tests;
}
