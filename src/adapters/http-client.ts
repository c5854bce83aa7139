import { checkOutboundUrl, type HostPolicy, isSecretHeader, OutboundError } from "../domain/outbound/outbound.ts";
import type { HttpClient, HttpRequest } from "../ports/http.ts";

export const MAX_RESPONSE_BYTES = 5 * 1024 * 1024;
const MAX_REDIRECTS = 5;

const USER_AGENT = "Pilotfish/1.0";
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);

/** Methods that open tunnels or echo the request; `fetch` has none of them. */
const FORBIDDEN_METHODS = new Set(["CONNECT", "TRACE", "TRACK"]);

/** Headers of the connection, not of the message (RFC 9110, 7.6.1), and those by which a caller could pretend to be another host or the platform. */
const RESERVED_HEADER =
  /^(connection|content-length|expect|host|keep-alive|proxy-(authenticate|authorization|connection)|te|trailer|transfer-encoding|upgrade|cf-.*)$/i;

/** Headers that describe the body, and go when a redirect drops it. */
const BODY_HEADER = /^(content-(digest|disposition|encoding|language|location|type)|digest|repr-digest)$/;

/**
 * HTTP by way of the outbound guard. Nothing is kept between requests: no cookies, no cache.
 * @param options.fetch the runtime's own
 * @param options.hosts what the organization may reach
 */
export function createHttpClient(options: { readonly fetch: typeof fetch; readonly hosts: HostPolicy }): HttpClient {
  const { fetch, hosts } = options;
  return {
    async send(request) {
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), request.timeoutMs); // cleared, so that it keeps no Durable Object awake
      const signal = AbortSignal.any([request.signal, deadline.signal]);
      try {
        const { response, url } = await follow(request, firstHop(request), signal, fetch, hosts);
        return { status: response.status, headers: headersOf(response), body: await readBody(response, request), url };
      } catch (error) {
        throw asOutboundError(error, request, deadline.signal);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** One request of a chain of redirects. */
interface Hop {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string | Uint8Array | undefined;
}

function firstHop(request: HttpRequest): Hop {
  const method = request.method.toUpperCase();
  const refuse = (message: string): OutboundError => new OutboundError("refused", `${describe(request)}: ${message}`);
  if (FORBIDDEN_METHODS.has(method) || !/^[A-Z]+$/.test(method)) throw refuse("the method is not allowed");
  if ((method === "GET" || method === "HEAD") && request.body !== undefined) throw refuse("such a request cannot have a body");
  const headers = new Headers({ "user-agent": USER_AGENT });
  for (const [name, value] of Object.entries(request.headers)) {
    if (RESERVED_HEADER.test(name)) throw refuse(`the header "${name}" is set by the service; leave it out`);
    try {
      headers.set(name, value);
    } catch (cause) {
      throw new OutboundError("refused", `${describe(request)}: the header "${name}" has a name or value that HTTP does not allow`, {
        cause,
      });
    }
  }
  return { method, url: request.url, headers, body: request.body };
}

/** Sends the request, and as many more as the redirects ask for. */
async function follow(
  request: HttpRequest,
  first: Hop,
  signal: AbortSignal,
  fetch: typeof globalThis.fetch,
  hosts: HostPolicy,
): Promise<{ response: Response; url: string }> {
  let hop = first;
  for (let redirects = 0; ; redirects++) {
    const fault = checkOutboundUrl(hop.url, hosts);
    if (fault !== null)
      throw new OutboundError("refused", `${describe(request)}${redirects === 0 ? "" : " was redirected"}: ${fault.message}`);
    const { method, url, headers, body } = hop;
    const response = await fetch(url, { method, headers, signal, redirect: "manual", ...(body === undefined ? {} : { body }) });
    const next = request.followRedirects ? redirectOf(hop, response) : null;
    if (next === null) return { response, url };
    await response.body?.cancel();
    if (redirects === MAX_REDIRECTS)
      throw new OutboundError("too_many_redirects", `${describe(request)} was redirected more than ${MAX_REDIRECTS} times`);
    hop = next;
  }
}

/** The request that an answer redirects to (RFC 9110, 15.4), or null where it is no redirect. Credentials do not travel to another origin. */
function redirectOf({ method, url, headers, body }: Hop, response: Response): Hop | null {
  const location = response.headers.get("location");
  const target = REDIRECT_STATUSES.has(response.status) && location !== null ? URL.parse(location, url) : null;
  if (target === null) return null;
  const becomesGet = response.status === 303 ? method !== "GET" && method !== "HEAD" : response.status <= 302 && method === "POST";
  const crossOrigin = target.origin !== new URL(url).origin;
  const kept = [...headers].filter(([name]) => !(becomesGet && BODY_HEADER.test(name)) && !(crossOrigin && isSecretHeader(name)));
  return { method: becomesGet ? "GET" : method, url: target.href, headers: new Headers(kept), body: becomesGet ? undefined : body };
}

function headersOf(response: Response): Record<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of response.headers) headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value); // set-cookie repeats
  return Object.fromEntries(headers);
}

/** Reads no more than may be kept; leaving the loop cancels the rest. */
async function readBody(response: Response, request: HttpRequest): Promise<Uint8Array> {
  const { keepBytes, maxBytes = MAX_RESPONSE_BYTES } = request;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (keepBytes !== undefined && size >= keepBytes) break;
      if (size > maxBytes) {
        throw new OutboundError("too_large", `the answer to ${describe(request)} is larger than ${maxBytes} bytes`);
      }
    }
  } catch (error) {
    if (keepBytes === undefined) throw error;
  }
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body.subarray(0, keepBytes);
}

function asOutboundError(error: unknown, request: HttpRequest, deadline: AbortSignal): OutboundError {
  if (error instanceof OutboundError) return error;
  const what = describe(request);
  if (request.signal.aborted) return new OutboundError("aborted", `${what} was aborted`, { cause: error });
  if (deadline.aborted)
    return new OutboundError("timeout", `${what} was not answered in full within ${request.timeoutMs / 1000} s`, { cause: error });
  const reason = error instanceof Error ? error.message : String(error);
  return new OutboundError("network", `${what} failed on the way: ${reason}. Check that the host exists and answers`, { cause: error });
}

/** `POST https://example.com/orders`: without the query, which may hold secrets. */
function describe({ method, url }: HttpRequest): string {
  const target = URL.parse(url);
  return `${method.toUpperCase()} ${target === null ? "request" : target.origin + target.pathname}`;
}
