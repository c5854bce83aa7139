import { describe, expect, it } from "vitest";
import { FAULTS, type Fault } from "./injector.ts";
import { runWith, type Scenario } from "./sweep.ts";

/** Runs that are taken through their faults at the same time: they keep a processor busy, and more only go beyond the last point. */
const LANES = 4;

const set = (label: string, v: unknown = 1) => ({ block_type: "set", label, values: { v } });
const call = (label: string, url: string, more: object = {}) => ({
  block_type: "http_request",
  label,
  method: "POST",
  url,
  body: { label },
  ...more,
});
const definition = (blocks: readonly object[], more: object = {}) =>
  ({ title: "Sweep", workflow_definition: { parameters: [], blocks: [...blocks], ...more } }) as never;

/** Temporary failures pass by themselves. */
const RETRY = { retry: { max_attempts: 4, initial_seconds: 0.01 } };

const ONCE = { on_interrupted: "fail" };
const wait = (label: string, seconds: number) => ({ block_type: "wait", label, wait_sec: seconds });

const SCENARIOS: Scenario[] = [
  {
    name: "calls one after the other",
    definition: ({ url }) => definition([set("a"), call("b", url, RETRY), set("c", "{{ b_output.status_code }}")]),
    ends: ["completed"],
  },
  {
    name: "a call that must not be repeated",
    definition: ({ url }) => definition([set("a"), call("order", url, ONCE), set("c")]),
    ends: ["completed", "failed"],
    once: ["order"],
  },
  {
    name: "blocks side by side",
    definition: ({ url }) =>
      definition([call("a", url, RETRY), call("b", url, RETRY), { ...set("c"), depends_on: ["a", "b"] }], { version: 3 }),
    ends: ["completed"],
  },
  {
    name: "a loop",
    definition: ({ url }) => {
      const body = [call("inner", url, RETRY), set("after", "{{ current_value }}")];
      return definition([
        { block_type: "for_loop", label: "each", loop_variable_reference: "{{ [1, 2, 3] }}", max_concurrency: 2, loop_blocks: body },
      ]);
    },
    ends: ["completed"],
  },
  {
    name: "a loop with a condition",
    definition: () =>
      definition([
        { block_type: "while_loop", label: "again", condition: { expression: "{{ current_index < 2 }}" }, loop_blocks: [set("inner")] },
      ]),
    ends: ["completed"],
  },
  {
    name: "a failure, another try at the run, and a block at the end",
    definition: ({ url }) =>
      definition([set("a"), call("bad", "http://127.0.0.1:1/nobody", ONCE), call("last", url, RETRY)], {
        retry: { max_attempts: 2, initial_seconds: 0.01 },
        finally_block_label: "last",
      }),
    ends: ["failed"],
  },
  {
    name: "a wait",
    definition: () => definition([wait("w", 0.02), set("a")]),
    ends: ["completed"],
  },
  {
    name: "a large output",
    definition: () => definition([set("large", "x".repeat(70_000)), set("length", "{{ large_output.v | length }}")]),
    ends: ["completed"],
  },
  {
    name: "a child",
    definition: ({ child }) =>
      definition([
        { block_type: "workflow_trigger", label: "sub", workflow_permanent_id: child, ...RETRY },
        set("a", "{{ sub_output.outputs.inner_output.v }}"),
      ]),
    ends: ["completed"],
  },
  {
    name: "a person's decision",
    definition: () => definition([{ block_type: "human_interaction", label: "approval", instructions: "Is it right?" }, set("a")]),
    ends: ["completed"],
    act: async (run, { status }) => (status === "paused" ? await run.decide(null, true) : null),
  },
  {
    name: "a place in the queue",
    definition: () => definition([set("a")]),
    ends: ["completed"],
    queued: true,
  },
  {
    name: "a cancellation",
    definition: ({ url }) => definition([wait("w", 3600), call("last", url, RETRY)], { finally_block_label: "last" }),
    ends: ["canceled"],
    act: async (run) => await run.cancel("asked"),
  },
  {
    name: "a pause",
    definition: ({ url }) => definition([call("a", url, RETRY), call("b", url, RETRY)]),
    ends: ["completed"],
    act: async (run, { status }) => (status === "paused" ? await run.resume() : await run.pause()),
  },
  {
    name: "a browser",
    definition: () =>
      definition([
        { block_type: "goto_url", label: "open", url: "https://shop.example/", ...RETRY },
        { block_type: "actions", label: "order", steps: [{ action: "click", target: "#order" }] },
      ]),
    ends: ["completed", "failed"],
    once: ["order"],
  },
  {
    name: "a browser with two pages",
    definition: () =>
      definition(
        [
          { block_type: "goto_url", label: "open", url: "https://shop.example/", ...RETRY },
          { block_type: "goto_url", label: "left", url: "https://shop.example/left", depends_on: ["open"], ...RETRY },
          { block_type: "actions", label: "order", depends_on: ["open"], steps: [{ action: "click", target: "#order" }] },
        ],
        { version: 3 },
      ),
    ends: ["completed", "failed"],
    once: ["order"],
  },
];

/** Takes runs through the fault at every point, until a run has no such point. */
async function sweep(scenario: Scenario, fault: Fault): Promise<{ broken: string[]; points: number }> {
  const broken: string[] = [];
  let [next, points] = [1, 0];
  let exhausted = false;
  const lane = async (): Promise<void> => {
    while (!exhausted) {
      const at = next++;
      const outcome = await runWith(scenario, at, fault);
      if (outcome.struck === null) exhausted = true;
      else points++;
      broken.push(...outcome.broken.map((what) => `${fault} at point ${at}, ${outcome.struck}: ${what}`));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { broken, points };
}

describe.each(SCENARIOS)("a run with $name", (scenario) => {
  it("keeps every promise without faults", async () => {
    expect(await runWith(scenario, 0, "refused")).toEqual({ struck: null, broken: [] });
  });

  it.each(FAULTS)("keeps every promise when each of its points is %s", { timeout: 240_000 }, async (fault) => {
    const { broken, points } = await sweep(scenario, fault);
    expect(broken).toEqual([]);
    expect(points).toBeGreaterThan(10);
  });
});
