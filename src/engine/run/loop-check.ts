import { labelOf, MAX_ITERATIONS } from "../../domain/run/block-state.ts";
import { ExpressionError } from "../../domain/expression.ts";
import type { BlockEvent, Run } from "../../domain/run/run.ts";
import { type AttemptPlace, eventOf, failed } from "../attempt/answer.ts";
import { isTrue } from "../attempt/execute-block.ts";
import { conditionScopeOf } from "../attempt/run-scope.ts";

/** A loop that is asked whether it goes on: for the iteration of this number, from 0. */
export interface LoopCheck extends AttemptPlace {
  readonly index: number;
}

/** Asks a loop whether it goes on. The asking changes nothing outside. @returns null when the run has no such block */
export function checkLoop(run: Run, { path, attempt, index }: LoopCheck, at: number): BlockEvent | null {
  const node = run.plan.nodes[labelOf(path)];
  if (node === undefined) return null;
  try {
    const more = node.condition !== null && isTrue(node.condition, conditionScopeOf(run, path, index, at));
    if (more && index >= MAX_ITERATIONS) throw new ExpressionError(`the condition is still true after ${MAX_ITERATIONS} iterations`);
    return { type: "loop_checked", at, path, attempt, index, more };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return eventOf(failed("block", error.message), { at, path, attempt }, { timeoutMs: 0, random: 0 });
  }
}
