import { blockCatalog } from "../blocks/registry.ts";
import { describeFaults, ServiceError, type Fault } from "../domain/error.ts";
import { isId, type FolderId, type OrganizationId, type WorkflowId } from "../domain/id.ts";
import { isJsonObject, type Json, type JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import type { ParsedDocument } from "../domain/workflow/parse-document.ts";
import { planView } from "../domain/workflow/plan-view.ts";
import type { Plan } from "../domain/workflow/plan.ts";
import { withoutResponseFields } from "../domain/workflow/workflow-view.ts";
import { sanitizeNames } from "../domain/workflow/sanitize.ts";
import { checkDefinition, requireDefinition, type WorkflowDefinition, type WorkflowLimits } from "../domain/workflow/check-definition.ts";
import type { BrowserMemories } from "../ports/browser-memories.ts";
import type { Clock } from "../ports/clock.ts";
import type { Folders } from "../ports/folders.ts";
import type { IdempotencyKeys } from "../ports/idempotency-keys.ts";
import type { Ids } from "../ports/ids.ts";
import type { Page } from "../ports/page.ts";
import type { Templates } from "../ports/templates.ts";
import type { StoredWorkflow, WorkflowFilter, WorkflowInState, Workflows } from "../ports/workflows.ts";
import type { Vault } from "../ports/vault.ts";
import { requireFolder } from "./folders.ts";
import { type KeyedRequest, once } from "./idempotency.ts";
import { cutPage, toKeysetPage, type FoundPage, type PageRequest } from "./paging.ts";
import { sealDefinition } from "./sealed-headers.ts";
import { readTemplate } from "./templates.ts";

/** A definition as a caller sends it. */
export interface DefinitionInput {
  readonly definition: Json;
  /** Adds the place in the caller's text to faults, where it is known. */
  readonly locate: (faults: readonly Fault[]) => Fault[];
  /** What was changed of it when it was read, which the caller is warned of. */
  readonly changes?: readonly Fault[];
}

/** A definition as it was read. The names of YAML are made identifiers, as Skyvern does for YAML and not for JSON. */
export function fromDocument({ language, value, locate }: ParsedDocument & { ok: true }): DefinitionInput {
  return language === "yaml" ? { ...sanitizeNames(value), locate } : { definition: value, locate };
}

export interface SavedWorkflow {
  readonly workflow: WorkflowInState;
  /** What was accepted and has no effect. */
  readonly warnings: readonly Fault[];
}

export interface CreateWorkflowDeps {
  readonly workflows: Workflows;
  readonly folders: Folders;
  readonly idempotencyKeys: IdempotencyKeys;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly vault: Pick<Vault, "seal">;
}

/**
 * @param folderId the folder to put it into, before the one that the definition names
 * @throws ServiceError `invalid_definition` with every fault, `not_found` for the folder; nothing is stored then
 */
export async function createWorkflow(
  deps: CreateWorkflowDeps,
  organization: Organization,
  input: DefinitionInput,
  idempotencyKey: string | null,
  folderId: string | null = null,
): Promise<SavedWorkflow> {
  return await createWorkflowOnce(deps, organization, input, folderId, (definition, folder) => ({
    scope: "create_workflow",
    key: idempotencyKey,
    request: folder === null ? definition : { definition, folder_id: folder },
  }));
}

/**
 * The same for every way in which a workflow is made.
 * @param key under which the request may be repeated, and what it asks, by the definition and the folder
 */
export async function createWorkflowOnce(
  deps: CreateWorkflowDeps,
  organization: Organization,
  input: DefinitionInput,
  folderId: string | null,
  key: (definition: JsonObject, folderId: string | null) => Pick<KeyedRequest<WorkflowId>, "scope" | "key" | "request">,
): Promise<SavedWorkflow> {
  const { organizationId } = organization;
  const { definition, title, warnings, ...asked } = checkInput(input, organization);
  const wanted = folderId ?? asked.folderId;
  const keyed = { organizationId, newId: deps.ids.next("workflow"), ...key(definition, wanted) };
  const stored = await sealDefinition(deps, organizationId, definition, async () => null);
  return await once(deps, keyed, async (workflowPermanentId, replayed) => {
    if (wanted !== null && !replayed) await requireFolder(deps, organizationId, wanted); // a repetition is answered though the folder is gone
    const folder = wanted !== null && isId("folder", wanted) ? wanted : null;
    const workflowId = deps.ids.next("workflowVersion");
    const workflow = { organizationId, workflowPermanentId, workflowId, title, definition: stored, createdAt: deps.clock.now() };
    const created = await deps.workflows.create({ ...workflow, folderId: folder });
    if (created !== null) return { workflow: { ...workflow, version: 1, ...created }, warnings };
    const head = await deps.workflows.head(organizationId, workflowPermanentId);
    if (head === null) throw noWorkflow(workflowPermanentId);
    const { latestVersion: _latestVersion, ...state } = head;
    return { workflow: { ...(await requireVersion(deps, organizationId, workflowPermanentId, 1)), ...state }, warnings }; // what the first made
  });
}

/**
 * Makes a new version. The workflow stays in its folder, unless the definition names another.
 * @param keeping the stored definition whose secrets `***` stands for; by default the latest version's
 * @throws ServiceError `not_found` for the workflow or the folder, `invalid_definition`; nothing is stored then
 */
export async function updateWorkflow(
  deps: Pick<CreateWorkflowDeps, "workflows" | "folders" | "ids" | "clock" | "vault">,
  organization: Organization,
  id: string,
  input: DefinitionInput,
  keeping: JsonObject | null = null,
): Promise<SavedWorkflow> {
  const { organizationId } = organization;
  const workflowPermanentId = requireWorkflowId(id);
  const { definition, title, warnings, ...asked } = checkInput(input, organization);
  const folderId = await folderOf(deps, organizationId, asked.folderId);
  const earlier = async () => keeping ?? (await readWorkflow(deps, organizationId, id, null)).definition;
  const stored = await sealDefinition(deps, organizationId, definition, earlier);
  const workflowId = deps.ids.next("workflowVersion");
  const workflow = { organizationId, workflowPermanentId, workflowId, title, definition: stored, createdAt: deps.clock.now() };
  const added = await deps.workflows.addVersion({ ...workflow, folderId });
  if (added === null) throw noWorkflow(id);
  return { workflow: { ...workflow, ...added }, warnings };
}

/** @param version null for the latest @throws ServiceError `not_found` */
export async function readWorkflow(
  deps: { workflows: Workflows },
  organizationId: OrganizationId,
  id: string,
  version: number | null,
): Promise<WorkflowInState> {
  const workflowPermanentId = requireWorkflowId(id);
  const head = await deps.workflows.head(organizationId, workflowPermanentId);
  if (head === null || head.deletedAt !== null) throw noWorkflow(id);
  const { latestVersion, ...state } = head;
  return { ...(await requireVersion(deps, organizationId, workflowPermanentId, version ?? latestVersion)), ...state };
}

/** Which workflows a list is of. What has not the form of a folder's id is the id of none. */
export interface WorkflowSearch extends Omit<WorkflowFilter, "folderId"> {
  readonly folderId?: string;
}

/**
 * The latest version of each, last changed first. A workflow that changes while its list is walked moves to the front; none is shown twice
 * for another's change.
 */
export async function listWorkflows(
  deps: { workflows: Workflows },
  organizationId: OrganizationId,
  { folderId, ...search }: WorkflowSearch,
  request: PageRequest<WorkflowId>,
): Promise<FoundPage<WorkflowInState, WorkflowId>> {
  if (folderId !== undefined && !isId("folder", folderId)) return { rows: [], count: 0, next: null };
  const filter = { ...search, ...(folderId === undefined ? {} : { folderId }) };
  const { workflows, count } = await deps.workflows.list(organizationId, filter, toKeysetPage(request));
  return cutPage(workflows, count, request, ({ createdAt, workflowPermanentId }) => ({ at: createdAt, id: workflowPermanentId }));
}

/**
 * Puts a workflow into a folder, or takes it out of the one it is in. No new version is made.
 * @param folderId null takes it out
 * @throws ServiceError `not_found` for the workflow or the folder
 */
export async function moveWorkflow(
  deps: { workflows: Workflows; folders: Folders },
  organizationId: OrganizationId,
  id: string,
  folderId: string | null,
): Promise<WorkflowInState> {
  const { workflowPermanentId } = await readWorkflow(deps, organizationId, id, null);
  const folder = await folderOf(deps, organizationId, folderId);
  if (!(await deps.workflows.setFolder(organizationId, workflowPermanentId, folder))) {
    // One of them was deleted meanwhile.
    await folderOf(deps, organizationId, folderId);
    throw noWorkflow(id);
  }
  return await readWorkflow(deps, organizationId, id, null);
}

/** Makes a workflow a template of its organization, or an ordinary one again. No new version is made. @throws ServiceError `not_found` */
export async function markTemplate(
  deps: { workflows: Workflows },
  organizationId: OrganizationId,
  id: string,
  isTemplate: boolean,
): Promise<void> {
  if (!(await deps.workflows.setTemplate(organizationId, requireWorkflowId(id), isTemplate))) throw noWorkflow(id);
}

/** Newest first. @throws ServiceError `not_found` */
export async function listWorkflowVersions(
  deps: { workflows: Workflows },
  organizationId: OrganizationId,
  id: string,
  page: Page,
): Promise<WorkflowInState[]> {
  const workflowPermanentId = requireWorkflowId(id);
  const versions = await deps.workflows.versions(organizationId, workflowPermanentId, page);
  if (versions.length === 0) await readWorkflow(deps, organizationId, id, null);
  return versions;
}

/** Its runs go on and its versions stay readable to them; the workflow is no longer found. @throws ServiceError `not_found` */
export async function deleteWorkflow(
  deps: { workflows: Workflows; clock: Clock },
  organizationId: OrganizationId,
  id: string,
): Promise<void> {
  if (!(await deps.workflows.delete(organizationId, requireWorkflowId(id), deps.clock.now()))) throw noWorkflow(id);
}

/** Forgets what the browsers of its runs have left for each other: the next begins with nothing. @throws ServiceError `not_found` */
export async function forgetBrowsersOf(
  deps: { workflows: Workflows; memories: Pick<BrowserMemories, "deleteOfWorkflow"> },
  organizationId: OrganizationId,
  id: string,
): Promise<void> {
  const workflowId = requireWorkflowId(id);
  const head = await deps.workflows.head(organizationId, workflowId);
  if (head === null || head.deletedAt !== null) throw noWorkflow(id);
  await deps.memories.deleteOfWorkflow(organizationId, workflowId);
}

/** One thing that is wrong, or that has no effect. */
export interface Diagnostic extends Fault {
  readonly severity: "error" | "warning";
}

/** Compiles a definition and stores nothing. @returns the plan as it is shown, null when there are errors */
export function validateWorkflow(
  organization: Organization,
  input: DefinitionInput,
): { plan: JsonObject | null; diagnostics: Diagnostic[] } {
  const checked = checkDefinition(withoutResponseFields(input.definition), blockCatalog, organization);
  const diagnose = (severity: Diagnostic["severity"], faults: readonly Fault[]) =>
    input.locate(faults).map((fault) => ({ severity, ...fault }));
  if (!checked.ok) return { plan: null, diagnostics: [...diagnose("error", checked.faults), ...diagnose("warning", input.changes ?? [])] };
  return { plan: planView(checked), diagnostics: diagnose("warning", [...(input.changes ?? []), ...checked.warnings]) };
}

/** A version that a run can start from. A template's ids are its own: it is shared by every organization. */
export interface Runnable {
  readonly workflow: Pick<StoredWorkflow, "workflowPermanentId" | "workflowId" | "version" | "title">;
  readonly definition: WorkflowDefinition;
  readonly plan: Plan;
}

export interface FindRunnableDeps {
  readonly workflows: Workflows;
  readonly templates: Templates;
}

/**
 * What a run of this workflow would run: of the organization's own, or of a template. Costs one read of the latest version's number (a
 * template: none while its index is fresh); versions and plans are remembered.
 * @param options.version null for the latest
 * @throws ServiceError `not_found`, `unknown_template`
 */
export async function findRunnable(
  deps: FindRunnableDeps,
  organizationId: OrganizationId,
  id: string,
  { template, version }: { template: boolean; version: number | null },
): Promise<Runnable> {
  if (!template) {
    const workflow = await readWorkflow(deps, organizationId, id, version);
    return { workflow, ...checkStored(workflow.definition) };
  }
  const found = await readTemplate(deps, id, version);
  const { workflow_permanent_id: workflowPermanentId, workflow_id: workflowId } = found;
  const { definition, plan } = checkStored(found.definition);
  return { workflow: { workflowPermanentId, workflowId, version: found.version, title: definition.title }, definition, plan };
}

/** Checked definitions and their plans, for as long as the version itself is remembered. */
const checkedDefinitions = new WeakMap<JsonObject, { readonly definition: WorkflowDefinition; readonly plan: Plan }>();

function checkStored(stored: JsonObject): { readonly definition: WorkflowDefinition; readonly plan: Plan } {
  const known = checkedDefinitions.get(stored);
  if (known !== undefined) return known;
  const { definition, plan } = requireDefinition(stored, blockCatalog);
  checkedDefinitions.set(stored, { definition, plan });
  return { definition, plan };
}

/**
 * @param limits absent for a template, which belongs to no organization
 * @returns the definition as it is to be stored, and apart from it the folder that it names: no version has a folder
 * @throws ServiceError `invalid_definition` with every fault
 */
export function checkInput(
  input: DefinitionInput,
  limits?: WorkflowLimits,
): { definition: JsonObject; title: string; folderId: string | null; warnings: readonly Fault[] } {
  const definition = withoutResponseFields(input.definition);
  const checked = checkDefinition(definition, blockCatalog, limits);
  if (checked.ok && isJsonObject(definition)) {
    const { folder_id: folderId, ...stored } = definition;
    return {
      definition: stored,
      title: checked.definition.title,
      folderId: typeof folderId === "string" ? folderId : null,
      warnings: input.locate([...(input.changes ?? []), ...checked.warnings]),
    };
  }
  const faults = checked.ok ? [] : input.locate(checked.faults);
  throw new ServiceError("invalid_definition", describeFaults("The workflow definition is not valid", faults), { faults });
}

/** The folder that is asked for, which must be there. @throws ServiceError `not_found` */
async function folderOf(deps: { folders: Folders }, organizationId: OrganizationId, folderId: string | null): Promise<FolderId | null> {
  return folderId === null ? null : (await requireFolder(deps, organizationId, folderId)).folderId;
}

async function requireVersion(
  deps: { workflows: Workflows },
  organizationId: OrganizationId,
  workflowPermanentId: WorkflowId,
  version: number,
): Promise<StoredWorkflow> {
  const workflow = await deps.workflows.version(organizationId, workflowPermanentId, version);
  if (workflow !== null) return workflow;
  throw new ServiceError("not_found", `Workflow ${workflowPermanentId} has no version ${version}.`);
}

/** What has not the form of an id names no workflow. */
function requireWorkflowId(id: string): WorkflowId {
  if (isId("workflow", id)) return id;
  throw noWorkflow(id);
}

function noWorkflow(id: string): ServiceError {
  return new ServiceError("not_found", `There is no workflow ${id.slice(0, 100)}.`);
}
