import type { BrowserWorker } from "@cloudflare/puppeteer";
import { PageError } from "../../domain/browser/browser.ts";
import type { Fault } from "../../domain/error.ts";
import { maskAddress, type RemoteAddress } from "../../domain/browser/remote-browser.ts";
import type { Browsers } from "../../ports/browser.ts";
import { createBrowsers } from "./browsers.ts";
import { Deadline } from "./deadline.ts";
import { OwnContext } from "./own-context.ts";

/** How long an endpoint may take to answer. */
const CONNECT_MS = 20_000;

/**
 * Somebody's browser by its DevTools endpoint, as one more place to have browsers from: each is a browser context of it, whose id is the session's.
 * An endpoint that has a new browser for every connection has the context made anew for each.
 * @param check the outbound guard, for the endpoint itself
 */
export function createBrowsersAt(remote: RemoteAddress, check: (url: string) => Fault | null): Browsers {
  const browsers = createBrowsers(contextsOf(remote, check));
  const acquire = () => makeContext(remote, check);
  return { ...browsers, lease: (options) => browsers.lease({ ...options, acquire }) };
}

/** The endpoint in the form of the platform's binding. */
function contextsOf(remote: RemoteAddress, check: (url: string) => Fault | null): BrowserWorker {
  return {
    async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      if (pathname === "/v1/sessions") {
        const ids = await withRemote(remote, check, contextIds);
        return Response.json({ sessions: ids.map((sessionId) => ({ sessionId })) });
      }
      const wanted = decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1));
      if (init?.method === "DELETE") {
        await withRemote(remote, check, (call) => call("Target.disposeBrowserContext", { browserContextId: wanted }));
        return new Response(null, { status: 204 });
      }
      return await connect(remote, check, wanted);
    },
  };
}

async function makeContext(remote: RemoteAddress, check: (url: string) => Fault | null): Promise<string> {
  return await withRemote(remote, check, newContext);
}

type Call = (method: string, params?: object) => Promise<Record<string, unknown>>;

async function contextIds(call: Call): Promise<string[]> {
  const { browserContextIds } = await call("Target.getBrowserContexts");
  return browserContextIds as string[];
}

async function newContext(call: Call): Promise<string> {
  const { browserContextId } = await call("Target.createBrowserContext", { disposeOnDetach: false });
  return String(browserContextId);
}

/** Says a few things to the browser, on a connection of their own. */
async function withRemote<T>(remote: RemoteAddress, check: (url: string) => Fault | null, act: (call: Call) => Promise<T>): Promise<T> {
  const socket = await openSocket(remote, check);
  try {
    return await act(callOn(socket));
  } finally {
    socket.close();
  }
}

/** A connection that shows one context, as the client's end of a pair of sockets. */
async function connect(remote: RemoteAddress, check: (url: string) => Fault | null, wanted: string): Promise<Response> {
  const socket = await openSocket(remote, check);
  const call = callOn(socket);
  const context = new OwnContext((await contextIds(call)).includes(wanted) ? wanted : await newContext(call));
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const end = (one: WebSocket) => () => {
    try {
      one.close();
    } catch {
      // it is closed
    }
  };
  const say = (to: WebSocket, text: string) => {
    if (to.readyState === WebSocket.OPEN) to.send(text); // what comes later is for nobody
  };
  server.addEventListener("message", ({ data }) => say(socket, context.outgoing(String(data))));
  server.addEventListener("close", end(socket));
  socket.addEventListener("message", ({ data }) => {
    const { forward, replies } = context.incoming(String(data));
    for (const reply of replies) say(socket, reply);
    if (forward !== null) say(server, forward);
  });
  socket.addEventListener("close", end(server));
  socket.addEventListener("error", end(server));
  return new Response(null, { status: 101, webSocket: client });
}

/** Ids of calls that are made before the client's messages go through. */
const FIRST_CALL = 2_000_000_000;

function callOn(socket: WebSocket): Call {
  let next = FIRST_CALL;
  return async (method, params = {}) => {
    const id = next++;
    const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
    const onMessage = ({ data }: MessageEvent) => {
      const message = JSON.parse(String(data)) as { id?: number; result?: Record<string, unknown>; error?: { message: string } };
      if (message.id !== id) return;
      if (message.error === undefined) resolve(message.result ?? {});
      else reject(new Error(message.error.message));
    };
    const onClose = () => reject(new Error("the connection was closed"));
    socket.addEventListener("message", onMessage);
    socket.addEventListener("close", onClose);
    socket.send(JSON.stringify({ id, method, params }));
    try {
      return await new Deadline(CONNECT_MS).wait(promise);
    } finally {
      socket.removeEventListener("message", onMessage);
      socket.removeEventListener("close", onClose);
    }
  };
}

/** @throws PageError `temporary` when nothing that speaks CDP answers there, `block` when it may not be reached */
async function openSocket({ address, headers }: RemoteAddress, check: (url: string) => Fault | null): Promise<WebSocket> {
  const shown = maskAddress(address);
  const refusal = check(address.replace(/^ws/, "http"));
  if (refusal !== null) throw new PageError(`the browser at ${shown} may not be reached: ${refusal.message}`, { errorClass: "block" });
  const deadline = new Deadline(CONNECT_MS);
  try {
    const url = address.startsWith("http") ? await deadline.wait(findSocket(address, headers)) : address.replace(/^ws/, "http");
    const options = { headers: { ...headers, upgrade: "websocket" }, redirect: "manual" as const, signal: deadline.signal };
    const { webSocket, status } = await deadline.wait(fetch(url, options));
    if (webSocket === null) throw new Error(`it answered with status ${status}, and not with a WebSocket`);
    webSocket.accept();
    return webSocket;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replaceAll(address, shown) : "no answer";
    throw new PageError(`the browser at ${shown} could not be reached: ${reason}`, { errorClass: "temporary" }); // the cause may name the address
  }
}

/** Where Chromium's own endpoint has its WebSocket: at the same host, whatever it takes itself for. */
async function findSocket(address: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const base = new URL(address);
  const answer = await fetch(new URL("/json/version", base), { headers: { ...headers }, redirect: "manual" });
  if (!answer.ok) throw new Error(`/json/version answered with status ${answer.status}`);
  const { webSocketDebuggerUrl } = await answer.json<{ webSocketDebuggerUrl?: string }>();
  if (webSocketDebuggerUrl === undefined) throw new Error("/json/version names no WebSocket");
  const { pathname, search } = new URL(webSocketDebuggerUrl);
  return new URL(pathname + (search || base.search), base).href;
}
