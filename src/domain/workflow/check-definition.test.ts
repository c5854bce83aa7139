import { describe, expect, it } from "vitest";
import { blockCatalog } from "../../blocks/registry.ts";
import type { Fault } from "../error.ts";
import type { Plan } from "./plan.ts";
import { checkDefinition } from "./check-definition.ts";

type Fields = Record<string, unknown>;

const set = (label: string, values: Fields = { v: 1 }, more: Fields = {}) => ({ block_type: "set", label, values, ...more });
const then = (label: string, next: string | null) => set(label, { v: 1 }, { next_block_label: next });
const after = (label: string, ...dependsOn: string[]) => set(label, { v: 1 }, { depends_on: dependsOn });
const loop = (label: string, blocks: unknown[], more: Fields = {}) => ({
  block_type: "for_loop",
  label,
  loop_variable_reference: "{{ [1, 2] }}",
  loop_blocks: blocks,
  ...more,
});
const repeat = (label: string, expression: string, blocks: unknown[]) => ({
  block_type: "while_loop",
  label,
  condition: { expression },
  loop_blocks: blocks,
});
/** One branch for each target, the last by default. */
const choose = (label: string, targets: (string | null)[], next: string | null = null) => ({
  block_type: "conditional",
  label,
  next_block_label: next,
  branch_conditions: targets.map((target, index) =>
    index === targets.length - 1
      ? { is_default: true, next_block_label: target }
      : { criteria: { expression: `{{ ${index} > 0 }}` }, next_block_label: target },
  ),
});
const workflow = (blocks: unknown[], parameters: unknown[] = [], more: Fields = {}) => ({
  title: "Test",
  workflow_definition: { parameters, blocks },
  ...more,
});
/** With more fields of `workflow_definition`. */
const defined = (more: Fields, ...blocks: unknown[]) => ({ title: "Test", workflow_definition: { ...more, blocks } });
const string = (key: string) => ({ parameter_type: "workflow", workflow_parameter_type: "string", key });

function faultsOf(input: unknown): readonly Fault[] {
  const checked = checkDefinition(input, blockCatalog);
  return checked.ok ? [] : checked.faults;
}

function planOf(input: unknown): Plan {
  const checked = checkDefinition(input, blockCatalog);
  if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
  return checked.plan;
}

const nextOf = (input: unknown) => Object.fromEntries(Object.values(planOf(input).nodes).map(({ label, next }) => [label, next]));

describe("a definition is refused for", () => {
  it.each<[string, unknown, string, Fault["code"]]>([
    ["an unknown block type", workflow([{ block_type: "sett", label: "a" }]), "workflow_definition.blocks[0].block_type", "unknown_block_type"],
    ["an unknown field of a block", workflow([set("a", {}, { valeus: {} })]), "workflow_definition.blocks[0].valeus", "unknown_field"],
    ["an unknown field of the workflow", workflow([set("a")], [], { titel: "x" }), "titel", "unknown_field"],
    ["a label used twice", workflow([set("a"), set("a")]), "workflow_definition.blocks[1].label", "duplicate"],
    ["a label used again inside a loop", workflow([set("a"), loop("l", [set("a")])]), "workflow_definition.blocks[1].loop_blocks[0].label", "duplicate"],
    ["a label used in two loops", workflow([loop("l", [set("a")]), loop("m", [set("a")])]), "workflow_definition.blocks[1].loop_blocks[0].label", "duplicate"],
    ["a label that is no identifier", workflow([set("a b")]), "workflow_definition.blocks[0].label", "invalid_value"],
    ["an output with the name of a parameter", workflow([set("a")], [string("a_output")]), "workflow_definition.blocks[0].label", "duplicate"],
    ["an undefined name", workflow([set("a", { v: "{{ custmer }}" })], [string("customer")]), "workflow_definition.blocks[0].values.v", "undefined_name"],
    ["the output of a later block", workflow([set("a", { v: "{{ b_output }}" }), set("b")]), "workflow_definition.blocks[0].values.v", "undefined_name"],
    ["a block's own output", defined({ version: 3 }, set("a", { v: "{{ a_output }}" })), "workflow_definition.blocks[0].values.v", "undefined_name"],
    ["the output of a block that the graph leads to later", workflow([set("a", { v: "{{ c_output }}" }, { next_block_label: "b" }), then("b", "c"), set("c")]), "workflow_definition.blocks[0].values.v", "undefined_name"],
    ["the output of a later block, inside a loop", workflow([loop("l", [set("a", { v: "{{ b_output }}" })], { next_block_label: "b" }), set("b")]), "workflow_definition.blocks[0].loop_blocks[0].values.v", "undefined_name"],
    ["an undefined name in a condition", workflow([set("a", {}, { condition: "{{ x }}" })]), "workflow_definition.blocks[0].condition", "undefined_name"],
    ["a broken expression", workflow([set("a", { v: "{{ 1 + }}" })]), "workflow_definition.blocks[0].values.v", "invalid_expression"],
    ["a field of the wrong type", workflow([{ block_type: "wait", label: "w", wait_sec: "soon" }]), "workflow_definition.blocks[0].wait_sec", "invalid_type"],
    ["no blocks", workflow([]), "workflow_definition.blocks", "invalid_value"],
    ["more blocks than 500", workflow(Array.from({ length: 501 }, (_, index) => set(`b${index}`))), "workflow_definition.blocks", "too_large"],
    ["another version", defined({ version: 9 }, set("a")), "workflow_definition.version", "invalid_value"],
    ["no title", { workflow_definition: { blocks: [set("a")] } }, "title", "required"],
    ["what is no object", [], "", "invalid_type"],
    ["a condition that is plain text", workflow([set("a", {}, { condition: "1 > 2" })]), "workflow_definition.blocks[0].condition", "invalid_expression"],
    ["a branch that asks plain text", workflow([{ ...choose("c", [null]), branch_conditions: [{ criteria: { expression: "1 > 2" } }] }]), "workflow_definition.blocks[0].branch_conditions[0].criteria.expression", "invalid_expression"],
    ["an undefined name in a branch", workflow([{ ...choose("c", [null]), branch_conditions: [{ criteria: { expression: "{{ x }}" } }] }]), "workflow_definition.blocks[0].branch_conditions[0].criteria.expression", "undefined_name"],
    ["two default branches", workflow([{ ...choose("c", [null]), branch_conditions: [{ is_default: true }, { is_default: true }] }]), "workflow_definition.blocks[0].branch_conditions", "invalid_value"],
    ["a sequential key that names no parameter", workflow([set("a")], [string("account")], { run_sequentially: true, sequential_key: "{{ acount }}" }), "sequential_key", "undefined_name"],
    // Loops
    ["a loop without blocks", workflow([loop("l", [])]), "workflow_definition.blocks[0].loop_blocks", "invalid_value"],
    ["a loop whose blocks are not there", workflow([{ ...loop("l", []), loop_blocks: undefined }]), "workflow_definition.blocks[0].loop_blocks", "required"],
    ["more than 50 blocks in a loop", workflow([loop("l", Array.from({ length: 51 }, (_, index) => set(`b${index}`)))]), "workflow_definition.blocks[0].loop_blocks", "too_large"],
    ["blocks inside a block that is no loop", workflow([set("a", {}, { loop_blocks: [set("b")] })]), "workflow_definition.blocks[0].loop_blocks", "unknown_field"],
    ["a fault inside a loop", workflow([loop("l", [set("a", {}, { timeout_seconds: 0 })])]), "workflow_definition.blocks[0].loop_blocks[0].timeout_seconds", "invalid_value"],
    ["more iterations at once than 16", workflow([loop("l", [set("a")], { max_concurrency: 17 })]), "workflow_definition.blocks[0].max_concurrency", "invalid_value"],
    ["a loop over what is not there", workflow([loop("l", [set("a")], { loop_variable_reference: "skus" })]), "workflow_definition.blocks[0].loop_variable_reference", "undefined_name"],
    ["a while_loop without a condition", workflow([{ block_type: "while_loop", label: "w", loop_blocks: [set("a")] }]), "workflow_definition.blocks[0].condition", "required"],
    ["a while_loop that asks in another way", workflow([{ ...repeat("w", "{{ true }}", [set("a")]), condition: { expression: "{{ true }}", criteria_type: "python" } }]), "workflow_definition.blocks[0].condition.criteria_type", "invalid_value"],
    ["a label that means something else in JavaScript", workflow([set("__proto__")]), "workflow_definition.blocks[0].label", "invalid_value"],
    ["more parameters than 1,000", workflow([set("a")], Array.from({ length: 1_001 }, (_, index) => string(`p${index}`))), "workflow_definition.parameters", "too_large"],
    ["more values than 20,000", workflow([set("a", { v: Array.from({ length: 20_000 }, () => 0) })]), "workflow_definition", "too_large"],
    ["more expressions than 5,000", workflow([set("a", { v: Array.from({ length: 5_001 }, () => "{{ 1 }}") })]), "workflow_definition", "too_large"],
    ["more error codes than 100", defined({ error_code_mapping: Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`c${index}`, "x"])) }, set("a")), "workflow_definition.error_code_mapping", "invalid_value"],
    ["Python", workflow([{ block_type: "code", label: "c", code: "1" }]), "workflow_definition.blocks[0].block_type", "not_supported"],
    ["a spreadsheet inside a loop", workflow([loop("l", [{ block_type: "google_sheets_read", label: "s", spreadsheet_url: "https://x.example" }])]), "workflow_definition.blocks[0].loop_blocks[0].block_type", "not_supported"],
    ["a mailbox", workflow([{ block_type: "email_inbox", label: "m", email_client: "gmail" }]), "workflow_definition.blocks[0].block_type", "not_supported"],
    ["somebody else's storage", workflow([{ block_type: "file_upload", label: "u", storage_type: "azure", azure_blob: "b" }]), "workflow_definition.blocks[0].block_type", "not_supported"],
    ["an unknown field beside the credentials of a storage", workflow([{ block_type: "file_upload", label: "u", storage: "azure" }]), "workflow_definition.blocks[0].storage", "unknown_field"],
    ["an unknown field of a block that needs a model", workflow([{ block_type: "text_prompt", label: "t", prompt: "x", promt: "y" }]), "workflow_definition.blocks[0].promt", "unknown_field"],
    ["a required field of a block that needs a model", workflow([{ block_type: "navigation", label: "n" }]), "workflow_definition.blocks[0].navigation_goal", "required"],
    ["a validation without criteria", workflow([{ block_type: "validation", label: "v" }]), "workflow_definition.blocks[0].complete_criterion", "invalid_value"],
    ["an extraction without selectors and goal", workflow([{ block_type: "extraction", label: "x" }]), "workflow_definition.blocks[0].selectors", "invalid_value"],
    ["an unused field of the wrong type", workflow([{ block_type: "text_prompt", label: "t", prompt: "x", llm_key: 5 }]), "workflow_definition.blocks[0].llm_key", "invalid_type"],
    ["an engine that Skyvern does not have", workflow([{ block_type: "task", label: "t", engine: "skyvern-4.0" }]), "workflow_definition.blocks[0].engine", "invalid_value"],
    ["an unused field of the workflow of the wrong type", workflow([set("a")], [], { max_screenshot_scrolls: "3" }), "max_screenshot_scrolls", "invalid_type"],
    ["an unused field of every block of the wrong type", workflow([set("a", {}, { model: "gpt" })]), "workflow_definition.blocks[0].model", "invalid_type"],
    ["a parameter key that is not there", workflow([{ block_type: "text_prompt", label: "t", prompt: "x", parameter_keys: ["custmer"] }], [string("customer")]), "workflow_definition.blocks[0].parameter_keys[0]", "undefined_name"],
    ["an undefined name in a prompt that a model is to judge", workflow([{ ...choose("c", [null]), branch_conditions: [{ criteria: { criteria_type: "prompt", expression: "is {{ x }} cheap?" } }] }]), "workflow_definition.blocks[0].branch_conditions[0].criteria.expression", "undefined_name"],
    ["a block that is no object, whose neighbours keep their place", workflow(["x", set("a b")]), "workflow_definition.blocks[1].label", "invalid_value"],
    ["a while_loop that asks plain text", workflow([repeat("w", "true", [set("a")])]), "workflow_definition.blocks[0].condition.expression", "invalid_expression"],
    ["a condition that is an object, of another block", workflow([set("a", {}, { condition: { expression: "{{ true }}" } })]), "workflow_definition.blocks[0].condition", "invalid_type"],
    // Policies
    ["a retry without its attempts", workflow([set("a", {}, { retry: {} })]), "workflow_definition.blocks[0].retry.max_attempts", "required"],
    ["a retry of no attempts", workflow([set("a", {}, { retry: { max_attempts: 0 } })]), "workflow_definition.blocks[0].retry.max_attempts", "invalid_value"],
    ["a misspelt field of retry", workflow([set("a", {}, { retry: { max_attempts: 2, max_second: 1 } })]), "workflow_definition.blocks[0].retry.max_second", "unknown_field"],
    ["a back-off that shrinks", workflow([set("a", {}, { retry: { max_attempts: 2, multiplier: 0.5 } })]), "workflow_definition.blocks[0].retry.multiplier", "invalid_value"],
    ["a wrong retry of the workflow", defined({ retry: { max_attempts: "2" } }, set("a")), "workflow_definition.retry.max_attempts", "invalid_type"],
    ["a continue_on_failure that is no boolean", workflow([set("a", {}, { continue_on_failure: "yes" })]), "workflow_definition.blocks[0].continue_on_failure", "invalid_type"],
    ["a skip_on_failure that is no boolean", workflow([set("a", {}, { skip_on_failure: 1 })]), "workflow_definition.blocks[0].skip_on_failure", "invalid_type"],
    ["an unknown on_interrupted", workflow([set("a", {}, { on_interrupted: "skip" })]), "workflow_definition.blocks[0].on_interrupted", "invalid_value"],
    ["a block that may take longer than 780 seconds", workflow([set("a", {}, { timeout_seconds: 781 })]), "workflow_definition.blocks[0].timeout_seconds", "invalid_value"],
    ["a person who may take longer than 30 days", workflow([{ block_type: "human_interaction", label: "p", timeout_seconds: 2_592_001 }]), "workflow_definition.blocks[0].timeout_seconds", "invalid_value"],
    ["a run that may take longer than 8 hours", workflow([set("a")], [], { max_elapsed_time_minutes: 481 }), "max_elapsed_time_minutes", "invalid_value"],
    ["more parallel blocks than 16", defined({ version: 3, max_parallel_blocks: 17 }, set("a")), "workflow_definition.max_parallel_blocks", "invalid_value"],
    // The graph of version 2
    ["a next_block_label that leads nowhere", workflow([then("a", "b")]), "workflow_definition.blocks[0].next_block_label", "unknown_label"],
    ["a branch that leads nowhere", workflow([choose("c", ["x", null])]), "workflow_definition.blocks[0].branch_conditions[0].next_block_label", "unknown_label"],
    ["a next_block_label into a loop", workflow([then("a", "b"), loop("l", [set("b")])]), "workflow_definition.blocks[0].next_block_label", "unknown_label"],
    ["a block that nothing leads to", workflow([then("a", "b"), set("b"), set("c")]), "workflow_definition.blocks[2].label", "unreachable_block"],
    ["a block inside a loop that nothing leads to", workflow([loop("l", [then("a", "b"), set("b"), set("c")])]), "workflow_definition.blocks[0].loop_blocks[2].label", "unreachable_block"],
    ["blocks that lead in a circle", workflow([then("a", "b"), then("b", "c"), then("c", "b")]), "workflow_definition.blocks[1].next_block_label", "cycle"],
    ["a branch that leads back", workflow([then("a", "c"), choose("c", ["a", null])]), "workflow_definition.blocks[0].next_block_label", "cycle"],
    ["a circle inside a loop", workflow([loop("l", [then("a", "b"), then("b", "a")])]), "workflow_definition.blocks[0].loop_blocks[0].next_block_label", "cycle"],
    ["next_block_label in version 1", defined({ version: 1 }, then("a", "b"), set("b")), "workflow_definition.blocks[0].next_block_label", "invalid_value"],
    ["next_block_label inside a loop in version 1", defined({ version: 1 }, loop("l", [then("a", "b"), set("b")])), "workflow_definition.blocks[0].loop_blocks[0].next_block_label", "invalid_value"],
    ["a conditional in version 1", defined({ version: 1 }, choose("c", [null])), "workflow_definition.blocks[0].block_type", "invalid_value"],
    ["depends_on in version 1", workflow([set("a"), after("b", "a")]), "workflow_definition.blocks[1].depends_on", "invalid_value"],
    ["depends_on in version 2", defined({ version: 2 }, then("a", "b"), after("b", "a")), "workflow_definition.blocks[1].depends_on", "invalid_value"],
    ["max_parallel_blocks in version 1", defined({ max_parallel_blocks: 2 }, set("a")), "workflow_definition.max_parallel_blocks", "invalid_value"],
    // The dependencies of version 3
    ["next_block_label in version 3", defined({ version: 3 }, then("a", "b"), set("b")), "workflow_definition.blocks[0].next_block_label", "invalid_value"],
    ["next_block_label of a conditional in version 3", defined({ version: 3 }, choose("c", ["b"], "b"), set("b")), "workflow_definition.blocks[0].next_block_label", "invalid_value"],
    ["a depends_on that is not there", defined({ version: 3 }, after("a", "b")), "workflow_definition.blocks[0].depends_on[0]", "unknown_label"],
    ["a branch of version 3 that leads nowhere", defined({ version: 3 }, choose("c", ["x", null])), "workflow_definition.blocks[0].branch_conditions[0].next_block_label", "unknown_label"],
    ["a block that waits for itself", defined({ version: 3 }, after("a", "a")), "workflow_definition.blocks[0].depends_on[0]", "cycle"],
    ["blocks that wait for each other", defined({ version: 3 }, after("a", "b"), after("b", "a")), "workflow_definition.blocks[0].label", "cycle"],
    ["blocks in a loop that wait for each other", defined({ version: 3 }, loop("l", [after("a", "b"), after("b", "a")])), "workflow_definition.blocks[0].loop_blocks[0].label", "cycle"],
    // The block at the end
    ["a finally_block_label that is not there", defined({ finally_block_label: "z" }, set("a")), "workflow_definition.finally_block_label", "unknown_label"],
    ["a finally_block_label inside a loop", defined({ finally_block_label: "b" }, loop("l", [set("b")])), "workflow_definition.finally_block_label", "unknown_label"],
    ["a block that leads to the one at the end", defined({ finally_block_label: "z" }, then("a", "z"), set("z")), "workflow_definition.blocks[0].next_block_label", "unknown_label"],
    ["a branch that leads to the one at the end", defined({ finally_block_label: "z" }, choose("c", ["z", null]), set("z")), "workflow_definition.blocks[0].branch_conditions[0].next_block_label", "unknown_label"],
    ["a block that waits for the one at the end", defined({ version: 3, finally_block_label: "z" }, after("a", "z"), set("z")), "workflow_definition.blocks[0].depends_on[0]", "unknown_label"],
    ["a block that reads what the one at the end gives", defined({ finally_block_label: "z" }, set("z"), set("a", { v: "{{ z_output }}" })), "workflow_definition.blocks[1].values.v", "undefined_name"],
    ["a block at the end that leads on", defined({ finally_block_label: "z" }, set("a"), then("z", "a")), "workflow_definition.blocks[1].next_block_label", "invalid_value"],
    ["a block at the end that waits", defined({ version: 3, finally_block_label: "z" }, set("a"), after("z", "a")), "workflow_definition.blocks[1].depends_on", "invalid_value"],
    ["a circle inside a loop at the end", defined({ finally_block_label: "z" }, set("a"), loop("z", [then("b", "c"), then("c", "b")])), "workflow_definition.blocks[1].loop_blocks[0].next_block_label", "cycle"],
  ])("%s", (_what, input, path, code) => {
    expect(faultsOf(input)).toContainEqual(expect.objectContaining({ path, code }));
  }); // prettier-ignore

  it("loops that are nested more than 10 deep", () => {
    const nested = (depth: number): object => loop(`l${depth}`, [depth === 1 ? set("a") : nested(depth - 1)]);
    expect(faultsOf(workflow([nested(10)]))).toEqual([]);
    expect(faultsOf(workflow([nested(11)]))).toEqual([
      expect.objectContaining({ code: "too_deep", message: "is nested more than 10 loops deep" }),
    ]);
  });

  it("too many blocks, without looking at them", () => {
    const many = (length: number) => Array.from({ length }, () => ({ block_type: "set", label: "a", values: { v: "{{ x }}" } }));
    expect(faultsOf(workflow(many(501))).map(({ code }) => code)).toEqual(["too_large"]);
    expect(faultsOf(workflow([loop("l", many(51))])).map(({ code }) => code)).toEqual(["too_large"]);
  });

  it("more blocks than the organization allows, together with their own faults", () => {
    const blocks = [set("a"), loop("l", [set("x"), set("y"), set("z")]), set("b", { v: "{{ nobody }}" })];
    const check = (maxWorkflowBlocks: number) => checkDefinition(workflow(blocks), blockCatalog, { maxWorkflowBlocks });
    const undefinedName = { path: "workflow_definition.blocks[2].values.v", code: "undefined_name" };
    expect(check(2)).toMatchObject({ ok: false, faults: [{ path: "workflow_definition.blocks", code: "too_large" }, undefinedName] });
    expect(check(3)).toMatchObject({ ok: false, faults: [undefinedName] });
  });

  it("every fault at once", () => {
    const faults = faultsOf(workflow([{ block_type: "nope", label: "1" }, set("b", { v: "{{ x }}{{ y }}" })], [{ key: "p" }], { oops: 1 }));
    expect(faults.length).toBeGreaterThanOrEqual(6);
  });

  it("no more than is wrong: a fault in a field hides no edge of the graph", () => {
    expect(faultsOf(workflow([{ ...then("a", "b"), timeout_seconds: -1 }, set("b")]))).toHaveLength(1);
    expect(faultsOf(workflow([then("a", "b"), { ...set("b"), label: undefined }])).map(({ code }) => code)).toEqual(["required"]);
  });
});

describe("a fault says", () => {
  it.each<[string, unknown, string]>([
    ["the nearest name", workflow([set("a", { v: "{{ custmer }}" })], [string("customer")]), "'custmer' is not defined; did you mean 'customer'?"],
    ["which block has not run yet", workflow([set("a", { v: "{{ b_output }}" }), set("b")]), `'b_output' is not defined here: the block "b" has not run yet`],
    ["the blocks of a circle", workflow([then("a", "b"), then("b", "c"), then("c", "b")]), "the blocks lead in a circle: b → c → b. To repeat, use a while_loop"],
    ["the blocks that wait for each other", defined({ version: 3 }, set("a", { v: "{{ c_output }}" }), after("b", "a"), after("c", "b")), "the blocks wait for each other in a circle: a → c → b → a"],
    ["where a label was used before", workflow([loop("l", [set("a")]), set("a")]), 'the label "a" is used before, by workflow_definition.blocks[0].loop_blocks[0]'],
    ["that the block at the end is inside a loop", defined({ finally_block_label: "b" }, loop("l", [set("b")])), 'the block "b" stands inside a loop; it must be one of the outermost'],
    ["that a block runs at the end", defined({ finally_block_label: "z" }, then("a", "z"), set("z")), 'the block "z" runs at the end, by finally_block_label: no block leads to it or waits for it'],
    ["what a field needs", workflow([set("a"), after("b", "a")]), 'needs "version": 3; this definition is of version 1, in which one block runs at a time'],
  ])("%s", (_what, input, message) => {
    expect(faultsOf(input).map((fault) => fault.message)).toEqual([message]);
  }); // prettier-ignore
});

describe("names that expressions may use", () => {
  const inner = (source: string) => set("inner", { v: source });
  it.each<[string, unknown]>([
    ["the current value, inside a loop", workflow([loop("l", [inner("{{ current_value }} {{ current_item }} {{ current_index }}")])])],
    ["the output of a block before the loop", workflow([set("a"), loop("l", [inner("{{ a_output }}")])])],
    ["the output of a block before it in the loop", workflow([loop("l", [set("a"), inner("{{ a_output }}")])])],
    [
      "the output of a block in the loop, in the condition of a while_loop",
      workflow([repeat("w", "{{ current_index == 0 or a_output.v }}", [set("a")])]),
    ],
    ["the output of a block before, in a graph", workflow([set("b", { v: "{{ a_output }}" }), then("a", "b")])],
    [
      "the outputs of branches, where they meet",
      workflow([choose("c", ["x", "y"], "m"), set("x"), set("y"), set("m", { v: "{{ x_output or y_output }}" })]),
    ],
    ["every output, at the end", defined({ finally_block_label: "z" }, set("z", { v: "{{ a_output }}" }), set("a"))],
    [
      "parameters, in the sequential key",
      workflow([set("a")], [string("account")], { run_sequentially: true, sequential_key: "{{ account }}" }),
    ],
  ])("are: %s", (_what, input) => {
    expect(faultsOf(input)).toEqual([]);
  });

  it.each<[string, unknown]>([
    ["the current value, outside a loop", workflow([inner("{{ current_value }}")])],
    [
      "the current value, in what the loop goes over",
      workflow([loop("l", [set("a")], { loop_variable_reference: "{{ current_value }}" })]),
    ],
    ["the output of a block in a loop, after the loop", workflow([loop("l", [set("a")]), inner("{{ a_output }}")])],
    ["the output of a block in another loop", workflow([loop("l", [set("a")]), loop("m", [inner("{{ a_output }}")])])],
    ["the output of the loop around it", workflow([loop("l", [inner("{{ l_output }}")])])],
    [
      "the output of a block in the loop, in what the loop goes over",
      workflow([loop("l", [set("a")], { loop_variable_reference: "{{ a_output }}" })]),
    ],
    ["an output, in the sequential key", workflow([set("a")], [], { run_sequentially: true, sequential_key: "{{ a_output }}" })],
  ])("are not: %s", (_what, input) => {
    expect(faultsOf(input).map(({ code }) => code)).toEqual(["undefined_name"]);
  });
});

describe("the plan", () => {
  it("of version 1 follows the list", () => {
    const plan = planOf(workflow([set("a"), loop("l", [set("b"), set("c")]), set("d")]));
    expect(plan).toMatchObject({ mode: "cursor", root: ["a", "l", "d"], finallyLabel: null });
    expect(plan.nodes).toMatchObject({
      a: { next: "l" },
      l: { next: "d", body: ["b", "c"] },
      b: { next: "c" },
      c: { next: null },
      d: { next: null },
    });
  });

  it("of version 2 begins at the block that nothing leads to", () => {
    expect(planOf(workflow([set("b"), then("a", "b")])).root).toEqual(["a", "b"]);
  });

  it("leads the end of each branch to where the branches meet", () => {
    expect(nextOf(workflow([choose("c", ["x", "y"], "m"), then("x", "x2"), set("x2"), set("y"), set("m")]))).toEqual({
      c: "m",
      x: "x2",
      x2: "m",
      y: "m",
      m: null,
    });
  });

  it.each([["before"], ["after"]])(
    "leads inner branches to where those meet, also when the inner conditional is listed %s the outer",
    (order) => {
      const outer = [choose("outer", ["inner", null], "end"), set("end")];
      const inside = [choose("inner", ["x", "y"], "met"), set("x"), set("y"), set("met")];
      const blocks = order === "before" ? [...inside, ...outer] : [...outer, ...inside];
      expect(nextOf(workflow(blocks))).toEqual({ outer: "end", inner: "met", x: "met", y: "met", met: "end", end: null });
    },
  );

  it("leads the branches of a conditional without a meeting point of its own to that of the one around it", () => {
    const blocks = [choose("outer", ["inner", null], "end"), choose("inner", ["x", "y"]), set("x"), set("y"), set("end")];
    expect(nextOf(workflow(blocks))).toEqual({ outer: "end", inner: "end", x: "end", y: "end", end: null });
  });

  it("lets a branch jump beyond the meeting point", () => {
    expect(nextOf(workflow([choose("c", ["late", null], "m"), then("m", "late"), set("late")]))).toEqual({ c: "m", m: "late", late: null });
  });

  it("of version 3 says what each block waits for, and why", () => {
    const blocks = [
      set("a"),
      set("b"),
      set("named", {}, { depends_on: ["a", "b"] }),
      set("mentioning", { v: "{{ a_output }}" }),
      set("asking", {}, { condition: "{{ b_output }}" }),
      choose("choosing", ["chosen", null]),
      set("chosen"),
      loop("around", [set("inside", { v: "{{ a_output }} {{ current_value }}" })]),
    ];
    const plan = planOf(defined({ version: 3 }, ...blocks));
    const reasons = Object.fromEntries(
      Object.values(plan.nodes).map(({ label, dependsOn }) => [
        label,
        dependsOn.map((dependency) => `${dependency.label} ${dependency.reason}`),
      ]),
    );
    expect(reasons).toEqual({
      a: [],
      b: [],
      named: ["a depends_on", "b depends_on"],
      mentioning: ["a expression"],
      asking: ["b condition"],
      choosing: [],
      chosen: ["choosing branch"],
      around: ["a expression"],
      inside: [],
    });
    expect(plan).toMatchObject({ mode: "dependencies", maxParallelBlocks: 4 });
  });

  it("keeps the block at the end apart, with its loop wired as the others are", () => {
    const plan = planOf(
      defined({ version: 3, finally_block_label: "z" }, set("a"), loop("z", [set("b"), set("c", { v: "{{ b_output }}" })])),
    );
    expect(plan).toMatchObject({ root: ["a"], finallyLabel: "z" });
    expect(plan.nodes).toMatchObject({ z: { body: ["b", "c"], dependsOn: [] }, c: { dependsOn: [{ label: "b", reason: "expression" }] } });
  });

  it.each<[string, Fields, object]>([
    [
      "nothing, for a repeatable type",
      {},
      { retry: { maxAttempts: 3, on: "temporary" }, onInterrupted: "retry", timeoutMs: 120_000, continueOnFailure: false },
    ],
    [
      "its retry",
      { retry: { max_attempts: 5, initial_seconds: 0.5, multiplier: 3, max_seconds: 9 } },
      { retry: { maxAttempts: 5, initialMs: 500, multiplier: 3, maxMs: 9000, on: "temporary" } },
    ],
    ["Skyvern's max_retries, after any failure", { max_retries: 2 }, { retry: { maxAttempts: 3, on: "any" } }],
    ["continue_on_failure", { continue_on_failure: true }, { continueOnFailure: true }],
    ["skip_on_failure, which means the same", { skip_on_failure: true }, { continueOnFailure: true }],
    ["next_loop_on_failure", { next_loop_on_failure: true }, { nextLoopOnFailure: true }],
    ["its time limit", { timeout_seconds: 780 }, { timeoutMs: 780_000 }],
    ["on_interrupted", { on_interrupted: "ask" }, { onInterrupted: "ask" }],
    [
      "codes for failures, which win over the workflow's",
      { error_code_mapping: { A: "x", B: "y" } },
      { errorCodes: { A: "x", B: "y", C: "w" } },
    ],
  ])("has a block's policies as it says: %s", (_what, fields, node) => {
    expect(planOf(defined({ error_code_mapping: { B: "v", C: "w" } }, set("a", {}, fields))).nodes.a).toMatchObject(node);
  });

  it("does not try again by itself what is not safe to run twice", () => {
    const click = { block_type: "actions", label: "a", steps: [{ action: "click", target: { css: "button" } }] };
    expect(planOf(workflow([click])).nodes.a).toMatchObject({ retry: { maxAttempts: 1 }, onInterrupted: "fail" });
  });

  it("gives a person two hours", () => {
    expect(planOf(workflow([{ block_type: "human_interaction", label: "p" }])).nodes.p).toMatchObject({
      role: "person",
      timeoutMs: 7_200_000,
    });
  });

  it("has the retry of the whole run", () => {
    expect(planOf(workflow([set("a")])).retry.maxAttempts).toBe(1);
    expect(planOf(defined({ retry: { max_attempts: 2, initial_seconds: 0 } }, set("a"))).retry).toMatchObject({
      maxAttempts: 2,
      initialMs: 0,
    });
  });
});

it("leaves a field that holds an expression until it is filled in", () => {
  expect(faultsOf(workflow([set("a"), { block_type: "wait", label: "w", wait_sec: "{{ a_output.v }}" }]))).toEqual([]);
});

it("names every circle block by block", () => {
  const messages = faultsOf(workflow([then("a", "b"), then("b", "a"), then("c", "d"), then("d", "c")])).map(({ message }) => message);
  expect(messages).toEqual(
    ["a → b → a", "c → d → c"].map((circle) => `the blocks lead in a circle: ${circle}. To repeat, use a while_loop`),
  );
});

it("tells 1,000 faults, and how many more there are", () => {
  const faults = faultsOf(workflow([set("a", {}, Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`field${index}`, 1])))]));
  expect(faults).toHaveLength(1_001);
  expect(faults.at(-1)).toEqual({ path: "workflow_definition", message: "has 500 more faults than these", code: "too_large" });
});

it("has room for all faults of a list that is wrong throughout", () => {
  const steps = Array.from({ length: 19_000 }, () => 0);
  expect(faultsOf(workflow([{ block_type: "actions", label: "a", steps }]))).toHaveLength(1_001);
});

describe("a block that needs a model", () => {
  const warningsOf = (input: unknown) => {
    const checked = checkDefinition(input, blockCatalog);
    if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
    return checked.warnings.filter(({ code }) => code === "unavailable");
  };
  const prompt = (expression: string) => ({ criteria_type: "prompt", expression });

  it.each<[string, unknown]>([
    ["a goal", { block_type: "navigation", label: "b", navigation_goal: "Open the cart." }],
    ["an extraction by a goal", { block_type: "extraction", label: "b", data_extraction_goal: "The prices" }],
    ["a branch by a prompt", { ...choose("b", [null]), branch_conditions: [{ criteria: prompt("is it cheap?") }, { is_default: true }] }],
    ["a while_loop by a prompt", { ...repeat("b", "", [set("a")]), condition: prompt("is there a next page?") }],
    ["a for_loop over words", loop("b", [set("a")], { loop_variable_reference: "all products of the page" })],
    ["a for_loop over words that could be an expression", loop("b", [set("a")], { loop_variable_reference: "products in cart" })],
    ["a download by words", { block_type: "file_download", label: "b", navigation_goal: "Download the list." }],
    ["a picture to read", { block_type: "file_url_parser", label: "b", file_url: "https://x.example/a.png", file_type: "image" }],
    ["a PDF to read by a schema", { block_type: "pdf_parser", label: "b", file_url: "https://x.example/a.pdf", json_schema: { type: "object" } }],
    ["a request with files, which needs something else", { block_type: "http_request", label: "b", url: "https://x.example", method: "POST", files: { f: "a_1" } }],
  ])("is saved with a warning, and its plan fails with the same sentence: %s", (_what, block) => {
    const [warning, ...others] = warningsOf(workflow([block]));
    expect(others).toEqual([]);
    expect(warning).toMatchObject({ path: "workflow_definition.blocks[0]", message: expect.stringMatching(/^The block "b" \(\w+\) needs /) });
    expect(planOf(workflow([block])).nodes.b).toMatchObject({ needs: warning!.message, retry: { maxAttempts: 1 } });
  }); // prettier-ignore

  it.each<[string, unknown]>([
    ["an extraction by selectors beside its goal", { block_type: "extraction", label: "b", data_extraction_goal: "The prices", selectors: { a: "h1" } }],
    ["a prompt that is one expression, as Skyvern reads it", { ...choose("b", [null]), branch_conditions: [{ criteria: prompt("{{ 1 > 2 }}") }, { is_default: true }] }],
    ["a for_loop over a list", loop("b", [set("a")], { loop_variable_reference: "range(3) | list" })],
  ])("is not %s", (_what, block) => {
    expect(warningsOf(workflow([block]))).toEqual([]);
    expect(planOf(workflow([block])).nodes.b?.needs).toBeNull();
  }); // prettier-ignore
});

describe("fields of Skyvern's that mean nothing here are kept, and warned of when they are set to more than their default", () => {
  const warningsOf = (input: unknown) => {
    const checked = checkDefinition(input, blockCatalog);
    if (!checked.ok) throw new Error(JSON.stringify(checked.faults));
    return checked.warnings.filter(({ code }) => code === "no_effect").map(({ path }) => path);
  };
  const ask = (more: Fields) => ({ block_type: "text_prompt", label: "t", prompt: "x", ...more });

  it.each<[string, unknown, string[]]>([
    ["of the workflow", workflow([set("a")], [], { proxy_location: "RESIDENTIAL", persist_browser_session: false }), ["proxy_location"]],
    ["of the workflow, at their defaults", workflow([set("a")], [], { status: "published", run_with: "agent", ai_fallback: true, cache_key: "default" }), []],
    ["whose default is true", workflow([set("a")], [], { ai_fallback: false }), ["ai_fallback"]],
    ["that ask for what is done anyway", workflow([set("a")], [], { mask_secrets: true }), []],
    ["that ask for what is never done", workflow([set("a")], [], { mask_secrets: false }), ["mask_secrets"]],
    ["of its definition", defined({ workflow_system_prompt: "Be kind.", completion_contract: {} }, set("a")), ["workflow_definition.workflow_system_prompt"]],
    ["of every block", workflow([set("a", {}, { model: { model_name: "m" }, disable_cache: true, ignore_workflow_system_prompt: false })]), ["workflow_definition.blocks[0].model", "workflow_definition.blocks[0].disable_cache"]],
    ["of a type", workflow([ask({ llm_key: "k", parameter_keys: ["p"] })], [string("p")]), ["workflow_definition.blocks[0].llm_key", "workflow_definition.blocks[0].parameter_keys"]],
    ["of a type, at their defaults", workflow([{ block_type: "task", label: "t", engine: "skyvern-1.0", parameter_keys: [], max_steps_per_run: null }]), []],
    ["a goal beside the selectors that are run", workflow([{ block_type: "extraction", label: "e", selectors: { a: "h1" }, data_extraction_goal: "The title" }]), ["workflow_definition.blocks[0].data_extraction_goal"]],
    ["a goal that is all there is has an effect", workflow([{ block_type: "extraction", label: "e", data_extraction_goal: "The title" }]), []],
    ["evidence of a block without a page", workflow([set("a", {}, { evidence: { har: "all" } }), { block_type: "goto_url", label: "g", url: "https://a.example", evidence: { har: "all" } }]), ["workflow_definition.blocks[0].evidence"]],
    ["inside a loop", workflow([loop("l", [ask({ llm_key: "k" })])]), ["workflow_definition.blocks[0].loop_blocks[0].llm_key"]],
    ["the output of a block among the parameter keys", workflow([set("a"), ask({ parameter_keys: ["a_output"] })]), ["workflow_definition.blocks[1].parameter_keys"]],
  ])("%s", (_what, input, paths) => expect(warningsOf(input)).toEqual(paths)); // prettier-ignore
});
