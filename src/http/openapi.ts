/** The OpenAPI 3.1 document, made from what the routes say of themselves. */
import type { z } from "zod";
import manifest from "../../package.json" with { type: "json" };
import type { ErrorCode } from "../domain/error.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import { definitionComponents } from "./definition-schema.ts";
import { toJsonSchemas } from "./json-schema.ts";
import { PROBLEMS, problemExample, problemSchema, problemType } from "./problem.ts";
import { impliedErrors, type BodySpec, type ResponseSpec, type RouteDescription, type Tag } from "./route.ts";

const TAGS: Readonly<Record<Tag, string>> = {
  Workflows: "Definitions and their versions. Skyvern's newer clients call them agents: the same routes are there under both names.",
  Folders: "Where an organization keeps workflows together.",
  Runs: "Executions of workflows, their history, and what they leave behind.",
  Browsers: "Browsers that are kept between runs.",
  Credentials: "What runs log in and pay with, and one-time codes.",
  Files: "What runs leave behind, and what callers upload for them.",
  Schedules: "When runs of a workflow are started by themselves.",
  Decisions: "Answers of people, whom a run waits for.",
  Templates: "Ready-made workflows, which every organization shares.",
  Webhooks: "What was told of runs to whom.",
  Organization: "The caller's own organization.",
  Administration: "For the administrator of the service.",
  "Older API": "Skyvern's older names of the same workflows and runs.",
  Service: "Of the service itself.",
};

const SECURITY: Readonly<Record<RouteDescription["caller"], Json>> = {
  api_key: [{ apiKey: [] }, { bearer: [] }],
  file_link: [{ apiKey: [] }, { bearer: [] }, { fileLink: [] }],
  admin: [{ adminToken: [] }, { adminBearer: [] }],
  anyone: [],
};

const DESCRIPTION = `Browser workflows over HTTP: durable, recoverable, compatible with Skyvern's API.

- A path may end in a slash or not.
- Bodies are JSON, or YAML (\`content-type: application/x-yaml\`). Unknown fields are refused, with the nearest name that there is.
- A refusal is a problem document (RFC 9457): \`detail\` is one sentence, \`errors\` lists every fault with its path, and \`type\` ends in a code from a closed list.
- Fields of Skyvern's that have no meaning here are there and \`null\`.`;

/** The document of these routes. */
export function openApiDocument(routes: readonly { readonly description: RouteDescription }[]): JsonObject {
  const descriptions = routes.map(({ description }) => description);
  const { schemaOf, components } = toJsonSchemas(descriptions.flatMap(schemasIn).concat(problemSchema));
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of descriptions) {
    for (const [operationId, path] of Object.entries(route.paths)) {
      (paths[path] ??= {})[route.method] = operation(route, operationId, path, schemaOf);
    }
  }
  return {
    openapi: "3.1.1",
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    info: {
      title: "Pilotfish",
      version: manifest.version,
      description: DESCRIPTION,
      license: { name: manifest.license, identifier: manifest.license },
    },
    servers: [{ url: "/" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { ...components, ...definitionComponents() },
      responses: Object.fromEntries(
        descriptions
          .flatMap((route) => [...refusals(impliedErrors(route)).values()])
          .map((group) => [refusalName(group), refusalComponent(group, schemaOf)]),
      ),
      examples: Object.fromEntries(
        (Object.keys(PROBLEMS) as Code[]).map((code) => [code, { summary: PROBLEMS[code].title, value: problemExample(code) }]),
      ),
      securitySchemes: {
        apiKey: { type: "apiKey", in: "header", name: "x-api-key", description: "The organization's API key." },
        bearer: { type: "http", scheme: "bearer", description: "The same key as `Authorization: Bearer …`." },
        fileLink: {
          type: "apiKey",
          in: "query",
          name: "sig",
          description: "The signature of a link that the service made, together with its `expiry` and `kid`.",
        },
        adminToken: { type: "apiKey", in: "header", name: "x-api-key", description: "The administrator's token." },
        adminBearer: { type: "http", scheme: "bearer", description: "The same token as `Authorization: Bearer …`." },
      },
    },
  };
}

type Code = keyof typeof PROBLEMS;
type SchemaOf = (schema: z.ZodType) => JsonObject;

function operation(route: RouteDescription, operationId: string, path: string, schemaOf: SchemaOf): JsonObject {
  return {
    operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    security: SECURITY[route.caller],
    parameters: parameters(route, path, schemaOf),
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body, schemaOf) }),
    responses: {
      ...Object.fromEntries(Object.entries(route.responses).map(([status, response]) => [status, answer(response, schemaOf)])),
      ...Object.fromEntries(
        [...refusals(impliedErrors(route))].map(([status, group]) => [status, { $ref: `#/components/responses/${refusalName(group)}` }]),
      ),
    },
  };
}

function parameters(route: RouteDescription, path: string, schemaOf: SchemaOf): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const query = route.query === undefined ? {} : schemaOf(route.query);
  const required = (query.required ?? []) as readonly string[];
  const inQuery = Object.entries((query.properties ?? {}) as Readonly<Record<string, JsonObject>>).map(
    ([name, { description, ...schema }]) => ({
      name,
      in: "query",
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema,
    }),
  );
  const inHeaders = Object.entries(route.headers ?? {}).map(([name, { description, schema }]) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: schemaOf(schema),
  }));
  return [...inPath, ...inQuery, ...inHeaders];
}

function requestBody(
  { schema, example, required, maxBytes, types = ["application/json", "application/x-yaml"] }: BodySpec<unknown>,
  schemaOf: SchemaOf,
): JsonObject {
  const media = { schema: schemaOf(schema) };
  return {
    description: `At most ${maxBytes} bytes.`,
    required,
    content: Object.fromEntries(types.map((type, index) => [type, index === 0 ? { ...media, example } : media])),
  };
}

function answer({ description, headers, content }: ResponseSpec, schemaOf: SchemaOf): JsonObject {
  const entries = Object.entries(headers).map(([name, { description: meaning, schema }]) => [
    name,
    { description: meaning, required: !schema.safeParse(undefined).success, schema: schemaOf(schema) },
  ]);
  return {
    description,
    ...(entries.length === 0 ? {} : { headers: Object.fromEntries(entries) as JsonObject }),
    ...(content === null
      ? {}
      : {
          content: {
            [content.type]: { schema: schemaOf(content.schema), ...(content.example === undefined ? {} : { example: content.example }) },
          },
        }),
  };
}

/** The refusals by status; where several share one, `type` says which it is. Each set of codes is a component that routes refer to. */
function refusals(codes: readonly ErrorCode[]): Map<string, Code[]> {
  const byStatus = Object.groupBy(new Set<Code>([...codes, "internal"]), (code) => String(PROBLEMS[code].status));
  return new Map(Object.entries(byStatus).map(([status, group = []]) => [status, group.toSorted()]));
}

function refusalName(group: readonly Code[]): string {
  return group.join("-or-");
}

function refusalComponent(group: readonly Code[], schemaOf: SchemaOf): JsonObject {
  const hasWait = group.includes("limit_exceeded");
  return {
    description: group.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(" "),
    ...(hasWait ? { headers: { "Retry-After": { description: "Seconds to wait.", schema: { type: "integer" } } } } : {}),
    content: {
      "application/problem+json": {
        schema: { allOf: [schemaOf(problemSchema), { properties: { type: { enum: group.map(problemType) } } }] },
        examples: Object.fromEntries(group.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
}

function schemasIn({ query, headers = {}, body, responses }: RouteDescription): z.ZodType[] {
  return [
    ...(query === undefined ? [] : [query]),
    ...Object.values(headers).map(({ schema }) => schema),
    ...(body === undefined ? [] : [body.schema]),
    ...Object.values(responses).flatMap((response) => [
      ...Object.values(response.headers).map(({ schema }) => schema),
      ...(response.content === null ? [] : [response.content.schema]),
    ]),
  ];
}
