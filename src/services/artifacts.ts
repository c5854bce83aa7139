import type { StoredArtifact } from "../domain/artifact.ts";
import type { ByteRange } from "../domain/byte-range.ts";
import { ServiceError } from "../domain/error.ts";
import { isId, type OrganizationId } from "../domain/id.ts";
import type { Organization } from "../domain/organization.ts";
import type { Artifacts } from "../ports/artifacts.ts";
import type { RunObjects } from "../ports/run-objects.ts";
import { getTimeline } from "./runs.ts";

/** The files of a run, oldest first. @param types only of these; null for all @throws ServiceError not_found */
export async function listArtifacts(
  deps: { artifacts: Artifacts; runs: RunObjects },
  organization: Organization,
  runId: string,
  types: readonly string[] | null,
): Promise<StoredArtifact[]> {
  await getTimeline(deps, organization, runId); // a run that does not exist is not one without files
  const artifacts = isId("run", runId) ? await deps.artifacts.list(organization.organizationId, runId) : [];
  return types === null ? artifacts : artifacts.filter(({ type }) => types.includes(type));
}

/** @throws ServiceError not_found */
export async function readArtifact(deps: { artifacts: Artifacts }, organizationId: OrganizationId, id: string): Promise<StoredArtifact> {
  const found = isId("artifact", id) ? await deps.artifacts.get(organizationId, id) : null;
  if (found === null) throw noArtifact(id);
  return found;
}

/** The content. @param range null for all of it @throws ServiceError not_found */
export async function openArtifact(
  deps: { artifacts: Artifacts },
  organizationId: OrganizationId,
  id: string,
  range: ByteRange | null,
): Promise<{ artifact: StoredArtifact; body: ReadableStream }> {
  const found = isId("artifact", id) ? await deps.artifacts.open(organizationId, id, range) : null;
  if (found === null) throw noArtifact(id);
  return found;
}

function noArtifact(id: string): ServiceError {
  return new ServiceError("not_found", `Artifact not found: ${id.slice(0, 100)}`);
}
