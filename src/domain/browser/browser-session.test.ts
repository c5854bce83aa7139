import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { ASK_SESSION_MS, FREE, leave, occupy, type Occupancy } from "./browser-session.ts";
import type { RunId } from "../id.ts";

const ask = (occupancy: Occupancy, runId: RunId, now = 0) => occupy(occupancy, runId, now);

describe("who has a session's browser", () => {
  it("is one run at a time, which may ask again", () => {
    const first = ask(FREE, "wr_1");
    expect(first.behind).toBeNull();
    expect(ask(first.occupancy, "wr_1")).toEqual(first);
    expect(ask(first.occupancy, "wr_2").behind).toBe("wr_1");
  });

  it("is next the run that has waited longest, as long as it asks", () => {
    const taken = ask(FREE, "wr_1").occupancy;
    const waiting = ask(ask(taken, "wr_2").occupancy, "wr_3").occupancy;
    const free = leave(waiting, "wr_1");
    expect(ask(free, "wr_3", ASK_SESSION_MS).behind).toBe("wr_2");
    expect(ask(free, "wr_2", ASK_SESSION_MS).behind).toBeNull();
    expect(ask(free, "wr_3", 10 * ASK_SESSION_MS).behind).toBeNull();
    expect(ask(leave(free, "wr_2"), "wr_3").behind).toBeNull();
  });

  it("never has two holders, and lets everybody have it who asks long enough", () => {
    const runs: RunId[] = ["wr_1", "wr_2", "wr_3", "wr_4"];
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...runs), fc.boolean()), { maxLength: 60 }), (acts) => {
        let occupancy = FREE;
        const had: RunId[] = [];
        const asked: RunId[] = [];
        for (const [runId, leaves] of acts) {
          const before = occupancy.runId;
          if (leaves) occupancy = leave(occupancy, runId);
          else {
            const step = occupy(occupancy, runId, 0);
            occupancy = step.occupancy;
            if (before !== null) expect(occupancy.runId).toBe(before);
            if (step.behind === null) expect(occupancy.runId).toBe(runId);
            if (!asked.includes(runId)) asked.push(runId);
            if (step.behind === null && !had.includes(runId)) had.push(runId);
          }
        }
        for (const runId of runs) occupancy = occupy(leave(occupancy, occupancy.runId ?? runId), runId, 0).occupancy;
        for (let turn = 0; turn < runs.length * runs.length; turn++) {
          const runId = runs[turn % runs.length]!;
          const step = occupy(occupancy, runId, 0);
          occupancy = step.behind === null ? leave(step.occupancy, runId) : step.occupancy;
        }
        expect(occupancy).toEqual(FREE);
      }),
    );
  });
});
