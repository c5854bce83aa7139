/** The methods of Python's texts, lists and dictionaries that templates use. */
import { formatBraces } from "./format.ts";
import { ExpressionError } from "./limits.ts";
import { type Operation, operation, type Operations, type Runtime, variadic } from "./operation.ts";
import { capitalize, center, lines, occurrences, padding, replace, split, stripCharacters, titleCase } from "./text.ts";
import {
  characterCount,
  compare,
  type Dict,
  entriesOf,
  integer,
  isDict,
  isEqual,
  isList,
  isTruthy,
  itemAt,
  itemsOf,
  type List,
  own,
  readText,
  type Owned,
  slice,
  text,
  toText,
  Undefined,
  type Value,
} from "./value.ts";

type Method = Operation<Value>;

const onText = (signature: string, run: (value: string, args: readonly (Value | undefined)[], runtime: Runtime) => Value): Method =>
  operation(signature, (value, args, runtime) => {
    const content = text(value, "this");
    readText(content, runtime.budget);
    const result = run(content, args, runtime);
    if (typeof result === "string") runtime.budget.checkLength(result === content ? 0 : result.length);
    return result;
  });
/** `str.isdigit` and its like: every character, and at least one. */
const all = (pattern: RegExp): Method => onText("", (value) => pattern.test(value));
const strip = (side: "left" | "right" | "both"): Method =>
  onText("chars?", (value, [characters = null], { budget }) =>
    stripCharacters(value, characters === null ? null : text(characters, "the characters"), side, budget),
  );
const splitting = (fromEnd: boolean): Method =>
  onText("sep? maxsplit?", (value, [separator = null, limit = -1], { budget }) =>
    split(value, separator === null ? null : text(separator, "the separator"), integer(limit, "maxsplit"), fromEnd, budget),
  );
const finding = (fromEnd: boolean, mustExist: boolean): Method =>
  onText("sub start? end?", (value, [part = null, start = null, end = null], { budget }) => {
    const window = slice(value, [start, end, null], budget) as string;
    const wanted = text(part, "what is looked for");
    const at = fromEnd ? window.lastIndexOf(wanted) : window.indexOf(wanted);
    if (at < 0 && mustExist) throw new ExpressionError(`'${wanted.slice(0, 100)}' is not in the text`);
    if (at < 0) return -1;
    const offset = start === null ? 0 : integer(start, "the start");
    const skipped = offset < 0 ? Math.max(0, characterCount(value, budget) + offset) : offset;
    return skipped + characterCount(window.slice(0, at), budget);
  });
const parting = (fromEnd: boolean): Method =>
  onText("sep", (value, [separator = null]) => {
    const by = text(separator, "the separator");
    if (by === "") throw new ExpressionError("the separator of partition cannot be empty");
    const at = fromEnd ? value.lastIndexOf(by) : value.indexOf(by);
    if (at < 0) return fromEnd ? ["", "", value] : [value, "", ""];
    return [value.slice(0, at), by, value.slice(at + by.length)];
  });
const affix = (matches: (value: string, part: string) => boolean): Method =>
  onText("prefix start? end?", (value, [part = null, start = null, end = null], { budget }) => {
    const window = slice(value, [start, end, null], budget) as string;
    return (isList(part) ? part : [part]).some((one) => matches(window, text(one, "what is looked for")));
  });
const justified = (side: "left" | "right"): Method =>
  onText("width fillchar?", (value, [width = null, fill = " "], { budget }) => {
    const missing = padding(integer(width, "the width") - characterCount(value, budget), text(fill, "the fill"), budget);
    return side === "left" ? value + missing : missing + value;
  });

const TEXT_METHODS: Operations<Value> = new Map<string, Method>(
  Object.entries({
    capitalize: onText("", capitalize),
    casefold: onText("", (value) => value.toLowerCase().replaceAll("ß", "ss")),
    center: onText("width fillchar?", (value, [width = null, fill = " "], { budget }) =>
      center(value, integer(width, "the width"), text(fill, "the fill"), budget),
    ),
    count: onText("sub start? end?", (value, [part = null, start = null, end = null], { budget }) => {
      const window = slice(value, [start, end, null], budget) as string;
      const wanted = text(part, "what is counted");
      return wanted === "" ? characterCount(window, budget) + 1 : occurrences(window, wanted, Number.POSITIVE_INFINITY, budget).length;
    }),
    endswith: affix((value, part) => value.endsWith(part)),
    expandtabs: onText("tabsize?", (value, [size = 8], { budget }) => {
      let column = 0;
      let result = "";
      const width = integer(size, "the tabsize");
      for (const sign of itemsOf(value, budget) as string[]) {
        const part = sign === "\t" ? padding(width > 0 ? width - (column % width) : 0, " ", budget) : sign;
        column = sign === "\n" || sign === "\r" ? 0 : column + part.length;
        result += part;
        budget.checkLength(result.length);
      }
      return result;
    }),
    find: finding(false, false),
    format: variadic((value, args, runtime) => formatBraces(text(value, "the format"), args, lookUp, runtime)),
    index: finding(false, true),
    isalnum: all(/^[\p{L}\p{N}]+$/u),
    isalpha: all(/^\p{L}+$/u),
    isascii: onText("", (value) => !/[\u0080-\uffff]/.test(value)),
    isdecimal: all(/^\p{Nd}+$/u),
    isdigit: all(/^[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]+$/u),
    isidentifier: all(/^[\p{L}_][\p{L}\p{N}_]*$/u),
    islower: onText("", (value) => value === value.toLowerCase() && value !== value.toUpperCase()),
    isnumeric: all(/^\p{N}+$/u),
    isprintable: onText("", (value) => !/[\p{C}\p{Zl}\p{Zp}]|[^\P{Zs} ]/u.test(value)),
    isspace: all(/^\s+$/),
    istitle: onText("", (value, _args, { budget }) => value === titleCase(value, budget) && /\p{L}/u.test(value)),
    isupper: onText("", (value) => value === value.toUpperCase() && value !== value.toLowerCase()),
    join: operation("iterable", (value, [items = null], { budget }) => {
      const between = text(value, "the separator");
      let result = "";
      for (const [index, item] of itemsOf(items, budget).entries()) {
        result += (index === 0 ? "" : between) + text(item, `item ${index} of join`);
        budget.spend(0.25);
        budget.checkLength(result.length);
      }
      budget.spendText(result.length);
      return result;
    }),
    ljust: justified("left"),
    lower: onText("", (value) => value.toLowerCase()),
    lstrip: strip("left"),
    partition: parting(false),
    removeprefix: onText("prefix", (value, [prefix = null]) => {
      const part = text(prefix, "the prefix");
      return value.startsWith(part) ? value.slice(part.length) : value;
    }),
    removesuffix: onText("suffix", (value, [suffix = null]) => {
      const part = text(suffix, "the suffix");
      return part !== "" && value.endsWith(part) ? value.slice(0, -part.length) : value;
    }),
    replace: onText("old new count?", (value, [old = null, replacement = null, count = -1], { budget }) =>
      replace(value, text(old, "what is replaced"), text(replacement, "the replacement"), integer(count, "the count"), budget),
    ),
    rfind: finding(true, false),
    rindex: finding(true, true),
    rjust: justified("right"),
    rpartition: parting(true),
    rsplit: splitting(true),
    rstrip: strip("right"),
    split: splitting(false),
    splitlines: onText("keepends?", (value, [keep = false], { budget }) => lines(value, isTruthy(keep, budget), budget)),
    startswith: affix((value, part) => value.startsWith(part)),
    strip: strip("both"),
    swapcase: onText("", (value, _args, { budget }) =>
      value.replaceAll(/\p{L}+/gu, (word) => {
        budget.spend(1 + word.length / 4);
        return Array.from(word, (sign) => (sign === sign.toLowerCase() ? sign.toUpperCase() : sign.toLowerCase())).join("");
      }),
    ),
    title: onText("", (value, _args, { budget }) => titleCase(value, budget)),
    upper: onText("", (value) => value.toUpperCase()),
    zfill: onText("width", (value, [width = null], { budget }) => {
      const sign = /^[-+]/.exec(value)?.[0] ?? "";
      return sign + padding(integer(width, "the width") - characterCount(value, budget), "0", budget) + value.slice(sign.length);
    }),
  } satisfies Record<string, Method>),
);

/** One that changes the list and gives nothing, as in Python. */
const changing = (signature: string, run: (list: Value[], args: readonly (Value | undefined)[], runtime: Runtime) => Value): Method =>
  operation(signature, (value, args, runtime) => {
    runtime.budget.spend((value as List).length / 100);
    return run(requireOwned(value, runtime.owned) as Value[], args, runtime);
  });
const position = (list: List, wanted: Value, { budget }: Runtime): number => {
  const index = list.findIndex((item) => isEqual(item, wanted, budget));
  if (index < 0) throw new ExpressionError("the value is not in the list");
  return index;
};
const LIST_METHODS: Operations<Value> = new Map<string, Method>(
  Object.entries({
    append: changing("object", (list, [item = null]) => nothing(list.push(item))),
    copy: operation("", (value, _args, { budget, owned }) => own([...itemsOf(value, budget)], owned)),
    count: operation(
      "value",
      (value, [wanted = null], { budget }) => itemsOf(value, budget).filter((item) => isEqual(item, wanted, budget)).length,
    ),
    extend: changing("iterable", (list, [items = null], { budget }) => {
      for (const item of itemsOf(items, budget).slice()) list.push(item); // the list itself may be what is added
      return null;
    }),
    index: operation("value", (value, [wanted = null], runtime) => position(itemsOf(value, runtime.budget), wanted, runtime)),
    insert: changing("index object", (list, [index = null, item = null]) => nothing(list.splice(integer(index, "the index"), 0, item))),
    pop: changing("index?", (list, [index = -1]) => {
      const [taken] = list.splice(integer(index, "the index"), 1);
      if (taken === undefined) throw new ExpressionError("pop finds nothing at this place");
      return taken;
    }),
    remove: changing("value", (list, [wanted = null], runtime) => nothing(list.splice(position(list, wanted, runtime), 1))),
    reverse: changing("", (list) => {
      for (const [index, item] of list.toReversed().entries()) list[index] = item;
      return null;
    }),
    sort: changing("reverse?", (list, [reverse = false], { budget }) =>
      nothing(list.sort((a, b) => (isTruthy(reverse, budget) ? compare(b, a, budget) : compare(a, b, budget)))),
    ),
  } satisfies Record<string, Method>),
);

const valueAt = (value: Value, key: Value, { budget }: Runtime): Value | undefined => {
  const name = toText(key, budget);
  return Object.hasOwn(value as Dict, name) ? (value as Dict)[name] : undefined;
};
const DICT_METHODS: Operations<Value> = new Map<string, Method>(
  Object.entries({
    copy: operation("", (value, _args, runtime) => own(Object.fromEntries(entriesOf(value as Dict, runtime.budget)), runtime.owned)),
    get: operation("key default?", (value, [key = null, fallback = null], runtime) => {
      const found = valueAt(value, key, runtime);
      return found === undefined ? fallback : found;
    }),
    items: operation("", (value, _args, runtime) => entriesOf(value as Dict, runtime.budget)),
    keys: operation("", (value, _args, runtime) => entriesOf(value as Dict, runtime.budget).map(([key]) => key)),
    pop: operation("key default?", (value, [key = null, fallback], runtime) => {
      const found = valueAt(value, key, runtime);
      if (found === undefined && fallback === undefined) throw new ExpressionError("pop finds no such key");
      if (found === undefined) return fallback ?? null;
      delete ownedDict(value, runtime.owned)[toText(key, runtime.budget)];
      return found;
    }),
    setdefault: operation("key default?", (value, [key = null, fallback = null], runtime) => {
      const found = valueAt(value, key, runtime);
      if (found === undefined) define(ownedDict(value, runtime.owned), toText(key, runtime.budget), fallback);
      return found === undefined ? fallback : found;
    }),
    update: variadic((value, { positional, named }, runtime) => {
      const target = ownedDict(value, runtime.owned);
      for (const other of positional) {
        if (!isDict(other)) throw new ExpressionError("update needs an object");
        for (const [key, item] of entriesOf(other, runtime.budget)) define(target, key, item);
      }
      for (const [key, item] of named) define(target, key, item);
      return null;
    }),
    values: operation("", (value, _args, runtime) => entriesOf(value as Dict, runtime.budget).map(([, item]) => item)),
  } satisfies Record<string, Method>),
);

export const METHODS = { text: TEXT_METHODS, list: LIST_METHODS, object: DICT_METHODS } as const;
/** Names of all methods: of texts, lists and objects. */
export const METHOD_NAMES: ReadonlySet<string> = new Set(Object.values(METHODS).flatMap((methods) => [...methods.keys()]));

/** The method of that name which a value has. */
export function findMethod(value: Value, name: string): Method | undefined {
  if (typeof value === "string") return TEXT_METHODS.get(name);
  if (isList(value)) return LIST_METHODS.get(name);
  return isDict(value) ? DICT_METHODS.get(name) : undefined;
}

function requireOwned(value: Value, owned: Owned): object {
  if (typeof value === "object" && value !== null && owned.has(value)) return value;
  throw new ExpressionError("cannot change a value that was not made in this expression; take a copy: .copy()");
}

function ownedDict(value: Value, owned: Owned): Record<string, Value> {
  return requireOwned(value, owned) as Record<string, Value>;
}

/** Not by assignment, which would reach the prototype by the key `__proto__`. */
function define(target: Record<string, Value>, key: string, value: Value): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

/** The result of a method that changes its list. */
function nothing(_done: unknown): null {
  return null;
}

/** `{0.key}` and `{0[key]}` in a format. */
function lookUp(value: Value, key: string): Value {
  if (isList(value) && /^\d+$/.test(key)) return itemAt(value, Number(key), () => new Undefined(key));
  return isDict(value) && Object.hasOwn(value, key) ? (value[key] ?? null) : new Undefined(key);
}
