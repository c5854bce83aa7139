import type { Organization } from "../domain/organization.ts";
import type { Templates } from "../ports/templates.ts";
import { readTemplate } from "./templates.ts";
import { type CreateWorkflowDeps, createWorkflowOnce, type SavedWorkflow } from "./workflows.ts";

/** What a workflow that is made from a template takes from its maker instead. */
export interface TemplateCopy {
  /** Null for the latest version of the template. */
  readonly version: number | null;
  /** Null for the template's own. */
  readonly title: string | null;
  readonly folderId: string | null;
}

/**
 * Makes a workflow of the organization's own with a template's definition. The two have nothing to do with each other afterwards.
 * @throws ServiceError `unknown_template`, `not_found` for the version or the folder, `invalid_definition` where the organization's limits are
 * tighter than the template, `idempotency_mismatch`; nothing is stored then
 */
export async function createFromTemplate(
  deps: CreateWorkflowDeps & { templates: Templates },
  organization: Organization,
  id: string,
  copy: TemplateCopy,
  idempotencyKey: string | null,
): Promise<SavedWorkflow> {
  const { version, title, folderId } = copy;
  const template = await readTemplate(deps, id, version);
  const definition = { ...template.definition, ...(title === null ? {} : { title }) };
  // A repetition may find a newer version of the template, and is the same request all the same.
  const request = { template: id, version, title, folder_id: folderId };
  const keyed = { scope: "create_from_template", key: idempotencyKey, request };
  return await createWorkflowOnce(deps, organization, { definition, locate: (faults) => [...faults] }, folderId, () => keyed);
}
