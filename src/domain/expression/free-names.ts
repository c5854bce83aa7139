import { checkFunction, checkMethod } from "./calls.ts";
import type { ArgumentNodes, Body, FilterCall, Node, Statement, Target } from "./ast.ts";

/**
 * The names that an expression reads and does not define itself, in the order of their first use.
 * @throws ExpressionError when it calls what cannot be there
 */
export function freeNames(body: Body, builtIn: ReadonlySet<string>): string[] {
  const free = new Set<string>();
  visitBody(body, new Set(builtIn));
  return [...free];

  function visitBody(statements: Body, bound: Set<string>): void {
    for (const statement of statements) if (statement.type === "macro") bound.add(statement.name); // a macro may call a later one
    for (const statement of statements) visitStatement(statement, bound);
  }

  /** @param bound grows by what the statement defines for those after it */
  function visitStatement(statement: Statement, bound: Set<string>): void {
    switch (statement.type) {
      case "text":
        return;
      case "output":
        return visit(statement.value, bound);
      case "if":
        for (const branch of statement.branches) {
          visit(branch.test, bound);
          visitBody(branch.body, bound);
        }
        return visitBody(statement.otherwise, bound);
      case "for": {
        visit(statement.iterable, bound);
        const inside = new Set([...bound, "loop"]);
        bind(statement.target, inside);
        if (statement.condition) visit(statement.condition, inside);
        visitBody(statement.body, inside);
        return visitBody(statement.otherwise, new Set(bound));
      }
      case "set":
        visit(statement.value, bound);
        return bind(statement.target, bound);
      case "set_block":
        visitFilters(statement.filters, bound);
        visitBody(statement.body, new Set(bound));
        return bind(statement.target, bound);
      case "with": {
        const inside = new Set(bound);
        for (const { target, value } of statement.bindings) {
          visit(value, bound);
          bind(target, inside);
        }
        return visitBody(statement.body, inside);
      }
      case "filter_block":
        visitFilters(statement.filters, bound);
        return visitBody(statement.body, new Set(bound));
      case "macro":
        return visitMacro(statement, bound);
      case "call_block":
        visit(statement.call, bound);
        return visitMacro(statement, bound);
    }
  }

  function visitMacro({ parameters, body: inner }: Statement & { type: "macro" | "call_block" }, bound: Set<string>): void {
    const inside = new Set([...bound, "caller", "varargs", "kwargs"]);
    for (const { name, fallback } of parameters) {
      if (fallback) visit(fallback, bound);
      inside.add(name);
    }
    visitBody(inner, inside);
  }

  function visit(node: Node, bound: ReadonlySet<string>): void {
    switch (node.type) {
      case "literal":
        return;
      case "name":
        if (!bound.has(node.name)) free.add(node.name);
        return;
      case "list":
        return node.items.forEach((item) => visit(item, bound));
      case "dict":
        return node.entries.forEach(({ key, value }) => visitAll([key, value], bound));
      case "member":
        return visitAll([node.object, node.key], bound);
      case "slice":
        return visitAll([node.object, ...node.bounds], bound);
      case "call":
        checkCall(node.callee, bound);
        visit(node.callee, bound);
        return visitArguments(node.args, bound);
      case "filter":
        visit(node.operand, bound);
        return visitArguments(node.filter.args, bound);
      case "test":
        visit(node.operand, bound);
        return visitArguments(node.args, bound);
      case "unary":
        return visit(node.operand, bound);
      case "binary":
        return visitAll([node.left, node.right], bound);
      case "compare":
        return visitAll([node.first, ...node.rest.map(({ operand }) => operand)], bound);
      case "conditional":
        return visitAll([node.value, node.test, node.otherwise], bound);
    }
  }

  function checkCall(callee: Node, bound: ReadonlySet<string>): void {
    if (callee.type === "name" && !bound.has(callee.name)) checkFunction(callee.name);
    if (callee.type !== "member" || !callee.isDotted || !isData(callee.object, bound)) return;
    if (callee.key.type === "literal" && typeof callee.key.value === "string") checkMethod(callee.key.value);
  }

  /** Is this a text, or a part of what the expression was given? Then nothing but methods can be called on it. */
  function isData(node: Node, bound: ReadonlySet<string>): boolean {
    switch (node.type) {
      case "literal":
        return true;
      case "name":
        return !bound.has(node.name);
      case "member":
      case "slice":
        return isData(node.object, bound);
      case "call":
        return node.callee.type === "member" && isData(node.callee.object, bound);
      case "filter":
        return node.filter.args.positional.length + node.filter.args.named.length === 0 && isData(node.operand, bound);
      default:
        return false;
    }
  }

  function visitAll(nodes: readonly (Node | null)[], bound: ReadonlySet<string>): void {
    for (const node of nodes) if (node) visit(node, bound);
  }

  function visitFilters(filters: readonly FilterCall[], bound: ReadonlySet<string>): void {
    for (const { args } of filters) visitArguments(args, bound);
  }

  function visitArguments({ positional, named }: ArgumentNodes, bound: ReadonlySet<string>): void {
    for (const { value } of [...positional, ...named]) visit(value, bound);
  }

  function bind(target: Target, bound: Set<string>): void {
    if (target.type === "name") bound.add(target.name);
    else if (target.type === "targets") for (const inner of target.targets) bind(inner, bound);
    else if (!bound.has(target.namespace)) free.add(target.namespace); // `ns.field = …` reads `ns`
  }
}
