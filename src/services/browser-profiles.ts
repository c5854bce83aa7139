import { z } from "zod";
import type { BrowserMemory } from "../domain/browser/browser-memory.ts";
import type { ProfileSource } from "../domain/browser/browser-profile.ts";
import { type Fault, invalidInput, ServiceError } from "../domain/error.ts";
import { type BrowserProfileId, isId, type OrganizationId } from "../domain/id.ts";
import { storageStateSchema, toMemory } from "../domain/browser/storage-state.ts";
import type { BrowserMemories } from "../ports/browser-memories.ts";
import type { BrowserProfile, BrowserProfiles, ProfileUsage } from "../ports/browser-profiles.ts";
import type { BrowserSessionObjects } from "../ports/browser-sessions.ts";
import type { Clock } from "../ports/clock.ts";
import type { IdempotencyKeys } from "../ports/idempotency-keys.ts";
import type { Ids } from "../ports/ids.ts";
import type { Page } from "../ports/page.ts";
import type { RunIndex } from "../ports/run-index.ts";
import { once } from "./idempotency.ts";

/** Of so many runs is told who used a profile. */
export const USAGE_RUNS = 1_000;

const UNUSED = "Has no effect: there are no proxies.";
const nameField = z.string().trim().min(1, "must not be empty").max(200).describe("What people call it.");
const descriptionField = z.string().max(1_000).nullish().describe("For people.");
const proxyFields = {
  proxy_location: z.json().optional().describe(UNUSED),
  proxy_session_id: z.string().nullish().describe(UNUSED),
};

const SOURCES = ["browser_session_id", "workflow_run_id", "storage_state"] as const;

export const profileRequestSchema = z
  .strictObject({
    name: nameField,
    description: descriptionField,
    browser_session_id: z.string().nullish().describe("What this session's browser remembers now; of one that has ended, for 24 hours."),
    workflow_run_id: z
      .string()
      .nullish()
      .describe("What the browser of this run remembered at its end: a completed run of a workflow with `persist_browser_session`."),
    storage_state: storageStateSchema.optional(),
    ...proxyFields,
  })
  .superRefine((request, context) => {
    const given = SOURCES.filter((source) => request[source] != null);
    if (given.length === 1) return;
    const found = given.length === 0 ? "there is none" : `there are ${given.join(" and ")}`;
    const path = [given[1] ?? "storage_state"];
    context.addIssue({ code: "custom", path, message: `exactly one of ${SOURCES.join(", ")} is wanted, and ${found}` });
  });

export const profileChangesSchema = z.strictObject({
  name: nameField.optional(),
  description: descriptionField,
  ...proxyFields,
  rotate_proxy_session_id: z.boolean().nullish().describe(UNUSED),
});

export interface BrowserProfileDeps {
  readonly browserProfiles: BrowserProfiles;
  readonly memories: BrowserMemories;
  readonly sessions: BrowserSessionObjects;
  readonly runIndex: RunIndex;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly idempotencyKeys: IdempotencyKeys;
}

/** @throws ServiceError `invalid_input`, `conflict` when there is nothing to make it of, `idempotency_mismatch` */
export async function createBrowserProfile(
  deps: BrowserProfileDeps,
  organizationId: OrganizationId,
  wanted: z.infer<typeof profileRequestSchema>,
  idempotencyKey: string | null,
): Promise<BrowserProfile> {
  // What it is made of is no part of what is hashed, for it could be guessed from a hash.
  const { storage_state: _state, proxy_location: _proxy, ...request } = wanted;
  const newId = deps.ids.next("browserProfile");
  const hashed = z.json().parse(JSON.parse(JSON.stringify(request)));
  const keyed = { organizationId, scope: "create_browser_profile", key: idempotencyKey, request: hashed, newId };
  return await once(deps, keyed, async (browserProfileId) => {
    const made = await deps.browserProfiles.get(organizationId, browserProfileId);
    if (made !== null) return made;
    const { source, memory } = await memoryOf(deps, organizationId, wanted);
    const named = { organizationId, browserProfileId, name: wanted.name, description: wanted.description ?? null };
    const profile = await storeProfile(deps, named, source, memory);
    if (profile === null)
      throw new ServiceError("conflict", "The profile that was made with this Idempotency-Key has been deleted. Use another key.");
    return profile;
  });
}

/** @returns null when one of this id was deleted */
export async function storeProfile(
  { browserProfiles, memories, clock }: Pick<BrowserProfileDeps, "browserProfiles" | "memories" | "clock">,
  named: Pick<BrowserProfile, "organizationId" | "browserProfileId" | "name" | "description">,
  source: ProfileSource,
  { cookies, origins }: BrowserMemory,
): Promise<BrowserProfile | null> {
  const now = clock.now();
  const counts = { cookieCount: cookies.length, originCount: origins.length };
  const profile: BrowserProfile = { ...named, source, ...counts, createdAt: now, modifiedAt: now };
  const owner = { organizationId: named.organizationId, kind: "profile", id: named.browserProfileId } as const;
  await memories.put(owner, { cookies, origins, pages: [] }); // first: a profile that is there can be used
  if (await browserProfiles.insert(profile)) return profile;
  const there = await browserProfiles.get(named.organizationId, named.browserProfileId);
  if (there === null) await memories.delete(owner);
  return there;
}

/** The newest first. */
export async function listBrowserProfiles(
  deps: Pick<BrowserProfileDeps, "browserProfiles">,
  organizationId: OrganizationId,
  page: Page,
): Promise<BrowserProfile[]> {
  return await deps.browserProfiles.list(organizationId, page);
}

/** @throws ServiceError `not_found` */
export async function readBrowserProfile(
  deps: Pick<BrowserProfileDeps, "browserProfiles">,
  organizationId: OrganizationId,
  id: string,
): Promise<BrowserProfile> {
  return (await deps.browserProfiles.get(organizationId, requireProfileId(id))) ?? noProfile(id);
}

/** Changes what is named. @throws ServiceError `not_found` */
export async function changeBrowserProfile(
  deps: Pick<BrowserProfileDeps, "browserProfiles" | "clock">,
  organizationId: OrganizationId,
  id: string,
  { name, description }: z.infer<typeof profileChangesSchema>,
): Promise<BrowserProfile> {
  const changes = { ...(name === undefined ? {} : { name }), ...(description === undefined ? {} : { description }) };
  return (await deps.browserProfiles.update(organizationId, requireProfileId(id), changes, deps.clock.now())) ?? noProfile(id);
}

/** What it holds is gone for good; runs that name it fail. @throws ServiceError `not_found` */
export async function deleteBrowserProfile(
  deps: Pick<BrowserProfileDeps, "browserProfiles" | "memories" | "clock">,
  organizationId: OrganizationId,
  id: string,
): Promise<void> {
  const browserProfileId = requireProfileId(id);
  const deleted = await deps.browserProfiles.delete(organizationId, browserProfileId, deps.clock.now());
  await deps.memories.delete({ organizationId, kind: "profile", id: browserProfileId }); // also what a deletion that broke off left
  if (!deleted) noProfile(id);
}

/** Who has used it, of its last `USAGE_RUNS` runs. @throws ServiceError `not_found` */
export async function readProfileUsage(
  deps: Pick<BrowserProfileDeps, "browserProfiles">,
  organizationId: OrganizationId,
  id: string,
): Promise<ProfileUsage & { readonly browserProfileId: BrowserProfileId }> {
  const { browserProfileId } = await readBrowserProfile(deps, organizationId, id);
  return { browserProfileId, ...(await deps.browserProfiles.usage(organizationId, browserProfileId, USAGE_RUNS)) };
}

// ---------------------------------------------------------------------------------------------------------------

async function memoryOf(
  deps: Pick<BrowserProfileDeps, "memories" | "sessions" | "runIndex">,
  organizationId: OrganizationId,
  wanted: z.infer<typeof profileRequestSchema>,
): Promise<{ source: ProfileSource; memory: BrowserMemory }> {
  if (wanted.storage_state !== undefined) return { source: "storage_state", memory: toMemory(wanted.storage_state) };
  const memory =
    wanted.browser_session_id == null
      ? await memoryOfRun(deps, organizationId, wanted.workflow_run_id ?? "")
      : await memoryOfSession(deps, organizationId, wanted.browser_session_id);
  return { source: wanted.browser_session_id == null ? "workflow_run" : "browser_session", memory };
}

async function memoryOfSession(
  { memories, sessions }: Pick<BrowserProfileDeps, "memories" | "sessions">,
  organizationId: OrganizationId,
  id: string,
): Promise<BrowserMemory> {
  const kept = isId("browserSession", id) ? await sessions.get(organizationId, id).remember() : null;
  if (kept === null || !isId("browserSession", id)) throw noSuch("browser_session_id", `there is no browser session ${id.slice(0, 100)}`);
  if (kept.runId !== null)
    throw new ServiceError("conflict", `The browser session ${id} is used by the run ${kept.runId}. Make the profile when that has ended.`);
  const memory = await memories.get({ organizationId, kind: "session", id });
  if (memory === null) throw new ServiceError("conflict", `Of the browser session ${id} nothing is remembered any more.`);
  return memory;
}

async function memoryOfRun(
  { memories, runIndex }: Pick<BrowserProfileDeps, "memories" | "runIndex">,
  organizationId: OrganizationId,
  id: string,
): Promise<BrowserMemory> {
  const memory = isId("run", id) ? await memories.get({ organizationId, kind: "run", id }) : null;
  if (memory !== null) return memory;
  if (!isId("run", id) || (await runIndex.get(organizationId, id)) === null)
    throw noSuch("workflow_run_id", `there is no run ${id.slice(0, 100)}`);
  throw new ServiceError(
    "conflict",
    `Of the browser of the run ${id} nothing is remembered: that needs a completed run of a workflow with persist_browser_session, and a page that was visited.`,
  );
}

function noSuch(path: string, message: string): ServiceError {
  const faults: Fault[] = [{ path, message, code: "invalid_value" }];
  return invalidInput("The request is not valid", faults);
}

/** What has not the form of an id names no profile. */
function requireProfileId(id: string): BrowserProfileId {
  return isId("browserProfile", id) ? id : noProfile(id);
}

function noProfile(id: string): never {
  throw new ServiceError("not_found", `There is no browser profile ${id.slice(0, 100)}.`);
}
