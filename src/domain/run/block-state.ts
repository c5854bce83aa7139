/**
 * What is known of the blocks of a run. Blocks stand in scopes: the outermost list, and one for every iteration of a loop. A block's place is its
 * path: `login`, `orders[3].open`, `orders[3].lines[0].read`.
 */
import type { RunId } from "../id.ts";
import type { Json } from "../json.ts";
import type { BlockFailure, Tries } from "../recovery.ts";

/** The blocks of one scope by their labels. A label that is not there has not begun. */
export type Scope = ReadonlyMap<string, BlockState>;

export type BlockState = PendingBlock | RunningBlock | SleepingBlock | WaitingBlock | LoopingBlock | EndedBlock;

export interface PendingBlock {
  readonly status: "pending";
  readonly tries: Tries;
  /** When it may start again after a failure; null when it may start. */
  readonly notBefore: number | null;
  /** The failure that it is tried again after. */
  readonly failure: BlockFailure | null;
}

interface Begun {
  readonly tries: Tries;
  /** From 1. */
  readonly attempt: number;
  readonly startedAt: number;
}

export interface RunningBlock extends Begun {
  readonly status: "running";
}

/** Asleep until a time; it then completes with `output`. */
export interface SleepingBlock extends Begun {
  readonly status: "sleeping";
  readonly since: number;
  readonly until: number;
  readonly output: Json;
}

/** Waits for an answer from outside. */
export interface WaitingBlock extends Begun {
  readonly status: "waiting";
  readonly since: number;
  /** When it gives up; null never. */
  readonly until: number | null;
  readonly wait: Wait;
}
export interface QuestionMail {
  readonly to: readonly string[];
  readonly replyTo: string | null;
  readonly subject: string | null;
  /** What stands above the links; null for the instructions. */
  readonly body: string | null;
}
export type Wait =
  /** A person decides; what they are told, and what the two answers are called. */
  | {
      readonly for: "decision";
      readonly instructions: string | null;
      readonly approve: string;
      readonly reject: string;
      /** Whom the question is mailed to; left out for nobody. */
      readonly mail?: QuestionMail;
    }
  /** A person decides whether a block is run again whose outcome is unknown. */
  | { readonly for: "interruption" }
  /** A child run ends. */
  | { readonly for: "child"; readonly runId: RunId };

/** A loop that has begun. */
export interface LoopingBlock extends Begun {
  readonly status: "looping";
  /** What it goes over; null for a loop that asks before each iteration. */
  readonly items: readonly Json[] | null;
  readonly iterations: readonly Iteration[];
  /** How many iterations a `while_loop` may begin, as far as it has asked; `done` when it was told to stop. */
  readonly granted: number;
  readonly done: boolean;
}

export interface Iteration {
  readonly value: Json;
  readonly blocks: Scope;
  /** `abandoned`: a block failed and the loop went on with the next. */
  readonly status: "running" | "completed" | "abandoned" | "failed" | "terminated";
  /** Of a `failed` or `terminated` iteration. */
  readonly reason: string | null;
}

interface Ended {
  /** 0 when it never began. */
  readonly attempt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Of a loop. */
  readonly iterations?: readonly Iteration[];
  /** The run that it waited for at the end. */
  readonly childRunId?: string;
}

export type EndedBlock =
  | (Ended & {
      readonly status: "completed";
      readonly output: Json;
      /** Which branch a conditional took; null for other blocks, and when no branch led anywhere. */
      readonly branch: number | null;
      /** Was it taken over from the run that this one retries? */
      readonly kept: boolean;
    })
  | (Ended & { readonly status: "failed"; readonly failure: BlockFailure })
  | (Ended & { readonly status: "terminated"; readonly reason: string })
  | (Ended & { readonly status: "skipped"; readonly reason: string })
  | (Ended & { readonly status: "canceled" });

export function hasEnded(block: BlockState | undefined): block is EndedBlock {
  switch (block?.status) {
    case "completed":
    case "failed":
    case "terminated":
    case "skipped":
    case "canceled":
      return true;
    default:
      return false;
  }
}

/** Is it somewhere between its start and its end, so that the end of the run cuts it short? */
export function isLive(block: BlockState | undefined): block is RunningBlock | SleepingBlock | WaitingBlock | LoopingBlock {
  return block !== undefined && block.status !== "pending" && !hasEnded(block);
}

/** Iterations of one loop, of either kind. */
export const MAX_ITERATIONS = 1_000;

/** One step of a path: a block, and in which iteration when it is a loop on the way. */
export interface PathStep {
  readonly label: string;
  readonly index: number | null;
}

/** @throws when the text is not a path */
export function parsePath(path: string): PathStep[] {
  return path.split(".").map((part) => {
    const match = /^([^[\]]+)(?:\[(\d+)\])?$/u.exec(part);
    if (!match) throw new Error(`not the path of a block: ${path}`);
    return { label: match[1]!, index: match[2] === undefined ? null : Number(match[2]) };
  });
}

/** The label of the block that a path leads to. */
export function labelOf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1).replace(/\[\d+\]$/, "");
}

/** The path of a block in an iteration of the loop at `loopPath`. */
export function pathIn(loopPath: string, index: number, label: string): string {
  return `${loopPath}[${index}].${label}`;
}

/** @returns undefined when the block has not begun, or its iteration does not exist */
export function blockAt(root: Scope, path: string): BlockState | undefined {
  let scope: Scope | undefined = root;
  let block: BlockState | undefined;
  for (const { label, index } of parsePath(path)) {
    block = scope?.get(label);
    scope = index === null ? undefined : iterationsOf(block)[index]?.blocks;
  }
  return block;
}

export function iterationsOf(block: BlockState | undefined): readonly Iteration[] {
  if (block === undefined) return [];
  return "iterations" in block ? (block.iterations ?? []) : [];
}

/** Every block with its path, loops before what is in them. */
export function* walk(scope: Scope, prefix = ""): Generator<{ path: string; block: BlockState }> {
  for (const [label, block] of scope) {
    const path = prefix + label;
    yield { path, block };
    for (const [index, iteration] of iterationsOf(block).entries()) yield* walk(iteration.blocks, `${path}[${index}].`);
  }
}

/** Every block that has begun and not ended, with its path. It leaves out iterations that are over: after each event of a long loop it is walked again. */
export function* walkOpen(scope: Scope, prefix = ""): Generator<{ path: string; block: Exclude<BlockState, EndedBlock> }> {
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

/** Does it wait for its run's turn to have a browser? */
export function awaitsBrowser(block: BlockState): boolean {
  return block.status === "pending" && block.failure?.waitsFor === "browser";
}

/** Is an attempt under way, and not only something asleep? */
export function isAtWork(scope: Scope): boolean {
  for (const { block } of walkOpen(scope)) if (block.status === "running") return true;
  return false;
}

/** Changes every block at any depth, the inner ones first. */
export function mapBlocks(scope: Scope, change: (block: BlockState) => BlockState): Scope {
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

export function mayBegin(loop: LoopingBlock, index: number): boolean {
  return loop.items === null ? index < loop.granted : index < loop.items.length;
}

export function awaitsCheck(loop: LoopingBlock): boolean {
  return (
    loop.items === null &&
    !loop.done &&
    loop.iterations.length === loop.granted &&
    loop.iterations.every(({ status }) => status !== "running" && status !== "failed" && status !== "terminated")
  );
}
