import type { ChildRequest } from "../../blocks/block.ts";
import type { Wait } from "../../domain/run/block-state.ts";
import type { Json } from "../../domain/json.ts";
import type { BlockFailure } from "../../domain/recovery.ts";
import type { BlockEvent } from "../../domain/run/run.ts";

/** Which attempt at which block. */
export interface AttemptPlace {
  readonly path: string;
  readonly attempt: number;
}

/** What came of one attempt at a block. */
export type Outcome =
  | { readonly type: "completed"; readonly output: Json; readonly branch?: number }
  | { readonly type: "slept"; readonly until: number; readonly output: Json }
  | { readonly type: "opened"; readonly items: readonly Json[] | null }
  | { readonly type: "waiting"; readonly wait: Wait & { for: "decision" | "child" } }
  | { readonly type: "skipped"; readonly reason: string }
  | { readonly type: "terminated"; readonly reason: string }
  | { readonly type: "failed"; readonly failure: BlockFailure };

/** What an attempt gives back: its outcome, or a run that has to be started before there is one. */
export type Answer = Outcome | { readonly type: "child"; readonly request: ChildRequest };

/** A failure of a class that no other word is needed for. */
export function failed(kind: BlockFailure["kind"], message: string): Outcome & { type: "failed" } {
  return { type: "failed", failure: { kind, outcome: "failed", message } };
}

/**
 * The event that tells of an outcome.
 * @param timeoutMs of the block: so long a person has to answer
 * @param random 0 to 1: the jitter of the wait before another attempt
 */
export function eventOf(
  outcome: Outcome,
  { at, path, attempt }: AttemptPlace & { readonly at: number },
  { timeoutMs, random }: { readonly timeoutMs: number; readonly random: number },
): BlockEvent {
  const base = { at, path, attempt };
  switch (outcome.type) {
    case "completed": {
      const { output, branch } = outcome;
      return { type: "block_completed", ...base, output, ...(branch === undefined ? {} : { branch }) };
    }
    case "opened":
      return { type: "loop_opened", ...base, items: outcome.items };
    case "slept":
      return { type: "block_slept", ...base, until: outcome.until, output: outcome.output };
    case "waiting":
      return { type: "block_waiting", ...base, wait: outcome.wait, until: outcome.wait.for === "child" ? null : at + timeoutMs };
    case "skipped":
      return { type: "block_skipped", ...base, reason: outcome.reason };
    case "terminated":
      return { type: "block_terminated", ...base, reason: outcome.reason };
    case "failed":
      return { type: "block_failed", ...base, failure: outcome.failure, random };
  }
}
