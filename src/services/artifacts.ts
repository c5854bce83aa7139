import { ServiceError } from "../domain/error.ts";
import { isId } from "../domain/id.ts";
import type { Organization } from "../domain/organization.ts";
import type { Artifacts, RunObjects, SavedArtifact } from "../ports.ts";
import { getTimeline } from "./runs.ts";

/** The files of a run, oldest first. @throws ServiceError not_found */
export async function listArtifacts(
  deps: { artifacts: Artifacts; runs: RunObjects },
  organization: Organization,
  runId: string,
): Promise<SavedArtifact[]> {
  await getTimeline(deps, organization, runId); // a run that does not exist is not one without files
  return isId("run", runId) ? await deps.artifacts.list(organization.organizationId, runId) : [];
}

/** @throws ServiceError not_found */
export async function openArtifact(
  deps: { artifacts: Artifacts },
  organization: Organization,
  artifactId: string,
): Promise<{ artifact: SavedArtifact; body: ReadableStream }> {
  const found = isId("artifact", artifactId) ? await deps.artifacts.open(organization.organizationId, artifactId) : null;
  if (found === null) throw new ServiceError("not_found", `Artifact not found: ${artifactId}`);
  return found;
}
