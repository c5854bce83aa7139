import { describe, expect, it } from "vitest";
import { blockCatalog } from "../blocks/registry.ts";
import type { Fault } from "./error.ts";
import { checkDefinition } from "./workflow.ts";

const set = (label: string, values: Record<string, unknown> = { v: 1 }, more: Record<string, unknown> = {}) => ({
  block_type: "set",
  label,
  values,
  ...more,
});
const workflow = (blocks: unknown[], parameters: unknown[] = [], more: Record<string, unknown> = {}) => ({
  title: "Test",
  workflow_definition: { parameters, blocks },
  ...more,
});
const string = (key: string) => ({ parameter_type: "workflow", workflow_parameter_type: "string", key });

function faultsOf(input: unknown): readonly Fault[] {
  const checked = checkDefinition(input, blockCatalog);
  return checked.ok ? [] : checked.faults;
}

describe("checkDefinition", () => {
  it("compiles a list of blocks to a chain", () => {
    const checked = checkDefinition(workflow([set("a"), set("b", { v: "{{ a_output.v }}" })]), blockCatalog);
    expect(checked.ok && checked.plan.nodes.map(({ label, dependsOn }) => [label, dependsOn])).toEqual([
      ["a", []],
      ["b", ["a"]],
    ]);
  });

  it.each<[string, unknown, string, Fault["code"]]>([
    [
      "an unknown block type",
      workflow([{ block_type: "sett", label: "a" }]),
      "workflow_definition.blocks[0].block_type",
      "unknown_block_type",
    ],
    ["an unknown field of a block", workflow([set("a", {}, { valeus: {} })]), "workflow_definition.blocks[0].valeus", "unknown_field"],
    ["an unknown field of the workflow", workflow([set("a")], [], { titel: "x" }), "titel", "unknown_field"],
    ["a label used twice", workflow([set("a"), set("a")]), "workflow_definition.blocks[1].label", "duplicate"],
    ["a label that is no identifier", workflow([set("a b")]), "workflow_definition.blocks[0].label", "invalid_value"],
    [
      "an output with the name of a parameter",
      workflow([set("a")], [string("a_output")]),
      "workflow_definition.blocks[0].label",
      "duplicate",
    ],
    [
      "an undefined name",
      workflow([set("a", { v: "{{ custmer }}" })], [string("customer")]),
      "workflow_definition.blocks[0].values.v",
      "undefined_name",
    ],
    [
      "the output of a later block",
      workflow([set("a", { v: "{{ b_output }}" }), set("b")]),
      "workflow_definition.blocks[0].values.v",
      "undefined_name",
    ],
    [
      "an undefined name in a condition",
      workflow([set("a", {}, { condition: "{{ x }}" })]),
      "workflow_definition.blocks[0].condition",
      "undefined_name",
    ],
    ["a broken expression", workflow([set("a", { v: "{{ 1 + }}" })]), "workflow_definition.blocks[0].values.v", "invalid_expression"],
    [
      "a field of the wrong type",
      workflow([{ block_type: "wait", label: "w", wait_sec: "soon" }]),
      "workflow_definition.blocks[0].wait_sec",
      "invalid_type",
    ],
    ["no blocks", workflow([]), "workflow_definition.blocks", "invalid_value"],
    [
      "another version",
      { ...workflow([set("a")]), workflow_definition: { version: 9, blocks: [set("a")] } },
      "workflow_definition.version",
      "invalid_value",
    ],
    ["no title", { workflow_definition: { blocks: [set("a")] } }, "title", "required"],
    ["what is no object", [], "", "invalid_type"],
  ])("refuses %s", (_what, input, path, code) => {
    expect(faultsOf(input)).toContainEqual(expect.objectContaining({ path, code }));
  });

  it("suggests the nearest name", () => {
    const [fault] = faultsOf(workflow([set("a", { v: "{{ custmer }}" })], [string("customer")]));
    expect(fault?.message).toBe("'custmer' is not defined; did you mean 'customer'?");
  });

  it("reports every fault at once", () => {
    const faults = faultsOf(workflow([{ block_type: "nope", label: "1" }, set("b", { v: "{{ x }}{{ y }}" })], [{ key: "p" }], { oops: 1 }));
    expect(faults.length).toBeGreaterThanOrEqual(6);
  });

  it("leaves a field that holds an expression until it is filled in", () => {
    expect(faultsOf(workflow([set("a"), { block_type: "wait", label: "w", wait_sec: "{{ a_output.v }}" }]))).toEqual([]);
  });

  it("keeps Skyvern's fields that mean nothing here, and warns of those that are set", () => {
    const checked = checkDefinition(
      workflow([set("a")], [], { proxy_location: "RESIDENTIAL", persist_browser_session: false }),
      blockCatalog,
    );
    expect(checked.ok && checked.warnings.map(({ path }) => path)).toEqual(["proxy_location"]);
  });
});
