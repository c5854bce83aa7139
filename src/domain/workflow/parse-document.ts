/** Reads the JSON and YAML that callers send. What is wrong is told with line and column, both from 1. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node, type Pair } from "yaml";
import type { Fault } from "../error.ts";
import { checkJsonLimits, type Json } from "../json.ts";

export type ParsedDocument =
  | {
      readonly ok: true;
      readonly language: "json" | "yaml";
      readonly value: Json;
      /** Adds the line and column to faults whose paths are relative to the document; what cannot be found keeps its message. */
      readonly locate: (faults: readonly Fault[]) => Fault[];
    }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** JSON text within the limits of `JSON_LIMITS`. */
export function parseJson(text: string): ParsedDocument {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return malformed([`is not valid JSON: ${describeJsonFault(text)}`]);
  }
  const faults = checkJsonLimits(value);
  return faults.length > 0 ? { ok: false, faults } : { ok: true, language: "json", value, locate: (found) => [...found] };
}

const YAML_LIMITS = {
  /** Characters. Reading YAML costs a hundred times what JSON costs: half a second of CPU at the worst for this many. */
  length: 262_144,
  /** An alias may multiply a document; this many copies of nodes are made before it is refused. */
  aliases: 100,
} as const;

/** YAML 1.2 (core schema) that stands for a JSON value, within the limits of `JSON_LIMITS`. */
export function parseYaml(text: string): ParsedDocument {
  if (text.length > YAML_LIMITS.length) {
    const message = `has ${text.length} characters; YAML may have ${YAML_LIMITS.length}. Send what is larger as JSON`;
    return { ok: false, faults: [{ path: "", message, code: "too_large" }] };
  }
  const lines = new LineCounter();
  let document: Document.Parsed;
  let value: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
    const problems = [...document.errors, ...document.warnings]; // a warning is a tag that would be dropped
    if (problems.some(({ code }) => code === "RESOURCE_EXHAUSTION")) return TOO_DEEP;
    const faults = [...problems.map(({ message, pos }) => ({ message, offset: pos[0] })), ...findNonJson(document)];
    if (faults.length > 0) {
      const shown = faults.slice(0, 10); // one slip may be followed by many
      return malformed(shown.map(({ message, offset }) => `is not valid YAML at ${describePosition(lines, offset)}: ${message}`));
    }
    value = document.toJS({ maxAliasCount: YAML_LIMITS.aliases });
  } catch (error) {
    if (error instanceof ReferenceError) return malformed([`has more than ${YAML_LIMITS.aliases} copies made by aliases`]);
    if (error instanceof RangeError) return TOO_DEEP;
    throw error;
  }
  const faults = checkJsonLimits(value);
  if (faults.length > 0) return { ok: false, faults };
  return {
    ok: true,
    language: "yaml",
    value: value as Json,
    locate: (found) => found.map((fault) => withPosition(fault, document, lines)),
  };
}

const TOO_DEEP: ParsedDocument = { ok: false, faults: [{ path: "", message: "is nested too deeply to be read", code: "too_deep" }] };

function malformed(messages: readonly string[]): ParsedDocument {
  return { ok: false, faults: messages.map((message) => ({ path: "", message, code: "malformed" })) };
}

function describePosition(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `line ${line}, column ${col}`;
}

/** What YAML can say and JSON cannot; and keys that stand twice, for which the library takes quadratic time. */
function findNonJson(document: Document.Parsed): { message: string; offset: number }[] {
  const found: { message: string; offset: number }[] = [];
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === "number" && !Number.isFinite(node.value))
        found.push({ message: "a number must be finite", offset: node.range?.[0] ?? 0 });
    },
    Map(_, node) {
      const keys = new Set<string>();
      for (const { key } of node.items) {
        const offset = (key as Node).range?.[0] ?? 0;
        const name = isScalar(key) ? String(key.value) : undefined;
        if (name === undefined) found.push({ message: "a key must be a plain value", offset });
        else if (keys.has(name)) found.push({ message: `the key "${name}" stands there already`, offset });
        else keys.add(name);
      }
    },
  });
  return found;
}

/** A fault's path leads to its node; of what is missing, the nearest thing around it is taken. */
function withPosition(fault: Fault, document: Document.Parsed, lines: LineCounter): Fault {
  for (let steps = parsePath(fault.path); ; steps = steps.slice(0, -1)) {
    const offset = offsetOf(document, steps);
    if (offset !== undefined) return { ...fault, message: `${fault.message} (${describePosition(lines, offset)})` };
    if (steps.length === 0) return fault;
  }
}

/** Where the key stands for a field, where the value stands for an item of a list. */
function offsetOf(document: Document.Parsed, steps: readonly (string | number)[]): number | undefined {
  let offset: number | undefined;
  let node: Node | null = document.contents;
  for (const step of steps) {
    if (typeof step === "number") {
      node = isSeq<Node>(node) ? (node.items[step] ?? null) : null;
      offset = node?.range?.[0];
    } else {
      const pair: Pair<Node, Node | null> | undefined = isMap<Node, Node | null>(node)
        ? node.items.find(({ key }) => isScalar(key) && String(key.value) === step)
        : undefined;
      node = pair?.value ?? null;
      offset = pair?.key.range?.[0];
    }
    if (offset === undefined) return undefined;
  }
  return steps.length === 0 ? (node?.range?.[0] ?? 0) : offset;
}

/** The steps that `formatPath` made a path of. */
function parsePath(path: string): (string | number)[] {
  return [...path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g)].map(([, index, quoted, word]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? word! : (JSON.parse(quoted) as string);
  });
}

/** Where a text stops being JSON, and what could have stood there: engines do not tell the place of every fault. */
function describeJsonFault(text: string): string {
  const offset = findJsonFault(text);
  const before = text.slice(0, offset.at);
  const line = before.split("\n").length;
  const column = offset.at - before.lastIndexOf("\n");
  const found = offset.at >= text.length ? "the text ends" : `found ${JSON.stringify(String.fromCodePoint(text.codePointAt(offset.at)!))}`;
  return `line ${line}, column ${column}: expected ${offset.expected}, ${found}`;
}

const LITERAL = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Reads the text as a pushdown automaton does; called only for a text that is not JSON. */
function findJsonFault(text: string): { at: number; expected: string } {
  const open: string[] = [];
  let want: "value" | "key" | "colon" | "more" = "value";
  let justOpened = false;
  for (let at = 0; ;) {
    while (/[ \t\n\r]/.test(text.charAt(at))) at++;
    const character = text.charAt(at);
    const closer = open.at(-1) === "{" ? "}" : "]";
    if (open.length > 0 && character === closer && (want === "more" || justOpened)) {
      open.pop();
      want = "more";
      justOpened = false;
      at += 1;
      continue;
    }
    const orClose = justOpened ? ` or "${closer}"` : "";
    justOpened = false;
    if (want === "more") {
      if (open.length === 0) return { at, expected: "the end of the text" };
      if (character !== ",") return { at, expected: `"," or "${closer}"` };
      want = closer === "}" ? "key" : "value";
      at += 1;
    } else if (want === "colon") {
      if (character !== ":") return { at, expected: '":"' };
      want = "value";
      at += 1;
    } else if (character === '"') {
      const end = findStringEnd(text, at);
      if (end.expected !== undefined) return { at: end.at, expected: end.expected };
      at = end.at;
      want = want === "key" ? "colon" : "more";
    } else if (want === "key") {
      return { at, expected: `a name in double quotes${orClose}` };
    } else if (character === "{" || character === "[") {
      open.push(character);
      want = character === "{" ? "key" : "value";
      justOpened = true;
      at += 1;
    } else {
      LITERAL.lastIndex = at;
      if (!LITERAL.test(text)) return { at, expected: `a value${orClose}` };
      at = LITERAL.lastIndex;
      want = "more";
    }
  }
}

/** @returns the offset after the closing quote, or of what may not stand in a string */
function findStringEnd(text: string, start: number): { at: number; expected?: string } {
  for (let at = start + 1; ;) {
    const character = text.charAt(at);
    if (character === '"') return { at: at + 1 };
    if (character === "") return { at, expected: 'a closing "' };
    if (character < " ") return { at, expected: "an escape such as \\n (a string may not hold a control character)" };
    if (character === "\\") {
      ESCAPE.lastIndex = at;
      if (!ESCAPE.test(text)) return { at, expected: "an escape such as \\n or \\u00e9" };
      at = ESCAPE.lastIndex;
    } else at += 1;
  }
}
