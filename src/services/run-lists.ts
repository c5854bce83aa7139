import { ServiceError, type Fault, invalidInput } from "../domain/error.ts";
import { isId, type OrganizationId, type RunId, type WorkflowId } from "../domain/id.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import type { TemplateVersion } from "../domain/workflow/template.ts";
import type { Deliveries } from "../ports/deliveries.ts";
import type { Gates } from "../ports/gates.ts";
import type { Log } from "../ports/log.ts";
import type { KeysetPage } from "../ports/page.ts";
import type { ListedRun, RunFilter, RunIndex } from "../ports/run-index.ts";
import type { RunObjects } from "../ports/run-objects.ts";
import type { Templates } from "../ports/templates.ts";
import type { WorkflowInState, Workflows } from "../ports/workflows.ts";
import { cutPage, toKeysetPage, type FoundPage, type PageRequest } from "./paging.ts";
import { cancelRun, getRun, requireRunId } from "./runs.ts";

/** Workflows that one search may find; each has a list of runs that is merged with the others. */
const SEARCH_LIMIT = 200;

/** Index rows that merging the lists of several statuses and workflows may read for one page. */
const MERGE_LIMIT = 250_000;

export interface RunSearch extends RunFilter {
  /** A run's whole id, or a part of the title that a workflow had in its runs, in any case. */
  readonly searchKey?: string;
}

/**
 * A page of the organization's runs, newest first. No filter costs more than a bounded number of index rows, however many runs there are.
 * @throws ServiceError invalid_input when the filter names so much that it could
 */
export async function listRuns(
  deps: { runIndex: RunIndex },
  { organizationId }: Organization,
  search: RunSearch,
  request: PageRequest<RunId>,
): Promise<FoundPage<ListedRun, RunId>> {
  const filter = await resolveSearch(deps, organizationId, search);
  const page = toKeysetPage(request);
  requireBounded(filter, page);
  const { runs, count } = await deps.runIndex.list(organizationId, filter, page);
  return cutPage(runs, count, request, ({ createdAt, workflowRunId }) => ({ at: createdAt, id: workflowRunId }));
}

/**
 * The same of one workflow, of the organization's own (deleted or not) or a template.
 * @throws ServiceError not_found when the organization has no such workflow
 */
export async function listWorkflowRuns(
  deps: { runIndex: RunIndex; workflows: Workflows; templates: Templates },
  organization: Organization,
  workflowId: string,
  search: RunSearch,
  page: PageRequest<RunId>,
): Promise<FoundPage<ListedRun, RunId>> {
  if (!isId("workflow", workflowId)) throw noWorkflow(workflowId);
  const found = await listRuns(deps, organization, { ...search, workflowPermanentIds: [workflowId] }, page);
  if (found.rows.length === 0 && !(await isKnownWorkflow(deps, organization, workflowId))) throw noWorkflow(workflowId);
  return found;
}

/** What is known of a run beside its own report. */
export interface RunStatusReport {
  /** The API's response. */
  readonly run: JsonObject;
  readonly retriedByRunId: RunId | null;
  /** Why the last event is not delivered; empty when it is, null when there is nothing to deliver or nothing is known yet. */
  readonly webhookFailureReason: string | null;
  /** The version that ran, of a workflow (deleted or not) or of a template. */
  readonly workflow: WorkflowInState | null;
  readonly template: TemplateVersion | null;
}

/** @throws ServiceError not_found */
export async function readRunStatus(
  deps: { runs: RunObjects; runIndex: RunIndex; gates: Gates; workflows: Workflows; templates: Templates; deliveries: Deliveries },
  organization: Organization,
  id: string,
): Promise<RunStatusReport> {
  const { organizationId } = organization;
  const runId = requireRunId(id);
  const { json } = await getRun(deps, organization, id, 0);
  const run = JSON.parse(json) as JsonObject & { readonly workflow_permanent_id: WorkflowId; readonly version: number };
  const [retriedByRunId, [delivery], version, state] = await Promise.all([
    deps.runIndex.retriedBy(organizationId, runId),
    deps.deliveries.list(organizationId, { workflowRunId: runId }, { limit: 1, offset: 0 }),
    deps.workflows.version(organizationId, run.workflow_permanent_id, run.version),
    deps.workflows.head(organizationId, run.workflow_permanent_id),
  ]);
  const workflow = version && state && { ...version, ...state };
  const template = workflow === null ? await deps.templates.version(run.workflow_permanent_id, run.version) : null;
  const webhookFailureReason = delivery?.status === "delivered" ? "" : (delivery?.lastError ?? null);
  return { run, retriedByRunId, webhookFailureReason, workflow, template };
}

/**
 * Cancels each; none keeps another from being canceled.
 * @returns by id as it was given, once each. Failed are those that do not exist, have ended otherwise, or could not be reached
 */
export async function cancelRuns(
  deps: { runs: RunObjects; log: Log },
  organization: Organization,
  ids: readonly string[],
): Promise<{ cancelled: string[]; failed: string[] }> {
  const unique = [...new Set(ids)];
  const results = await Promise.allSettled(unique.map((id) => cancelRun(deps, organization, id)));
  for (const result of results) {
    if (result.status === "rejected" && !(result.reason instanceof ServiceError))
      deps.log.error("a run could not be canceled", result.reason);
  }
  const withStatus = (status: "fulfilled" | "rejected") => unique.filter((_, index) => results[index]?.status === status);
  return { cancelled: withStatus("fulfilled"), failed: withStatus("rejected") };
}

// ---------------------------------------------------------------------------------------------------------------

/** @throws ServiceError invalid_input when too many workflows have had such a title */
async function resolveSearch(
  deps: { runIndex: RunIndex },
  organizationId: OrganizationId,
  { searchKey, ...filter }: RunSearch,
): Promise<RunFilter> {
  if (searchKey === undefined) return filter;
  if (isId("run", searchKey)) return { ...filter, workflowRunId: searchKey };
  const titled = await deps.runIndex.workflowsTitled(organizationId, searchKey, SEARCH_LIMIT + 1);
  if (titled.length > SEARCH_LIMIT)
    throw tooBroad("search_key", `finds more than ${SEARCH_LIMIT} workflows by their titles: say more of it`);
  const { workflowPermanentIds = titled } = filter;
  return { ...filter, workflowPermanentIds: titled.filter((id) => workflowPermanentIds.includes(id)) };
}

/** @throws ServiceError invalid_input */
function requireBounded({ workflowPermanentIds, statuses, includeChildren = true }: RunFilter, { offset, limit }: KeysetPage<RunId>): void {
  const lists = (workflowPermanentIds?.length ?? 1) * (statuses?.length ?? 1) * (workflowPermanentIds && includeChildren ? 2 : 1);
  if (lists > 1 && lists * (offset + limit) > MERGE_LIMIT)
    throw tooBroad(offset > 0 ? "page" : "status", "asks for too much at once: name fewer statuses or workflows, or go on by `cursor`");
}

function tooBroad(path: string, message: string): ServiceError {
  const faults: Fault[] = [{ path, message, code: "too_large" }];
  return invalidInput("The query is not valid", faults);
}

async function isKnownWorkflow(
  deps: { runIndex: RunIndex; workflows: Workflows; templates: Templates },
  { organizationId }: Organization,
  workflowId: WorkflowId,
): Promise<boolean> {
  if ((await deps.workflows.head(organizationId, workflowId))?.deletedAt === null) return true;
  if ((await deps.templates.retrieveGlobalWorkflows()).includes(workflowId)) return true;
  const page = { limit: 1, offset: 0, after: null, countUpTo: null };
  return (await deps.runIndex.list(organizationId, { workflowPermanentIds: [workflowId] }, page)).runs.length > 0; // deleted, and has run
}

function noWorkflow(id: string): ServiceError {
  return new ServiceError("not_found", `There is no workflow ${id.slice(0, 100)}.`);
}
