/**
 * The whole life of a run, without I/O: what happened (events), what that makes of the run (`transition`), and what follows from it by itself
 * (`advance`). The journal is the list of events; a run is nothing but their fold.
 */
import type { OrganizationId, RunId, WorkflowId, WorkflowVersionId } from "./id.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import type { Plan, PlanNode } from "./plan.ts";
import { outputName } from "./workflow.ts";

/** How long a run may take when its organization has no other limit, in seconds. */
export const RUN_MAX_SECONDS = 3_600;
/** How often one block is started again because the service died during it. */
export const MAX_INTERRUPTIONS = 5;

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
  /** How long it may be at work; time asleep does not count. */
  readonly maxSeconds: number;
  /** How many runs of the organization may be at work at once. */
  readonly slotLimit: number;
}

export const FINAL_STATUSES = ["completed", "failed", "canceled", "timed_out"] as const;
export type FinalStatus = (typeof FINAL_STATUSES)[number];

export type Run = RunBase &
  (
    | { readonly status: "created" }
    | { readonly status: "queued"; readonly queuedAt: number }
    | { readonly status: "running"; readonly queuedAt: number | null; readonly startedAt: number; readonly deadlineAt: number }
    | {
        readonly status: FinalStatus;
        readonly queuedAt: number | null;
        /** Null when it ended before it began. */
        readonly startedAt: number | null;
        readonly finishedAt: number;
        /** Null for `completed`. */
        readonly reason: string | null;
      }
  );
export type RunStatus = Run["status"];

interface RunBase {
  readonly facts: RunFacts;
  readonly plan: Plan;
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly blocks: ReadonlyMap<string, BlockState>;
}

/** What is known of one block. Attempts are counted from 1. */
export type BlockState =
  | { readonly status: "pending"; readonly attempts: number; readonly interruptions: number }
  | { readonly status: "running"; readonly attempt: number; readonly interruptions: number; readonly startedAt: number }
  | {
      readonly status: "sleeping";
      readonly attempt: number;
      readonly startedAt: number;
      readonly sleptAt: number;
      readonly until: number;
      readonly output: Json;
    }
  | {
      readonly status: "completed";
      readonly attempt: number;
      readonly startedAt: number;
      readonly finishedAt: number;
      readonly output: Json;
    }
  | {
      readonly status: "failed";
      readonly attempt: number;
      readonly startedAt: number;
      readonly finishedAt: number;
      readonly failure: BlockFailure;
    }
  | {
      readonly status: "skipped";
      readonly attempt: number;
      readonly startedAt: number;
      readonly finishedAt: number;
      readonly reason: string;
    }
  | { readonly status: "canceled"; readonly attempt: number; readonly startedAt: number; readonly finishedAt: number };

/** Why a block failed. `outcome: "unknown"` means that nobody can tell whether the attempt took effect. */
export interface BlockFailure {
  readonly kind: "temporary" | "block" | "resource" | "interrupted" | "timeout" | "unknown";
  readonly message: string;
  readonly outcome: "failed" | "unknown";
}

/** A row of the journal. `at` is in milliseconds since the epoch. */
export type RunEvent =
  | { readonly type: "run_created"; readonly at: number; readonly facts: RunFacts; readonly plan: Plan }
  | { readonly type: "run_queued"; readonly at: number }
  | { readonly type: "run_started"; readonly at: number }
  | ({ readonly type: "block_started" } & Attempt)
  | ({ readonly type: "block_slept"; readonly until: number; readonly output: Json } & Attempt)
  | ({ readonly type: "block_completed"; readonly output: Json } & Attempt)
  | ({ readonly type: "block_skipped"; readonly reason: string } & Attempt)
  | ({ readonly type: "block_failed"; readonly failure: BlockFailure } & Attempt)
  | ({ readonly type: "block_interrupted" } & Attempt)
  | { readonly type: "run_completed"; readonly at: number }
  | { readonly type: "run_failed"; readonly at: number; readonly reason: string }
  | { readonly type: "run_canceled"; readonly at: number; readonly reason: string }
  | { readonly type: "run_timed_out"; readonly at: number; readonly reason: string };

interface Attempt {
  readonly at: number;
  readonly label: string;
  readonly attempt: number;
}
export type BlockEvent = Extract<RunEvent, Attempt>;

/** `stale`: the event answers something that is over, or repeats what was said. `finished`: the run has ended; first final status wins. */
export type Step = { readonly ok: true; readonly run: Run } | { readonly ok: false; readonly reason: "stale" | "finished" };

/** What one event makes of a run. The same run and event always give the same step. */
export function transition(run: Run, event: RunEvent): Step {
  if (isFinal(run)) return { ok: false, reason: "finished" };
  switch (event.type) {
    case "run_created":
      return STALE;
    case "run_queued":
      return run.status === "created" ? moved(run, event.at, { status: "queued", queuedAt: event.at }) : STALE;
    case "run_started": {
      if (run.status === "running") return STALE;
      const queuedAt = run.status === "queued" ? run.queuedAt : null;
      return moved(run, event.at, { status: "running", queuedAt, startedAt: event.at, deadlineAt: event.at + run.facts.maxSeconds * 1000 });
    }
    case "run_completed":
      return run.status === "running" ? ended(run, event.at, "completed", null) : STALE;
    case "run_failed":
      return ended(run, event.at, "failed", event.reason);
    case "run_canceled":
      return ended(run, event.at, "canceled", event.reason);
    case "run_timed_out":
      return run.status === "running" ? ended(run, event.at, "timed_out", event.reason) : STALE;
    default:
      return run.status === "running" ? blockStep(run, event) : STALE;
  }
}

/** A run from the first row of its journal. */
export function createRun(event: Extract<RunEvent, { type: "run_created" }>): Run {
  const blocks = new Map<string, BlockState>();
  for (const { label } of event.plan.nodes) blocks.set(label, { status: "pending", attempts: 0, interruptions: 0 });
  return { status: "created", facts: event.facts, plan: event.plan, createdAt: event.at, modifiedAt: event.at, blocks };
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

/**
 * Applies an event and all that follows from it at the same moment: blocks that may now start, the end of the run.
 * @returns the events to write, the given one first; they go into the journal together
 */
export function advance(run: Run, event: RunEvent): { ok: true; run: Run; events: readonly RunEvent[] } | (Step & { ok: false }) {
  const first = transition(run, event);
  if (!first.ok) return first;
  const events = [event];
  let current = first.run;
  for (let following = whatFollows(current, event.at); following.length > 0; following = whatFollows(current, event.at)) {
    for (const next of following) {
      const step = transition(current, next);
      if (!step.ok) throw new Error(`what follows must apply: ${next.type} is ${step.reason}`);
      current = step.run;
      events.push(next);
    }
  }
  return { ok: true, run: current, events };
}

/** What the passing of time brings: sleeping blocks that are due, and the run's deadline. */
export function whatIsDue(run: Run, now: number): RunEvent[] {
  if (run.status !== "running") return [];
  if (run.deadlineAt <= now && isAtWork(run))
    return [{ type: "run_timed_out", at: now, reason: `The run took longer than its limit of ${run.facts.maxSeconds} seconds.` }];
  const due: RunEvent[] = [];
  for (const [label, block] of run.blocks) {
    if (block.status === "sleeping" && block.until <= now) {
      due.push({ type: "block_completed", at: now, label, attempt: block.attempt, output: block.output });
    }
  }
  return due;
}

/** When the run must be woken next for time alone; null when nothing is due by itself. */
export function nextWakeAt(run: Run): number | null {
  if (run.status !== "running") return null;
  let wake = isAtWork(run) ? run.deadlineAt : Infinity;
  for (const block of run.blocks.values()) if (block.status === "sleeping") wake = Math.min(wake, block.until);
  return wake === Infinity ? null : wake;
}

/** Is a block running, and not only asleep? The run's time is counted while it is. */
function isAtWork(run: Run): boolean {
  return [...run.blocks.values()].some(({ status }) => status === "running");
}

export function isFinal(run: Run): run is Extract<Run, { status: FinalStatus }> {
  return (FINAL_STATUSES as readonly string[]).includes(run.status);
}

/** Blocks of which an attempt is under way, by label. */
export function runningBlocks(run: Run): { label: string; attempt: number }[] {
  return [...run.blocks].flatMap(([label, block]) => (block.status === "running" ? [{ label, attempt: block.attempt }] : []));
}

/** The output of a block as expressions see it: null when it was skipped or failed, undefined when it has not ended. */
export function outputOf(run: Run, label: string): Json | undefined {
  const block = run.blocks.get(label);
  if (block?.status === "completed") return block.output;
  return block?.status === "skipped" || block?.status === "failed" ? null : undefined;
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

// ---------------------------------------------------------------------------------------------------------------

const STALE = { ok: false, reason: "stale" } as const;

type RunState = Run extends infer R ? (R extends Run ? Omit<R, keyof RunBase> : never) : never;

function moved(run: Run, at: number, state: RunState, blocks: ReadonlyMap<string, BlockState> = run.blocks): Step {
  const { facts, plan, createdAt } = run;
  return { ok: true, run: { facts, plan, createdAt, modifiedAt: at, blocks, ...state } };
}

function ended(run: Run, at: number, status: FinalStatus, reason: string | null): Step {
  const blocks = new Map<string, BlockState>();
  for (const [label, block] of run.blocks) {
    const live = block.status === "running" || block.status === "sleeping";
    blocks.set(label, live ? { status: "canceled", attempt: block.attempt, startedAt: block.startedAt, finishedAt: at } : block);
  }
  const queuedAt = "queuedAt" in run ? run.queuedAt : null;
  return moved(run, at, { status, queuedAt, startedAt: run.status === "running" ? run.startedAt : null, finishedAt: at, reason }, blocks);
}

function blockStep(run: Run & { status: "running" }, event: BlockEvent): Step {
  const block = run.blocks.get(event.label);
  const node = run.plan.nodes.find(({ label }) => label === event.label);
  const next = block && node && nextBlockState(block, node, event);
  if (!next) return STALE;
  const { status, queuedAt, startedAt } = run;
  const asleep = block.status === "sleeping" && !isAtWork(run) ? event.at - block.sleptAt : 0;
  return moved(
    run,
    event.at,
    { status, queuedAt, startedAt, deadlineAt: run.deadlineAt + asleep },
    new Map(run.blocks).set(event.label, next),
  );
}

/** @returns undefined when the event does not fit the block's live attempt */
function nextBlockState(block: BlockState, node: PlanNode, event: BlockEvent): BlockState | undefined {
  const { attempt, at } = event;
  if (event.type === "block_started") {
    if (block.status !== "pending" || attempt !== block.attempts + 1) return undefined;
    return { status: "running", attempt, interruptions: block.interruptions, startedAt: at };
  }
  if ((block.status !== "running" && block.status !== "sleeping") || attempt !== block.attempt) return undefined;
  const times = { attempt, startedAt: block.startedAt, finishedAt: at };
  if (event.type === "block_completed") return { status: "completed", ...times, output: event.output };
  if (block.status === "sleeping") return undefined;
  switch (event.type) {
    case "block_slept":
      return { status: "sleeping", attempt, startedAt: block.startedAt, sleptAt: at, until: event.until, output: event.output };
    case "block_skipped":
      return { status: "skipped", ...times, reason: event.reason };
    case "block_failed":
      return { status: "failed", ...times, failure: event.failure };
    case "block_interrupted": {
      const interruptions = block.interruptions + 1;
      if (node.onInterrupted === "retry" && interruptions <= MAX_INTERRUPTIONS)
        return { status: "pending", attempts: attempt, interruptions };
      return { status: "failed", ...times, failure: interruptedFailure(node, interruptions) };
    }
  }
}

function interruptedFailure(node: PlanNode, interruptions: number): BlockFailure {
  if (node.onInterrupted === "retry") {
    return {
      kind: "interrupted",
      outcome: "failed",
      message: `Given up: the service was interrupted ${interruptions} times while this block ran.`,
    };
  }
  return {
    kind: "interrupted",
    outcome: "unknown",
    message:
      "Outcome unknown: the service was interrupted while this block ran, and it is not safe to run twice. " +
      `Look whether it took effect; a block that may be repeated says so with "on_interrupted": "retry".`,
  };
}

/** The events that a run brings about by itself at this moment. Empty when it waits for an answer, for time, or is over. */
function whatFollows(run: Run, at: number): RunEvent[] {
  if (run.status !== "running") return [];
  let [running, open] = [0, 0];
  for (const node of run.plan.nodes) {
    const block = run.blocks.get(node.label)!;
    if (block.status === "failed" && !node.continueOnFailure) {
      return [{ type: "run_failed", at, reason: `Block "${node.label}" (${node.blockType}) failed: ${block.failure.message}` }];
    }
    if (block.status === "running" || block.status === "sleeping") running += 1;
    if (!hasEnded(block)) open += 1;
  }
  if (open === 0) return [{ type: "run_completed", at }];
  return run.plan.nodes
    .filter((node) => run.blocks.get(node.label)!.status === "pending" && node.dependsOn.every((label) => hasEnded(run.blocks.get(label)!)))
    .slice(0, Math.max(0, run.plan.maxParallelBlocks - running))
    .map((node) => {
      const block = run.blocks.get(node.label)!;
      return { type: "block_started", at, label: node.label, attempt: block.status === "pending" ? block.attempts + 1 : 1 };
    });
}

function hasEnded(block: BlockState): boolean {
  return block.status !== "pending" && block.status !== "running" && block.status !== "sleeping";
}
