/** What the browser of a run remembers: what it begins with, and what is kept of it. */
import { PageError } from "../../domain/browser/browser.ts";
import { type BrowserMemory, memoryOfState, NO_MEMORY } from "../../domain/browser/browser-memory.ts";
import { withOrigins } from "../../domain/browser/browser-record.ts";
import { advance } from "../../domain/run/run-advance.ts";
import type { Run, RunFacts } from "../../domain/run/run.ts";
import type { BrowserMemories } from "../../ports/browser-memories.ts";
import type { Log } from "../../ports/log.ts";
import { type Answer, type AttemptPlace, eventOf } from "../attempt/answer.ts";
import { logFields } from "../log-fields.ts";
import type { RunPages } from "./run-pages.ts";

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

interface MemoryDeps {
  readonly memories: BrowserMemories;
  readonly log: Log;
}

/**
 * Takes down what the browser remembers for the run itself: its next browser begins with it.
 * @returns null when the run used no page
 * @throws when it could not be stored
 */
export async function keepForRun({ memories, log }: MemoryDeps, facts: RunFacts, pages: RunPages): Promise<BrowserMemory | null> {
  if (!pages.wasUsed) return null;
  const earlier = await readMemory(memories, facts).catch(() => NO_MEMORY); // its profile is gone
  const asked = await askBrowser(pages, earlier).catch((error: unknown) => {
    log.error("a browser could not be asked what it remembers; what was known at the last checkpoint counts", error, logFields(facts));
    return null;
  });
  const remembered = asked ?? (await lastMemory(pages, earlier));
  const { organizationId, runId } = facts;
  if (remembered !== null) await memories.put({ organizationId, kind: "run", id: runId }, remembered);
  return remembered;
}

/** @returns null when it is gone */
async function askBrowser(pages: RunPages, earlier: BrowserMemory): Promise<BrowserMemory | null> {
  return await pages.browser.borrow(async (lease, visited) => {
    const origins = withOrigins(
      visited,
      earlier.origins.map(({ origin }) => origin),
    );
    const [cookies, storage] = await Promise.all([lease.cookies(), lease.originStorage(origins)]);
    return { cookies, origins: storage, pages: [] };
  });
}

async function lastMemory(pages: RunPages, earlier: BrowserMemory): Promise<BrowserMemory | null> {
  const state = await pages.browser.lastState();
  return state === null ? null : memoryOfState(state, earlier);
}

/** The same for the next run of its workflow, once. @throws when it could not be stored */
export async function keepForWorkflow(
  deps: MemoryDeps,
  facts: RunFacts,
  pages: RunPages,
  storage: { readonly remembered: boolean; noteRemembered(): void },
): Promise<void> {
  const { memory, organizationId } = facts;
  if (memory?.keep == null || storage.remembered) return;
  const remembered = await keepForRun(deps, facts, pages);
  if (remembered !== null) await deps.memories.put({ organizationId, kind: "workflow", id: memory.keep }, remembered);
  storage.noteRemembered();
}

/** Is something kept for the next run, which may begin as soon as this answer is seen: does it complete the run? */
export function isKeptBefore(answer: Answer, run: Run, place: AttemptPlace, at: number): boolean {
  if (answer.type !== "completed" || run.facts.memory?.keep == null) return false;
  const step = advance(run, eventOf(answer, { ...place, at }, { timeoutMs: 0, random: 0 }));
  return step.ok && step.run.status === "completed";
}
