import { isJsonObject, type Json } from "../../domain/json.ts";
import type { Answer } from "./answer.ts";

/** What stands where a secret was. */
export const MASK = "***";
/** A shorter value is masked only where it is the whole of a text or a number: it would be found in too much that has nothing to do with it. */
export const MIN_MASKED_LENGTH = 4;
/** A part of a base64 text that is shorter says too little of where it came from. */
const MIN_BASE64_LENGTH = 5;
/** Content types of artifacts that are text. Others (screenshots, PDFs) are kept as they are. */
const TEXT_TYPE = /^(text\/|application\/([\w.+-]+\+)?(json|xml|yaml|x-yaml|javascript|x-ndjson|x-www-form-urlencoded))/i;

/**
 * Takes secrets out of everything that a block gives back: as they are, and in the encodings in which they travel: JSON (also within JSON), URLs and
 * forms, HTML, and base64 (also inside a longer base64 text, as in `Basic …`).
 */
export class SecretMask {
  readonly #values = new Set<string>();
  #pattern: RegExp | null = null;

  add(value: string): void {
    if (value === "" || this.#values.has(value)) return;
    this.#values.add(value);
    this.#pattern = null;
  }

  text(text: string): string {
    if (this.#values.size === 0) return text;
    if (this.#values.has(text)) return MASK;
    this.#pattern ??= patternOf(this.#values);
    return text.replaceAll(this.#pattern, MASK);
  }

  /** Keys too. A number that is a secret's digits becomes text. */
  json(value: Json): Json {
    if (typeof value === "string") return this.text(value);
    if (typeof value === "number") return this.#values.has(String(value)) ? MASK : value;
    if (Array.isArray(value)) return value.map((item: Json) => this.json(item));
    if (isJsonObject(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.#key(key), this.json(item)]));
    return value;
  }

  /** The bytes of an artifact, if they are text. */
  bytes(contentType: string, bytes: Uint8Array): Uint8Array {
    if (!TEXT_TYPE.test(contentType)) return bytes;
    const text = new TextDecoder().decode(bytes);
    const masked = this.text(text);
    return masked === text ? bytes : new TextEncoder().encode(masked);
  }

  /** For the log: its message, its stack and those of its causes. */
  error(error: unknown): unknown {
    if (!(error instanceof Error)) return typeof error === "string" ? this.text(error) : error;
    const masked = new Error(this.text(error.message), error.cause === undefined ? {} : { cause: this.error(error.cause) });
    masked.name = error.name;
    masked.stack = this.text(error.stack ?? "");
    return masked;
  }

  answer(answer: Answer): Answer {
    switch (answer.type) {
      case "completed":
      case "slept":
        return { ...answer, output: this.json(answer.output) };
      case "opened":
        return { ...answer, items: answer.items?.map((item) => this.json(item)) ?? null };
      case "skipped":
      case "terminated":
        return { ...answer, reason: this.text(answer.reason) };
      case "failed":
        return { ...answer, failure: { ...answer.failure, message: this.text(answer.failure.message) } };
      case "waiting":
      case "child":
        return answer; // their blocks may not read secrets
    }
  }

  /** The name of a field is masked only where it is long enough to be told from others: `{"cvv": …}` keeps its names. */
  #key(key: string): string {
    return key.length < MIN_MASKED_LENGTH ? key : this.text(key);
  }
}

function patternOf(values: ReadonlySet<string>): RegExp {
  const long = [...values].filter((value) => value.length >= MIN_MASKED_LENGTH);
  const forms = [...long, ...long.flatMap((value) => formsOf(value.toWellFormed()))];
  const longestFirst = [...new Set(forms)].filter((form) => form.length >= MIN_MASKED_LENGTH).toSorted((a, b) => b.length - a.length);
  return longestFirst.length === 0 ? /(?!)/g : new RegExp(longestFirst.map(escapeRegExp).join("|"), "g");
}

/** @param value without halves of surrogate pairs alone, which no encoding of it has */
function formsOf(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const uri = encodeURIComponent(value);
  const form = new URLSearchParams([["", value]]).toString().slice(1);
  const html = value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const plain = [
    value,
    json,
    JSON.stringify(json).slice(1, -1),
    uri,
    encodeURI(value),
    form,
    html,
    html.replaceAll('"', "&quot;").replaceAll("'", "&#39;"),
    html.replaceAll('"', "&#34;").replaceAll("'", "&#x27;"),
  ];
  const lowerCase = [uri, form].map((text) => text.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()));
  const bytes = Buffer.from(value);
  const base64 = [0, 1, 2].map((offset) => base64Core(bytes, offset)).filter((core) => core.length >= MIN_BASE64_LENGTH);
  return [
    ...plain,
    ...lowerCase,
    ...base64,
    ...base64.map((core) => core.replaceAll("+", "-").replaceAll("/", "_")),
    bytes.toString("hex"),
  ];
}

/** The characters that these bytes alone decide, when so many bytes (0 to 2) stand before them in their group of three. */
function base64Core(bytes: Buffer, offset: number): string {
  const whole = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
  return whole.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}
