import type { CDPEvents } from "@cloudflare/puppeteer";
import type { ConsoleEntry, RecordedRequest, RequestTiming, TabRecord } from "../../../domain/evidence/evidence.ts";
import type { RecordWish, TabRecorder } from "../../../ports/browser.ts";
import { Deadline } from "../deadline.ts";
import { Ring } from "./ring.ts";
import type { Tab } from "../tabs/tab.ts";

const MAX_CONSOLE = { entries: 1_000, size: 500_000 };
const MAX_REQUESTS = { entries: 500, size: 1_000_000 };
const MAX_FAILED = { entries: 200, size: 200_000 };

/** A single message is cut. */
const MAX_TEXT = 5_000;

/** How long a page is asked for its console. */
const CONSOLE_MS = 1_500;

type CdpResponse = CDPEvents["Network.responseReceived"]["response"];

/**
 * Records what a tab tells of itself: requests by the `Network` domain (about 7 messages a request, none of them answered; 0.05 ms each), and the
 * console by `Runtime`. That one is not enabled before somebody asks, unless all is wanted: pages can tell that it is (it reads what they log), and
 * the browser keeps a document's last 1,000 messages anyway and hands them over then. What the documents before it logged is lost.
 */
export class Recorder implements TabRecorder {
  readonly #tab: Tab;
  readonly #wish: RecordWish;
  readonly #console = new Ring<ConsoleEntry>(MAX_CONSOLE.entries, MAX_CONSOLE.size, ({ text }) => text.length);
  readonly #requests = new Ring<RecordedRequest>(MAX_REQUESTS.entries, MAX_REQUESTS.size, sizeOf);
  readonly #failed = new Ring<RecordedRequest>(MAX_FAILED.entries, MAX_FAILED.size, sizeOf);
  /** Under way, by CDP's id; with the instant of the browser's own clock that belongs to `startedAt`. */
  readonly #open = new Map<string, { readonly request: RecordedRequest; readonly clock: number }>();
  #consoleRead = false;

  constructor(tab: Tab, wish: RecordWish) {
    this.#tab = tab;
    this.#wish = wish;
    const { cdp } = tab;
    if (wish.console !== "off") {
      cdp.on("Runtime.consoleAPICalled", (event) => this.#console.add(entryOf(event)));
      cdp.on("Runtime.exceptionThrown", (event) => this.#console.add(pageErrorOf(event)));
    }
    if (!wish.requests) return;
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

  /** Begins to listen. The answers need not be waited for: what is sent to the tab later comes later. */
  async enable(): Promise<void> {
    const { cdp } = this.#tab;
    await Promise.all([
      this.#wish.requests ? this.#tab.hearRequests() : undefined,
      this.#wish.console === "always" ? cdp.send("Runtime.enable") : undefined,
    ]);
  }

  begin(): void {
    this.#console.clear();
    this.#requests.clear();
    this.#failed.clear();
    for (const { request } of this.#open.values()) this.#requests.add(request); // they may end in this attempt
    this.#consoleRead = false;
  }

  async read(): Promise<TabRecord> {
    const consoleMissing = await this.#readConsole();
    return {
      console: [...this.#console.entries],
      requests: [...this.#requests.entries],
      failedRequests: [...this.#failed.entries],
      dropped: { console: this.#console.dropped, requests: this.#requests.dropped, failedRequests: this.#failed.dropped },
      consoleMissing,
    };
  }

  /** @returns why it could not be read */
  async #readConsole(): Promise<string | null> {
    if (this.#wish.console !== "late" || this.#consoleRead) return null;
    const { cdp } = this.#tab;
    try {
      await this.#tab.wait(cdp.send("Runtime.enable"), new Deadline(CONSOLE_MS)); // the messages come before the answer
      this.#consoleRead = true;
      cdp.send("Runtime.disable").catch(() => undefined); // the tab is gone
      return null;
    } catch {
      return this.#tab.gone?.message ?? `the page did not tell it in ${CONSOLE_MS / 1000} s`;
    }
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

function entryOf({ type, args, timestamp, stackTrace }: CDPEvents["Runtime.consoleAPICalled"]): ConsoleEntry {
  const text = args.map(({ value, unserializableValue, description, type: kind }) => {
    if (typeof value === "object" && value !== null) return JSON.stringify(value);
    return value === undefined ? (unserializableValue ?? description ?? kind) : String(value);
  });
  return { kind: "console", at: timestamp, level: type, text: cut(text.join(" ")), source: sourceOf(stackTrace?.callFrames[0]) };
}

function pageErrorOf({ timestamp, exceptionDetails }: CDPEvents["Runtime.exceptionThrown"]): ConsoleEntry {
  const { text, exception, url, lineNumber, columnNumber, stackTrace } = exceptionDetails;
  const thrown = exception?.description ?? (exception?.value === undefined ? "" : String(exception.value));
  const frame = stackTrace?.callFrames[0] ?? (url === undefined ? undefined : { url, lineNumber, columnNumber });
  return { kind: "page_error", at: timestamp, level: "error", text: cut(`${text} ${thrown}`.trim()), source: sourceOf(frame) };
}

function sourceOf(frame: { url: string; lineNumber: number; columnNumber: number } | undefined): ConsoleEntry["source"] {
  if (frame === undefined || frame.url === "") return null;
  return { url: cut(frame.url), line: frame.lineNumber + 1, column: frame.columnNumber + 1 };
}

/** They are not even held here. */
function withoutCookies(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(set-)?cookie$/i.test(name)));
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** As it was when it was sent: what comes later is about as much again. */
function sizeOf({ url, headers }: RecordedRequest): number {
  let size = url.length + 200;
  for (const [name, value] of Object.entries(headers)) size += name.length + value.length;
  return 2 * size;
}
