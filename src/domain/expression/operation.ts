import { nearestName } from "../json.ts";
import type { ArgumentNodes } from "./ast.ts";
import { type Budget, ExpressionError } from "./limits.ts";
import type { Arguments, Owned, Value } from "./value.ts";

/** What filters, tests and methods may use of the interpreter. */
export interface Runtime {
  readonly budget: Budget;
  readonly owned: Owned;
  applyFilter(name: string, value: Value, args: Arguments): Value;
  applyTest(name: string, value: Value, args: Arguments): boolean;
}

/** A filter, a test or a method: a function of a value and its arguments. */
export interface Operation<Result> {
  /** Names of the arguments, in their order; null when any are taken. */
  readonly parameters: readonly string[] | null;
  /** How many of them must be given. */
  readonly required: number;
  run(value: Value, args: Arguments, runtime: Runtime): Result;
}

/** Arguments in the order of the parameters; undefined for those that are not given. */
type Bound = readonly (Value | undefined)[];

/** @param signature the parameters, those that may be left out with a `?`: `"length? end?"` */
export function operation<Result>(signature: string, run: (value: Value, args: Bound, runtime: Runtime) => Result): Operation<Result> {
  const words = signature === "" ? [] : signature.split(" ");
  const parameters = words.map((word) => word.replace("?", ""));
  const required = words.filter((word) => !word.endsWith("?")).length;
  return {
    parameters,
    required,
    run: (value, { positional, named }, runtime) =>
      run(
        value,
        parameters.map((name, index) => positional[index] ?? (positional.length > index ? null : named.get(name))),
        runtime,
      ),
  };
}

/** One that takes any arguments. */
export function variadic<Result>(run: (value: Value, args: Arguments, runtime: Runtime) => Result): Operation<Result> {
  return { parameters: null, required: 0, run };
}

export type Operations<Result> = ReadonlyMap<string, Operation<Result>>;

/**
 * Finds what is wrong with a use, before anything is run.
 * @param what `filter` or `test`
 * @param refused names that are left out on purpose, with the reason
 * @throws ExpressionError
 */
export function checkUse<Result>(
  what: string,
  operations: Operations<Result>,
  refused: ReadonlyMap<string, string>,
  name: string,
  { positional, named }: ArgumentNodes,
): void {
  const found = operations.get(name);
  if (found === undefined) {
    const reason = refused.get(name);
    const near = nearestName(name, operations.keys());
    throw new ExpressionError(
      reason === undefined
        ? `unknown ${what} '${name}'${near === undefined ? "" : `; did you mean '${near}'?`}`
        : `the ${what} '${name}' is left out: ${reason}`,
    );
  }
  if (positional.some(({ isSpread }) => isSpread) || named.some((argument) => argument.name === null)) return;
  checkArguments(
    `the ${what} '${name}'`,
    found,
    positional.length,
    named.map((argument) => argument.name ?? ""),
  );
}

/** @throws ExpressionError for an argument too many, one that is not known, and one that is missing; `what` begins the sentence */
export function checkArguments<Result>(
  what: string,
  { parameters, required }: Operation<Result>,
  positional: number,
  named: readonly string[],
): void {
  if (parameters === null) return;
  if (positional > parameters.length) {
    throw new ExpressionError(
      `${what} takes ${parameters.length === 0 ? "no arguments" : `at most ${parameters.length}: ${parameters.join(", ")}`}`,
    );
  }
  for (const name of named) {
    const index = parameters.indexOf(name);
    if (index < 0)
      throw new ExpressionError(`${what} has no argument '${name}'${parameters.length > 0 ? `; it has ${parameters.join(", ")}` : ""}`);
    if (index < positional) throw new ExpressionError(`${what} is given '${name}' twice`);
  }
  const missing = parameters.slice(positional, required).find((name) => !named.includes(name));
  if (missing !== undefined) throw new ExpressionError(`${what} needs the argument '${missing}'`);
}
