/** What the parser makes of an expression. */
export type Statement =
  | { readonly type: "text"; readonly value: string }
  | { readonly type: "output"; readonly value: Node }
  | { readonly type: "if"; readonly branches: readonly Branch[]; readonly otherwise: Body }
  | {
      readonly type: "for";
      readonly target: Target;
      readonly iterable: Node;
      readonly condition: Node | null;
      readonly recursive: boolean;
      readonly body: Body;
      readonly otherwise: Body;
    }
  | { readonly type: "set"; readonly target: Target; readonly value: Node }
  | { readonly type: "set_block"; readonly target: Target; readonly filters: readonly FilterCall[]; readonly body: Body }
  | { readonly type: "with"; readonly bindings: readonly { readonly target: Target; readonly value: Node }[]; readonly body: Body }
  | { readonly type: "filter_block"; readonly filters: readonly FilterCall[]; readonly body: Body }
  | ({ readonly type: "macro"; readonly name: string } & MacroParts)
  | ({ readonly type: "call_block"; readonly call: Node & { type: "call" } } & MacroParts);

export type Body = readonly Statement[];
export interface Branch {
  readonly test: Node;
  readonly body: Body;
}
export interface MacroParts {
  readonly parameters: readonly { readonly name: string; readonly fallback: Node | null }[];
  readonly body: Body;
}

/** What can be assigned to. */
export type Target =
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "field"; readonly namespace: string; readonly field: string }
  | { readonly type: "targets"; readonly targets: readonly Target[] };

export type Node =
  | { readonly type: "literal"; readonly value: string | number | boolean | null; readonly isFloat: boolean }
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "list"; readonly items: readonly Node[] }
  | { readonly type: "dict"; readonly entries: readonly { readonly key: Node; readonly value: Node }[] }
  /** `isDotted`: written as `a.key`, so that methods are meant too. */
  | { readonly type: "member"; readonly object: Node; readonly key: Node; readonly isDotted: boolean }
  | { readonly type: "slice"; readonly object: Node; readonly bounds: readonly [Node | null, Node | null, Node | null] }
  | { readonly type: "call"; readonly callee: Node; readonly args: ArgumentNodes }
  | { readonly type: "filter"; readonly operand: Node; readonly filter: FilterCall }
  | { readonly type: "test"; readonly operand: Node; readonly name: string; readonly args: ArgumentNodes; readonly isNegated: boolean }
  | { readonly type: "unary"; readonly operator: "-" | "+" | "not"; readonly operand: Node }
  | { readonly type: "binary"; readonly operator: BinaryOperator; readonly left: Node; readonly right: Node }
  /** `a < b < c` asks both, as in Python. */
  | { readonly type: "compare"; readonly first: Node; readonly rest: readonly { readonly operator: Comparison; readonly operand: Node }[] }
  | { readonly type: "conditional"; readonly test: Node; readonly value: Node; readonly otherwise: Node | null };

export type BinaryOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**" | "~" | "and" | "or";
export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";

export interface FilterCall {
  readonly name: string;
  readonly args: ArgumentNodes;
}
export interface ArgumentNodes {
  readonly positional: readonly { readonly value: Node; readonly isSpread: boolean }[];
  /** A null name is `**value`. */
  readonly named: readonly { readonly name: string | null; readonly value: Node }[];
}
