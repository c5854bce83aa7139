import { describe, expect, it } from "vitest";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { createTenant, type Tenant } from "./api.ts";

const set = (label: string, v: unknown, more: object = {}) => ({ block_type: "set", label, values: { v }, ...more });

function definition(blocks: readonly object[], more: object = {}) {
  return { title: "Expressions", workflow_definition: { parameters: [], blocks, ...more } };
}

async function save(tenant: Tenant, blocks: readonly object[], more: object = {}) {
  return await tenant.call("POST", "/v1/workflows", { json_definition: definition(blocks, more) });
}

/** Saves and runs; gives the run's outputs, or why it failed. */
async function run(blocks: readonly object[], more: object = {}, parameters: object = {}) {
  const tenant = await createTenant();
  const { status, body } = await save(tenant, blocks, more);
  expect([status, body.errors]).toEqual([200, undefined]);
  const request = { workflow_id: body.workflow_permanent_id, parameters };
  const { body: started } = await tenant.call("POST", "/v1/run/workflows", request, UNTIL_IT_ENDS);
  return started;
}

describe("a block's label in an expression", () => {
  it("is what is known of the block, with its output", async () => {
    const { output } = await run([
      set("login", 7),
      set("next", "{{ login.status }} {{ login.label }} {{ login.block_type }} {{ login.v }}"),
      set("whole", "{{ login.output }}"),
    ]);
    expect(output).toMatchObject({ next_output: { v: "completed login set 7" }, whole_output: { v: { v: 7 } } });
  });

  it("has the extracted information as its output", async () => {
    const extracted = { block_type: "set", label: "read", values: { extracted_information: [1, 2], status: "mine" } };
    const { output } = await run([extracted, set("next", "{{ read.output[1] }} {{ read.status }}")]);
    expect(output.next_output).toEqual({ v: "2 mine" });
  });

  it("tells of a block that failed or was skipped", async () => {
    const { output } = await run([
      set("fails", "{{ 1 / 0 }}", { continue_on_failure: true }),
      set("skipped", 1, { condition: "{{ 1 > 2 }}" }),
      set("next", "{{ fails.status }}: {{ fails.failure_reason }}; {{ skipped.status }}, {{ skipped.output is none }}"),
    ]);
    expect(output.next_output).toEqual({ v: "failed: values.v: divides by zero; skipped, true" });
  });

  it("tells of a block on a branch that was not taken", async () => {
    const branch = (expression: string | null, to: string) => ({
      criteria: expression && { expression },
      next_block_label: to,
      is_default: !expression,
    });
    const { output } = await run(
      [
        {
          block_type: "conditional",
          label: "fork",
          branch_conditions: [branch("{{ 1 > 2 }}", "left"), branch(null, "right")],
          next_block_label: "end",
        },
        set("left", 1),
        set("right", 2),
        set("end", "{{ left.status }} {{ right.v }}"),
      ],
      { version: 2 },
    );
    expect(output.end_output).toEqual({ v: "skipped 2" });
  });

  it("makes a block wait for the other, where dependencies rule", async () => {
    const { output } = await run([set("second", "{{ first.v }}"), set("first", 5)], { version: 3 });
    expect(output.second_output).toEqual({ v: 5 });
  });

  it("has a loop's values, by the loop's label and by the block's own", async () => {
    const inner = [set("a", "{{ each.current_value }}{{ a.current_index }}"), set("b", "{{ a.v }}")];
    const { output } = await run([
      { block_type: "for_loop", label: "each", loop_variable_reference: "{{ ['x', 'y'] }}", loop_blocks: inner },
    ]);
    expect(JSON.stringify(output.each_output)).toMatch(/x0.*x0.*y1.*y1/);
  });

  it("gives way to a parameter of the same name", async () => {
    const parameters = [{ parameter_type: "workflow", key: "same", workflow_parameter_type: "integer" }];
    const { output } = await run([set("other", "{{ same }}"), set("same", 1)], { parameters, version: 3 }, { same: 3 });
    expect(output.other_output).toEqual({ v: 3 });
  });

  it("is not known before the block has run", async () => {
    const { status, body } = await save(await createTenant(), [set("a", "{{ b.v }}"), set("b", 1)]);
    expect([status, body.errors]).toEqual([
      422,
      [
        {
          path: "workflow_definition.blocks[0].values.v",
          message: `'b' is not defined here: the block "b" has not run yet`,
          code: "undefined_name",
        },
      ],
    ]);
  });
});

describe("what is wrong with an expression", () => {
  it.each([
    ["{{ 1 | nofilter }}", "unknown filter 'nofilter'"],
    ["{{ 'a' | uper }}", "unknown filter 'uper'; did you mean 'upper'?"],
    ["{{ 1 is ood }}", "unknown test 'ood'; did you mean 'odd'?"],
    ["{{ 1 | round(digits=2) }}", "the filter 'round' has no argument 'digits'; it has precision, method"],
    ["{{ 1 + }}", "is not a valid expression: a value is expected, not }}"],
  ])("is said when the workflow is saved: %s", async (source, message) => {
    const { status, body } = await save(await createTenant(), [set("a", source)]);
    expect([status, body.errors]).toEqual([422, [{ path: "workflow_definition.blocks[0].values.v", message, code: "invalid_expression" }]]);
  });

  it("names block, field and variable when a value is missing at run time", async () => {
    const { status, failure_reason: reason } = await run([
      set("a", 1),
      { block_type: "set", label: "b", values: { deep: [{ x: "{{ a.nope.y }}" }] } },
    ]);
    expect([status, reason]).toEqual(["failed", `Block "b" (set) failed: values.deep[0].x: 'a.nope' is undefined`]);
  });

  it("fails a block that asks for too much work", async () => {
    const { status, failure_reason: reason } = await run([
      set("a", "{% for i in range(9999) %}{% for j in range(9999) %}{{ j }}{% endfor %}{% endfor %}"),
    ]);
    expect([status, reason]).toEqual(["failed", 'Block "a" (set) failed: values.v: takes more than 50000 steps']);
  });
});
