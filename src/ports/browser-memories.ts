import type { BrowserMemory } from "../domain/browser-memory.ts";
import type { BrowserSessionId, OrganizationId } from "../domain/id.ts";

/** Whose memory it is. */
export type MemoryOwner = { readonly organizationId: OrganizationId } & {
  readonly kind: "session";
  readonly id: BrowserSessionId;
};

/** What browsers remember, encrypted. */
export interface BrowserMemories {
  put(owner: MemoryOwner, memory: BrowserMemory): Promise<void>;
  /** @returns null when there is none */
  get(owner: MemoryOwner): Promise<BrowserMemory | null>;
  /** Does nothing when there is none. */
  delete(owner: MemoryOwner): Promise<void>;
}
