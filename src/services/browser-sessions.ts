import { z } from "zod";
import { type BrowserSessionFacts, MAX_OPEN_SESSIONS, SESSION_TIMEOUT } from "../domain/browser/browser-session.ts";
import { type Fault, invalidInput, ServiceError } from "../domain/error.ts";
import { type BrowserSessionId, isId, type RunId } from "../domain/id.ts";
import type { Organization } from "../domain/organization.ts";
import { checkOutboundUrl } from "../domain/outbound/outbound.ts";
import type { BrowserSessionObject, BrowserSessionObjects, BrowserSessions } from "../ports/browser-sessions.ts";
import type { BrowserProfiles } from "../ports/browser-profiles.ts";
import type { Clock } from "../ports/clock.ts";
import type { IdempotencyKeys } from "../ports/idempotency-keys.ts";
import type { Ids } from "../ports/ids.ts";
import type { Page } from "../ports/page.ts";
import type { ListedRun, RunIndex } from "../ports/run-index.ts";
import { profileOf } from "./run-profile.ts";
import { once } from "./idempotency.ts";
import type { FoundPage, PageRequest } from "./paging.ts";
import { listRuns } from "./run-lists.ts";

/** How long opening waits for the browser before it answers `created`. */
const OPEN_WAIT_MS = 25_000;

/** Fields that are read for Skyvern's sake, and why they do nothing. */
const UNUSED = {
  proxy_location: "there are no proxies: a browser goes out where it runs",
  proxy_session_id: "there are no proxies",
  extensions: "there are no browser extensions",
  browser_type: "the browser is Chromium",
} as const;
const unused = (field: keyof typeof UNUSED) => `Has no effect: ${UNUSED[field]}.`;

export const sessionRequestSchema = z.strictObject({
  url: z.string().max(4_000).nullish().describe("Where its first page begins; an empty page when absent."),
  timeout: z
    .int()
    .min(SESSION_TIMEOUT.min)
    .nullish()
    .describe(
      `Minutes until it is closed by itself: ${SESSION_TIMEOUT.default} when absent; more than ${SESSION_TIMEOUT.max} counts as that.`,
    ),
  proxy_location: z.json().optional().describe(unused("proxy_location")),
  proxy_session_id: z.string().nullish().describe(unused("proxy_session_id")),
  extensions: z.array(z.string()).max(20).nullish().describe(unused("extensions")),
  browser_type: z.string().nullish().describe(unused("browser_type")),
  browser_profile_id: z.string().nullish().describe("The profile that its browser begins with (`bp_…`)."),
  generate_browser_profile: z
    .boolean()
    .nullish()
    .describe("Make a profile of what its browser remembers when the session ends; `browser_profile_id` names it then."),
  needs_live_view: z.boolean().nullish().describe("Skyvern's; nothing has to be said for it here."),
});

export const sessionChangesSchema = z.strictObject({
  generate_browser_profile: z.boolean().describe("Make a profile of what its browser remembers when the session ends."),
});

export interface BrowserSessionDeps {
  readonly sessions: BrowserSessionObjects;
  readonly browserSessions: BrowserSessions;
  readonly browserProfiles: BrowserProfiles;
  readonly runIndex: RunIndex;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly idempotencyKeys: IdempotencyKeys;
}

/**
 * Opens a session and waits for its browser; one that has to wait for longer is `created`, and gets it when there is one.
 * @throws ServiceError `invalid_input`, `limit_exceeded`, `idempotency_mismatch`
 */
export async function openBrowserSession(
  deps: BrowserSessionDeps,
  organization: Organization,
  wanted: z.infer<typeof sessionRequestSchema>,
  idempotencyKey: string | null,
): Promise<BrowserSessionFacts> {
  const { organizationId, allowedHosts, deniedHosts, onlyHosts } = organization;
  const url = wanted.url?.trim() || null;
  const refusal = url === null ? null : checkOutboundUrl(url, organization);
  const faults: Fault[] = refusal === null ? [] : [{ ...refusal, path: "url" }];
  const browserProfileId = await profileOf(deps, organizationId, wanted.browser_profile_id, faults);
  if (faults.length > 0) throw invalidInput("The request is not valid", faults);
  const request = z.json().parse(JSON.parse(JSON.stringify(wanted)));
  const keyed = { organizationId, scope: "open_browser_session", key: idempotencyKey, request, newId: deps.ids.next("browserSession") };
  return await once(deps, keyed, async (browserSessionId) => {
    const open = await deps.browserSessions.open(organizationId, MAX_OPEN_SESSIONS);
    if (open.length >= MAX_OPEN_SESSIONS && !open.some((session) => session.browserSessionId === browserSessionId))
      throw new ServiceError("limit_exceeded", `${MAX_OPEN_SESSIONS} browser sessions are open, which is the limit. Close one first.`, {
        extra: { retry_after: 60 },
      });
    const timeoutMinutes = Math.min(wanted.timeout ?? SESSION_TIMEOUT.default, SESSION_TIMEOUT.max);
    const opening = {
      organizationId,
      browserSessionId,
      timeoutMinutes,
      url,
      hosts: { allowedHosts, deniedHosts, onlyHosts },
      warning: warningOf(wanted),
      browserProfileId,
      generateProfile: wanted.generate_browser_profile ?? false,
    };
    return await deps.sessions.get(organizationId, browserSessionId).open(opening, OPEN_WAIT_MS);
  });
}

/** Those that have not ended, the newest first. */
export async function listOpenSessions(
  deps: Pick<BrowserSessionDeps, "browserSessions">,
  { organizationId }: Organization,
): Promise<BrowserSessionFacts[]> {
  return await deps.browserSessions.open(organizationId, MAX_OPEN_SESSIONS);
}

/** All, the newest first. */
export async function listSessionHistory(
  deps: Pick<BrowserSessionDeps, "browserSessions">,
  { organizationId }: Organization,
  page: Page,
): Promise<BrowserSessionFacts[]> {
  return await deps.browserSessions.list(organizationId, page);
}

/** @throws ServiceError `not_found` */
export async function readBrowserSession(
  deps: Pick<BrowserSessionDeps, "sessions">,
  organization: Organization,
  id: string,
): Promise<BrowserSessionFacts> {
  return (await objectOf(deps, organization, id).describe()) ?? noSession(id);
}

/** Says whether a profile is made of it at its end. @throws ServiceError `not_found`; `conflict` when it has ended */
export async function changeBrowserSession(
  deps: Pick<BrowserSessionDeps, "sessions">,
  organization: Organization,
  id: string,
  { generate_browser_profile: generateProfile }: z.infer<typeof sessionChangesSchema>,
): Promise<BrowserSessionFacts> {
  const answer = (await objectOf(deps, organization, id).change({ generateProfile })) ?? noSession(id);
  if (!answer.changed) throw new ServiceError("conflict", `The browser session ${id} has ended: ${answer.facts.status}.`);
  return answer.facts;
}

/** Ends its browser, whoever uses it. One that has ended stays as it is. @throws ServiceError `not_found` */
export async function closeBrowserSession(
  deps: Pick<BrowserSessionDeps, "sessions">,
  organization: Organization,
  id: string,
): Promise<BrowserSessionFacts> {
  return (await objectOf(deps, organization, id).close()) ?? noSession(id);
}

/** The runs that used it, the newest first. @throws ServiceError `not_found` */
export async function listSessionRuns(
  deps: Pick<BrowserSessionDeps, "sessions" | "runIndex">,
  organization: Organization,
  id: string,
  page: PageRequest<RunId>,
): Promise<FoundPage<ListedRun, RunId>> {
  const { browserSessionId } = await readBrowserSession(deps, organization, id);
  return await listRuns(deps, organization, { browserSessionId }, page);
}

// ---------------------------------------------------------------------------------------------------------------

/** How a session differs from what was asked for. */
function warningOf(wanted: z.infer<typeof sessionRequestSchema>): string | null {
  const isSet = (field: keyof typeof UNUSED) => {
    const value = wanted[field] ?? null;
    return value !== null && value !== "NONE" && !(Array.isArray(value) && value.length === 0);
  };
  const ignored = (Object.keys(UNUSED) as (keyof typeof UNUSED)[])
    .filter(isSet)
    .map((field) => `"${field}" has no effect: ${UNUSED[field]}.`);
  const clamped = (wanted.timeout ?? 0) > SESSION_TIMEOUT.max ? [`The timeout is ${SESSION_TIMEOUT.max} minutes, which is the most.`] : [];
  return [...clamped, ...ignored].join(" ") || null;
}

function objectOf({ sessions }: Pick<BrowserSessionDeps, "sessions">, { organizationId }: Organization, id: string): BrowserSessionObject {
  return sessions.get(organizationId, requireSessionId(id));
}

/** What has not the form of an id names no session. */
function requireSessionId(id: string): BrowserSessionId {
  return isId("browserSession", id) ? id : noSession(id);
}

function noSession(id: string): never {
  const shown = id.slice(0, 100);
  const faults: Fault[] = [{ path: "browser_session_id", message: `"${shown}" is not the id of a browser session`, code: "invalid_value" }];
  throw new ServiceError("not_found", `There is no browser session ${shown}. GET /v1/browser_sessions lists those that are open.`, {
    faults,
  });
}
