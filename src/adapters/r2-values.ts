import type { LargeValues } from "../ports/large-values.ts";

/** Large outputs in R2, by their hash: storing the same one again changes nothing. Beside the artifacts, under a prefix of their own. */
export function createLargeValues(bucket: R2Bucket): LargeValues {
  return {
    async put({ organizationId, runId }, text) {
      const bytes = new TextEncoder().encode(text);
      const sha256 = await crypto.subtle.digest("SHA-256", bytes);
      const hash = [...new Uint8Array(sha256)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      const key = `org/${organizationId}/value/${runId}/${hash}`;
      await bucket.put(key, bytes, { sha256, httpMetadata: { contentType: "application/json" } });
      return key;
    },
    async get(key) {
      const object = await bucket.get(key);
      if (object === null) throw new Error(`the stored value ${key} is gone`);
      return await object.text();
    },
  };
}
