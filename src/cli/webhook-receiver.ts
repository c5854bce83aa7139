import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

export interface ReceivedWebhook {
  /** The `webhook-id` header: the same when a delivery is repeated. */
  id: string;
  type: string;
  verified: boolean;
  /** Why the signature was refused. */
  refusal?: string;
  body: unknown;
}

export interface WebhookReceiver {
  url: string;
  received: ReceivedWebhook[];
  /** Resolves when a verified webhook of each type is there. @throws after the time-out, naming what is missing */
  waitFor(types: string[], timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Receives webhooks on loopback as a customer's server would: the signature is checked with the official library of Standard Webhooks.
 * @param secret `whsec_…`
 */
export async function startWebhookReceiver(secret: string): Promise<WebhookReceiver> {
  const webhook = new Webhook(secret);
  const received: ReceivedWebhook[] = [];
  let changed = () => {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const delivery = check(webhook, Buffer.concat(chunks).toString("utf8"), request.headers as Record<string, string>);
      received.push(delivery);
      response.writeHead(delivery.verified ? 204 : 401).end();
      changed();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the webhook receiver listens on no port");
  return {
    url: `http://127.0.0.1:${address.port}/webhooks`,
    received,
    waitFor: async (types, timeoutMs) => {
      const missing = () => types.filter((type) => !received.some((webhook) => webhook.type === type && webhook.verified));
      const timeout = AbortSignal.timeout(timeoutMs);
      while (missing().length > 0) {
        if (timeout.aborted) throw new Error(`no verified webhook of type ${missing().join(", ")} came within ${timeoutMs / 1_000} s`);
        await new Promise<void>((resume) => {
          changed = resume;
          timeout.addEventListener("abort", () => resume(), { once: true });
        });
      }
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function check(webhook: Webhook, body: string, headers: Record<string, string>): ReceivedWebhook {
  const id = headers["webhook-id"] ?? "";
  try {
    const verified = webhook.verify(body, headers) as { type?: string };
    return { id, type: verified.type ?? "", verified: true, body: verified };
  } catch (error) {
    return { id, type: "", verified: false, refusal: error instanceof Error ? error.message : String(error), body };
  }
}
