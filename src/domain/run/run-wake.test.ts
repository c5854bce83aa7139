import { describe, expect, it } from "vitest";
import { blockCatalog } from "../../blocks/registry.ts";
import type { JsonObject } from "../json.ts";
import { advance } from "./run-advance.ts";
import { ASK_AGAIN_MS, browserReturnAt, RESEND_MS, type RunDuties, wakesAt, WATCHDOG_MS } from "./run-wake.ts";
import { createRun, type Run, type RunEvent, type RunFacts } from "./run.ts";
import { requireDefinition } from "../workflow/check-definition.ts";
import { RUN_FACTS } from "../testing/facts.ts";

const facts: RunFacts = { ...RUN_FACTS };
const now = 0;
const attempt = { at: now, path: "a", attempt: 1 } as const;
const started: RunEvent = { type: "run_started", at: now };
const loop: JsonObject = { block_type: "while_loop", label: "a", condition: { expression: "{{ true }}" }, loop_blocks: [set("b")] };

function set(label: string): JsonObject {
  return { block_type: "set", label, values: {} };
}

/** A run of one block, `a`, to which this has happened. */
function runAfter(events: readonly RunEvent[], block = set("a")): Run {
  const definition = { title: "Test", workflow_definition: { version: 1, blocks: [block] } };
  const { plan } = requireDefinition(definition, blockCatalog);
  return events.reduce<Run>(
    (run, event) => {
      const step = advance(run, event);
      if (!step.ok) throw new Error(`${event.type} is ${step.reason}`);
      return step.run;
    },
    createRun({ type: "run_created", at: now, facts, plan }),
  );
}

const slept = (until: number): RunEvent[] => [started, { type: "block_slept", ...attempt, until, output: null }];
const waits = (wait: (RunEvent & { type: "block_waiting" })["wait"], until: number | null): RunEvent[] => [
  started,
  { type: "block_waiting", ...attempt, wait, until },
];
const ended: RunEvent[] = [started, { type: "block_completed", ...attempt, output: {} }];
const NOTHING: RunDuties = { isAtWork: false, browserIdleAt: null, hasNews: false, holdsSomething: false };

describe("a run's object is woken", () => {
  it.each<[string, Run, Partial<RunDuties>, number | null]>([
    ["never for a run that has ended, and of which all is known", runAfter(ended), {}, null],
    ["for news that are not acknowledged", runAfter(ended), { hasNews: true }, RESEND_MS],
    ["for what a run that has ended still holds", runAfter(ended), { holdsSomething: true }, RESEND_MS],
    ["not for the browser of one that has ended: that is among what it holds", runAfter(ended), { browserIdleAt: 5 }, null],
    ["by the watchdog while a block runs, whoever is at work on it", runAfter([started]), {}, WATCHDOG_MS],
    [
      "by the watchdog while a loop is to be asked",
      runAfter([started, { type: "loop_opened", ...attempt, items: null }], loop),
      {},
      WATCHDOG_MS,
    ],
    ["by the watchdog while work goes on that no block waits for", runAfter(slept(90_000)), { isAtWork: true }, WATCHDOG_MS],
    ["to ask the gate", runAfter([{ type: "run_queued", at: now }]), {}, ASK_AGAIN_MS],
    ["to ask a child", runAfter(waits({ for: "child", runId: "wr_2" }, null)), {}, ASK_AGAIN_MS],
    ["never while a person is waited for without an end", runAfter(waits({ for: "interruption" }, null)), {}, null],
    ["when a person has had the time to answer", runAfter(waits({ for: "interruption" }, 70_000)), {}, 70_000],
    ["when a sleep is over", runAfter(slept(90_000)), {}, 90_000],
    ["for what is first of several", runAfter(slept(7_000)), { hasNews: true, holdsSomething: true }, 7_000],
    ["never for a sleep in a paused run", runAfter([...slept(90_000), { type: "run_paused", at: now }]), {}, null],
    ["to give back a browser that no block uses", runAfter(waits({ for: "interruption" }, null)), { browserIdleAt: 60_000 }, 60_000],
    ["for the deadline of a run at work", runAfter([{ ...started, at: now - 990_000 }]), {}, 10_000],
  ])("%s", (_, run, duties, expected) => {
    expect(wakesAt(run, { ...NOTHING, ...duties }, now)).toBe(expected);
  });
});

describe("a browser that no block uses goes back", () => {
  const idleAt = 60_000;
  it.each<[string, Run, number | null]>([
    ["when the while is over", runAfter([started]), idleAt],
    ["when the while is over, if the run goes on before that", runAfter(slept(idleAt - 1)), idleAt],
    ["at once when the run rests longer than that", runAfter(slept(idleAt + 1)), 0],
    ["when the while is over, if another's word may end the rest", runAfter(waits({ for: "interruption" }, idleAt + 1)), idleAt],
    ["not by itself when the run has ended", runAfter(ended), null],
  ])("%s", (_, run, expected) => {
    expect(browserReturnAt(run, idleAt)).toBe(expected);
    expect(browserReturnAt(run, null)).toBeNull();
  });
});
