import { webhookBody } from "../domain/delivery.ts";
import { type Fault, ServiceError, invalidInput } from "../domain/error.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import { checkOutboundUrl, OutboundError } from "../domain/outbound/outbound.ts";
import { isFinalStatus } from "../domain/run/run.ts";
import { runExample } from "../domain/run/run-view-schema.ts";
import { webhookFields } from "../domain/run/run-view.ts";
import type { Gates } from "../ports/gates.ts";
import type { Ids } from "../ports/ids.ts";
import type { StoredOrganization } from "../ports/organizations.ts";
import type { RunIndex } from "../ports/run-index.ts";
import type { RunObjects } from "../ports/run-objects.ts";
import { sendSigned, type SendWebhookDeps } from "./deliveries.ts";
import { getRun } from "./runs.ts";

const TIMEOUT_MS = 60_000;
/** Of the answer's body, as Skyvern shows it. */
const EXCERPT_BYTES = 2_048;

export interface ReplayDeps extends SendWebhookDeps {
  readonly ids: Ids;
  readonly runs: RunObjects;
  readonly runIndex: RunIndex;
  readonly gates: Gates;
}

/** Skyvern's `RunWebhookReplayResponse`: what was sent, and what came back. */
export interface RunWebhookReplay {
  readonly run_id: string;
  readonly run_type: "workflow_run";
  readonly default_webhook_url: string | null;
  readonly target_webhook_url: string;
  /** The exact text that was signed and sent. */
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly status_code: number | null;
  readonly latency_ms: number;
  readonly response_body: string | null;
  readonly error: string | null;
}

/**
 * Sends the webhook of a run that has ended again, once and now, made from what the run is today. It is no delivery: it is not listed and not
 * tried again.
 * @param wantedUrl null for the run's own
 * @throws ServiceError not_found; invalid_input before the run's end and for an address that is missing or may not be reached
 */
export async function replayRunWebhook(
  deps: ReplayDeps,
  organization: Organization,
  id: string,
  wantedUrl: string | null,
): Promise<RunWebhookReplay> {
  const run = await requireEnded(deps, organization, id);
  const stored = await requireSecret(deps, organization);
  const url = requireTarget(organization, wantedUrl?.trim() || run.webhook_callback_url);
  const sent = await sendOnce(deps, stored, url, run);
  return { run_id: run.run_id, run_type: "workflow_run", default_webhook_url: run.webhook_callback_url, target_webhook_url: url, ...sent };
}

/**
 * Skyvern's test of an endpoint: sends it the webhook of a run that has ended, or of an example.
 * @param id null for the example
 * @throws ServiceError as `replayRunWebhook`
 */
export async function testWebhook(deps: ReplayDeps, organization: Organization, wantedUrl: string, id: string | null): Promise<SentOnce> {
  const run = id === null ? EXAMPLE : await requireEnded(deps, organization, id);
  const stored = await requireSecret(deps, organization);
  return await sendOnce(deps, stored, requireTarget(organization, wantedUrl.trim()), run);
}

type SentOnce = Pick<RunWebhookReplay, "payload" | "headers" | "status_code" | "latency_ms" | "response_body" | "error">;

/** A run as its webhook tells of it. */
type EndedRun = JsonObject & { readonly run_id: string; readonly status: string; readonly webhook_callback_url: string | null };

const EXAMPLE: EndedRun = { ...runExample, run_id: "wr_00000000000000000000000000", status: "completed", webhook_callback_url: null };

async function requireEnded(deps: ReplayDeps, organization: Organization, id: string): Promise<EndedRun> {
  const { json } = await getRun(deps, organization, id, 0);
  const run = JSON.parse(json) as EndedRun; // the service wrote it
  if (isFinalStatus(run.status)) return run;
  throw new ServiceError("invalid_input", `Run ${id} is ${run.status}: its webhook can be sent again when it has ended.`);
}

async function sendOnce(deps: ReplayDeps, stored: StoredOrganization, url: string, run: EndedRun): Promise<SentOnce> {
  const begunAt = deps.clock.now();
  const type = `workflow_run.${run.status}`;
  const payload = webhookBody({ type, eventId: deps.ids.next("event"), at: begunAt, run: webhookFields(run) });
  const latency = () => deps.clock.now() - begunAt;
  try {
    const message = { id: deps.ids.next("delivery"), url, body: payload };
    const { response, headers } = await sendSigned(deps, stored, message, { timeoutMs: TIMEOUT_MS, keepBytes: EXCERPT_BYTES });
    const isAccepted = response.status >= 200 && response.status < 300;
    return {
      payload,
      headers,
      status_code: response.status,
      latency_ms: latency(),
      response_body: new TextDecoder().decode(response.body),
      error: isAccepted ? null : `The endpoint answered ${response.status}.`,
    };
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return { payload, headers: {}, status_code: null, latency_ms: latency(), response_body: null, error: error.message };
  }
}

async function requireSecret(deps: SendWebhookDeps, { organizationId }: Organization): Promise<StoredOrganization> {
  const stored = await deps.organizations.get(organizationId);
  if (stored === null || stored.sealedWebhookSecret === "")
    throw new ServiceError("conflict", "The organization has no webhook secret to sign with; set one first.");
  return stored;
}

function requireTarget(organization: Organization, url: string | null): string {
  const refusal: Fault | null =
    url === null
      ? { path: "webhook_url", message: "is required: the run has no webhook of its own", code: "required" }
      : checkOutboundUrl(url, organization);
  if (url !== null && refusal === null) return url;
  const faults = refusal === null ? [] : [{ ...refusal, path: "webhook_url" }];
  throw invalidInput("The request is not valid", faults);
}
