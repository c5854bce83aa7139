import { z } from "zod";
import type { DeliveryId, OrganizationId, RunId } from "./id.ts";
import type { JsonObject } from "./json.ts";
import { formatInstant } from "./time.ts";

/** One webhook message to one URL, before its first attempt. */
export interface NewDelivery {
  /** Stable: the same event to the same URL always has the same id, so that recording it twice makes one delivery. It is the `webhook-id` too. */
  readonly deliveryId: DeliveryId;
  readonly organizationId: OrganizationId;
  readonly workflowRunId: RunId;
  /** `workflow_run.completed` and the like: the `type` in the body. */
  readonly eventType: string;
  readonly url: string;
  /** The exact text that is signed and sent: what `webhookBody` made. */
  readonly body: string;
}

/** A message of the queue `webhook-deliveries`. It only names the delivery: what is sent, and whether it still is to be, stands in D1. */
export const deliveryMessageSchema = z.object({ delivery_id: z.templateLiteral(["whd_", z.string()]) });
export type DeliveryMessage = z.infer<typeof deliveryMessageSchema>;

type DeliveryStatus = "pending" | "delivered" | "failed";

/** What an organization is shown of one of its deliveries. Instants are milliseconds since the epoch. */
export interface DeliveryReport extends Omit<NewDelivery, "body"> {
  readonly status: DeliveryStatus;
  /** Attempts begun, those of replays included. */
  readonly attempts: number;
  /** Set exactly while `pending`. */
  readonly nextAttemptAt: number | null;
  readonly lastStatusCode: number | null;
  /** Why the last attempt failed; null after one that succeeded. */
  readonly lastError: string | null;
  readonly createdAt: number;
  /** When it was last accepted; kept when it is replayed. */
  readonly deliveredAt: number | null;
}

/** A delivery whose next attempt is ours to make. */
export interface ClaimedDelivery extends NewDelivery {
  /** The number of this attempt, from 1. Its outcome counts only as long as no later attempt was claimed. */
  readonly attempt: number;
}

/** How an attempt ended, as it is stored. */
export type Settlement =
  | { readonly status: "delivered"; readonly statusCode: number }
  | { readonly status: "pending"; readonly statusCode: number | null; readonly error: string; readonly nextAttemptAt: number }
  | { readonly status: "failed"; readonly statusCode: number | null; readonly error: string };

/** What came of a POST: an answer, or the reason why there was none. */
export type AttemptResult =
  | {
      readonly kind: "answered";
      readonly statusCode: number;
      readonly location: string | undefined;
      readonly retryAfterMs: number | null;
      readonly excerpt: string;
    }
  /** `final` when trying again cannot help, as for an address that may not be reached. */
  | { readonly kind: "unanswered"; readonly error: string; readonly final: boolean };

/** Seconds before each attempt, counted from the one before: the example schedule of Standard Webhooks 1.0, 75 hours in all. */
export const RETRY_SCHEDULE_SECONDS: readonly number[] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

const JITTER = 0.2;
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;
const MAX_ERROR_LENGTH = 1024;

/**
 * When to try again.
 * @param attempt the attempt that failed, from 1
 * @param at when it failed, in milliseconds since the epoch
 * @param retryAfterMs the least wait that the receiver asked for, if it did; believed up to 24 hours
 * @param random from 0 to 1 (exclusive): where in the ±20 % of jitter to land, so that deliveries that failed together do not come back together
 * @returns milliseconds since the epoch; null when the schedule is used up
 */
export function nextAttemptAt(
  attempt: number,
  at: number,
  retryAfterMs: number | null,
  random: number,
  schedule: readonly number[] = RETRY_SCHEDULE_SECONDS,
): number | null {
  const seconds = schedule[attempt];
  if (seconds === undefined) return null;
  const jittered = seconds * 1000 * (1 - JITTER + 2 * JITTER * random);
  return Math.round(at + Math.max(jittered, Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS)));
}

/**
 * What an attempt's result means, by Standard Webhooks 1.0: only a 2xx is success, a redirect is a failure, 410 ends the delivery, and
 * `Retry-After` counts on 429 and 503.
 * @param plan.attempt the number of the attempt, from 1; `at` and `random` as in `nextAttemptAt`
 */
export function settleAttempt(
  result: AttemptResult,
  plan: { readonly attempt: number; readonly at: number; readonly random: number; readonly schedule?: readonly number[] },
): Settlement {
  if (result.kind === "unanswered") {
    if (result.final) return { status: "failed", statusCode: null, error: cut(result.error) };
    return retryOrFail(null, result.error, null, plan);
  }
  const { statusCode, retryAfterMs } = result;
  if (statusCode >= 200 && statusCode < 300) return { status: "delivered", statusCode };
  if (statusCode === 410) return { status: "failed", statusCode, error: "the endpoint answered 410 Gone and is not tried again" };
  const slowDown = statusCode === 429 || statusCode === 503;
  return retryOrFail(statusCode, describeRefusal(result), slowDown ? retryAfterMs : null, plan);
}

function retryOrFail(
  statusCode: number | null,
  error: string,
  retryAfterMs: number | null,
  { attempt, at, random, schedule = RETRY_SCHEDULE_SECONDS }: Parameters<typeof settleAttempt>[1],
): Settlement {
  const next = nextAttemptAt(attempt, at, retryAfterMs, random, schedule);
  if (next === null) return { status: "failed", statusCode, error: cut(`no attempts left after ${attempt}; the last: ${error}`) };
  return { status: "pending", statusCode, error: cut(error), nextAttemptAt: next };
}

function describeRefusal({ statusCode, location, excerpt }: AttemptResult & { kind: "answered" }): string {
  if (statusCode >= 300 && statusCode < 400) {
    const to = location === undefined ? "" : ` to ${location}`;
    return `the endpoint answered ${statusCode}, a redirect${to}; redirects are not followed: give the final address as the webhook URL`;
  }
  return `the endpoint answered ${statusCode}${excerpt === "" ? "" : `: ${excerpt}`}`;
}

function cut(text: string): string {
  return text.length <= MAX_ERROR_LENGTH ? text : `${text.slice(0, MAX_ERROR_LENGTH - 1)}…`;
}

/** One event of a run, as its receivers are told of it. */
export interface WebhookEvent {
  /** Dot-separated words: `workflow_run.completed`. */
  readonly type: string;
  /** Unique among the organization's events. */
  readonly eventId: string;
  /** When it happened (not when it is sent), in milliseconds since the epoch. */
  readonly at: number;
  /** Skyvern's flat run (`webhookFields`), which has no field of the event's names. */
  readonly run: JsonObject;
}

/** The body of a webhook: the event's own three fields and, beside them, Skyvern's flat run. Made once and stored, for it is the text that is signed. */
export function webhookBody({ type, eventId, at, run }: WebhookEvent): string {
  return JSON.stringify({ type, timestamp: formatInstant(at), event_id: eventId, ...run });
}
