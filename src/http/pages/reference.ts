/**
 * The OpenAPI document for people: one page of plain HTML, made here. It asks for nothing else, no script and no file, so that it works offline
 * and under the strictest policy. (What there is for this brings 1.5 MB and telemetry along, or a framework.)
 */
import { html, raw } from "hono/html";
import { FAULT_CODES } from "../../domain/error.ts";
import { isJsonObject, type Json, type JsonObject } from "../../domain/json.ts";
import { PROBLEMS } from "../problem.ts";

type Html = ReturnType<typeof html>;

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly JsonObject[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly description?: string;
    readonly schema: JsonObject;
  }[];
  readonly requestBody?: { readonly required: boolean; readonly description: string; readonly content: Readonly<Record<string, Media>> };
  /** Refusals are references: their names are their codes, joined by `-or-`. */
  readonly responses: Readonly<Record<string, ApiResponse | { readonly $ref: string }>>;
}
interface ApiResponse {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string }>>;
  readonly content?: Readonly<Record<string, Media>>;
}
interface Media {
  readonly schema: JsonObject;
  readonly example?: Json;
  readonly examples?: Readonly<Record<string, unknown>>;
}
interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonObject>> };
}

/**
 * @param document what `openApiDocument` made
 * @param options.origin the address of the service, for the examples
 * @param options.nonce what the policy allows the style by
 */
export function referencePage(document: JsonObject, { origin, nonce }: { origin: string; nonce: string }): Html {
  const { info, tags, paths, components } = document as unknown as Document; // the only maker of it is `openApiDocument`
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
  const chapters = tags.map((tag) => ({
    tag,
    entries: joinAliases(operations.filter(({ operation }) => operation.tags.includes(tag.name))),
  }));
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${info.title} API ${info.version}</title>
        <style nonce="${nonce}">
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <nav>
          <a class="name" href="#top">${info.title} <small>${info.version}</small></a>
          ${chapters.map(({ tag, entries }) => html`<a class="chapter" href="#${tag.name}">${tag.name} <small>${entries.length}</small></a>`)}
          <a class="chapter" href="#errors">Errors</a>
          <a class="chapter" href="#schemas">Schemas</a>
          <a href="/openapi.json">openapi.json</a>
        </nav>
        <main id="top">
          <h1>${info.title} API</h1>
          ${prose(info.description)}
          ${chapters.map(
            ({ tag, entries }) =>
              html`<section id="${tag.name}">
                <h2>${tag.name}</h2>
                <p>${tag.description}</p>
                ${entries.map((entry) => operationView(entry, origin))}
              </section>`,
          )}
          <section id="errors">
            <h2>Errors</h2>
            <p>The <code>type</code> of a refusal is <code>urn:pilotfish:problem:</code> and one of these codes.</p>
            <table>
              <tr>
                <th>code</th>
                <th>status</th>
                <th>when</th>
                <th>what to do</th>
              </tr>
              ${Object.entries(PROBLEMS).map(
                ([name, { status, when, remedy }]) =>
                  html`<tr id="error-${name}">
                    <td><code>${name}</code></td>
                    <td>${status}</td>
                    <td>${words(when)}</td>
                    <td>${words(remedy)}</td>
                  </tr>`,
              )}
            </table>
            <p>Each of its <code>errors</code> has one of these codes.</p>
            <table>
              <tr>
                <th>code</th>
                <th>meaning</th>
              </tr>
              ${Object.entries(FAULT_CODES).map(
                ([name, meaning]) =>
                  html`<tr>
                    <td><code>${name}</code></td>
                    <td>${words(meaning)}</td>
                  </tr>`,
              )}
            </table>
          </section>
          <section id="schemas">
            <h2>Schemas</h2>
            ${Object.entries(components.schemas)
              .toSorted(([a], [b]) => (a < b ? -1 : 1))
              .map(
                ([name, schema]) =>
                  html`<details>
                    <summary><b>${name}</b></summary>
                    <div id="schema-${name}">
                      ${typeof schema.description === "string" ? prose(schema.description) : ""}
                      ${schema.properties === undefined ? html`<p>${typeView(schema)}</p>` : ""} ${fieldsView(schema)}
                      ${schema.example === undefined ? "" : code(schema.example)}
                    </div>
                  </details>`,
              )}
          </section>
        </main>
      </body>
    </html>`;
}

interface Entry {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** The same operation under several paths is told once. */
function joinAliases(entries: readonly Entry[]): (Entry & { readonly aliases: readonly string[] })[] {
  const groups = Map.groupBy(entries, ({ method, operation }) => method + JSON.stringify({ ...operation, operationId: "" }));
  return [...groups.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [{ ...first, aliases: others.map(({ path }) => path) }],
  );
}

function operationView({ method, path, operation, aliases }: Entry & { readonly aliases: readonly string[] }, origin: string): Html {
  const types = Object.keys(operation.requestBody?.content ?? {});
  const media = operation.requestBody?.content[types[0] ?? ""];
  const answers = Object.entries(operation.responses).flatMap(([status, answer]) => ("$ref" in answer ? [] : [{ status, answer }]));
  const refusals = Object.entries(operation.responses).flatMap(([status, answer]) =>
    "$ref" in answer ? [{ status, codes: codesOf(answer) }] : [],
  );
  return html`<details>
    <summary><span class="method ${method}">${method}</span> <code>${path}</code> <span>${operation.summary}</span></summary>
    <div id="${operation.operationId}">
      ${operation.description === undefined ? "" : prose(operation.description)}
      <p class="facts">
        ${callerOf(operation)} Operation <code>${operation.operationId}</code>.
        ${aliases.length === 0 ? "" : html`Also ${aliases.map((alias, index) => html`${index === 0 ? "" : ", "}<code>${alias}</code>`)}.`}
      </p>
      ${
        operation.parameters.length === 0
          ? ""
          : html`<h4>Parameters</h4>
              <table>
                <tr>
                  <th>name</th>
                  <th>in</th>
                  <th>type</th>
                  <th>meaning</th>
                </tr>
                ${operation.parameters.map(
                  (parameter) =>
                    html`<tr>
                      <td><code>${parameter.name}</code>${parameter.required ? html` <i>required</i>` : ""}</td>
                      <td>${parameter.in}</td>
                      <td>${typeView(parameter.schema)}</td>
                      <td>${words(parameter.description ?? "")}${defaultView(parameter.schema)}</td>
                    </tr>`,
                )}
              </table>`
      }
      ${
        media === undefined
          ? ""
          : html`<h4>Body</h4>
              <p>
                ${typeView(media.schema)} as
                ${types.map((type, index) => html`${index === 0 ? "" : " or "}<code>${type}</code>`)}${operation.requestBody?.required === true ? "" : "; may be left out"}.
                ${operation.requestBody?.description}
              </p>
              ${fieldsView(media.schema)}`
      }
      <h4>Example</h4>
      <pre>${curlOf(method, path, operation, media?.example, origin)}</pre>
      <h4>Answers</h4>
      ${answers.map(({ status, answer }) => answerView(status, answer))}
      <p class="facts">
        Refusals:
        ${refusals.flatMap(({ status, codes }) =>
          codes.map((name) => html`<a href="#error-${name}"><code>${name}</code></a> <small>${status}</small> `),
        )}
      </p>
    </div>
  </details>`;
}

function codesOf({ $ref }: { readonly $ref: string }): string[] {
  return ($ref.split("/").at(-1) ?? "").split("-or-");
}

function answerView(status: string, { description, headers = {}, content = {} }: ApiResponse): Html {
  const [[type, media] = []] = Object.entries(content);
  return html`<p>
      <b>${status}</b> ${description} ${media === undefined ? "No body." : html`${typeView(media.schema)}, <code>${type}</code>`}
    </p>
    ${Object.entries(headers).map(([name, header]) => html`<p class="facts">Header <code>${name}</code>: ${words(header.description)}</p>`)}
    ${media === undefined ? "" : fieldsView(media.schema)} ${media?.example === undefined ? "" : code(media.example)}`;
}

function callerOf({ security }: Operation): string {
  const names = new Set(security.flatMap((requirement) => Object.keys(requirement)));
  if (names.has("fileLink")) return "Needs an API key, or a link that is signed.";
  if (names.has("apiKey")) return "Needs an API key.";
  return names.has("adminToken") ? "Needs the admin token." : "Open to everyone.";
}

function curlOf(method: string, path: string, { security, requestBody }: Operation, example: Json | undefined, origin: string): string {
  const key = security.some((requirement) => "apiKey" in requirement) ? "$PILOTFISH_API_KEY" : "$PILOTFISH_ADMIN_TOKEN";
  const lines = [
    `curl ${method === "GET" ? "" : `-X ${method} `}'${origin}${path}'`,
    ...(security.length === 0 ? [] : [`-H "x-api-key: ${key}"`]),
    ...(requestBody === undefined ? [] : bodyOf(Object.keys(requestBody.content)[0] ?? "", example ?? null)),
  ];
  return lines.join(" \\\n  ");
}

function bodyOf(type: string, example: Json): string[] {
  const quote = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const text = (value: Json) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
  if (type === "multipart/form-data" && isJsonObject(example)) {
    return Object.entries(example).map(([name, value]) => `-F ${quote(`${name}=${text(value)}`)}`);
  }
  return [`-H ${quote(`content-type: ${type}`)}`, `--data-binary ${quote(text(example))}`];
}

/** The fields of an object, or of the objects in a list; nothing for what has a section of its own. */
function fieldsView(schema: JsonObject): Html | "" {
  const rows = fieldRows(schema, "");
  if (rows.length === 0) return "";
  return html`<table>
    <tr>
      <th>field</th>
      <th>type</th>
      <th>meaning</th>
    </tr>
    ${rows}
  </table>`;
}

function fieldRows(schema: JsonObject, prefix: string): Html[] {
  const required = Array.isArray(schema.required) ? (schema.required as readonly Json[]) : [];
  const fields = isJsonObject(schema.properties) ? Object.entries(schema.properties) : [];
  const parts = Array.isArray(schema.allOf) ? (schema.allOf as readonly Json[]).filter(isJsonObject) : [];
  const own = fields.flatMap(([name, field]): Html[] => {
    if (!isJsonObject(field)) return [];
    const inside = [field, ...optionsOf(field)].flatMap((option) => [
      ...fieldRows(option, `${prefix}${name}.`),
      ...(isJsonObject(option.items) ? fieldRows(option.items, `${prefix}${name}[].`) : []),
    ]);
    const row = html`<tr>
      <td><code>${prefix}${name}</code>${required.includes(name) ? html` <i>required</i>` : ""}</td>
      <td>${typeView(field)}</td>
      <td>${words(typeof field.description === "string" ? field.description : "")}${defaultView(field)}</td>
    </tr>`;
    return [row, ...inside];
  });
  return [...parts.flatMap((part) => fieldRows(part, prefix)), ...own];
}

/** The branches of a schema. */
function optionsOf(schema: JsonObject): JsonObject[] {
  return [schema.anyOf, schema.oneOf].flatMap((options) =>
    Array.isArray(options) ? (options as readonly Json[]).filter(isJsonObject) : [],
  );
}

function typeView(schema: JsonObject): Html | string {
  if (typeof schema.$ref === "string") {
    const name = schema.$ref.split("/").at(-1);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (Array.isArray(schema.enum)) {
    return html`${(schema.enum as readonly Json[]).map((value, index) => html`${index === 0 ? "" : " or "}<code>${JSON.stringify(value)}</code>`)}`;
  }
  if (Array.isArray(schema.allOf)) {
    const parents = (schema.allOf as readonly Json[]).filter(isJsonObject).filter(({ $ref }) => $ref !== undefined);
    return html`${parents.map((parent) => html`${typeView(parent)}, and:`)}`;
  }
  const options = optionsOf(schema);
  if (options.length > 0) return html`${options.map((option, index) => html`${index === 0 ? "" : " or "}${typeView(option)}`)}`;
  if (schema.type === "array") return html`list of ${isJsonObject(schema.items) ? typeView(schema.items) : "values"}`;
  if (schema.format === "date-time") return "instant";
  const types: readonly Json[] = Array.isArray(schema.type) ? (schema.type as readonly Json[]) : [schema.type ?? "any"];
  return types.map((type) => (typeof type === "string" ? type : "any")).join(" or ");
}

function defaultView({ default: byDefault }: JsonObject): Html | "" {
  return byDefault === undefined ? "" : html` Default <code>${JSON.stringify(byDefault)}</code>.`;
}

function code(value: Json): Html {
  return html`<pre>${JSON.stringify(value, null, 2)}</pre>`;
}

/** Paragraphs and lists, as the descriptions have them. */
function prose(markdown: string): Html[] {
  return markdown.split("\n\n").map((block) =>
    block.startsWith("- ")
      ? html`<ul>
          ${block.split("\n").map((line) => html`<li>${words(line.slice(2))}</li>`)}
        </ul>`
      : html`<p>${words(block)}</p>`,
  );
}

/** Text with `code` in it. */
function words(text: string): (Html | string)[] {
  return text.split(/`([^`]+)`/).map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part));
}

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d9dee5, #39414d); --soft: light-dark(#f4f6f9, #1d232b); --dim: light-dark(#5b6675, #9aa7b7); --link: light-dark(#0b5cad, #7db8f5) }
* { box-sizing: border-box }
html { scroll-padding-top: 1rem }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; display: grid; grid-template-columns: 13rem minmax(0, 1fr) }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1.2rem 1rem; border-right: 1px solid var(--line); display: flex; flex-direction: column; gap: .35rem }
nav .name { font-weight: 700; font-size: 1.1rem; margin-bottom: .6rem }
nav a { text-decoration: none; color: inherit } nav a:hover { color: var(--link) }
main { padding: 1.2rem 2rem 4rem; max-width: 68rem }
h1 { margin: 0 0 .5rem } h2 { margin: 2.2rem 0 .3rem } h4 { margin: 1.1rem 0 .3rem }
a { color: var(--link) } small, .facts { color: var(--dim) }
code, pre { font: 13px/1.45 ui-monospace, monospace } code { overflow-wrap: anywhere }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; overflow: auto; max-height: 26rem }
details { border: 1px solid var(--line); border-radius: 6px; margin: .45rem 0 } details > div { padding: .2rem 1rem 1rem; scroll-margin-top: 3.2rem }
summary { cursor: pointer; padding: .5rem .8rem; display: flex; gap: .7rem; align-items: baseline; flex-wrap: wrap } summary:hover { background: var(--soft) }
summary > span:last-child:not(.method) { color: var(--dim) }
.method { font: 700 12px ui-monospace, monospace; min-width: 3.8rem; color: #fff; text-align: center; border-radius: 4px; padding: .15rem .3rem }
.GET { background: #1f6feb } .POST { background: #1a7f4b } .PUT, .PATCH { background: #9a6700 } .DELETE { background: #b42318 }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 .8rem } th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--dim) } td:first-child { min-width: 13.5rem } td i { color: var(--dim); font-size: .85em }
@media (max-width: 46rem) { body { display: block } nav { position: static; height: auto; border: 0; flex-flow: row wrap } main { padding: 1rem } table { display: block; overflow-x: auto } td:first-child { min-width: 0 } td code { overflow-wrap: normal } }
`;
