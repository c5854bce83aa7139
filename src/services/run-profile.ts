import type { Fault } from "../domain/error.ts";
import { type BrowserProfileId, isId, type OrganizationId, type WorkflowId } from "../domain/id.ts";
import type { Json, JsonObject } from "../domain/json.ts";
import type { RunMemory } from "../domain/run/run.ts";
import type { WorkflowDefinition } from "../domain/workflow/check-definition.ts";
import type { BrowserProfiles } from "../ports/browser-profiles.ts";

/** A profile that is named; null when none is, or none that there is, which `faults` is told. */
export async function profileOf(
  { browserProfiles }: { readonly browserProfiles: Pick<BrowserProfiles, "get"> },
  organizationId: OrganizationId,
  id: Json | undefined,
  faults: Fault[],
): Promise<BrowserProfileId | null> {
  if (typeof id !== "string" || id.trim() === "") return null;
  const profile = isId("browserProfile", id) ? await browserProfiles.get(organizationId, id) : null;
  if (profile === null)
    faults.push({ path: "browser_profile_id", message: `there is no browser profile ${id.slice(0, 100)}`, code: "invalid_value" });
  return profile?.browserProfileId ?? null;
}

/**
 * What the browser of a run begins with, and where what it remembers is kept. A session's browser remembers by itself.
 * @param key which of a workflow's memories, filled in; null for the one that all its runs share
 */
export async function runMemory(
  deps: { readonly browserProfiles: Pick<BrowserProfiles, "get"> },
  organizationId: OrganizationId,
  workflowId: WorkflowId,
  { remembering }: Pick<WorkflowDefinition, "remembering">,
  { request, hasSession, key }: { readonly request: JsonObject; readonly hasSession: boolean; readonly key: string | null },
  faults: Fault[],
): Promise<RunMemory | undefined> {
  if (hasSession) {
    if (request.browser_profile_id == null) return undefined;
    const message = "does not go with browser_session_id: the session's browser remembers by itself. Open the session with the profile";
    faults.push({ path: "browser_profile_id", message, code: "invalid_value" });
    return undefined;
  }
  const isFresh = request.start_fresh_browser === true;
  const profileId = isFresh ? null : await profileOf(deps, organizationId, request.browser_profile_id ?? remembering.profileId, faults);
  const keep = remembering.persists ? (key === null ? workflowId : (`${workflowId}:${key}` as const)) : null;
  return profileId === null && keep === null ? undefined : { profileId, keep, isFresh };
}
