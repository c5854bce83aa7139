import type { BrowserMemory } from "../domain/browser/browser-memory.ts";
import type { BrowserProfileId, BrowserSessionId, OrganizationId, RunId, WorkflowId } from "../domain/id.ts";
import type { WorkflowMemoryId } from "../domain/run/run.ts";

/** Whose memory it is. */
export type MemoryOwner = { readonly organizationId: OrganizationId } & (
  | { readonly kind: "session"; readonly id: BrowserSessionId }
  | { readonly kind: "profile"; readonly id: BrowserProfileId }
  /** What the last completed run of a workflow left, of those with the same `browser_profile_key`; `id` is the workflow's, or `<workflow>:<key>`. */
  | { readonly kind: "workflow"; readonly id: WorkflowMemoryId }
  /** What a completed run left, to make a profile of it. */
  | { readonly kind: "run"; readonly id: RunId }
);

/** What browsers remember, encrypted. */
export interface BrowserMemories {
  put(owner: MemoryOwner, memory: BrowserMemory): Promise<void>;
  /** @returns null when there is none */
  get(owner: MemoryOwner): Promise<BrowserMemory | null>;
  /** Does nothing when there is none. */
  delete(owner: MemoryOwner): Promise<void>;
  /** All that runs of a workflow have left for each other. */
  deleteOfWorkflow(organizationId: OrganizationId, workflowId: WorkflowId): Promise<void>;
}
