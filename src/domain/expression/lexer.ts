import { ExpressionError } from "./limits.ts";

export type Token =
  | { readonly type: "text" | "name" | "string" | "operator"; readonly text: string }
  | { readonly type: "number"; readonly text: string; readonly value: number; readonly isFloat: boolean }
  | { readonly type: "open" | "close"; readonly text: "{{" | "{%" | "}}" | "%}" };

const TAG = /\{\{|\{%|\{#/g;
const RAW = /\{%[-+]?\s*raw\s*(-?)%\}/y;
const END_RAW = /\{%(-?)\s*endraw\s*(-?)[+]?%\}/g;
const SPACE = /\s+/y;
const NAME = /[\p{L}_][\p{L}\p{N}_]*/uy;
const NUMBER = /0x[\da-f](?:_?[\da-f])*|0o[0-7](?:_?[0-7])*|0b[01](?:_?[01])*|\d(?:_?\d)*(\.\d(?:_?\d)*)?(e[+-]?\d(?:_?\d)*)?/iy;
const INTEGER = /\d+/y;
const STRING = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/sy;
const OPERATOR = /\*\*|\/\/|==|!=|>=|<=|[-+/*%~[\](){}<>=.:|,]/y;

/** Jinja's tokens: text between tags, and what stands in them. Comments are left out. @throws ExpressionError */
export function tokenize(template: string): Token[] {
  const source = template.endsWith("\n") ? template.slice(0, -1) : template; // Jinja drops one newline at the end
  const tokens: Token[] = [];
  let at = 0;
  let trimNext = false;

  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const pushText = (text: string, trimEnd: boolean): void => {
    const start = trimNext ? text.trimStart() : text;
    const kept = trimEnd ? start.trimEnd() : start;
    if (kept !== "") tokens.push({ type: "text", text: kept });
    trimNext = false;
  };

  while (at < source.length) {
    TAG.lastIndex = at;
    const tag = TAG.exec(source);
    if (!tag) {
      pushText(source.slice(at), false);
      break;
    }
    const sign = source[tag.index + 2];
    pushText(source.slice(at, tag.index), sign === "-");
    at = tag.index;
    if (tag[0] === "{#") skipComment();
    else if (tag[0] === "{%" && !readRaw()) readTag("{%", "%}", sign);
    else if (tag[0] === "{{") readTag("{{", "}}", sign);
  }
  return tokens;

  function skipComment(): void {
    const end = source.indexOf("#}", at + 2);
    if (end < 0) throw invalid("a comment is not closed; write #}");
    trimNext = source[end - 1] === "-";
    at = end + 2;
  }

  function readRaw(): boolean {
    const start = take(RAW);
    if (!start) return false;
    END_RAW.lastIndex = at;
    const end = END_RAW.exec(source);
    if (!end) throw invalid("{% raw %} is not closed; write {% endraw %}");
    trimNext = start[1] === "-";
    pushText(source.slice(at, end.index), end[1] === "-");
    trimNext = end[2] === "-";
    at = END_RAW.lastIndex;
    return true;
  }

  function readTag(open: "{{" | "{%", close: "}}" | "%}", sign: string | undefined): void {
    tokens.push({ type: "open", text: open });
    at += 2 + (sign === "-" || sign === "+" ? 1 : 0);
    let brackets = 0;
    for (;;) {
      take(SPACE);
      if (at >= source.length) throw invalid(`it ends too early; is a ${open} left open?`);
      if (brackets === 0) {
        const trims = source.startsWith(close, at + 1) && /[-+]/.test(source[at] ?? "");
        if (trims || source.startsWith(close, at)) {
          trimNext = trims && source[at] === "-";
          at += close.length + (trims ? 1 : 0);
          tokens.push({ type: "close", text: close });
          return;
        }
      }
      const token = readToken();
      if (token.type === "operator") brackets += "([{".includes(token.text) ? 1 : ")]}".includes(token.text) ? -1 : 0;
      tokens.push(token);
    }
  }

  function readToken(): Token {
    const name = take(NAME);
    if (name) return { type: "name", text: name[0] };
    const last = tokens.at(-1);
    // In `a.0.1` each number is a key.
    const isKey = last?.type === "operator" && last.text === ".";
    const number = take(isKey ? INTEGER : NUMBER);
    if (number)
      return {
        type: "number",
        text: number[0],
        value: Number(number[0].replaceAll("_", "")),
        isFloat: number[1] !== undefined || number[2] !== undefined,
      };
    const string = take(STRING);
    if (string) return { type: "string", text: unescape(string[1] ?? string[2] ?? "") };
    const operator = take(OPERATOR);
    if (operator) return { type: "operator", text: operator[0] };
    const sign = String.fromCodePoint(source.codePointAt(at) ?? 0);
    throw invalid(sign === "'" || sign === '"' ? `a text is not closed; write ${sign}` : `'${sign}' means nothing here`);
  }
}

export function invalid(reason: string): ExpressionError {
  return new ExpressionError(`is not a valid expression: ${reason}`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\u0007", "'": "'", '"': '"', "\\": "\\", "\n": "",
}; // prettier-ignore

/** Python's escapes; one that it does not know stays as it is, so that `\d` is a backslash and a d. */
function unescape(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replaceAll(/\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|([0-7]{1,3})|(.))/gis, (whole, x, u, long, octal, sign) => {
    const hex: string | undefined = x ?? u ?? long;
    if (hex === undefined && octal === undefined) return ESCAPES[String(sign)] ?? whole;
    const code = hex === undefined ? Number.parseInt(octal, 8) : Number.parseInt(hex, 16);
    if (code > 0x10ffff) throw invalid(`${whole} is no character`);
    return String.fromCodePoint(code);
  });
}
