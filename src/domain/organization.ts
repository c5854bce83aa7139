import type { OrganizationId } from "./id.ts";

/** A tenant: whom workflows, runs and keys belong to. */
export interface Organization {
  readonly organizationId: OrganizationId;
  readonly name: string;
  /** Hosts that it may reach although the outbound guard would refuse them (private, loopback), as `host` or `host:port`. */
  readonly allowedHosts: readonly string[];
  /** More runs than these wait in its queue. */
  readonly maxConcurrentRuns: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export const ORGANIZATION_LIMITS = { name: 200, allowedHosts: 100, maxConcurrentRuns: { default: 100, max: 10_000 } } as const;

/** What the vault binds an organization's webhook secret to, so that its ciphertext opens for no other. */
export function webhookSecretPurpose(organizationId: OrganizationId): string {
  return `webhook-secret:${organizationId}`;
}
