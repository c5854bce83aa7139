/** All that the object of a browser session keeps beside what its browser remembers, and what becomes of that. */
import {
  type BrowserSessionFacts,
  describeSessionEnd,
  FREE,
  leave,
  type Occupancy,
  occupy,
  profileOfSession,
  sessionEndsAt,
  type SessionStatus,
} from "./browser-session.ts";
import type { BrowserProfileId, BrowserSessionId, OrganizationId, RunId } from "../id.ts";
import type { HostPolicy } from "../outbound/outbound.ts";

/** How long the platform keeps a session's browser while nobody talks to it: the most that it may. */
export const SESSION_KEEP_ALIVE_MS = 600_000;

/** How often the session talks to it, well before that, and asks the run that uses it whether it still lives. */
export const LOOK_AFTER_MS = SESSION_KEEP_ALIVE_MS / 3;

/** What could not be done is tried again after this long. */
export const RETRY_MS = 10_000;

/** What its browser remembered is kept so long after its end, to make a profile of it. */
export const REMEMBERED_MS = 24 * 60 * 60 * 1000;

/** What a session is opened with. */
export interface SessionOpening {
  readonly organizationId: OrganizationId;
  readonly browserSessionId: BrowserSessionId;
  readonly timeoutMinutes: number;
  /** Where its first page begins; null for an empty one. */
  readonly url: string | null;
  /** What the organization may reach. */
  readonly hosts: HostPolicy;
  readonly warning: string | null;
  /** What its browser begins with. */
  readonly browserProfileId: BrowserProfileId | null;
  /** Is a profile made of it at its end? */
  readonly generateProfile: boolean;
}

export interface SessionRecord {
  readonly facts: BrowserSessionFacts;
  readonly occupancy: Occupancy;
  readonly hosts: HostPolicy;
  /** Where its first page begins, until there was one; null for an empty page. */
  readonly url: string | null;
  /** The platform's id of the browser; null while there is none. */
  readonly browserId: string | null;
  /** The page that the next run goes on with. */
  readonly mainTab: string | null;
  /** Is there still something of what its browser remembered? */
  readonly remembered: boolean;
  /** The last revision that the index has. */
  readonly told: number;
}

export function beginSession({ hosts, url, ...opening }: SessionOpening, now: number): SessionRecord {
  const times = { createdAt: now, startedAt: null, completedAt: null, modifiedAt: now };
  const facts: BrowserSessionFacts = { ...opening, status: "created", runId: null, ...times, revision: 1 };
  return { facts, occupancy: FREE, hosts, url, browserId: null, mainTab: null, remembered: true, told: 0 };
}

/** What the index shows of it; a change of that is news. */
function showing(record: SessionRecord, shown: Partial<BrowserSessionFacts>, now: number): SessionRecord {
  const { facts } = record;
  const isNews = Object.entries(shown).some(([field, value]) => facts[field as keyof BrowserSessionFacts] !== value);
  return isNews ? { ...record, facts: { ...facts, ...shown, modifiedAt: now, revision: facts.revision + 1 } } : record;
}

// --------------------------------------------------------------------------------------------------- who has the browser

/** A run asks for the browser. @returns also who is before it; null when it has the browser now */
export function occupied(
  record: SessionRecord,
  runId: RunId,
  now: number,
): { readonly record: SessionRecord; readonly behind: RunId | null } {
  const { occupancy, behind } = occupy(record.occupancy, runId, now);
  return { record: withOccupancy(record, occupancy, now), behind };
}

/** A run needs it no more, or waits no more. */
export function left(record: SessionRecord, runId: RunId, now: number): SessionRecord {
  return withOccupancy(record, leave(record.occupancy, runId), now);
}

function withOccupancy(record: SessionRecord, occupancy: Occupancy, now: number): SessionRecord {
  return showing({ ...record, occupancy }, { runId: occupancy.runId }, now);
}

// ------------------------------------------------------------------------------------------------------------ its browser

/** It has a browser. @param opened.warning what went wrong with its pages, if anything did */
export function withBrowser(
  record: SessionRecord,
  opened: { readonly browserId: string; readonly mainTab: string; readonly warning: string | null },
  now: number,
): SessionRecord {
  const { startedAt, warning } = record.facts;
  const restored = startedAt === null ? null : "The browser was lost, and another was opened with its last cookies, storage and pages.";
  const warnings = [restored ?? warning, opened.warning].filter((text) => text !== null);
  const { browserId, mainTab } = opened;
  const shown = { status: "running", startedAt: startedAt ?? now, warning: warnings.join(" ") || null } as const;
  return showing({ ...record, browserId, mainTab }, shown, now);
}

/** It has no browser at first, for this reason. */
export function withoutBrowserYet(record: SessionRecord, reason: string, now: number): SessionRecord {
  return record.facts.completedAt === null ? showing(record, { warning: `It has no browser yet: ${reason}` }, now) : record;
}

export function withMainTab(record: SessionRecord, mainTab: string): SessionRecord {
  return { ...record, mainTab };
}

/** The browser is gone: the next run gets another. */
export function withoutBrowser(record: SessionRecord): SessionRecord {
  return record.browserId === null ? record : { ...record, browserId: null, mainTab: null };
}

// ---------------------------------------------------------------------------------------------------------------- its end

/** The first end is final, whoever uses its browser: who has it may still leave it, and nobody else gets it. */
export function ended(record: SessionRecord, status: Extract<SessionStatus, "completed" | "timeout">, now: number): SessionRecord {
  if (hasEnded(record)) return record;
  const occupancy = { ...record.occupancy, waiting: [] };
  return showing({ ...record, occupancy }, { status, completedAt: now, runId: null }, now);
}

/** Its browser is ended, and who had it need not leave it any more. */
export function withBrowserEnded(record: SessionRecord): SessionRecord {
  return { ...withoutBrowser(record), occupancy: FREE };
}

export function hasEnded({ facts }: SessionRecord): boolean {
  return describeSessionEnd(facts) !== null;
}

/** Says whether a profile is to be made at its end. */
export function generatingProfile(record: SessionRecord, generateProfile: boolean, now: number): SessionRecord {
  return hasEnded(record) ? record : showing(record, { generateProfile }, now);
}

/** Is a profile to be made of it that has not been made? */
export function owesProfile({ facts: { completedAt, generateProfile, browserProfileId, browserSessionId } }: SessionRecord): boolean {
  return completedAt !== null && generateProfile && browserProfileId !== profileOfSession(browserSessionId);
}

/** The profile that it owed is made. */
export function withProfile(record: SessionRecord, now: number): SessionRecord {
  return showing(record, { browserProfileId: profileOfSession(record.facts.browserSessionId) }, now);
}

/** Is the time over in which a profile can be made of what its browser remembered? */
export function forgets({ remembered, facts: { completedAt } }: SessionRecord, now: number): boolean {
  return remembered && completedAt !== null && now >= completedAt + REMEMBERED_MS;
}

export function forgotten(record: SessionRecord): SessionRecord {
  return { ...record, remembered: false };
}

// -------------------------------------------------------------------------------------------------------- what it owes

/** The index has this revision. */
export function told(record: SessionRecord, revision: number): SessionRecord {
  return revision > record.told ? { ...record, told: revision } : record;
}

export function hasNews({ told: known, facts }: SessionRecord): boolean {
  return known < facts.revision;
}

/** For when its alarm is set; null when nothing is owed any more. */
export function wakesAt(record: SessionRecord, now: number): number | null {
  const { facts, browserId, remembered } = record;
  const times: number[] = [];
  if (facts.completedAt === null) times.push(sessionEndsAt(facts), now + LOOK_AFTER_MS);
  else if (remembered) times.push(facts.completedAt + REMEMBERED_MS);
  const isToBeOpened = facts.status === "created";
  const isToBeEnded = facts.completedAt !== null && browserId !== null;
  if (isToBeOpened || isToBeEnded || owesProfile(record) || hasNews(record)) times.push(now + RETRY_MS);
  return times.length === 0 ? null : Math.min(...times);
}
