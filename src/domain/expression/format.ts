/** Python's two ways to put values into a text: `%` and `str.format`. */
import { ExpressionError } from "./limits.ts";
import type { Runtime } from "./operation.ts";
import {
  type Arguments,
  characterCount,
  firstCharacters,
  integer,
  isFloat,
  isList,
  isDict,
  jsonText,
  numberOf,
  toText,
  typeName,
  type Value,
} from "./value.ts";

/** `"%s: %.2f" % (…)` */
export function formatPercent(template: string, { positional, named }: Arguments, runtime: Runtime, allowsRest = false): string {
  const { budget } = runtime;
  let next = 0;
  const result = replaceParts(template, /%(?:\((\w+)\))?([-+ 0#]*)(\*|\d+)?(?:\.(\d+))?(.)/gs, runtime, (match) => {
    const [, name, flags = "", width = "", precision, kind = ""] = match;
    if (kind === "%") return "%";
    const given = width === "*" ? integer(positional[next++] ?? null, "the width of a format") : Number(width || 0);
    let value: Value | undefined;
    if (name !== undefined) value = named.get(name);
    else {
      value = positional[next];
      next += 1;
    }
    if (value === undefined) throw new ExpressionError(`the format needs ${name === undefined ? "more values" : `a value '${name}'`}`);
    const spec: Spec = {
      fill: " ",
      align: flags.includes("-") || given < 0 ? "<" : ">",
      sign: flags.includes("+") ? "+" : flags.includes(" ") ? " " : "-",
      alternate: flags.includes("#"),
      zero: flags.includes("0") && !flags.includes("-"),
      width: Math.abs(given),
      grouping: "",
      precision: precision === undefined ? null : Number(precision),
      kind: kind === "i" || kind === "u" ? "d" : kind,
    };
    if ("sra".includes(kind))
      return pad(cut(kind === "s" ? toText(value, budget) : jsonText(value, budget), spec, runtime), { ...spec, zero: false }, runtime);
    if (!"dxXofFeEgG".includes(spec.kind)) throw new ExpressionError(`%${kind} is no format`);
    const number = numberOf(value);
    if (number === null) throw new ExpressionError(`%${kind} needs a number, not ${typeName(value)}`);
    if ("xXo".includes(spec.kind) && isFloat(value)) throw new ExpressionError(`%${kind} needs a whole number; see | int`);
    return pad(formatNumber(spec.kind === "d" ? Math.trunc(number) + 0 : number, spec), spec, runtime);
  });
  // A value that is left over is a fault of the format, which else would hide it.
  if (next < positional.length && !allowsRest) throw new ExpressionError(`the format takes ${next} values, not ${positional.length}`);
  return result;
}

/** `"{} {name.key[0]:>10.2f}".format(…)` */
export function formatBraces(template: string, args: Arguments, lookUp: (value: Value, key: string) => Value, runtime: Runtime): string {
  let next = 0;
  return replaceParts(template, /\{\{|\}\}|\{([^{}:!]*)(?:!([rsa]))?(?::([^{}]*))?\}|[{}]/g, runtime, (match) => {
    const [whole, field, conversion, spec = ""] = match;
    if (whole === "{{" || whole === "}}") return whole.slice(1);
    if (field === undefined) throw new ExpressionError(`the format has a ${whole} that stands alone`);
    const [, start = "", keys = ""] = /^([^.[]*)(.*)$/s.exec(field) ?? [];
    const index = start === "" ? next++ : /^\d+$/.test(start) ? Number(start) : null;
    let value = index === null ? args.named.get(start) : args.positional[index];
    if (value === undefined) throw new ExpressionError(`the format needs ${index === null ? `a value '${start}'` : "more values"}`);
    let read = 0;
    for (const [part, dotted, bracketed = ""] of keys.matchAll(/\.(\w+)|\[([^\]]+)\]/gy)) {
      runtime.budget.spend(1);
      value = lookUp(value, dotted ?? bracketed);
      read += part.length;
    }
    if (read < keys.length) throw new ExpressionError(`the format cannot read '${field}'`);
    if (conversion !== undefined && conversion !== "s") value = jsonText(value, runtime.budget);
    return formatValue(value, spec, runtime);
  });
}

/** A value by one of Python's format specifications, such as `>10`, `05d`, `,.2f` or `.1%`. */
function formatValue(value: Value, source: string, runtime: Runtime): string {
  const parsed = /^(?:(.)?([<>^=]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/su.exec(source);
  if (!parsed) throw new ExpressionError(`'${source}' is no format`);
  const [, givenFill, align, sign = "-", alternate, zero, width = "0", grouping = "", precision, kind] = parsed;
  const fill = givenFill ?? (zero === undefined ? " " : "0");
  const number = kind === "s" ? null : numberOf(typeof value === "boolean" && kind === undefined ? String(value) : value);
  const spec: Spec = {
    fill,
    align: align ?? (number === null ? "<" : ">"),
    sign,
    alternate: alternate !== undefined,
    zero: zero !== undefined && align === undefined && number !== null,
    width: Number(width),
    grouping,
    precision: precision === undefined ? null : Number(precision),
    kind: kind ?? "",
  };
  if (number === null) {
    if (kind !== undefined && kind !== "s") throw new ExpressionError(`the format '${source}' needs a number, not ${typeName(value)}`);
    if ((isList(value) || isDict(value)) && source !== "")
      throw new ExpressionError(`the format '${source}' needs a text or a number, not ${typeName(value)}`);
    return pad(cut(toText(value, runtime.budget), spec, runtime), spec, runtime);
  }
  if (spec.kind === "" && spec.precision === null && spec.grouping === "") {
    const plain = toText(value, runtime.budget);
    return pad(sign !== "-" && !plain.startsWith("-") ? sign + plain : plain, spec, runtime);
  }
  if (spec.kind === "" && spec.precision === null && isFloat(value)) {
    const [whole = "", rest = ""] = toText(value, runtime.budget).split(/(?=[.e])(.*)/s);
    const signed = sign !== "-" && !whole.startsWith("-") ? sign + whole : whole;
    return pad(signed.replace(/\d+$/, (digits) => group(digits, spec.grouping)) + rest, spec, runtime);
  }
  if (spec.kind === "") spec.kind = isFloat(value) ? "g" : "d";
  if (!"dnbxXofFeEgG%".includes(spec.kind)) throw new ExpressionError(`'${spec.kind}' is no format of a number`);
  if ("dbxXo".includes(spec.kind) && isFloat(value)) throw new ExpressionError(`the format '${source}' needs a whole number`);
  return pad(formatNumber(number, spec), spec, runtime);
}

interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly alternate: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | null;
  kind: string;
}

function formatNumber(number: number, spec: Spec): string {
  const size = Math.abs(number);
  const sign = number < 0 || Object.is(number, -0) ? "-" : spec.sign === "-" ? "" : spec.sign;
  const precision = spec.precision ?? 6;
  if (precision > 100) throw new ExpressionError("a format has at most 100 digits after the point");
  return sign + group(digits(), spec.grouping);

  function digits(): string {
    switch (spec.kind) {
      case "d":
      case "n":
        return String(size);
      case "b":
        return (spec.alternate ? "0b" : "") + size.toString(2);
      case "o":
        return (spec.alternate ? "0o" : "") + size.toString(8);
      case "x":
        return (spec.alternate ? "0x" : "") + size.toString(16);
      case "X":
        return ((spec.alternate ? "0x" : "") + size.toString(16)).toUpperCase();
      case "%":
        return `${roundHalfEven(size * 100, precision).toFixed(precision)}%`;
      case "e":
      case "E": {
        const text = size.toExponential(precision).replace(/e([+-])(\d)$/, "e$10$2");
        return spec.kind === "E" ? text.toUpperCase() : text;
      }
      case "g":
      case "G": {
        const significant = Math.max(1, precision);
        const exponent = size === 0 ? 0 : Number(size.toExponential(significant - 1).split("e")[1]);
        const fixed = exponent >= -4 && exponent < significant;
        const text = fixed ? size.toFixed(significant - 1 - exponent) : size.toExponential(significant - 1);
        const [mantissa = "", power] = text.split("e");
        const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
        const whole = power === undefined ? short : `${short}e${power.replace(/^([+-])(\d)$/, "$10$2")}`;
        return spec.kind === "G" ? whole.toUpperCase() : whole;
      }
      default:
        return roundHalfEven(size, precision).toFixed(precision);
    }
  }
}

function group(digits: string, separator: string): string {
  return separator === "" ? digits : digits.replace(/^\d+/, (whole) => whole.replaceAll(/\B(?=(?:\d{3})+$)/g, separator));
}

function cut(value: string, { precision }: Spec, { budget }: Runtime): string {
  return precision === null ? value : firstCharacters(value, precision, budget);
}

function pad(value: string, { fill, align, zero, width }: Spec, { budget }: Runtime): string {
  const missing = width - characterCount(value, budget);
  if (missing <= 0) return value;
  budget.spendText(missing + value.length);
  if (zero || align === "=") {
    const sign = /^[-+ ]/.exec(value)?.[0] ?? "";
    return sign + (zero ? "0" : fill).repeat(missing) + value.slice(sign.length);
  }
  const left = align === "<" ? 0 : align === ">" ? missing : Math.floor(missing / 2);
  return fill.repeat(left) + value + fill.repeat(missing - left);
}

/** `replaceAll` that pays for what it makes. */
function replaceParts(template: string, pattern: RegExp, { budget }: Runtime, fill: (match: RegExpExecArray) => string): string {
  budget.read(template.length);
  let [result, at] = ["", 0];
  for (const match of template.matchAll(pattern)) {
    budget.spend(1);
    const filled = fill(match);
    budget.checkLength(result.length + filled.length);
    result += template.slice(at, match.index) + filled;
    at = match.index + match[0].length;
  }
  budget.spendText(result.length);
  return result + template.slice(at);
}

/** To so many digits after the point, ties to the even digit, as Python's `round`. The digits may be negative. */
export function roundHalfEven(value: number, precision: number): number {
  if (precision < 0) {
    const unit = 10 ** -precision;
    return roundHalfEven(value / unit, 0) * unit;
  }
  if (precision > 15 || Math.abs(value) >= 1e21) return value;
  const size = Math.abs(value);
  const rounded = size.toFixed(precision);
  // `toFixed` looks at the exact value; only a true tie goes up where Python goes to the even digit.
  const exact = size.toFixed(Math.min(100, precision + 40));
  const isTie = /^50*$/.test(exact.slice(exact.indexOf(".") + 1 + precision));
  const result = isTie && Number(rounded.at(-1)) % 2 === 1 ? Number(rounded) - 10 ** -precision : Number(rounded);
  return Number((value < 0 ? -result : result).toFixed(precision));
}
