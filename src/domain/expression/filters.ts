/** Jinja's filters: all that are built in, except those whose result is another one each time. Lists and objects become text as JSON. */
import { formatPercent, roundHalfEven } from "./format.ts";
import { ExpressionError } from "./limits.ts";
import { type Operation, operation, type Operations, type Runtime, variadic } from "./operation.ts";
import {
  capitalize,
  center,
  escapeHtml,
  indent,
  makeLinks,
  percentEncode,
  replace,
  stripCharacters,
  stripTags,
  titleCase,
  truncate,
  wrapWords,
} from "./text.ts";
import {
  type Arguments,
  compare,
  entriesOf,
  Float,
  Group,
  integer,
  isDict,
  isList,
  isEqual,
  isTruthy,
  itemAt,
  keyText,
  itemsOf,
  jsonText,
  lengthOf,
  type List,
  makeNumber,
  isFloat,
  numberOf,
  readText,
  slice,
  text,
  toText,
  typeName,
  Undefined,
  type Value,
} from "./value.ts";

type Filter = Operation<Value>;

/** Filters of Jinja's that are not here, and why. */
export const REFUSED_FILTERS: ReadonlyMap<string, string> = new Map([
  ["random", "a run that is repeated must come to the same result. Take `| first`, or give the choice as a parameter"],
]);

/** A filter of the value's text. */
const ofText = (run: (value: string, runtime: Runtime) => Value): Filter =>
  operation("", (value, _args, runtime) => {
    const content = toText(value, runtime.budget);
    readText(content, runtime.budget);
    const result = run(content, runtime);
    if (typeof result === "string") runtime.budget.checkLength(result === content ? 0 : result.length);
    return result;
  });

const length = operation<Value>("", (value, _args, { budget }) => lengthOf(value, budget));
const escape = ofText((value, { budget }) => escapeHtml(value, budget));
const orElse = operation<Value>("default_value? boolean?", (value, [fallback = "", boolean = false], { budget }) =>
  value instanceof Undefined || (isTruthy(boolean, budget) && !isTruthy(value, budget)) ? fallback : value,
);

export const FILTERS: Operations<Value> = new Map<string, Filter>(
  Object.entries({
    // Numbers
    abs: operation("", (value) => makeNumber(Math.abs(number(value, "abs")), isFloat(value))),
    float: operation("default?", (value, [fallback = new Float(0)]) => {
      const parsed = typeof value === "string" ? parseFloatingPoint(value) : numberOf(value);
      return parsed === null || !Number.isFinite(parsed) ? fallback : makeNumber(parsed, true);
    }),
    int: operation("default? base?", (value, [fallback = 0, base = 10]) => {
      const parsed = typeof value === "string" ? parseInteger(value, integer(base, "the base")) : numberOf(value);
      return parsed === null || !Number.isFinite(parsed) ? fallback : makeNumber(Math.trunc(parsed), false);
    }),
    round: operation("precision? method?", (value, [precision = 0, method = "common"]) => {
      const [from, digits] = [number(value, "round"), integer(precision, "the precision")];
      if (Math.abs(digits) > 300) throw new ExpressionError("the precision must be between -300 and 300");
      if (method === "common") return makeNumber(roundHalfEven(from, digits), isFloat(value));
      if (method !== "ceil" && method !== "floor") throw new ExpressionError("the method of round must be common, ceil or floor");
      return makeNumber(Math[method](from * 10 ** digits) / 10 ** digits, true);
    }),
    filesizeformat: operation("binary?", (value, [binary = false], { budget }) => {
      const bytes = typeof value === "string" ? parseFloatingPoint(value) : null;
      return fileSize(bytes ?? number(value, "filesizeformat"), isTruthy(binary, budget));
    }),
    sum: operation("attribute? start?", (value, [attribute = null, start = 0], runtime) => {
      const items = itemsOf(value, runtime.budget).map((item) => attributeOf(item, attribute, runtime.budget));
      if (isList(start)) return items.reduce<List>((all, item) => joined(all, item, runtime.budget), start);
      let [total, asFloat] = [number(start, "sum"), isFloat(start)];
      for (const item of items) {
        total += number(item, "sum");
        asFloat ||= isFloat(item);
      }
      return makeNumber(total, asFloat);
    }),

    // Texts
    capitalize: ofText((value) => capitalize(value)),
    center: operation("width?", (value, [width = 80], { budget }) =>
      center(toText(value, budget), integer(width, "the width"), " ", budget),
    ),
    e: escape,
    escape,
    forceescape: escape,
    format: variadic((value, args, runtime) => formatPercent(text(value, "the format"), args, runtime)),
    indent: operation("width? first? blank?", (value, [width = 4, first = false, blank = false], { budget }) => {
      const prefix = typeof width === "string" ? width : center("", integer(width, "the width"), " ", budget);
      return indent(toText(value, budget), prefix, isTruthy(first, budget), isTruthy(blank, budget), budget);
    }),
    lower: ofText((value) => value.toLowerCase()),
    pprint: operation("", (value, _args, { budget }) => jsonText(value, budget, { indent: 2 })),
    replace: operation("old new count?", (value, [old = null, replacement = null, count = null], { budget }) =>
      replace(
        toText(value, budget),
        toText(old, budget),
        toText(replacement, budget),
        count === null ? -1 : integer(count, "the count"),
        budget,
      ),
    ),
    safe: operation("", (value) => value),
    string: operation("", (value, _args, { budget }) => toText(value, budget)),
    striptags: ofText((value, { budget }) => stripTags(value, budget)),
    title: ofText((value, { budget }) => titleCase(value, budget, /[^-\s({[<]+/g)),
    trim: operation("chars?", (value, [characters = null], { budget }) =>
      stripCharacters(toText(value, budget), characters === null ? null : text(characters, "the characters"), "both", budget),
    ),
    truncate: operation("length? killwords? end? leeway?", (value, [limit = 255, kill = false, end = "...", leeway = null], { budget }) => {
      const [most, slack] = [integer(limit, "the length"), leeway === null ? 5 : integer(leeway, "the leeway")];
      return truncate(toText(value, budget), most, isTruthy(kill, budget), text(end, "the end"), slack, budget);
    }),
    upper: ofText((value) => value.toUpperCase()),
    urlencode: operation("", (value, _args, { budget }) => {
      if (!isDict(value) && !isList(value)) return percentEncode(toText(value, budget), "/", budget);
      const quote = (part: Value) => percentEncode(toText(part, budget), "", budget).replaceAll("%20", "+");
      return pairsOf(value, budget)
        .map(([key, item]) => `${quote(key)}=${quote(item)}`)
        .join("&");
    }),
    urlize: operation(
      "trim_url_limit? nofollow? target? rel?",
      (value, [limit = null, nofollow = false, target = null, rel = null], { budget }) => {
        const relations = [
          "noopener",
          ...(isTruthy(nofollow, budget) ? ["nofollow"] : []),
          ...(rel === null ? [] : text(rel, "rel").split(/\s+/)),
        ];
        return makeLinks(
          toText(value, budget),
          {
            limit: limit === null ? null : integer(limit, "trim_url_limit"),
            rel: [...new Set(relations)].toSorted().join(" "),
            target: target === null ? null : text(target, "the target"),
          },
          budget,
        );
      },
    ),
    wordcount: ofText((value, { budget }) => {
      let count = 0;
      for (const _word of value.matchAll(/[\p{L}\p{N}_]+/gu)) {
        budget.spend(0.1);
        count += 1;
      }
      return count;
    }),
    wordwrap: operation(
      "width? break_long_words? wrapstring? break_on_hyphens?",
      (value, [width = 79, breakLong = true, separator = "\n", hyphens = true], { budget }) =>
        wrapWords(
          toText(value, budget),
          integer(width, "the width"),
          isTruthy(breakLong, budget),
          text(separator ?? "\n", "wrapstring"),
          isTruthy(hyphens, budget),
          budget,
        ),
    ),
    xmlattr: operation("autospace?", (value, [space = true], { budget }) => {
      if (!isDict(value)) throw new ExpressionError(`xmlattr needs an object, not ${typeName(value)}`);
      const attributes = pairsOf(value, budget).flatMap(([key, item]) => {
        if (item === null || item instanceof Undefined) return [];
        const name = toText(key, budget);
        if (/[\s/>=]/.test(name)) throw new ExpressionError(`'${name}' is no name of an attribute`);
        return [`${escapeHtml(name, budget)}="${escapeHtml(toText(item, budget), budget)}"`];
      });
      return (isTruthy(space, budget) && attributes.length > 0 ? " " : "") + attributes.join(" ");
    }),

    // JSON
    json: operation("", (value, _args, { budget }) => jsonText(value, budget, { separators: [",", ":"] })),
    tojson: operation(
      "indent? ensure_ascii? sort_keys? separators?",
      (value, [spaces = null, ascii = false, sort = false, separators = null], { budget }) => {
        const [comma, colon] = separators === null ? [] : itemsOf(separators, budget).map((part) => text(part, "a separator"));
        const json = jsonText(value, budget, {
          indent: spaces === null ? 0 : Math.min(16, integer(spaces, "the indent")),
          ascii: isTruthy(ascii, budget),
          sortKeys: isTruthy(sort, budget),
          ...(comma === undefined || colon === undefined ? {} : { separators: [comma, colon] }),
        });
        // As Jinja does, so that the text can stand in HTML; it is the same JSON.
        return json.replaceAll(/[<>&']/g, (sign) => {
          budget.spend(0.1);
          return `\\u00${sign.charCodeAt(0).toString(16)}`;
        });
      },
    ),

    // Any value
    attr: operation("name", (value, [name = null], { budget }) =>
      attributeOf(value, toText(name, budget), budget, `attr('${toText(name, budget)}')`),
    ),
    d: orElse,
    default: orElse,

    // Lists
    batch: operation("linecount fill_with?", (value, [size = null, fill = null], { budget }) => {
      const count = positive(size, "the linecount");
      const items = itemsOf(value, budget);
      const rows: Value[][] = [];
      for (let from = 0; from < items.length; from += count) rows.push(items.slice(from, from + count));
      return rows.map((row) => filled(row, fill === null ? 0 : count - row.length, fill, budget));
    }),
    count: length,
    first: operation("", (value, _args, { budget }) => itemAt(itemsOf(value, budget), 0, () => nothing("first", value))),
    groupby: operation("attribute default? case_sensitive?", (value, [attribute = null, fallback, caseSensitive = false], { budget }) => {
      const keyed = itemsOf(value, budget).map((item) => {
        const found = attributeOf(item, attribute, budget);
        const key = found instanceof Undefined ? (fallback === undefined ? present(found) : fallback) : found;
        return { item, shown: key, key: isTruthy(caseSensitive, budget) ? key : foldCase(key, budget) };
      });
      const groups: { key: Value; shown: Value; items: Value[] }[] = [];
      for (const { item, key, shown } of stableSort(keyed, (one) => one.key, false, budget)) {
        const last = groups.at(-1);
        if (last && isEqual(last.key, key, budget)) last.items.push(item);
        else groups.push({ key, shown, items: [item] });
      }
      return groups.map(({ shown, items }) => Group.pair(shown, items));
    }),
    join: operation("d? attribute?", (value, [separator = "", attribute = null], { budget }) => {
      const between = toText(separator, budget);
      let result = "";
      for (const [index, item] of itemsOf(value, budget).entries()) {
        const part = toText(attributeOf(item, attribute, budget), budget);
        budget.spendText(part.length + between.length);
        result += (index === 0 ? "" : between) + part;
        budget.checkLength(result.length);
      }
      return result;
    }),
    last: operation("", (value, _args, { budget }) => itemAt(itemsOf(value, budget), -1, () => nothing("last", value))),
    length,
    list: operation("", (value, _args, { budget }) => [...itemsOf(value, budget)]),
    map: variadic((value, args, runtime) => itemsOf(value, runtime.budget).map(mapping(args, runtime))),
    max: extreme("max", (order) => order > 0),
    min: extreme("min", (order) => order < 0),
    reject: variadic((value, args, runtime) => choose(value, args, runtime, false, false)),
    rejectattr: variadic((value, args, runtime) => choose(value, args, runtime, true, false)),
    reverse: operation("", (value, _args, { budget }) => {
      const items = itemsOf(value, budget).toReversed();
      return typeof value === "string" ? (items as string[]).join("") : items;
    }),
    select: variadic((value, args, runtime) => choose(value, args, runtime, false, true)),
    selectattr: variadic((value, args, runtime) => choose(value, args, runtime, true, true)),
    slice: operation("slices fill_with?", (value, [slices = null, fill = null], { budget }) => {
      const count = positive(slices, "the number of slices");
      budget.spend(count);
      const items = itemsOf(value, budget);
      const [each, longer] = [Math.floor(items.length / count), items.length % count];
      return Array.from({ length: count }, (_, index) => {
        const from = index * each + Math.min(index, longer);
        const column = items.slice(from, from + each + (index < longer ? 1 : 0));
        return filled(column, fill !== null && index >= longer ? 1 : 0, fill, budget);
      });
    }),
    sort: operation(
      "reverse? case_sensitive? attribute?",
      (value, [reverse = false, caseSensitive = false, attribute = null], { budget }) => {
        const paths = typeof attribute === "string" ? attribute.split(",") : [attribute];
        const fold = isTruthy(caseSensitive, budget) ? (key: Value) => key : (key: Value) => foldCase(key, budget);
        const keyed = itemsOf(value, budget).map((item) => {
          const keys = paths.map((path) => fold(strictAttribute(item, path, budget)));
          return { item, key: keys.length === 1 ? (keys[0] ?? null) : keys };
        });
        return stableSort(keyed, ({ key }) => key, isTruthy(reverse, budget), budget).map(({ item }) => item);
      },
    ),
    unique: operation("case_sensitive? attribute?", (value, [caseSensitive = false, attribute = null], { budget }) => {
      const seen = new Set<string>();
      return itemsOf(value, budget).filter((item) => {
        budget.spend(1);
        const key = strictAttribute(item, attribute, budget);
        const id = identity(isTruthy(caseSensitive, budget) ? key : foldCase(key, budget), budget);
        if (seen.has(id)) return false;
        seen.add(id);
        return true;
      });
    }),

    // Objects
    dictsort: operation("case_sensitive? by? reverse?", (value, [caseSensitive = false, by = "key", reverse = false], { budget }) => {
      if (!isDict(value)) throw new ExpressionError(`dictsort needs an object, not ${typeName(value)}`);
      if (by !== "key" && by !== "value") throw new ExpressionError('dictsort goes by "key" or "value"');
      const fold = isTruthy(caseSensitive, budget) ? (key: Value) => key : (key: Value) => foldCase(key, budget);
      return stableSort(pairsOf(value, budget), ([key, item]) => fold(by === "key" ? key : item), isTruthy(reverse, budget), budget);
    }),
    items: operation("", (value, _args, { budget }) => pairsOf(value, budget)),
  } satisfies Record<string, Filter>),
);

/** The value at a path of keys and positions, `a.0.b`; the item itself for no path. Undefined where it ends. */
export function attributeOf(item: Value, path: Value, budget: Runtime["budget"], name?: string): Value {
  if (path === null) return item;
  let found = item;
  for (const key of typeof path === "string" ? path.split(".") : [path]) {
    const index = typeof key === "number" ? key : /^\d+$/.test(keyText(key)) ? Number(key) : null;
    let next: Value | undefined;
    if (isList(found) && index !== null) next = found[index];
    else if (typeof found === "string" && index !== null) next = signAt(found, index, budget);
    else if (found instanceof Group && (key === "grouper" || key === "list")) next = found[key];
    else if (isDict(found) && Object.hasOwn(found, keyText(key))) next = found[keyText(key)];
    if (next === undefined) return new Undefined(name ?? keyText(path));
    found = next;
  }
  return found;
}

function signAt(value: string, index: number, budget: Runtime["budget"]): Value | undefined {
  const sign = slice(value, [index, index + 1, null], budget);
  return sign === "" ? undefined : sign;
}

function strictAttribute(item: Value, path: Value, budget: Runtime["budget"]): Value {
  return present(attributeOf(item, path, budget));
}

function present(value: Value): Value {
  if (value instanceof Undefined) throw new ExpressionError(`'${value.name}' is undefined in an item of the list`);
  return value;
}

function nothing(name: string, value: Value): Value {
  return new Undefined(`${name} of ${typeof value === "string" ? "an empty text" : "an empty list"}`);
}

function number(value: Value, filter: string): number {
  const found = numberOf(value);
  if (found !== null) return found;
  throw new ExpressionError(`${filter} needs a number, not ${typeName(value)}; see | float and | int`);
}

function joined(list: List, more: Value, budget: Runtime["budget"]): List {
  if (!isList(more)) throw new ExpressionError(`sum of lists needs lists, not ${typeName(more)}`);
  budget.spend((list.length + more.length) / 4);
  return [...list, ...more];
}

function positive(value: Value, what: string): number {
  const count = integer(value, what);
  if (count < 1) throw new ExpressionError(`${what} must be at least 1`);
  return count;
}

function filled(row: List, missing: number, fill: Value, budget: Runtime["budget"]): List {
  budget.spend(missing / 4);
  return missing > 0 ? [...row, ...Array.from({ length: missing }, () => fill)] : row;
}

/** Key and value of an object, or the pairs of a list. */
function pairsOf(value: Value, budget: Runtime["budget"]): [Value, Value][] {
  if (isDict(value)) {
    return entriesOf(value, budget);
  }
  if (!isList(value)) throw new ExpressionError(`an object is needed, not ${typeName(value)}`);
  return itemsOf(value, budget).map((pair) => {
    if (!isList(pair) || pair.length !== 2) throw new ExpressionError("an object is needed, or a list of pairs");
    return [pair[0] ?? null, pair[1] ?? null];
  });
}

function foldCase(key: Value, budget: Runtime["budget"]): Value {
  if (typeof key !== "string") return key;
  budget.read(key.length);
  return key.toLowerCase();
}

/** Texts, numbers and lists that are equal have the same; 1, 1.0 and true are equal. */
function identity(value: Value, budget: Runtime["budget"]): string {
  const found = numberOf(value);
  return found === null ? jsonText(value, budget, { sortKeys: true }) : `number ${found}`;
}

function stableSort<T>(items: readonly T[], keyOf: (item: T) => Value, reverse: boolean, budget: Runtime["budget"]): T[] {
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  keyed.sort((a, b) => (reverse ? compare(b.key, a.key, budget) : compare(a.key, b.key, budget)));
  return keyed.map(({ item }) => item);
}

function extreme(name: string, isBetter: (order: number) => boolean): Filter {
  return operation("case_sensitive? attribute?", (value, [caseSensitive = false, attribute = null], { budget }) => {
    const fold = isTruthy(caseSensitive, budget) ? (key: Value) => key : (key: Value) => foldCase(key, budget);
    let best: { item: Value; key: Value } | null = null;
    for (const item of itemsOf(value, budget)) {
      const key = fold(strictAttribute(item, attribute, budget));
      if (best === null || isBetter(compare(key, best.key, budget))) best = { item, key };
    }
    return best === null ? nothing(name, value) : best.item;
  });
}

/** What `map` does to each item: reads an attribute, or applies another filter. */
function mapping({ positional, named }: Arguments, runtime: Runtime): (item: Value) => Value {
  const [filter, ...rest] = positional;
  if (filter !== undefined) {
    const name = text(filter, "the filter of map");
    return (item) => runtime.applyFilter(name, item, { positional: rest, named });
  }
  const attribute = named.get("attribute");
  const unknown = [...named.keys()].find((name) => name !== "attribute" && name !== "default");
  if (attribute === undefined || unknown !== undefined)
    throw new ExpressionError("map needs the name of a filter, or attribute and default");
  return (item) => {
    const found = attributeOf(item, attribute, runtime.budget);
    if (!(found instanceof Undefined)) return found;
    const fallback = named.get("default");
    return fallback === undefined ? present(found) : fallback;
  };
}

function choose(value: Value, { positional, named }: Arguments, runtime: Runtime, byAttribute: boolean, wanted: boolean): Value {
  const [attribute, test, ...rest] = byAttribute ? positional : [null, ...positional];
  if (attribute === undefined) throw new ExpressionError("selectattr and rejectattr need the name of an attribute");
  const name = test === undefined ? null : text(test, "the name of a test");
  return itemsOf(value, runtime.budget).filter((item) => {
    const found = attributeOf(item, attribute, runtime.budget);
    return (name === null ? isTruthy(found, runtime.budget) : runtime.applyTest(name, found, { positional: rest, named })) === wanted;
  });
}

/** Python's `float()` of a text; null when it is none. */
function parseFloatingPoint(source: string): number | null {
  const plain = source.trim();
  return /^[-+]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[-+]?\d+)?$/i.test(plain) ? Number(plain.replaceAll("_", "")) : null;
}

/** Python's `int()` of a text, or else the whole part of its `float()`; null when it is neither. */
function parseInteger(source: string, base: number): number | null {
  if (base === 10) return parseFloatingPoint(source);
  const prefix = { 2: "0b", 8: "0o", 16: "0x" }[base];
  const [, sign = "", digits = ""] = /^([-+]?)(.*)$/s.exec(source.trim().toLowerCase()) ?? [];
  const plain = prefix !== undefined && digits.startsWith(prefix) ? digits.slice(2) : digits;
  const parsed = base >= 2 && base <= 36 && /^[\da-z]+$/.test(plain) ? Number.parseInt(plain, base) : Number.NaN;
  const isWhole = !Number.isNaN(parsed) && Array.from(plain).every((digit) => Number.parseInt(digit, 36) < base);
  return isWhole ? (sign === "-" ? -parsed : parsed) : parseFloatingPoint(source);
}

function fileSize(bytes: number, binary: boolean): string {
  const base = binary ? 1024 : 1000;
  const units = binary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  const power = units.findIndex((_, index) => bytes < base ** (index + 2));
  const index = power < 0 ? units.length - 1 : power;
  return `${roundHalfEven(bytes / base ** (index + 1), 1).toFixed(1)} ${units[index]}`;
}
