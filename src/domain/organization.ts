import type { OrganizationId } from "./id.ts";
import type { OrganizationBrowser } from "./browser/remote-browser.ts";
import { DEFINITION_LIMITS } from "./workflow/limits.ts";

/** What the administrator decides of an organization, and may change. */
export interface OrganizationSettings {
  readonly name: string;
  /** Hosts that it may reach although the outbound guard would refuse them (private, loopback), as `host` or `host:port`. */
  readonly allowedHosts: readonly string[];
  /** Hosts that nothing of it may reach. */
  readonly deniedHosts: readonly string[];
  /** The only hosts that it may reach; empty for no such limit. */
  readonly onlyHosts: readonly string[];
  /** More runs than these wait in its queue. */
  readonly maxConcurrentRuns: number;
  /** No run may be at work for longer, whatever it or its workflow asks for. */
  readonly maxRunSeconds: number;
  /** Blocks that a workflow may have at the top level when it is saved; versions that are stored run on. */
  readonly maxWorkflowBlocks: number;
  /** The browser of runs that name none, and no session; null for the service's own. */
  readonly browser: OrganizationBrowser | null;
}

/** A tenant: whom workflows, runs and keys belong to. */
export interface Organization extends OrganizationSettings {
  readonly organizationId: OrganizationId;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** Bounds of the settings. What has a default has a minimum of 1. */
export const ORGANIZATION_LIMITS = {
  name: 200,
  hosts: 100,
  maxConcurrentRuns: { default: 100, max: 10_000 },
  maxRunSeconds: { default: 3_600, max: 7 * 86_400 },
  maxWorkflowBlocks: { default: 50, max: DEFINITION_LIMITS.workflowBlocks },
} as const;

/** What the vault binds an organization's webhook secret to, so that its ciphertext opens for no other. */
export function webhookSecretPurpose(organizationId: OrganizationId): string {
  return `webhook-secret:${organizationId}`;
}
