import { z } from "zod";
import type { StoredFile } from "../domain/file.ts";
import type { FileId, OrganizationId } from "../domain/id.ts";
import type { Files } from "../ports/files.ts";

/** What is kept beside the bytes; R2 holds size and checksum itself. */
const metadataSchema = z.object({ name: z.string(), created_at: z.coerce.number(), expires_at: z.coerce.number().optional() });

/** Uploaded files in R2, one object each, its facts in the object's own metadata. The key begins with the organization, so what is another's cannot be addressed. */
export function createFiles(bucket: R2Bucket, now: () => number): Files {
  const keyOf = (organizationId: OrganizationId, fileId: FileId) => `org/${organizationId}/file/${fileId}`;
  const isThere = ({ expiresAt }: StoredFile) => expiresAt === null || expiresAt > now();
  return {
    async save(organizationId, { fileId, name, contentType, bytes, createdAt, expiresAt }) {
      const sha256 = await crypto.subtle.digest("SHA-256", bytes);
      const object = await bucket.put(keyOf(organizationId, fileId), bytes, {
        sha256,
        httpMetadata: { contentType },
        customMetadata: {
          name: encodeURIComponent(name),
          created_at: String(createdAt),
          ...(expiresAt === null ? {} : { expires_at: String(expiresAt) }),
        },
      });
      return describe(object, fileId);
    },

    async get(organizationId, fileId) {
      const object = await bucket.head(keyOf(organizationId, fileId));
      const file = object === null ? null : describe(object, fileId);
      return file !== null && isThere(file) ? file : null;
    },

    async open(organizationId, fileId, range = null) {
      const object = await bucket.get(keyOf(organizationId, fileId), range === null ? {} : { range });
      if (object === null) return null;
      const file = describe(object, fileId);
      if (isThere(file)) return { file, body: object.body };
      await object.body.cancel();
      return null;
    },

    async delete(files) {
      if (files.length > 0) await bucket.delete(files.map(({ organizationId, fileId }) => keyOf(organizationId, fileId)));
    },
  };
}

function describe(object: R2Object, fileId: FileId): StoredFile {
  const { name, created_at, expires_at = null } = metadataSchema.parse(object.customMetadata);
  return {
    fileId,
    name: decodeURIComponent(name),
    contentType: object.httpMetadata?.contentType ?? "application/octet-stream",
    sizeBytes: object.size,
    sha256: object.checksums.toJSON().sha256 ?? "",
    createdAt: created_at,
    expiresAt: expires_at,
  };
}
