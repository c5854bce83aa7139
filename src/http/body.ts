import type { Context } from "hono";
import type { z } from "zod";
import { describeFaults, ServiceError, invalidInput } from "../domain/error.ts";
import { parseJson, parseYaml, type ParsedDocument } from "../domain/workflow/parse-document.ts";
import { faultsOf } from "../domain/workflow/schema-faults.ts";

/** Bytes that a request's body may have. */
export const BODY_LIMITS = { definition: 1_048_576, request: 262_144 } as const;

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/;
const YAML_TYPE = /^(?:application|text)\/(?:x-|vnd\.)?yaml$/;

/**
 * The body as JSON, or as YAML where its content type says so. A body without a content type is taken for JSON.
 * @param maxBytes counted while it is read: a larger body is not read to its end
 * @throws ServiceError `unsupported_media_type`, `body_too_large`, `malformed_body` (with line and column)
 */
export async function readBody(c: Context, maxBytes: number): Promise<ParsedDocument & { ok: true }> {
  const type = (c.req.header("content-type") ?? "application/json").split(";")[0]!.trim().toLowerCase();
  if (!JSON_TYPE.test(type) && !YAML_TYPE.test(type)) {
    throw new ServiceError(
      "unsupported_media_type",
      `The content type "${type}" is not supported. Send application/json or application/x-yaml.`,
    );
  }
  const text = await readText(c.req.raw, maxBytes);
  return requireDocument(YAML_TYPE.test(type) ? parseYaml(text) : parseJson(text), "The body");
}

/**
 * The body, checked. Unknown fields are refused, if the schema is strict, with the nearest name that there is.
 * @throws ServiceError as `readBody`, and `invalid_input` with every fault
 */
export async function readBodyAs<Schema extends z.ZodType>(c: Context, schema: Schema, maxBytes: number): Promise<z.infer<Schema>> {
  const document = await readBody(c, maxBytes);
  const parsed = schema.safeParse(document.value);
  if (parsed.success) return parsed.data;
  throw invalidInput("The body is not valid", document.locate(faultsOf(parsed.error, schema)));
}

/** The same for a request that may come without a body, which then counts as `{}`. */
export async function readOptionalBodyAs<Schema extends z.ZodType>(c: Context, schema: Schema, maxBytes: number): Promise<z.infer<Schema>> {
  const empty = c.req.raw.body === null || c.req.header("content-length") === "0";
  return empty ? schema.parse({}) : await readBodyAs(c, schema, maxBytes);
}

/** @param what begins the sentence: `The body`, `yaml_definition` */
export function requireDocument(parsed: ParsedDocument, what: string): ParsedDocument & { ok: true } {
  if (parsed.ok) return parsed;
  throw new ServiceError("malformed_body", describeFaults(`${what} cannot be read`, parsed.faults), { faults: parsed.faults });
}

/**
 * The body as it was sent.
 * @param maxBytes counted while it is read: a larger body is not read to its end
 * @throws ServiceError `body_too_large`
 */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new ServiceError("body_too_large", `The body may have ${maxBytes} bytes and has more.`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  const bytes = await readBytes(request, maxBytes);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new ServiceError("malformed_body", "The body cannot be read: it is not UTF-8.", { cause: error });
    throw error;
  }
}
