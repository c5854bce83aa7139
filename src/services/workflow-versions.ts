import type { Fault } from "../domain/error.ts";
import { maskSealedFields } from "../domain/browser/extra-headers.ts";
import type { Organization } from "../domain/organization.ts";
import { diffJson, type PatchOperation } from "../domain/json-patch.ts";
import type { OrganizationId } from "../domain/id.ts";
import { settingsOf } from "../domain/workflow/workflow-view.ts";
import type { Workflows } from "../ports/workflows.ts";
import { readWorkflow, type SavedWorkflow, updateWorkflow } from "./workflows.ts";

/**
 * What changed from one version to another, as a JSON Patch. Applied to what a GET of version `before` returns it gives what a GET of `after`
 * returns, except for the fields that the service makes (ids, number, times).
 * @throws ServiceError `not_found`
 */
export async function diffVersions(
  deps: { workflows: Workflows },
  organizationId: OrganizationId,
  id: string,
  before: number,
  after: number,
): Promise<PatchOperation[]> {
  const from = await readWorkflow(deps, organizationId, id, before);
  const to = await readWorkflow(deps, organizationId, id, after);
  return diffJson(settingsOf(from.definition), settingsOf(to.definition));
}

/**
 * Makes an old version the newest: a new version with its definition, which must still be valid. The old one stays as it is.
 * @throws ServiceError `not_found`, `invalid_definition`; nothing is stored then
 */
export async function restoreVersion(
  deps: Parameters<typeof updateWorkflow>[0],
  organization: Organization,
  id: string,
  version: number,
): Promise<SavedWorkflow> {
  const { definition } = await readWorkflow(deps, organization.organizationId, id, version);
  const shown = { definition: maskSealedFields(definition), locate: (faults: readonly Fault[]) => [...faults] };
  return await updateWorkflow(deps, organization, id, shown, definition);
}
