/**
 * Expressions: text with Jinja's `{{ }}` and `{% %}` that is filled in at run time. The parser and interpreter are `@huggingface/jinja`
 * (runs without `eval`, which Workers refuse); this module adds what it lacks: names known before the run, undefined as an error, results that
 * keep their type, limits. Results are data: they are never evaluated again.
 */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { isJsonObject, type Json } from "./json.ts";

export const EXPRESSION_LIMITS = {
  /** Characters of one expression. */
  sourceLength: 32_768,
  /** Brackets and tags open at once. */
  nesting: 40,
  /** Nodes evaluated for one expression, and items of the lists that it makes; a loop counts its body each time. */
  steps: 50_000,
  /** Characters of a text that an expression makes, at any moment. */
  resultLength: 1_048_576,
  /** Numbers that one `range()` may give. */
  range: 10_000,
} as const;

/** An expression that cannot be read or evaluated. The message is for the workflow's author. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

/** A parsed expression. */
export interface Expression {
  readonly source: string;
  /** Names that must be given: those it reads and does not define itself. */
  readonly names: readonly string[];
  readonly program: Program;
  /** The one `{{ }}` that makes up the whole text, if it is so: its value keeps its type. */
  readonly single: Node | null;
}

/** Could this text be an expression? Plain text is taken as it is and costs nothing. */
export function hasExpression(text: string): boolean {
  return text.includes("{{") || text.includes("{%") || text.includes("{#");
}

const parsed = new Map<string, Expression>();
const PARSED_KEPT = 2_000;

/** @throws ExpressionError when the text is not a valid expression or is over a limit */
export function parseExpression(source: string): Expression {
  const known = parsed.get(source);
  if (known) return known;
  if (source.length > EXPRESSION_LIMITS.sourceLength) {
    throw new ExpressionError(`is ${source.length} characters long; an expression may have ${EXPRESSION_LIMITS.sourceLength}`);
  }
  const program = parseProgram(source);
  const [only] = program.body;
  const single =
    program.body.length === 1 && only !== undefined && !STATEMENTS.has(only.type) && source.trimStart().startsWith("{{") ? only : null;
  const expression = { source, names: freeNames(program), program, single };
  if (parsed.size >= PARSED_KEPT) parsed.clear();
  parsed.set(source, expression);
  return expression;
}

/**
 * @param scope a value for each of the expression's names
 * @returns the value of a single `{{ }}` with its type (`| json` is dropped: it means just that); text for everything else, in which lists
 *   and objects are JSON and null is empty
 * @throws ExpressionError `'customer.nmae' is undefined`, or for a value it cannot work with, or over a limit
 */
export function evaluateExpression(expression: Expression, scope: (name: string) => Json | undefined): Json {
  const environment = new Environment();
  for (const [name, value] of Object.entries(GLOBALS)) environment.set(name, value);
  for (const name of expression.names) {
    const value = scope(name);
    if (value !== undefined) environment.set(name, value);
  }
  const interpreter = new StrictInterpreter(environment);
  try {
    if (!expression.single) return interpreter.run(expression.program as never).toString();
    return toJson(interpreter.evaluate(withoutJsonFilter(expression.single), environment));
  } catch (error) {
    if (error instanceof ExpressionError) throw error;
    if (error instanceof RangeError) throw new ExpressionError("is nested too deeply", { cause: error });
    throw new ExpressionError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Fills in every text of a value. Keys are left as they are. @throws ExpressionError with the path of the text put before the message */
export function fillIn(value: Json, scope: (name: string) => Json | undefined, path = ""): Json {
  if (typeof value === "string") {
    if (!hasExpression(value)) return value;
    try {
      return evaluateExpression(parseExpression(value), scope);
    } catch (error) {
      throw error instanceof ExpressionError && path !== "" ? new ExpressionError(`${path}: ${error.message}`, { cause: error }) : error;
    }
  }
  if (Array.isArray(value)) return value.map((item, index) => fillIn(item, scope, `${path}[${index}]`));
  if (isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillIn(item, scope, path === "" ? key : `${path}.${key}`)]));
  }
  return value;
}

/** Every expression in a value, with the steps of its path. */
export function* findExpressions(
  value: unknown,
  path: readonly PropertyKey[] = [],
): Generator<{ source: string; path: readonly PropertyKey[] }> {
  if (typeof value === "string") {
    if (hasExpression(value)) yield { source: value, path };
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* findExpressions(item, [...path, index]);
  } else if (isJsonObject(value)) {
    for (const [key, item] of Object.entries(value)) yield* findExpressions(item, [...path, key]);
  }
}

/** Is a condition's value false? As Skyvern reads it: empty, 0, and the words false, no, n, off, null and none in any case. */
export function isFalse(value: Json): boolean {
  if (typeof value === "string") return ["", "false", "0", "no", "n", "off", "null", "none"].includes(value.trim().toLowerCase());
  if (Array.isArray(value)) return value.length === 0;
  if (isJsonObject(value)) return Object.keys(value).length === 0;
  return !value;
}

// ------------------------------------------------------------------------------------------------------- reading

/** The parser's nodes, as far as this module looks at them; its types are not exported. */
interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}
interface Program extends Node {
  readonly body: readonly Node[];
}

const STATEMENTS = new Set(["Set", "If", "For", "Macro", "CallStatement", "FilterStatement", "Comment", "Break", "Continue"]);

const GLOBALS: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  range: (start: number, stop?: number, step = 1) => {
    const [from, to] = stop === undefined ? [0, start] : [start, stop];
    const count = Math.max(0, Math.ceil((to - from) / step));
    if (!(count <= EXPRESSION_LIMITS.range)) throw new ExpressionError(`range() may give ${EXPRESSION_LIMITS.range} numbers at most`);
    return Array.from({ length: count }, (_, index) => from + index * step);
  },
};
/** Names that every expression has. */
const BUILT_IN_NAMES = new Set([...Object.keys(GLOBALS), "namespace", "loop", "caller", "varargs", "kwargs"]);

function parseProgram(source: string): Program {
  if (nestingOf(source) > EXPRESSION_LIMITS.nesting)
    throw new ExpressionError(`is nested more than ${EXPRESSION_LIMITS.nesting} levels deep`);
  try {
    return parse(tokenize(source)) as unknown as Program;
  } catch (error) {
    // The parser runs off the end of its tokens with a TypeError.
    const reason =
      error instanceof TypeError ? "it ends too early; is a {{ or {% left open?" : error instanceof Error ? error.message : String(error);
    throw new ExpressionError(`is not a valid expression: ${reason}`, { cause: error });
  }
}

/** The most brackets and blocks open at once, by their signs alone: an upper bound that needs no parser. Braces of tags count as brackets. */
function nestingOf(source: string): number {
  let [open, most] = [0, 0];
  for (const { 0: sign, 1: end } of source.matchAll(/\{%-?\s*(end)?(?:if|for|macro|filter|call)\b|[([{]|[)\]}]/g)) {
    if (sign.startsWith("{%")) open += end ? 0 : 2;
    else open += "([{".includes(sign) ? 1 : -1;
    most = Math.max(most, open);
  }
  return most;
}

/** The names that a program reads and does not define, in the order of their first use. */
function freeNames(program: Program): string[] {
  const free = new Set<string>();
  visit(program, new Set());
  return [...free];

  function visit(value: unknown, bound: Set<string>): void {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, bound);
    } else if (value instanceof Map) {
      for (const [key, item] of value) {
        visit(key, bound);
        visit(item, bound);
      }
    } else if (typeof value === "object" && value !== null && "type" in value) {
      visitNode(value as Node, bound);
    }
  }

  function visitNode(node: Node, bound: Set<string>): void {
    switch (node.type) {
      case "Identifier":
        if (!bound.has(String(node.value)) && !BUILT_IN_NAMES.has(String(node.value))) free.add(String(node.value));
        return;
      case "MemberExpression":
        visit(node.object, bound);
        if (node.computed) visit(node.property, bound);
        return;
      case "FilterExpression":
        visit(node.operand, bound);
        visitFilter(node.filter as Node, bound);
        return;
      case "FilterStatement":
        visitFilter(node.filter as Node, bound);
        visit(node.body, new Set(bound));
        return;
      case "TestExpression":
        visit(node.operand, bound);
        return;
      case "KeywordArgumentExpression":
        visit(node.value, bound);
        return;
      case "Set":
        visit(node.value, bound);
        visit(node.body, new Set(bound));
        bind(node.assignee as Node, bound);
        return;
      case "For": {
        const inside = new Set(bound);
        bind(node.loopvar as Node, inside);
        const iterable = node.iterable as Node;
        visit(iterable.type === "SelectExpression" ? iterable.lhs : iterable, bound);
        if (iterable.type === "SelectExpression") visit(iterable.test, inside);
        visit(node.body, inside);
        visit(node.defaultBlock, new Set(bound));
        return;
      }
      case "Macro": {
        bind(node.name as Node, bound);
        const inside = new Set(bound);
        for (const argument of node.args as Node[]) {
          if (argument.type === "KeywordArgumentExpression") visit(argument.value, bound);
          bind((argument.type === "KeywordArgumentExpression" ? argument.key : argument) as Node, inside);
        }
        visit(node.body, inside);
        return;
      }
      default:
        for (const [field, child] of Object.entries(node)) if (field !== "operator") visit(child, bound);
    }
  }

  /** A filter's name is syntax; its arguments are not. */
  function visitFilter(filter: Node, bound: Set<string>): void {
    if (filter.type === "CallExpression") visit(filter.args, bound);
  }

  function bind(target: Node, bound: Set<string>): void {
    if (target.type === "Identifier") bound.add(String(target.value));
    else if (target.type === "TupleLiteral") for (const item of target.value as Node[]) bind(item, bound);
    else visit(target, bound); // `ns.field = …` reads `ns`
  }
}

// ---------------------------------------------------------------------------------------------------- evaluating

type RuntimeValue = ReturnType<Interpreter["evaluate"]>;

/** The library's interpreter with undefined as an error and a count of what it has done. */
class StrictInterpreter extends Interpreter {
  #steps = 0;
  /** Above 0 inside `x is defined` and `x | default(…)`, which are there to ask. */
  #lenient = 0;

  override evaluate(statement: Parameters<Interpreter["evaluate"]>[0], environment: Environment): RuntimeValue {
    this.#count(1);
    const node = statement as unknown as Node | undefined;
    if (!node) return super.evaluate(statement, environment);
    if (isFilter(node, "json")) {
      return super.evaluate(
        { type: "StringLiteral", value: JSON.stringify(toJson(this.evaluate(node.operand as never, environment))) } as never,
        environment,
      );
    }
    const asks =
      (node.type === "TestExpression" && ["defined", "undefined"].includes(String((node.test as Node).value))) ||
      isFilter(node, "default") ||
      isFilter(node, "d");
    if (asks) this.#lenient += 1;
    let value: RuntimeValue;
    try {
      value = super.evaluate(statement, environment);
    } finally {
      if (asks) this.#lenient -= 1;
    }
    if (value.type === "UndefinedValue" && this.#lenient === 0) throw new ExpressionError(`'${describe(node)}' is undefined`);
    if (value.type === "ArrayValue") this.#count((value.value as unknown[]).length);
    if (value.type === "StringValue" && (value.value as string).length > EXPRESSION_LIMITS.resultLength) {
      throw new ExpressionError(`makes a text of more than ${EXPRESSION_LIMITS.resultLength} characters`);
    }
    return value;
  }

  #count(steps: number): void {
    this.#steps += steps;
    if (this.#steps > EXPRESSION_LIMITS.steps) throw new ExpressionError(`takes more than ${EXPRESSION_LIMITS.steps} steps`);
  }
}

function isFilter(node: Node, name: string): boolean {
  if (node.type !== "FilterExpression") return false;
  const filter = node.filter as Node;
  return (filter.type === "CallExpression" ? (filter.callee as Node).value : filter.value) === name;
}

/** `{{ x | json }}` as the whole of a text means `x` itself (Skyvern's typed injection). */
function withoutJsonFilter(node: Node): Node {
  return isFilter(node, "json") ? (node.operand as Node) : node;
}

function describe(node: Node): string {
  if (node.type === "Identifier") return String(node.value);
  if (node.type === "MemberExpression") {
    const property = node.property as Node;
    return node.computed
      ? `${describe(node.object as Node)}[${describe(property)}]`
      : `${describe(node.object as Node)}.${String(property.value)}`;
  }
  if ("value" in node && ["string", "number"].includes(typeof node.value)) return JSON.stringify(node.value);
  return node.type === "CallExpression" ? `${describe(node.callee as Node)}()` : "the expression";
}

function toJson(value: RuntimeValue): Json {
  switch (value.type) {
    case "IntegerValue":
    case "FloatValue":
      if (!Number.isFinite(value.value)) throw new ExpressionError("gives a number that is not finite"); // JSON has none; 1 / 0 makes one
      return value.value as Json;
    case "StringValue":
    case "BooleanValue":
      return value.value as Json;
    case "ArrayValue":
    case "TupleValue":
      return (value.value as RuntimeValue[]).map(toJson);
    case "ObjectValue":
    case "NamespaceValue":
    case "KeywordArgumentsValue":
      return Object.fromEntries([...(value.value as Map<string, RuntimeValue>)].map(([key, item]) => [key, toJson(item)]));
    case "NullValue":
      return null;
    default:
      throw new ExpressionError("gives a function, which is not a value; call it");
  }
}
