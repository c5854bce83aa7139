import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockCatalog } from "../../blocks/registry.ts";
import { blockAt, type BlockState, hasEnded, isLive, iterationsOf, labelOf, walk } from "./block-state.ts";
import { isJsonObject, type Json } from "../json.ts";
import type { Plan } from "../workflow/plan.ts";
import { advance, cancellation, proceed, whatIsDue } from "./run-advance.ts";
import { outputIn, pendingChecks, runningBlocks, surroundings } from "./run-inspect.ts";
import { replay, transition } from "./run-transition.ts";
import { nextWakeAt } from "./run-wake.ts";
import { type BlockEvent, createRun, isFinal, type Run, type RunEvent, type RunFacts } from "./run.ts";
import {
  blocksOf,
  choices,
  definitionOf,
  itemsOf,
  outcomeAt,
  outputAt,
  type Program,
  programs,
  type Script,
  scripts,
} from "../testing/arbitraries.ts";
import { type Expected, interpret, Undetermined } from "../testing/reference-interpreter.ts";
import { RUN_FACTS } from "../testing/facts.ts";
import { checkDefinition } from "../workflow/check-definition.ts";

const facts: RunFacts = { ...RUN_FACTS, workflowTitle: "Random", maxSeconds: 1_000_000 };

function compile(program: Program): Plan {
  const checked = checkDefinition(definitionOf(program), blockCatalog);
  if (!checked.ok) throw new Error(`a random definition is not valid: ${JSON.stringify(checked.faults)}`);
  return checked.plan;
}

/** Who ends the run before it ends by itself, and in which turn of its history; null nobody. */
interface Cut {
  readonly by: "cancel" | "time" | null;
  readonly turn: number;
}

/** More turns than any of these runs needs. */
const MAX_TURNS = 3_000;

/** Plays the part of the shell: answers attempts as the script says, in an order and with faults that the choices decide. */
class History {
  readonly journal: RunEvent[] = [];
  run: Run;
  /** How the run was cut short, once it was. */
  cut: "canceled" | "timed_out" | null = null;
  readonly #blocks: ReturnType<typeof blocksOf>;
  readonly #script: Script;
  readonly #choices: readonly number[];
  #turn = 0;
  #now = 1_000;

  constructor(program: Program, script: Script, choices: readonly number[], cut: Cut) {
    this.#blocks = blocksOf(program);
    this.#script = script;
    this.#choices = choices;
    const created: RunEvent = { type: "run_created", at: this.#now, facts, plan: compile(program) };
    this.journal.push(created);
    this.run = createRun(created);
    if (this.#choose(2) === 1) this.apply({ type: "run_queued", at: this.#now });
    this.apply({ type: "run_started", at: this.#now });
    for (; !isFinal(this.run) && this.#turn < MAX_TURNS; this.#turn += 1) {
      if (cut.by !== null && this.cut === null && this.#turn >= cut.turn) this.#cutShort(cut.by);
      else this.#takeTurn();
    }
    // What comes after the end changes nothing.
    for (let late = 0; late < 3; late += 1) this.#repeat();
  }

  /** @returns was it accepted? */
  apply(event: RunEvent): boolean {
    const step = advance(this.run, event);
    if (!step.ok) return false;
    this.run = step.run;
    this.journal.push(...step.events);
    return true;
  }

  #takeTurn(): void {
    this.#now += 1 + this.#choose(50);
    const fault = this.#choose(12);
    if (fault === 0) return this.#repeat();
    if (fault === 1 && this.run.status === "running")
      return void this.apply({ type: this.run.pausedAt === null ? "run_paused" : "run_resumed", at: this.#now });
    const answers = this.#answers();
    const wake = nextWakeAt(this.run);
    const passes = fault === 2 || answers.length === 0;
    // The alarm may come late.
    const late = this.#choose(4) === 0 ? this.#choose(100_000) : 0;
    if (passes && wake !== null && this.#isWithinTime(wake)) return this.#wake(Math.max(wake, this.#now) + late);
    if (answers.length > 0) return void this.apply(answers[this.#choose(answers.length)]!);
    if (this.run.status === "running" && this.run.pausedAt !== null) return void this.apply({ type: "run_resumed", at: this.#now });
    throw new Error(`stranded: nothing is under way and nothing wakes the run\n${JSON.stringify(this.journal.slice(1))}`);
  }

  /** Is the wake-up for something else than the end of the time that the run may be at work? */
  #isWithinTime(wake: number): boolean {
    return this.run.status !== "running" || wake !== this.run.deadlineAt;
  }

  #wake(at: number): void {
    this.#now = at;
    for (const event of whatIsDue(this.run, at)) this.apply(event);
    const woken = proceed(this.run, at);
    this.run = woken.run;
    this.journal.push(...woken.events);
  }

  #cutShort(by: "cancel" | "time"): void {
    const { run } = this;
    if (by === "cancel") {
      this.cut = "canceled";
      this.apply(cancellation(run, this.#now, "asked"));
    } else if (run.status === "running" && run.ending === null && run.pausedAt === null && runningBlocks(run).length > 0) {
      this.cut = "timed_out";
      this.#wake(run.deadlineAt);
    } else {
      this.#takeTurn();
    }
  }

  /**
   * A repeat of what an attempt answered is refused, unless that attempt is under way again because the loop around it is. What has no attempt
   * (a branch that is not taken) nobody says: it follows from the plan.
   */
  #repeat(): void {
    const said = this.journal.filter(
      (event): event is BlockEvent => "path" in event && event.type !== "block_started" && event.attempt > 0,
    );
    const event = said[this.#choose(said.length)];
    if (event === undefined) return;
    const block = blockAt(this.run.blocks, event.path);
    const asked = event.type !== "loop_checked" || event.index === iterationsOf(block).length;
    for (const attempt of [event.attempt, event.attempt - 1]) {
      if (block === undefined || attempt < 0 || (isLive(block) && block.attempt === attempt && asked)) continue;
      expect(transition(this.run, { ...event, at: this.#now, attempt }).ok).toBe(false);
    }
  }

  /** Everything that may be said to the run now. */
  #answers(): RunEvent[] {
    const at = this.#now;
    const running = runningBlocks(this.run).map(({ path, attempt }) => this.#answer({ at, path, attempt }));
    const checks = pendingChecks(this.run).map(({ path, attempt, index }): RunEvent => {
      const loop = this.#blocks.get(labelOf(path))!;
      return { type: "loop_checked", at, path, attempt, index, more: loop.kind === "while_loop" && index < loop.rounds };
    });
    return [...running, ...checks, ...this.#decisions()];
  }

  #answer(to: { at: number; path: string; attempt: number }): RunEvent {
    const block = this.#blocks.get(labelOf(to.path))!;
    const outcome = outcomeAt(this.#script, block, to.path, to.attempt);
    switch (outcome.type) {
      case "skipped":
        return { type: "block_skipped", ...to, reason: "its condition" };
      case "terminated":
        return { type: "block_terminated", ...to, reason: "as it should" };
      case "slept":
        return { type: "block_slept", ...to, until: to.at + 1_000, output: outputAt(to.path, to.attempt) };
      case "child":
        return { type: "block_waiting", ...to, until: null, wait: { for: "child", runId: "wr_2" } };
      case "decision":
        return {
          type: "block_waiting",
          ...to,
          until: outcome.approved === null ? to.at + 1_000 : null,
          wait: { for: "decision", instructions: null, approve: "Yes", reject: "No" },
        };
      case "interrupted":
        return { type: "block_interrupted", ...to };
      case "failed":
        return {
          type: "block_failed",
          ...to,
          failure: { kind: outcome.kind, outcome: "failed", message: "as it should" },
          random: this.#choose(256) / 256,
        };
      case "completed":
        if (block.kind === "conditional")
          return { type: "block_completed", ...to, output: null, branch: outcome.pick % block.branches.length };
        if (block.kind === "while_loop") return { type: "loop_opened", ...to, items: null };
        if (block.kind === "step") return { type: "block_completed", ...to, output: outputAt(to.path, to.attempt) };
        if (block.items === 0 && !block.completeIfEmpty)
          return { type: "block_terminated", ...to, reason: "No iterable value found for the loop block" };
        return { type: "loop_opened", ...to, items: itemsOf(block.items) };
    }
  }

  #decisions(): RunEvent[] {
    return [...walk(this.run.blocks)].flatMap(({ path, block }): RunEvent[] => {
      if (block.status !== "waiting") return [];
      const to = { at: this.#now, path, attempt: block.attempt };
      const outcome = this.#script(path, block.attempt);
      if (block.wait.for === "child") return [{ type: "block_completed", ...to, output: outputAt(path, block.attempt) }];
      const approved = outcome.type === "decision" || outcome.type === "interrupted" ? outcome.approved : null;
      return approved === null ? [] : [{ type: "block_decided", ...to, approved }];
    });
  }

  /** The next of the choices, which begin again, other than before, when they are over. */
  #choose(below: number): number {
    this.#chosen += 1;
    const choice = this.#choices[this.#chosen % this.#choices.length]!;
    const mixed = Math.imul((choice + 1) * 0x9e3779b1 + this.#chosen, 0x85ebca6b) >>> 8;
    return (mixed ^ (mixed >>> 11)) % Math.max(1, below);
  }
  #chosen = 0;
}

/** What holds in every history, whatever the outcomes. */
function checkInvariants({ journal, run }: History): void {
  expect(replay(journal)).toEqual(run);
  expect(journal.filter(({ type }) => type === "run_ended")).toEqual([journal.at(-1)]);
  let current = createRun(journal[0] as RunEvent & { type: "run_created" });
  /** The last attempt that was started at each path; inner blocks begin anew with their loop. */
  const lastAttempt = new Map<string, number>();
  let [before, wasAtWork, workedMs] = [current.createdAt, false, 0];
  for (const event of journal.slice(1)) {
    if (event.type === "block_started") {
      mustBe(event.path, event.attempt, (lastAttempt.get(event.path) ?? 0) + 1);
      lastAttempt.set(event.path, event.attempt);
      for (const path of lastAttempt.keys()) if (path.startsWith(`${event.path}[`)) lastAttempt.delete(path);
      mustBe(event.path, isFree(current, event.path), true);
    } else if ("path" in event && event.attempt > 0) {
      mustBe(event.path, lastAttempt.get(event.path), event.attempt);
      mustBe(event.path, isLive(blockAt(current.blocks, event.path)), true);
    }
    const step = transition(current, event);
    if (!step.ok) throw new Error(`the journal has a ${step.reason} ${event.type}`);
    current = step.run;
    workedMs += wasAtWork ? event.at - before : 0;
    [before, wasAtWork] = [event.at, isAtWork(current)];
    if (current.status === "running") mustBe("time left", timeLeftMs(current, event.at), facts.maxSeconds * 1_000 - workedMs);
    mustBe("room", runningBlocks(current).length <= current.plan.maxParallelBlocks, true);
  }
  for (const { path, block } of walk(run.blocks)) mustBe(path, isLive(block), false);
}

function isAtWork(run: Run): boolean {
  return run.status === "running" && run.pausedAt === null && runningBlocks(run).length > 0;
}

function timeLeftMs(run: Run & { status: "running" }, now: number): number {
  return run.deadlineAt - (run.idleSince ?? now);
}

/** As `expect` does; which would take most of the time here. */
function mustBe(path: string, actual: unknown, wanted: unknown): void {
  if (actual !== wanted) expect({ path, value: actual }).toEqual({ path, value: wanted });
}

/** Has everything ended that this block comes after? */
function isFree(run: Run, path: string): boolean {
  const [scope] = surroundings(run, path).scopes;
  if (run.plan.mode === "dependencies") return run.plan.nodes[labelOf(path)]!.dependsOn.every(({ label }) => hasEnded(scope!.get(label)));
  return [...scope!].every(([label, block]) => label === labelOf(path) || hasEnded(block) || isOpenAgain(block));
}

/** In another try at the run a cursor comes later to what failed. */
function isOpenAgain(block: BlockState): boolean {
  return block.status === "pending";
}

function checkAgreement({ run }: History, expected: Expected): void {
  expect(run.status).toBe(expected.status);
  for (const [path, { certain, ...block }] of expected.blocks) if (certain) mustBe(path, blockAt(run.blocks, path)?.status, block.status);
  checkBlocks(run, expected);
}

/** What has ended has ended as it must; what is not expected has not begun. */
function checkBlocks(run: Run, expected: Expected): void {
  for (const { path, block } of walk(run.blocks)) {
    const want = expected.blocks.get(path);
    mustBe(path, want !== undefined, true);
    if (block.status === "canceled") continue;
    mustBe(path, block.status, want!.status);
    if (block.status !== "completed") continue;
    mustBe(path, block.branch, want!.branch);
    if (want!.output !== undefined) mustBe(path, JSON.stringify(inOrder(block.output)), JSON.stringify(inOrder(want!.output)));
  }
}

/** The outputs of an iteration stand in the order in which its blocks began, which depends on the order of answers. */
function inOrder(output: Json): Json {
  if (!Array.isArray(output))
    return isJsonObject(output) && output.output_value !== undefined ? { ...output, output_value: inOrder(output.output_value) } : output;
  return output.map(inOrder).toSorted((a, b) => keyOf(a).localeCompare(keyOf(b)));
}

function keyOf(entry: Json): string {
  return isJsonObject(entry) ? JSON.stringify(entry.output_parameter) : "";
}

function expectedOf(program: Program, script: Script): Expected | null {
  try {
    return interpret(program, script);
  } catch (error) {
    if (error instanceof Undetermined) return null;
    throw error;
  }
}

const HISTORIES = 10_000;
const TIMEOUT_MS = 120_000;

describe("random histories of random workflows", () => {
  it(
    "end as the reference interpreter says, whatever the order of answers and the faults on the way",
    () => {
      let determined = 0;
      fc.assert(
        fc.property(programs, scripts, choices, (program, script, chosen) => {
          const history = new History(program, script, chosen, { by: null, turn: 0 });
          checkInvariants(history);
          const expected = expectedOf(program, script);
          if (expected === null) return;
          determined += 1;
          checkAgreement(history, expected);
        }),
        { numRuns: HISTORIES },
      );
      expect(determined).toBeGreaterThan(0.9 * HISTORIES);
    },
    TIMEOUT_MS,
  );

  it(
    "that are cut short end as they were told to, after the block that runs at the end",
    () => {
      const cuts = fc.record({ by: fc.constantFrom("cancel" as const, "time" as const), turn: fc.nat(20) });
      fc.assert(
        fc.property(programs, scripts, choices, cuts, (program, script, chosen, cut) => {
          const history = new History(program, script, chosen, cut);
          checkInvariants(history);
          if (history.cut === null) return;
          expect(history.run.status).toBe(history.cut);
          const last = program.finally === null ? null : outputIn(history.run.blocks, program.finally.label);
          expect(last).not.toBe(undefined);
          const expected = program.runAttempts === 1 ? expectedOf(program, script) : null;
          if (expected !== null) checkBlocks(history.run, expected);
        }),
        { numRuns: HISTORIES / 5 },
      );
    },
    TIMEOUT_MS,
  );
});
