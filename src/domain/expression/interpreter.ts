import type { Json } from "../json.ts";
import type { ArgumentNodes, BinaryOperator, Body, FilterCall, MacroParts, Node, Statement, Target } from "./ast.ts";
import { FILTERS, REFUSED_FILTERS } from "./filters.ts";
import { formatPercent } from "./format.ts";
import { createGlobals } from "./globals.ts";
import { Budget, EXPRESSION_LIMITS, ExpressionError } from "./limits.ts";
import { findMethod } from "./methods.ts";
import { checkArguments, checkUse, type Operation, type Runtime } from "./operation.ts";
import type { Names } from "./parser.ts";
import { createTests, LENIENT_TESTS } from "./tests.ts";
import { repeat } from "./text.ts";
import {
  type Arguments,
  Callable,
  compare,
  entriesOf,
  contains,
  Group,
  integer,
  isDict,
  isEqual,
  isFloat,
  isList,
  keyText,
  isTruthy,
  itemAt,
  itemsOf,
  makeNumber,
  Namespace,
  numberOf,
  own,
  type Owned,
  slice,
  toJson,
  toText,
  typeName,
  Undefined,
  undefinedError,
  type Value,
} from "./value.ts";

export const TESTS = createTests(FILTERS);

/** Filters that may be asked of what is not there. */
const LENIENT_FILTERS: ReadonlySet<string> = new Set(["default", "d"]);

/** What the parser knows of filters and tests. */
export const NAMES: Names = {
  checkFilter: (name, args) => checkUse("filter", FILTERS, REFUSED_FILTERS, name, args),
  checkTest: (name, args) => checkUse("test", TESTS, new Map(), name, args),
};

/** Where names have their values: a block that is evaluated, inside the one around it. */
class Scope {
  readonly values = new Map<string, Value>();
  readonly parent: Scope | null;
  constructor(parent: Scope | null) {
    this.parent = parent;
  }
}

/** Evaluates one expression once. Undefined is an error wherever it is not asked for. */
export class Interpreter implements Runtime {
  readonly budget: Budget;
  readonly owned: Owned = new WeakSet();
  readonly #outside: (name: string) => Value | undefined;
  readonly #global = new Scope(null);
  #calls = 0;

  /**
   * @param scope the value of a name that the expression does not define itself; its own functions come after it
   * @param together pays for this expression and for others
   */
  constructor(scope: (name: string) => Value | undefined, together: Budget | null) {
    this.budget = new Budget(together);
    const globals = createGlobals(this.budget, this.owned);
    this.#outside = (name) => {
      const value = scope(name); // null is a value
      return value === undefined ? globals.get(name) : value;
    };
  }

  /** The text that a program makes. */
  run(body: Body): string {
    return this.#render(body, this.#global);
  }

  /** The value of a single expression. What it only reads, as `order.lines[0]`, is handed on as it is, however large. */
  value(node: Node): Json {
    const value = this.#evaluate(node, this.#global);
    return isGiven(node) && (typeof value === "string" || isDict(value) || isList(value)) ? (value as Json) : toJson(value, this.budget);
  }

  applyFilter(name: string, value: Value, args: Arguments): Value {
    const filter = this.#find("filter", FILTERS, name, args);
    if (value instanceof Undefined && !LENIENT_FILTERS.has(name)) throw undefinedError(value);
    const result = filter.run(value, args, this);
    return name === "list" ? (own(result as object, this.owned) as Value) : result;
  }

  applyTest(name: string, value: Value, args: Arguments): boolean {
    return this.#find("test", TESTS, name, args).run(value, args, this);
  }

  /** A filter or test that is named by a value, as in `map("upper")`, was not checked by the parser. */
  #find<Result>(what: string, operations: ReadonlyMap<string, Operation<Result>>, name: string, args: Arguments): Operation<Result> {
    const found = operations.get(name);
    if (found === undefined) throw new ExpressionError(`unknown ${what} '${name}'`);
    checkArguments(`the ${what} '${name}'`, found, args.positional.length, [...args.named.keys()]);
    return found;
  }

  // --------------------------------------------------------------------------------------------- statements

  #render(body: Body, scope: Scope): string {
    let result = "";
    for (const statement of body) {
      const part = this.#statement(statement, scope);
      if (part === "") continue;
      this.budget.spendText(part.length);
      result += part;
      this.budget.checkLength(result.length);
    }
    return result;
  }

  #statement(statement: Statement, scope: Scope): string {
    this.budget.spend(1);
    switch (statement.type) {
      case "text":
        return statement.value;
      case "output":
        return toText(this.#evaluate(statement.value, scope), this.budget);
      case "if": {
        const branch = statement.branches.find(({ test }) => isTruthy(this.#evaluate(test, scope), this.budget));
        return this.#render(branch?.body ?? statement.otherwise, scope);
      }
      case "for":
        return this.#loop(statement, this.#evaluate(statement.iterable, scope), scope, 1);
      case "set":
        this.#assign(statement.target, this.#evaluate(statement.value, scope), scope);
        return "";
      case "set_block":
        this.#assign(statement.target, this.#filterAll(this.#render(statement.body, new Scope(scope)), statement.filters, scope), scope);
        return "";
      case "with": {
        const inside = new Scope(scope);
        for (const { target, value } of statement.bindings) this.#assign(target, this.#evaluate(value, scope), inside);
        return this.#render(statement.body, inside);
      }
      case "filter_block":
        return toText(this.#filterAll(this.#render(statement.body, new Scope(scope)), statement.filters, scope), this.budget);
      case "macro":
        scope.values.set(statement.name, this.#macro(statement.name, statement, scope));
        return "";
      case "call_block": {
        const inside = new Scope(scope);
        inside.values.set("caller", this.#macro("caller", statement, scope));
        const callee = this.#evaluate(statement.call.callee, scope);
        const args = this.#arguments(statement.call.args, scope);
        const named = new Map([...args.named, ["caller", inside.values.get("caller") ?? null] as const]);
        return toText(this.#call(callee, { positional: args.positional, named }, statement.call.callee), this.budget);
      }
    }
  }

  #loop(loop: Statement & { type: "for" }, iterable: Value, scope: Scope, depth: number): string {
    const all = itemsOf(iterable, this.budget);
    const { condition } = loop;
    const items =
      condition === null
        ? all
        : all.filter((item) => {
            const inside = new Scope(scope);
            this.#assign(loop.target, item, inside);
            return isTruthy(this.#evaluate(condition, inside), this.budget);
          });
    if (items.length === 0) return this.#render(loop.otherwise, scope);
    let [result, last] = ["", null as Value];
    const changed = new Callable("loop.changed", ({ positional }) => {
      const same = last !== null && isEqual(last, positional, this.budget);
      last = positional;
      return !same;
    });
    const recurse = new Callable("loop", ({ positional: [inner = null] }) => this.#deeper(() => this.#loop(loop, inner, scope, depth + 1)));
    for (const [index, item] of items.entries()) {
      this.budget.spend(1);
      const inside = new Scope(scope);
      inside.values.set("loop", this.#loopState(items, index, depth, changed, loop.recursive ? recurse : null));
      this.#assign(loop.target, item, inside);
      result += this.#render(loop.body, inside);
      this.budget.checkLength(result.length);
    }
    return result;
  }

  #loopState(items: readonly Value[], index: number, depth: number, changed: Callable, recurse: Callable | null): Value {
    return new Namespace(() => [
      ["index", index + 1],
      ["index0", index],
      ["revindex", items.length - index],
      ["revindex0", items.length - index - 1],
      ["first", index === 0],
      ["last", index === items.length - 1],
      ["length", items.length],
      ["depth", depth],
      ["depth0", depth - 1],
      ["previtem", index === 0 ? new Undefined("loop.previtem") : (items[index - 1] ?? null)],
      ["nextitem", itemAt(items, index + 1, () => new Undefined("loop.nextitem"))],
      ["cycle", new Callable("loop.cycle", ({ positional }) => positional[index % positional.length] ?? null)],
      ["changed", changed],
      ...(recurse === null ? [] : [["()", recurse] as const]),
    ]);
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.type === "name") scope.values.set(target.name, value);
    else if (target.type === "field") {
      const namespace = this.#lookUp(target.namespace, scope);
      if (!(namespace instanceof Namespace))
        throw new ExpressionError(`cannot set '${target.namespace}.${target.field}': only a namespace() can be changed`);
      namespace.fields.set(target.field, value);
    } else {
      const items = itemsOf(value, this.budget);
      if (items.length !== target.targets.length) {
        throw new ExpressionError(`cannot take ${target.targets.length} values from ${items.length}`);
      }
      for (const [index, inner] of target.targets.entries()) this.#assign(inner, items[index] ?? null, scope);
    }
  }

  #macro(name: string, { parameters, body }: MacroParts, scope: Scope): Callable {
    return new Callable(name, ({ positional, named }) =>
      this.#deeper(() => {
        const inside = new Scope(scope);
        for (const [index, { name: parameter, fallback }] of parameters.entries()) {
          const given = index < positional.length ? (positional[index] ?? null) : named.get(parameter); // null is a value
          const missing = () => (fallback === null ? new Undefined(parameter) : this.#evaluate(fallback, inside));
          inside.values.set(parameter, given === undefined ? missing() : given);
        }
        const known = new Set(parameters.map((parameter) => parameter.name));
        inside.values.set("varargs", positional.slice(parameters.length));
        inside.values.set("kwargs", Object.fromEntries([...named].filter(([key]) => !known.has(key) && key !== "caller")));
        const caller = named.get("caller");
        if (caller !== undefined) inside.values.set("caller", caller);
        return this.#render(body, inside);
      }),
    );
  }

  #deeper<T>(run: () => T): T {
    this.#calls += 1;
    if (this.#calls > EXPRESSION_LIMITS.nesting)
      throw new ExpressionError(`calls itself more than ${EXPRESSION_LIMITS.nesting} levels deep`);
    const result = run();
    this.#calls -= 1;
    return result;
  }

  // -------------------------------------------------------------------------------------------- expressions

  /** @param lenient give what is undefined to the one who asks, instead of an error */
  #evaluate(node: Node, scope: Scope, lenient = false): Value {
    this.budget.spend(1);
    const value = this.#valueOf(node, scope, lenient);
    if (value instanceof Undefined && !lenient) throw undefinedError(value);
    return value;
  }

  #valueOf(node: Node, scope: Scope, lenient: boolean): Value {
    switch (node.type) {
      case "literal":
        return node.isFloat && typeof node.value === "number" ? makeNumber(node.value, true) : this.#literal(node.value);
      case "name":
        return this.#lookUp(node.name, scope);
      case "list":
        return own(
          node.items.map((item) => this.#evaluate(item, scope)),
          this.owned,
        );
      case "dict": {
        const entries = node.entries.map(
          ({ key, value }) => [toText(this.#evaluate(key, scope), this.budget), this.#evaluate(value, scope)] as const,
        );
        return own(Object.fromEntries(entries), this.owned);
      }
      case "member": {
        const object = this.#evaluate(node.object, scope, lenient);
        return this.#member(object, node.isDotted ? this.#key(node.key) : this.#evaluate(node.key, scope), node);
      }
      case "slice":
        return slice(
          this.#evaluate(node.object, scope),
          node.bounds.map((bound) => (bound === null ? null : this.#evaluate(bound, scope))),
          this.budget,
        );
      case "call":
        return this.#callNode(node, scope);
      case "filter": {
        const operand = this.#evaluate(node.operand, scope, LENIENT_FILTERS.has(node.filter.name));
        return this.applyFilter(node.filter.name, operand, this.#arguments(node.filter.args, scope));
      }
      case "test": {
        const operand = this.#evaluate(node.operand, scope, LENIENT_TESTS.has(node.name));
        return this.applyTest(node.name, operand, this.#arguments(node.args, scope)) !== node.isNegated;
      }
      case "unary":
        return this.#unary(node.operator, this.#evaluate(node.operand, scope));
      case "binary":
        return this.#binaryNode(node, scope);
      case "compare": {
        let left = this.#evaluate(node.first, scope);
        for (const { operator, operand } of node.rest) {
          const right = this.#evaluate(operand, scope);
          if (!this.#compares(operator, left, right)) return false;
          left = right;
        }
        return true;
      }
      case "conditional": {
        if (isTruthy(this.#evaluate(node.test, scope), this.budget)) return this.#evaluate(node.value, scope, lenient);
        if (node.otherwise !== null) return this.#evaluate(node.otherwise, scope, lenient);
        return lenient ? new Undefined("the else of an if") : "";
      }
    }
  }

  #literal(value: string | number | boolean | null): Value {
    return typeof value === "number" ? makeNumber(value, false) : value;
  }

  #key(node: Node): Value {
    return node.type === "literal" ? node.value : null;
  }

  #lookUp(name: string, scope: Scope): Value {
    for (let at: Scope | null = scope; at !== null; at = at.parent) {
      const value = at.values.get(name);
      if (value !== undefined) return value;
      this.budget.spend(0.05);
    }
    const value = this.#outside(name);
    if (value === undefined) return new Undefined(name);
    this.#global.values.set(name, value);
    return value;
  }

  #member(object: Value, key: Value, node: Node): Value {
    if (isDict(object) && (typeof key === "string" || typeof key === "number" || typeof key === "boolean")) {
      const name = toText(key, this.budget);
      if (Object.hasOwn(object, name)) return object[name] ?? null;
    } else if (object instanceof Namespace) {
      const field = object.fields.get(keyText(key));
      if (field !== undefined) return field;
    } else if (typeof key === "number" && Number.isInteger(key) && isList(object)) {
      return itemAt(object, key, () => new Undefined(describe(node)));
    } else if (typeof key === "number" && typeof object === "string") {
      const found = slice(object, [key, key === -1 ? null : key + 1, null], this.budget);
      return found === "" ? new Undefined(describe(node)) : found;
    } else if (object instanceof Group && (key === "grouper" || key === "list")) {
      return object[key];
    }
    return (typeof key === "string" ? this.#method(object, key) : null) ?? new Undefined(describe(node));
  }

  #method(object: Value, name: string): Callable | null {
    const method = findMethod(object, name);
    if (method === undefined) return null;
    return new Callable(name, (args) => {
      checkArguments(`${name}()`, method, args.positional.length, [...args.named.keys()]);
      return method.run(object, args, this);
    });
  }

  #callNode({ callee, args }: Node & { type: "call" }, scope: Scope): Value {
    const values = this.#arguments(args, scope);
    if (callee.type === "member" && callee.isDotted) {
      const object = this.#evaluate(callee.object, scope);
      const key = this.#key(callee.key);
      const found = this.#member(object, key, callee);
      // `order.items()` means the method, also where the object has a key of that name.
      const method = found instanceof Callable || typeof key !== "string" ? found : (this.#method(object, key) ?? found);
      return this.#call(method, values, callee);
    }
    return this.#call(this.#evaluate(callee, scope), values, callee);
  }

  #call(callee: Value, args: Arguments, node: Node): Value {
    const callable = callee instanceof Namespace ? callee.fields.get("()") : callee;
    if (callable instanceof Callable) return callable.run(args);
    if (callee instanceof Undefined) throw new ExpressionError(`'${describe(node)}' is undefined, so it cannot be called`);
    throw new ExpressionError(`'${describe(node)}' is ${typeName(callee)} and cannot be called`);
  }

  #arguments({ positional, named }: ArgumentNodes, scope: Scope): Arguments {
    const values: Value[] = [];
    for (const { value, isSpread } of positional) {
      const evaluated = this.#evaluate(value, scope);
      if (isSpread) for (const item of itemsOf(evaluated, this.budget)) values.push(item);
      else values.push(evaluated);
    }
    const names = new Map<string, Value>();
    for (const { name, value } of named) {
      const evaluated = this.#evaluate(value, scope);
      if (name !== null) names.set(name, evaluated);
      else if (isDict(evaluated)) for (const [key, item] of entriesOf(evaluated, this.budget)) names.set(key, item);
      else throw new ExpressionError(`** needs an object, not ${typeName(evaluated)}`);
    }
    return { positional: values, named: names };
  }

  #filterAll(value: Value, filters: readonly FilterCall[], scope: Scope): Value {
    let result = value;
    for (const { name, args } of filters) result = this.applyFilter(name, result, this.#arguments(args, scope));
    return result;
  }

  #unary(operator: "-" | "+" | "not", value: Value): Value {
    if (operator === "not") return !isTruthy(value, this.budget);
    const number = numberOf(value);
    if (number === null) throw new ExpressionError(`the sign ${operator} needs a number, not ${typeName(value)}`);
    return makeNumber(operator === "-" ? -number : number, isFloat(value));
  }

  #binaryNode({ operator, left, right }: Node & { type: "binary" }, scope: Scope): Value {
    const first = this.#evaluate(left, scope);
    if (operator === "and") return isTruthy(first, this.budget) ? this.#evaluate(right, scope) : first;
    if (operator === "or") return isTruthy(first, this.budget) ? first : this.#evaluate(right, scope);
    return this.#binary(operator, first, this.#evaluate(right, scope));
  }

  #binary(operator: BinaryOperator, left: Value, right: Value): Value {
    if (operator === "~") return this.#concatenate(toText(left, this.budget), toText(right, this.budget));
    const [a, b] = [numberOf(left), numberOf(right)];
    if (a !== null && b !== null) return arithmetic(operator, a, b, isFloat(left) || isFloat(right));
    if (operator === "+" && typeof left === "string" && typeof right === "string") return this.#concatenate(left, right);
    if (operator === "+" && isList(left) && isList(right)) {
      this.budget.spend((left.length + right.length) / 4);
      return own([...left, ...right], this.owned);
    }
    if (operator === "*" && (b !== null || a !== null)) {
      const [repeated, times] = b !== null ? [left, right] : [right, left];
      if (typeof repeated === "string") return repeat(repeated, integer(times, "how often a text is repeated"), this.budget);
      if (isList(repeated)) return this.#repeatList(repeated, integer(times, "how often a list is repeated"));
    }
    if (operator === "%" && typeof left === "string") {
      const args = { positional: isList(right) ? right : [right], named: new Map(isDict(right) ? entriesOf(right, this.budget) : []) };
      return formatPercent(left, args, this, isDict(right));
    }
    const hint = operator === "+" && (typeof left === "string" || typeof right === "string") ? "; ~ joins values as texts" : "";
    throw new ExpressionError(`cannot work out ${typeName(left)} ${operator} ${typeName(right)}${hint}`);
  }

  #concatenate(left: string, right: string): string {
    this.budget.spendText(left.length + right.length);
    return left + right;
  }

  #repeatList(list: readonly Value[], times: number): Value {
    const count = list.length === 0 ? 0 : Math.max(0, times); // of nothing there is nothing, however often
    this.budget.spend((list.length * count) / 4);
    return own(Array.from({ length: count }, () => list).flat(), this.owned);
  }

  #compares(operator: string, left: Value, right: Value): boolean {
    switch (operator) {
      case "==":
        return isEqual(left, right, this.budget);
      case "!=":
        return !isEqual(left, right, this.budget);
      case "in":
        return contains(right, left, this.budget);
      case "not in":
        return !contains(right, left, this.budget);
    }
    const order = compare(left, right, this.budget);
    return operator === "<" ? order < 0 : operator === "<=" ? order <= 0 : operator === ">" ? order > 0 : order >= 0;
  }
}

/** Does this read a part of what the expression was given, and no more? */
function isGiven(node: Node): boolean {
  return node.type === "name" || (node.type === "member" && isGiven(node.object));
}

function arithmetic(operator: BinaryOperator, a: number, b: number, float: boolean): Value {
  if (b === 0 && (operator === "/" || operator === "//" || operator === "%")) throw new ExpressionError("divides by zero");
  switch (operator) {
    case "+":
      return makeNumber(a + b, float);
    case "-":
      return makeNumber(a - b, float);
    case "*":
      return makeNumber(a * b, float);
    case "/":
      return makeNumber(a / b, true);
    case "//":
      return makeNumber(Math.round((a - modulo(a, b)) / b) + 0, float);
    case "%":
      return makeNumber(modulo(a, b), float);
    case "**":
      return makeNumber(a ** b, float || b < 0);
    default:
      throw new ExpressionError(`cannot work out a number ${operator} a number`);
  }
}

/** The remainder with the sign of the divisor, as in Python. */
function modulo(a: number, b: number): number {
  const remainder = a % b;
  return remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder;
}

/** How an expression asks for a value: `order.lines[0].sku`. */
function describe(node: Node): string {
  switch (node.type) {
    case "name":
      return node.name;
    case "literal":
      return JSON.stringify(node.value);
    case "member": {
      const object = describe(node.object);
      return node.isDotted && node.key.type === "literal" ? `${object}.${String(node.key.value)}` : `${object}[${describe(node.key)}]`;
    }
    case "call":
      return `${describe(node.callee)}()`;
    case "filter":
      return `${describe(node.operand)} | ${node.filter.name}`;
    default:
      return "…";
  }
}
