/** `npm run docs`: writes the documents that are made from the code. With `--check` it writes nothing and fails when one is out of date. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import type { BlockType } from "../src/blocks/block.ts";
import { blockTypes } from "../src/blocks/registry.ts";
import { expressionsPage } from "./expressions-page.ts";
import { FAULT_CODES } from "../src/domain/error.ts";
import { blockSchema, workflowSchema } from "../src/domain/workflow/schema.ts";
import { openApiDocument } from "../src/http/openapi.ts";
import { PROBLEMS, problemType } from "../src/http/problem.ts";
import { routes } from "../src/http/routes.ts";

const documents: Record<string, string> = {
  "blocks.md": blocksPage(),
  "errors.md": errorsPage(),
  "expressions.md": expressionsPage(),
  "openapi.json": `${JSON.stringify(openApiDocument(routes), null, 2)}\n`,
};

const stale: string[] = [];
for (const [name, text] of Object.entries(documents)) {
  const path = join(import.meta.dirname, name);
  if ((await readFile(path, "utf8").catch(() => "")) === text) continue;
  if (process.argv.includes("--check")) stale.push(name);
  else await writeFile(path, text);
}
if (stale.length > 0) {
  console.error(`Out of date: docs/${stale.join(", docs/")}. Run \`npm run docs\` and commit the result.`);
  process.exitCode = 1;
}

function blocksPage(): string {
  const categories = { browser: "Browser", data: "Data", control: "Control" } as const;
  const sections = Object.entries(categories).flatMap(([category, title]) => [
    `## ${title}`,
    ...blockTypes.filter((blockType) => blockType.category === category).map(blockSection),
  ]);
  return [
    "# Block types",
    "<!-- Generated from src/blocks by `npm run docs`; do not edit. -->",
    "A workflow is a list of blocks. Every string in a block may hold expressions (`{{ }}`), which are filled in just before the block runs.",
    "All of Skyvern's block types are known. A workflow with a block that needs what this service does not have is saved with a warning, and a run " +
      "that reaches the block fails with the same sentence; so does a form of a type that needs it (an `extraction` by a goal, a branch by a `prompt`). " +
      "A workflow with a refused block is not saved.",
    overview(),
    "## Fields of a workflow",
    fieldsTable(z.toJSONSchema(workflowSchema, { io: "input", unrepresentable: "any" }) as Schema),
    "## Fields of every block",
    fieldsTable(z.toJSONSchema(blockSchema, { io: "input", unrepresentable: "any" }) as Schema),
    ...sections,
    "",
  ]
    .join("\n\n")
    .trimEnd()
    .concat("\n");
}

function errorsPage(): string {
  const problems = Object.entries(PROBLEMS).map(([code, { status, title, when, remedy }]) => [
    `### \`${code}\``,
    `**${status}** ${title}. ${when}`,
    `What to do: ${remedy}`,
  ]);
  const faults = Object.entries(FAULT_CODES).map(([code, meaning]) => `| \`${code}\` | ${escape(meaning)} |`);
  return [
    "# Errors",
    "<!-- Generated from src/http/problem.ts and src/domain/error.ts by `npm run docs`; do not edit. -->",
    `A refusal is a problem document (RFC 9457), \`application/problem+json\`: \`type\` is \`${problemType("not_found").replace("not_found", "")}\` and one of the codes below, \`title\` the code in words, \`status\` the HTTP status, \`detail\` one sentence with the first faults, \`errors\` every fault that was found (\`path\`, \`message\`, \`code\`), \`request_id\` the request. The lists are closed: there are no other codes.`,
    "## Codes of refusals",
    ...problems.flat(),
    "## Codes of faults",
    ["| code | meaning |", "| --- | --- |", ...faults].join("\n"),
    "",
  ]
    .join("\n\n")
    .trimEnd()
    .concat("\n");
}

function blockSection(blockType: BlockType): string {
  const repeatable =
    typeof blockType.repeatable === "function"
      ? "It depends on its fields whether it is run again after an interruption."
      : blockType.repeatable
        ? "Repeatable: run again after an interruption."
        : "Not repeatable: after an interruption its outcome is unknown and it is not run again, unless `on_interrupted` says so.";
  return [
    `### \`${blockType.type}\``,
    standingOf(blockType) === "refused"
      ? `${blockType.summary} **Refused:** ${reasonOf(blockType)}.`
      : `${blockType.summary} ${standingOf(blockType) === "needs" ? `**Needs ${reasonOf(blockType)}.**` : repeatable}`,
    fieldsTable(z.toJSONSchema(blockType.config, { io: "input", unrepresentable: "any" }) as Schema),
    ...stepTables(z.toJSONSchema(blockType.config, { io: "input", unrepresentable: "any" }) as Schema),
    `\`\`\`yaml\n${stringify([blockType.example], { lineWidth: 120 })}\`\`\``,
  ].join("\n\n");
}

/** Does a block of this type run? Asked of its example; a type of which only some forms do not run is one that runs. */
function standingOf(blockType: BlockType): "runs" | "needs" | "refused" {
  if ((blockType.refuses?.(blockType.example) ?? null) !== null) return "refused";
  return (blockType.needs?.(blockType.example) ?? null) === null ? "runs" : "needs";
}

function reasonOf(blockType: BlockType): string {
  return blockType.refuses?.(blockType.example) ?? blockType.needs?.(blockType.example) ?? "";
}

/** Which types run, and what to do about the others. */
function overview(): string {
  const names = (standing: "runs" | "needs" | "refused") => blockTypes.filter((blockType) => standingOf(blockType) === standing);
  const rows = [
    ...names("runs").map(({ type, summary }) => `| \`${type}\` | runs | ${escape(summary)} |`),
    ...names("needs").map((blockType) => `| \`${blockType.type}\` | is kept, and fails | needs ${escape(reasonOf(blockType))} |`),
    ...names("refused").map((blockType) => `| \`${blockType.type}\` | is refused | ${escape(reasonOf(blockType))} |`),
  ];
  return ["| type | | |", "| --- | --- | --- |", ...rows].join("\n");
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly minimum?: number;
  readonly maximum?: number;
}

function fieldsTable(schema: Schema): string {
  const rows = fieldRows(schema, "");
  if (rows.length === 0) return "It has no fields besides those of every block.";
  return ["| field | type | default | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** Of a list whose items are told apart by their `action`: what each kind of them does, and its fields. */
function stepTables(schema: Schema): string[] {
  return Object.values(schema.properties ?? {}).flatMap(({ items }) => {
    const rows = (items?.oneOf ?? []).flatMap((step) => {
      const { action, timeout_seconds: _, ...fields } = step.properties ?? {};
      const name = String(action?.const);
      return [`| **\`${name}\`** | | | ${escape(action?.description ?? "")} |`, ...fieldRows({ ...step, properties: fields }, `${name}.`)];
    });
    if (rows.length === 0) return [];
    return [
      "Every step has an `action` and may have `timeout_seconds` (30 by default):",
      ["| step and its fields | type | default | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n"),
    ];
  });
}

/** A row for each field, and for those inside it where it is an object, or a list of objects, with fields of its own. */
function fieldRows(schema: Schema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const need = schema.required?.includes(name) ? "required" : field.default === undefined ? "" : `\`${JSON.stringify(field.default)}\``;
    const row = `| \`${prefix}${name}\` | ${typeOf(field)} | ${need} | ${escape(field.description ?? "")} |`;
    const inside = [field, ...(field.anyOf ?? [])].flatMap((option) => [
      ...(hasFields(option) ? fieldRows(option, `${prefix}${name}.`) : []),
      ...(option.items && hasFields(option.items) ? fieldRows(option.items, `${prefix}${name}[].`) : []),
    ]);
    return [row, ...inside];
  });
}

/** Blocks, which are open to the fields of their type, have a chapter of their own. */
function hasFields(schema: Schema): boolean {
  return schema.properties !== undefined && schema.additionalProperties === false;
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(" or ");
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return [...new Set(options.map(typeOf))].join(" or ");
  if (schema.type === "array") return `list of ${schema.items ? typeOf(schema.items) : "values"}`;
  if (schema.type === "object") return "object";
  return schema.type === undefined ? "any" : [schema.type].flat().join(" or ");
}

function escape(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
