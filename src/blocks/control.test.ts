import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../domain/json.ts";
import { AwaitChild, AwaitDecision, BlockError, type BlockType, OpenLoop, Sleep, TakeBranch, Terminate } from "./block.ts";
import { MAX_ITERATIONS } from "../domain/run/block-state.ts";
import { conditional } from "./conditional.ts";
import { forLoop, listOf } from "./for-loop.ts";
import { humanInteraction } from "./human-interaction.ts";
import { contextWith } from "./testing/context.ts";
import { wait } from "./wait.ts";
import { whileLoop } from "./while-loop.ts";
import { workflowTrigger } from "./workflow-trigger.ts";

const context = contextWith({ now: () => 1_000 });

/** Runs a block on fields whose expressions are filled in. */
async function execute(blockType: BlockType, fields: JsonObject): Promise<unknown> {
  return await blockType.execute(context, blockType.config.parse(fields));
}
const accepts = (blockType: BlockType, fields: JsonObject): boolean => blockType.config.safeParse(fields).success;

describe("conditional", () => {
  const branch = (expression: Json, next: string | null = null) => ({ criteria: { expression }, next_block_label: next });
  const otherwise = { is_default: true, next_block_label: "other" };

  it.each<[string, Json[], TakeBranch]>([
    ["the first that is true", [branch(false, "a"), branch(true, "b"), branch(true, "c")], new TakeBranch(1, "b")],
    ["the default, where none is", [branch(false, "a"), otherwise], new TakeBranch(1, "other")],
    ["not the default, wherever it stands, when another is", [otherwise, branch(true, "a")], new TakeBranch(1, "a")],
    ["none, without a default", [branch(false, "a")], new TakeBranch(null, null)],
    ["one that leads straight on", [branch(true)], new TakeBranch(0, null)],
  ])("takes %s", async (_what, branches, taken) => {
    expect(await execute(conditional, { branch_conditions: branches })).toEqual(taken);
  });

  it.each<[Json, boolean]>([
    ["", false], ["False", false], ["no", false], ["0", false], [0, false], [null, false], [[], false], [{}, false], ["None", false],
    ["yes", true], ["anything", true], [1, true], [["x"], true], [{ a: 1 }, true],
  ])("reads %j as %s, as Skyvern does", async (value, isTrue) => {
    expect(await execute(conditional, { branch_conditions: [branch(value), otherwise] })).toEqual(isTrue ? new TakeBranch(0, null) : new TakeBranch(1, "other"));
  }); // prettier-ignore

  it.each<[string, Json[], boolean]>([
    ["no branch", [], false],
    ["a branch without criteria", [{ next_block_label: "a" }], false],
    ["two defaults", [otherwise, otherwise], false],
    ["a prompt, which is kept", [{ criteria: { criteria_type: "prompt", expression: "is it cheap?" } }], true],
    ["another way to judge", [{ criteria: { criteria_type: "python", expression: "1" } }], false],
    ["Skyvern's full form", [{ criteria: { criteria_type: "jinja2_template", expression: "{{ x }}", description: null }, next_block_label: "a", description: null, is_default: false }], true],
    ["a default with criteria that are null", [{ criteria: null, is_default: true }], true],
  ])("as it is written, %s: %j is %s", (_what, branches, accepted) => {
    expect(accepts(conditional, { branch_conditions: branches })).toBe(accepted);
  }); // prettier-ignore
});

describe("for_loop", () => {
  it.each<[string, Json, Json[]]>([
    ["a list", [1, 2], [1, 2]],
    ["nothing", null, []],
    ["an empty text", "", []],
    ["a single value", "a", ["a"]],
    ["0, which is a value", 0, [0]],
    ["JSON text, which is a text", "[1, 2]", ["[1, 2]"]],
    ["an object", { a: 1 }, [{ a: 1 }]],
    ["the list that was extracted", { extracted_information: ["a"] }, ["a"]],
    ["the results that were extracted", { extracted_information: { results: ["a"] } }, ["a"]],
    ["results", { results: ["a"] }, ["a"]],
  ])("goes over %s", (_what, value, items) => {
    expect(listOf(value)).toEqual(items);
  });

  it("opens with its items", async () => {
    expect(await execute(forLoop, { loop_variable_reference: ["a", "b"] })).toEqual(new OpenLoop(["a", "b"]));
  });

  it("ends the run when there is nothing to go over, unless that completes it", async () => {
    expect(await execute(forLoop, { loop_variable_reference: [] })).toEqual(new Terminate("No iterable value found for the loop block"));
    expect(await execute(forLoop, { loop_variable_reference: [], complete_if_empty: true })).toEqual(new OpenLoop([]));
  });

  it("takes 1,000 items and refuses one more", async () => {
    const items = (length: number) => ({ loop_variable_reference: Array.from({ length }, (_, index) => index) });
    expect(await execute(forLoop, items(MAX_ITERATIONS))).toBeInstanceOf(OpenLoop);
    await expect(execute(forLoop, items(MAX_ITERATIONS + 1))).rejects.toThrow(
      new BlockError("The list has 1001 items; a loop may have 1000 iterations."),
    );
  });

  it.each<[string, JsonObject, Json]>([
    ["an expression stays", { loop_variable_reference: "{{ skus }}" }, "{{ skus }}"],
    ["a bare name means its value", { loop_variable_reference: "skus" }, "{{ skus }}"],
    ["so does the older field", { loop_over_parameter_key: "skus" }, "{{ skus }}"],
    ["the newer field wins", { loop_over_parameter_key: "a", loop_variable_reference: "b" }, "{{ b }}"],
    ["unless it is empty, as Skyvern's clients send it", { loop_over_parameter_key: "a", loop_variable_reference: "" }, "{{ a }}"],
    ["a list stays", { loop_variable_reference: [1] }, [1]],
  ])("is brought into one form: %s", (_what, fields, reference) => {
    expect(forLoop.normalize?.(fields)).toEqual({ loop_variable_reference: reference });
  });

  it.each([[0], [17], [1.5]])("refuses to run %d iterations at once", (max_concurrency) => {
    expect(accepts(forLoop, { max_concurrency })).toBe(false);
  });
});

it("while_loop opens a loop that is asked before each iteration", async () => {
  expect(await execute(whileLoop, {})).toEqual(new OpenLoop(null));
});

describe("wait", () => {
  it("sleeps until its seconds have passed", async () => {
    expect(await execute(wait, { wait_sec: 2.5 })).toEqual(new Sleep(3_500, null));
  });

  it("lasts from nothing to 30 days", () => {
    expect([-1, 0, 2_592_000, 2_592_001].map((wait_sec) => accepts(wait, { wait_sec }))).toEqual([false, true, true, false]);
  });
});

it("human_interaction waits for a decision, with what Skyvern's clients send", async () => {
  expect(
    await execute(humanInteraction, {
      instructions: "Look",
      recipients: ["ann@example.com"],
      sender: "hello@example.com",
      subject: "s",
      body: "b",
    }),
  ).toBeInstanceOf(AwaitDecision);
  expect(accepts(humanInteraction, {})).toBe(true);
});

describe("workflow_trigger", () => {
  const own = { browserSessionId: null, useParentBrowser: false };
  it.each<[string, JsonObject, Partial<AwaitChild["child"]>]>([
    ["waits by default", {}, {}],
    ["goes on when told to", { wait_for_completion: false }, { wait: false }],
    ["hands its payload over", { payload: { sku: "A-1", quantity: 2 } }, { parameters: { sku: "A-1", quantity: 2 } }],
    ["takes no payload as an empty one", { payload: null }, {}],
    ["names the browser of the child", { browser_session_id: " pbs_1 " }, { browserSessionId: "pbs_1" }],
    ["lets the child use its browser", { use_parent_browser_session: true, browser_session_id: "" }, { useParentBrowser: true }],
  ])("%s", async (_what, fields, child) => {
    expect(await execute(workflowTrigger, { workflow_permanent_id: "wpid_1", ...fields })).toEqual(
      new AwaitChild({ workflowPermanentId: "wpid_1", parameters: {}, wait: true, ...own, ...child }),
    );
  });

  it("asks for a workflow", () => {
    expect(accepts(workflowTrigger, {})).toBe(false);
  });
});
