import { describe, expect, it } from "vitest";
import { nextAttemptAt, RETRY_SCHEDULE_SECONDS, settleAttempt, webhookBody, type AttemptResult } from "./delivery.ts";

const AT = Date.UTC(2026, 10, 22, 12, 0, 0);
const HOUR = 3_600_000;
const MIDDLE = 0.5; // no jitter

function answered(statusCode: number, more: Partial<AttemptResult & { kind: "answered" }> = {}): AttemptResult {
  return { kind: "answered", statusCode, location: undefined, retryAfterMs: null, excerpt: "", ...more };
}

describe("nextAttemptAt", () => {
  it("follows the schedule of Standard Webhooks, ten attempts over 75 hours", () => {
    const waits = RETRY_SCHEDULE_SECONDS.map((_, index) => nextAttemptAt(index + 1, AT, null, MIDDLE)).map(
      (next) => next && (next - AT) / 1000,
    );
    expect(waits).toEqual([5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400, null]);
  });

  it("spreads each wait over 20 % to both sides", () => {
    expect(nextAttemptAt(2, AT, null, 0)).toBe(AT + 240_000);
    expect(nextAttemptAt(2, AT, null, 0.999_999_999)).toBe(AT + 360_000);
  });

  it("waits at least as long as the receiver asked for, but no longer than a day for that", () => {
    expect(nextAttemptAt(1, AT, 60_000, MIDDLE)).toBe(AT + 60_000);
    expect(nextAttemptAt(2, AT, 60_000, MIDDLE)).toBe(AT + 300_000);
    expect(nextAttemptAt(1, AT, 1000 * HOUR, MIDDLE)).toBe(AT + 24 * HOUR);
  });

  it("has no attempt to add for a receiver that asks for one when the schedule is used up", () => {
    expect(nextAttemptAt(RETRY_SCHEDULE_SECONDS.length, AT, 1000, MIDDLE)).toBeNull();
  });
});

describe("settleAttempt", () => {
  const settle = (result: AttemptResult, attempt = 1) => settleAttempt(result, { attempt, at: AT, random: MIDDLE });

  it.each([200, 201, 202, 204, 299])("takes %i for delivered", (statusCode) => {
    expect(settle(answered(statusCode))).toEqual({ status: "delivered", statusCode });
  });

  it.each([100, 199, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504])("tries again after %i", (statusCode) => {
    expect(settle(answered(statusCode))).toMatchObject({ status: "pending", statusCode, nextAttemptAt: AT + 5000 });
  });

  it("does not try again after 410", () => {
    expect(settle(answered(410))).toEqual({
      status: "failed",
      statusCode: 410,
      error: "the endpoint answered 410 Gone and is not tried again",
    });
  });

  it("tells the owner where a redirect leads and that it is not followed", () => {
    const settlement = settle(answered(301, { location: "https://example.com/new" }));
    expect(settlement).toMatchObject({
      status: "pending",
      error: expect.stringContaining("a redirect to https://example.com/new; redirects are not followed"),
    });
  });

  it.each([
    [429, 60_000],
    [503, 60_000],
    [500, 5_000],
    [404, 5_000],
  ])("with Retry-After: 60 on %i waits %i ms", (statusCode, wait) => {
    expect(settle(answered(statusCode, { retryAfterMs: 60_000 }))).toMatchObject({ nextAttemptAt: AT + wait });
  });

  it("tries again when there was no answer", () => {
    expect(settle({ kind: "unanswered", error: "no answer within 30 s", final: false })).toEqual({
      status: "pending",
      statusCode: null,
      error: "no answer within 30 s",
      nextAttemptAt: AT + 5000,
    });
  });

  it("does not try again what cannot succeed", () => {
    expect(settle({ kind: "unanswered", error: "127.0.0.1 may not be reached", final: true })).toEqual({
      status: "failed",
      statusCode: null,
      error: "127.0.0.1 may not be reached",
    });
  });

  it("fails for good after the last attempt, and keeps the last reason", () => {
    expect(settle(answered(500, { excerpt: "oops" }), 10)).toEqual({
      status: "failed",
      statusCode: 500,
      error: "no attempts left after 10; the last: the endpoint answered 500: oops",
    });
  });

  it("keeps at most 1,024 characters of what the endpoint said", () => {
    const settlement = settle(answered(500, { excerpt: "x".repeat(5000) }));
    expect(settlement.status === "pending" && settlement.error.length).toBe(1024);
  });
});

describe("webhookBody", () => {
  it("puts the event's type, time and id beside the run's own fields", () => {
    const body = webhookBody({
      type: "workflow_run.completed",
      eventId: "evt_1",
      at: AT,
      run: { run_id: "wr_1", status: "completed", outputs: { a: 12.0, u: "é" } },
    });
    expect(body).toBe(
      '{"type":"workflow_run.completed","timestamp":"2026-11-22T12:00:00.000Z","event_id":"evt_1","run_id":"wr_1","status":"completed","outputs":{"a":12,"u":"é"}}',
    );
  });
});
