/**
 * Cron expressions of five fields, and the instants that they name in a time zone. The fields are checked here, so that a fault names its
 * field; croner (DST-correct, no `eval`) finds the instants.
 *
 * When clocks change: an expression whose minutes and hours are plain numbers, lists or ranges (`30 2 * * *`) names times of the day. A time
 * that is skipped fires when the clock has jumped (02:30 at 03:00); a time that comes twice fires the first time. With a `*` or a `/` among
 * the minutes or hours (`0,30 * * * *`) it names an interval, which goes on as time does: both times that come twice fire, a skipped one does
 * not.
 */
import { Cron } from "croner";
import { nearestName } from "../json.ts";

/** An expression that passed `cronFaults`, and the name of a zone that passed `timeZoneFault`. */
export interface Timing {
  readonly cronExpression: string;
  readonly timezone: string;
}

/** Two firings of a schedule are at least this far apart (Skyvern's rule). */
export const MIN_INTERVAL_MINUTES = 5;

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** In their order, from `min` on. */
  readonly names?: readonly string[];
  /** A further form of an item, as croner reads it, or null. */
  readonly special?: (item: string) => string | null;
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const DAY_OF_WEEK: Field = {
  name: "day of week",
  min: 0,
  max: 7, // Sunday is 0 and 7
  names: DAYS,
  special: (item) => {
    const [, day = "", which] = /^(\w+?)(?:#([1-5])|L)$/i.exec(item) ?? [];
    const number = numberIn(day, DAY_OF_WEEK);
    return number === null ? null : `${number % 7}#${which ?? "L"}`;
  },
};

const FIELDS: readonly Field[] = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31, special: (item) => (/^L$/i.test(item) ? "L" : null) },
  { name: "month", min: 1, max: 12, names: MONTHS },
  DAY_OF_WEEK,
];

/**
 * What is wrong with an expression; empty when it can be used. It may have `*`, numbers, names (`MON`, `JAN`), lists, ranges and steps, `L` for
 * the last day of the month, `FRI#2` for the second Friday and `FRIL` for the last. Where both days are restricted, either suffices.
 */
export function cronFaults(expression: string): string[] {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== FIELDS.length)
    return [`must have 5 fields (minute, hour, day of month, month, day of week), and has ${expression.trim() === "" ? 0 : parts.length}`];
  const read = readFields(parts);
  const faults = read.flatMap((field) => ("fault" in field ? [field.fault] : []));
  if (faults.length > 0) return faults;
  const [minutes = [], hours = []] = read.map((field) => ("values" in field ? field.values : []));
  const gap = smallestGap(minutes, hours);
  if (gap < MIN_INTERVAL_MINUTES)
    return [
      `fires ${gap === 1 ? "every minute" : `${gap} minutes apart`}: two firings must be at least ${MIN_INTERVAL_MINUTES} minutes apart`,
    ];
  return nextFirings({ cronExpression: expression, timezone: "UTC" }, 0, 1).length === 0 ? ["never fires: there is no such day"] : [];
}

/** What is wrong with the name of a time zone (IANA's); null when it is known. */
export function timeZoneFault(name: string): string | null {
  if (/^[A-Za-z]/.test(name) && isTimeZone(name)) return null;
  const near = nearestName(name, [...Intl.supportedValuesOf("timeZone"), "UTC"]);
  return `is no time zone that is known${near === undefined ? ", such as Europe/Berlin or UTC" : `; did you mean "${near}"?`}`;
}

/** The next `count` instants after `after`, in milliseconds since the epoch, in order; fewer when there are no more. */
export function nextFirings(timing: Timing, after: number, count: number): number[] {
  return open(timing).nextRuns(count, new Date(after)).map(Number);
}

/** The last `count` instants from `from` to `until`, both included, in order. */
export function lastFirings(timing: Timing, { from, until, count }: { from: number; until: number; count: number }): number[] {
  const cron = open(timing);
  const found: number[] = [];
  let behind = Math.floor(until / 1_000) * 1_000 + 1_000; // croner looks before this, in whole seconds
  while (found.length < count && behind > from) {
    const [before] = cron.previousRuns(1, new Date(behind)).map(Number);
    if (before === undefined || before < from) break;
    found.unshift(before);
    behind = before;
  }
  return found;
}

// ---------------------------------------------------------------------------------------------------------------

function open({ cronExpression, timezone }: Timing): Cron {
  const fields = readFields(cronExpression.trim().split(/\s+/));
  const pattern = fields.map((field) => ("fault" in field ? "" : field.pattern)).join(" ");
  return new Cron(pattern, { timezone, mode: "5-part", fixedTimeRule: "no-wildcard" });
}

/** A field as croner reads it; `values` are all that an hour or a minute can be. */
type ReadField = { readonly pattern: string; readonly values: readonly number[] } | { readonly fault: string };

function readFields(parts: readonly string[]): ReadField[] {
  return FIELDS.map((field, index): ReadField => {
    const items = (parts[index] ?? "").split(",").map((item) => readItem(item, field));
    const wrong = items.find((item) => "fault" in item);
    if (wrong !== undefined && "fault" in wrong) return wrong;
    const read = items.flatMap((item) => ("fault" in item ? [] : [item]));
    const values = [...new Set(read.flatMap((item) => item.values))].toSorted((a, b) => a - b);
    return { pattern: read.map((item) => item.pattern).join(","), values };
  });
}

/** `*`, `5`, `5-10`, each perhaps with `/step`; names where the field has them. */
function readItem(item: string, field: Field): ReadField {
  const special = field.special?.(item) ?? null;
  if (special !== null) return { pattern: special, values: [] };
  const { name, min, max, names } = field;
  const fault = (message: string): ReadField => ({ fault: `the ${name} "${item}" ${message}` });
  const [, from = "", to, stepText] = /^(\*|\?|\w+)(?:-(\w+))?(?:\/(\d{1,4}))?$/.exec(item) ?? [];
  const words = names === undefined ? "" : `, or ${names[0]!.toUpperCase()} to ${names.at(-1)!.toUpperCase()}`;
  const wanted = `must be from ${min} to ${max}${words}`;
  if (from === "") return fault(`cannot be read: write a number, *, a range (a-b) or a step (*/n), or several with commas; it ${wanted}`);
  const any = from === "*" || (from === "?" && stepText === undefined && /day/.test(name));
  if (any && to !== undefined) return fault("cannot be read: a range has a number on both sides");
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1 || step > max) return fault(`has the step ${step}, which must be from 1 to ${max}`);
  const first = any ? min : numberIn(from, field);
  const single = to === undefined && stepText === undefined;
  const last = any || (to === undefined && !single) ? max : to === undefined ? first : lastOfRange(to, field);
  if (first === null || last === null) return fault(wanted);
  if (first > last) return fault("runs backwards: write it as two ranges with a comma");
  const values = Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => first + index * step);
  const range = any ? "*" : single ? String(first) : `${first}-${last}`;
  return { pattern: stepText === undefined ? range : `${range}/${step}`, values };
}

function numberIn(text: string, { min, max, names = [] }: Field): number | null {
  const named = names.indexOf(text.toLowerCase());
  const number = named >= 0 ? min + named : /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return number >= min && number <= max ? number : null;
}

/** A range of days may end on `SUN`, which is then the seventh. */
function lastOfRange(text: string, field: Field): number | null {
  return field === DAY_OF_WEEK && text.toLowerCase() === "sun" ? 7 : numberIn(text, field);
}

/** Between two firings of a day, or of one day and the next, in minutes. Days are not looked at: a gap over midnight counts for each day. */
function smallestGap(minutes: readonly number[], hours: readonly number[]): number {
  const ofDay = hours.flatMap((hour) => minutes.map((minute) => hour * 60 + minute));
  const gaps = ofDay.map((minute, index) => (ofDay[index + 1] ?? ofDay[0]! + 24 * 60) - minute);
  return Math.min(...gaps);
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false; // RangeError: there is none of this name
  }
}
