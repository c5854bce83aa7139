/** What can be called by name: found when an expression is read, so that a slip does not wait for a run. */
import { nearestName } from "../json.ts";
import { GLOBAL_NAMES } from "./globals.ts";
import { ExpressionError } from "./limits.ts";
import { METHOD_NAMES } from "./methods.ts";

/** Functions that Jinja or its users have and that are not here, and why. */
export const REFUSED_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ["lipsum", "its text is another one each time, and a run that is repeated must come to the same result"],
  ["now", "an expression has no clock, because a run that is repeated must come to the same result. See current_date"],
]);

/** @param name a function that the expression does not define itself @throws ExpressionError when there is none */
export function checkFunction(name: string): void {
  if (GLOBAL_NAMES.includes(name)) return;
  const reason = REFUSED_FUNCTIONS.get(name);
  throw new ExpressionError(
    reason === undefined ? `there is no function ${name}()${suggestion(name, GLOBAL_NAMES)}` : `there is no function ${name}(): ${reason}`,
  );
}

/** @param name called on a value of the run, which has no functions but its methods @throws ExpressionError when no value has such a method */
export function checkMethod(name: string): void {
  if (METHOD_NAMES.has(name)) return;
  throw new ExpressionError(`there is no method .${name}()${suggestion(name, METHOD_NAMES)}`);
}

function suggestion(name: string, known: Iterable<string>): string {
  const near = nearestName(name, known);
  return near === undefined ? "" : `; did you mean '${near}'?`;
}
