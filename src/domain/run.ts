/**
 * The whole life of a run, without I/O: what happened (events), what one event makes of a run (`transition`), and what follows from it by itself
 * (`advance`). The journal is the list of events; a run is nothing but their fold.
 */
import {
  blockAt,
  type BlockState,
  type EndedBlock,
  hasEnded,
  isLive,
  type Iteration,
  type LoopingBlock,
  parsePath,
  pathIn,
  type PathStep,
  type Scope,
  type Wait,
} from "./block-state.ts";
import type { OrganizationId, RunId, WorkflowId, WorkflowVersionId } from "./id.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { outputName } from "./names.ts";
import type { Plan, PlanNode } from "./plan.ts";
import { backoff, type BlockFailure, countFailure, decideRecovery, NO_TRIES, OUTCOME_UNKNOWN } from "./recovery.ts";

/** What was decided before the run began and never changes. */
export interface RunFacts {
  readonly runId: RunId;
  readonly organizationId: OrganizationId;
  readonly workflowPermanentId: WorkflowId;
  readonly workflowId: WorkflowVersionId;
  readonly version: number;
  readonly workflowTitle: string;
  /** Converted to the types that the workflow declares. */
  readonly parameters: JsonObject;
  /** The request as it was sent, which the API echoes. */
  readonly request: JsonObject;
  readonly webhookUrl: string | null;
  /** Hosts that the organization may reach though the guard would refuse them. */
  readonly allowedHosts: readonly string[];
  /** How long it may be at work; time asleep, waiting or paused does not count. */
  readonly maxSeconds: number;
  /** What the gate is told. A child has none: it shares its parent's slot. */
  readonly admission: {
    readonly limit: number;
    readonly priority: number;
    /** Runs with the same key come one after the other. */ readonly sequentialKey: string | null;
  } | null;
  /** The address of the API as its caller sees it, for links. */
  readonly apiOrigin: string;
  /** The run whose `workflow_trigger` started this one and waits for it. */
  readonly parent: { readonly runId: RunId; readonly path: string; readonly depth: number } | null;
  /** The run that this one tries again, and the outputs taken over from it, by label. */
  readonly retryOf: {
    readonly runId: RunId;
    readonly kept: Readonly<Record<string, { readonly output: Json; readonly branch: number | null }>>;
  } | null;
}

export const FINAL_STATUSES = ["completed", "failed", "terminated", "canceled", "timed_out"] as const;
export type FinalStatus = (typeof FINAL_STATUSES)[number];

export function isFinalStatus(status: string): status is FinalStatus {
  return (FINAL_STATUSES as readonly string[]).includes(status);
}

/** How long a run may be at work when neither its workflow nor its organization says otherwise, in seconds. */
export const RUN_MAX_SECONDS = 3_600;

/** How a run ends, once what is to run at the end has run. */
export interface Ending {
  readonly status: FinalStatus;
  /** Null for `completed`. */
  readonly reason: string | null;
}

export type Run = RunBase &
  (
    | { readonly status: "created" }
    | { readonly status: "queued"; readonly queuedAt: number }
    | (Started & {
        readonly status: "running";
        /** When the time that it may be at work is over, as far as it has been at work until now. */
        readonly deadlineAt: number;
        /** Since when it has not been at work; null while it is. */
        readonly idleSince: number | null;
        readonly pausedAt: number | null;
        /** Decided, and only the block that runs at the end is left. */
        readonly ending: Ending | null;
      })
    /** Failed, and tried again by the workflow's own policy. */
    | (Started & {
        readonly status: "retrying";
        readonly until: number;
        readonly deadlineAt: number;
        readonly idleSince: number;
        readonly reason: string;
      })
    | (Ending & {
        readonly status: FinalStatus;
        readonly queuedAt: number | null;
        /** Null when it ended before it began. */
        readonly startedAt: number | null;
        readonly finishedAt: number;
      })
  );
export type RunStatus = Run["status"];

interface RunBase {
  readonly facts: RunFacts;
  readonly plan: Plan;
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly blocks: Scope;
  /** Which try at the whole run this is, from 1. */
  readonly runAttempt: number;
}
interface Started {
  readonly queuedAt: number | null;
  readonly startedAt: number;
}
type ActiveRun = Extract<Run, { status: "running" }>;

/** A row of the journal. `at` is in milliseconds since the epoch. */
export type RunEvent =
  | { readonly type: "run_created"; readonly at: number; readonly facts: RunFacts; readonly plan: Plan }
  | { readonly type: "run_queued"; readonly at: number }
  | { readonly type: "run_started"; readonly at: number }
  | { readonly type: "run_paused"; readonly at: number }
  | { readonly type: "run_resumed"; readonly at: number }
  | { readonly type: "run_retrying"; readonly at: number; readonly until: number; readonly reason: string }
  | ({ readonly type: "run_ending"; readonly at: number } & Ending)
  | ({ readonly type: "run_ended"; readonly at: number } & Ending)
  | ({ readonly type: "block_started" } & Attempt)
  | ({ readonly type: "block_slept"; readonly until: number; readonly output: Json } & Attempt)
  | ({ readonly type: "block_waiting"; readonly until: number | null; readonly wait: Wait } & Attempt)
  | ({ readonly type: "block_decided"; readonly approved: boolean } & Attempt)
  | ({ readonly type: "block_completed"; readonly output: Json; readonly branch?: number } & Attempt)
  | ({ readonly type: "block_skipped"; readonly reason: string } & Attempt)
  | ({
      readonly type: "block_failed";
      readonly failure: BlockFailure;
      /** 0 to 1: the jitter of the wait before another attempt. */ readonly random: number;
    } & Attempt)
  | ({ readonly type: "block_terminated"; readonly reason: string } & Attempt)
  | ({ readonly type: "block_interrupted" } & Attempt)
  | ({
      readonly type: "loop_opened";
      /** Null for a loop that asks before each iteration. */ readonly items: readonly Json[] | null;
    } & Attempt)
  | ({ readonly type: "loop_checked"; readonly index: number; readonly more: boolean } & Attempt)
  | ({ readonly type: "loop_completed" } & Attempt);

interface Attempt {
  readonly at: number;
  readonly path: string;
  readonly attempt: number;
}
export type BlockEvent = Extract<RunEvent, Attempt>;

/** `stale`: the event answers something that is over, or repeats what was said. `finished`: the run has ended; first final status wins. */
export type Step = { readonly ok: true; readonly run: Run } | { readonly ok: false; readonly reason: "stale" | "finished" };

/** A run from the first row of its journal. */
export function createRun(event: Extract<RunEvent, { type: "run_created" }>): Run {
  const { facts, plan, at } = event;
  const kept = Object.entries(facts.retryOf?.kept ?? {}).map(([label, { output, branch }]): [string, BlockState] => [
    label,
    { status: "completed", attempt: 0, startedAt: at, finishedAt: at, output, branch, kept: true },
  ]);
  return { status: "created", facts, plan, createdAt: at, modifiedAt: at, blocks: new Map(kept), runAttempt: 1 };
}

/** What one event makes of a run. The same run and event always give the same step. */
export function transition(run: Run, event: RunEvent): Step {
  if (isFinal(run)) return { ok: false, reason: "finished" };
  const step = apply(run, event);
  return step.ok && step.run.status === "running" ? { ok: true, run: keepTime(step.run, event.at) } : step;
}

function apply(run: Exclude<Run, { status: FinalStatus }>, event: RunEvent): Step {
  const { at } = event;
  switch (event.type) {
    case "run_created":
      return STALE;
    case "run_queued":
      return run.status === "created" ? moved(run, at, { status: "queued", queuedAt: at }) : STALE;
    case "run_started":
      return started(run, at);
    case "run_paused":
      return run.status === "running" && run.pausedAt === null && run.ending === null
        ? moved(run, at, { ...active(run), pausedAt: at })
        : STALE;
    case "run_resumed":
      return run.status === "running" && run.pausedAt !== null ? resumed(run, run.pausedAt, at) : STALE;
    case "run_retrying": {
      if (run.status !== "running" || run.ending !== null) return STALE;
      const { until, reason } = event;
      const { queuedAt, startedAt, deadlineAt, idleSince } = run;
      const again = { status: "retrying", queuedAt, startedAt, deadlineAt, idleSince: idleSince ?? at, until, reason } as const;
      return moved(run, at, again, { blocks: forRetry(run.plan, run.blocks), runAttempt: run.runAttempt + 1 });
    }
    case "run_ending": {
      if (!mayBringToEnd(run)) return STALE;
      const { queuedAt, startedAt, deadlineAt, idleSince } = run;
      const ending = { status: event.status, reason: event.reason };
      return moved(
        run,
        at,
        { status: "running", queuedAt, startedAt, deadlineAt, idleSince, pausedAt: null, ending },
        { blocks: cutShort(run.blocks, at) },
      );
    }
    case "run_ended": {
      const times = {
        queuedAt: "queuedAt" in run ? run.queuedAt : null,
        startedAt: "startedAt" in run ? run.startedAt : null,
        finishedAt: at,
      };
      return moved(run, at, { status: event.status, reason: event.reason, ...times }, { blocks: cutShort(run.blocks, at) });
    }
    default:
      return run.status === "running" ? blockStep(run, event) : STALE;
  }
}

/** A run from its whole journal. @throws when the journal is not one that `advance` wrote */
export function replay(events: Iterable<RunEvent>): Run | null {
  let run: Run | null = null;
  for (const event of events) {
    if (run === null) {
      if (event.type !== "run_created") throw new Error(`a journal begins with run_created, not ${event.type}`);
      run = createRun(event);
      continue;
    }
    const step = transition(run, event);
    if (!step.ok) throw new Error(`the journal has a ${step.reason} ${event.type}`);
    run = step.run;
  }
  return run;
}

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

/** When the run must be woken next for time alone; null when nothing is due by itself. */
export function nextWakeAt(run: Run): number | null {
  if (run.status === "retrying") return run.until;
  if (run.status !== "running" || run.pausedAt !== null) return null;
  let wake = run.ending === null && run.idleSince === null ? run.deadlineAt : Infinity;
  // Where all room is taken, the answer that makes room wakes the run.
  const hasRoom = runningBlocks(run).length < run.plan.maxParallelBlocks;
  for (const { block } of walkOpen(run.blocks)) {
    if (block.status === "sleeping" || block.status === "waiting") wake = Math.min(wake, block.until ?? Infinity);
    if (block.status === "pending" && hasRoom) wake = Math.min(wake, block.notBefore ?? Infinity);
  }
  return wake === Infinity ? null : wake;
}

/** Canceling lets the block at the end run, once; a run that has not begun, or is at that block already, ends at once. */
export function cancellation(run: Run, at: number, reason: string): RunEvent {
  const lastBlockFirst = mayBringToEnd(run) && run.plan.finallyLabel !== null;
  return { type: lastBlockFirst ? "run_ending" : "run_ended", at, status: "canceled", reason };
}

/** Has it begun, and is its end not decided? */
function mayBringToEnd(run: Run): run is Extract<Run, { status: "running" | "retrying" }> {
  return run.status === "retrying" || (run.status === "running" && run.ending === null);
}

export function isFinal(run: Run): run is Extract<Run, { status: FinalStatus }> {
  return isFinalStatus(run.status);
}

/** Attempts that are under way. */
export function runningBlocks(run: Run): { path: string; attempt: number }[] {
  return [...walkOpen(run.blocks)].flatMap(({ path, block }) => (block.status === "running" ? [{ path, attempt: block.attempt }] : []));
}

/** Loops that must be asked whether they go on. The asking changes nothing outside, so it may be repeated. */
export function pendingChecks(run: Run): { path: string; attempt: number; index: number }[] {
  if (run.status !== "running" || run.pausedAt !== null) return [];
  return [...walkOpen(run.blocks)].flatMap(({ path, block }) =>
    block.status === "looping" && awaitsCheck(block) ? [{ path, attempt: block.attempt, index: block.iterations.length }] : [],
  );
}

/** A loop around a block, and where it is. */
export interface LoopAround {
  readonly label: string;
  readonly attempt: number;
  readonly value: Json;
  readonly index: number;
}

/** Where a block stands: the values of its loops from the innermost to the outermost, and the scopes whose outputs it sees in that order. */
export function surroundings(run: Run, path: string): { loops: LoopAround[]; scopes: Scope[] } {
  const [loops, scopes]: [LoopAround[], Scope[]] = [[], [run.blocks]];
  for (const { label, index } of parsePath(path)) {
    const block = scopes[0]?.get(label);
    if (index === null || block === undefined || !("iterations" in block)) break;
    const iteration = block.iterations?.[index];
    loops.unshift({ label, attempt: block.attempt, index, value: iteration === undefined ? index : iteration.value });
    scopes.unshift(iteration?.blocks ?? new Map());
  }
  return { loops, scopes };
}

/**
 * Changes when what a block started before is over: after a failure of the block, when a loop around it is opened again, and with another try at
 * the run. An interruption changes nothing: what it had started is still meant.
 */
export function generationOf(run: Run, path: string): string {
  const { loops } = surroundings(run, path);
  const block = blockAt(run.blocks, path);
  const failures = block !== undefined && "tries" in block ? block.tries.failures : 0;
  return [run.runAttempt, ...loops.map(({ attempt }) => attempt), failures].join(".");
}

/** The output of a block as expressions see it: null when it was skipped or failed, undefined when it has not ended. */
export function outputIn(scope: Scope, label: string): Json | undefined {
  const block = scope.get(label);
  if (block?.status === "completed") return block.output;
  return hasEnded(block) ? null : undefined;
}

/** Skyvern's `output` of a run: each block's under `<label>_output`, and every `extracted_information` in order. */
export function outputsOf(run: Run): JsonObject {
  const outputs: Record<string, Json> = {};
  const extracted: Json[] = [];
  for (const [label, block] of run.blocks) {
    if (block.status !== "completed") continue;
    outputs[outputName(label)] = block.output;
    if (isJsonObject(block.output) && block.output.extracted_information != null) extracted.push(block.output.extracted_information);
  }
  return extracted.length > 0 ? { ...outputs, extracted_information: extracted } : outputs;
}

/** Is the run held by people only: paused by one, or waiting for one and doing nothing else? */
export function isPaused(run: Run): boolean {
  if (run.status !== "running") return false;
  if (run.pausedAt !== null) return true;
  const open = [...walkOpen(run.blocks)]
    .map(({ block }) => block)
    .filter((block) => {
      if (block.status === "pending") return block.notBefore !== null;
      return block.status === "looping" ? awaitsCheck(block) : isLive(block);
    });
  return open.length > 0 && open.every((block) => block.status === "waiting" && block.wait.for !== "child");
}

// ----------------------------------------------------------------------------------------------------- transition

const STALE = { ok: false, reason: "stale" } as const;

type RunState = Run extends infer R ? (R extends Run ? Omit<R, keyof RunBase> : never) : never;

function moved(run: Run, at: number, state: RunState, more: { blocks?: Scope; runAttempt?: number } = {}): Step {
  const { facts, plan, createdAt, blocks, runAttempt } = run;
  return { ok: true, run: { facts, plan, createdAt, modifiedAt: at, blocks, runAttempt, ...more, ...state } };
}

function active({ queuedAt, startedAt, deadlineAt, idleSince, pausedAt, ending }: ActiveRun): Omit<ActiveRun, keyof RunBase> {
  return { status: "running", queuedAt, startedAt, deadlineAt, idleSince, pausedAt, ending };
}

/** The run's time passes only while an attempt is under way, and not while the run is paused. */
function keepTime(run: ActiveRun, at: number): ActiveRun {
  const passes = run.pausedAt === null && isAtWork(run.blocks);
  if (passes === (run.idleSince === null)) return run;
  if (run.idleSince === null) return { ...run, idleSince: at };
  return { ...run, deadlineAt: run.deadlineAt + (at - run.idleSince), idleSince: null };
}

function started(run: Run, at: number): Step {
  if (run.status === "running" || isFinal(run)) return STALE;
  const fresh = { status: "running", pausedAt: null, ending: null } as const;
  if (run.status === "retrying") {
    const { queuedAt, startedAt, deadlineAt, idleSince } = run;
    return moved(run, at, { ...fresh, queuedAt, startedAt, deadlineAt, idleSince });
  }
  return moved(run, at, {
    ...fresh,
    queuedAt: run.status === "queued" ? run.queuedAt : null,
    startedAt: at,
    deadlineAt: at + run.facts.maxSeconds * 1000,
    idleSince: at,
  });
}

/** Every time that was ahead is as far ahead as it was when the run was paused. */
function resumed(run: ActiveRun, pausedAt: number, at: number): Step {
  const shift = at - pausedAt;
  const blocks = mapBlocks(run.blocks, (block) => {
    if (block.status === "sleeping") return { ...block, until: block.until + shift };
    if (block.status === "waiting" && block.until !== null) return { ...block, until: block.until + shift };
    if (block.status === "pending" && block.notBefore !== null) return { ...block, notBefore: block.notBefore + shift };
    return block;
  });
  return moved(run, at, { ...active(run), pausedAt: null }, { blocks });
}

/** What is under way is canceled, and so is what waits for another attempt. */
function cutShort(scope: Scope, at: number): Scope {
  return mapBlocks(scope, (block) => {
    if (isLive(block)) {
      const iterations = block.status === "looping" ? { iterations: block.iterations } : {};
      return { status: "canceled", attempt: block.attempt, startedAt: block.startedAt, finishedAt: at, ...iterations };
    }
    if (block.status === "pending" && block.tries.attempts > 0)
      return { status: "canceled", attempt: block.tries.attempts, startedAt: at, finishedAt: at };
    return block;
  });
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

/** Before another try at the run: what did not complete, and was not let pass, is open again. Its attempts go on counting, so that a late answer stays late. */
function forRetry(plan: Plan, scope: Scope): Scope {
  return new Map(
    [...scope].map(([label, block]): [string, BlockState] => {
      const letPass = (block.status === "failed" || block.status === "terminated") && plan.nodes[label]?.continueOnFailure === true;
      if (block.status === "completed" || (block.status === "skipped" && block.attempt > 0) || letPass) return [label, block];
      const attempts = block.status === "pending" ? block.tries.attempts : block.attempt;
      return [label, { status: "pending", tries: { ...NO_TRIES, attempts }, notBefore: null, failure: null }];
    }),
  );
}

/** Changes every block at any depth, the inner ones first. */
function mapBlocks(scope: Scope, change: (block: BlockState) => BlockState): Scope {
  return new Map(
    [...scope].map(([label, block]) => {
      if (block.status !== "looping") return [label, change(block)];
      const iterations = block.iterations.map((iteration) =>
        iteration.status === "running" ? { ...iteration, blocks: mapBlocks(iteration.blocks, change) } : iteration,
      );
      return [label, change({ ...block, iterations })];
    }),
  );
}

function blockStep(run: ActiveRun, event: BlockEvent): Step {
  const steps = parsePath(event.path);
  const blocks = changeAt(run.plan, run.blocks, steps, event);
  return blocks === null ? STALE : moved(run, event.at, active(run), { blocks });
}

/** @returns null when the event does not fit what is there */
function changeAt(plan: Plan, scope: Scope, [step, ...rest]: readonly PathStep[], event: BlockEvent): Scope | null {
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

function mayBegin(loop: LoopingBlock, index: number): boolean {
  return loop.items === null ? index < loop.granted : index < loop.items.length;
}

function awaitsCheck(loop: LoopingBlock): boolean {
  return (
    loop.items === null &&
    !loop.done &&
    loop.iterations.length === loop.granted &&
    loop.iterations.every(({ status }) => status !== "running" && status !== "failed" && status !== "terminated")
  );
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
  const ended = { attempt, startedAt: block.startedAt, finishedAt: at, ...iterationsCutShort(block, at) };
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

// ------------------------------------------------------------------------------------------------ what follows

type Outcome =
  | { readonly status: "completed" }
  | { readonly status: "failed" | "terminated"; readonly label: string; readonly reason: string };

interface Progress {
  /** Labels of blocks that may start. */
  readonly ready: readonly string[];
  /** Labels of blocks on branches that were not taken. */
  readonly untaken: readonly string[];
  /** How the scope ended; null while it goes on. */
  readonly outcome: Outcome | null;
}

function progressOf(plan: Plan, labels: readonly string[], scope: Scope, now: number): Progress {
  return plan.mode === "cursor" ? followCursor(plan, labels[0] ?? null, scope, now) : followDependencies(plan, labels, scope, now);
}

function followCursor(plan: Plan, first: string | null, scope: Scope, now: number): Progress {
  for (let at = first; at !== null;) {
    const [node, block] = [plan.nodes[at]!, scope.get(at)];
    if (!hasEnded(block)) return { ready: mayStart(block, now) ? [at] : [], untaken: [], outcome: null };
    const outcome = badOutcome(node, block);
    if (outcome !== null) return { ready: [], untaken: [], outcome };
    const branch = block.status === "completed" && block.branch !== null ? (node.branches?.[block.branch] ?? null) : null;
    at = branch ?? node.next;
  }
  return { ready: [], untaken: [], outcome: { status: "completed" } };
}

function followDependencies(plan: Plan, labels: readonly string[], scope: Scope, now: number): Progress {
  const [ready, untaken]: [string[], string[]] = [[], []];
  let open = 0;
  for (const label of labels) {
    const [node, block] = [plan.nodes[label]!, scope.get(label)];
    if (hasEnded(block)) {
      const outcome = badOutcome(node, block);
      if (outcome !== null) return { ready: [], untaken: [], outcome };
      continue;
    }
    open += 1;
    if (isLive(block) || !node.dependsOn.every((dependency) => hasEnded(scope.get(dependency.label)))) continue;
    if (isUntaken(plan, node, scope)) untaken.push(label);
    else if (mayStart(block, now)) ready.push(label);
  }
  return { ready, untaken, outcome: open === 0 ? { status: "completed" } : null };
}

/** Is it the target of branches, and of none that was taken? */
function isUntaken(plan: Plan, node: PlanNode, scope: Scope): boolean {
  const conditionals = node.dependsOn.filter(({ reason }) => reason === "branch");
  return (
    conditionals.length > 0 &&
    conditionals.every(({ label }) => {
      const block = scope.get(label);
      return block?.status !== "completed" || block.branch === null || plan.nodes[label]?.branches?.[block.branch] !== node.label;
    })
  );
}

function mayStart(block: BlockState | undefined, now: number): boolean {
  return block === undefined || (block.status === "pending" && (block.notBefore === null || block.notBefore <= now));
}

/** How a block that ended badly ends what is around it; null when that goes on. */
function badOutcome(node: PlanNode, block: BlockState): Outcome | null {
  if (node.continueOnFailure) return null;
  if (block.status === "failed")
    return { status: "failed", label: node.label, reason: `Block "${node.label}" (${node.blockType}) failed: ${block.failure.message}` };
  if (block.status === "terminated")
    return { status: "terminated", label: node.label, reason: `Block "${node.label}" (${node.blockType}) ended the run: ${block.reason}` };
  return null;
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

/** Is an attempt under way, and not only something asleep? */
function isAtWork(scope: Scope): boolean {
  for (const { block } of walkOpen(scope)) if (block.status === "running") return true;
  return false;
}

/** Every block that has begun and not ended, with its path. It leaves out iterations that are over: after each event of a long loop it is walked again. */
function* walkOpen(scope: Scope, prefix = ""): Generator<{ path: string; block: Exclude<BlockState, EndedBlock> }> {
  for (const [label, block] of scope) {
    if (hasEnded(block)) continue;
    const path = prefix + label;
    yield { path, block };
    if (block.status !== "looping") continue;
    for (const [index, iteration] of block.iterations.entries()) {
      if (iteration.status === "running") yield* walkOpen(iteration.blocks, pathIn(path, index, ""));
    }
  }
}
