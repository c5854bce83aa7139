import { type BlockContext, BlockError, type BlockType, Sleep } from "../blocks/block.ts";
import { describeFaults } from "../domain/error.ts";
import { evaluateExpression, ExpressionError, fillIn, hasExpression, isFalse, parseExpression } from "../domain/expression.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { PlanNode } from "../domain/plan.ts";
import type { BlockFailure } from "../domain/run.ts";
import { faultsOf } from "../domain/schema-faults.ts";

/** Characters of an output as JSON; a row of the journal may have 2 MB. */
export const MAX_OUTPUT_CHARACTERS = 1_000_000;

/** What came of one attempt at a block. */
export type Answer =
  | { readonly type: "completed"; readonly output: Json }
  | { readonly type: "slept"; readonly until: number; readonly output: Json }
  | { readonly type: "skipped"; readonly reason: string }
  | { readonly type: "failed"; readonly failure: BlockFailure };

/**
 * One attempt at a block: its condition, its fields filled in and checked, then its work. A failure is an answer; nothing is thrown.
 * @param scope the values that expressions may name
 * @param abort ends the attempt at once, with whatever answer; the caller has stopped listening
 * @param onBug is told of what no block should throw, whole; the answer carries only its message
 */
export async function executeBlock(
  node: PlanNode,
  blockType: BlockType,
  scope: (name: string) => Json | undefined,
  context: BlockContext,
  onBug: (error: unknown) => void,
): Promise<Answer> {
  try {
    if (node.condition !== null && isFalse(evaluateCondition(node.condition, scope))) {
      return { type: "skipped", reason: `The condition is false: ${node.condition}` };
    }
    const config = blockType.config.safeParse(fillIn(node.config, scope));
    if (!config.success)
      return failed("block", describeFaults("The fields do not fit after filling in", faultsOf(config.error, blockType.config)));
    const result = await withTimeout(node, context, (signal) => blockType.execute({ ...context, signal }, config.data));
    if (result instanceof Sleep) return { type: "slept", until: result.until, output: result.output };
    const size = JSON.stringify(result).length;
    if (size > MAX_OUTPUT_CHARACTERS) {
      return failed(
        "block",
        `The output is too large: ${size} characters of JSON, and ${MAX_OUTPUT_CHARACTERS} are allowed. Store it as an artifact, or extract less.`,
      );
    }
    return { type: "completed", output: result as Json }; // as the type's `output` describes it
  } catch (error) {
    if (error instanceof BlockError) return failed(error.errorClass, error.message);
    if (error instanceof ExpressionError) return failed("block", error.message);
    if (error instanceof BlockTimeout) return { type: "failed", failure: { kind: "timeout", outcome: "failed", message: error.message } };
    if (context.signal.aborted) return failed("unknown", "The run ended meanwhile."); // nobody hears it
    onBug(error);
    return failed("unknown", `An error that should not happen: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function evaluateCondition(condition: string, scope: (name: string) => Json | undefined): Json {
  if (!hasExpression(condition)) return condition;
  try {
    return evaluateExpression(parseExpression(condition), scope);
  } catch (error) {
    throw error instanceof ExpressionError ? new ExpressionError(`condition: ${error.message}`, { cause: error }) : error;
  }
}

class BlockTimeout extends Error {}

/** Ends the wait when the time is up even if the block does not listen to its signal. */
async function withTimeout<T>(node: PlanNode, context: BlockContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const timeout = new AbortController();
  const signal = AbortSignal.any([context.signal, timeout.signal]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new BlockTimeout(`The block took longer than its ${node.timeoutMs / 1000} seconds.`);
      reject(error);
      timeout.abort(error);
    }, node.timeoutMs);
  });
  try {
    return await Promise.race([work(signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

function failed(kind: BlockFailure["kind"], message: string): Answer {
  return { type: "failed", failure: { kind, outcome: "failed", message } };
}

/** Looks a name up as expressions see it. */
export function scopeOf(...layers: readonly (JsonObject | ((name: string) => Json | undefined))[]): (name: string) => Json | undefined {
  return (name) => {
    for (const layer of layers) {
      const value = typeof layer === "function" ? layer(name) : Object.hasOwn(layer, name) ? layer[name] : undefined;
      if (value !== undefined) return value;
    }
    return undefined;
  };
}
