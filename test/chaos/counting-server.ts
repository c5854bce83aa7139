import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface CountingServer {
  readonly url: string;
  /** Calls by `Idempotency-Key`, which is the run and the path of the block. */
  readonly calls: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** Answers every call after a moment, and counts it when it comes in: what the service did with the answer is the service's affair. */
export async function startCountingServer(delayMs: () => number): Promise<CountingServer> {
  const calls = new Map<string, number>();
  const server = createServer((request, response) => {
    const key = String(request.headers["idempotency-key"]);
    const count = (calls.get(key) ?? 0) + 1;
    calls.set(key, count);
    request.resume();
    const status = request.url?.endsWith("/flaky") === true && count === 1 ? 503 : 200;
    void sleep(delayMs()).then(() => response.writeHead(status, { "content-type": "application/json" }).end("{}"));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
