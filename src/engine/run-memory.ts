import { PageError } from "../domain/browser.ts";
import { type BrowserMemory, NO_MEMORY } from "../domain/browser-memory.ts";
import type { RunFacts } from "../domain/run.ts";
import type { BrowserMemories } from "../ports/browser-memories.ts";

/** What a browser of a run begins with: what the one before it remembered, if there was one. @throws PageError when the run's profile is gone */
export async function readMemory(
  memories: BrowserMemories,
  { organizationId, runId, memory }: Pick<RunFacts, "organizationId" | "runId" | "memory">,
): Promise<BrowserMemory> {
  if (memory === undefined) return NO_MEMORY;
  const { profileId, keep, isFresh } = memory;
  const own = await memories.get({ organizationId, kind: "run", id: runId });
  if (own !== null || isFresh) return own ?? NO_MEMORY;
  if (profileId === null) return (keep === null ? null : await memories.get({ organizationId, kind: "workflow", id: keep })) ?? NO_MEMORY;
  const profile = await memories.get({ organizationId, kind: "profile", id: profileId });
  if (profile === null) throw new PageError(`The browser profile ${profileId} was deleted.`, { errorClass: "block" });
  return profile;
}
