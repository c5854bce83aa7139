import type { ClaimedDelivery, DeliveryReport, NewDelivery, Settlement } from "../domain/delivery.ts";
import type { DeliveryId, OrganizationId, RunId } from "../domain/id.ts";
import type { Page } from "./page.ts";

/** Webhook deliveries, in D1: the record. The queue below only says when to look at it. */
export interface Deliveries {
  /** Adds those whose id is new, due at once; the others stay as they are. */
  add(deliveries: readonly NewDelivery[], at: number): Promise<void>;
  /**
   * Takes a delivery for its next attempt, which is counted. Of several that claim it at the same time, one gets it.
   * @param leaseUntil when another may take it, should this attempt never be settled
   * @returns null when there is nothing to do now: it is not due, is settled, is being attempted, or does not exist
   */
  claim(deliveryId: DeliveryId, now: number, leaseUntil: number): Promise<ClaimedDelivery | null>;
  /** Ends a claimed attempt. @returns false when a later attempt was claimed meanwhile: nothing is changed then */
  settle(claimed: ClaimedDelivery, settlement: Settlement, at: number): Promise<boolean>;
  /** Pending deliveries of any organization that were due before this instant and are not being attempted, the longest due first. */
  overdue(dueBefore: number, now: number, limit: number): Promise<DeliveryId[]>;
  /** The newest first. */
  list(organizationId: OrganizationId, filter: { readonly workflowRunId?: RunId }, page: Page): Promise<DeliveryReport[]>;
  get(organizationId: OrganizationId, deliveryId: DeliveryId): Promise<DeliveryReport | null>;
  /** Makes one more attempt due at `now`, whatever came of the delivery. @returns false when an attempt is under way, or there is no such delivery */
  replay(organizationId: OrganizationId, deliveryId: DeliveryId, now: number): Promise<boolean>;
}

/** Asks, through a queue, that deliveries be attempted. May be lost, late, repeated or out of order. */
export interface DeliveryQueue {
  /** @param delaySeconds whole, at most 43,200: the longest that a queue holds a message back */
  send(deliveryIds: readonly DeliveryId[], delaySeconds: number): Promise<void>;
}

/** A message as a queue's consumer gets it; one that is neither acknowledged nor retried counts as acknowledged. */
export interface QueueMessage {
  readonly body: unknown;
  ack(): void;
  retry(options?: { readonly delaySeconds?: number }): void;
}

/**
 * Signs a message by Standard Webhooks 1.0.
 * @param secret `whsec_` and the key in base64
 * @param message.at when this attempt is made, in milliseconds since the epoch
 * @returns the headers that carry the signature
 */
export type SignWebhook = (
  secret: string,
  message: { readonly id: string; readonly at: number; readonly body: string },
) => Promise<Record<string, string>>;
