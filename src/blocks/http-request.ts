import { z } from "zod";
import { jsonValue } from "../domain/json-value.ts";
import { isJsonObject, type Json, JSON_LIMITS, type JsonObject } from "../domain/json.ts";
import { isSecretHeader, MAX_URL_LENGTH, OutboundError } from "../domain/outbound/outbound.ts";
import { parseRetryAfter } from "../domain/retry-after.ts";
import type { HttpResponse } from "../ports/http.ts";
import { type BlockContext, BlockError, defineBlock } from "./block.ts";
import { fileName } from "./file-name.ts";
import { asBlockError } from "./files.ts";
import { parameterKeysField } from "./skyvern-fields.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
const MAX_TIMEOUT_SECONDS = 600;
/** How much of a refusal's body goes into the error message. */
const EXCERPT_LENGTH = 500;
const REDACTED = "[REDACTED]";
/** What stands for a part of an answer that is named as secret. */
const MASK = "***";

const NEEDS_FILES =
  "to send files in its request, which this service does not do: a run fails here; leave out files, or upload them in the page with actions";

const config = z
  .strictObject({
    method: z.string().toUpperCase().pipe(z.enum(METHODS)).default("GET").describe("HTTP method, in any case."),
    url: z.string().min(1).max(MAX_URL_LENGTH).describe("Absolute http(s) address."),
    headers: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .nullable()
      .default(null)
      .describe("Header names to values. Without an `Idempotency-Key` of yours, one is sent that is the same on every attempt."),
    body: z
      .union([z.record(z.string(), jsonValue), z.array(jsonValue), z.string()])
      .nullable()
      .default(null)
      .describe(
        "An object or a list is sent as JSON (an object as a form where the content-type header says `application/x-www-form-urlencoded`); a text as it is.",
      ),
    timeout: z.number().positive().max(MAX_TIMEOUT_SECONDS).default(30).describe("Seconds until the whole answer must be there."),
    follow_redirects: z.boolean().default(true).describe("Follow up to 5 redirects; otherwise a redirect fails the block."),
    save_response_as_file: z
      .boolean()
      .default(false)
      .describe("Store the answer's body as an artifact instead of putting it into the output."),
    secret_response_paths: z
      .array(z.string().min(1).max(200))
      .max(100)
      .nullable()
      .default(null)
      .describe(
        "Parts of a JSON answer that are kept nowhere, as `token` or `data.keys[0].secret` (`[*]`: of every item): `***` stands for them in the output, in errors and in the file.",
      ),
    download_filename: z
      .string()
      .nullable()
      .default(null)
      .describe("Name of the stored file; otherwise the server's name for it, or the address's."),
    files: z
      .record(z.string(), z.string())
      .nullish()
      .describe("Files to send, by the names of their form's fields. Not sent by this service: a run fails here."),
    ...parameterKeysField,
  })
  .refine(({ method, body }) => mayHaveBody(method) || isEmpty(body), {
    path: ["body"],
    message: "must be empty: GET and HEAD requests have no body",
  });

type Config = z.infer<typeof config>;

const headersSchema = z.record(z.string(), z.string());
const answerSchema = z.object({
  status_code: z.int(),
  response_headers: headersSchema.describe(
    "Lower-case names. Values of headers that hold credentials, `set-cookie` among them, are redacted.",
  ),
  response_body: jsonValue.describe("Parsed where the answer's content-type is JSON, otherwise its text."),
  request_method: z.string(),
  request_url: z.string(),
  request_headers: headersSchema,
  request_body: jsonValue,
  headers: headersSchema.describe("As `response_headers`."),
  body: jsonValue.describe("As `response_body`."),
  url: z.string().describe("As `request_url`."),
});
const fileSchema = z.object({
  status_code: z.int(),
  artifact_id: z.string(),
  file_path: z.string().describe("The artifact's id, by which later blocks name the file."),
  file_name: z.string(),
  file_size: z.int().describe("Bytes."),
  content_type: z.string(),
  sha256: z.string().describe("Hexadecimal."),
});

export const httpRequest = defineBlock({
  type: "http_request",
  category: "data",
  summary: "Send an HTTP request and take in the answer.",
  repeatable: true, // by the idempotency key, which is the same on every attempt
  needs: ({ files }) => (isJsonObject(files) && Object.keys(files).length > 0 ? NEEDS_FILES : null),
  config,
  output: z.union([answerSchema, fileSchema]),
  example: {
    block_type: "http_request",
    label: "post_order",
    method: "POST",
    url: "https://api.example.com/orders",
    headers: { "x-source": "pilotfish" },
    body: { sku: "A-17", quantity: 2 },
  },
  async execute(context, request) {
    const headers = requestHeaders(request, context.idempotencyKey);
    const body = requestBody(request, headers["content-type"]);
    const response = withoutSecrets(await send(context, request, headers, body), request.secret_response_paths ?? []);
    if (response.status < 200 || response.status >= 300) throw refusal(request, response, context.now());
    return request.save_response_as_file ? await saveFile(context, request, response) : answer(request, headers, response);
  },
});

function mayHaveBody(method: string): boolean {
  return method !== "GET" && method !== "HEAD";
}

/** Skyvern's editor writes `{}` where there is no body. */
function isEmpty(body: Json): boolean {
  return body === null || body === "" || (typeof body === "object" && Object.keys(body).length === 0);
}

/** Lower-case names; what the author set comes before the defaults. */
function requestHeaders({ method, headers, body }: Config, idempotencyKey: string): Record<string, string> {
  const own = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)] as const);
  const sendsJson = mayHaveBody(method) && body !== null && typeof body !== "string";
  return { "idempotency-key": idempotencyKey, ...(sendsJson ? { "content-type": "application/json" } : {}), ...Object.fromEntries(own) };
}

/** @returns undefined where there is nothing to send */
function requestBody({ method, body }: Config, contentType: string | undefined): string | undefined {
  if (body === null || !mayHaveBody(method)) return undefined;
  if (typeof body === "string") return body;
  if (Array.isArray(body) || mediaType(contentType) !== "application/x-www-form-urlencoded") return JSON.stringify(body);
  const fields = Object.entries(body).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
  return new URLSearchParams(fields).toString();
}

async function send(
  context: BlockContext,
  request: Config,
  headers: Record<string, string>,
  body: string | undefined,
): Promise<HttpResponse> {
  try {
    return await context.http.send({
      method: request.method,
      url: request.url,
      headers,
      ...(body === undefined ? {} : { body }),
      timeoutMs: request.timeout * 1000,
      followRedirects: request.follow_redirects,
      signal: context.signal,
    });
  } catch (error) {
    throw error instanceof OutboundError ? asBlockError(error) : error;
  }
}

/** @param now milliseconds since the epoch, to read a `Retry-After` date by */
function refusal({ method, follow_redirects }: Config, response: HttpResponse, now: number): BlockError {
  const { status, headers, url } = response;
  const target = new URL(url);
  const excerpt = decode(response).trim().slice(0, EXCERPT_LENGTH);
  const redirect =
    status >= 300 && status < 400 && headers["location"] !== undefined
      ? ` (a redirect to ${headers["location"]}${follow_redirects ? "" : "; follow_redirects is off"})`
      : "";
  const retryAfterMs = parseRetryAfter(headers["retry-after"], now);
  return new BlockError(
    `${method} ${target.origin}${target.pathname} answered ${status}${redirect}${excerpt === "" ? "" : `: ${excerpt}`}`,
    {
      errorClass: status >= 500 || [408, 425, 429].includes(status) ? "temporary" : "block",
      ...(retryAfterMs === null ? {} : { retryAfterMs }),
    },
  );
}

function answer(request: Config, sent: Record<string, string>, response: HttpResponse): z.infer<typeof answerSchema> {
  const headers = redact(response.headers);
  const body = parseBody(response);
  return {
    status_code: response.status,
    response_headers: headers,
    response_body: body,
    request_method: request.method,
    request_url: request.url,
    request_headers: redact(sent),
    request_body: request.body,
    headers,
    body,
    url: request.url,
  };
}

async function saveFile(context: BlockContext, request: Config, response: HttpResponse): Promise<z.infer<typeof fileSchema>> {
  const file = await context.saveArtifact({
    type: "download",
    name: fileName(request.download_filename, response),
    contentType: response.headers["content-type"] ?? "application/octet-stream",
    bytes: response.body,
  });
  return {
    status_code: response.status,
    artifact_id: file.artifactId,
    file_path: file.artifactId,
    file_name: file.name,
    file_size: file.sizeBytes,
    content_type: file.contentType,
    sha256: file.sha256,
  };
}

/** The answer with `***` for these parts of its JSON. What is not JSON is withheld whole: nobody can tell where its secrets are. */
export function withoutSecrets<Answer extends Pick<HttpResponse, "headers" | "body">>(response: Answer, paths: readonly string[]): Answer {
  if (paths.length === 0 || response.body.byteLength === 0) return response;
  const masked = (text: string): Answer => ({ ...response, body: new TextEncoder().encode(text) });
  try {
    let value = JSON.parse(decode(response)) as Json;
    for (const path of paths) value = maskAt(value, stepsOf(path));
    return masked(JSON.stringify(value));
  } catch {
    return masked(MASK);
  }
}

/** `$.data.keys[0].secret` → `data`, `keys`, `0`, `secret` */
function stepsOf(path: string): string[] {
  return path
    .replace(/^\$\.?/, "")
    .replaceAll(/\[["']?([^\]"']*)["']?\]/g, ".$1")
    .split(".")
    .filter((step) => step !== "");
}

function maskAt(value: Json, [step, ...rest]: readonly string[]): Json {
  if (step === undefined) return MASK;
  if (Array.isArray(value)) return value.map((item: Json, index) => (step === "*" || step === String(index) ? maskAt(item, rest) : item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, step === "*" || step === name ? maskAt(item, rest) : item]));
}

function redact(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, isSecretHeader(name) ? REDACTED : value]));
}

/** JSON where the answer says so, can be parsed and is not nested too deep to be stored; otherwise the text. */
export function parseBody(response: Pick<HttpResponse, "headers" | "body">): Json {
  const text = decode(response);
  if (!/^(application|text)\/([\w.-]+\+)?json$/.test(mediaType(response.headers["content-type"]))) return text;
  try {
    const value = JSON.parse(text) as Json;
    return isNestedDeeper(value, JSON_LIMITS.depth) ? text : value;
  } catch {
    return text;
  }
}

/** Is it nested deeper than so many levels? */
export function isNestedDeeper(value: Json, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value as JsonObject).some((element) => isNestedDeeper(element, levels - 1));
}

/** As text in the charset that the answer names, or UTF-8. */
function decode({ headers, body }: Pick<HttpResponse, "headers" | "body">): string {
  const charset = /charset="?([^";\s]+)/i.exec(headers["content-type"] ?? "")?.[1];
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return new TextDecoder().decode(body); // a charset that nobody knows
  }
}

function mediaType(contentType: string | undefined): string {
  return contentType?.split(";")[0]?.trim().toLowerCase() ?? "";
}
