import { z } from "zod";
import { type ArtifactId, type OrganizationId, type RunId, runOfArtifact } from "../domain/id.ts";
import type { Artifacts, SavedArtifact } from "../ports.ts";

/** What is kept beside the bytes; R2 holds size and checksum itself. */
const metadataSchema = z.object({ type: z.string(), name: z.string(), created_at: z.coerce.number() });

/**
 * Files of runs in R2, one object each, its facts in the object's own metadata: no index that could disagree. An artifact's id names its run,
 * and the key begins with the organization, so what is another's cannot be addressed.
 */
export function createArtifacts(bucket: R2Bucket, now: () => number): Artifacts {
  const prefixOf = (organizationId: OrganizationId, runId: RunId) => `org/${organizationId}/run/${runId}/`;
  return {
    async save({ organizationId, runId }, { artifactId, type, name, contentType, bytes }) {
      const sha256 = await crypto.subtle.digest("SHA-256", bytes);
      const createdAt = now();
      await bucket.put(prefixOf(organizationId, runId) + artifactId, bytes, {
        sha256,
        httpMetadata: { contentType },
        customMetadata: { type, name: encodeURIComponent(name), created_at: String(createdAt) },
      });
      return { artifactId, type, name, contentType, sizeBytes: bytes.byteLength, sha256: toHex(sha256), createdAt };
    },

    async list(organizationId, runId) {
      const found: SavedArtifact[] = [];
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

    async open(organizationId, artifactId) {
      const runId = runOfArtifact(artifactId);
      const object = runId === null ? null : await bucket.get(prefixOf(organizationId, runId) + artifactId);
      return object === null ? null : { artifact: describe(object), body: object.body };
    },
  };
}

function describe(object: R2Object): SavedArtifact {
  const { type, name, created_at } = metadataSchema.parse(object.customMetadata);
  return {
    artifactId: object.key.slice(object.key.lastIndexOf("/") + 1) as ArtifactId, // the key was made from it
    type,
    name: decodeURIComponent(name),
    contentType: object.httpMetadata?.contentType ?? "application/octet-stream",
    sizeBytes: object.size,
    sha256: object.checksums.sha256 ? toHex(object.checksums.sha256) : "",
    createdAt: created_at,
  };
}

function toHex(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
