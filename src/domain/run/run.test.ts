import { describe, expect, it } from "vitest";
import { blockCatalog } from "../../blocks/registry.ts";
import { blockAt, walk } from "./block-state.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Plan } from "../workflow/plan.ts";
import { type BlockFailure, MAX_INTERRUPTIONS } from "../recovery.ts";
import { advance, cancellation, proceed, whatIsDue } from "./run-advance.ts";
import { isPaused, outputIn, outputsOf, pendingChecks, runningBlocks, surroundings, waitsForBrowser } from "./run-inspect.ts";
import { replay, transition } from "./run-transition.ts";
import { nextWakeAt, restsUntil } from "./run-wake.ts";
import { type BlockEvent, createRun, type Run, type RunEvent, type RunFacts, type RunStatus } from "./run.ts";
import { requireDefinition } from "../workflow/check-definition.ts";
import { RUN_FACTS } from "../testing/facts.ts";

const facts: RunFacts = { ...RUN_FACTS, maxSeconds: 100 };

// ---------------------------------------------------------------------------------------- workflows, in short

const set = (label: string, more: JsonObject = {}): JsonObject => ({ block_type: "set", label, values: {}, ...more });
const forLoop = (label: string, body: JsonObject[], more: JsonObject = {}): JsonObject => ({
  block_type: "for_loop",
  label,
  loop_variable_reference: "{{ [] }}",
  loop_blocks: body,
  ...more,
});
const whileLoop = (label: string, body: JsonObject[]): JsonObject => ({
  block_type: "while_loop",
  label,
  condition: { expression: "{{ true }}" },
  loop_blocks: body,
});
const conditional = (label: string, targets: (string | null)[], more: JsonObject = {}): JsonObject => ({
  block_type: "conditional",
  label,
  branch_conditions: targets.map((target) => ({ criteria: { expression: "{{ true }}" }, next_block_label: target })),
  ...more,
});

function planOf(version: 1 | 2 | 3, blocks: JsonObject[], more: JsonObject = {}): Plan {
  return requireDefinition({ title: "Test", workflow_definition: { version, blocks, ...more } }, blockCatalog).plan;
}
const list = (...blocks: JsonObject[]): Plan => planOf(1, blocks);
const withLast = (block: JsonObject, last = set("last")): Plan => planOf(1, [block, last], { finally_block_label: "last" });

// ------------------------------------------------------------------------------------------ histories, in short

/** A run as far as it has come, and what was written of it. */
class Told {
  readonly run: Run;
  readonly journal: readonly RunEvent[];

  constructor(run: Run, journal: readonly RunEvent[]) {
    this.run = run;
    this.journal = journal;
  }

  /** Applies an event that must fit, and what follows from it. */
  apply(event: RunEvent): Told {
    const step = advance(this.run, event);
    if (!step.ok) throw new Error(`${event.type} is ${step.reason}`);
    return new Told(step.run, [...this.journal, ...step.events]);
  }

  /** Answers the live attempt at a block, or the first that waits for one. */
  answer(path: string, said: Said, at = this.run.modifiedAt): Told {
    const block = blockAt(this.run.blocks, path);
    return this.apply({ ...said, at, path, attempt: block !== undefined && "attempt" in block ? block.attempt : 0 });
  }

  complete(path: string, output: Json = null, at = this.run.modifiedAt): Told {
    return this.answer(path, { type: "block_completed", output }, at);
  }

  fail(path: string, failure: Partial<BlockFailure> = {}, at = this.run.modifiedAt): Told {
    return this.answer(
      path,
      { type: "block_failed", failure: { kind: "block", outcome: "failed", message: "no such element", ...failure }, random: 0.5 },
      at,
    );
  }

  /** Lets time pass: what is due, and what follows. */
  wake(at: number): Told {
    const told = whatIsDue(this.run, at).reduce<Told>((current, event) => current.apply(event), this);
    const { run, events } = proceed(told.run, at);
    return new Told(run, [...told.journal, ...events]);
  }

  cancel(at = this.run.modifiedAt): Told {
    return this.apply(cancellation(this.run, at, "asked"));
  }

  get running(): string[] {
    return runningBlocks(this.run).map(({ path, attempt }) => (attempt === 1 ? path : `${path} #${attempt}`));
  }

  status(path: string): string | undefined {
    return blockAt(this.run.blocks, path)?.status;
  }

  /** The types of the events that the last call wrote, seen from `before`. */
  since(before: Told): string[] {
    return this.journal.slice(before.journal.length).map(({ type }) => type);
  }
}
type Said = BlockEvent extends infer E ? (E extends BlockEvent ? Omit<E, "at" | "path" | "attempt"> : never) : never;

const T0 = 1_000;

function created(plan: Plan, more: Partial<RunFacts> = {}): Told {
  const event = { type: "run_created", at: T0, facts: { ...facts, ...more }, plan } as const;
  return new Told(createRun(event), [event]);
}
const begin = (plan: Plan, more: Partial<RunFacts> = {}): Told => created(plan, more).apply({ type: "run_started", at: T0 });
const open = (items: Json[] | null): Said => ({ type: "loop_opened", items });
const branch = (index: number): Said => ({ type: "block_completed", output: null, branch: index });
const sleepUntil = (until: number): Said => ({ type: "block_slept", until, output: "slept" });
const askUntil = (until: number | null): Said => ({
  type: "block_waiting",
  until,
  wait: { for: "decision", instructions: null, approve: "Yes", reject: "No" },
});
const temporary = { kind: "temporary", message: "503" } as const;

const a = set("a");
const b = set("b");
const c = set("c");

describe("transition", () => {
  const retrying = begin(planOf(1, [a, set("z")], { retry: { max_attempts: 2 } })).fail("a");
  const runs: Record<RunStatus, Run> = {
    created: created(list(a)).run,
    queued: created(list(a)).apply({ type: "run_queued", at: T0 }).run,
    running: begin(list(a)).run,
    retrying: retrying.run,
    completed: begin(list(a)).complete("a").run,
    failed: begin(list(a)).fail("a").run,
    terminated: begin(list(a)).answer("a", { type: "block_terminated", reason: "done" }).run,
    canceled: begin(list(a)).cancel().run,
    timed_out: begin(list(a)).wake(T0 + 100_000).run,
  };
  const attempt = { at: T0 + 1, path: "a", attempt: 1 };
  const ending = { at: T0 + 1, status: "terminated", reason: "x" } as const;
  const events: Record<RunEvent["type"], RunEvent> = {
    run_created: { type: "run_created", at: T0 + 1, facts, plan: list(a) },
    run_queued: { type: "run_queued", at: T0 + 1 },
    run_started: { type: "run_started", at: T0 + 1 },
    run_paused: { type: "run_paused", at: T0 + 1 },
    run_resumed: { type: "run_resumed", at: T0 + 1 },
    browser_granted: { type: "browser_granted", at: T0 + 1 },
    run_retrying: { type: "run_retrying", at: T0 + 1, until: T0 + 2, reason: "x" },
    run_ending: { type: "run_ending", ...ending },
    run_ended: { type: "run_ended", ...ending },
    block_started: { type: "block_started", ...attempt },
    block_slept: { type: "block_slept", ...attempt, until: T0 + 9, output: null },
    block_waiting: { type: "block_waiting", ...attempt, until: null, wait: { for: "child", runId: "wr_2" } },
    block_decided: { type: "block_decided", ...attempt, approved: true },
    block_completed: { type: "block_completed", ...attempt, output: 1 },
    block_skipped: { type: "block_skipped", ...attempt, reason: "no" },
    block_failed: { type: "block_failed", ...attempt, failure: { kind: "block", outcome: "failed", message: "x" }, random: 0 },
    block_terminated: { type: "block_terminated", ...attempt, reason: "x" },
    block_interrupted: { type: "block_interrupted", ...attempt },
    loop_opened: { type: "loop_opened", ...attempt, items: [] },
    loop_checked: { type: "loop_checked", ...attempt, index: 0, more: true },
    loop_completed: { type: "loop_completed", ...attempt },
  };
  const blocksAre = <const Result extends string>(result: Result) => ({
    block_started: result, block_slept: result, block_waiting: result, block_decided: result, block_completed: result, block_skipped: result,
    block_failed: result, block_terminated: result, block_interrupted: result, loop_opened: result, loop_checked: result, loop_completed: result,
  }); // prettier-ignore
  const everything = <const Result extends string>(result: Result) => ({
    ...blocksAre(result), run_created: result, run_queued: result, run_started: result, run_paused: result, run_resumed: result, run_retrying: result,
    run_ending: result, run_ended: result, browser_granted: result,
  }); // prettier-ignore
  /** What each event makes of a run in each status, block `a` being under way. A status or an event without an entry does not compile. */
  const table: Record<RunStatus, Record<RunEvent["type"], string>> = {
    created: { ...everything("stale"), run_queued: "queued", run_started: "running", run_ended: "terminated" },
    queued: { ...everything("stale"), run_started: "running", run_ended: "terminated" },
    running: {
      ...blocksAre("running"), block_started: "stale", block_decided: "stale", loop_checked: "stale", loop_completed: "stale",
      run_created: "stale", run_queued: "stale", run_started: "stale", run_paused: "running", run_resumed: "stale", run_retrying: "retrying",
      run_ending: "running", run_ended: "terminated", browser_granted: "stale",
    },
    retrying: { ...everything("stale"), run_started: "running", run_ending: "running", run_ended: "terminated" },
    completed: everything("finished"),
    failed: everything("finished"),
    terminated: everything("finished"),
    canceled: everything("finished"),
    timed_out: everything("finished"),
  }; // prettier-ignore

  for (const [status, row] of Object.entries(table)) {
    it(`knows what every event makes of a run that is ${status}`, () => {
      const results = Object.keys(row).map((type) => {
        const step = transition(runs[status as RunStatus], events[type as RunEvent["type"]]);
        return [type, step.ok ? step.run.status : step.reason];
      });
      expect(Object.fromEntries(results)).toEqual(row);
    });
  }

  it("reaches every status by the events that lead there", () => {
    for (const [status, run] of Object.entries(runs)) expect(run.status).toBe(status);
  });

  it("refuses the answer of an attempt that is not the live one", () => {
    const { run } = begin(list(a));
    for (const attempt of [0, 2])
      expect(transition(run, { type: "block_completed", at: T0, path: "a", attempt, output: 1 })).toEqual({ ok: false, reason: "stale" });
  });

  it("refuses a second answer of the same attempt", () => {
    const told = begin(list(a, b)).complete("a");
    expect(transition(told.run, { type: "block_completed", at: T0, path: "a", attempt: 1, output: 2 })).toEqual({
      ok: false,
      reason: "stale",
    });
    expect(outputIn(told.run.blocks, "a")).toBeNull();
  });

  it("refuses what is said of blocks and iterations that do not exist", () => {
    const { run } = begin(list(forLoop("loop", [a]))).answer("loop", open([1]));
    for (const path of ["nobody", "loop[1].a", "loop[0].nobody", "loop[0]", "loop.a", "loop[0].a[0].b"]) {
      expect([path, transition(run, { type: "block_completed", at: T0, path, attempt: 1, output: 1 })]).toEqual([
        path,
        { ok: false, reason: "stale" },
      ]);
    }
  });

  it("does not change the run that it is given", () => {
    const { run } = begin(list(a, b));
    const before = structuredClone(run);
    advance(run, { type: "block_completed", at: T0, path: "a", attempt: 1, output: 1 });
    expect(run).toEqual(before);
  });

  it("decides the ending once", () => {
    const told = begin(withLast(a)).complete("a");
    expect(transition(told.run, { type: "run_ending", at: T0, status: "timed_out", reason: "late" })).toEqual({
      ok: false,
      reason: "stale",
    });
  });

  it("is the whole of a run: replaying the journal makes the same run", () => {
    const told = begin(list(forLoop("loop", [a]), b))
      .answer("loop", open([1, 2]))
      .complete("loop[0].a")
      .fail("loop[1].a");
    expect(replay(told.journal)).toEqual(told.run);
    expect(replay([])).toBeNull();
  });

  it("refuses to replay what is no journal", () => {
    expect(() => replay([events.run_started])).toThrow(/begins with run_created/);
    expect(() => replay([events.run_created, events.run_resumed])).toThrow(/stale run_resumed/);
  });
});

describe("a list of blocks", () => {
  it("writes the end of a block and the start of the next together", () => {
    const before = begin(list(a, b));
    const told = before.complete("a");
    expect(told.since(before)).toEqual(["block_completed", "block_started"]);
    expect(told.running).toEqual(["b"]);
  });

  it("completes with its last block, and tells the outputs", () => {
    const told = begin(list(a, b, c))
      .complete("a", { extracted_information: [1] })
      .answer("b", { type: "block_skipped", reason: "no" })
      .complete("c", 3);
    expect(told.run).toMatchObject({ status: "completed", reason: null });
    expect(outputsOf(told.run)).toEqual({ a_output: { extracted_information: [1] }, c_output: 3, extracted_information: [[1]] });
  });

  it("fails with the reason of the block that failed", () => {
    const told = begin(list(a, b)).fail("a");
    expect(told.run).toMatchObject({ status: "failed", reason: 'Block "a" (set) failed: no such element' });
    expect(told.status("b")).toBeUndefined();
  });

  it("ends as terminated where a block ends it in good order", () => {
    const told = begin(list(a, b)).answer("a", { type: "block_terminated", reason: "sold out" });
    expect(told.run).toMatchObject({ status: "terminated", reason: 'Block "a" (set) ended the run: sold out' });
  });

  it.each(["continue_on_failure", "skip_on_failure"])("goes on after a failure where the block says %s, its output being null", (flag) => {
    const told = begin(list(set("a", { [flag]: true }), b)).fail("a");
    expect(told.running).toEqual(["b"]);
    expect(outputIn(told.run.blocks, "a")).toBeNull();
    expect(outputIn(told.run.blocks, "b")).toBeUndefined();
    expect(outputsOf(told.complete("b", 1).run)).toEqual({ b_output: 1 });
  });
});

describe("retry", () => {
  const patient = list(set("a", { retry: { max_attempts: 3, initial_seconds: 10 } }), b);

  it("waits before another attempt, longer each time, with jitter", () => {
    const once = begin(patient).fail("a", temporary);
    expect([once.running, nextWakeAt(once.run)]).toEqual([[], T0 + 10_000]);
    const twice = once.wake(T0 + 10_000).answer("a", { type: "block_failed", failure: { ...temporary, outcome: "failed" }, random: 0 });
    expect(nextWakeAt(twice.run)).toBe(T0 + 10_000 + 16_000);
  });

  it("starts the next attempt when the wait is over and not before", () => {
    const once = begin(patient).fail("a", temporary);
    expect(once.wake(T0 + 9_999).running).toEqual([]);
    expect(once.wake(T0 + 10_000).running).toEqual(["a #2"]);
  });

  it("gives up after the last attempt, and says how many there were", () => {
    const told = begin(patient)
      .fail("a", temporary)
      .wake(T0 + 20_000)
      .fail("a", { kind: "timeout", message: "too slow" })
      .wake(T0 + 60_000)
      .fail("a", temporary);
    expect(told.run).toMatchObject({ status: "failed", reason: 'Block "a" (set) failed: 503 (3 attempts)' });
  });

  it("does not repeat what will not go away, unless the block asks for that", () => {
    expect(begin(patient).fail("a").run.status).toBe("failed");
    expect(
      begin(list(set("a", { max_retries: 1 })))
        .fail("a")
        .status("a"),
    ).toBe("pending");
  });

  it("never repeats after a bug", () => {
    expect(begin(list(set("a", { max_retries: 9 }))).fail("a", { kind: "unknown" }).run.status).toBe("failed");
  });

  it("comes back for a browser when the platform says, and does not charge the attempt", () => {
    let told = begin(patient);
    for (let round = 0; round < 10; round += 1) {
      told = told.fail("a", { kind: "resource", retryAfterMs: 500 });
      expect(nextWakeAt(told.run)).toBe(told.run.modifiedAt + 500);
      told = told.wake(told.run.modifiedAt + 500);
    }
    expect(told.running).toEqual(["a #11"]);
    expect(told.fail("a", temporary).status("a")).toBe("pending");
  });

  it("goes on at once when it is its turn to have a browser, also after a pause", () => {
    const noBrowser = { kind: "resource", retryAfterMs: 300_000, waitsFor: "browser" } as const;
    const waiting = begin(patient).fail("a", noBrowser);
    expect(waitsForBrowser(waiting.run)).toBe(true);
    expect(waiting.apply({ type: "browser_granted", at: T0 + 5 }).running).toEqual(["a #2"]);
    const paused = waiting.apply({ type: "run_paused", at: T0 + 5 }).apply({ type: "browser_granted", at: T0 + 6 });
    expect(paused.running).toEqual([]);
    expect(advance(paused.run, { type: "browser_granted", at: T0 + 7 }).ok).toBe(false);
    expect(paused.apply({ type: "run_resumed", at: T0 + 8 }).running).toEqual(["a #2"]);
  });

  it("is known to rest until the next attempt, where nothing else goes on", () => {
    expect(restsUntil(begin(patient).run)).toBeNull();
    expect(restsUntil(begin(patient).fail("a", temporary).run)).toBe(T0 + 10_000);
    expect(restsUntil(begin(patient).fail("a", { kind: "resource", waitsFor: "browser" }).run)).toBeNull();
    expect(restsUntil(begin(list(a)).answer("a", { type: "block_slept", until: T0 + 9, output: null }).run)).toBe(T0 + 9);
  });

  it("refuses the late answer of the attempt before", () => {
    const told = begin(patient)
      .fail("a", temporary)
      .wake(T0 + 10_000);
    expect(transition(told.run, { type: "block_completed", at: T0, path: "a", attempt: 1, output: 1 }).ok).toBe(false);
  });
});

describe("interruption", () => {
  const interrupted: Said = { type: "block_interrupted" };
  const asking = list(set("a", { on_interrupted: "ask" }), b);

  it("runs a repeatable block again at once, as a new attempt", () => {
    expect(begin(list(a)).answer("a", interrupted).running).toEqual(["a #2"]);
  });

  it("gives up on a block that is interrupted again and again", () => {
    let told = begin(list(a));
    for (let time = 0; time <= MAX_INTERRUPTIONS; time += 1) told = told.answer("a", interrupted);
    expect(told.run).toMatchObject({ status: "failed", reason: expect.stringMatching(/interrupted 6 times/) });
    expect(blockAt(told.run.blocks, "a")).toMatchObject({ failure: { outcome: "failed" } });
  });

  it("fails a block that is not safe to repeat, its outcome unknown, and says what to do", () => {
    const told = begin(list(set("a", { on_interrupted: "fail" }), b)).answer("a", interrupted);
    expect(blockAt(told.run.blocks, "a")).toMatchObject({ status: "failed", failure: { outcome: "unknown" } });
    expect(told.run).toMatchObject({ status: "failed", reason: expect.stringMatching(/outcome unknown.*on_interrupted/i) });
  });

  it("asks a person where the block says so, and holds the run meanwhile", () => {
    const told = begin(asking).answer("a", interrupted);
    expect(blockAt(told.run.blocks, "a")).toMatchObject({ status: "waiting", wait: { for: "interruption" } });
    expect([isPaused(told.run), nextWakeAt(told.run)]).toEqual([true, null]);
  });

  it("runs the block again when the person approves", () => {
    expect(begin(asking).answer("a", interrupted).answer("a", { type: "block_decided", approved: true }).running).toEqual(["a #2"]);
  });

  it("fails the block when the person rejects", () => {
    const told = begin(asking).answer("a", interrupted).answer("a", { type: "block_decided", approved: false });
    expect(blockAt(told.run.blocks, "a")).toMatchObject({ status: "failed", failure: { outcome: "unknown" } });
  });
});

describe("a decision", () => {
  it("completes the block when it is to approve", () => {
    const told = begin(list(a, b)).answer("a", askUntil(null)).answer("a", { type: "block_decided", approved: true });
    expect(outputIn(told.run.blocks, "a")).toEqual({ approved: true });
    expect(told.running).toEqual(["b"]);
  });

  it("ends the run as terminated when it is to reject", () => {
    expect(begin(list(a, b)).answer("a", askUntil(null)).answer("a", { type: "block_decided", approved: false }).run.status).toBe(
      "terminated",
    );
  });

  it("fails the block when nobody makes it in time", () => {
    const told = begin(list(a, b)).answer("a", askUntil(T0 + 60_000));
    expect(nextWakeAt(told.run)).toBe(T0 + 60_000);
    expect(told.wake(T0 + 60_000).run).toMatchObject({
      status: "failed",
      reason: expect.stringMatching(/Nobody decided within 60 seconds/),
    });
  });

  it("is not a person's to make about a child run", () => {
    const told = begin(list(a)).answer("a", { type: "block_waiting", until: null, wait: { for: "child", runId: "wr_2" } });
    expect(isPaused(told.run)).toBe(false);
    expect(transition(told.run, { type: "block_decided", at: T0, path: "a", attempt: 1, approved: true }).ok).toBe(false);
    expect(told.complete("a", { ok: true }).run.status).toBe("completed");
  });
});

describe("a conditional in a graph", () => {
  const plan = planOf(2, [conditional("if", ["a", "b", null], { next_block_label: "meet" }), a, b, set("meet")]);

  it("leads to the taken branch and on to where the branches meet", () => {
    const told = begin(plan).answer("if", branch(1));
    expect(told.running).toEqual(["b"]);
    expect(told.complete("b").running).toEqual(["meet"]);
    expect(told.complete("b").complete("meet").status("a")).toBeUndefined();
  });

  it("goes straight on by a branch that leads nowhere", () => {
    expect(begin(plan).answer("if", branch(2)).running).toEqual(["meet"]);
  });

  it("goes straight on when it is skipped", () => {
    expect(begin(plan).answer("if", { type: "block_skipped", reason: "no" }).running).toEqual(["meet"]);
  });

  it("fails the run when no branch matches", () => {
    expect(begin(plan).fail("if", { message: "no branch matched" }).run).toMatchObject({
      status: "failed",
      reason: 'Block "if" (conditional) failed: no branch matched',
    });
  });

  it("ends the list after a branch where nothing comes behind it", () => {
    expect(
      begin(planOf(2, [conditional("if", ["a", "b"]), a, b]))
        .answer("if", branch(0))
        .complete("a").run.status,
    ).toBe("completed");
  });
});

describe("a graph of dependencies", () => {
  const after = (label: string, ...labels: string[]) => set(label, { depends_on: labels });

  it("runs independent blocks side by side, as many as the plan allows", () => {
    const told = begin(planOf(3, [a, b, c], { max_parallel_blocks: 2 }));
    expect(told.running).toEqual(["a", "b"]);
    expect(told.complete("b").running).toEqual(["a", "c"]);
  });

  it("joins when all that a block depends on has ended, skipped or failed without harm included", () => {
    const told = begin(planOf(3, [a, b, set("c", { continue_on_failure: true }), after("join", "a", "b", "c")]));
    const two = told.complete("a").answer("b", { type: "block_skipped", reason: "no" });
    expect(two.running).toEqual(["c"]);
    expect(two.fail("c").running).toEqual(["join"]);
    expect(outputIn(two.run.blocks, "b")).toBeNull();
  });

  it("cancels the siblings of a block that fails, and starts nothing more", () => {
    const told = begin(planOf(3, [a, b, c], { max_parallel_blocks: 2 })).fail("a", {}, T0 + 5);
    expect(told.run.status).toBe("failed");
    expect(blockAt(told.run.blocks, "b")).toMatchObject({ status: "canceled", finishedAt: T0 + 5 });
    expect(told.status("c")).toBeUndefined();
  });

  it("skips the targets of branches that were not taken, and goes on behind them", () => {
    const plan = planOf(3, [conditional("if", ["a", "b"]), a, b, after("join", "a", "b")]);
    const told = begin(plan).answer("if", branch(0));
    expect([told.running, blockAt(told.run.blocks, "b")]).toMatchObject([
      ["a"],
      { status: "skipped", attempt: 0, reason: "Its branch was not taken." },
    ]);
    expect(told.complete("a").running).toEqual(["join"]);
  });

  it("runs a block to which one of several branches leads", () => {
    const plan = planOf(3, [conditional("if", ["a", null]), conditional("or", [null, "a"]), a]);
    expect(begin(plan).answer("if", branch(1)).answer("or", branch(1)).running).toEqual(["a"]);
    expect(begin(plan).answer("if", branch(1)).answer("or", branch(0)).run.status).toBe("completed");
  });

  it("does not take a branch of a conditional that was skipped or failed", () => {
    const plan = planOf(3, [conditional("if", ["a"], { continue_on_failure: true }), a]);
    expect(begin(plan).answer("if", { type: "block_skipped", reason: "no" }).status("a")).toBe("skipped");
    expect(begin(plan).fail("if").status("a")).toBe("skipped");
  });

  it("starts nothing at the moment at which a loop beside it fails the run", () => {
    const plan = planOf(3, [forLoop("one", [a]), forLoop("two", [b], { max_concurrency: 2 })], { max_parallel_blocks: 2 });
    const before = begin(plan)
      .answer("one", open([1]))
      .answer("two", open([1, 2]));
    expect(before.running).toEqual(["one[0].a", "two[0].b"]);
    expect(before.fail("one[0].a").since(before)).toEqual(["block_failed", "block_failed", "run_ended"]);
  });

  it("ends two loops of an iteration together when one of them fails", () => {
    const plan = planOf(3, [forLoop("outer", [forLoop("one", [a]), forLoop("two", [b, set("d", { depends_on: ["b"] })])])], {
      max_parallel_blocks: 2,
    });
    const told = begin(plan)
      .answer("outer", open([1]))
      .answer("outer[0].one", open([1]))
      .answer("outer[0].two", open([1]));
    expect(told.fail("outer[0].one[0].a")).toMatchObject({ run: { status: "failed" }, running: [] });
  });
});

describe("a for_loop", () => {
  const loop = (more: JsonObject = {}, inner: JsonObject = {}): Plan => list(forLoop("loop", [set("a", inner), b], more), c);

  it("runs its blocks once for each item, one item after the other", () => {
    const told = begin(loop()).answer("loop", open(["x", "y"]));
    expect(told.running).toEqual(["loop[0].a"]);
    expect(told.complete("loop[0].a").complete("loop[0].b").running).toEqual(["loop[1].a"]);
  });

  it("gives what each block gave, for each item", () => {
    const told = begin(loop())
      .answer("loop", open(["x", null]))
      .complete("loop[0].a", 1)
      .complete("loop[0].b", 2)
      .complete("loop[1].a", 3)
      .answer("loop[1].b", { type: "block_skipped", reason: "no" });
    expect(told.running).toEqual(["c"]);
    expect(outputIn(told.run.blocks, "loop")).toEqual([
      [
        { loop_value: "x", output_parameter: { key: "a_output" }, output_value: 1 },
        { loop_value: "x", output_parameter: { key: "b_output" }, output_value: 2 },
      ],
      [{ loop_value: null, output_parameter: { key: "a_output" }, output_value: 3 }],
    ]);
  });

  it("completes at once over an empty list", () => {
    const told = begin(loop()).answer("loop", open([]));
    expect(told.running).toEqual(["c"]);
    expect(outputIn(told.run.blocks, "loop")).toEqual([]);
  });

  it("runs as many iterations at once as max_concurrency says", () => {
    const told = begin(loop({ max_concurrency: 2 })).answer("loop", open([1, 2, 3]));
    expect(told.running).toEqual(["loop[0].a", "loop[1].a"]);
    expect(told.complete("loop[1].a").complete("loop[1].b").running).toEqual(["loop[0].a", "loop[2].a"]);
  });

  it("has its iterations share what the plan allows at once", () => {
    const told = begin(planOf(3, [forLoop("loop", [a], { max_concurrency: 5 }), b], { max_parallel_blocks: 3 })).answer(
      "loop",
      open([1, 2, 3, 4, 5]),
    );
    expect(told.running).toEqual(["loop[0].a", "loop[1].a", "b"]);
  });

  it("fails with the iteration that fails, and cancels the others", () => {
    const told = begin(loop({ max_concurrency: 2 }))
      .answer("loop", open([1, 2, 3]))
      .fail("loop[1].a");
    expect(told.run).toMatchObject({
      status: "failed",
      reason: expect.stringMatching(/^Block "loop" \(for_loop\) failed: Iteration 1: Block "a" \(set\) failed: no such element/),
    });
    expect([told.status("loop[0].a"), told.status("loop[2].a"), told.running]).toEqual(["canceled", undefined, []]);
  });

  it("holds nothing when an iteration terminates it while others are under way", () => {
    const told = begin(loop({ max_concurrency: 2, continue_on_failure: true }))
      .answer("loop", open([1, 2]))
      .answer("loop[0].a", { type: "block_terminated", reason: "sold out" });
    expect([told.status("loop"), told.status("loop[1].a"), told.running]).toEqual(["terminated", "canceled", ["c"]]);
  });

  it("goes on in the iteration where the block inside says continue_on_failure", () => {
    expect(
      begin(loop({}, { continue_on_failure: true }))
        .answer("loop", open([1, 2]))
        .fail("loop[0].a").running,
    ).toEqual(["loop[0].b"]);
  });

  it.each<[string, JsonObject, JsonObject]>([
    ["the block inside", {}, { next_loop_on_failure: true }],
    ["the loop", { next_loop_on_failure: true }, {}],
  ])("goes on with the next iteration where %s says next_loop_on_failure", (_who, ofLoop, ofBlock) => {
    const told = begin(loop(ofLoop, ofBlock))
      .answer("loop", open([1, 2]))
      .fail("loop[0].a");
    expect(told.running).toEqual(["loop[1].a"]);
    const done = told.complete("loop[1].a", 1).complete("loop[1].b", 2);
    expect(outputIn(done.run.blocks, "loop")).toMatchObject([[], [{ output_value: 1 }, { output_value: 2 }]]);
  });

  it("stands in a loop", () => {
    const told = begin(list(forLoop("outer", [forLoop("inner", [a])])))
      .answer("outer", open([1, 2]))
      .answer("outer[0].inner", open(["x"]))
      .complete("outer[0].inner[0].a", 7);
    expect(told.running).toEqual(["outer[1].inner"]);
    const done = told.answer("outer[1].inner", open([]));
    expect(outputsOf(done.run)).toMatchObject({ outer_output: [[{ output_value: [[{ output_value: 7 }]] }], [{ output_value: [] }]] });
  });

  it("is opened again as a whole when it is tried again", () => {
    const told = begin(loop({ max_retries: 1 }))
      .answer("loop", open([1]))
      .fail("loop[0].a")
      .wake(T0 + 10_000);
    expect(told.running).toEqual(["loop #2"]);
    expect(told.answer("loop", open([1])).running).toEqual(["loop[0].a"]);
  });

  it("shows its blocks the values of the loops around them, the innermost first", () => {
    const told = begin(list(forLoop("outer", [a, forLoop("inner", [b])])))
      .answer("outer", open(["x"]))
      .complete("outer[0].a", 1)
      .answer("outer[0].inner", open([null]));
    const { loops, scopes } = surroundings(told.run, "outer[0].inner[0].b");
    expect(loops).toEqual([
      { label: "inner", attempt: 1, index: 0, value: null },
      { label: "outer", attempt: 1, index: 0, value: "x" },
    ]);
    expect(scopes.map((scope) => [...scope.keys()])).toEqual([["b"], ["a", "inner"], ["outer"]]);
  });
});

describe("a while_loop", () => {
  const opened = begin(list(whileLoop("loop", [a]), b)).answer("loop", open(null));

  it("is asked before each iteration", () => {
    expect([opened.running, pendingChecks(opened.run)]).toEqual([[], [{ path: "loop", attempt: 1, index: 0 }]]);
    const told = opened.answer("loop", { type: "loop_checked", index: 0, more: true });
    expect([told.running, pendingChecks(told.run)]).toEqual([["loop[0].a"], []]);
    expect(pendingChecks(told.complete("loop[0].a").run)).toEqual([{ path: "loop", attempt: 1, index: 1 }]);
  });

  it("completes when it is told to stop", () => {
    const told = opened
      .answer("loop", { type: "loop_checked", index: 0, more: true })
      .complete("loop[0].a", 5)
      .answer("loop", { type: "loop_checked", index: 1, more: false });
    expect(told.running).toEqual(["b"]);
    expect(outputIn(told.run.blocks, "loop")).toEqual([[{ loop_value: 0, output_parameter: { key: "a_output" }, output_value: 5 }]]);
  });

  it("refuses the answer to a question that it does not ask", () => {
    const told = opened.answer("loop", { type: "loop_checked", index: 0, more: true });
    const repeated = (of: Told, index: number) =>
      transition(of.run, { type: "loop_checked", at: T0, path: "loop", attempt: 1, index, more: true }).ok;
    expect([repeated(told, 0), repeated(told, 1), repeated(told.complete("loop[0].a"), 0)]).toEqual([false, false, false]);
  });

  it("is not asked while the run is paused", () => {
    expect(pendingChecks(opened.apply({ type: "run_paused", at: T0 }).run)).toEqual([]);
  });

  it("fails when its question cannot be answered", () => {
    expect(opened.fail("loop", { message: "condition: no such name" }).run.status).toBe("failed");
  });
});

describe("the block at the end", () => {
  const ends: [string, (told: Told) => Told, { readonly status: RunStatus; readonly reason: string | null }][] = [
    ["completed", (told) => told.complete("a"), { status: "completed", reason: null }],
    ["failed", (told) => told.fail("a"), { status: "failed", reason: 'Block "a" (set) failed: no such element' }],
    [
      "terminated",
      (told) => told.answer("a", { type: "block_terminated", reason: "x" }),
      { status: "terminated", reason: 'Block "a" (set) ended the run: x' },
    ],
    ["canceled", (told) => told.cancel(), { status: "canceled", reason: "asked" }],
    [
      "timed_out",
      (told) => told.wake(T0 + 100_000),
      { status: "timed_out", reason: "The run was at work longer than its limit of 100 seconds." },
    ],
  ];

  it.each(ends)("runs after a run that is %s, which keeps its status and reason", (_status, end, result) => {
    const told = end(begin(withLast(a)));
    expect([told.run.status, told.running]).toEqual(["running", ["last"]]);
    expect(told.complete("last", 1).run).toMatchObject(result);
    expect(told.complete("last", 1).journal.filter(({ type }) => type === "run_ended")).toHaveLength(1);
  });

  it.each(ends)("decides by its failure only where the run was good: %s", (status, end, result) => {
    const failed = end(begin(withLast(a))).fail("last", { message: "no lock" });
    expect(failed.run).toMatchObject(status === "completed" ? { status: "failed", reason: 'Block "last" (set) failed: no lock' } : result);
  });

  it("cancels what is under way before it runs", () => {
    const told = begin(withLast(a)).cancel();
    expect(told.status("a")).toBe("canceled");
  });

  it("is tried again like any other", () => {
    const told = begin(withLast(a)).complete("a").fail("last", temporary);
    expect(told.wake(nextWakeAt(told.run)!).running).toEqual(["last #2"]);
  });

  it("may be a loop", () => {
    const told = begin(withLast(a, forLoop("last", [b])))
      .complete("a")
      .answer("last", open([1]));
    expect(told.running).toEqual(["last[0].b"]);
    expect(told.complete("last[0].b").run.status).toBe("completed");
  });

  it("is cut short when the run is canceled meanwhile", () => {
    const told = begin(withLast(a)).fail("a").cancel();
    expect([told.run.status, told.status("last")]).toEqual(["canceled", "canceled"]);
  });

  it("has no limit from the run", () => {
    const told = begin(withLast(a)).wake(T0 + 100_000);
    expect([nextWakeAt(told.run), whatIsDue(told.run, T0 + 10 ** 9)]).toEqual([null, []]);
  });

  it("does not run for a run that has not begun", () => {
    expect(created(withLast(a)).cancel().run).toMatchObject({ status: "canceled", startedAt: null });
  });

  it("runs when a run is canceled that waits for its next try", () => {
    const told = begin(planOf(1, [a, set("last")], { finally_block_label: "last", retry: { max_attempts: 2 } }))
      .fail("a")
      .cancel();
    expect([told.run.status, told.running]).toEqual(["running", ["last"]]);
    expect(told.complete("last").run).toMatchObject({ status: "canceled", startedAt: T0 });
  });
});

describe("a pause", () => {
  const pause = (told: Told, from: number, to: number): Told =>
    told.apply({ type: "run_paused", at: from }).apply({ type: "run_resumed", at: to });

  it("lets what is under way end, and starts nothing", () => {
    const told = begin(list(a, b)).apply({ type: "run_paused", at: T0 }).complete("a");
    expect([told.running, isPaused(told.run), nextWakeAt(told.run)]).toEqual([[], true, null]);
    expect(told.apply({ type: "run_resumed", at: T0 + 5 }).running).toEqual(["b"]);
  });

  it("shifts the end of a sleep, of a decision and of a wait before another attempt", () => {
    const plan = list(set("a", { retry: { max_attempts: 2, initial_seconds: 50 } }));
    for (const told of [
      begin(plan).answer("a", sleepUntil(T0 + 50_000)),
      begin(plan).answer("a", askUntil(T0 + 50_000)),
      begin(plan).fail("a", temporary),
    ]) {
      expect(nextWakeAt(pause(told, T0 + 10, T0 + 1_010).run)).toBe(T0 + 51_000);
    }
  });

  it("shifts them inside loops too", () => {
    const told = begin(list(forLoop("loop", [a])))
      .answer("loop", open([1]))
      .answer("loop[0].a", sleepUntil(T0 + 50));
    expect(nextWakeAt(pause(told, T0 + 10, T0 + 20).run)).toBe(T0 + 60);
  });

  it("shifts the limit of the run", () => {
    expect(nextWakeAt(pause(begin(list(a)), T0 + 10, T0 + 1_010).run)).toBe(T0 + 101_000);
  });

  it("owes nothing to time", () => {
    const told = begin(list(a))
      .answer("a", sleepUntil(T0 + 50))
      .apply({ type: "run_paused", at: T0 + 10 });
    expect([whatIsDue(told.run, T0 + 10 ** 9), nextWakeAt(told.run)]).toEqual([[], null]);
  });

  it("is over when the run is canceled", () => {
    expect(begin(withLast(a)).apply({ type: "run_paused", at: T0 }).cancel().running).toEqual(["last"]);
  });

  it("cannot begin while the block at the end runs", () => {
    expect(transition(begin(withLast(a)).complete("a").run, { type: "run_paused", at: T0 }).ok).toBe(false);
  });
});

describe("the time that a run may be at work", () => {
  /** When the time is over of a run whose last block is under way. */
  const limitOf = (told: Told): number | null => nextWakeAt(told.run);

  it("ends it", () => {
    const told = begin(list(a));
    expect([limitOf(told), whatIsDue(told.run, T0 + 99_999)]).toEqual([T0 + 100_000, []]);
    expect(told.wake(T0 + 100_000).run).toMatchObject({
      status: "timed_out",
      reason: "The run was at work longer than its limit of 100 seconds.",
    });
  });

  it("does not pass in a sleep", () => {
    const asleep = begin(list(a, b)).answer("a", sleepUntil(T0 + 500_000));
    expect(limitOf(asleep)).toBe(T0 + 500_000);
    expect(limitOf(asleep.wake(T0 + 500_000))).toBe(T0 + 600_000);
  });

  it("does not pass while a person or a child is waited for", () => {
    const waiting = begin(list(a, b)).answer("a", askUntil(null));
    expect(limitOf(waiting.answer("a", { type: "block_decided", approved: true }, T0 + 7_000))).toBe(T0 + 107_000);
  });

  it("does not pass before another attempt", () => {
    const told = begin(list(set("a", { retry: { max_attempts: 2, initial_seconds: 200 } }))).fail("a", temporary);
    expect(limitOf(told.wake(T0 + 200_000))).toBe(T0 + 300_000);
  });

  it("does not pass twice as slowly for two that sleep side by side", () => {
    const told = begin(planOf(3, [a, b, set("c", { depends_on: ["a", "b"] })]))
      .answer("a", sleepUntil(T0 + 10_000))
      .answer("b", sleepUntil(T0 + 20_000));
    expect(limitOf(told.wake(T0 + 10_000).wake(T0 + 20_000))).toBe(T0 + 120_000);
  });

  it("passes while one block sleeps and another is at work", () => {
    const told = begin(planOf(3, [a, b])).answer("a", sleepUntil(T0 + 10_000));
    expect(limitOf(told.wake(T0 + 10_000))).toBe(T0 + 100_000);
  });

  it("is not given twice for a pause in a sleep", () => {
    const asleep = begin(list(a, b))
      .answer("a", sleepUntil(T0 + 10_000))
      .apply({ type: "run_paused", at: T0 + 1_000 })
      .apply({ type: "run_resumed", at: T0 + 6_000 });
    expect(limitOf(asleep.wake(T0 + 15_000))).toBe(T0 + 115_000);
  });

  it("does not pass while the run waits for its next try", () => {
    const told = begin(planOf(1, [a], { retry: { max_attempts: 2, initial_seconds: 300 } })).fail("a", {}, T0 + 1_000);
    expect(limitOf(told.wake(T0 + 301_000))).toBe(T0 + 400_000);
  });
});

describe("another try at the whole run", () => {
  const plan = planOf(1, [a, set("b", { max_retries: 0 }), c], { retry: { max_attempts: 2, initial_seconds: 10 } });
  const failed = begin(plan).complete("a", 1).fail("b");

  it("comes after a wait, and keeps what completed", () => {
    expect([failed.run.status, nextWakeAt(failed.run)]).toEqual(["retrying", T0 + 10_000]);
    const told = failed.wake(T0 + 10_000);
    expect(told).toMatchObject({ run: { status: "running", runAttempt: 2 }, running: ["b #2"] });
    expect(outputsOf(told.complete("b", 2).complete("c", 3).run)).toEqual({ a_output: 1, b_output: 2, c_output: 3 });
  });

  it("does not come back to what was skipped", () => {
    const told = begin(plan)
      .answer("a", { type: "block_skipped", reason: "no" })
      .fail("b")
      .wake(T0 + 10_000);
    expect([told.status("a"), told.running]).toEqual(["skipped", ["b #2"]]);
  });

  it("is the last when its policy says so", () => {
    expect(failed.wake(T0 + 10_000).fail("b").run).toMatchObject({ status: "failed", runAttempt: 2 });
  });

  it("is not made after a run that ended in good order", () => {
    expect(begin(plan).answer("a", { type: "block_terminated", reason: "x" }).run.status).toBe("terminated");
  });

  it("counts attempts on, so that the late answer of an earlier try is refused", () => {
    const parallel = planOf(3, [a, b], { retry: { max_attempts: 2, initial_seconds: 10 } });
    const told = begin(parallel)
      .fail("a")
      .wake(T0 + 10_000);
    expect(told.running).toEqual(["a #2", "b #2"]);
    expect(transition(told.run, { type: "block_completed", at: T0, path: "b", attempt: 1, output: "late" }).ok).toBe(false);
  });
});

describe("a run that tries another again", () => {
  const kept = { if: { output: null, branch: 1 }, b: { output: 2, branch: null } };
  const plan = planOf(2, [conditional("if", ["a", "b"], { next_block_label: "c" }), a, b, c]);

  it("begins behind the blocks whose outputs it takes over", () => {
    const told = begin(plan, { retryOf: { runId: "wr_0", kept } });
    expect(told.running).toEqual(["c"]);
    expect(blockAt(told.run.blocks, "b")).toMatchObject({ status: "completed", kept: true, attempt: 0 });
    expect(outputsOf(told.complete("c", 3).run)).toMatchObject({ b_output: 2, c_output: 3 });
  });
});

describe("what wakes and holds a run", () => {
  it("is nothing once it is over", () => {
    const { run } = begin(list(a)).cancel();
    expect([nextWakeAt(run), whatIsDue(run, T0 + 10 ** 9), pendingChecks(run), isPaused(run), runningBlocks(run)]).toEqual([
      null,
      [],
      [],
      false,
      [],
    ]);
  });

  it("is nothing before it begins", () => {
    const { run } = created(list(a)).apply({ type: "run_queued", at: T0 });
    expect([nextWakeAt(run), whatIsDue(run, T0 + 10 ** 9), isPaused(run)]).toEqual([null, [], false]);
  });

  it("is the first of the times at which something is due", () => {
    const told = begin(planOf(3, [a, b, c]))
      .answer("a", sleepUntil(T0 + 30))
      .answer("b", sleepUntil(T0 + 20));
    expect(nextWakeAt(told.run)).toBe(T0 + 20);
    expect(whatIsDue(told.run, T0 + 30)).toMatchObject([{ type: "block_completed", path: "a", output: "slept" }, { path: "b" }]);
  });

  it("is not the end of a wait before another attempt when there is no room for it", () => {
    const plan = planOf(3, [set("a", { retry: { max_attempts: 2, initial_seconds: 10 } }), b], { max_parallel_blocks: 1 });
    const told = begin(plan).fail("a", temporary);
    expect([told.running, nextWakeAt(told.run)]).toEqual([["b"], T0 + 100_000]);
    expect(told.complete("b", null, T0 + 10_000).running).toEqual(["a #2"]);
  });

  it("is not people alone while another attempt will follow by itself", () => {
    const plan = planOf(3, [set("a", { retry: { max_attempts: 2 } }), b]);
    const waiting = begin(plan).answer("b", askUntil(null));
    expect(isPaused(waiting.run)).toBe(false);
    expect(isPaused(waiting.fail("a", temporary).run)).toBe(false);
    expect(isPaused(waiting.complete("a").run)).toBe(true);
  });

  it("is not people alone while a loop must be asked", () => {
    const told = begin(planOf(3, [whileLoop("loop", [a]), b]))
      .answer("b", askUntil(null))
      .answer("loop", open(null));
    expect(isPaused(told.run)).toBe(false);
  });

  it("leaves nothing live behind in a run that is over", () => {
    const told = begin(list(forLoop("loop", [a, b], { max_concurrency: 3 })))
      .answer("loop", open([1, 2, 3]))
      .complete("loop[0].a")
      .fail("loop[1].a", temporary)
      .cancel();
    expect([...walk(told.run.blocks)].map(({ path, block }) => `${path} ${block.status}`)).toEqual([
      "loop canceled",
      "loop[0].a completed",
      "loop[0].b canceled",
      "loop[1].a canceled",
      "loop[2].a canceled",
    ]);
  });
});
