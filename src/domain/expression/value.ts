/** The values that expressions work with: JSON, and what Jinja has besides. */
import { isJsonObject, type Json } from "../json.ts";
import { type Budget, EXPRESSION_LIMITS, ExpressionError } from "./limits.ts";

export type Value = null | boolean | number | string | List | Dict | Float | Undefined | Callable | Namespace;
export type List = readonly Value[];
export interface Dict {
  readonly [key: string]: Value;
}

/** A float that is a whole number, which Python shows with `.0`. All other numbers are plain: whole ones are integers. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** What is not there. `name` is how the expression asks for it. */
export class Undefined {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** Something to call: a method, a macro, a global function. */
export class Callable {
  readonly name: string;
  readonly run: (args: Arguments) => Value;
  constructor(name: string, run: (args: Arguments) => Value) {
    this.name = name;
    this.run = run;
  }
}

/** The only object whose fields an expression can set, which is how a loop hands something out. */
export class Namespace {
  readonly #make: () => Iterable<readonly [string, Value]>;
  #fields: Map<string, Value> | null = null;
  /** @param make is asked when a field is, which of most loops' states never happens */
  constructor(make: () => Iterable<readonly [string, Value]>) {
    this.#make = make;
  }
  get fields(): Map<string, Value> {
    this.#fields ??= new Map(this.#make());
    return this.#fields;
  }
}

/** A pair of `groupby`, which is read by position or by name. */
export class Group extends Array<Value> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
  static pair(grouper: Value, list: List): Group {
    const group = new Group();
    group.push(grouper, list);
    return group;
  }
  get grouper(): Value {
    return this[0] ?? null;
  }
  get list(): Value {
    return this[1] ?? null;
  }
}

/** Lists and objects that the expression made itself, and may change: what it was given is the run's. */
export type Owned = WeakSet<object>;

export function own<T extends object>(value: T, owned: Owned): T {
  owned.add(value);
  return value;
}

export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

export function isList(value: Value): value is List {
  return Array.isArray(value);
}

export function isDict(value: Value): value is Dict {
  return (
    isJsonObject(value) &&
    !(value instanceof Float || value instanceof Undefined || value instanceof Callable || value instanceof Namespace)
  );
}

/** The number that a value is in arithmetic, where booleans count as 0 and 1; null for all others. */
export function numberOf(value: Value): number | null {
  if (typeof value === "number") return value;
  if (value instanceof Float) return value.value;
  return typeof value === "boolean" ? Number(value) : null;
}

export function isFloat(value: Value): boolean {
  return value instanceof Float || (typeof value === "number" && !Number.isInteger(value));
}

/** @throws ExpressionError for what is no number, and for an integer that would lose digits */
export function makeNumber(result: number, asFloat: boolean): Value {
  if (!Number.isFinite(result)) throw new ExpressionError("gives no finite number");
  if (asFloat) return Number.isInteger(result) ? new Float(result) : result;
  if (!Number.isSafeInteger(result))
    throw new ExpressionError(`gives an integer beyond ${Number.MAX_SAFE_INTEGER}, which would lose digits`);
  return result === 0 ? 0 : result;
}

/** Python's truth: empty texts, lists and objects, 0 and none are false. */
export function isTruthy(value: Value, budget: Budget): boolean {
  if (value instanceof Undefined) return false;
  if (value instanceof Float) return value.value !== 0;
  if (isList(value)) return value.length > 0;
  if (isDict(value)) return keyCount(value, budget) > 0;
  return Boolean(value);
}

/** Key and value of each of an object's. */
export function entriesOf(value: Dict, budget: Budget): [string, Value][] {
  const entries = Object.entries(value);
  budget.spend(entries.length);
  return entries;
}

/** JavaScript goes through the keys to count them. */
function keyCount(value: Dict, budget: Budget): number {
  const { length } = Object.keys(value);
  budget.spend(length / 4);
  return length;
}

/** What a value is called in messages. */
export function typeName(value: Value): string {
  if (value === null) return "null";
  if (value instanceof Undefined) return "an undefined value";
  if (value instanceof Callable) return "a function";
  if (value instanceof Namespace) return "a namespace";
  if (typeof value === "string") return "a text";
  if (typeof value === "boolean") return "a boolean";
  return isList(value) ? "a list" : isDict(value) ? "an object" : "a number";
}

export function undefinedError({ name }: Undefined): ExpressionError {
  return new ExpressionError(`'${name}' is undefined`);
}

/** A value as data. @throws ExpressionError for functions, for what is undefined, and for what is nested too deeply */
export function toJson(value: Value, budget: Budget, depth = 0): Json {
  budget.spend(1);
  if (value instanceof Undefined) throw undefinedError(value);
  if (value instanceof Callable) throw new ExpressionError(`gives the function ${value.name}(), which is not a value; call it`);
  if (value instanceof Float) return value.value;
  if (typeof value === "string") budget.read(value.length);
  if (value === null || typeof value !== "object") return value;
  if (depth >= EXPRESSION_LIMITS.depth) throw new ExpressionError(`makes a value of more than ${EXPRESSION_LIMITS.depth} levels`);
  if (isList(value)) return value.map((item) => toJson(item, budget, depth + 1));
  const entries = value instanceof Namespace ? [...value.fields] : Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [key, toJson(item, budget, depth + 1)]));
}

export interface JsonStyle {
  readonly indent?: number;
  readonly sortKeys?: boolean;
  /** Characters beyond ASCII as `\u…`. */
  readonly ascii?: boolean;
  /** Between items, and between key and value. */
  readonly separators?: readonly [string, string];
}

/** JSON text as Python's `json.dumps` writes it: `[1, {"a": 2}]`. */
export function jsonText(value: Value, budget: Budget, style: JsonStyle = {}): string {
  const { indent = 0, sortKeys = false, ascii = false } = style;
  const [comma, colon] = style.separators ?? [indent > 0 ? "," : ", ", ": "];
  return write(toJson(value, budget), 0);

  function write(json: Json, depth: number): string {
    if (Array.isArray(json))
      return wrap(
        "[",
        "]",
        json.map((item: Json) => write(item, depth + 1)),
        depth,
      );
    if (isJsonObject(json)) {
      const entries = Object.entries(json);
      if (sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      return wrap(
        "{",
        "}",
        entries.map(([key, item]) => scalar(key) + colon + write(item, depth + 1)),
        depth,
      );
    }
    return scalar(json);
  }

  function scalar(json: Json): string {
    const text = JSON.stringify(json);
    budget.spend(0.5);
    budget.spendText(text.length);
    if (!ascii) return text;
    return text.replaceAll(/[\u007f-\uffff]/g, (sign) => {
      budget.spend(0.1);
      return `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
  }

  function wrap(open: string, close: string, items: readonly string[], depth: number): string {
    const separator = indent > 0 && items.length > 0 ? `\n${" ".repeat(indent * (depth + 1))}` : "";
    const last = separator === "" ? "" : `\n${" ".repeat(indent * depth)}`;
    budget.spendText(items.length * (comma.length + separator.length) + last.length);
    return open + separator + items.join(comma + separator) + last + close;
  }
}

/** A value in the middle of a text: lists and objects as JSON, null as nothing. */
export function toText(value: Value, budget: Budget): string {
  if (typeof value === "string") return value;
  if (value === null) return "";
  if (typeof value === "boolean") return String(value);
  if (value instanceof Undefined) throw undefinedError(value);
  const number = numberOf(value);
  return number === null ? jsonText(value, budget) : numberText(number, isFloat(value));
}

/** A number as Python shows it. */
function numberText(value: number, asFloat: boolean): string {
  if (!asFloat) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  const text = Object.is(value, -0) ? "-0" : String(value);
  return text.includes(".") ? text : `${text}.0`;
}

/** Deep equality, as Python has it: 1, 1.0 and true are equal. */
export function isEqual(a: Value, b: Value, budget: Budget, depth = 0): boolean {
  budget.spend(0.25);
  if (a === b) return true;
  if (typeof a === "string" && typeof b === "string") {
    if (a.length === b.length) budget.read(a.length);
    return a === b;
  }
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== null || right !== null) return left === right;
  if (depth >= EXPRESSION_LIMITS.depth) throw new ExpressionError(`compares values of more than ${EXPRESSION_LIMITS.depth} levels`);
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, index) => isEqual(item, b[index] ?? null, budget, depth + 1));
  if (!isDict(a) || !isDict(b)) return false;
  const keys = Object.keys(a);
  budget.spend(keys.length / 4);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key] ?? null, b[key] ?? null, budget, depth + 1))
  );
}

/** The order of two numbers, texts or lists: below 0, 0 or above. @throws ExpressionError for other pairs */
export function compare(a: Value, b: Value, budget: Budget, depth = 0): number {
  budget.spend(0.25);
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== null && right !== null) return left - right;
  if (typeof a === "string" && typeof b === "string") {
    budget.read(Math.min(a.length, b.length));
    return a < b ? -1 : a > b ? 1 : 0;
  }
  if (isList(a) && isList(b) && depth < EXPRESSION_LIMITS.depth) {
    for (const [index, item] of a.entries()) {
      const other = b[index];
      if (other === undefined) return 1;
      if (item === other) continue; // nulls have no order, and need none here
      const order = compare(item, other, budget, depth + 1);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  for (const value of [a, b]) if (value instanceof Undefined) throw undefinedError(value);
  throw new ExpressionError(`cannot compare ${typeName(a)} with ${typeName(b)}`);
}

/** Is `item` in a list, a key of an object, a part of a text? */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  if (typeof container === "string") {
    if (typeof item !== "string") throw new ExpressionError(`cannot look for ${typeName(item)} in a text`);
    budget.read(container.length);
    return container.includes(item);
  }
  if (isList(container)) return container.some((other) => isEqual(item, other, budget));
  if (isDict(container)) return Object.hasOwn(container, toText(item, budget));
  throw new ExpressionError(`cannot look for something in ${typeName(container)}`);
}

/** What a loop goes over: the items of a list, the keys of an object, the characters of a text. */
export function itemsOf(value: Value, budget: Budget): List {
  if (value instanceof Undefined) throw undefinedError(value);
  let items: List;
  if (isList(value)) items = value;
  else if (typeof value === "string") {
    budget.spend(value.length / 4);
    items = Array.from(value);
  } else if (isDict(value)) items = Object.keys(value);
  else throw new ExpressionError(`cannot go over ${typeName(value)}`);
  budget.spend(items.length / 4);
  return items;
}

/** The item at a place, which may be null, or else what is given. @param index from the end when it is negative */
export function itemAt(items: List, index: number, otherwise: () => Value): Value {
  const item = items.at(index);
  return item === undefined ? otherwise() : item;
}

/** Characters of a text as Python counts them, a list's items, an object's keys. */
export function lengthOf(value: Value, budget: Budget): number {
  if (isList(value)) return value.length;
  if (typeof value === "string") return characterCount(value, budget);
  if (isDict(value)) return keyCount(value, budget);
  if (value instanceof Undefined) throw undefinedError(value);
  throw new ExpressionError(`${typeName(value)} has no length`);
}

export function characterCount(text: string, budget: Budget): number {
  budget.read(text.length);
  if (!/[\ud800-\udfff]/.test(text)) return text.length;
  budget.spend(text.length / 20);
  let pairs = 0;
  for (let index = 1; index < text.length; index++) if (isLow(text.charCodeAt(index)) && isHigh(text.charCodeAt(index - 1))) pairs += 1;
  return text.length - pairs;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Python's `object[start:stop:step]`. */
export function slice(value: Value, bounds: readonly (Value | null)[], budget: Budget): Value {
  if (value instanceof Undefined) throw undefinedError(value);
  if (typeof value !== "string" && !isList(value)) throw new ExpressionError(`cannot take a part of ${typeName(value)}`);
  const [start, stop, step] = bounds.map((bound) => (bound === null ? null : integer(bound, "the bound of a slice")));
  if (step === 0) throw new ExpressionError("the step of a slice cannot be 0");
  const by = step ?? 1;
  if (typeof value === "string" && by === 1 && characterCount(value, budget) === value.length) {
    return value.slice(start ?? 0, stop ?? value.length); // without surrogates: JavaScript counts as Python does
  }
  const items = typeof value === "string" ? itemsOf(value, budget) : value;
  const [low, high] = by > 0 ? [0, items.length] : [-1, items.length - 1];
  const clamp = (bound: number) => Math.min(Math.max(bound < 0 ? bound + items.length : bound, low), high);
  const from = start == null ? (by > 0 ? low : high) : clamp(start);
  const to = stop == null ? (by > 0 ? high : low) : clamp(stop);
  const taken: Value[] = [];
  for (let index = from; by > 0 ? index < to : index > to; index += by) taken.push(items[index] ?? null);
  budget.spend(taken.length / 4);
  return typeof value === "string" ? (taken as string[]).join("") : taken;
}

/** A key or a position as it stands in a path; nothing else names a part of a value. */
export function keyText(key: Value): string {
  return typeof key === "string" || typeof key === "number" || typeof key === "boolean" ? String(key) : "";
}

/** Pays for looking through a text; patterns are slow on signs beyond the first plane. */
export function readText(value: string, budget: Budget): void {
  budget.read(value.length);
  if (/[\ud800-\udfff]/.test(value)) budget.spend(value.length / 20);
}

/** The first characters of a text, as Python counts them. */
export function firstCharacters(value: string, count: number, budget: Budget): string {
  if (!/[\ud800-\udfff]/.test(value.slice(0, count * 2))) return value.slice(0, count);
  budget.spend(Math.min(count, value.length) / 4);
  return Array.from(value.slice(0, count * 2))
    .slice(0, count)
    .join("");
}

/** @throws ExpressionError when the value is no whole number; `what` begins the sentence */
export function integer(value: Value, what: string): number {
  const number = value instanceof Float ? null : numberOf(value);
  if (number === null || !Number.isInteger(number)) throw new ExpressionError(`${what} must be a whole number, not ${typeName(value)}`);
  return number;
}

/** @throws ExpressionError when the value is no text; `what` begins the sentence */
export function text(value: Value, what: string): string {
  if (typeof value === "string") return value;
  if (value instanceof Undefined) throw undefinedError(value);
  throw new ExpressionError(`${what} must be a text, not ${typeName(value)}`);
}
