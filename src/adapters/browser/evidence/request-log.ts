import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";
import type { RecordedRequest, RequestTiming } from "../../../domain/evidence/evidence.ts";
import { cut } from "./cut.ts";
import { Ring } from "./ring.ts";

const MAX_REQUESTS = { entries: 500, size: 1_000_000 };
const MAX_FAILED = { entries: 200, size: 200_000 };

type CdpResponse = CDPEvents["Network.responseReceived"]["response"];

/**
 * The requests of a tab, of its frames and workers. One may be told of by two sessions, under one id that is the browser's own: the document of a frame is
 * asked for in the session of the document around it and ends in its own, and so does the script of a worker.
 */
export class RequestLog {
  readonly #requests = new Ring<RecordedRequest>(MAX_REQUESTS.entries, MAX_REQUESTS.size, sizeOf);
  readonly #failed = new Ring<RecordedRequest>(MAX_FAILED.entries, MAX_FAILED.size, sizeOf);
  /** Under way, by CDP's id; with the instant of the browser's own clock that belongs to `startedAt`. */
  readonly #open = new Map<string, { readonly request: RecordedRequest; readonly clock: number }>();

  /** Listens to a session that tells of its requests (`Network`). */
  listen(cdp: CDPSession): void {
    cdp.on("Network.requestWillBeSent", (event) => this.#sent(event));
    cdp.on("Network.responseReceived", ({ requestId, response }) => this.#answered(requestId, response));
    cdp.on("Network.dataReceived", ({ requestId, dataLength }) => {
      const open = this.#open.get(requestId);
      if (open !== undefined) open.request.contentBytes += dataLength;
    });
    cdp.on("Network.loadingFinished", ({ requestId, timestamp, encodedDataLength }) =>
      this.#ended(requestId, timestamp, encodedDataLength, null),
    );
    cdp.on("Network.loadingFailed", ({ requestId, timestamp, errorText, blockedReason }) =>
      this.#ended(requestId, timestamp, null, blockedReason === undefined ? errorText : `${errorText} (${blockedReason})`),
    );
  }

  /** Forgets what is over. */
  begin(): void {
    this.#requests.clear();
    this.#failed.clear();
    for (const { request } of this.#open.values()) this.#requests.add(request); // they may end in this attempt
  }

  get requests(): Ring<RecordedRequest> {
    return this.#requests;
  }

  /** Network errors, and answers with a status of 400 or more. */
  get failed(): Ring<RecordedRequest> {
    return this.#failed;
  }

  #sent({
    requestId,
    request: { url, urlFragment, method, headers, hasPostData },
    redirectResponse,
    type,
    timestamp,
    wallTime,
  }: CDPEvents["Network.requestWillBeSent"]): void {
    if (/^(data|blob):/.test(url)) return;
    if (redirectResponse !== undefined) {
      this.#answered(requestId, redirectResponse); // under the same id: this one ends, and another begins
      this.#ended(requestId, timestamp, redirectResponse.encodedDataLength, null);
    }
    const request: RecordedRequest = {
      url: cut(url + (urlFragment ?? "")),
      method,
      resourceType: type ?? "Other",
      startedAt: wallTime * 1000,
      headers: withoutCookies(headers),
      hasBody: hasPostData ?? false,
      response: null,
      contentBytes: 0,
      encodedBytes: null,
      finishedAt: null,
      error: null,
    };
    this.#open.set(requestId, { request, clock: timestamp });
    this.#requests.add(request);
    if (this.#open.size > MAX_REQUESTS.entries) this.#open.delete(this.#open.keys().next().value!); // one that never ends
  }

  #answered(requestId: string, response: CdpResponse): void {
    const open = this.#open.get(requestId);
    if (open === undefined) return;
    const { request, clock } = open;
    const { status, statusText, headers, mimeType, protocol = "", remoteIPAddress = "", timing } = response;
    const at =
      timing === undefined ? request.startedAt : request.startedAt + (timing.requestTime - clock) * 1000 + timing.receiveHeadersEnd;
    request.response = {
      status,
      statusText,
      headers: withoutCookies(headers),
      mimeType,
      protocol,
      serverAddress: remoteIPAddress.replace(/^\[(.*)\]$/, "$1"),
      at,
      timing: timing === undefined ? null : timingOf(timing, clock),
    };
    if (status >= 400) this.#failed.add(request);
  }

  #ended(requestId: string, timestamp: number, encodedBytes: number | null, error: string | null): void {
    const open = this.#open.get(requestId);
    if (open === undefined) return;
    this.#open.delete(requestId);
    const { request, clock } = open;
    request.finishedAt = request.startedAt + (timestamp - clock) * 1000;
    request.encodedBytes = encodedBytes;
    request.error = error;
    if (error !== null && (request.response?.status ?? 0) < 400) this.#failed.add(request);
  }
}

/** CDP's marks, milliseconds after `requestTime`, as the phases of HAR. @param clock when the request was made, in the same seconds */
function timingOf(timing: NonNullable<CdpResponse["timing"]>, clock: number): RequestTiming {
  const { requestTime, dnsStart, dnsEnd, connectStart, connectEnd, sslStart, sslEnd, sendStart, sendEnd, receiveHeadersEnd } = timing;
  const phase = (start: number, end: number) => (start < 0 || end < 0 ? -1 : end - start);
  const first = [dnsStart, connectStart, sendStart].find((start) => start >= 0) ?? 0;
  return {
    blocked: Math.max(0, (requestTime - clock) * 1000) + first,
    dns: phase(dnsStart, dnsEnd),
    connect: phase(connectStart, connectEnd),
    ssl: phase(sslStart, sslEnd),
    send: Math.max(0, sendEnd - sendStart),
    wait: Math.max(0, receiveHeadersEnd - sendEnd),
  };
}

/** They are not even held here. */
function withoutCookies(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(set-)?cookie$/i.test(name)));
}

/** As it was when it was sent: what comes later is about as much again. */
function sizeOf({ url, headers }: RecordedRequest): number {
  let size = url.length + 200;
  for (const [name, value] of Object.entries(headers)) size += name.length + value.length;
  return 2 * size;
}
