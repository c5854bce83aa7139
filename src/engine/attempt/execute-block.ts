import {
  AwaitChild,
  AwaitDecision,
  type BlockContext,
  BlockError,
  type BlockType,
  OpenLoop,
  Sleep,
  TakeBranch,
  Terminate,
} from "../../blocks/block.ts";
import { describeFaults } from "../../domain/error.ts";
import { evaluateExpression, ExpressionError, fillIn, hasExpression, isFalse, parseExpression } from "../../domain/expression.ts";
import type { Json } from "../../domain/json.ts";
import type { PlanNode } from "../../domain/workflow/plan.ts";
import type { BlockFailure } from "../../domain/recovery.ts";
import { faultsOf } from "../../domain/workflow/schema-faults.ts";
import { type Answer, failed } from "./answer.ts";
import type { Lookup } from "./run-scope.ts";
import type { AttemptSecrets } from "./run-secrets.ts";

/**
 * One attempt at a block: its condition, its fields filled in and checked, then its work. A failure is an answer; nothing is thrown.
 * @param onBug is told of what no block should throw, whole; the answer carries only its message
 * @param secrets of a run that uses credentials: given to the fields, and taken out of what the attempt gives back
 */
export async function executeBlock(
  node: PlanNode,
  blockType: BlockType,
  scope: Lookup,
  context: BlockContext,
  onBug: (error: unknown) => void,
  secrets: AttemptSecrets | null = null,
): Promise<Answer> {
  if (secrets === null) return await attemptBlock(node, blockType, scope, context, onBug, null);
  const { mask } = secrets;
  const masked: BlockContext = {
    ...context,
    saveArtifact: (file) => context.saveArtifact({ ...file, name: mask.text(file.name), bytes: mask.bytes(file.contentType, file.bytes) }),
  };
  return mask.answer(await attemptBlock(node, blockType, scope, masked, (error) => onBug(mask.error(error)), secrets));
}

async function attemptBlock(
  node: PlanNode,
  blockType: BlockType,
  scope: Lookup,
  context: BlockContext,
  onBug: (error: unknown) => void,
  secrets: AttemptSecrets | null,
): Promise<Answer> {
  try {
    if (node.condition !== null && node.role !== "while_loop" && !isTrue(node.condition, scope)) {
      return { type: "skipped", reason: `The condition is false: ${node.condition}` };
    }
    if (node.needs !== null) return failed("block", node.needs);
    const names = secrets === null ? scope : await secrets.resolve(node.config, scope);
    const config = blockType.config.safeParse(fillIn(node.config, names));
    if (!config.success)
      return failed("block", describeFaults("The fields do not fit after filling in", faultsOf(config.error, blockType.config)));
    return answerOf(await withTimeout(node, context, (inTime) => blockType.execute(inTime, config.data)));
  } catch (error) {
    if (error instanceof BlockError) return { type: "failed", failure: failureOf(error) };
    if (error instanceof ExpressionError) return failed("block", error.message);
    if (error instanceof BlockTimeout) return failed("timeout", error.message);
    if (context.signal.aborted) return failed("unknown", "The run ended meanwhile."); // nobody hears it
    onBug(error);
    return failed("unknown", `An error that should not happen: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Is the condition true where it stands? @throws ExpressionError */
export function isTrue(condition: string, scope: Lookup): boolean {
  if (!hasExpression(condition)) return !isFalse(condition);
  try {
    return !isFalse(evaluateExpression(parseExpression(condition), scope));
  } catch (error) {
    throw error instanceof ExpressionError ? new ExpressionError(`condition: ${error.message}`, { cause: error }) : error;
  }
}

function answerOf(result: unknown): Answer {
  if (result instanceof Sleep) return { type: "slept", until: result.until, output: result.output };
  if (result instanceof OpenLoop) return { type: "opened", items: result.items };
  if (result instanceof AwaitChild) return { type: "child", request: result.child };
  if (result instanceof Terminate) return { type: "terminated", reason: result.reason };
  if (result instanceof AwaitDecision) {
    return {
      type: "waiting",
      wait: {
        for: "decision",
        instructions: result.instructions,
        approve: result.approve,
        reject: result.reject,
        ...(result.mail === null ? {} : { mail: result.mail }),
      },
    };
  }
  if (result instanceof TakeBranch) {
    if (result.index === null) return failed("block", "No branch matched, and there is no default branch.");
    return { type: "completed", output: { branch_index: result.index, next_block_label: result.nextLabel }, branch: result.index };
  }
  return { type: "completed", output: result as Json }; // as the type's `output` describes it
}

class BlockTimeout extends Error {}

/** Ends the wait when the time is up even if the block does not listen to its signal. What is done at once costs no timer and no signal. */
async function withTimeout<T>(node: PlanNode, context: BlockContext, work: (context: BlockContext) => Promise<T>): Promise<T> {
  const timeout = new AbortController();
  let signal: AbortSignal | null = null;
  const working = work({
    ...context,
    get signal() {
      return (signal ??= AbortSignal.any([context.signal, timeout.signal]));
    },
  });
  if (await isDoneAtOnce(working)) return await working;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new BlockTimeout(`The block took longer than its ${node.timeoutMs / 1000} seconds.`);
      reject(error);
      timeout.abort(error);
    }, node.timeoutMs);
  });
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Is it settled as soon as what is ready has run, without anything from outside? */
async function isDoneAtOnce(work: Promise<unknown>): Promise<boolean> {
  let done = false;
  const settled = () => void (done = true);
  work.then(settled, settled);
  await Promise.resolve();
  await Promise.resolve();
  return done;
}

function failureOf(error: BlockError): BlockFailure {
  const { errorClass: kind, message, retryAfterMs, waitsFor } = error;
  const wait = { ...(retryAfterMs === undefined ? {} : { retryAfterMs }), ...(waitsFor === undefined ? {} : { waitsFor }) };
  return { kind, outcome: "failed", message, ...wait };
}
