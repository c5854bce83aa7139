import { z } from "zod";
import { type ArtifactId, type OrganizationId, type RunId, runOfArtifact } from "../domain/id.ts";
import type { StoredArtifact } from "../domain/artifact.ts";
import type { Artifacts } from "../ports/artifacts.ts";

/** What is kept beside the bytes; R2 holds size and checksum itself. */
const metadataSchema = z.object({ type: z.string(), name: z.string(), created_at: z.coerce.number(), block: z.string().optional() });

/**
 * Files of runs in R2, one object each, its facts in the object's own metadata: no index that could disagree. An artifact's id names its run,
 * and the key begins with the organization, so what is another's cannot be addressed.
 */
export function createArtifacts(bucket: R2Bucket, now: () => number): Artifacts {
  const prefixOf = (organizationId: OrganizationId, runId: RunId) => `org/${organizationId}/run/${runId}/`;
  const keyOf = (organizationId: OrganizationId, artifactId: ArtifactId) => {
    const runId = runOfArtifact(artifactId);
    return runId === null ? null : prefixOf(organizationId, runId) + artifactId;
  };
  return {
    async save({ organizationId, runId, path }, { artifactId, type, name, contentType, bytes }) {
      const sha256 = await crypto.subtle.digest("SHA-256", bytes);
      const object = await bucket.put(prefixOf(organizationId, runId) + artifactId, bytes, {
        sha256,
        httpMetadata: { contentType },
        customMetadata: { type, name: encodeURIComponent(name), created_at: String(now()), block: encodeURIComponent(path) },
      });
      return describe(object);
    },

    async list(organizationId, runId) {
      const found: StoredArtifact[] = [];
      let cursor: string | undefined;
      do {
        const page: R2Objects = await bucket.list({
          prefix: prefixOf(organizationId, runId),
          include: ["httpMetadata", "customMetadata"],
          ...(cursor === undefined ? {} : { cursor }),
        });
        found.push(...page.objects.map(describe));
        cursor = page.truncated ? page.cursor : undefined;
      } while (cursor !== undefined);
      return found;
    },

    async get(organizationId, artifactId) {
      const key = keyOf(organizationId, artifactId);
      const object = key === null ? null : await bucket.head(key);
      return object === null ? null : describe(object);
    },

    async open(organizationId, artifactId, range = null) {
      const key = keyOf(organizationId, artifactId);
      const object = key === null ? null : await bucket.get(key, range === null ? {} : { range });
      return object === null ? null : { artifact: describe(object), body: object.body };
    },
  };
}

function describe(object: R2Object): StoredArtifact {
  const { type, name, created_at, block } = metadataSchema.parse(object.customMetadata);
  return {
    artifactId: object.key.slice(object.key.lastIndexOf("/") + 1) as ArtifactId, // the key was made from it
    type,
    name: decodeURIComponent(name),
    contentType: object.httpMetadata?.contentType ?? "application/octet-stream",
    sizeBytes: object.size,
    sha256: object.checksums.toJSON().sha256 ?? "",
    createdAt: created_at,
    blockPath: block === undefined ? null : decodeURIComponent(block),
  };
}
