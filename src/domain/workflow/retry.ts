import type { z } from "zod";
import { RETRY_DEFAULTS, type RetryPolicy } from "../recovery.ts";
import type { BlockDefinition, retrySchema } from "./schema.ts";

/** What may be run again without asking tries so often when nothing else is said: a lost answer is a failure too. */
const DEFAULT_ATTEMPTS = 3;

/** A `retry` as written, as the policy that a run follows. */
export function retryPolicy(retry: z.infer<typeof retrySchema>, on: RetryPolicy["on"] = "temporary"): RetryPolicy {
  return {
    maxAttempts: retry.max_attempts,
    initialMs: retry.initial_seconds * 1000,
    multiplier: retry.multiplier,
    maxMs: retry.max_seconds * 1000,
    on,
  };
}

/** The policy of a block, by its own `retry`, by Skyvern's `max_retries`, or by what its type allows. */
export function retryOf(block: BlockDefinition, mayRepeat: boolean): RetryPolicy {
  if (block.retry !== undefined) return retryPolicy(block.retry);
  if (block.max_retries != null) return { ...RETRY_DEFAULTS, maxAttempts: block.max_retries + 1, on: "any" };
  return { ...RETRY_DEFAULTS, maxAttempts: mayRepeat ? DEFAULT_ATTEMPTS : 1 };
}
