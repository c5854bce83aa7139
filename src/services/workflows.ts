import { blockCatalog } from "../blocks/registry.ts";
import { describeFaults, ServiceError, type Fault } from "../domain/error.ts";
import { isId, type OrganizationId, type WorkflowId } from "../domain/id.ts";
import { isJsonObject, type Json, type JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import { planView } from "../domain/plan-view.ts";
import type { Plan } from "../domain/plan.ts";
import { withoutResponseFields } from "../domain/workflow-view.ts";
import { checkDefinition, requireDefinition, type WorkflowDefinition, type WorkflowLimits } from "../domain/workflow/check-definition.ts";
import type { Clock, IdempotencyKeys, Ids, Page, StoredWorkflow, Templates, Workflows } from "../ports.ts";
import { once } from "./idempotency.ts";
import { readTemplate } from "./templates.ts";

/** A definition as a caller sends it. */
export interface DefinitionInput {
  readonly definition: Json;
  /** Adds the place in the caller's text to faults, where it is known. */
  readonly locate: (faults: readonly Fault[]) => Fault[];
}

export interface SavedWorkflow {
  readonly workflow: StoredWorkflow;
  /** What was accepted and has no effect. */
  readonly warnings: readonly Fault[];
}

/** @throws ServiceError `invalid_definition` with every fault; nothing is stored then */
export async function createWorkflow(
  deps: { workflows: Workflows; idempotencyKeys: IdempotencyKeys; ids: Ids; clock: Clock },
  organization: Organization,
  input: DefinitionInput,
  idempotencyKey: string | null,
): Promise<SavedWorkflow> {
  const { organizationId } = organization;
  const { definition, title, warnings } = checkInput(input, organization);
  const keyed = { organizationId, scope: "create_workflow", key: idempotencyKey, request: definition, newId: deps.ids.next("workflow") };
  return await once(deps, keyed, async (workflowPermanentId) => {
    const workflowId = deps.ids.next("workflowVersion");
    const workflow = { organizationId, workflowPermanentId, workflowId, title, definition, createdAt: deps.clock.now() };
    if (await deps.workflows.create(workflow)) return { workflow: { ...workflow, version: 1 }, warnings };
    return { workflow: await requireVersion(deps, organizationId, workflowPermanentId, 1), warnings }; // a repetition: what the first made
  });
}

/** Makes a new version. @throws ServiceError `not_found`, `invalid_definition`; nothing is stored then */
export async function updateWorkflow(
  deps: { workflows: Workflows; ids: Ids; clock: Clock },
  organization: Organization,
  id: string,
  input: DefinitionInput,
): Promise<SavedWorkflow> {
  const { organizationId } = organization;
  const workflowPermanentId = requireWorkflowId(id);
  const { definition, title, warnings } = checkInput(input, organization);
  const workflowId = deps.ids.next("workflowVersion");
  const workflow = { organizationId, workflowPermanentId, workflowId, title, definition, createdAt: deps.clock.now() };
  const version = await deps.workflows.addVersion(workflow);
  if (version === null) throw noWorkflow(id);
  return { workflow: { ...workflow, version }, warnings };
}

/** @param version null for the latest @throws ServiceError `not_found` */
export async function readWorkflow(
  deps: { workflows: Workflows },
  organizationId: OrganizationId,
  id: string,
  version: number | null,
): Promise<StoredWorkflow> {
  const workflowPermanentId = requireWorkflowId(id);
  const latest = await deps.workflows.latestVersion(organizationId, workflowPermanentId);
  if (latest === null) throw noWorkflow(id);
  return await requireVersion(deps, organizationId, workflowPermanentId, version ?? latest);
}

/** The latest version of each, last changed first. @param search a part of the title, in any case; empty for all */
export async function listWorkflows(
  deps: { workflows: Workflows },
  organizationId: OrganizationId,
  search: string,
  page: Page,
): Promise<StoredWorkflow[]> {
  return await deps.workflows.list(organizationId, search, page);
}

/** Newest first. @throws ServiceError `not_found` */
export async function listWorkflowVersions(
  deps: { workflows: Workflows },
  organizationId: OrganizationId,
  id: string,
  page: Page,
): Promise<StoredWorkflow[]> {
  const workflowPermanentId = requireWorkflowId(id);
  const versions = await deps.workflows.versions(organizationId, workflowPermanentId, page);
  if (versions.length === 0 && (await deps.workflows.latestVersion(organizationId, workflowPermanentId)) === null) throw noWorkflow(id);
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
  if (!checked.ok) return { plan: null, diagnostics: diagnose("error", checked.faults) };
  return { plan: planView(checked), diagnostics: diagnose("warning", checked.warnings) };
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
 * @throws ServiceError `invalid_definition` with every fault
 */
export function checkInput(
  input: DefinitionInput,
  limits?: WorkflowLimits,
): { definition: JsonObject; title: string; warnings: readonly Fault[] } {
  const definition = withoutResponseFields(input.definition);
  const checked = checkDefinition(definition, blockCatalog, limits);
  if (checked.ok && isJsonObject(definition)) return { definition, title: checked.definition.title, warnings: checked.warnings };
  const faults = checked.ok ? [] : input.locate(checked.faults);
  throw new ServiceError("invalid_definition", describeFaults("The workflow definition is not valid", faults), { faults });
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
