import { createHash } from "node:crypto";
import { ServiceError } from "../domain/error.ts";
import type { RunId } from "../domain/id.ts";
import { packPlan } from "../domain/workflow/packed-plan.ts";
import { namedRemote, type RunFacts } from "../domain/run/run.ts";
import type { BrowserProfiles } from "../ports/browser-profiles.ts";
import type { BrowserSessionObjects } from "../ports/browser-sessions.ts";
import type { Clock } from "../ports/clock.ts";
import type { Credentials } from "../ports/credentials.ts";
import type { Organizations } from "../ports/organizations.ts";
import type { RunIndex } from "../ports/run-index.ts";
import type { ChildRuns, RunObjects } from "../ports/run-objects.ts";
import type { Vault } from "../ports/vault.ts";
import { makeFacts } from "./run-facts.ts";
import { findRunnable, type FindRunnableDeps } from "./workflows.ts";

/** How deep runs may start runs. */
const MAX_DEPTH = 10;

interface ChildDeps extends FindRunnableDeps {
  readonly clock: Clock;
  readonly runs: RunObjects;
  readonly runIndex: RunIndex;
  readonly credentials: Pick<Credentials, "existing">;
  readonly sessions: BrowserSessionObjects;
  readonly vault: Pick<Vault, "seal">;
  readonly browserProfiles: Pick<BrowserProfiles, "get">;
  readonly organizations: Pick<Organizations, "get">;
}

/** Starts the run that a block asks for. It shares its parent's slot, so that the two cannot wait for each other. */
export async function startChild(
  deps: ChildDeps,
  ...[parent, block, child]: Parameters<ChildRuns["start"]>
): ReturnType<ChildRuns["start"]> {
  const depth = (parent.parent?.depth ?? 0) + 1;
  if (depth > MAX_DEPTH)
    return { ok: false, message: `Runs may start runs ${MAX_DEPTH} deep, and this would be deeper. Does a workflow trigger itself?` };
  const organization = await deps.organizations.get(parent.organizationId);
  if (organization === null) return { ok: false, message: `The organization ${parent.organizationId} does not exist.` };
  const runId = childRunId(parent.runId, block.path, block.generation);
  try {
    const runnable = await findRunnable(deps, parent.organizationId, child.workflowPermanentId, { template: false, version: null });
    const shared = child.useParentBrowser ? parent.browser : undefined;
    const browser_session_id = child.browserSessionId ?? shared?.sessionId;
    const request = {
      workflow_id: child.workflowPermanentId,
      parameters: child.parameters,
      ...(browser_session_id && { browser_session_id }),
    };
    const wish = {
      parameters: child.parameters,
      webhookUrl: null,
      maxSeconds: null,
      priority: 0,
      request,
      triggerType: parent.triggerType ?? "api",
      apiOrigin: parent.apiOrigin,
      remote: child.useParentBrowser && child.browserSessionId === null ? namedRemote(parent) : null, // where the pages were that it begins with
    } as const;
    const link = { runId: parent.runId, path: block.path, depth };
    const made: RunFacts = await makeFacts(deps, organization, runId, runnable, wish, { parent: link, retryOf: null });
    // While its parent waits for it, it has the session in the parent's name.
    const inName = child.wait && shared !== undefined && made.browser?.sessionId === shared.sessionId;
    const facts: RunFacts = inName ? { ...made, browser: { ...shared, holder: shared.holder ?? parent.runId } } : made;
    const { json } = await deps.runs
      .get(parent.organizationId, runId)
      .start({ facts, plan: packPlan(runnable.plan), admitted: true, browserState: child.browserState }, 0);
    return { ok: true, runId, json };
  } catch (error) {
    if (error instanceof ServiceError) return { ok: false, message: error.message };
    throw error;
  }
}

const BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * The id of the run that a block starts: the same however often it is started, another in another generation. A ULID in form: the time is the
 * parent's, the rest a hash.
 */
function childRunId(parent: RunId, path: string, generation: string): RunId {
  const hash = createHash("sha256").update(`${parent}/${path}/${generation}`).digest();
  const own = Array.from({ length: 16 }, (_, index) => BASE32[(hash[index] ?? 0) % 32]).join("");
  return `wr_${parent.slice("wr_".length, "wr_".length + 10)}${own}`;
}
