import { describe, expect, it } from "vitest";
import { blockCatalog } from "../../blocks/registry.ts";
import type { Json, JsonObject } from "../json.ts";
import { checkDefinition } from "./check-definition.ts";
import { sanitizeNames } from "./sanitize.ts";

const string = (key: string) => ({ parameter_type: "workflow", workflow_parameter_type: "string", key });
const set = (label: string, values: JsonObject = {}, more: JsonObject = {}) => ({ block_type: "set", label, values, ...more });
const workflow = (blocks: Json[], more: JsonObject = {}) => ({ title: "Test", workflow_definition: { blocks, ...more } });

/** What of the definition was changed: each path with its old and new value. */
const changesIn = (definition: Json) =>
  Object.fromEntries(
    sanitizeNames(definition).changes.map(({ path, message }) => {
      const [, old, name] = /^(".*") was changed to (".*"): names must be identifiers$/.exec(message)!;
      return [path.replace("workflow_definition.", ""), [JSON.parse(old!), JSON.parse(name!)]];
    }),
  );

describe("the names of a definition become identifiers", () => {
  it.each([
    ["check order", "check_order"], ["check-order!", "check_order"], ["1st", "_1st"], ["größe", "größe"], [" a  b ", "a_b"], ["_x", "_x"], ["!?", "block"], ["", "block"],
  ])("%j becomes %j", (label, name) => {
    const { definition } = sanitizeNames(workflow([set(label)]));
    expect(definition).toEqual(workflow([set(name)]));
  }); // prettier-ignore

  it("and stay apart where they would become the same", () => {
    const labels = ["a b", "a-b", "a_b", "a b!"];
    const { definition } = sanitizeNames(workflow(labels.map((label) => set(label)), { parameters: [string("a_b_2_output")] })); // prettier-ignore
    expect(definition).toMatchObject(workflow(["a_b_3", "a_b_4", "a_b", "a_b_5"].map((label) => set(label))));
  });

  it("but a label that stands twice does not become two: that is the author's to mend", () => {
    expect(sanitizeNames(workflow([set("a b"), set("a b")])).definition).toEqual(workflow([set("a_b"), set("a_b")]));
  });

  it("also inside loops", () => {
    const loop = { block_type: "while_loop", label: "the loop", loop_blocks: [set("in side")] };
    expect(sanitizeNames(workflow([loop])).definition).toEqual(workflow([{ ...loop, label: "the_loop", loop_blocks: [set("in_side")] }]));
  });
});

describe("what mentions a changed name is changed with it", () => {
  it.each<[string, JsonObject, Json]>([
    ["an output in an expression", { values: { v: "{{ a-b_output.total | round }}" } }, "{{ a_b_output.total | round }}"],
    ["a label in an expression", { values: { v: "of {{ a-b.status }} and {% if a-b %}x{% endif %}" } }, "of {{ a_b.status }} and {% if a_b %}x{% endif %}"],
    ["a parameter in an expression", { values: { v: "{{ my key }}" } }, "{{ my_key }}"],
    ["a label by which outputs are looked up", { values: { v: "{{ workflow_run_outputs['a-b'] }}" } }, "{{ workflow_run_outputs['a_b'] }}"],
    ["an expression among others", { values: { v: ["x", { w: "{{ a-b_output }}" }] } }, ["x", { w: "{{ a_b_output }}" }]],
  ])("%s", (_what, fields, value) => {
    const definition = workflow([set("a-b"), { ...set("last"), ...fields }], { parameters: [string("my key")] });
    expect(sanitizeNames(definition).definition).toMatchObject(workflow([set("a_b"), set("last", { v: value })]));
  }); // prettier-ignore

  it.each<[string, Json]>([
    ["plain text", "see a-b"],
    ["a text in an expression", '{{ "see a-b" }}'],
    ["a field", "{{ last.a-b }}"],
    ["a part of another name", "{{ xa-b }}"],
  ])("but not %s", (_what, value) => {
    const blocks = [set("a-b"), set("last", { v: value })];
    expect(sanitizeNames(workflow(blocks)).definition).toEqual(workflow([set("a_b"), blocks[1]!]));
  });

  it("a number is no mention of a label that is one", () => {
    const blocks = [set("1"), set("last", { v: "{{ 1 + 1 }}", w: "{{ 1_output.v }}" })];
    expect(sanitizeNames(workflow(blocks)).definition).toEqual(workflow([set("_1"), set("last", { v: "{{ 1 + 1 }}", w: "{{ _1_output.v }}" })])); // prettier-ignore
  });

  it("in every field that holds a name, with a change told for each", () => {
    const definition = workflow(
      [
        set("a b", {}, { next_block_label: "which one" }),
        {
          block_type: "conditional",
          label: "which one",
          next_block_label: "the loop",
          branch_conditions: [{ criteria: { expression: "{{ my key }}" }, next_block_label: "the loop" }, { is_default: true }],
        },
        { block_type: "for_loop", label: "the loop", loop_over_parameter_key: "my key", loop_blocks: [set("x")], parameter_keys: ["my key", "a b_output"] },
        { block_type: "for_loop", label: "again", loop_variable_reference: "a b_output.list", loop_blocks: [set("y")], depends_on: ["a b"] },
        set("at the end"),
      ],
      { finally_block_label: "at the end", parameters: [string("my key"), { parameter_type: "context", key: "c", source_parameter_key: "my key" }] },
    ); // prettier-ignore
    expect(changesIn({ ...definition, sequential_key: "{{ my key }}" })).toEqual({
      "parameters[0].key": ["my key", "my_key"],
      "parameters[1].source_parameter_key": ["my key", "my_key"],
      "blocks[0].label": ["a b", "a_b"],
      "blocks[0].next_block_label": ["which one", "which_one"],
      "blocks[1].label": ["which one", "which_one"],
      "blocks[1].next_block_label": ["the loop", "the_loop"],
      "blocks[1].branch_conditions[0].criteria.expression": ["{{ my key }}", "{{ my_key }}"],
      "blocks[1].branch_conditions[0].next_block_label": ["the loop", "the_loop"],
      "blocks[2].label": ["the loop", "the_loop"],
      "blocks[2].loop_over_parameter_key": ["my key", "my_key"],
      "blocks[2].parameter_keys[0]": ["my key", "my_key"],
      "blocks[2].parameter_keys[1]": ["a b_output", "a_b_output"],
      "blocks[3].loop_variable_reference": ["a b_output.list", "a_b_output.list"],
      "blocks[3].depends_on[0]": ["a b", "a_b"],
      "blocks[4].label": ["at the end", "at_the_end"],
      finally_block_label: ["at the end", "at_the_end"],
      sequential_key: ["{{ my key }}", "{{ my_key }}"],
    });
  });
});

it.each<[string, Json]>([
  ["a definition whose names are identifiers", workflow([set("a", { v: "{{ a-b }}" })])],
  ["what is no object", "x"],
  ["what has no definition", { title: "x" }],
  ["what has blocks of another form", { workflow_definition: { blocks: [1, null, { label: 5 }], parameters: "x" } }],
])("leaves %s as it is", (_what, definition) => {
  expect(sanitizeNames(definition)).toEqual({ definition, changes: [] });
});

it("makes what it changed a valid definition", () => {
  const { definition } = sanitizeNames(workflow([set("a b", { v: "{{ my key }}" }), set("c", { v: "{{ a b_output.v }}" })], { parameters: [string("my key")] })); // prettier-ignore
  expect(checkDefinition(definition, blockCatalog)).toMatchObject({ ok: true });
});
