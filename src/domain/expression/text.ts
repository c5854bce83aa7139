/** What filters and methods do to texts, as Python and Jinja do it. Each pays for what it makes before it makes it. */
import { type Budget, ExpressionError } from "./limits.ts";
import { characterCount, firstCharacters } from "./value.ts";

/** The first character large, all others small. */
export function capitalize(value: string): string {
  const [first = ""] = value;
  return first.toUpperCase() + value.slice(first.length).toLowerCase();
}

/** Python's `str.title`: every word that letters make. */
export function titleCase(value: string, budget: Budget, word = /\p{L}+/gu): string {
  return value.replaceAll(word, (found) => {
    budget.spend(0.25);
    return capitalize(found);
  });
}

/** Filled up on both sides. @param width in characters; no less than the text has */
export function center(value: string, width: number, fill: string, budget: Budget): string {
  const missing = width - characterCount(value, budget);
  if (missing <= 0) return value;
  const left = Math.floor(missing / 2) + (missing % 2 === 1 && width % 2 === 1 ? 1 : 0);
  return padding(left, fill, budget) + value + padding(missing - left, fill, budget);
}

export function padding(count: number, fill: string, budget: Budget): string {
  if (characterCount(fill, budget) !== 1) throw new ExpressionError("what a text is filled up with must be one character");
  budget.spendText(Math.max(0, count));
  return fill.repeat(Math.max(0, count));
}

/** A text so many times. */
export function repeat(value: string, times: number, budget: Budget): string {
  const count = Math.max(0, times);
  budget.spendText(value.length * count);
  return value.repeat(value === "" ? 0 : count);
}

/** Where a text stands in another, at most `limit` times; no two overlap. */
export function occurrences(value: string, part: string, limit: number, budget: Budget): number[] {
  budget.read(value.length);
  const found: number[] = [];
  for (let at = value.indexOf(part); at >= 0 && found.length < limit; at = value.indexOf(part, at + part.length)) {
    budget.spend(0.25);
    found.push(at);
  }
  return found;
}

/** Python's `str.replace`. @param count negative for all */
export function replace(value: string, old: string, replacement: string, count: number, budget: Budget): string {
  const limit = count < 0 ? Number.POSITIVE_INFINITY : count;
  if (old === "") {
    budget.spend(Math.min(limit, value.length) / 4);
    budget.spendText(value.length + Math.min(limit, value.length + 1) * replacement.length);
    const signs = Array.from(value);
    return signs.map((sign, index) => (index < limit ? replacement : "") + sign).join("") + (signs.length < limit ? replacement : "");
  }
  const places = occurrences(value, old, limit, budget);
  budget.spendText(value.length + places.length * (replacement.length - old.length));
  let [result, from] = ["", 0];
  for (const place of places) {
    result += value.slice(from, place) + replacement;
    from = place + old.length;
  }
  return result + value.slice(from);
}

/** Python's `str.split` and `str.rsplit`. @param separator null for any white space @param limit negative for none */
export function split(value: string, separator: string | null, limit: number, fromEnd: boolean, budget: Budget): string[] {
  if (separator === "") throw new ExpressionError("the separator of split cannot be empty");
  budget.read(value.length);
  const parts: string[] = [];
  if (separator === null) {
    const places: [number, number][] = [];
    for (const { 0: word, index } of value.matchAll(/\S+/g)) {
      budget.spend(0.25);
      places.push([index, index + word.length]);
    }
    if (limit < 0 || places.length <= limit) return places.map(([from, to]) => value.slice(from, to));
    const first = places[fromEnd ? places.length - limit - 1 : limit];
    const words = (some: readonly [number, number][]) => some.map(([from, to]) => value.slice(from, to));
    if (fromEnd) return [value.slice(0, first?.[1]), ...words(places.slice(places.length - limit))];
    return [...words(places.slice(0, limit)), value.slice(first?.[0])];
  }
  const all = occurrences(value, separator, Number.POSITIVE_INFINITY, budget);
  const places = limit < 0 ? all : fromEnd ? all.slice(Math.max(0, all.length - limit)) : all.slice(0, limit);
  let from = 0;
  for (const place of places) {
    parts.push(value.slice(from, place));
    from = place + separator.length;
  }
  return [...parts, value.slice(from)];
}

// oxlint-disable-next-line no-control-regex -- Python ends lines at the separators of files, groups and records too
const LINE_END = /\r\n|[\n\r\v\f\u001c-\u001e\u0085\u2028\u2029]/g;

/** Python's `str.splitlines`. */
export function lines(value: string, keepEnds: boolean, budget: Budget): string[] {
  budget.read(value.length);
  const found: string[] = [];
  let from = 0;
  for (const { 0: end, index } of value.matchAll(LINE_END)) {
    budget.spend(0.25);
    found.push(value.slice(from, keepEnds ? index + end.length : index));
    from = index + end.length;
  }
  return from < value.length ? [...found, value.slice(from)] : found;
}

/** @param characters those that are taken off; null for white space */
export function stripCharacters(value: string, characters: string | null, side: "left" | "right" | "both", budget: Budget): string {
  budget.read(value.length);
  if (characters === null) return side === "left" ? value.trimStart() : side === "right" ? value.trimEnd() : value.trim();
  budget.read(characters.length);
  const set = new Set(characters);
  let [from, to] = [0, value.length];
  if (side !== "right")
    for (let sign = first(); from < to && set.has(sign); sign = first()) {
      budget.spend(0.1);
      from += sign.length;
    }
  if (side !== "left")
    for (let sign = last(); from < to && set.has(sign); sign = last()) {
      budget.spend(0.1);
      to -= sign.length;
    }
  return value.slice(from, to);

  function first(): string {
    return String.fromCodePoint(value.codePointAt(from) ?? 0);
  }

  function last(): string {
    const pair = value.slice(Math.max(from, to - 2), to);
    return /^[\ud800-\udbff][\udc00-\udfff]$/.test(pair) ? pair : pair.slice(-1);
  }
}

export function escapeHtml(value: string, budget: Budget): string {
  const names: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;" };
  const escaped = value.replaceAll(/[&<>'"]/g, (sign) => {
    budget.spend(0.1);
    return names[sign] ?? sign;
  });
  budget.spendText(escaped.length); // at most five times the text
  return escaped;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

/** Without comments and tags, white space as single spaces, and the usual entities as what they mean. */
export function stripTags(value: string, budget: Budget): string {
  const bare = withoutSpans(withoutSpans(value, "<!--", "-->", budget), "<", ">", budget);
  return split(bare, null, -1, false, budget)
    .join(" ")
    .replaceAll(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{2,4}));/gi, (whole, decimal, hex, name) => {
      budget.spend(0.25);
      const code = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : null;
      if (code === null) return ENTITIES[name] ?? whole;
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    });
}

/** By `indexOf`: a pattern would look for the end again from every beginning. */
function withoutSpans(value: string, begin: string, end: string, budget: Budget): string {
  let [result, from] = ["", 0];
  for (let start = value.indexOf(begin); start >= 0; start = value.indexOf(begin, from)) {
    budget.spend(0.25);
    const stop = value.indexOf(end, start + begin.length);
    if (stop < 0) break;
    result += value.slice(from, start);
    from = stop + end.length;
  }
  return result + value.slice(from);
}

/** @param safe characters that stay, besides letters, digits and `_.-~` */
export function percentEncode(value: string, safe: string, budget: Budget): string {
  budget.spendText(value.length * 3);
  return encodeURIComponent(value.toWellFormed())
    .replaceAll(/[!'()*]/g, (sign) => {
      budget.spend(0.1);
      return `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
    })
    .replaceAll(/%2F/g, safe.includes("/") ? "/" : "%2F");
}

/** Jinja's `indent`: every line but the first, and no empty ones, unless it is said otherwise. */
export function indent(value: string, prefix: string, first: boolean, blank: boolean, budget: Budget): string {
  const all = lines(`${value}\n`, false, budget);
  budget.spendText(value.length + all.length * (prefix.length + 1));
  return all.map((line, index) => ((index === 0 ? first : blank || line !== "") ? prefix + line : line)).join("\n");
}

/** @param leeway so much longer a text may be and stays whole */
export function truncate(value: string, length: number, killWords: boolean, end: string, leeway: number, budget: Budget): string {
  if (characterCount(value, budget) <= length + leeway) return value;
  const room = length - characterCount(end, budget);
  if (room < 0) throw new ExpressionError(`truncate needs a length of at least ${length - room}, for its end`);
  const kept = firstCharacters(value, room, budget);
  const space = kept.lastIndexOf(" ");
  return (killWords || space < 0 ? kept : kept.slice(0, space)) + end;
}

/** Python's `textwrap`, line by line. */
export function wrapWords(value: string, width: number, breakLong: boolean, separator: string, hyphens: boolean, budget: Budget): string {
  if (width < 1) throw new ExpressionError("wordwrap needs a width of at least 1");
  const wrapped = lines(value, false, budget).flatMap((line) => {
    const parts = wrapLine(line, width, breakLong, hyphens, budget);
    return parts.length === 0 ? [""] : parts; // an empty line stays one
  });
  budget.spendText(value.length + wrapped.length * separator.length);
  return wrapped.join(separator);
}

function wrapLine(line: string, width: number, breakLong: boolean, hyphens: boolean, budget: Budget): string[] {
  const result: string[] = [];
  let [current, filled] = ["", 0]; // the line that is being filled, and its characters
  for (let chunk of line.match(hyphens ? /\s+|[^\s-]+-+(?=\p{L})|[^\s-]+|-+/gu : /\s+|\S+/g) ?? []) {
    budget.spend(0.5);
    let size = characterCount(chunk, budget);
    const isSpace = chunk.trim() === "";
    if (filled + size > width && current.trim() !== "") {
      if (isSpace) continue;
      if (!(breakLong && size > width && filled < width)) {
        result.push(current.trimEnd());
        [current, filled] = ["", 0];
      }
    }
    if (isSpace && current === "" && result.length > 0) continue;
    if (breakLong && !isSpace)
      while (filled + size > width) {
        budget.spend(0.5);
        const head = firstCharacters(chunk, width - filled, budget);
        result.push(current + head);
        chunk = chunk.slice(head.length);
        size -= width - filled;
        [current, filled] = ["", 0];
      }
    current += chunk;
    filled += size;
  }
  if (current.trim() !== "") result.push(current.trimEnd());
  return result;
}

const ADDRESS =
  /^(?:(?:https?:\/\/|www\.)(?:[\w%-]+\.)*(?:[a-z]{2,63}|xn--[\w%]{2,59})|(?:[\w%-]{2,63}\.)+(?:com|net|int|edu|gov|org|info|mil)|https?:\/\/(?:\d{1,3}(?:\.\d{1,3}){3}))(?::\d{1,5})?(?:[/?#]\S*)?$/i;
const EMAIL = /^[^\s@:]+@\w[\w.-]*\.\w+$/;
/** A longer word is no address that a person would follow. */
const MAX_ADDRESS = 2_048;

/** Escaped HTML in which addresses are links. @param options.limit characters of an address that are shown */
export function makeLinks(
  value: string,
  options: { readonly limit: number | null; readonly rel: string; readonly target: string | null },
  budget: Budget,
): string {
  const target = options.target === null ? "" : ` target="${escapeHtml(options.target, budget)}"`;
  const rel = options.rel === "" ? "" : ` rel="${escapeHtml(options.rel, budget)}"`;
  let result = "";
  for (const [word] of escapeHtml(value, budget).matchAll(/\s+|\S+/g)) {
    budget.spend(0.5 + (word.length > MAX_ADDRESS ? 0 : word.length / 10));
    result += word.length > MAX_ADDRESS ? word : linked(word);
    budget.checkLength(result.length);
  }
  budget.spendText(result.length);
  return result;

  function linked(word: string): string {
    const head = /^(?:\(|&lt;)+/.exec(word)?.[0] ?? "";
    let end = word.length; // by steps: a pattern would look for the end again from every sign
    while (end > head.length && /[).,]$|&gt;$/.test(word.slice(Math.max(head.length, end - 4), end))) end -= word[end - 1] === ";" ? 4 : 1;
    const [middle, tail] = [word.slice(head.length, end), word.slice(end)];
    const shown = options.limit !== null && middle.length > options.limit ? `${middle.slice(0, options.limit)}...` : middle;
    if (ADDRESS.test(middle)) {
      const href = /^https?:\/\//i.test(middle) ? middle : `https://${middle}`;
      return `${head}<a href="${href}"${rel}${target}>${shown}</a>${tail}`;
    }
    return EMAIL.test(middle) ? `${head}<a href="mailto:${middle}">${middle}</a>${tail}` : word;
  }
}
