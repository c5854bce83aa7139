import { describe, expect, it } from "vitest";
import type { RunEvent } from "../../src/domain/run/run.ts";
import { checkHistory } from "./history.ts";

/** Rows as short as they can be written: `"started a 1"`, `"run_ended"`. What the checker does not read is left out. */
function journal(...rows: readonly string[]): RunEvent[] {
  return rows.map((row) => {
    const [type = "", path, attempt] = row.split(" ");
    if (type === "run_created") return { type, at: 0, plan: { finallyLabel: "last" } } as unknown as RunEvent;
    if (path === undefined) return { type, at: 0 } as RunEvent;
    return { type: type.startsWith("loop_") ? type : `block_${type}`, at: 0, path, attempt: Number(attempt) } as RunEvent;
  });
}

const run = (...rows: readonly string[]) => checkHistory(journal("run_created", "run_started", ...rows, "run_ended"));

describe("a history", () => {
  it("may have retries, interruptions, waits, loops, another try at the run, and a block at its end", () => {
    expect(run("started a 1", "failed a 1", "started a 2", "interrupted a 2", "started a 3", "slept a 3", "completed a 3")).toEqual([]);
    expect(run("started a 1", "interrupted a 1", "decided a 1", "started a 2", "waiting a 2", "decided a 2")).toEqual([]);
    expect(
      run(
        "started l 1",
        "loop_opened l 1",
        "started l[0].a 1",
        "completed l[0].a 1",
        "started l[1].a 1",
        "completed l[1].a 1",
        "loop_completed l 1",
      ),
    ).toEqual([]);
    expect(
      run("started a 1", "completed a 1", "started b 1", "failed b 1", "run_retrying", "run_started", "started b 2", "completed b 2"),
    ).toEqual([]);
    expect(
      run(
        "started l 1",
        "loop_opened l 1",
        "started l[0].a 1",
        "failed l[0].a 1",
        "failed l 1",
        "run_retrying",
        "run_started",
        "started l 2",
        "loop_opened l 2",
        "started l[0].a 1",
        "completed l[0].a 1",
        "loop_completed l 2",
      ),
    ).toEqual([]);
    expect(run("skipped a 0", "started b 1", "run_ending", "started last 1", "completed last 1")).toEqual([]);
  });

  it.each<[string, string[], RegExp]>([
    ["a block completes twice", ["started a 1", "completed a 1", "completed a 1"], /while the block was ended/],
    ["a block completes again after another start", ["started a 1", "completed a 1", "started a 2"], /started while it was ended/],
    [
      "a block completes twice through its failure",
      ["started a 1", "failed a 1", "started a 2", "completed a 2", "run_retrying", "started a 3"],
      /started while it was ended/,
    ],
    ["an answer has no start", ["completed a 1"], /never started/],
    ["an answer is for an earlier attempt", ["started a 1", "interrupted a 1", "started a 2", "completed a 1"], /another attempt than 2/],
    ["an attempt is left out", ["started a 2"], /followed attempt 0/],
    ["a block starts while it runs", ["started a 1", "started a 2"], /started while it was running/],
    ["a block goes back from its sleep", ["started a 1", "slept a 1", "slept a 1"], /while the block was sleeping/],
    ["a block starts while the run is ending", ["run_ending", "started a 1"], /while the run was ending/],
    ["a block that was cut short completes", ["started a 1", "run_ending", "completed a 1"], /while the block was ended/],
    ["the run ends twice", ["run_ended"], /run_ended stands there 2 times/],
    ["the end is decided twice", ["run_ending", "run_ending"], /run_ending stands there 2 times/],
  ])("is broken when %s", (_name, rows, message) => {
    expect(run(...rows)).toContainEqual(expect.stringMatching(message));
  });

  it("is broken when it does not begin with the run or end with its end", () => {
    expect(checkHistory(journal("run_started", "run_ended"))).toEqual(["it begins with run_started"]);
    expect(checkHistory(journal("run_created", "run_started"))).toEqual(["it ends with run_started"]);
  });
});
