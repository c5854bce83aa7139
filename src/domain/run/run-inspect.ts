/** What is asked of a run: what it is at work on, what its blocks see, what it has given. */
import { awaitsBrowser, awaitsCheck, blockAt, type BlockState, hasEnded, isLive, parsePath, type Scope, walkOpen } from "./block-state.ts";
import type { RunId } from "../id.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { outputName } from "../workflow/names.ts";
import type { Run } from "./run.ts";

/** Attempts that are under way. */
export function runningBlocks(run: Run): { path: string; attempt: number }[] {
  return [...walkOpen(run.blocks)].flatMap(({ path, block }) => (block.status === "running" ? [{ path, attempt: block.attempt }] : []));
}

/** Does one of its blocks wait for its turn to have a browser? */
export function waitsForBrowser(run: Run): boolean {
  for (const { block } of walkOpen(run.blocks)) if (awaitsBrowser(block)) return true;
  return false;
}

/** The runs whose end blocks wait for. */
export function childrenAwaited(run: Run): { path: string; attempt: number; runId: RunId }[] {
  if (run.status !== "running") return [];
  return [...walkOpen(run.blocks)].flatMap(({ path, block }) =>
    block.status === "waiting" && block.wait.for === "child" ? [{ path, attempt: block.attempt, runId: block.wait.runId }] : [],
  );
}

/** Loops that must be asked whether they go on. The asking changes nothing outside, so it may be repeated. */
export function pendingChecks(run: Run): { path: string; attempt: number; index: number }[] {
  if (run.status !== "running" || run.pausedAt !== null) return [];
  return [...walkOpen(run.blocks)].flatMap(({ path, block }) =>
    block.status === "looping" && awaitsCheck(block) ? [{ path, attempt: block.attempt, index: block.iterations.length }] : [],
  );
}

/** What a person is asked. @param path which block; null when only one asks @returns null when nothing is asked there, or several do */
export function questionOf(run: Run, path: string | null): { path: string; attempt: number } | null {
  const asked = [...walkOpen(run.blocks)].flatMap(({ path: at, block }) =>
    block.status === "waiting" && block.wait.for !== "child" && (path === null || path === at)
      ? [{ path: at, attempt: block.attempt }]
      : [],
  );
  return asked.length === 1 ? (asked[0] ?? null) : null;
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

/** What a label means in expressions: what is known of the block, and the fields of its output. Undefined when it has not ended. */
export function blockValueIn(run: Run, scope: Scope, label: string): JsonObject | undefined {
  const output = outputIn(scope, label);
  const block = scope.get(label);
  return output === undefined || block === undefined ? undefined : blockValue(run, label, block.status, output, reasonOf(block));
}

/** The same for a block that was passed by, on a branch that was not taken: what a skipped one has. */
export function passedByValue(run: Run, label: string): JsonObject {
  return blockValue(run, label, "skipped", null, null);
}

/** Skyvern's: its own fields give way to the output's, and `output` is the extracted information where there is some. */
function blockValue(run: Run, label: string, status: string, output: Json, reason: string | null): JsonObject {
  const fields = isJsonObject(output) ? output : {};
  return {
    label,
    block_type: run.plan.nodes[label]?.blockType ?? null,
    status,
    failure_reason: reason,
    ...fields,
    output: fields.extracted_information ?? output,
  };
}

function reasonOf(block: BlockState): string | null {
  if (block.status === "failed") return block.failure.message;
  return block.status === "skipped" || block.status === "terminated" ? block.reason : null;
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
