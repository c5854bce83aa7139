import { env, exports } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { describe, expect, inject, it, vi } from "vitest";
import { createDeliveries } from "../../src/adapters/d1/deliveries.ts";
import { openDatabase } from "../../src/adapters/d1/database.ts";
import { createOrganizations } from "../../src/adapters/d1/organizations.ts";
import { createHttpClient } from "../../src/adapters/http-client.ts";
import { createIds } from "../../src/adapters/ids.ts";
import { createDeliveryQueue } from "../../src/adapters/queue-deliveries.ts";
import { createMailer } from "../../src/adapters/smtp-mailer.ts";
import { createVault } from "../../src/adapters/vault.ts";
import { signWebhook } from "../../src/adapters/webhook-signature.ts";
import { type NewDelivery, webhookBody } from "../../src/domain/delivery.ts";
import type { DeliveryId, OrganizationId, RunId } from "../../src/domain/id.ts";
import { mailtoUrl } from "../../src/domain/mail.ts";
import { ORGANIZATION_SETTINGS } from "../../src/domain/testing/organization.ts";
import type { QueueMessage } from "../../src/ports/deliveries.ts";
import {
  consumeDeadDeliveries,
  consumeDeliveries,
  deliver,
  type DeliveryDeps,
  listDeliveries,
  recordDeliveries,
  replayDelivery,
  sweepDeliveries,
} from "../../src/services/deliveries.ts";
import { createOrganization } from "../../src/services/organizations.ts";
import { eventually } from "../eventually.ts";
import { mailsTo, newAddress } from "./mail-client.ts";
import type { Answer } from "./receiver.ts";
import { type Box, openBox } from "./receiver-client.ts";

const SECOND = 1000;
const HOUR = 3_600_000;
const deliveries = createDeliveries(openDatabase(env.DB));
const organizations = createOrganizations(openDatabase(env.DB));
const vault = createVault(env.PILOTFISH_ENCRYPTION_KEY);
const realQueue = createDeliveryQueue(env.WEBHOOK_DELIVERIES);
const ids = createIds(() => Date.now());

/** An organization that may reach the receiver, unless it is told otherwise. */
async function newOrganization(allowedHosts = ["127.0.0.1"]): Promise<{ organizationId: OrganizationId; webhookSecret: string }> {
  const { organization, webhookSecret } = await createOrganization(
    { organizations, vault, ids, clock: { now: () => Date.now() } },
    { ...ORGANIZATION_SETTINGS, allowedHosts, browser: null },
  );
  return { organizationId: organization.organizationId, webhookSecret };
}

function newDelivery(organizationId: OrganizationId, url: string, workflowRunId: RunId = ids.next("run")): NewDelivery {
  const run = { run_id: workflowRunId, status: "completed", output: { name: "Zoë" } };
  return {
    deliveryId: `${ids.next("delivery")}_4`,
    organizationId,
    workflowRunId,
    eventType: "workflow_run.completed",
    url,
    body: webhookBody({ type: "workflow_run.completed", eventId: "evt_1", at: Date.now(), run }),
  };
}

function mailService() {
  const server = { host: "127.0.0.1", port: inject("mailPorts").plain, tls: false, login: null };
  return { server, from: "Service <service@example.test>" };
}

/** The service with a clock that the test moves and a queue that only notes what it was given: what is attempted, and when, is the test's to say. */
function bench(overrides: Partial<DeliveryDeps> = {}) {
  const queued: { deliveryId: DeliveryId; delaySeconds: number }[] = [];
  const errors: string[] = [];
  const clock = { at: Date.now(), now: () => clock.at };
  const deps: DeliveryDeps = {
    deliveries,
    organizations,
    vault,
    sign: signWebhook,
    httpFor: (hosts) => createHttpClient({ fetch, hosts }),
    mailerFor: () => createMailer({ hosts: { allowedHosts: [] }, service: mailService() }),
    deliveryQueue: {
      async send(deliveryIds, delaySeconds) {
        queued.push(...deliveryIds.map((deliveryId) => ({ deliveryId, delaySeconds })));
      },
    },
    clock,
    random: () => 0.5, // no jitter
    log: { info() {}, error: (message) => void errors.push(message) },
    ...overrides,
  };
  return { deps, queued, errors, clock };
}

async function report({ organizationId, deliveryId }: NewDelivery) {
  const found = await deliveries.get(organizationId, deliveryId);
  if (found === null) throw new Error(`there is no delivery ${deliveryId}`);
  return found;
}

/** A pending delivery to a new box of an organization of its own. */
async function pending(
  deps: DeliveryDeps,
  ...answers: readonly Answer[]
): Promise<{ delivery: NewDelivery; box: Box; webhookSecret: string }> {
  const box = await openBox(...answers);
  const { organizationId, webhookSecret } = await newOrganization();
  const delivery = newDelivery(organizationId, box.url);
  await recordDeliveries(deps, [delivery]);
  return { delivery, box, webhookSecret };
}

function message(body: unknown) {
  return { body, ack: vi.fn<QueueMessage["ack"]>(), retry: vi.fn<QueueMessage["retry"]>() };
}

describe("deliveries through the real queue", () => {
  const throughQueue = (): DeliveryDeps => bench({ deliveryQueue: realQueue }).deps;

  it("reach the endpoint once, signed so that the reference receiver accepts them, however often they are recorded", async () => {
    const { delivery, box, webhookSecret } = await pending(throughQueue());
    await recordDeliveries(throughQueue(), [delivery, delivery]);
    await eventually(async () => expect(await report(delivery)).toMatchObject({ status: "delivered" }));
    const marker = newDelivery(delivery.organizationId, box.url);
    await recordDeliveries(throughQueue(), [marker]); // comes through the queue after all messages before it
    await eventually(async () => expect(await report(marker)).toMatchObject({ status: "delivered" }));

    const [first, second, ...more] = await box.requests();
    expect(more).toEqual([]);
    expect(second?.headers["webhook-id"]).toBe(marker.deliveryId);
    expect(first).toMatchObject({
      method: "POST",
      body: delivery.body,
      headers: { "webhook-id": delivery.deliveryId, "content-type": "application/json", "user-agent": "Pilotfish-Webhooks/1.0" },
    });
    expect(new Webhook(webhookSecret).verify(first!.body, first!.headers)).toMatchObject({
      type: "workflow_run.completed",
      event_id: "evt_1",
      output: { name: "Zoë" },
    });
    expect(delivery.deliveryId).not.toContain(".");
    expect(await report(delivery)).toMatchObject({ attempts: 1, lastStatusCode: 200, lastError: null, nextAttemptAt: null });
  });

  it("come again after a failure, with the same id and a new timestamp", async () => {
    const { delivery, box, webhookSecret } = await pending(throughQueue(), { status: 500, body: "not now" }, { status: 204 });
    await eventually(async () =>
      expect(await report(delivery)).toMatchObject({ attempts: 1, lastStatusCode: 500, lastError: "the endpoint answered 500: not now" }),
    );
    await eventually(async () =>
      expect(await report(delivery)).toMatchObject({ status: "delivered", attempts: 2, lastStatusCode: 204, lastError: null }),
    );
    const [first, second] = await box.requests();
    expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
    expect(second?.body).toBe(first?.body);
    expect(Number(second?.headers["webhook-timestamp"])).toBeGreaterThanOrEqual(Number(first?.headers["webhook-timestamp"]) + 3);
    for (const request of [first!, second!]) new Webhook(webhookSecret).verify(request.body, request.headers);
  });

  it("whose message was lost are found by the sweep", async () => {
    const lost = bench({ clock: { now: () => Date.now() - 60 * SECOND } });
    const { delivery, box } = await pending(lost.deps);
    expect(lost.queued).toEqual([{ deliveryId: delivery.deliveryId, delaySeconds: 0 }]);
    expect(await box.requests()).toEqual([]);
    await sweepDeliveries(throughQueue(), Date.now());
    await eventually(async () => expect(await report(delivery)).toMatchObject({ status: "delivered" }));
    expect(await box.requests()).toHaveLength(1);
  });
});

describe("an attempt", () => {
  it("is made by one of two consumers that come at the same time", async () => {
    const { deps } = bench();
    const { delivery, box } = await pending(deps, { hold: "head" });
    const first = deliver(deps, delivery.deliveryId);
    const second = deliver(deps, delivery.deliveryId);
    await eventually(async () => expect(await box.requests()).toHaveLength(1));
    expect(await deliver(deps, delivery.deliveryId)).toBeNull(); // while the first is waiting for its answer
    await box.release();
    const results = await Promise.all([first, second]);
    expect(results).toContainEqual({ status: "delivered", statusCode: 200 });
    expect(results).toContain(null);
    expect(await box.requests()).toHaveLength(1);
  });

  it("is not made before it is due, nor after the delivery has ended, whatever messages come", async () => {
    const { deps, queued, clock } = bench();
    const { delivery, box } = await pending(deps, { status: 500 }, { status: 200 });
    await deliver(deps, delivery.deliveryId);
    expect(queued).toEqual([
      { deliveryId: delivery.deliveryId, delaySeconds: 0 },
      { deliveryId: delivery.deliveryId, delaySeconds: 5 },
    ]);
    clock.at += 5 * SECOND - 1;
    expect(await deliver(deps, delivery.deliveryId)).toBeNull();
    clock.at += 1;
    expect(await deliver(deps, delivery.deliveryId)).toEqual({ status: "delivered", statusCode: 200 });
    clock.at += HOUR;
    expect(await deliver(deps, delivery.deliveryId)).toBeNull();
    expect(await deliver(deps, "whd_unknown")).toBeNull();
    expect(await box.requests()).toHaveLength(2);
  });

  it("ends the delivery when the endpoint answers 410", async () => {
    const { deps, queued } = bench();
    const { delivery } = await pending(deps, { status: 410 });
    await deliver(deps, delivery.deliveryId);
    expect(await report(delivery)).toMatchObject({
      status: "failed",
      lastStatusCode: 410,
      lastError: expect.stringContaining("410 Gone"),
      nextAttemptAt: null,
    });
    expect(queued).toHaveLength(1);
  });

  it.each([429, 503])("waits as long as Retry-After asks on %i", async (status) => {
    const { deps, queued, clock } = bench();
    const { delivery } = await pending(deps, { status, headers: { "retry-after": "90" } });
    await deliver(deps, delivery.deliveryId);
    expect(await report(delivery)).toMatchObject({ status: "pending", nextAttemptAt: clock.at + 90 * SECOND });
    expect(queued.at(-1)).toEqual({ deliveryId: delivery.deliveryId, delaySeconds: 90 });
  });

  it("does not follow a redirect", async () => {
    const { deps } = bench();
    const target = await openBox();
    const { delivery } = await pending(deps, { status: 307, headers: { location: target.url } });
    await deliver(deps, delivery.deliveryId);
    expect(await report(delivery)).toMatchObject({
      status: "pending",
      lastStatusCode: 307,
      lastError: expect.stringContaining("redirects are not followed"),
    });
    expect(await target.requests()).toEqual([]);
  });

  it("is not sent to an address that the organization may not reach", async () => {
    const { deps, queued } = bench();
    const box = await openBox();
    const { organizationId } = await newOrganization([]);
    const delivery = newDelivery(organizationId, box.url);
    await recordDeliveries(deps, [delivery]);
    await deliver(deps, delivery.deliveryId);
    expect(await report(delivery)).toMatchObject({
      status: "failed",
      lastStatusCode: null,
      lastError: expect.stringContaining("127.0.0.1 may not be reached"),
    });
    expect(await box.requests()).toEqual([]);
    expect(queued).toHaveLength(1);
  });

  it("fails for an organization that has no secret, or that is not there", async () => {
    const { deps } = bench();
    const unsigned = ids.next("organization");
    await organizations.insert({ ...ORGANIZATION_SETTINGS, organizationId: unsigned, createdAt: 0, sealedWebhookSecret: "" });
    for (const [organizationId, reason] of [
      [unsigned, "has no webhook secret"],
      [ids.next("organization"), "does not exist"],
    ] as const) {
      const delivery = newDelivery(organizationId, "https://example.com/");
      await recordDeliveries(deps, [delivery]);
      await deliver(deps, delivery.deliveryId);
      expect(await report(delivery)).toMatchObject({ status: "failed", lastError: expect.stringContaining(reason) });
    }
  });

  it("that breaks off by a fault of the service is logged and tried again", async () => {
    const { deps, errors } = bench({ vault: { open: () => Promise.reject(new Error("wrong key")) } });
    const { delivery } = await pending(deps);
    await deliver(deps, delivery.deliveryId);
    expect(await report(delivery)).toMatchObject({ status: "pending", lastError: expect.stringContaining("a fault of its own") });
    expect(errors).toEqual(["webhook attempt broke off"]);
  });

  it("keeps no more than 1 KB of what the endpoint says", async () => {
    const { deps } = bench();
    const { delivery, box } = await pending(deps, { status: 500, bytes: 50_000_000 });
    await deliver(deps, delivery.deliveryId);
    expect((await report(delivery)).lastError).toHaveLength(1024);
    await eventually(async () => expect(await box.requests()).toMatchObject([{ abandoned: true }]));
  });

  it("is the last when the schedule is used up", async () => {
    const { deps, clock } = bench({ retrySchedule: [0, 1] });
    const { delivery } = await pending(deps, { reset: true });
    await deliver(deps, delivery.deliveryId);
    expect(await report(delivery)).toMatchObject({ status: "pending", attempts: 1, lastStatusCode: null });
    clock.at += SECOND;
    await deliver(deps, delivery.deliveryId);
    expect(await report(delivery)).toMatchObject({
      status: "failed",
      attempts: 2,
      nextAttemptAt: null,
      lastError: expect.stringContaining("no attempts left after 2"),
    });
  });
});

describe("the sweep", () => {
  /** Deliveries of other tests may be overdue too, so only one's own are looked for. */
  async function sweeps({ deps, queued, clock }: ReturnType<typeof bench>, { deliveryId }: NewDelivery): Promise<boolean> {
    queued.length = 0;
    await sweepDeliveries(deps, clock.at);
    return queued.some((entry) => entry.deliveryId === deliveryId);
  }

  it("leaves alone what is on its way through the queue", async () => {
    const service = bench();
    const { delivery } = await pending(service.deps);
    service.clock.at += 30 * SECOND;
    expect(await sweeps(service, delivery)).toBe(false);
    service.clock.at += 1;
    expect(await sweeps(service, delivery)).toBe(true);
    await deliver(service.deps, delivery.deliveryId);
    expect(await sweeps(service, delivery)).toBe(false);
  });

  it("takes up an attempt that was cut short, and the late result of that attempt changes nothing", async () => {
    const service = bench();
    const { delivery } = await pending(service.deps, { status: 500 });
    const cutShort = await deliveries.claim(delivery.deliveryId, service.clock.at, service.clock.at + 60 * SECOND);
    service.clock.at += 60 * SECOND - 1;
    expect(await sweeps(service, delivery)).toBe(false);
    service.clock.at += 1;
    expect(await sweeps(service, delivery)).toBe(true);
    await deliver(service.deps, delivery.deliveryId);
    expect(await deliveries.settle(cutShort!, { status: "failed", statusCode: null, error: "late" }, service.clock.at)).toBe(false);
    expect(await report(delivery)).toMatchObject({ status: "pending", attempts: 2, lastStatusCode: 500 });
  });

  it("makes attempts that are due too late for a queue to hold", async () => {
    const service = bench({ retrySchedule: [0, 13 * 3600] });
    const { delivery, box } = await pending(service.deps, { status: 500 }, { status: 200 });
    await deliver(service.deps, delivery.deliveryId);
    expect(service.queued).toHaveLength(1); // the first attempt's message, and none for the second
    service.clock.at += 13 * HOUR + 30 * SECOND + 1;
    expect(await sweeps(service, delivery)).toBe(true);
    await deliver(service.deps, delivery.deliveryId);
    expect(await box.requests()).toHaveLength(2);
  });

  it("finds the deliveries of a queue that is in trouble", async () => {
    const broken = bench({ deliveryQueue: { send: () => Promise.reject(new Error("queue overloaded")) } });
    const { delivery } = await pending(broken.deps);
    expect(broken.errors).toEqual(["webhook deliveries could not be queued; the sweep will take them up"]);
    const service = bench();
    service.clock.at = broken.clock.at + 31 * SECOND;
    expect(await sweeps(service, delivery)).toBe(true);
  });

  it("looks only at the index of what is due", async () => {
    const statements: { query: string; params: unknown[] }[] = [];
    const logged = createDeliveries(openDatabase(env.DB, { logQuery: (query, params) => void statements.push({ query, params }) }));
    await logged.overdue(0, 0, 10);
    const [{ query, params }] = statements as [{ query: string; params: unknown[] }];
    const plan = await env.DB.prepare(`EXPLAIN QUERY PLAN ${query}`)
      .bind(...params)
      .all<{ detail: string }>();
    expect(plan.results.map(({ detail }) => detail)).toEqual([
      expect.stringContaining("USING INDEX webhook_deliveries_due (next_attempt_at<?)"),
    ]);
  });
});

describe("the consumer", () => {
  it("acknowledges attempts that failed, messages that repeat, and messages that are none", async () => {
    const { deps, errors } = bench();
    const { delivery } = await pending(deps, { status: 500 });
    const messages = [
      message({ delivery_id: delivery.deliveryId }),
      message({ delivery_id: delivery.deliveryId }),
      message({ delivery_id: 7 }),
      message("x"),
    ];
    await consumeDeliveries({ messages }, deps);
    for (const { ack, retry } of messages) {
      expect(ack).toHaveBeenCalledOnce();
      expect(retry).not.toHaveBeenCalled();
    }
    expect(errors).toEqual(["not a message of the webhook queue", "not a message of the webhook queue"]);
    expect(await report(delivery)).toMatchObject({ status: "pending", attempts: 1 });
  });

  it("asks for a message again when its delivery cannot be read, and does the others", async () => {
    const { deps } = bench();
    const { delivery } = await pending(deps);
    const failing = {
      ...deliveries,
      claim: (id: DeliveryId, now: number, until: number) =>
        id === "whd_bad" ? Promise.reject(new Error("D1 is down")) : deliveries.claim(id, now, until),
    };
    const messages = [message({ delivery_id: "whd_bad" }), message({ delivery_id: delivery.deliveryId })] as const;
    await consumeDeliveries({ messages }, { ...deps, deliveries: failing });
    expect(messages[0].retry).toHaveBeenCalledOnce();
    expect(messages[0].ack).not.toHaveBeenCalled();
    expect(messages[1].ack).toHaveBeenCalledOnce();
    expect(await report(delivery)).toMatchObject({ status: "delivered" });
  });

  it("makes at most five attempts at a time", async () => {
    let open = 0;
    let most = 0;
    const { deps } = bench({
      httpFor: () => ({
        async send({ url }) {
          most = Math.max(most, ++open);
          await scheduler.wait(0); // every attempt that can begin has begun
          open -= 1;
          return { status: 200, headers: {}, body: new Uint8Array(), url };
        },
      }),
    });
    const { organizationId } = await newOrganization();
    const twelve = Array.from({ length: 12 }, () => newDelivery(organizationId, "https://example.com/"));
    await recordDeliveries(deps, twelve);
    await consumeDeliveries({ messages: twelve.map(({ deliveryId }) => message({ delivery_id: deliveryId })) }, deps);
    expect(most).toBeLessThanOrEqual(5);
    for (const delivery of twelve) expect(await report(delivery)).toMatchObject({ status: "delivered" });
  });

  it("marks the delivery of a dead letter, so that its owner sees it and its schedule goes on", async () => {
    const { deps, errors, queued } = bench();
    const { delivery, box } = await pending(deps);
    const letter = message({ delivery_id: delivery.deliveryId });
    await consumeDeadDeliveries({ messages: [letter] }, deps);
    expect(letter.ack).toHaveBeenCalledOnce();
    expect(errors).toEqual(["webhook delivery was a dead letter"]);
    expect(await report(delivery)).toMatchObject({
      status: "pending",
      attempts: 1,
      lastError: expect.stringContaining("a fault of its own"),
    });
    expect(queued.at(-1)).toEqual({ deliveryId: delivery.deliveryId, delaySeconds: 5 });
    expect(await box.requests()).toEqual([]);
  });
});

describe("the organization", () => {
  it("lists the deliveries of a run and its own, newest first, and never another's", async () => {
    const { deps, clock } = bench();
    const { organizationId } = await newOrganization();
    const runId = ids.next("run");
    const started = newDelivery(organizationId, "https://example.com/", runId);
    await recordDeliveries(deps, [started]);
    clock.at += SECOND;
    const completed = newDelivery(organizationId, "https://example.com/", runId);
    const other = newDelivery(organizationId, "https://example.com/");
    const foreign = newDelivery((await newOrganization()).organizationId, "https://example.com/", runId);
    await recordDeliveries(deps, [completed, other, foreign]);
    const list = async (filter: { workflowRunId?: RunId }, limit: number, offset: number) =>
      (await listDeliveries(deps, organizationId, filter, { limit, offset })).map(({ deliveryId }) => deliveryId);
    expect(await list({ workflowRunId: runId }, 10, 0)).toEqual([completed.deliveryId, started.deliveryId]);
    expect(await list({}, 10, 0)).toEqual([other.deliveryId, completed.deliveryId, started.deliveryId]);
    expect(await list({}, 1, 1)).toEqual([completed.deliveryId]);
    expect(await list({ workflowRunId: ids.next("run") }, 10, 0)).toEqual([]);
  });

  it("replays a delivery that ended: one more attempt with the same id", async () => {
    const { deps, queued, clock } = bench();
    const { delivery, box } = await pending(deps, { status: 410 }, { status: 200 });
    await deliver(deps, delivery.deliveryId);
    clock.at += HOUR;
    expect(await replayDelivery(deps, delivery.organizationId, delivery.deliveryId)).toMatchObject({
      status: "pending",
      attempts: 1,
      nextAttemptAt: clock.at,
    });
    expect(queued.at(-1)).toEqual({ deliveryId: delivery.deliveryId, delaySeconds: 0 });
    await deliver(deps, delivery.deliveryId);
    expect(await report(delivery)).toMatchObject({ status: "delivered", attempts: 2, deliveredAt: clock.at });
    const requests = await box.requests();
    expect(requests.map(({ headers }) => headers["webhook-id"])).toEqual([delivery.deliveryId, delivery.deliveryId]);
  });

  it("cannot replay while an attempt is under way, nor what is another's", async () => {
    const { deps, clock } = bench();
    const { delivery } = await pending(deps);
    await deliveries.claim(delivery.deliveryId, clock.at, clock.at + 60 * SECOND);
    await expect(replayDelivery(deps, delivery.organizationId, delivery.deliveryId)).rejects.toMatchObject({ code: "conflict" });
    const stranger = (await newOrganization()).organizationId;
    await expect(replayDelivery(deps, stranger, delivery.deliveryId)).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("over the API", () => {
  async function newCaller(): Promise<{ organizationId: OrganizationId; call: (path: string, method?: string) => Promise<Response> }> {
    const { organizationId } = await newOrganization();
    const issued = await exports.default.fetch(`https://pilotfish.test/v1/admin/organizations/${organizationId}/api-keys`, {
      method: "POST",
      headers: { "x-api-key": env.PILOTFISH_ADMIN_TOKEN, "content-type": "application/json" },
      body: JSON.stringify({ name: "test" }),
    });
    const { key } = await issued.json<{ key: string }>();
    const call = (path: string, method = "GET") =>
      exports.default.fetch(`https://pilotfish.test/v1/webhook-deliveries${path}`, { method, headers: { "x-api-key": key } });
    return { organizationId, call };
  }

  it("shows what came of the deliveries of a run, and not the body with its data", async () => {
    const { organizationId, call } = await newCaller();
    const { deps, clock } = bench();
    const box = await openBox({ status: 500, body: "not now" });
    const delivery = newDelivery(organizationId, box.url);
    await recordDeliveries(deps, [delivery, newDelivery(organizationId, box.url)]);
    await deliver(deps, delivery.deliveryId);
    const response = await call(`?run_id=${delivery.workflowRunId}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual([
      {
        delivery_id: delivery.deliveryId,
        run_id: delivery.workflowRunId,
        event_type: "workflow_run.completed",
        url: box.url,
        status: "pending",
        attempts: 1,
        last_status_code: 500,
        last_error: "the endpoint answered 500: not now",
        next_attempt_at: new Date(clock.at + 5 * SECOND).toISOString(),
        created_at: new Date(clock.at).toISOString(),
        delivered_at: null,
      },
    ]);
    expect(await (await call("?page_size=1&page=2")).json()).toHaveLength(1);
  });

  it("replays, and the endpoint gets it once more", async () => {
    const { organizationId, call } = await newCaller();
    const box = await openBox();
    const delivery = newDelivery(organizationId, box.url);
    const { deps } = bench();
    await recordDeliveries(deps, [delivery]);
    await deliver(deps, delivery.deliveryId);
    const response = await call(`/${delivery.deliveryId}/replay`, "POST");
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ delivery_id: delivery.deliveryId, status: "pending" });
    await eventually(async () => expect(await report(delivery)).toMatchObject({ status: "delivered", attempts: 2 }));
    expect(await box.requests()).toHaveLength(2);
  });

  it("answers a problem for a delivery of another organization, and for a query that is none", async () => {
    const { call } = await newCaller();
    const foreign = newDelivery((await newOrganization()).organizationId, "https://example.com/");
    await recordDeliveries(bench().deps, [foreign]);
    const missing = await call(`/${foreign.deliveryId}/replay`, "POST");
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ detail: expect.stringContaining(foreign.deliveryId) });
    expect(await (await call(`?run_id=${foreign.workflowRunId}`)).json()).toEqual([]);
    const refused = await call("?run_id=7&page=0&runid=wr_1");
    expect(refused.status).toBe(400);
    expect((await refused.json<{ errors: { path: string }[] }>()).errors.map(({ path }) => path).toSorted()).toEqual([
      "page",
      "run_id",
      "runid",
    ]);
  });
});

describe("a delivery by mail", () => {
  function mailTo(organizationId: OrganizationId, address: string): NewDelivery {
    const body = JSON.stringify({ to: [address], replyTo: null, subject: "Order 7", text: "Is it right?\n" });
    return { ...newDelivery(organizationId, mailtoUrl([address])), body };
  }

  it("is made by the service's own server", async () => {
    const { deps } = bench();
    const address = newAddress();
    const delivery = mailTo((await newOrganization()).organizationId, address);
    await recordDeliveries(deps, [delivery]);
    expect(await deliver(deps, delivery.deliveryId)).toEqual({ status: "delivered", statusCode: 250 });
    const [received] = await mailsTo(address);
    expect(received?.source).toContain("Subject: Order 7\r\n");
    expect(received?.source).toContain(`Message-ID: <${delivery.deliveryId}@example.test>`);
  });

  it.each([
    ["is tried again while the server has no time", "busy.test", "pending", /451 Try again later/],
    ["is tried again when nobody knows whether it was taken", "cut.test", "pending", /not known/],
    ["is not tried again when the server refuses it", "full.test", "failed", /552 The mailbox is full/],
  ])("%s", async (_, domain, status, error) => {
    const { deps } = bench();
    const delivery = mailTo((await newOrganization()).organizationId, newAddress(domain));
    await recordDeliveries(deps, [delivery]);
    expect(await deliver(deps, delivery.deliveryId)).toMatchObject({ status, error: expect.stringMatching(error) });
  });

  it("fails when the service has no mail server any more", async () => {
    const { deps } = bench({ mailerFor: () => createMailer({ hosts: { allowedHosts: [] }, service: null }) });
    const delivery = mailTo((await newOrganization()).organizationId, newAddress());
    await recordDeliveries(deps, [delivery]);
    expect(await deliver(deps, delivery.deliveryId)).toMatchObject({
      status: "failed",
      error: expect.stringContaining("PILOTFISH_SMTP_URL"),
    });
  });
});
