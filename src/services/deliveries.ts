import {
  type AttemptResult,
  type ClaimedDelivery,
  deliveryMessageSchema,
  type DeliveryReport,
  type NewDelivery,
  settleAttempt,
  type Settlement,
} from "../domain/delivery.ts";
import { ServiceError } from "../domain/error.ts";
import type { DeliveryId, OrganizationId, RunId } from "../domain/id.ts";
import { isMailto, MailError, serviceMailSchema } from "../domain/mail.ts";
import { webhookSecretPurpose } from "../domain/organization.ts";
import { OutboundError } from "../domain/outbound/outbound.ts";
import { parseRetryAfter } from "../domain/retry-after.ts";
import type { Clock } from "../ports/clock.ts";
import type { Deliveries, DeliveryQueue, QueueMessage, SignWebhook } from "../ports/deliveries.ts";
import type { HttpClientFor, HttpResponse } from "../ports/http.ts";
import type { Log } from "../ports/log.ts";
import type { MailerFor } from "../ports/mail.ts";
import type { Organizations, StoredOrganization } from "../ports/organizations.ts";
import type { Page } from "../ports/page.ts";
import type { Vault } from "../ports/vault.ts";

/** What recording deliveries takes. */
export interface RecordDeliveriesDeps {
  readonly deliveries: Deliveries;
  readonly deliveryQueue: DeliveryQueue;
  readonly clock: Clock;
  readonly log: Log;
}

/** What sending a signed message takes. */
export interface SendWebhookDeps {
  readonly organizations: Pick<Organizations, "get">;
  readonly vault: Pick<Vault, "open">;
  readonly sign: SignWebhook;
  readonly httpFor: HttpClientFor;
  readonly clock: Clock;
}

/** What making attempts takes. */
export interface DeliveryDeps extends RecordDeliveriesDeps, SendWebhookDeps {
  readonly mailerFor: MailerFor;
  /** From 0 to 1 (exclusive). */
  readonly random: () => number;
  /** Seconds before each attempt; `RETRY_SCHEDULE_SECONDS` when left out. */
  readonly retrySchedule?: readonly number[];
}

/** SMTP's word for it (RFC 5321, 4.2.2). */
const MAIL_TAKEN = 250;
const USER_AGENT = "Pilotfish-Webhooks/1.0";
const TIMEOUT_MS = 30_000;
/** Longer than an attempt can take, so that a lease runs out only when whoever held it is gone. */
const LEASE_MS = 60_000;
/** Of the answer's body; what the owner needs to see what went wrong. */
const EXCERPT_BYTES = 1024;
/** The longest that a queue holds a message back. What is due later is found by the sweep. */
const MAX_QUEUE_DELAY_MS = 12 * 3_600_000;
/** A delivery that was due for so long has no message on its way, most likely. If it has, the second one finds nothing to do. */
const OVERDUE_MS = 30_000;
const SWEEP_LIMIT = 1000;
/** Below the 6 connections that one invocation may have open, so that no attempt spends its time waiting for a free one. */
const PARALLEL_ATTEMPTS = 5;
/** Before a message is given again whose delivery could not be read or written. */
const MESSAGE_RETRY_SECONDS = 10;

const BROKEN_OFF: AttemptResult = {
  kind: "unanswered",
  error: "the service could not make this attempt, by a fault of its own and not of the endpoint",
  final: false,
};

/** Stores the deliveries and asks for their first attempts. Safe to repeat: a delivery that is there already is not made again. */
export async function recordDeliveries(deps: RecordDeliveriesDeps, deliveries: readonly NewDelivery[]): Promise<void> {
  if (deliveries.length === 0) return;
  await deps.deliveries.add(deliveries, deps.clock.now());
  const deliveryIds = deliveries.map(({ deliveryId }) => deliveryId);
  await enqueue(deps, deliveryIds, 0);
}

/**
 * Makes the attempt that is due, if one is, and plans the next if it fails. Safe to call at any time, as often as one likes, from several
 * places at once: only one of them sends.
 * @returns how the attempt ended; null when there was nothing to do
 * @throws what the store throws; the delivery is taken up again by the sweep
 */
export async function deliver(deps: DeliveryDeps, deliveryId: DeliveryId): Promise<Settlement | null> {
  const startedAt = deps.clock.now();
  const claimed = await deps.deliveries.claim(deliveryId, startedAt, startedAt + LEASE_MS);
  if (claimed === null) return null;
  return await settle(deps, claimed, await attempt(deps, claimed));
}

async function settle(deps: DeliveryDeps, claimed: ClaimedDelivery, result: AttemptResult): Promise<Settlement> {
  const at = deps.clock.now();
  const schedule = deps.retrySchedule === undefined ? {} : { schedule: deps.retrySchedule };
  const settlement = settleAttempt(result, { attempt: claimed.attempt, at, random: deps.random(), ...schedule });
  const recorded = await deps.deliveries.settle(claimed, settlement, at);
  deps.log.info("webhook attempt", {
    delivery_id: claimed.deliveryId,
    organization_id: claimed.organizationId,
    run_id: claimed.workflowRunId,
    event_type: claimed.eventType,
    attempt: claimed.attempt,
    status: settlement.status,
    status_code: settlement.statusCode,
    recorded,
  });
  if (recorded && settlement.status === "pending") await enqueue(deps, [claimed.deliveryId], settlement.nextAttemptAt - at);
  return settlement;
}

async function attempt(deps: DeliveryDeps, claimed: ClaimedDelivery): Promise<AttemptResult> {
  try {
    return isMailto(claimed.url) ? await mail(deps, claimed) : await post(deps, claimed);
  } catch (error) {
    // A mail of which nobody knows whether it was taken is sent again: the same question twice is better than none.
    if (error instanceof MailError) return { kind: "unanswered", error: error.message, final: error.failure === "refused" };
    if (error instanceof OutboundError) return { kind: "unanswered", error: error.message, final: error.kind === "refused" };
    deps.log.error("webhook attempt broke off", error, { delivery_id: claimed.deliveryId, attempt: claimed.attempt });
    return BROKEN_OFF;
  }
}

async function post(deps: DeliveryDeps, { organizationId, deliveryId, url, body }: ClaimedDelivery): Promise<AttemptResult> {
  const organization = await deps.organizations.get(organizationId);
  if (organization === null) return { kind: "unanswered", error: `the organization ${organizationId} does not exist`, final: true };
  if (organization.sealedWebhookSecret === "") {
    return {
      kind: "unanswered",
      error: "the organization has no webhook secret to sign with; set one, then replay the delivery",
      final: true,
    };
  }
  const { response } = await sendSigned(
    deps,
    organization,
    { id: deliveryId, url, body },
    { timeoutMs: TIMEOUT_MS, keepBytes: EXCERPT_BYTES },
  );
  return {
    kind: "answered",
    statusCode: response.status,
    location: response.headers["location"],
    retryAfterMs: parseRetryAfter(response.headers["retry-after"], deps.clock.now()),
    excerpt: new TextDecoder().decode(response.body).trim(),
  };
}

/** By the service's own server, which has one answer for all that is well. */
async function mail({ mailerFor }: DeliveryDeps, { deliveryId, body }: ClaimedDelivery): Promise<AttemptResult> {
  const mailer = mailerFor({ allowedHosts: [] });
  if (mailer.serviceSender === null)
    return { kind: "unanswered", error: "the service has no mail server any more (PILOTFISH_SMTP_URL, PILOTFISH_MAIL_FROM)", final: true };
  const message = { ...serviceMailSchema.parse(JSON.parse(body)), from: mailer.serviceSender, attachments: [], key: deliveryId };
  const { rejected } = await mailer.send(message, { server: null, timeoutMs: TIMEOUT_MS, signal: new AbortController().signal });
  const excerpt = rejected.map(({ address, reason }) => `${address}: ${reason}`).join("; ");
  return { kind: "answered", statusCode: MAIL_TAKEN, location: undefined, retryAfterMs: null, excerpt };
}

/**
 * One signed POST of an organization that has a secret to sign with.
 * @returns the answer, and the headers that were sent
 * @throws OutboundError when there is no answer
 */
export async function sendSigned(
  deps: Pick<SendWebhookDeps, "vault" | "sign" | "httpFor" | "clock">,
  { organizationId, sealedWebhookSecret, ...hosts }: StoredOrganization,
  { id, url, body }: { readonly id: DeliveryId; readonly url: string; readonly body: string },
  limits: { readonly timeoutMs: number; readonly keepBytes: number },
): Promise<{ response: HttpResponse; headers: Readonly<Record<string, string>> }> {
  const secret = await deps.vault.open(webhookSecretPurpose(organizationId), sealedWebhookSecret);
  const signature = await deps.sign(secret, { id, at: deps.clock.now(), body });
  const headers = { "content-type": "application/json", "user-agent": USER_AGENT, ...signature };
  const request = { method: "POST", url, headers, body, followRedirects: false, signal: new AbortController().signal, ...limits };
  return { response: await deps.httpFor(hosts).send(request), headers };
}

/**
 * Asks again for what is due and was not attempted: its message was lost, or its attempt was cut short, or it was due too late for a queue.
 * @returns how many deliveries were asked for
 */
export async function sweepDeliveries(deps: Omit<RecordDeliveriesDeps, "clock">, now: number): Promise<number> {
  const overdue = await deps.deliveries.overdue(now - OVERDUE_MS, now, SWEEP_LIMIT);
  if (overdue.length > 0) await enqueue(deps, overdue, 0);
  return overdue.length;
}

/** A queue in trouble delays a delivery and does not lose it: the sweep finds what is due. */
async function enqueue(
  deps: Pick<RecordDeliveriesDeps, "deliveryQueue" | "log">,
  deliveryIds: readonly DeliveryId[],
  delayMs: number,
): Promise<void> {
  if (delayMs > MAX_QUEUE_DELAY_MS) return;
  try {
    await deps.deliveryQueue.send(deliveryIds, Math.ceil(delayMs / 1000));
  } catch (error) {
    deps.log.error("webhook deliveries could not be queued; the sweep will take them up", error, { deliveries: deliveryIds.length });
  }
}

/** The consumer of `webhook-deliveries`. An attempt that fails is data; a message is retried only when its delivery could not be read or written. */
export async function consumeDeliveries(batch: { readonly messages: readonly QueueMessage[] }, deps: DeliveryDeps): Promise<void> {
  await consume(batch, deps, (deliveryId) => deliver(deps, deliveryId));
}

/**
 * The consumer of the dead letters: messages whose deliveries could not be read or written, again and again. Each delivery is marked with a
 * failed attempt, so that its owner sees it, and its schedule goes on.
 */
export async function consumeDeadDeliveries(batch: { readonly messages: readonly QueueMessage[] }, deps: DeliveryDeps): Promise<void> {
  await consume(batch, deps, async (deliveryId) => {
    const now = deps.clock.now();
    const claimed = await deps.deliveries.claim(deliveryId, now, now + LEASE_MS);
    if (claimed !== null) await settle(deps, claimed, BROKEN_OFF);
    deps.log.error("webhook delivery was a dead letter", new Error("its messages failed too often"), {
      delivery_id: deliveryId,
      marked: claimed !== null,
    });
  });
}

async function consume(
  { messages }: { readonly messages: readonly QueueMessage[] },
  { log }: Pick<DeliveryDeps, "log">,
  handle: (deliveryId: DeliveryId) => Promise<unknown>,
): Promise<void> {
  const waiting = messages.values();
  const worker = async (): Promise<void> => {
    for (const message of waiting) {
      const parsed = deliveryMessageSchema.safeParse(message.body);
      try {
        if (parsed.success) await handle(parsed.data.delivery_id);
        else log.error("not a message of the webhook queue", parsed.error);
        message.ack();
      } catch (error) {
        log.error("webhook delivery could not be read or written", error, parsed.success ? { delivery_id: parsed.data.delivery_id } : {});
        message.retry({ delaySeconds: MESSAGE_RETRY_SECONDS });
      }
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_ATTEMPTS }, worker));
}

/** The organization's deliveries, or those of one of its runs, the newest first. */
export async function listDeliveries(
  deps: Pick<DeliveryDeps, "deliveries">,
  organizationId: OrganizationId,
  filter: { readonly workflowRunId?: RunId },
  page: Page,
): Promise<DeliveryReport[]> {
  return await deps.deliveries.list(organizationId, filter, page);
}

/**
 * Makes one more attempt, now, with the same id and body; if it fails, the schedule goes on from where it was, if anything is left of it.
 * @throws ServiceError not_found; conflict while an attempt is under way
 */
export async function replayDelivery(
  deps: RecordDeliveriesDeps,
  organizationId: OrganizationId,
  deliveryId: DeliveryId,
): Promise<DeliveryReport> {
  const replayed = await deps.deliveries.replay(organizationId, deliveryId, deps.clock.now());
  const delivery = await deps.deliveries.get(organizationId, deliveryId);
  if (delivery === null) throw new ServiceError("not_found", `There is no webhook delivery ${deliveryId}`);
  if (!replayed) throw new ServiceError("conflict", `An attempt at ${deliveryId} is under way; wait for its result before you replay it`);
  await enqueue(deps, [deliveryId], 0);
  return delivery;
}
