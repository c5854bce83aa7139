/** A workflow's definition as JSON Schemas, from the schema of workflows and the registry of block types. */
import { blockTypes } from "../blocks/registry.ts";
import type { JsonObject } from "../domain/json.ts";
import { parameterSchema } from "../domain/workflow/parameter.ts";
import { blockSchema, workflowSchema } from "../domain/workflow/schema.ts";
import { COMPONENTS, toJsonSchemas } from "./json-schema.ts";

type Fields = Readonly<Record<string, JsonObject>>;

/**
 * `WorkflowInput`, `WorkflowDefinition`, `Block` and a component for each block type. Where a value other than text is wanted, an expression
 * may stand in its place.
 */
export function definitionComponents(): Record<string, JsonObject> {
  const { schemaOf, components } = toJsonSchemas([workflowSchema, blockSchema, parameterSchema, ...blockTypes.map(({ config }) => config)]);
  const workflow = schemaOf(workflowSchema);
  const { workflow_definition: definition = {}, ...settings } = workflow.properties as Fields;
  const names = Object.fromEntries(blockTypes.map(({ type }) => [type, `${pascalCase(type)}Block`]));
  const common = schemaOf(blockSchema);
  const blocks = blockTypes.map(({ type, summary, config, example }) => {
    const { properties = {}, required = [] } = schemaOf(config) as { properties?: Fields; required?: readonly string[] };
    const own = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, orExpression(field)]));
    const fields = { type: "object", properties: { block_type: { const: type }, ...own }, required: ["block_type", ...required] };
    return [names[type], { description: summary, allOf: [{ $ref: `${COMPONENTS}BlockFields` }, fields], example }] as const;
  });
  return {
    ...components,
    WorkflowInput: {
      ...workflow,
      additionalProperties: true,
      description: "A workflow as it is sent. Fields of Skyvern's that have no effect here are taken, and named in a warning.",
      properties: { ...settings, workflow_definition: { $ref: `${COMPONENTS}WorkflowDefinition` } },
    },
    WorkflowDefinition: {
      ...definition,
      properties: {
        ...(definition.properties as Fields),
        parameters: { type: "array", items: { $ref: `${COMPONENTS}WorkflowParameter` }, description: "The inputs of a run." },
        blocks: { type: "array", minItems: 1, items: { $ref: `${COMPONENTS}Block` }, description: "The steps." },
      },
    },
    WorkflowParameter: schemaOf(parameterSchema),
    Block: {
      description: "A step. `block_type` says which fields it has besides those that every block has.",
      oneOf: Object.values(names).map((name) => ({ $ref: COMPONENTS + name })),
      discriminator: {
        propertyName: "block_type",
        mapping: Object.fromEntries(Object.entries(names).map(([type, name]) => [type, COMPONENTS + name])),
      },
    },
    BlockFields: {
      ...common,
      description: "The fields that every block has.",
      properties: {
        ...(common.properties as Fields),
        loop_blocks: { type: "array", items: { $ref: `${COMPONENTS}Block` }, description: "Of a loop: its blocks." },
      },
    },
    ...Object.fromEntries(blocks),
  };
}

/** An expression is text with `{{ }}` or `{% %}`; text takes it as it is. */
function orExpression({ description, default: byDefault, ...schema }: JsonObject): JsonObject {
  const about = { ...(description === undefined ? {} : { description }), ...(byDefault === undefined ? {} : { default: byDefault }) };
  if (schema.type === "string" || schema.const !== undefined || Object.keys(schema).length === 0) return { ...about, ...schema };
  return { ...about, anyOf: [schema, { type: "string", pattern: "\\{[{%]" }] };
}

function pascalCase(type: string): string {
  return type.replaceAll(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
}
