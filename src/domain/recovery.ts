import type { FailureEvidence } from "./evidence/evidence.ts";

/** Why an attempt failed. `outcome: "unknown"` means that nobody can tell whether it took effect. */
export interface BlockFailure {
  readonly kind: FailureKind;
  readonly message: string;
  readonly outcome: "failed" | "unknown";
  /** For `resource`: when the platform said to come back, in milliseconds from the failure. */
  readonly retryAfterMs?: number;
  /** What was kept of the attempt's page; absent where there was no page. */
  readonly evidence?: FailureEvidence;
  /** For `resource`: it is told when there is one (`browser_granted`). */
  readonly waitsFor?: "browser";
}

/**
 * `temporary` may go away by itself (a 5xx, a crashed browser); `timeout` took longer than it may; `block` will not go away (no such element,
 * a 404); `resource` means there was no browser to be had; `interrupted` that the service died during the attempt; `unknown` is a bug.
 */
export type FailureKind = "temporary" | "timeout" | "block" | "resource" | "interrupted" | "unknown";

/** How often and when something is tried again. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly maxAttempts: number;
  /** Wait before the second attempt. */
  readonly initialMs: number;
  /** Each wait is so many times the one before. */
  readonly multiplier: number;
  readonly maxMs: number;
  /** Which failures are worth another attempt: those that may pass, or all that the block reports (Skyvern's `max_retries`). */
  readonly on: "temporary" | "any";
}

export const RETRY_DEFAULTS = { initialMs: 1_000, multiplier: 2, maxMs: 60_000, on: "temporary" } as const;
export const NO_RETRY: RetryPolicy = { ...RETRY_DEFAULTS, maxAttempts: 1 };

/** How often one block is started again because the service died during it; this is not charged to its attempts. */
export const MAX_INTERRUPTIONS = 5;
const JITTER = 0.2;
const RESOURCE_WAIT = { initialMs: 1_000, multiplier: 2, maxMs: 60_000 } as const;

/** What has happened to a block so far, the failure in question included. */
export interface Tries {
  /** Attempts started. */
  readonly attempts: number;
  /** Attempts that failed and count against the policy. */
  readonly failures: number;
  readonly interruptions: number;
  /** How often there was no browser to be had, in a row. */
  readonly resourceWaits: number;
}
export const NO_TRIES: Tries = { attempts: 0, failures: 0, interruptions: 0, resourceWaits: 0 };

export type Recovery =
  | { readonly action: "retry"; readonly delayMs: number }
  /** A person decides whether it is run again. */
  | { readonly action: "ask" }
  /** The block has failed; whether the run goes on is the block's `continue_on_failure` to say. */
  | { readonly action: "give_up"; readonly failure: BlockFailure };

/**
 * What is done about a failure. The whole table of error recovery, as one pure function.
 * @param history with this failure counted in (`countFailure`)
 * @param random from 0 to 1 (exclusive): where in the ±20 % of jitter to land
 */
export function decideRecovery(
  failure: BlockFailure,
  policy: { readonly retry: RetryPolicy; readonly onInterrupted: "retry" | "fail" | "ask" },
  history: Tries,
  random: number,
): Recovery {
  switch (failure.kind) {
    case "temporary":
    case "timeout":
      return history.failures < policy.retry.maxAttempts
        ? { action: "retry", delayMs: backoff(policy.retry, history.failures, random) }
        : giveUp(failure, history);
    case "block":
      return policy.retry.on === "any" && history.failures < policy.retry.maxAttempts
        ? { action: "retry", delayMs: backoff(policy.retry, history.failures, random) }
        : giveUp(failure, history);
    case "resource":
      return { action: "retry", delayMs: failure.retryAfterMs ?? backoff(RESOURCE_WAIT, history.resourceWaits, random) };
    case "interrupted":
      if (policy.onInterrupted === "ask") return { action: "ask" };
      if (policy.onInterrupted === "retry" && history.interruptions <= MAX_INTERRUPTIONS) return { action: "retry", delayMs: 0 };
      return { action: "give_up", failure: policy.onInterrupted === "retry" ? tooOften(history) : failure };
    case "unknown":
      return { action: "give_up", failure };
  }
}

/** The history with a failure added. Interruptions and missing browsers do not use up attempts. */
export function countFailure(tries: Tries, kind: FailureKind): Tries {
  switch (kind) {
    case "interrupted":
      return { ...tries, interruptions: tries.interruptions + 1 };
    case "resource":
      return { ...tries, resourceWaits: tries.resourceWaits + 1 };
    default:
      return { ...tries, failures: tries.failures + 1, resourceWaits: 0 };
  }
}

/**
 * Wait after the n-th failure: exponential, capped, with ±20 % of jitter so that what failed together does not come back together.
 * @param failures from 1
 * @returns milliseconds
 */
export function backoff(policy: { initialMs: number; multiplier: number; maxMs: number }, failures: number, random: number): number {
  const wait = Math.min(policy.maxMs, policy.initialMs * policy.multiplier ** (failures - 1));
  return Math.round(wait * (1 - JITTER + 2 * JITTER * random));
}

function giveUp(failure: BlockFailure, history: Tries): Recovery {
  const message = history.failures > 1 ? `${failure.message} (${history.failures} attempts)` : failure.message;
  return { action: "give_up", failure: { ...failure, message } };
}

function tooOften(history: Tries): BlockFailure {
  return {
    kind: "interrupted",
    outcome: "failed",
    message: `Given up: the service was interrupted ${history.interruptions} times while this block ran.`,
  };
}

/** The failure of an attempt that was under way when the service died, and that must not be repeated unasked. */
export const OUTCOME_UNKNOWN: BlockFailure = {
  kind: "interrupted",
  outcome: "unknown",
  message:
    "Outcome unknown: the service was interrupted while this block ran, and it is not safe to run twice. Look whether it took effect; then " +
    `retry the run from the next block, or from this one. A block that may be repeated says so with "on_interrupted": "retry".`,
};

/** The codes of a failure: those whose description the reason contains, in any case. */
export function errorCodesOf(reason: string, mapping: Readonly<Record<string, string>>): string[] {
  const text = reason.toLowerCase();
  return Object.entries(mapping).flatMap(([code, description]) =>
    description !== "" && text.includes(description.toLowerCase()) ? [code] : [],
  );
}
