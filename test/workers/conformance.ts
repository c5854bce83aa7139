/** Holds every answer to the OpenAPI document: its status, content type, headers and body must be described there. */
import { dereference, type Schema, validate } from "@cfworker/json-schema";
import { openApiDocument } from "../../src/http/openapi.ts";
import { comparePaths } from "../../src/http/route.ts";
import { routes } from "../../src/http/routes.ts";

export interface Operation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly description?: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, DescribedResponse | Reference>>;
}
interface Reference {
  readonly $ref: string;
}
interface DescribedResponse {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: Schema }>>;
  readonly content?: Readonly<Record<string, Media>>;
}
interface Media {
  readonly schema: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, Reference>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly responses: Readonly<Record<string, DescribedResponse>>;
    readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
  };
}

const BASE = "https://pilotfish.test/schemas";
/** References lead from every schema to the components, wherever it is checked. */
export const document = JSON.parse(
  JSON.stringify(openApiDocument(routes)).replaceAll('"#/components/schemas/', `"${BASE}#/$defs/`),
) as Document;
const components: Schema = { $id: BASE, $defs: document.components.schemas };
const lookup = dereference(components);
const prepared = new Set<Schema>([components]);

export const operations: readonly Operation[] = Object.entries(document.paths)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
  )
  .toSorted((a, b) => comparePaths(a.path, b.path));

const patterns = new Map(operations.map(({ path }) => [path, new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}/?$`)]));

/** The answers of an operation by status. */
export function responsesOf({ responses }: Operation): Record<string, DescribedResponse> {
  const resolve = (part: DescribedResponse | Reference) => ("$ref" in part ? document.components.responses[nameOf(part)]! : part);
  return Object.fromEntries(Object.entries(responses).map(([status, part]) => [status, resolve(part)]));
}

/** The name of the component that is meant. */
export function nameOf({ $ref }: Reference): string {
  return $ref.split("/").at(-1)!;
}

/** @returns the operation that answers such a request, undefined when the document has none */
export function findOperation(method: string, url: string): Operation | undefined {
  const { pathname } = new URL(url, "https://pilotfish.test");
  const wanted = method === "HEAD" ? "GET" : method;
  return operations.find((operation) => operation.method === wanted && patterns.get(operation.path)!.test(pathname));
}

/** What is wrong with a value, by its schema in the document; nothing when it is valid. */
export function faultsIn(value: unknown, schema: Schema): string[] {
  if (!prepared.has(schema)) {
    dereference(schema, lookup, new URL(`${BASE}/${prepared.size}`));
    prepared.add(schema);
  }
  if (validate(value, schema, "2020-12", lookup, true).valid) return []; // much quicker than with all its errors, where there are unions
  const { valid, errors } = validate(value, schema, "2020-12", lookup, false);
  return valid ? [] : errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
}

/** An answer as the test saw it. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed JSON, or the text; null for none. */
  readonly body: unknown;
}

/** @throws an Error that says what the document does not know of the answer */
export function requireDescribed(method: string, url: string, { status, headers, body }: Answered): void {
  const operation = findOperation(method, url);
  const where = `${method} ${url} was answered ${status}`;
  const described = operation && responsesOf(operation)[status];
  if (operation === undefined || (status === 405 && described === undefined)) {
    requireValid(where, body, { $ref: `${BASE}#/$defs/Problem` });
    if (status !== 404 && status !== 405) throw new Error(`${where}, and the document knows no such operation`);
    return;
  }
  if (described === undefined) {
    const declared = Object.keys(operation.responses).join(", ");
    throw new Error(`${where}; ${operation.operationId} declares ${declared}: ${JSON.stringify(body)}`);
  }
  for (const [name, { required, schema }] of Object.entries(described.headers ?? {})) {
    const value = headers.get(name);
    if (value !== null) requireValid(`${where}, header ${name}`, schema.type === "integer" ? Number(value) : value, schema);
    else if (required) throw new Error(`${where} without the header ${name}`);
  }
  if (described.content === undefined) {
    if (body !== null) throw new Error(`${where} with a body, and none is declared`);
    return;
  }
  if (method === "HEAD") return;
  const type = (headers.get("content-type") ?? "").split(";")[0]!;
  const media = described.content[type] ?? described.content["*/*"];
  if (media === undefined)
    throw new Error(`${where} as ${type}; ${operation.operationId} declares ${Object.keys(described.content).join(", ")}`);
  if (typeof body !== "string" || type.endsWith("json")) requireValid(where, body, media.schema);
}

function requireValid(where: string, value: unknown, schema: Schema): void {
  const faults = faultsIn(value, schema);
  if (faults.length === 0) return;
  const deepest = faults.toSorted((a, b) => b.split("/").length - a.split("/").length).slice(0, 12);
  throw new Error(`${where}, which the document does not describe:\n${deepest.join("\n")}\n${JSON.stringify(value).slice(0, 2000)}`);
}
