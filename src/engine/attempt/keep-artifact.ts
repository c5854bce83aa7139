import type { NewArtifact } from "../../blocks/block.ts";
import type { StoredArtifact } from "../../domain/artifact.ts";
import { artifactIdOf } from "../../domain/id.ts";
import type { RunFacts } from "../../domain/run/run.ts";
import type { Artifacts } from "../../ports/artifacts.ts";
import type { Ids } from "../../ports/ids.ts";
import type { RunStorage } from "../run/run-storage.ts";

export interface KeepArtifactDeps {
  readonly artifacts: Artifacts;
  readonly ids: Ids;
}

/** Stores a file of a run, and notes it beside the journal. @param path of the block that it is from */
export async function keepArtifact(
  { artifacts, ids }: KeepArtifactDeps,
  storage: RunStorage,
  { organizationId, runId }: Pick<RunFacts, "organizationId" | "runId">,
  path: string,
  file: NewArtifact,
): Promise<StoredArtifact> {
  const artifactId = artifactIdOf(runId, ids.next("artifact"));
  const saved = await artifacts.save({ organizationId, runId, path }, { artifactId, ...file });
  storage.addArtifact(saved);
  return saved;
}
