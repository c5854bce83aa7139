import { describe, expect, it } from "vitest";
import { blockCatalog } from "../../blocks/registry.ts";
import { planView } from "./plan-view.ts";
import { requireDefinition } from "./check-definition.ts";

const set = (label: string, more: object = {}) => ({ block_type: "set", label, values: {}, ...more });
const loop = (label: string, blocks: object[], more: object = {}) => ({
  block_type: "for_loop",
  label,
  loop_variable_reference: "{{ [1] }}",
  loop_blocks: blocks,
  ...more,
});
const branches = (...targets: (string | null)[]) =>
  targets.map((target, index) => ({
    next_block_label: target,
    ...(index === 0 ? { is_default: true } : { criteria: { expression: "{{ true }}" } }),
  }));

function view(blocks: object[], more: object = {}) {
  const shown = planView(requireDefinition({ title: "Test", workflow_definition: { blocks, ...more } }, blockCatalog));
  const edges = (shown.edges as { from: string; to: string; reason: string }[]).map(({ from, to, reason }) => `${from} → ${to}: ${reason}`);
  return {
    ...shown,
    edges,
    nodes: shown.nodes as Record<string, unknown>[],
    levels: shown.levels,
    finally_block_label: shown.finally_block_label,
  };
}

describe("the view of a plan", () => {
  it("shows a list as a chain", () => {
    expect(view([set("a"), set("b"), set("c")])).toMatchObject({
      version: 1,
      mode: "cursor",
      edges: ["a → b: list_order", "b → c: list_order"],
      levels: [["a"], ["b"], ["c"]],
      finally_block_label: null,
    });
  });

  it("shows where branches part and where they meet", () => {
    const blocks = [
      set("first", { next_block_label: "choose" }),
      { block_type: "conditional", label: "choose", next_block_label: "end", branch_conditions: branches("x", "y") },
      set("x", { next_block_label: "x2" }),
      set("x2"),
      set("y"),
      set("end"),
    ];
    expect(view(blocks)).toMatchObject({
      version: 2,
      edges: [
        "first → choose: next_block_label",
        "choose → x: branch",
        "choose → y: branch",
        "choose → end: merge",
        "x → x2: next_block_label",
        "x2 → end: merge",
        "y → end: merge",
      ],
      levels: [["first"], ["choose"], ["x", "y"], ["x2"], ["end"]],
    });
  });

  it("shows what each block waits for, and what may run at the same time", () => {
    const blocks = [
      set("a"),
      set("b"),
      set("join", { values: { v: "{{ a_output }}" }, depends_on: ["b"] }),
      set("asked", { condition: "{{ join_output.v }}" }),
      { block_type: "conditional", label: "choose", branch_conditions: branches("taken", null) },
      set("taken"),
    ];
    expect(view(blocks, { version: 3, max_parallel_blocks: 2 })).toMatchObject({
      version: 3,
      mode: "dependencies",
      max_parallel_blocks: 2,
      edges: ["b → join: depends_on", "a → join: expression", "join → asked: condition", "choose → taken: branch"],
      levels: [["a", "b", "choose"], ["join", "taken"], ["asked"]],
    });
  });

  it("shows loops with their blocks, each with its place", () => {
    const inner = [set("x"), set("y"), set("z", { depends_on: ["x", "y"] })];
    const { nodes, edges, levels } = view(
      [set("a"), loop("outer", [loop("inner", inner, { max_concurrency: 3 })], { depends_on: ["a"] })],
      { version: 3 },
    );
    expect(nodes.map(({ label, loop: around, path, levels: inside }) => [label, around, path, inside])).toEqual([
      ["a", null, "workflow_definition.blocks[0]", null],
      ["outer", null, "workflow_definition.blocks[1]", [["inner"]]],
      ["inner", "outer", "workflow_definition.blocks[1].loop_blocks[0]", [["x", "y"], ["z"]]],
      ["x", "inner", "workflow_definition.blocks[1].loop_blocks[0].loop_blocks[0]", null],
      ["y", "inner", "workflow_definition.blocks[1].loop_blocks[0].loop_blocks[1]", null],
      ["z", "inner", "workflow_definition.blocks[1].loop_blocks[0].loop_blocks[2]", null],
    ]);
    expect(edges).toEqual([
      "a → outer: depends_on",
      "outer → inner: loop",
      "inner → x: loop",
      "inner → y: loop",
      "x → z: depends_on",
      "y → z: depends_on",
    ]);
    expect(levels).toEqual([["a"], ["outer"]]);
    expect(nodes[2]).toMatchObject({ max_concurrency: 3 });
  });

  it("shows the block at the end beside the levels", () => {
    const { nodes, levels, finally_block_label } = view([set("a"), set("z")], { finally_block_label: "z" });
    expect([nodes.map(({ label }) => label), levels, finally_block_label]).toEqual([["a", "z"], [["a"]], "z"]);
  });

  it("shows each block's policies in the words of the definition", () => {
    const [node] = view([
      set("a", {
        condition: "{{ true }}",
        skip_on_failure: true,
        timeout_seconds: 5,
        retry: { max_attempts: 4, initial_seconds: 0.5 },
        on_interrupted: "ask",
      }),
    ]).nodes;
    expect(node).toEqual({
      label: "a",
      block_type: "set",
      path: "workflow_definition.blocks[0]",
      loop: null,
      levels: null,
      condition: "{{ true }}",
      max_concurrency: null,
      continue_on_failure: true,
      next_loop_on_failure: false,
      timeout_seconds: 5,
      retry: { max_attempts: 4, initial_seconds: 0.5, multiplier: 2, max_seconds: 60, on: "temporary" },
      on_interrupted: "ask",
    });
  });
});
