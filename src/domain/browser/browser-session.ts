/** A browser that is kept open between runs, and which of them uses it. */
import { type BrowserProfileId, type BrowserSessionId, ID_PREFIXES, type OrganizationId, type RunId } from "../id.ts";

/** Skyvern's words. `created`: it has no browser yet. The last three are final. */
export const SESSION_STATUSES = ["created", "running", "completed", "failed", "timeout"] as const;
export type SessionStatus = (typeof SESSION_STATUSES)[number];

/** In minutes; Skyvern's. More than `max` counts as `max`. */
export const SESSION_TIMEOUT = { min: 5, default: 60, max: 240 } as const;

/** How many an organization may have open at a time. */
export const MAX_OPEN_SESSIONS = 20;

/** A session as its object tells of it. Times in milliseconds since the epoch. */
export interface BrowserSessionFacts {
  readonly browserSessionId: BrowserSessionId;
  readonly organizationId: OrganizationId;
  readonly status: SessionStatus;
  readonly timeoutMinutes: number;
  /** The profile that its browser began with, or that was made of it at its end. */
  readonly browserProfileId: BrowserProfileId | null;
  /** Is a profile made of it at its end? */
  readonly generateProfile: boolean;
  /** The run that uses it now. */
  readonly runId: RunId | null;
  /** What its owner should know: how it differs from what was asked for, or what has happened to its browser. */
  readonly warning: string | null;
  readonly createdAt: number;
  /** When it first had a browser. */
  readonly startedAt: number | null;
  /** Set exactly when the status is final. */
  readonly completedAt: number | null;
  readonly modifiedAt: number;
  /** Counts the changes: a later one is never overwritten by an earlier. */
  readonly revision: number;
}

/** When it ends by itself. It counts from its making, also while no browser is to be had. */
export function sessionEndsAt({ createdAt, timeoutMinutes }: Pick<BrowserSessionFacts, "createdAt" | "timeoutMinutes">): number {
  return createdAt + timeoutMinutes * 60_000;
}

/** The profile that is made of a session at its end: the same however often it is tried. */
export function profileOfSession(browserSessionId: BrowserSessionId): BrowserProfileId {
  return `bp_${browserSessionId.slice(ID_PREFIXES.browserSession.length + 1)}`;
}

/** Why nobody can use it any more; null while they can. */
export function describeSessionEnd({ browserSessionId, status }: Pick<BrowserSessionFacts, "browserSessionId" | "status">): string | null {
  switch (status) {
    case "completed":
      return `The browser session ${browserSessionId} was closed.`;
    case "timeout":
      return `The browser session ${browserSessionId} has timed out.`;
    case "failed":
      return `The browser session ${browserSessionId} has failed.`;
    default:
      return null;
  }
}

/** Who has the browser, and who has asked for it meanwhile, the first first. */
export interface Occupancy {
  readonly runId: RunId | null;
  readonly waiting: readonly { readonly runId: RunId; readonly askedAt: number }[];
}
export const FREE: Occupancy = { runId: null, waiting: [] };

/** A run that waits asks again this often. */
export const ASK_SESSION_MS = 3_000;

/** One that has not asked for so long does not wait any more. */
const FORGET_WAITING_MS = 4 * ASK_SESSION_MS;

/**
 * A run asks for the browser: runs get it one at a time, in the order in which they asked first.
 * @returns who is before it; null when it has the browser now
 */
export function occupy(
  { runId: holder, waiting }: Occupancy,
  runId: RunId,
  now: number,
): { readonly occupancy: Occupancy; readonly behind: RunId | null } {
  const others = waiting.filter((other) => other.runId !== runId && now - other.askedAt < FORGET_WAITING_MS);
  if (holder === runId) return { occupancy: { runId, waiting: others }, behind: null };
  const place = waiting.findIndex((other) => other.runId === runId);
  const before = place === -1 ? others : others.filter((other) => waiting.indexOf(other) < place);
  const behind = holder ?? before[0]?.runId ?? null;
  if (behind === null) return { occupancy: { runId, waiting: others }, behind };
  const asked = { runId, askedAt: now };
  return { occupancy: { runId: holder, waiting: [...before, asked, ...others.filter((other) => !before.includes(other))] }, behind };
}

/** A run needs it no more, or waits no more. */
export function leave({ runId: holder, waiting }: Occupancy, runId: RunId): Occupancy {
  return { runId: holder === runId ? null : holder, waiting: waiting.filter((other) => other.runId !== runId) };
}
