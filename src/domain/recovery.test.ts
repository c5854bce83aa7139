import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  backoff,
  type BlockFailure,
  countFailure,
  decideRecovery,
  type FailureKind,
  MAX_INTERRUPTIONS,
  NO_RETRY,
  NO_TRIES,
  RETRY_DEFAULTS,
  type RetryPolicy,
  type Tries,
} from "./recovery.ts";

const failure = (kind: FailureKind, more: Partial<BlockFailure> = {}): BlockFailure => ({
  kind,
  message: "it broke",
  outcome: "failed",
  ...more,
});
const three: RetryPolicy = { maxAttempts: 3, initialMs: 1_000, multiplier: 2, maxMs: 60_000, on: "temporary" };
const policy = (more: Partial<RetryPolicy> = {}, onInterrupted: "retry" | "fail" | "ask" = "retry") => ({
  retry: { ...three, ...more },
  onInterrupted,
});
const after = (tries: Partial<Tries>): Tries => ({ ...NO_TRIES, attempts: 1, ...tries });
/** In the middle of the jitter. */
const MIDDLE = 0.5;

describe("decideRecovery", () => {
  /** Waits after the first failure, or what is done instead, for a block with three attempts: for failures that may pass, and for all. */
  const table: Record<FailureKind, { temporary: number | "give_up"; any: number | "give_up" }> = {
    temporary: { temporary: 1_000, any: 1_000 },
    timeout: { temporary: 1_000, any: 1_000 },
    block: { temporary: "give_up", any: 1_000 },
    resource: { temporary: 1_000, any: 1_000 },
    interrupted: { temporary: 0, any: 0 },
    unknown: { temporary: "give_up", any: "give_up" },
  };
  const cases = Object.entries(table).flatMap(([kind, row]) =>
    Object.entries(row).map(([on, wanted]) => ({ kind: kind as FailureKind, on: on as RetryPolicy["on"], wanted })),
  );

  it.each(cases)("answers a first failure of kind $kind with $wanted where $on failures are tried again", ({ kind, on, wanted }) => {
    const recovery = decideRecovery(failure(kind), policy({ on }), countFailure(after({}), kind), MIDDLE);
    expect(recovery).toEqual(wanted === "give_up" ? { action: "give_up", failure: failure(kind) } : { action: "retry", delayMs: wanted });
  });

  it.each<FailureKind>(["temporary", "timeout", "block"])(
    "gives up after the last attempt that failed as %s, and says how many there were",
    (kind) => {
      const any = policy({ on: "any" });
      expect(decideRecovery(failure(kind), any, after({ failures: 2 }), MIDDLE)).toEqual({ action: "retry", delayMs: 2_000 });
      expect(decideRecovery(failure(kind), any, after({ failures: 3 }), MIDDLE)).toEqual({
        action: "give_up",
        failure: failure(kind, { message: "it broke (3 attempts)" }),
      });
    },
  );

  it("does not mention attempts where there was one", () => {
    expect(decideRecovery(failure("temporary"), { retry: NO_RETRY, onInterrupted: "fail" }, after({ failures: 1 }), MIDDLE)).toEqual({
      action: "give_up",
      failure: failure("temporary"),
    });
  });

  it("waits for a browser as long as the platform says, and else ever longer up to a minute", () => {
    expect(decideRecovery(failure("resource", { retryAfterMs: 7_000 }), policy(), after({ resourceWaits: 1 }), MIDDLE)).toEqual({
      action: "retry",
      delayMs: 7_000,
    });
    const waits = [1, 2, 3, 10, 2_000].map((resourceWaits) =>
      decideRecovery(failure("resource"), policy(), after({ resourceWaits }), MIDDLE),
    );
    expect(waits.map((recovery) => recovery.action === "retry" && recovery.delayMs)).toEqual([1_000, 2_000, 4_000, 60_000, 60_000]);
  });

  it("never gives up waiting for a browser, whatever the policy", () => {
    expect(
      decideRecovery(failure("resource"), { retry: NO_RETRY, onInterrupted: "fail" }, after({ failures: 1, resourceWaits: 500 }), MIDDLE)
        .action,
    ).toBe("retry");
  });

  it("runs an interrupted block again at once, five times and no more", () => {
    const once = (interruptions: number) =>
      decideRecovery(failure("interrupted", { outcome: "unknown" }), policy({}, "retry"), after({ interruptions }), MIDDLE);
    for (let time = 1; time <= MAX_INTERRUPTIONS; time += 1) expect(once(time)).toEqual({ action: "retry", delayMs: 0 });
    expect(once(MAX_INTERRUPTIONS + 1)).toMatchObject({
      action: "give_up",
      failure: { kind: "interrupted", outcome: "failed", message: expect.stringMatching(/interrupted 6 times/) },
    });
  });

  it("fails an interrupted block that must not be repeated, its outcome unknown", () => {
    const unknown = failure("interrupted", { outcome: "unknown" });
    expect(decideRecovery(unknown, policy({ on: "any" }, "fail"), after({ interruptions: 1 }), MIDDLE)).toEqual({
      action: "give_up",
      failure: unknown,
    });
  });

  it("asks about every interruption of a block that says so", () => {
    for (const interruptions of [1, 100])
      expect(decideRecovery(failure("interrupted"), policy({}, "ask"), after({ interruptions }), MIDDLE)).toEqual({ action: "ask" });
  });
});

describe("countFailure", () => {
  /** What a failure adds to a history that has one of everything. */
  const table: Record<FailureKind, Partial<Tries>> = {
    temporary: { failures: 2, resourceWaits: 0 },
    timeout: { failures: 2, resourceWaits: 0 },
    block: { failures: 2, resourceWaits: 0 },
    unknown: { failures: 2, resourceWaits: 0 },
    resource: { resourceWaits: 2 },
    interrupted: { interruptions: 2 },
  };
  const history: Tries = { attempts: 1, failures: 1, interruptions: 1, resourceWaits: 1 };

  it.each(Object.entries(table))("charges a failure of kind %s as it should", (kind, counted) => {
    expect(countFailure(history, kind as FailureKind)).toEqual({ ...history, ...counted });
  });
});

describe("backoff", () => {
  const policies = fc.record({
    initialMs: fc.integer({ min: 0, max: 3_600_000 }),
    multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
    maxMs: fc.integer({ min: 0, max: 86_400_000 }),
  });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it("doubles up to its longest wait", () => {
    expect([1, 2, 3, 6, 7, 100].map((failures) => backoff({ ...RETRY_DEFAULTS }, failures, MIDDLE))).toEqual([
      1_000, 2_000, 4_000, 32_000, 60_000, 60_000,
    ]);
  });

  it("spreads by a fifth to each side", () => {
    expect([0, MIDDLE, 1].map((random) => backoff(RETRY_DEFAULTS, 1, random))).toEqual([800, 1_000, 1_200]);
  });

  it("is a whole number of milliseconds within a fifth of the wait, for every policy and failure", () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 100 }), random, (retry, failures, random) => {
        const wait = backoff(retry, failures, random);
        const centre = Math.min(retry.maxMs, retry.initialMs * retry.multiplier ** (failures - 1));
        expect(Number.isSafeInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(Math.round(centre * 0.8));
        expect(wait).toBeLessThanOrEqual(Math.round(centre * 1.2));
      }),
    );
  });

  it("never gets shorter from one failure to the next, but for the jitter", () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 99 }), (retry, failures) => {
        expect(backoff(retry, failures + 1, MIDDLE)).toBeGreaterThanOrEqual(backoff(retry, failures, MIDDLE));
      }),
    );
  });
});
