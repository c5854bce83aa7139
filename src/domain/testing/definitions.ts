/**
 * Random definitions: of every version, with blocks of the given types, every field of theirs set to what its schema accepts, loops in loops.
 * All of them are valid.
 */
import * as fc from "fast-check";
import { z } from "zod";
import type { Json, JsonObject } from "../json.ts";
import type { BlockCatalog } from "../workflow/catalog.ts";
import { blockSchema, workflowSchema } from "../workflow/schema.ts";

/** What the generator must know of a block type. */
export interface GeneratedType {
  readonly type: string;
  readonly config: z.ZodType;
  /** A whole block, from which the generated ones begin. */
  readonly example: JsonObject;
}

const PARAMETER = "quantity";
const MAX_DEPTH = 2;

/** Fields whose values name other parts of the definition. */
const LINKED_FIELDS: Readonly<Record<string, fc.Arbitrary<Json>>> = {
  parameter_keys: fc.subarray([PARAMETER]),
  loop_over_parameter_key: fc.constant(PARAMETER),
  loop_variable_reference: fc.constantFrom(PARAMETER, "{{ [1, 2] }}", "all the products of the page"),
  file_url: fc.constantFrom(PARAMETER, "https://shop.example.com/list.csv"),
  timeout_seconds: fc.integer({ min: 1, max: 780 }),
};
function linkedField(field: string): fc.Arbitrary<Json> | undefined {
  return LINKED_FIELDS[field] ?? (field.endsWith("_parameter_key") ? fc.constant(PARAMETER) : undefined);
}

/** Fields that `writeList` sets, by the place of the block. */
const PLACED_FIELDS = new Set(["block_type", "label", "next_block_label", "depends_on", "condition", "loop_blocks", "branch_conditions"]);

const texts = fc.constantFrom("text", "größe 1/2 'x' \"y\"\n", "https://shop.example.com/", `{{ ${PARAMETER} }}`, "0", "A4");
const jsonValues = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    fc.oneof(texts, fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie("value"), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom("a", "b c", "größe"), tie("value"), { maxKeys: 2 }),
  ),
})).value;

/** Values that may fit a schema; limits are not looked at. */
function valuesOf(schema: z.core.$ZodType): fc.Arbitrary<Json> {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "optional":
    case "default":
    case "readonly":
      return valuesOf(def.innerType);
    case "nullable":
      return fc.option(valuesOf(def.innerType), { freq: 4 });
    case "pipe":
      return fc.oneof(valuesOf(def.in), valuesOf(def.out));
    case "string":
      return texts;
    case "number":
      return fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constantFrom(0.5, 300, 25));
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "enum":
      return fc.constantFrom(...Object.values(def.entries));
    case "literal":
      return fc.constantFrom(...def.values.map((value) => value as Json));
    case "array":
      return fc.array(valuesOf(def.element), { maxLength: 2 });
    case "record":
      return fc.dictionary(fc.constantFrom("a", "b_c", "D-1"), valuesOf(def.valueType), { maxKeys: 2 });
    case "union":
      return fc.oneof(...def.options.map(valuesOf));
    case "object":
      return fieldsOf(def.shape).map((fields) => ({ ...fields }));
    default:
      return jsonValues;
  }
}

/** Some of the fields, each with a value that its schema accepts. */
function fieldsOf(shape: z.core.$ZodShape): fc.Arbitrary<JsonObject> {
  const fields = Object.entries(shape).filter(([field]) => !PLACED_FIELDS.has(field));
  const values = fields.map(([field, schema]) => {
    const isNeeded = schema._zod.optin === undefined;
    const value = (linkedField(field) ?? valuesOf(schema)).map((made) => (z.safeParse(schema, made).success ? made : undefined));
    return [field, isNeeded ? value : fc.option(value, { nil: undefined, freq: 2 })] as const;
  });
  return fc.record(Object.fromEntries(values)).map((made) => dropUndefined(made));
}

function dropUndefined(fields: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

/** Blocks of a type, without what depends on their place. */
function configsOf({ type, config, example }: GeneratedType, catalog: BlockCatalog): fc.Arbitrary<JsonObject> {
  const shape = config instanceof z.ZodObject ? config.shape : {};
  const isValid = (fields: JsonObject) => catalog.find(type)!.checkConfig(fields, []).length === 0;
  const own = Object.fromEntries(
    Object.entries(example).filter(([field]) => field === "branch_conditions" || !(field in blockSchema.shape)),
  );
  return fc.tuple(fieldsOf(shape), fc.subarray(Object.keys(own))).map(([made, left]) => {
    // One field after the other, as long as they go together.
    let fields = own;
    const together = { ...own, ...made };
    if (isValid(together)) fields = together;
    for (const [field, value] of Object.entries(made)) {
      const more = { ...fields, [field]: value };
      if (isValid(more)) fields = more;
    }
    for (const field of left) {
      const { [field]: _, ...without } = fields;
      if (isValid(without)) fields = without;
    }
    return fields;
  });
}

interface Draft {
  readonly type: string;
  readonly fields: JsonObject;
  readonly isConditional: boolean;
  readonly hasCondition: boolean;
  /** Choices for what it is linked to. */
  readonly links: number;
  /** Of a loop. */
  readonly body: readonly Draft[] | null;
}

export function definitions(types: readonly GeneratedType[], catalog: BlockCatalog): fc.Arbitrary<JsonObject> {
  const { title: _, workflow_definition: inner, ...settings } = workflowSchema.shape;
  const {
    version: _version,
    parameters: _parameters,
    blocks: _blocks,
    finally_block_label: _last,
    max_parallel_blocks: parallel,
    ...rest
  } = inner.shape;
  const byVersion = ([1, 2, 3] as const).map((version) => {
    const lists = listsOf(
      types.filter(({ type }) => version !== 1 || type !== "conditional"),
      catalog,
    );
    return fc
      .record({
        settings: fieldsOf(settings),
        rest: fieldsOf(version === 3 ? { ...rest, max_parallel_blocks: parallel } : rest),
        blocks: lists,
        isExplicit: fc.boolean(),
        hasLast: fc.boolean(),
      })
      .map(({ settings: { sequential_key: key, ...settings }, rest, blocks, isExplicit, hasLast }) => {
        const last = { block_type: "set", label: "last", values: {} };
        return {
          title: "Generated",
          ...settings,
          ...(typeof key === "string" ? { sequential_key: `{{ ${PARAMETER} }}` } : {}),
          workflow_definition: {
            // Without a single link a list of version 2 is one of version 1.
            ...(isExplicit || version === 3 || blocks.length < 2 ? { version } : {}),
            parameters: [{ parameter_type: "workflow", workflow_parameter_type: "integer", key: PARAMETER, default_value: 1 }],
            blocks: [...writeList(blocks, version, names()), ...(hasLast ? [last] : [])],
            ...(hasLast ? { finally_block_label: "last" } : {}),
            ...rest,
          },
        };
      });
  });
  return fc.oneof(...byVersion);
}

function listsOf(types: readonly GeneratedType[], catalog: BlockCatalog): fc.Arbitrary<Draft[]> {
  const common = fieldsOf(blockSchema.shape);
  const configs = new Map(types.map((type) => [type.type, configsOf(type, catalog)]));
  const listAt = (depth: number): fc.Arbitrary<Draft[]> => {
    const drafts = types.flatMap(({ type }): fc.Arbitrary<Draft>[] => {
      const role = catalog.find(type)!.role;
      const isLoop = role === "for_loop" || role === "while_loop";
      if (isLoop && depth >= MAX_DEPTH) return [];
      const draft = fc.record({
        common,
        config: configs.get(type)!,
        hasCondition: role === "while_loop" ? fc.constant(true) : fc.boolean(),
        links: fc.nat(255),
        body: isLoop ? listAt(depth + 1) : fc.constant(null),
      });
      return [
        draft.map(({ common, config, ...more }) => ({
          type,
          fields: { ...config, ...common },
          isConditional: role === "conditional",
          ...more,
        })),
      ];
    });
    return fc.array(fc.oneof(...drafts), { minLength: 1, maxLength: depth === 0 ? 5 : 2 });
  };
  return listAt(0);
}

function* names(): Generator<string, never> {
  for (let number = 0; ; number += 1) yield number % 3 === 0 ? `b${number}` : `größe_${number}`;
}

function writeList(drafts: readonly Draft[], version: 1 | 2 | 3, labels: Generator<string, never>): JsonObject[] {
  const own = drafts.map(() => labels.next().value);
  return drafts.map(({ type, fields, isConditional, hasCondition, links, body }, index) => {
    const next = own[index + 1] ?? null;
    const condition = type === "while_loop" ? { expression: "{{ current_index < 2 }}" } : `{{ ${PARAMETER} > 0 }}`;
    return {
      ...fields,
      block_type: type,
      label: own[index]!,
      ...(hasCondition ? { condition } : {}),
      ...(version === 2 && next !== null ? { next_block_label: next } : {}),
      ...(version === 3 ? { depends_on: own.slice(0, index).filter((_, before) => ((links >> before) & 1) === 1) } : {}),
      ...(isConditional ? { branch_conditions: branches(version === 1 ? null : next, links) } : {}),
      ...(body === null ? {} : { loop_blocks: writeList(body, version, labels) }),
    };
  });
}

function branches(next: string | null, links: number): JsonObject[] {
  const criteria =
    (links & 1) === 1
      ? { expression: `{{ ${PARAMETER} > 2 }}` }
      : { criteria_type: "prompt", expression: "is it cheap?", description: null };
  return [
    { criteria, next_block_label: next, description: "first" },
    { is_default: true, ...((links & 2) === 2 ? { next_block_label: next } : {}) },
  ];
}
