import { webhookBody } from "../domain/delivery.ts";
import { describeFaults, type Fault, ServiceError } from "../domain/error.ts";
import type { RunId } from "../domain/id.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Organization } from "../domain/organization.ts";
import { checkOutboundUrl, OutboundError } from "../domain/outbound.ts";
import { isFinalStatus } from "../domain/run.ts";
import { webhookFields } from "../domain/run-view.ts";
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

interface ReplayDeps extends SendWebhookDeps {
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
  const { json } = await getRun(deps, organization, id, 0);
  const run = JSON.parse(json) as JsonObject & {
    readonly run_id: RunId;
    readonly status: string;
    readonly webhook_callback_url: string | null;
  };
  if (!isFinalStatus(run.status))
    throw new ServiceError("invalid_input", `Run ${id} is ${run.status}: its webhook can be sent again when it has ended.`);
  const stored = await requireSecret(deps, organization);
  const url = requireTarget(organization, wantedUrl?.trim() || run.webhook_callback_url);
  const payload = webhookBody({
    type: `workflow_run.${run.status}`,
    eventId: deps.ids.next("event"),
    at: deps.clock.now(),
    run: webhookFields(run),
  });
  const told = {
    run_id: run.run_id,
    run_type: "workflow_run",
    default_webhook_url: run.webhook_callback_url,
    target_webhook_url: url,
    payload,
  } as const;
  const begunAt = deps.clock.now();
  const latency = () => deps.clock.now() - begunAt;
  try {
    const message = { id: deps.ids.next("delivery"), url, body: payload };
    const { response, headers } = await sendSigned(deps, stored, message, { timeoutMs: TIMEOUT_MS, keepBytes: EXCERPT_BYTES });
    const isAccepted = response.status >= 200 && response.status < 300;
    return {
      ...told,
      headers,
      status_code: response.status,
      latency_ms: latency(),
      response_body: new TextDecoder().decode(response.body),
      error: isAccepted ? null : `The endpoint answered ${response.status}.`,
    };
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return { ...told, headers: {}, status_code: null, latency_ms: latency(), response_body: null, error: error.message };
  }
}

async function requireSecret(deps: SendWebhookDeps, { organizationId }: Organization): Promise<StoredOrganization> {
  const stored = await deps.organizations.get(organizationId);
  if (stored === null || stored.sealedWebhookSecret === "")
    throw new ServiceError("conflict", "The organization has no webhook secret to sign with; set one first.");
  return stored;
}

function requireTarget({ allowedHosts }: Organization, url: string | null): string {
  const refusal: Fault | null =
    url === null
      ? { path: "webhook_url", message: "is required: the run has no webhook of its own", code: "required" }
      : checkOutboundUrl(url, allowedHosts);
  if (url !== null && refusal === null) return url;
  const faults = refusal === null ? [] : [{ ...refusal, path: "webhook_url" }];
  throw new ServiceError("invalid_input", describeFaults("The request is not valid", faults), { faults });
}
