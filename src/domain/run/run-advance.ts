import { type BlockState, hasEnded, type LoopingBlock, mayBegin, pathIn, type Scope, walkOpen } from "./block-state.ts";
import type { Plan, PlanNode } from "../workflow/plan.ts";
import { backoff, type BlockFailure } from "../recovery.ts";
import { type ActiveRun, type Ending, isFinal, mayBringToEnd, type Run, type RunEvent, type Step } from "./run.ts";
import { runningBlocks } from "./run-inspect.ts";
import { badOutcome, mayStart, progressOf } from "./run-progress.ts";
import { transition } from "./run-transition.ts";

/** What is written together: the events, and the run that they make. */
export interface Advance {
  readonly run: Run;
  readonly events: readonly RunEvent[];
}

/** Applies an event and all that follows from it at the same moment: blocks that may now start, iterations, the end of the run. */
export function advance(run: Run, event: RunEvent): (Advance & { ok: true }) | (Step & { ok: false }) {
  const first = transition(run, event);
  if (!first.ok) return first;
  const { run: reached, events } = proceed(first.run, event.at);
  return { ok: true, run: reached, events: [event, ...events] };
}

/** What follows at this moment by itself, for instance when the wait before another attempt is over. */
export function proceed(run: Run, now: number): Advance {
  const events: RunEvent[] = [];
  let current = run;
  for (let following = whatFollows(current, now); following.length > 0; following = whatFollows(current, now)) {
    // What ends goes first and alone, for it may cut short what would start.
    const end = following.find(({ type }) => type !== "block_started");
    for (const next of end === undefined ? following : [end]) {
      const step = transition(current, next);
      if (!step.ok) throw new Error(`what follows must apply: ${next.type} is ${step.reason}`);
      current = step.run;
      events.push(next);
    }
  }
  return { run: current, events };
}

/** The events that the passing of time brings. */
export function whatIsDue(run: Run, now: number): RunEvent[] {
  if (run.status === "retrying") return run.until <= now ? [{ type: "run_started", at: now }] : [];
  if (run.status !== "running" || run.pausedAt !== null) return [];
  if (run.ending === null && run.idleSince === null && run.deadlineAt <= now) {
    return [
      {
        type: "run_ending",
        at: now,
        status: "timed_out",
        reason: `The run was at work longer than its limit of ${run.facts.maxSeconds} seconds.`,
      },
    ];
  }
  const due: RunEvent[] = [];
  for (const { path, block } of walkOpen(run.blocks)) {
    if (block.status === "sleeping" && block.until <= now)
      due.push({ type: "block_completed", at: now, path, attempt: block.attempt, output: block.output });
    if (block.status === "waiting" && block.until !== null && block.until <= now) {
      const failure: BlockFailure = {
        kind: "block",
        outcome: "failed",
        message: `Nobody decided within ${Math.round((block.until - block.since) / 1000)} seconds.`,
      };
      due.push({ type: "block_failed", at: now, path, attempt: block.attempt, failure, random: 0 });
    }
  }
  return due;
}

/** Canceling lets the block at the end run, once; a run that has not begun, or is at that block already, ends at once. */
export function cancellation(run: Run, at: number, reason: string): RunEvent {
  const lastBlockFirst = mayBringToEnd(run) && run.plan.finallyLabel !== null;
  return { type: lastBlockFirst ? "run_ending" : "run_ended", at, status: "canceled", reason };
}

/** The events that a run brings about by itself at this moment. Empty when it waits for an answer, for time, or is over. */
function whatFollows(run: Run, now: number): RunEvent[] {
  if (run.status === "created" || run.status === "queued" || run.status === "retrying" || isFinal(run) || run.pausedAt !== null) return [];
  const free = run.plan.maxParallelBlocks - runningBlocks(run).length;
  if (run.ending !== null) return whatFollowsEnding(run, run.ending, now, free);
  const { outcome } = progressOf(run.plan, run.plan.root, run.blocks, now);
  if (outcome === null) return startsIn(run.plan, run.plan.root, run.blocks, "", now, free);
  if (outcome.status === "failed" && run.runAttempt < run.plan.retry.maxAttempts) {
    return [{ type: "run_retrying", at: now, until: now + backoff(run.plan.retry, run.runAttempt, 0.5), reason: outcome.reason }];
  }
  const ending: Ending = { status: outcome.status, reason: outcome.status === "completed" ? null : outcome.reason };
  return [{ type: run.plan.finallyLabel === null ? "run_ended" : "run_ending", at: now, ...ending }];
}

/** Its block at the end has the last word only where nothing else went wrong. */
function whatFollowsEnding(run: ActiveRun, ending: Ending, now: number, free: number): RunEvent[] {
  const label = run.plan.finallyLabel;
  const node = label === null ? undefined : run.plan.nodes[label];
  if (label === null || node === undefined) return [{ type: "run_ended", at: now, ...ending }];
  const block = run.blocks.get(label);
  if (block?.status === "looping") return loopEvents(run.plan, node, block, label, now, free);
  if (!hasEnded(block)) return mayStart(block, now) ? [startOf(block, label, now)] : [];
  const outcome = badOutcome(node, block);
  const last: Ending =
    ending.status === "completed" && outcome !== null && outcome.status !== "completed"
      ? { status: outcome.status, reason: outcome.reason }
      : ending;
  return [{ type: "run_ended", at: now, ...last }];
}

/** Blocks of a scope that may start, and what the loops in it bring about. */
function startsIn(plan: Plan, labels: readonly string[], scope: Scope, prefix: string, now: number, free: number): RunEvent[] {
  const { ready, untaken } = progressOf(plan, labels, scope, now);
  const events: RunEvent[] = untaken.map((label) => ({
    type: "block_skipped",
    at: now,
    path: prefix + label,
    attempt: 0,
    reason: "Its branch was not taken.",
  }));
  for (const label of ready.slice(0, Math.max(0, free))) events.push(startOf(scope.get(label), prefix + label, now));
  for (const label of labels) {
    const block = scope.get(label);
    if (block?.status === "looping")
      events.push(...loopEvents(plan, plan.nodes[label]!, block, prefix + label, now, free - countStarts(events)));
  }
  return events;
}

function startOf(block: BlockState | undefined, path: string, at: number): RunEvent {
  return { type: "block_started", at, path, attempt: block?.status === "pending" ? block.tries.attempts + 1 : 1 };
}

function countStarts(events: readonly RunEvent[]): number {
  return events.filter(({ type }) => type === "block_started").length;
}

function loopEvents(plan: Plan, node: PlanNode, loop: LoopingBlock, path: string, at: number, free: number): RunEvent[] {
  const attempt = { at, path, attempt: loop.attempt };
  const bad = loop.iterations.findIndex(({ status }) => status === "failed" || status === "terminated");
  if (bad >= 0) {
    const { status, reason } = loop.iterations[bad]!;
    const message = `Iteration ${bad}: ${reason ?? status}`;
    if (status === "terminated") return [{ type: "block_terminated", ...attempt, reason: message }];
    return [{ type: "block_failed", ...attempt, failure: { kind: "block", outcome: "failed", message }, random: 0 }];
  }
  const body = node.body ?? [];
  const events: RunEvent[] = [];
  let running = 0;
  for (const [index, iteration] of loop.iterations.entries()) {
    if (iteration.status !== "running") continue;
    running += 1;
    events.push(...startsIn(plan, body, iteration.blocks, pathIn(path, index, ""), at, free - countStarts(events)));
  }
  let next = loop.iterations.length;
  for (; running < node.maxConcurrency && mayBegin(loop, next) && countStarts(events) < free; next += 1, running += 1) {
    events.push(...startsIn(plan, body, new Map(), pathIn(path, next, ""), at, free - countStarts(events)));
  }
  const over = running === 0 && !mayBegin(loop, next) && (loop.items !== null || loop.done);
  return over ? [{ type: "loop_completed", ...attempt }] : events;
}
