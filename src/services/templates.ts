import { ServiceError } from "../domain/error.ts";
import type { WorkflowId } from "../domain/id.ts";
import type { TemplateIndex, TemplateVersion } from "../domain/workflow/template.ts";
import type { Page } from "../ports/page.ts";
import type { Templates } from "../ports/templates.ts";

/** Finds a template that may be used. @throws ServiceError `unknown_template`, which names it */
async function requireTemplate(deps: { templates: Templates }, id: string): Promise<{ workflowId: WorkflowId; index: TemplateIndex }> {
  const global = await deps.templates.retrieveGlobalWorkflows();
  const workflowId = global.find((known) => known === id);
  const index = workflowId === undefined ? null : await deps.templates.index(workflowId);
  if (workflowId !== undefined && index !== null) return { workflowId, index };
  throw new ServiceError("unknown_template", `There is no template "${id.slice(0, 100)}". GET /v1/templates lists those there are.`, {
    faults: [{ path: "workflow_id", message: `"${id.slice(0, 100)}" is not the id of a template`, code: "invalid_value" }],
  });
}

/** @throws ServiceError `not_found` */
async function requireTemplateVersion(deps: { templates: Templates }, workflowId: WorkflowId, version: number): Promise<TemplateVersion> {
  const found = await deps.templates.version(workflowId, version);
  if (found !== null) return found;
  throw new ServiceError("not_found", `Template ${workflowId} has no version ${version}.`);
}

/** @param version null for the latest @throws ServiceError `unknown_template`, `not_found` */
export async function readTemplate(deps: { templates: Templates }, id: string, version: number | null): Promise<TemplateVersion> {
  const { workflowId, index } = await requireTemplate(deps, id);
  return await requireTemplateVersion(deps, workflowId, version ?? index.latest_version);
}

/** Newest first. @throws ServiceError `unknown_template` */
export async function listTemplateVersions(
  deps: { templates: Templates },
  id: string,
  { limit, offset }: Page,
): Promise<TemplateVersion[]> {
  const { workflowId, index } = await requireTemplate(deps, id);
  const newestFirst = Array.from({ length: index.latest_version }, (_, position) => index.latest_version - position);
  const page = newestFirst.slice(offset, offset + limit);
  return await Promise.all(page.map((version) => requireTemplateVersion(deps, workflowId, version)));
}

/** The latest version of each template, in the order of their publication. @param search a part of the title, in any case; empty for all */
export async function listTemplates(
  deps: { templates: Templates },
  search: string,
  { limit, offset }: Page,
): Promise<{ templates: TemplateVersion[]; /** How many pass the search. */ count: number }> {
  const ids = await deps.templates.retrieveGlobalWorkflows();
  const known = await Promise.all(ids.map(async (workflowId) => ({ workflowId, index: await deps.templates.index(workflowId) })));
  const found = known.flatMap(({ workflowId, index }) =>
    index?.title.toLowerCase().includes(search.toLowerCase()) ? [{ workflowId, index }] : [],
  );
  const page = found.slice(offset, offset + limit);
  const templates = await Promise.all(page.map(({ workflowId, index }) => requireTemplateVersion(deps, workflowId, index.latest_version)));
  return { templates, count: found.length };
}
