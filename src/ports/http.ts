import type { HostPolicy } from "../domain/outbound/outbound.ts";
export interface HttpRequest {
  /** In any case. Not CONNECT or TRACE. */
  readonly method: string;
  readonly url: string;
  /** Not those that belong to the connection or to the service: `host`, `content-length`, `cf-*`, … */
  readonly headers: Readonly<Record<string, string>>;
  /** Not with GET or HEAD. */
  readonly body?: string | Uint8Array;
  /** For everything: all redirects, and the answer to its last byte. */
  readonly timeoutMs: number;
  readonly followRedirects: boolean;
  readonly signal: AbortSignal;
  /**
   * Keep at most so much of the answer's body, as far as it comes: the status is what counts. Without it the whole body is read, and one that
   * breaks off or is too large is an error.
   */
  readonly keepBytes?: number;
  /** An answer whose body is larger is an error. 5 MB when left out. */
  readonly maxBytes?: number;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; values of repeated headers are joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** After redirects. */
  readonly url: string;
}

/** HTTP to the outside by way of the outbound guard: every hop is checked, the answer's size is limited. */
export interface HttpClient {
  /** @throws OutboundError when there is no answer, or none that may be used. A status such as 404 is an answer. */
  send(request: HttpRequest): Promise<HttpResponse>;
}

/** The client of an organization, which lets it reach what its policy says. */
export type HttpClientFor = (hosts: HostPolicy) => HttpClient;
