/**
 * Expressions: text with Jinja's `{{ }}` and `{% %}` that is filled in at run time. Names are known before the run, undefined is an error, a
 * single `{{ }}` keeps its type, lists and objects become text as JSON, and the work is limited. Results are data: they are never evaluated again.
 */
import type { Body, Node } from "./expression/ast.ts";
import { freeNames } from "./expression/free-names.ts";
import { GLOBAL_NAMES } from "./expression/globals.ts";
import { Interpreter, NAMES } from "./expression/interpreter.ts";
import { Budget, EXPRESSION_LIMITS, ExpressionError } from "./expression/limits.ts";
import { parse } from "./expression/parser.ts";
import { isJsonObject, type Json } from "./json.ts";

export { ExpressionError };

/** A parsed expression. */
export interface Expression {
  readonly source: string;
  /** Names that must be given: those it reads and does not define itself. */
  readonly names: readonly string[];
  readonly program: Body;
  /** The one `{{ }}` that makes up the whole text, if it is so: its value keeps its type. */
  readonly single: Node | null;
}

/** Could this text be an expression? Plain text is taken as it is and costs nothing. */
export function hasExpression(text: string): boolean {
  return text.includes("{{") || text.includes("{%") || text.includes("{#");
}

/** Names that every expression has. */
const BUILT_IN_NAMES: ReadonlySet<string> = new Set(GLOBAL_NAMES);

const parsed = new Map<string, Expression>();
const PARSED_KEPT = 2_000;

/** @throws ExpressionError when the text is not a valid expression or is over a limit */
export function parseExpression(source: string): Expression {
  const known = parsed.get(source);
  if (known) return known;
  if (source.length > EXPRESSION_LIMITS.sourceLength) {
    throw new ExpressionError(`is ${source.length} characters long; an expression may have ${EXPRESSION_LIMITS.sourceLength}`);
  }
  const program = parse(source, NAMES);
  const [only] = program;
  const single = program.length === 1 && only?.type === "output" ? withoutJsonFilter(only.value) : null;
  const expression = { source, names: freeNames(program, BUILT_IN_NAMES), program, single };
  if (parsed.size >= PARSED_KEPT) parsed.clear();
  parsed.set(source, expression);
  return expression;
}

/**
 * @param scope a value for each of the expression's names
 * @param together pays for this expression and for others
 * @returns the value of a single `{{ }}` with its type (`| json` is dropped: it means just that); text for everything else, in which lists
 *   and objects are JSON and null is empty
 * @throws ExpressionError `'customer.nmae' is undefined`, or for a value it cannot work with, or over a limit
 */
export function evaluateExpression(
  expression: Expression,
  scope: (name: string) => Json | undefined,
  together: Budget | null = null,
): Json {
  const interpreter = new Interpreter(scope, together);
  try {
    return expression.single === null ? interpreter.run(expression.program) : interpreter.value(expression.single);
  } catch (error) {
    if (error instanceof RangeError) throw new ExpressionError("is nested too deeply", { cause: error });
    throw error;
  }
}

/** What a name is in an expression; undefined when nothing has it. */
type Scope = (name: string, expression: Expression) => Json | undefined;

/**
 * Fills in every text of a value. Keys are left as they are.
 * @throws ExpressionError with the path of the text put before the message
 */
export function fillIn(value: Json, scope: Scope): Json {
  return fillInPart(value, scope, "", new Budget(null, EXPRESSION_LIMITS.stepsTogether));
}

function fillInPart(value: Json, scope: Scope, path: string, together: Budget): Json {
  if (typeof value === "string") {
    if (!hasExpression(value)) return value;
    try {
      const expression = parseExpression(value);
      return evaluateExpression(expression, (name) => scope(name, expression), together);
    } catch (error) {
      throw error instanceof ExpressionError && path !== "" ? new ExpressionError(`${path}: ${error.message}`, { cause: error }) : error;
    }
  }
  if (Array.isArray(value)) return value.map((item, index) => fillInPart(item, scope, `${path}[${index}]`, together));
  if (isJsonObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, fillInPart(item, scope, path === "" ? key : `${path}.${key}`, together)]),
    );
  }
  return value;
}

/** Every expression in a value, with the steps of its path. */
export function findExpressions(value: unknown, path: readonly PropertyKey[] = []): { source: string; path: readonly PropertyKey[] }[] {
  const found: { source: string; path: readonly PropertyKey[] }[] = [];
  const steps = [...path];
  visit(value);
  return found;

  /** A path is made only where something is found: most of a large value is none. */
  function visit(value: unknown): void {
    if (typeof value === "string") {
      if (hasExpression(value)) found.push({ source: value, path: [...steps] });
    } else if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) visitAt(index, value[index]);
    } else if (isJsonObject(value)) {
      for (const key of Object.keys(value)) visitAt(key, value[key]);
    }
  }

  function visitAt(step: PropertyKey, value: unknown): void {
    if (typeof value !== "string" && typeof value !== "object") return;
    steps.push(step);
    visit(value);
    steps.pop();
  }
}

/** Is a condition's value false? As Skyvern reads it: empty, 0, and the words false, no, n, off, null and none in any case. */
export function isFalse(value: Json): boolean {
  if (typeof value === "string") return ["", "false", "0", "no", "n", "off", "null", "none"].includes(value.trim().toLowerCase());
  if (Array.isArray(value)) return value.length === 0;
  if (isJsonObject(value)) return Object.keys(value).length === 0;
  return !value;
}

/** `{{ x | json }}` as the whole of a text means `x` itself (Skyvern's typed injection). */
function withoutJsonFilter(node: Node): Node {
  return node.type === "filter" && node.filter.name === "json" ? node.operand : node;
}
