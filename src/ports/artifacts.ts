import type { StoredArtifact } from "../domain/artifact.ts";
import type { ByteRange } from "../domain/byte-range.ts";
import type { ArtifactId, OrganizationId, RunId } from "../domain/id.ts";

/** A stored file, as a block sees it. */
export type SavedArtifact = Omit<StoredArtifact, "blockPath">;

/** Files of runs. Keys are `org/<organization>/run/<run>/<artifact>`, so that one organization can never name another's. */
export interface Artifacts {
  /** @param owner.path the block that makes it */
  save(
    owner: { organizationId: OrganizationId; runId: RunId; path: string },
    file: { artifactId: ArtifactId; type: string; name: string; contentType: string; bytes: Uint8Array },
  ): Promise<StoredArtifact>;
  /** Oldest first. */
  list(organizationId: OrganizationId, runId: RunId): Promise<StoredArtifact[]>;
  /** @returns null when this organization has no such artifact */
  get(organizationId: OrganizationId, artifactId: ArtifactId): Promise<StoredArtifact | null>;
  /** The same with the content. @param range null for all of it */
  open(
    organizationId: OrganizationId,
    artifactId: ArtifactId,
    range?: ByteRange | null,
  ): Promise<{ artifact: StoredArtifact; body: ReadableStream } | null>;
}
