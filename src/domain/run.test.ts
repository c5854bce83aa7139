import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Plan, PlanNode } from "./plan.ts";
import {
  advance,
  type BlockFailure,
  createRun,
  FINAL_STATUSES,
  isFinal,
  MAX_INTERRUPTIONS,
  nextWakeAt,
  outputsOf,
  replay,
  type Run,
  type RunEvent,
  type RunFacts,
  runningBlocks,
  type RunStatus,
  transition,
  whatIsDue,
} from "./run.ts";

const facts: RunFacts = {
  runId: "wr_1",
  organizationId: "o_1",
  workflowPermanentId: "wpid_1",
  workflowId: "w_1",
  version: 1,
  workflowTitle: "Test",
  parameters: {},
  request: {},
  webhookUrl: null,
  allowedHosts: [],
  maxSeconds: 100,
  slotLimit: 10,
};
const node = (label: string, more: Partial<PlanNode> = {}): PlanNode => ({
  label,
  blockType: "set",
  config: {},
  condition: null,
  dependsOn: [],
  continueOnFailure: false,
  timeoutMs: 1000,
  onInterrupted: "retry",
  ...more,
});
const chain: Plan = { nodes: [node("a"), node("b", { dependsOn: ["a"] })], maxParallelBlocks: 1 };
const failure: BlockFailure = { kind: "block", message: "no such element", outcome: "failed" };
const created = (plan: Plan): Run => createRun({ type: "run_created", at: 0, facts, plan });

/** Applies events that must all fit. */
function history(run: Run, ...events: RunEvent[]): Run {
  return events.reduce((current, event) => {
    const step = advance(current, event);
    if (!step.ok) throw new Error(`${event.type} is ${step.reason}`);
    return step.run;
  }, run);
}

const block = (label: string, attempt = 1, at = 2) => ({ label, attempt, at });
const running = (): Run => history(created(chain), { type: "run_started", at: 1 });
const asleep = (): Run => history(running(), { type: "block_slept", ...block("a"), until: 50, output: null });

describe("transition", () => {
  const runs: Record<RunStatus, Run> = {
    created: created(chain),
    queued: history(created(chain), { type: "run_queued", at: 1 }),
    running: running(),
    completed: history(
      running(),
      { type: "block_completed", ...block("a"), output: 1 },
      { type: "block_completed", ...block("b"), output: 2 },
    ),
    failed: history(running(), { type: "block_failed", ...block("a"), failure }),
    canceled: history(running(), { type: "run_canceled", at: 2, reason: "asked" }),
    timed_out: history(running(), { type: "run_timed_out", at: 2, reason: "late" }),
  };
  const events: Record<RunEvent["type"], RunEvent> = {
    run_created: { type: "run_created", at: 3, facts, plan: chain },
    run_queued: { type: "run_queued", at: 3 },
    run_started: { type: "run_started", at: 3 },
    block_started: { type: "block_started", ...block("a") },
    block_slept: { type: "block_slept", ...block("a"), until: 9, output: null },
    block_completed: { type: "block_completed", ...block("a"), output: 1 },
    block_skipped: { type: "block_skipped", ...block("a"), reason: "no" },
    block_failed: { type: "block_failed", ...block("a"), failure },
    block_interrupted: { type: "block_interrupted", ...block("a") },
    run_completed: { type: "run_completed", at: 3 },
    run_failed: { type: "run_failed", at: 3, reason: "x" },
    run_canceled: { type: "run_canceled", at: 3, reason: "x" },
    run_timed_out: { type: "run_timed_out", at: 3, reason: "x" },
  };
  const whenFinal: Record<RunEvent["type"], string> = {
    run_created: "finished", run_queued: "finished", run_started: "finished", block_started: "finished", block_slept: "finished", block_completed: "finished",
    block_skipped: "finished", block_failed: "finished", block_interrupted: "finished", run_completed: "finished", run_failed: "finished",
    run_canceled: "finished", run_timed_out: "finished",
  }; // prettier-ignore
  const beforeStart = {
    block_started: "stale",
    block_slept: "stale",
    block_completed: "stale",
    block_skipped: "stale",
    block_failed: "stale",
    block_interrupted: "stale",
  };
  /** What each event makes of a run in each status. A status or an event without an entry does not compile. */
  const table: Record<RunStatus, Record<RunEvent["type"], string>> = {
    created: {
      ...beforeStart, run_created: "stale", run_queued: "queued", run_started: "running", run_completed: "stale", run_failed: "failed", run_canceled: "canceled",
      run_timed_out: "stale",
    },
    queued: {
      ...beforeStart, run_created: "stale", run_queued: "stale", run_started: "running", run_completed: "stale", run_failed: "failed", run_canceled: "canceled",
      run_timed_out: "stale",
    },
    running: {
      run_created: "stale", run_queued: "stale", run_started: "stale", block_started: "stale", block_slept: "running", block_completed: "running",
      block_skipped: "running", block_failed: "running", block_interrupted: "running", run_completed: "completed", run_failed: "failed",
      run_canceled: "canceled", run_timed_out: "timed_out",
    },
    completed: whenFinal, failed: whenFinal, canceled: whenFinal, timed_out: whenFinal,
  }; // prettier-ignore

  for (const [status, row] of Object.entries(table)) {
    for (const [type, expected] of Object.entries(row)) {
      it(`makes a ${status} run ${expected} on ${type}`, () => {
        const step = transition(runs[status as RunStatus], events[type as RunEvent["type"]]);
        expect(step.ok ? step.run.status : step.reason).toBe(expected);
      });
    }
  }

  it("refuses the answer of an attempt that is not the live one", () => {
    for (const attempt of [0, 2]) {
      expect(transition(running(), { type: "block_completed", ...block("a", attempt), output: 1 })).toEqual({ ok: false, reason: "stale" });
    }
  });

  it("refuses a second answer of the same attempt", () => {
    const once = history(running(), { type: "block_completed", ...block("a"), output: 1 });
    expect(transition(once, { type: "block_failed", ...block("a"), failure })).toEqual({ ok: false, reason: "stale" });
  });

  it("cancels the blocks that are under way when the run ends", () => {
    const canceled = history(running(), { type: "run_canceled", at: 7, reason: "asked" });
    expect(canceled.blocks.get("a")).toMatchObject({ status: "canceled", finishedAt: 7 });
    expect(canceled.blocks.get("b")).toMatchObject({ status: "pending" });
  });
});

describe("advance", () => {
  it("writes the end of a block and the start of the next together", () => {
    const step = advance(running(), { type: "block_completed", ...block("a"), output: 1 });
    expect(step.ok && step.events.map((event) => event.type)).toEqual(["block_completed", "block_started"]);
  });

  it("completes the run with the last block", () => {
    const done = history(
      running(),
      { type: "block_completed", ...block("a"), output: 1 },
      { type: "block_skipped", ...block("b"), reason: "no" },
    );
    expect(done.status).toBe("completed");
    expect(outputsOf(done)).toEqual({ a_output: 1 });
  });

  it("fails the run with the reason of the block that failed", () => {
    const failed = history(running(), { type: "block_failed", ...block("a"), failure });
    expect(failed).toMatchObject({ status: "failed", reason: 'Block "a" (set) failed: no such element' });
  });

  it("goes on after a failure where the block says so", () => {
    const plan: Plan = { nodes: [node("a", { continueOnFailure: true }), node("b", { dependsOn: ["a"] })], maxParallelBlocks: 1 };
    const run = history(created(plan), { type: "run_started", at: 1 }, { type: "block_failed", ...block("a"), failure });
    expect(runningBlocks(run)).toEqual([{ label: "b", attempt: 1 }]);
  });

  it("starts independent blocks together, as many as the plan allows", () => {
    const plan: Plan = { nodes: [node("a"), node("b"), node("c"), node("d", { dependsOn: ["a", "b", "c"] })], maxParallelBlocks: 2 };
    const started = history(created(plan), { type: "run_started", at: 1 });
    expect(runningBlocks(started).map(({ label }) => label)).toEqual(["a", "b"]);
    const next = history(started, { type: "block_completed", ...block("b"), output: null });
    expect(runningBlocks(next).map(({ label }) => label)).toEqual(["a", "c"]);
  });
});

describe("interruption", () => {
  it("runs a repeatable block again as a new attempt", () => {
    const run = history(running(), { type: "block_interrupted", ...block("a") });
    expect(runningBlocks(run)).toEqual([{ label: "a", attempt: 2 }]);
  });

  it("gives up on a block that is interrupted again and again", () => {
    let run = running();
    for (let attempt = 1; attempt <= MAX_INTERRUPTIONS + 1; attempt++)
      run = history(run, { type: "block_interrupted", ...block("a", attempt) });
    expect(run.status).toBe("failed");
    expect(run.blocks.get("a")).toMatchObject({ status: "failed", failure: { kind: "interrupted", outcome: "failed" } });
  });

  it("fails a block that is not safe to repeat, its outcome unknown, and says what to do", () => {
    const plan: Plan = { nodes: [node("order", { onInterrupted: "fail", blockType: "actions" })], maxParallelBlocks: 1 };
    const run = history(created(plan), { type: "run_started", at: 1 }, { type: "block_interrupted", ...block("order") });
    expect(run).toMatchObject({ status: "failed" });
    expect(isFinal(run) && run.reason).toMatch(/outcome unknown.*on_interrupted/i);
    expect(run.blocks.get("order")).toMatchObject({ failure: { outcome: "unknown" } });
  });
});

describe("time", () => {
  it("wakes a run for a block that sleeps, and completes the block then", () => {
    expect(nextWakeAt(asleep())).toBe(50);
    expect(whatIsDue(asleep(), 49)).toEqual([]);
    expect(whatIsDue(asleep(), 50)).toMatchObject([{ type: "block_completed", label: "a", attempt: 1 }]);
  });

  it("ends a run that is at work longer than its limit", () => {
    expect(nextWakeAt(running())).toBe(100_001);
    expect(whatIsDue(running(), 100_001)).toMatchObject([{ type: "run_timed_out" }]);
  });

  it("does not count the time asleep toward the limit", () => {
    const woken = history(asleep(), { type: "block_completed", ...block("a", 1, 500_002), output: null });
    expect(whatIsDue(asleep(), 400_000)).toMatchObject([{ type: "block_completed" }]);
    expect(nextWakeAt(woken)).toBe(100_001 + 500_000);
  });

  it("owes nothing to time once it is over", () => {
    expect(nextWakeAt(history(running(), { type: "run_canceled", at: 2, reason: "x" }))).toBeNull();
  });
});

describe("random histories", () => {
  const plans = fc.integer({ min: 1, max: 6 }).chain((size) =>
    fc.record({
      maxParallelBlocks: fc.integer({ min: 1, max: 3 }),
      nodes: fc.tuple(
        ...Array.from({ length: size }, (_, index) =>
          fc
            .record({
              dependsOn: fc.subarray(Array.from({ length: index }, (_, earlier) => `b${earlier}`)),
              continueOnFailure: fc.boolean(),
              onInterrupted: fc.constantFrom("retry" as const, "fail" as const),
            })
            .map((more) => node(`b${index}`, more)),
        ),
      ),
    }),
  );
  const answers = fc.constantFrom(
    "block_completed",
    "block_failed",
    "block_skipped",
    "block_slept",
    "block_interrupted",
    "repeat",
    "late",
    "run_canceled",
    "due",
  );

  it("end once, never go back, keep every attempt single, and are nothing but the fold of their journal", () => {
    fc.assert(
      fc.property(plans, fc.array(fc.tuple(answers, fc.nat()), { maxLength: 60 }), (plan, script) => {
        const first: RunEvent = { type: "run_created", at: 0, facts, plan };
        const journal: RunEvent[] = [first];
        let run = createRun(first);
        let now = 0;
        const apply = (event: RunEvent): void => {
          const step = advance(run, event);
          if (!step.ok) return;
          expect(isFinal(run)).toBe(false);
          run = step.run;
          journal.push(...step.events);
        };
        apply({ type: "run_started", at: ++now });
        for (const [kind, pick] of script) {
          now += 1;
          const live = runningBlocks(run);
          const target = live[pick % Math.max(1, live.length)];
          if (kind === "run_canceled" && pick % 10 === 0) apply({ type: "run_canceled", at: now, reason: "x" });
          else if (kind === "due") for (const event of whatIsDue(run, (now += 100))) apply(event);
          else if (kind === "repeat") apply(journal[pick % journal.length]!);
          else if (target === undefined) continue;
          else if (kind === "late")
            apply({ type: "block_completed", at: now, label: target.label, attempt: target.attempt - 1, output: null });
          else if (kind === "block_completed") apply({ type: kind, at: now, ...target, output: pick });
          else if (kind === "block_failed") apply({ type: kind, at: now, ...target, failure });
          else if (kind === "block_skipped") apply({ type: kind, at: now, ...target, reason: "x" });
          else if (kind === "block_slept") apply({ type: kind, at: now, ...target, until: now + 50, output: null });
          else if (kind === "block_interrupted") apply({ type: kind, at: now, ...target });
        }
        expect(replay(journal)).toEqual(run);
        const finals = journal.filter(({ type }) => FINAL_STATUSES.some((status) => type === `run_${status}`));
        expect(finals.length).toBe(isFinal(run) ? 1 : 0);
        if (finals.length > 0) expect(journal.at(-1)).toBe(finals[0]);
        expect(runningBlocks(run).length).toBeLessThanOrEqual(plan.maxParallelBlocks);
        for (const { label, dependsOn } of plan.nodes) {
          const of = (type: string) => journal.filter((event) => event.type === type && "label" in event && event.label === label);
          const starts = of("block_started");
          expect(starts.map((event) => ("attempt" in event ? event.attempt : 0))).toEqual(starts.map((_, index) => index + 1));
          const ends = [...of("block_completed"), ...of("block_failed"), ...of("block_skipped")];
          expect(ends.length).toBeLessThanOrEqual(1);
          if (starts.length === 0) continue;
          const begun = journal.indexOf(starts[0]!);
          for (const before of dependsOn) {
            const ended = journal.findIndex(
              (event) =>
                "label" in event &&
                event.label === before &&
                ["block_completed", "block_failed", "block_skipped", "block_interrupted"].includes(event.type),
            );
            expect(ended).toBeGreaterThan(-1);
            expect(ended).toBeLessThan(begun);
          }
        }
        if (!isFinal(run)) expect(runningBlocks(run).length > 0 || nextWakeAt(run) !== null).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
