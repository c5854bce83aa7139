import { browserMemorySchema } from "../domain/browser/browser-memory.ts";
import type { BrowserMemories, MemoryOwner } from "../ports/browser-memories.ts";
import type { Vault } from "../ports/vault.ts";

/** What browsers remember, in R2, sealed for their owner: nothing of it can be opened as another's. */
export function createBrowserMemories(bucket: R2Bucket, vault: Vault): BrowserMemories {
  const keyOf = ({ organizationId, kind, id }: MemoryOwner) => `org/${organizationId}/browser-memory/${kind}/${id}`;
  return {
    async put(owner, memory) {
      await bucket.put(keyOf(owner), await vault.seal(keyOf(owner), JSON.stringify(memory)));
    },
    async get(owner) {
      const object = await bucket.get(keyOf(owner));
      if (object === null) return null;
      return browserMemorySchema.parse(JSON.parse(await vault.open(keyOf(owner), await object.text())));
    },
    async delete(owner) {
      await bucket.delete(keyOf(owner));
    },
    async deleteOfWorkflow(organizationId, id) {
      const own = keyOf({ organizationId, kind: "workflow", id });
      await bucket.delete(own);
      for (;;) {
        const { objects } = await bucket.list({ prefix: `${own}:` });
        if (objects.length === 0) return;
        await bucket.delete(objects.map(({ key }) => key));
      }
    },
  };
}
