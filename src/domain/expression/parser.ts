import type { ArgumentNodes, BinaryOperator, Body, Branch, Comparison, FilterCall, MacroParts, Node, Statement, Target } from "./ast.ts";
import { invalid, tokenize, type Token } from "./lexer.ts";
import { EXPRESSION_LIMITS, ExpressionError } from "./limits.ts";

/** What the parser asks of filters and tests where they are named. Both throw ExpressionError for a name or an argument that is not there. */
export interface Names {
  checkFilter(name: string, args: ArgumentNodes): void;
  checkTest(name: string, args: ArgumentNodes): void;
}

/** Reads Jinja: its expressions, and the tags that need no other templates. @throws ExpressionError */
export function parse(source: string, names: Names): Body {
  return new Parser(tokenize(source), names).template();
}

const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true], ["True", true], ["false", false], ["False", false], ["none", null], ["None", null],
]); // prettier-ignore
const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);
/** Words that end the operand before them, so they are no argument of a test: `x is odd and y`. */
const WORDS: ReadonlySet<string> = new Set(["and", "or", "else", "if", "in", "not", "is", "recursive"]);
const NO_ARGUMENTS: ArgumentNodes = { positional: [], named: [] };

/** Recursive descent, in the order of Jinja's own grammar: `if`, `or`, `and`, `not`, comparisons, `+ -`, `~`, `* / // %`, signs, `**`. */
class Parser {
  readonly #tokens: readonly Token[];
  readonly #names: Names;
  #at = 0;
  #nesting = 0;
  #operators = 0;

  constructor(tokens: readonly Token[], names: Names) {
    this.#tokens = tokens;
    this.#names = names;
  }

  template(): Body {
    const { body } = this.#body([]);
    return body;
  }

  /** Statements up to one of the tags, which is taken up to its name. @returns which it was; empty at the end of the source */
  #body(ends: readonly string[]): { body: Body; end: string } {
    const body: Statement[] = [];
    for (let token = this.#tokens[this.#at]; token !== undefined; token = this.#tokens[this.#at]) {
      this.#at += 1;
      this.#operators = 0;
      if (token.type === "text") body.push({ type: "text", value: token.text });
      else if (token.text === "{{") {
        body.push({ type: "output", value: this.#sequence() });
        this.#close("}}");
      } else {
        const tag = this.#name("a tag has a name, as in {% if … %}");
        if (ends.includes(tag)) return { body, end: tag };
        body.push(this.#nested(() => this.#statement(tag)));
      }
    }
    if (ends.length > 0) throw invalid(`a block is not closed; write {% ${ends.at(-1)} %}`);
    return { body, end: "" };
  }

  #statement(tag: string): Statement {
    switch (tag) {
      case "if":
        return this.#if();
      case "for":
        return this.#for();
      case "set":
        return this.#set();
      case "with":
        return this.#with();
      case "filter":
        return { type: "filter_block", filters: this.#filters(), body: this.#closedBody("endfilter") };
      case "macro": {
        const name = this.#name("a macro has a name");
        return { type: "macro", name, parameters: this.#parameters(), body: this.#closedBody("endmacro") };
      }
      case "call": {
        const parameters = this.#isOperator("(") ? this.#parameters() : [];
        const call = this.#unary();
        if (call.type !== "call") throw invalid("{% call %} is followed by the call of a macro");
        return { type: "call_block", call, parameters, body: this.#closedBody("endcall") };
      }
      default:
        throw invalid(
          /^(?:include|import|from|extends|block)$/.test(tag)
            ? `{% ${tag} %} needs other templates, and there are none`
            : `there is no tag {% ${tag} %}`,
        );
    }
  }

  #if(): Statement {
    const branches: Branch[] = [];
    let end = "elif";
    while (end === "elif") {
      const test = this.#sequence();
      this.#close("%}");
      const part = this.#body(["elif", "else", "endif"]);
      branches.push({ test, body: part.body });
      end = part.end;
    }
    if (end === "endif") return this.#ended({ type: "if", branches, otherwise: [] });
    return { type: "if", branches, otherwise: this.#closedBody("endif") };
  }

  #for(): Statement {
    const target = this.#target();
    if (!this.#takeWord("in")) throw invalid("{% for x in … %} needs its 'in'");
    const iterable = this.#tupleOf(() => this.#or());
    const condition = this.#takeWord("if") ? this.#expression() : null;
    const recursive = this.#takeWord("recursive");
    this.#close("%}");
    const { body, end } = this.#body(["else", "endfor"]);
    const parts = { type: "for", target, iterable, condition, recursive, body } as const;
    return end === "else" ? { ...parts, otherwise: this.#closedBody("endfor") } : this.#ended({ ...parts, otherwise: [] });
  }

  #set(): Statement {
    const target = this.#target();
    if (this.#takeOperator("=")) return this.#ended({ type: "set", target, value: this.#sequence() });
    const filters = this.#isOperator("|") ? this.#pipe() : [];
    return { type: "set_block", target, filters, body: this.#closedBody("endset") };
  }

  #with(): Statement {
    const bindings: { target: Target; value: Node }[] = [];
    while (!this.#isClose()) {
      if (bindings.length > 0) this.#operator(",");
      const target = this.#target();
      this.#operator("=");
      bindings.push({ target, value: this.#expression() });
    }
    return { type: "with", bindings, body: this.#closedBody("endwith") };
  }

  #parameters(): MacroParts["parameters"] {
    const parameters: { name: string; fallback: Node | null }[] = [];
    this.#operator("(");
    while (!this.#takeOperator(")")) {
      if (parameters.length > 0) this.#operator(",");
      const name = this.#name("a parameter has a name");
      parameters.push({ name, fallback: this.#takeOperator("=") ? this.#expression() : null });
    }
    return parameters;
  }

  /** The end of the tag that is open, what follows, and the whole tag that ends it. */
  #closedBody(end: string): Body {
    this.#close("%}");
    const { body } = this.#body([end]);
    return this.#ended(body);
  }

  #ended<T>(result: T): T {
    this.#close("%}");
    return result;
  }

  #target(): Target {
    const targets: Target[] = [];
    do {
      if (targets.length > 0 && (this.#isWord("in") || this.#isOperator("=") || this.#isOperator(")"))) break;
      targets.push(this.#oneTarget());
    } while (this.#takeOperator(","));
    const [only] = targets;
    return targets.length === 1 && only !== undefined ? only : { type: "targets", targets };
  }

  #oneTarget(): Target {
    if (this.#takeOperator("(")) {
      const inner = this.#target();
      this.#operator(")");
      return inner;
    }
    const name = this.#name("a name is expected");
    if (CONSTANTS.has(name)) throw invalid(`'${name}' cannot be given a value`);
    if (!this.#takeOperator(".")) return { type: "name", name };
    return { type: "field", namespace: name, field: this.#name("a name is expected after the dot") };
  }

  // ---------------------------------------------------------------------------------------------- expressions

  /** An expression, or several with commas between them, which are a list. */
  #sequence(): Node {
    return this.#tupleOf(() => this.#expression());
  }

  #tupleOf(read: () => Node): Node {
    const first = read();
    if (!this.#isOperator(",")) return first;
    const items = [first];
    while (this.#takeOperator(",")) {
      if (this.#isClose() || this.#isOperator(")")) break;
      items.push(read());
    }
    return { type: "list", items };
  }

  #expression(): Node {
    return this.#nested(() => {
      const value = this.#or();
      if (!this.#takeWord("if")) return value;
      const test = this.#or();
      return { type: "conditional", test, value, otherwise: this.#takeWord("else") ? this.#expression() : null };
    });
  }

  #or(): Node {
    return this.#leftToRight(() => this.#and(), ["or"]);
  }

  #and(): Node {
    return this.#leftToRight(() => this.#not(), ["and"]);
  }

  #not(): Node {
    if (!this.#isWord("not")) return this.#comparison();
    this.#at += 1;
    return { type: "unary", operator: "not", operand: this.#nested(() => this.#not()) };
  }

  #comparison(): Node {
    const first = this.#sum();
    const rest: { operator: Comparison; operand: Node }[] = [];
    for (let operator = this.#comparisonOperator(); operator !== null; operator = this.#comparisonOperator()) {
      this.#link();
      rest.push({ operator, operand: this.#sum() });
    }
    return rest.length === 0 ? first : { type: "compare", first, rest };
  }

  #comparisonOperator(): Comparison | null {
    const token = this.#tokens[this.#at];
    if (token?.type === "operator" && COMPARISONS.has(token.text)) {
      this.#at += 1;
      return token.text as Comparison;
    }
    if (this.#takeWord("in")) return "in";
    const next = this.#tokens[this.#at + 1];
    if (!this.#isWord("not") || next?.type !== "name" || next.text !== "in") return null;
    this.#at += 2;
    return "not in";
  }

  #sum(): Node {
    return this.#leftToRight(() => this.#concatenation(), ["+", "-"]);
  }

  #concatenation(): Node {
    return this.#leftToRight(() => this.#product(), ["~"]);
  }

  #product(): Node {
    return this.#leftToRight(() => this.#power(), ["*", "/", "//", "%"]);
  }

  #power(): Node {
    return this.#leftToRight(() => this.#unary(), ["**"]);
  }

  #leftToRight(operand: () => Node, operators: readonly BinaryOperator[]): Node {
    let left = operand();
    for (;;) {
      const token = this.#tokens[this.#at];
      const operator = operators.find((sign) => (token?.type === "operator" || token?.type === "name") && token.text === sign);
      if (operator === undefined) return left;
      this.#at += 1;
      this.#link();
      left = { type: "binary", operator, left, right: operand() };
    }
  }

  /** @param filters false for the operand of a sign: `-x | abs` is the absolute value of -x */
  #unary(filters = true): Node {
    const sign = this.#isOperator("-") ? "-" : this.#isOperator("+") ? "+" : null;
    let node: Node;
    if (sign === null) node = this.#postfix(this.#primary());
    else {
      this.#at += 1;
      node = { type: "unary", operator: sign, operand: this.#nested(() => this.#unary(false)) };
    }
    return filters ? this.#piped(node) : node;
  }

  #primary(): Node {
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (token?.type === "number") return { type: "literal", value: token.value, isFloat: token.isFloat };
    if (token?.type === "string") {
      let value = token.text;
      for (let next = this.#tokens[this.#at]; next?.type === "string"; next = this.#tokens[this.#at]) {
        value += next.text;
        this.#at += 1;
      }
      return { type: "literal", value, isFloat: false };
    }
    if (token?.type === "name" && !WORDS.has(token.text)) {
      const constant = CONSTANTS.get(token.text);
      return constant === undefined ? { type: "name", name: token.text } : { type: "literal", value: constant, isFloat: false };
    }
    if (token?.type === "operator" && token.text === "(") {
      if (this.#takeOperator(")")) return { type: "list", items: [] };
      const inner = this.#sequence();
      this.#operator(")");
      return inner;
    }
    if (token?.type === "operator" && token.text === "[") return { type: "list", items: this.#items("]", () => this.#expression()) };
    if (token?.type === "operator" && token.text === "{") return { type: "dict", entries: this.#items("}", () => this.#entry()) };
    throw unexpected(token, "a value is expected");
  }

  #entry(): { key: Node; value: Node } {
    const key = this.#expression();
    this.#operator(":");
    return { key, value: this.#expression() };
  }

  #items<T>(end: string, read: () => T): T[] {
    const items: T[] = [];
    while (!this.#takeOperator(end)) {
      if (items.length > 0) {
        this.#operator(",");
        if (this.#takeOperator(end)) break;
      }
      items.push(read());
    }
    return items;
  }

  #postfix(start: Node): Node {
    let node = start;
    for (;;) {
      if (this.#takeOperator(".")) node = { type: "member", object: node, key: this.#key(), isDotted: true };
      else if (this.#takeOperator("[")) node = this.#subscript(node);
      else if (this.#isOperator("(")) node = { type: "call", callee: node, args: this.#arguments() };
      else return node;
      this.#link();
    }
  }

  #key(): Node {
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (token?.type === "name") return { type: "literal", value: token.text, isFloat: false };
    if (token?.type === "number") return { type: "literal", value: token.value, isFloat: false };
    throw unexpected(token, "a name is expected after the dot");
  }

  #subscript(object: Node): Node {
    const bounds: (Node | null)[] = [null];
    while (!this.#takeOperator("]")) {
      if (this.#takeOperator(":")) bounds.push(null);
      else if (bounds.at(-1) === null) bounds[bounds.length - 1] = this.#expression();
      else throw unexpected(this.#tokens[this.#at], "] is expected");
    }
    const [start = null, stop = null, step = null] = bounds;
    if (bounds.length > 3) throw invalid("a slice has at most a start, a stop and a step");
    if (bounds.length > 1) return { type: "slice", object, bounds: [start, stop, step] };
    if (start === null) throw invalid("a key or an index is expected between [ and ]");
    return { type: "member", object, key: start, isDotted: false };
  }

  #arguments(): ArgumentNodes {
    const positional: { value: Node; isSpread: boolean }[] = [];
    const named: { name: string | null; value: Node }[] = [];
    this.#operator("(");
    this.#items(")", () => {
      const [token, next] = [this.#tokens[this.#at], this.#tokens[this.#at + 1]];
      if (this.#takeOperator("**")) named.push({ name: null, value: this.#expression() });
      else if (this.#takeOperator("*")) positional.push({ value: this.#expression(), isSpread: true });
      else if (token?.type === "name" && next?.type === "operator" && next.text === "=") {
        this.#at += 2;
        if (named.some(({ name }) => name === token.text)) throw invalid(`the argument '${token.text}' is given twice`);
        named.push({ name: token.text, value: this.#expression() });
      } else if (named.length > 0) throw invalid("arguments without a name come before those with one");
      else positional.push({ value: this.#expression(), isSpread: false });
    });
    return { positional, named };
  }

  /** Filters and tests, which bind equally. */
  #piped(start: Node): Node {
    let node = start;
    for (;;) {
      this.#link();
      if (this.#isOperator("|")) for (const filter of this.#pipe()) node = { type: "filter", operand: node, filter };
      else if (this.#takeWord("is")) node = this.#test(node);
      else if (this.#isOperator("(")) node = { type: "call", callee: node, args: this.#arguments() };
      else return node;
    }
  }

  /** `| a | b(…)` */
  #pipe(): FilterCall[] {
    this.#operator("|");
    return this.#filters();
  }

  /** `a | b(…)` */
  #filters(): FilterCall[] {
    const filters: FilterCall[] = [];
    do {
      this.#link();
      const name = this.#name("the name of a filter is expected after |");
      const args = this.#isOperator("(") ? this.#arguments() : NO_ARGUMENTS;
      this.#names.checkFilter(name, args);
      filters.push({ name, args });
    } while (this.#takeOperator("|"));
    return filters;
  }

  #test(operand: Node): Node {
    const isNegated = this.#takeWord("not");
    const name = this.#name("the name of a test is expected after 'is'");
    const args = this.#testArguments();
    this.#names.checkTest(name, args);
    return { type: "test", operand, name, args, isNegated };
  }

  /** In brackets, or one value without them: `is divisibleby 3`. */
  #testArguments(): ArgumentNodes {
    const token = this.#tokens[this.#at];
    if (this.#isOperator("(")) return this.#arguments();
    const begins =
      token?.type === "string" ||
      token?.type === "number" ||
      (token?.type === "name" && !WORDS.has(token.text)) ||
      this.#isOperator("[") ||
      this.#isOperator("{");
    return begins ? { positional: [{ value: this.#postfix(this.#primary()), isSpread: false }], named: [] } : NO_ARGUMENTS;
  }

  // --------------------------------------------------------------------------------------------------- tokens

  #nested<T>(read: () => T): T {
    this.#nesting += 1;
    if (this.#nesting > EXPRESSION_LIMITS.nesting) {
      throw new ExpressionError(`is nested more than ${EXPRESSION_LIMITS.nesting} levels deep`);
    }
    const result = read();
    this.#nesting -= 1;
    return result;
  }

  #link(): void {
    this.#operators += 1;
    if (this.#operators > EXPRESSION_LIMITS.operators) {
      throw new ExpressionError(`has more than ${EXPRESSION_LIMITS.operators} operators in one tag`);
    }
  }

  #isOperator(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.type === "operator" && token.text === text;
  }

  #takeOperator(text: string): boolean {
    const is = this.#isOperator(text);
    if (is) this.#at += 1;
    return is;
  }

  #operator(text: string): void {
    if (!this.#takeOperator(text)) throw unexpected(this.#tokens[this.#at], `${text} is expected`);
  }

  #isWord(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.type === "name" && token.text === text;
  }

  #takeWord(text: string): boolean {
    const is = this.#isWord(text);
    if (is) this.#at += 1;
    return is;
  }

  #isClose(): boolean {
    return this.#tokens[this.#at]?.type === "close";
  }

  #close(text: "}}" | "%}"): void {
    const token = this.#tokens[this.#at];
    if (token?.type !== "close" || token.text !== text) throw unexpected(token, `${text} is expected`);
    this.#at += 1;
  }

  #name(expected: string): string {
    const token = this.#tokens[this.#at];
    if (token?.type !== "name") throw unexpected(token, expected);
    this.#at += 1;
    return token.text;
  }
}

function unexpected(token: Token | undefined, expected: string): ExpressionError {
  const found = token === undefined ? "the end" : token.type === "string" ? `'${token.text.slice(0, 40)}'` : token.text;
  return invalid(`${expected}, not ${found}`);
}
