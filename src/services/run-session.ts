import { describeSessionEnd } from "../domain/browser/browser-session.ts";
import { type Fault, ServiceError } from "../domain/error.ts";
import { type BrowserSessionId, isId, type OrganizationId, type RunId } from "../domain/id.ts";
import type { Json } from "../domain/json.ts";
import type { BrowserSessionObjects } from "../ports/browser-sessions.ts";
import type { RunObjects } from "../ports/run-objects.ts";

/**
 * The session whose browser a run is to use. Whether it is free is asked here for the caller's sake only: a run that finds it taken later waits.
 * @param mayWait false refuses a session that another run uses; one that has ended lets go of it in a moment, and is no reason
 * @returns undefined when the request names none, or none that can be used, which `faults` is told
 * @throws ServiceError conflict
 */
export async function sessionOf(
  { sessions, runs }: { readonly sessions: BrowserSessionObjects; readonly runs: RunObjects },
  organizationId: OrganizationId,
  {
    request,
    runId,
    mayWait,
  }: { readonly request: { readonly browser_session_id?: Json }; readonly runId: RunId; readonly mayWait: boolean },
  faults: Fault[],
): Promise<{ readonly sessionId: BrowserSessionId } | undefined> {
  const id = request.browser_session_id;
  if (typeof id !== "string") return undefined;
  const refuse = (message: string) => void faults.push({ path: "browser_session_id", message, code: "invalid_value" });
  const facts = isId("browserSession", id) ? await sessions.get(organizationId, id).describe() : null;
  if (facts === null) return refuse(`there is no browser session ${id.slice(0, 100)}`);
  const ended = describeSessionEnd(facts);
  if (ended !== null) return refuse(ended);
  if (!mayWait && facts.runId !== null && facts.runId !== runId && (await runs.get(organizationId, facts.runId).wake()))
    throw new ServiceError(
      "conflict",
      `The browser session ${facts.browserSessionId} is used by the run ${facts.runId}. It is free when that has ended.`,
    );
  return { sessionId: facts.browserSessionId };
}
