import fc from "fast-check";
import { decodeTime } from "ulid";
import { describe, expect, it } from "vitest";
import { nextFirings } from "./cron.ts";
import type { ScheduleId } from "../id.ts";
import { LATE_MS, MISSED_POLICIES, type MissedPolicy, planFirings, runIdOfFiring, SCHEDULE_LIMITS } from "./schedule.ts";

const at = (time: string) => Date.parse(`2026-05-04T${time}Z`);
const hourly = { cronExpression: "0 * * * *", timezone: "UTC" };
const plan = (onMissed: MissedPolicy, nextFireAt: string, now: string) => {
  const { fire, next } = planFirings({ ...hourly, onMissed, nextFireAt: at(nextFireAt) }, at(now));
  return [fire.map((instant) => new Date(instant).toISOString().slice(11, 16)), next && new Date(next).toISOString().slice(11, 16)];
};

describe("what a schedule owes", () => {
  it.each<[string, MissedPolicy, string, string, string[], string]>([
    ["nothing before its time", "run_latest", "10:00", "09:59:59.999", [], "10:00"],
    ["the firing at its time", "run_latest", "10:00", "10:00", ["10:00"], "11:00"],
    ["the firing a little later, also by skip", "skip", "10:00", "10:04:59.999", ["10:00"], "11:00"],
    ["nothing when skip finds it late", "skip", "10:00", "10:05", [], "11:00"],
    ["the last of several that were missed", "run_latest", "07:00", "10:30", ["10:00"], "11:00"],
    ["all that were missed, in order", "run_all", "07:00", "10:30", ["07:00", "08:00", "09:00", "10:00"], "11:00"],
    ["of those that were missed none by skip, but the one that is not late", "skip", "07:00", "10:01", ["10:00"], "11:00"],
  ])("%s", (_, onMissed, nextFireAt, now, fire, next) => expect(plan(onMissed, nextFireAt, now)).toEqual([fire, next]));

  it("is the last ten at most", () => {
    const week = planFirings({ ...hourly, onMissed: "run_all", nextFireAt: at("00:00") - 7 * 24 * 3_600_000 }, at("10:30"));
    expect(week.fire).toHaveLength(SCHEDULE_LIMITS.missedRuns);
    expect([week.fire[0], week.fire.at(-1)]).toEqual([at("01:00"), at("10:00")]);
  });

  it("is nothing while it is paused", () => {
    expect(planFirings({ ...hourly, onMissed: "run_all", nextFireAt: null }, at("10:00"))).toEqual({ fire: [], next: null });
  });

  it("is each firing at most once and as its policy says, whatever outages and repetitions there are", () => {
    const minutes = (max: number) => fc.integer({ min: 1, max }).map((count) => count * 60_000);
    // The cron trigger comes every minute, but for outages; a round may crash before the schedule is moved on.
    const rounds = fc.array(
      fc.record({ pause: fc.oneof({ weight: 4, arbitrary: minutes(3) }, { weight: 1, arbitrary: minutes(300) }), crashes: fc.boolean() }),
      {
        minLength: 1,
        maxLength: 30,
      },
    );
    const crons = fc.constantFrom("*/5 * * * *", "*/20 * * * *", "0 * * * *", "30 1,2,3 * * *", "15 2 * * *");
    const zones = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe");
    const begin = fc.integer({ min: Date.parse("2026-03-01"), max: Date.parse("2026-12-01") });
    fc.assert(
      fc.property(crons, zones, begin, fc.constantFrom(...MISSED_POLICIES), rounds, (cronExpression, timezone, from, onMissed, all) => {
        const timing = { cronExpression, timezone };
        const end = from + all.reduce((sum, { pause }) => sum + pause, 0);
        const firings = nextFirings(timing, from, Math.ceil((end - from) / LATE_MS) + 1);
        let nextFireAt: number | null = firings[0]!;
        let now = from;
        const runs = new Map<string, number>(); // run id → instant
        for (const { pause, crashes } of all) {
          now += pause;
          const owed = nextFireAt;
          const { fire, next } = planFirings({ ...timing, onMissed, nextFireAt }, now);
          const due = firings.filter((instant) => owed !== null && instant >= owed && instant <= now);
          const expected = {
            run_latest: due.slice(-1),
            run_all: due.slice(-SCHEDULE_LIMITS.missedRuns),
            skip: due.filter((instant) => now - instant < LATE_MS),
          }[onMissed];
          expect(fire).toEqual(expected);
          for (const instant of fire) {
            const runId = runIdOfFiring("wfs_01JAAAAAAAAAAAAAAAAAAAAAAA", instant);
            expect(runs.get(runId) ?? instant).toBe(instant); // another instant is another run
            runs.set(runId, instant);
          }
          if (crashes) continue; // the next round begins where this one did
          if (owed !== null && owed <= now) expect(next).toBe(firings.find((instant) => instant > now));
          nextFireAt = next;
        }
        expect(new Set(runs.values()).size).toBe(runs.size); // one run for each instant
      }),
      { numRuns: 50 },
    );
  });
});

describe("the run of a firing", () => {
  const [one, other]: ScheduleId[] = ["wfs_01JAAAAAAAAAAAAAAAAAAAAAAA", "wfs_01JAAAAAAAAAAAAAAAAAAAAAAB"];

  it("has an id that is the same every time, another for another time or schedule, and a ULID in form", () => {
    const id = runIdOfFiring(one!, at("10:00"));
    expect(id).toBe(runIdOfFiring(one!, at("10:00")));
    expect(id).toMatch(/^wr_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(decodeTime(id.slice(3))).toBe(at("10:00"));
    expect(new Set([id, runIdOfFiring(one!, at("11:00")), runIdOfFiring(other!, at("10:00"))]).size).toBe(3);
  });
});
