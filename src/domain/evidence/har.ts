/** HAR 1.2 (https://w3c.github.io/web-performance/specs/HAR/Overview.html) of what a tab has requested, without bodies and secrets. */
import { decodeQuery, isSecretName, MASKED, maskHeader, maskUrl } from "./evidence-mask.ts";
import type { RecordedRequest, RequestTiming } from "./evidence.ts";
import type { JsonObject } from "../json.ts";
import { formatInstant } from "../time.ts";

const NO_TIMING: RequestTiming = { blocked: -1, dns: -1, connect: -1, ssl: -1, send: 0, wait: 0 };

/**
 * @param until when the record ended, in milliseconds since the epoch: requests that were under way then have come so far
 * @param dropped how many older requests are not in it
 * @param hiddenHeaders names of request headers whose values are left out, whatever they are
 */
export function toHar(
  requests: readonly RecordedRequest[],
  { until, dropped, hiddenHeaders }: { until: number; dropped: number; hiddenHeaders: readonly string[] },
): JsonObject {
  const hidden = new Set(hiddenHeaders.map((name) => name.toLowerCase()));
  const left = dropped === 0 ? "" : ` The first ${dropped} requests were left out.`;
  return {
    log: {
      version: "1.2",
      creator: { name: "Pilotfish", version: "1" },
      comment: `Bodies, cookies and secrets are left out.${left}`,
      entries: requests.map((request) => entryOf(request, until, hidden)),
    },
  };
}

function entryOf(request: RecordedRequest, until: number, hidden: ReadonlySet<string>): JsonObject {
  const { response } = request;
  const end = request.finishedAt ?? until;
  const time = Math.max(0, end - request.startedAt);
  const { blocked, dns, connect, ssl, send, wait } = response?.timing ?? {
    ...NO_TIMING,
    wait: response === null ? time : Math.max(0, response.at - request.startedAt),
  };
  const known = [blocked, dns, connect, send, wait].reduce((sum, phase) => sum + Math.max(0, phase), 0);
  const receive = Math.max(0, time - known);
  return {
    startedDateTime: formatInstant(request.startedAt),
    time: round(known + receive), // the sum of the phases, as the format asks
    request: {
      method: request.method,
      url: maskUrl(request.url),
      httpVersion: response?.protocol ?? "",
      cookies: [],
      headers: headersOf(request.headers, hidden),
      queryString: queryOf(request.url),
      headersSize: -1,
      bodySize: request.hasBody ? -1 : 0,
    },
    response: {
      status: response?.status ?? 0,
      statusText: response?.statusText ?? "",
      httpVersion: response?.protocol ?? "",
      cookies: [],
      headers: headersOf(response?.headers ?? {}, NOTHING_HIDDEN),
      content: { size: request.contentBytes, mimeType: response?.mimeType ?? "" },
      redirectURL: maskUrl(headerOf(response?.headers ?? {}, "location")),
      headersSize: -1,
      bodySize: -1,
      _transferSize: request.encodedBytes,
      _error: request.error,
    },
    cache: {},
    timings: {
      blocked: round(blocked),
      dns: round(dns),
      connect: round(connect),
      ssl: round(ssl),
      send: round(send),
      wait: round(wait),
      receive: round(receive),
    },
    serverIPAddress: response?.serverAddress ?? "",
    _resourceType: request.resourceType.toLowerCase(),
  };
}

const NOTHING_HIDDEN: ReadonlySet<string> = new Set();

function headersOf(headers: Readonly<Record<string, string>>, hidden: ReadonlySet<string>): JsonObject[] {
  return Object.entries(headers).map(([name, value]) => ({
    name,
    value: hidden.has(name.toLowerCase()) ? MASKED : maskHeader(name, value),
  }));
}

function headerOf(headers: Readonly<Record<string, string>>, wanted: string): string {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === wanted)?.[1] ?? "";
}

/** Decoded, as the format asks. */
function queryOf(url: string): JsonObject[] {
  const query = /^[^?#]*\?([^#]*)/.exec(url)?.[1] ?? "";
  const pairs = query.split("&").filter((pair) => pair !== "");
  return pairs.map((pair) => {
    const [name, value] = [pair.replace(/=.*$/s, ""), pair.replace(/^[^=]*=?/s, "")].map(decodeQuery) as [string, string];
    return { name, value: isSecretName(name) ? MASKED : maskUrl(value) };
  });
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
