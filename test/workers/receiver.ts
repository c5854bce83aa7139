/**
 * A real HTTP server on loopback that plays the outside world to the tests in workerd: it answers as it was told, and remembers what it was sent.
 * Runs in Node, as a global setup; `receiver-client.ts` is how tests speak to it.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestProject } from "vitest/node";

/** How to answer one request. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
  /** So many bytes more, after `body`, without a content-length. */
  readonly bytes?: number;
  /** Wait before the head, or after the head and `body`, until the test releases the box or the client goes away. */
  readonly hold?: "head" | "body";
  /** Cut the connection instead of answering. */
  readonly reset?: boolean;
}

export interface ReceivedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Did the client leave before the whole answer was sent? */
  readonly abandoned: boolean;
}

/** One path, `/box/<name>`: what it was told to answer (the last answer repeats) and what came. */
interface Box {
  answers: Answer[];
  requests: ReceivedRequest[];
  release: PromiseWithResolvers<void>;
}

declare module "vitest" {
  interface ProvidedContext {
    /** `http://127.0.0.1:<port>` */
    receiverOrigin: string;
  }
}

export default async function serve({ provide }: TestProject): Promise<() => Promise<void>> {
  const boxes = new Map<string, Box>();
  const server = createServer((request, response) => {
    handle(boxes, request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  provide("receiverOrigin", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

async function handle(boxes: Map<string, Box>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, place = "", name = ""] = (request.url ?? "").split(/[/?]/);
  const box = boxes.get(name) ?? { answers: [{}], requests: [], release: Promise.withResolvers() };
  boxes.set(name, box);
  if (place === "box") return await answer(box, request, response);
  if (place === "answers") box.answers = JSON.parse(await text(request)) as Answer[];
  if (place === "release") box.release.resolve();
  response.setHeader("content-type", "application/json").end(JSON.stringify(box.requests));
}

async function answer(box: Box, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const {
    status = 200,
    headers = {},
    body = "",
    bytes = 0,
    hold,
    reset = false,
  } = (box.answers.length > 1 ? box.answers.shift() : box.answers[0]) ?? {};
  const received = {
    method: request.method ?? "",
    url: request.url ?? "",
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
    body: await text(request),
    abandoned: false,
  };
  box.requests.push(received);
  const left = new Promise<void>((resolve) =>
    response.on("close", () => {
      received.abandoned = !response.writableFinished;
      resolve();
    }),
  );
  if (reset) return void request.socket.destroy();
  if (hold === "head") await Promise.race([box.release.promise, left]);
  response.writeHead(
    status,
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]])),
  );
  if (body !== "") response.write(body);
  if (hold === "body") await Promise.race([box.release.promise, left]);
  for (let rest = bytes; rest > 0 && !response.destroyed; rest -= 65_536) {
    const taken = response.write(Buffer.alloc(Math.min(rest, 65_536), "x"));
    if (!taken) await Promise.race([once(response, "drain"), left]);
  }
  response.end();
}
