import {
  awaitsCheck,
  type BlockState,
  hasEnded,
  isLive,
  type Iteration,
  type LoopingBlock,
  mapBlocks,
  mayBegin,
  type PathStep,
  type Scope,
} from "./block-state.ts";
import type { Json } from "../json.ts";
import { outputName } from "../workflow/names.ts";
import type { Plan, PlanNode } from "../workflow/plan.ts";
import { type BlockFailure, countFailure, decideRecovery, NO_TRIES, OUTCOME_UNKNOWN } from "../recovery.ts";
import type { BlockEvent } from "./run.ts";
import { progressOf } from "./run-progress.ts";

/** @returns null when the event does not fit what is there */
export function changeAt(plan: Plan, scope: Scope, [step, ...rest]: readonly PathStep[], event: BlockEvent): Scope | null {
  if (step === undefined) return null;
  const node = plan.nodes[step.label];
  const block = scope.get(step.label);
  if (node === undefined) return null;
  if (rest.length === 0) {
    const next = step.index === null ? nextBlockState(block, node, event) : null;
    return next === null ? null : new Map(scope).set(step.label, next);
  }
  if (block?.status !== "looping" || step.index === null) return null;
  const iteration = block.iterations[step.index] ?? newIteration(block, step.index);
  if (iteration?.status !== "running") return null;
  const inner = changeAt(plan, iteration.blocks, rest, event);
  if (inner === null) return null;
  const iterations = [...block.iterations];
  iterations[step.index] = settleIteration(plan, node, { ...iteration, blocks: inner }, event.at);
  return new Map(scope).set(step.label, { ...block, iterations });
}

function newIteration(loop: LoopingBlock, index: number): Iteration | undefined {
  if (index !== loop.iterations.length || !mayBegin(loop, index)) return undefined;
  return { value: loop.items?.[index] ?? (loop.items === null ? index : null), blocks: new Map(), status: "running", reason: null };
}

/** Ends an iteration when its blocks have come to an end. */
function settleIteration(plan: Plan, loop: PlanNode, iteration: Iteration, at: number): Iteration {
  const { outcome } = progressOf(plan, loop.body ?? [], iteration.blocks, at);
  if (outcome === null) return iteration;
  if (outcome.status === "completed") return { ...iteration, status: "completed" };
  const goesOn = loop.nextLoopOnFailure || plan.nodes[outcome.label]?.nextLoopOnFailure === true;
  return { ...iteration, blocks: cutShort(iteration.blocks, at), status: goesOn ? "abandoned" : outcome.status, reason: outcome.reason };
}

function nextBlockState(block: BlockState | undefined, node: PlanNode, event: BlockEvent): BlockState | null {
  const { attempt, at } = event;
  if (block === undefined || block.status === "pending") {
    const tries = block?.tries ?? NO_TRIES;
    if (event.type === "block_started" && attempt === tries.attempts + 1) {
      return { status: "running", tries: { ...tries, attempts: attempt }, attempt, startedAt: at };
    }
    const untaken = event.type === "block_skipped" && attempt === 0 && tries.attempts === 0;
    return untaken ? { status: "skipped", attempt: 0, startedAt: at, finishedAt: at, reason: event.reason } : null;
  }
  if (hasEnded(block) || attempt !== block.attempt || event.type === "block_started") return null;
  const ended = { attempt, startedAt: block.startedAt, finishedAt: at, ...iterationsCutShort(block, at), ...childOf(block) };
  const begun = { tries: block.tries, attempt, startedAt: block.startedAt };
  switch (event.type) {
    case "block_completed":
      return block.status === "looping"
        ? null
        : { status: "completed", ...ended, output: event.output, branch: event.branch ?? null, kept: false };
    case "block_failed":
      return afterFailure(block, node, event.failure, event.random, at);
    case "block_terminated":
      return { status: "terminated", ...ended, reason: event.reason };
    case "block_decided":
      return block.status === "waiting" ? decided(block, event.approved, at) : null;
    case "block_interrupted":
      return block.status === "running" ? afterFailure(block, node, OUTCOME_UNKNOWN, 0, at) : null;
    case "block_skipped":
      return block.status === "running" ? { status: "skipped", ...ended, reason: event.reason } : null;
    case "block_slept":
      return block.status === "running" ? { status: "sleeping", ...begun, since: at, until: event.until, output: event.output } : null;
    case "block_waiting":
      return block.status === "running" ? { status: "waiting", ...begun, since: at, until: event.until, wait: event.wait } : null;
    case "loop_opened":
      return block.status === "running"
        ? { status: "looping", ...begun, items: event.items, iterations: [], granted: 0, done: false }
        : null;
    case "loop_checked":
      if (block.status !== "looping" || !awaitsCheck(block) || event.index !== block.iterations.length) return null;
      return event.more ? { ...block, granted: block.granted + 1 } : { ...block, done: true };
    case "loop_completed":
      return block.status === "looping"
        ? { status: "completed", ...ended, output: loopOutput(block, node.body ?? []), branch: null, kept: false }
        : null;
  }
}

function afterFailure(
  block: Exclude<BlockState, { status: "pending" }>,
  node: PlanNode,
  failure: BlockFailure,
  random: number,
  at: number,
): BlockState | null {
  if (hasEnded(block)) return null;
  const tries = countFailure(block.tries, failure.kind);
  const recovery = decideRecovery(failure, node, tries, random);
  const begun = { tries, attempt: block.attempt, startedAt: block.startedAt };
  switch (recovery.action) {
    case "retry":
      return { status: "pending", tries, notBefore: recovery.delayMs > 0 ? at + recovery.delayMs : null, failure };
    case "ask":
      return { status: "waiting", ...begun, since: at, until: null, wait: { for: "interruption" } };
    case "give_up":
      return {
        status: "failed",
        attempt: block.attempt,
        startedAt: block.startedAt,
        finishedAt: at,
        failure: recovery.failure,
        ...iterationsCutShort(block, at),
        ...childOf(block),
      };
  }
}

function decided(block: BlockState & { status: "waiting" }, approved: boolean, at: number): BlockState | null {
  const ended = { attempt: block.attempt, startedAt: block.startedAt, finishedAt: at };
  switch (block.wait.for) {
    case "decision":
      if (approved) return { status: "completed", ...ended, output: { approved: true }, branch: null, kept: false };
      return { status: "terminated", ...ended, reason: "Rejected." };
    case "interruption":
      if (approved) return { status: "pending", tries: block.tries, notBefore: null, failure: OUTCOME_UNKNOWN };
      return { status: "failed", ...ended, failure: OUTCOME_UNKNOWN };
    case "child":
      return null;
  }
}

/** What is under way is canceled, and so is what waits for another attempt. */
export function cutShort(scope: Scope, at: number): Scope {
  return mapBlocks(scope, (block) => {
    if (isLive(block)) {
      const iterations = block.status === "looping" ? { iterations: block.iterations } : {};
      return { status: "canceled", attempt: block.attempt, startedAt: block.startedAt, finishedAt: at, ...iterations, ...childOf(block) };
    }
    if (block.status === "pending" && block.tries.attempts > 0)
      return { status: "canceled", attempt: block.tries.attempts, startedAt: at, finishedAt: at };
    return block;
  });
}

/** Of a block that ends while it waits for a run. */
function childOf(block: BlockState): { childRunId?: string } {
  return block.status === "waiting" && block.wait.for === "child" ? { childRunId: block.wait.runId } : {};
}

/** Of a loop that ends: nothing in it goes on. */
function iterationsCutShort(block: BlockState, at: number): { iterations?: readonly Iteration[] } {
  if (block.status !== "looping") return {};
  return {
    iterations: block.iterations.map((iteration) =>
      iteration.status === "running" ? { ...iteration, blocks: cutShort(iteration.blocks, at) } : iteration,
    ),
  };
}

/** Skyvern's output of a loop: for each iteration, what its blocks gave. */
function loopOutput(loop: LoopingBlock, body: readonly string[]): Json {
  return loop.iterations.map(({ value, blocks }) =>
    body.flatMap((label) => {
      const block = blocks.get(label);
      return block?.status === "completed"
        ? [{ loop_value: value, output_parameter: { key: outputName(label) }, output_value: block.output }]
        : [];
    }),
  );
}
