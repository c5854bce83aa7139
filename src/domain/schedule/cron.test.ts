import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cronFaults, lastFirings, MIN_INTERVAL_MINUTES, nextFirings, timeZoneFault } from "./cron.ts";

const at = (text: string) => Date.parse(text.length === 16 ? `${text}Z` : text);
const times = (instants: readonly number[]) => instants.map((instant) => new Date(instant).toISOString().slice(0, 16));

describe("an expression", () => {
  it.each([
    "0 9 * * *",
    "*/5 * * * *",
    "5/10 * * * *",
    "0,30 8-18 * * MON-FRI",
    "0 0 1 JAN,jul ?",
    "0 0 L * *",
    "0 0 * * fri#2",
    "0 0 * * 5L",
    "0 0 29 2 *",
    "0 0 * * 7",
    "0 0 * * sat-sun",
    "  15   3 *  * * ",
    "0 0-20/5 */2 * *",
    "0,55 * * * *",
  ])("may be %s", (expression) => expect(cronFaults(expression)).toEqual([]));

  it.each([
    ["", "must have 5 fields (minute, hour, day of month, month, day of week), and has 0"],
    ["@daily", "must have 5 fields (minute, hour, day of month, month, day of week), and has 1"],
    ["0 0 9 * * *", "must have 5 fields (minute, hour, day of month, month, day of week), and has 6"],
    ["60 * * * *", 'the minute "60" must be from 0 to 59'],
    ["0 24 * * *", 'the hour "24" must be from 0 to 23'],
    ["0 0 0 * *", 'the day of month "0" must be from 1 to 31'],
    ["0 0 * 13 *", 'the month "13" must be from 1 to 12, or JAN to DEC'],
    ["0 0 * * fry", 'the day of week "fry" must be from 0 to 7, or SUN to SAT'],
    ["0 0 * * 8", 'the day of week "8" must be from 0 to 7, or SUN to SAT'],
    ["0 0 * * fri#6", 'the day of week "fri#6" cannot be read'],
    ["*/0 * * * *", 'the minute "*/0" has the step 0, which must be from 1 to 59'],
    ["*/60 * * * *", 'the minute "*/60" has the step 60, which must be from 1 to 59'],
    ["0 22-2 * * *", 'the hour "22-2" runs backwards'],
    ["0 *-5 * * *", 'the hour "*-5" cannot be read: a range has a number on both sides'],
    ["1,,2 * * * *", 'the minute "" cannot be read'],
    ["? * * * *", 'the minute "?" must be from 0 to 59'],
    ["0 0 15W * *", 'the day of month "15W" must be from 1 to 31'],
    ["0 0 30 2 *", "never fires: there is no such day"],
    ["* * * * *", "fires every minute: two firings must be at least 5 minutes apart"],
    ["*/4 * * * *", "fires 4 minutes apart: two firings must be at least 5 minutes apart"],
    ["*/7 * * * *", "fires 4 minutes apart"], // 56 and the next hour's 0
    ["0,3 9 * * *", "fires 3 minutes apart"],
    ["1,58 0,23 * * *", "fires 3 minutes apart"], // over midnight
  ])("may not be %j", (expression, message) => {
    const faults = cronFaults(expression);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(message);
  });

  it("names the fault of every field", () => {
    expect(cronFaults("61 25 * * mo")).toEqual([
      'the minute "61" must be from 0 to 59',
      'the hour "25" must be from 0 to 23',
      'the day of week "mo" must be from 0 to 7, or SUN to SAT',
    ]);
  });

  it("is refused with a sentence, never an exception, whatever it is", () => {
    const pieces = fc.constantFrom("*", "/", "-", ",", "#", "L", "?", "W", "mon", "jan", "0", "1", "5", "07", "59", "99999", " ", "+", "é");
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces, { maxLength: 20 }).map((all) => all.join("")),
        ),
        (text) => {
          const faults = cronFaults(text);
          if (faults.length === 0) expect(nextFirings({ cronExpression: text, timezone: "UTC" }, 0, 1)).toHaveLength(1);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("a time zone", () => {
  it.each(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Etc/GMT+5"])("may be %s", (name) =>
    expect(timeZoneFault(name)).toBeNull(),
  );

  it.each([
    ["Europe/Berln", 'did you mean "Europe/Berlin"?'],
    ["America/NewYork", 'did you mean "America/New_York"?'],
    ["UCT+1", "is no time zone that is known"],
    ["+02:00", "is no time zone that is known"],
    ["", "is no time zone that is known"],
  ])("may not be %j", (name, message) => expect(timeZoneFault(name)).toContain(message));
});

describe("when clocks change", () => {
  it.each([
    // A time of the day that is skipped fires when the clock has jumped.
    ["30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:30"]],
    ["15,45 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-29T01:00", "2026-03-30T00:15", "2026-03-30T00:45"]],
    ["30 2 * * *", "America/New_York", "2026-03-07T12:00", ["2026-03-08T07:00", "2026-03-09T06:30"]],
    ["15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", ["2026-10-03T15:30", "2026-10-04T15:15"]], // by half an hour
    // One that comes twice fires the first time.
    ["30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]],
    ["30 1-3 * * *", "Europe/Berlin", "2026-10-24T12:00", ["2026-10-24T23:30", "2026-10-25T00:30", "2026-10-25T02:30"]],
    ["30 1 * * *", "America/New_York", "2026-10-31T12:00", ["2026-11-01T05:30", "2026-11-02T06:30"]],
    ["45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00", ["2026-04-04T14:45", "2026-04-05T15:15"]],
    // An interval goes on as time does.
    ["30 * * * *", "Europe/Berlin", "2026-10-24T23:00", ["2026-10-24T23:30", "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"]],
    ["30 * * * *", "Europe/Berlin", "2026-03-29T00:00", ["2026-03-29T00:30", "2026-03-29T01:30"]],
    ["*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["2026-03-30T00:00", "2026-03-30T00:30"]],
    ["*/30 * * * *", "Australia/Lord_Howe", "2026-04-04T14:31", ["2026-04-04T15:00", "2026-04-04T15:30", "2026-04-04T16:00"]],
    // Nothing changes there.
    ["30 2 * * *", "UTC", "2026-03-28T12:00", ["2026-03-29T02:30", "2026-03-30T02:30"]],
    ["30 1 * * *", "Asia/Kolkata", "2026-10-24T12:00", ["2026-10-24T20:00", "2026-10-25T20:00"]],
  ])("%s in %s after %s", (cronExpression, timezone, after, expected) => {
    const timing = { cronExpression, timezone };
    const found = nextFirings(timing, at(after), expected.length);
    expect(times(found)).toEqual(expected);
    expect(times(lastFirings(timing, { from: 0, until: found.at(-1)!, count: expected.length }))).toEqual(expected); // the way back is the same
  });

  it.each([
    ["0 0 L * *", "2026-01-31T12:00", ["2026-02-28T00:00", "2026-03-31T00:00"]],
    ["0 0 * * FRI#2", "2026-01-01T00:00", ["2026-01-09T00:00", "2026-02-13T00:00"]],
    ["0 0 * * friL", "2026-01-01T00:00", ["2026-01-30T00:00", "2026-02-27T00:00"]],
    [
      "0 0 13 * 5",
      "2026-02-06T00:00",
      ["2026-02-13T00:00", "2026-02-20T00:00", "2026-02-27T00:00", "2026-03-06T00:00", "2026-03-13T00:00"],
    ],
    ["0 0 * * sat-sun", "2026-01-01T00:00", ["2026-01-03T00:00", "2026-01-04T00:00", "2026-01-10T00:00"]],
    ["5/20 0 * * *", "2026-01-01T00:00", ["2026-01-01T00:05", "2026-01-01T00:25", "2026-01-01T00:45", "2026-01-02T00:05"]],
    ["0 0 29 2 *", "2026-01-01T00:00", ["2028-02-29T00:00", "2032-02-29T00:00"]],
  ])("%s means in UTC after %s", (cronExpression, after, expected) =>
    expect(times(nextFirings({ cronExpression, timezone: "UTC" }, at(after), expected.length))).toEqual(expected),
  );
});

/** Values of a field, written as a list, and as the set that the test compares with. */
const field = (min: number, max: number) =>
  fc.oneof(
    fc.constant({ text: "*", has: () => true, any: true }),
    fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 }).map((values) => ({
      text: values.join(","),
      has: (value: number) => values.includes(value),
      any: false,
    })),
  );

const ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "America/Sao_Paulo"];

const anyCron = fc
  .record({ minute: field(0, 59), hour: field(0, 23), day: field(1, 28), month: field(1, 12), weekday: field(0, 6) })
  .map((fields) => ({
    ...fields,
    cronExpression: Object.values(fields)
      .map(({ text }) => text)
      .join(" "),
  })) // prettier-ignore
  .filter(({ cronExpression }) => cronFaults(cronExpression).length === 0);

const anyInstant = fc.integer({ min: at("2020-01-01T00:00"), max: at("2035-01-01T00:00") });

const CLOCKS = new Map(
  ZONES.map((timeZone) => [
    timeZone,
    new Intl.DateTimeFormat("en-GB", { timeZone, dateStyle: "short", timeStyle: "short", hourCycle: "h23" }),
  ]),
);

/** What clocks in the zone show. */
function wallClock(instant: number, timeZone: string) {
  const format = CLOCKS.get(timeZone)!;
  const [day = 0, month = 0, year = 0, hour = 0, minute = 0] = format.format(instant).split(/\D+/).map(Number);
  return { minute, hour, day, month, weekday: new Date(Date.UTC(year, month - 1, day)).getUTCDay(), text: format.format(instant) };
}

describe("the next times", () => {
  it("come one after the other, each matches the expression in its zone, and none that matches is left out", () => {
    fc.assert(
      fc.property(anyCron, fc.constantFrom(...ZONES), anyInstant, ({ cronExpression, ...cron }, timezone, after) => {
        const found = nextFirings({ cronExpression, timezone }, after, 6);
        const matches = (instant: number) => {
          const clock = wallClock(instant, timezone);
          const dayMatches =
            cron.day.any || cron.weekday.any
              ? cron.day.has(clock.day) && cron.weekday.has(clock.weekday)
              : cron.day.has(clock.day) || cron.weekday.has(clock.weekday);
          return cron.minute.has(clock.minute) && cron.hour.has(clock.hour) && cron.month.has(clock.month) && dayMatches;
        };
        let last = after;
        for (const instant of found) {
          expect(instant).toBeGreaterThan(last);
          // Right after a jump of the clock it stands for a time that was skipped.
          const jumped = minutesOf(wallClock(instant, timezone)) - minutesOf(wallClock(instant - 60_000, timezone)) !== 1;
          expect(matches(instant) || jumped, `${cronExpression} ${timezone} ${new Date(instant).toISOString()}`).toBe(true);
          last = instant;
        }
        // By the minute for a day: whatever matches was found, or repeats a time of the same day that was.
        const end = Math.min(after + 24 * 3_600_000, found.at(-1) ?? Number.POSITIVE_INFINITY);
        for (let minute = Math.floor(after / 60_000) + 1; minute * 60_000 < end; minute += 1) {
          const instant = minute * 60_000;
          if (!matches(instant) || found.includes(instant)) continue;
          const shown = wallClock(instant, timezone).text;
          const earlier = Array.from({ length: 120 }, (_, index) => instant - (index + 1) * 60_000);
          expect(
            earlier.some((before) => wallClock(before, timezone).text === shown),
            `${cronExpression} ${timezone} ${shown}`,
          ).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("are the same when they are looked for backwards", () => {
    fc.assert(
      fc.property(anyCron, fc.constantFrom(...ZONES), anyInstant, ({ cronExpression }, timezone, after) => {
        const timing = { cronExpression, timezone };
        const found = nextFirings(timing, after, 8);
        expect(lastFirings(timing, { from: after + 1, until: found.at(-1)! + 59_999, count: 100 })).toEqual(found);
      }),
      { numRuns: 200 },
    );
  });

  it("are at least five minutes apart, but for the jump of a clock", () => {
    fc.assert(
      fc.property(anyCron, anyInstant, ({ cronExpression }, after) => {
        const found = nextFirings({ cronExpression, timezone: "UTC" }, after, 10);
        for (const [index, instant] of found.slice(1).entries())
          expect(instant - found[index]!).toBeGreaterThanOrEqual(MIN_INTERVAL_MINUTES * 60_000);
      }),
      { numRuns: 200 },
    );
  });
});

function minutesOf({ hour, minute }: { hour: number; minute: number }): number {
  return (hour * 60 + minute) % (24 * 60) === 0 ? 24 * 60 : hour * 60 + minute;
}
