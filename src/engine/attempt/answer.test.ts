import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../domain/json.ts";
import { eventOf, failed, type Outcome } from "./answer.ts";

const decision = { for: "decision", instructions: null, approve: "Yes", reject: "No" } as const;

describe("the event of an outcome", () => {
  const rows: Record<string, [Outcome, { readonly type: string } & JsonObject]> = {
    "says what the block gave": [
      { type: "completed", output: { a: 1 } },
      { type: "block_completed", output: { a: 1 } },
    ],
    "says which branch was taken": [
      { type: "completed", output: null, branch: 0 },
      { type: "block_completed", output: null, branch: 0 },
    ],
    "opens a loop over what it was given": [
      { type: "opened", items: [1, 2] },
      { type: "loop_opened", items: [1, 2] },
    ],
    "opens a loop that asks before each iteration": [
      { type: "opened", items: null },
      { type: "loop_opened", items: null },
    ],
    "says until when it sleeps": [
      { type: "slept", until: 9, output: "x" },
      { type: "block_slept", until: 9, output: "x" },
    ],
    "gives a person as long as the block may take": [
      { type: "waiting", wait: decision },
      { type: "block_waiting", wait: decision, until: 1_500 },
    ],
    "gives another run whatever time it takes": [
      { type: "waiting", wait: { for: "child", runId: "wr_2" } },
      { type: "block_waiting", wait: { for: "child", runId: "wr_2" }, until: null },
    ],
    "says why it was skipped": [
      { type: "skipped", reason: "no" },
      { type: "block_skipped", reason: "no" },
    ],
    "says why it ended the run": [
      { type: "terminated", reason: "done" },
      { type: "block_terminated", reason: "done" },
    ],
    "carries the chance for the wait after a failure": [
      failed("temporary", "slow"),
      { type: "block_failed", failure: { kind: "temporary", outcome: "failed", message: "slow" }, random: 0.25 },
    ],
  };
  it.each(Object.entries(rows))("%s", (_, [outcome, event]) => {
    const place = { path: "orders[1].read", attempt: 2, at: 500 };
    expect(eventOf(outcome, place, { timeoutMs: 1_000, random: 0.25 })).toEqual({ ...place, ...event });
  });
});
