import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";
import type { Fault } from "../../domain/error.ts";

export type PausedRequest = CDPEvents["Fetch.requestPaused"];
export type DownloadBegun = CDPEvents["Browser.downloadWillBegin"];

/**
 * Looks at the answer to a document request, by way of the session that has paused it.
 * @returns has it dealt with the answer? Otherwise that goes on to the page.
 */
export type ResponseHandler = (paused: PausedRequest, browser: CDPSession) => Promise<boolean>;

/** A navigation that was not let through. */
export interface Refusal {
  readonly url: string;
  readonly reason: string;
}

/**
 * Decides on every document that the browser is about to fetch: in the page, in its frames and popups, each redirect anew. It listens on the
 * browser's own session, so that there is no moment in which a new tab is unwatched; nothing but documents is held up.
 */
export class Guard {
  readonly #browser: CDPSession;
  readonly #check: (url: string) => Fault | null;
  readonly #refusals = new Map<string, Refusal>();
  #mainFrameId: string | null = null;
  #onResponse: ResponseHandler | null = null;

  constructor(browser: CDPSession, check: (url: string) => Fault | null) {
    this.#browser = browser;
    this.#check = check;
    browser.on("Fetch.requestPaused", (paused) => void this.#decide(paused).catch(() => undefined)); // the request or the browser is gone
  }

  /** Begins to watch. From now on the browser saves no download either. */
  async enable(): Promise<void> {
    await Promise.all([
      this.#watch(["Request"]),
      this.#browser.send("Browser.setDownloadBehavior", { behavior: "deny", eventsEnabled: true }),
    ]);
  }

  /** Names the frame whose next document begins a new page: what was refused to the frames of the page before is forgotten then. */
  follow(mainFrameId: string): void {
    this.#mainFrameId = mainFrameId;
  }

  /** Tells of every download that begins; the returned function ends that. */
  onDownload(listener: (download: DownloadBegun) => void): () => void {
    this.#browser.on("Browser.downloadWillBegin", listener);
    return () => this.#browser.off("Browser.downloadWillBegin", listener);
  }

  /** Shows the answers to document requests as well, until the returned function is called. */
  async watchResponses(onResponse: ResponseHandler): Promise<() => Promise<void>> {
    this.#onResponse = onResponse;
    await this.#watch(["Request", "Response"]);
    return async () => {
      this.#onResponse = null;
      await this.#watch(["Request"]);
    };
  }

  async #watch(stages: readonly ("Request" | "Response")[]): Promise<void> {
    await this.#browser.send("Fetch.enable", {
      patterns: stages.map((requestStage) => ({ resourceType: "Document" as const, requestStage })),
    });
  }

  /** Why this address may not be visited, or null. */
  check(url: string): Refusal | null {
    const fault = this.#check(url);
    return fault === null ? null : { url, reason: fault.message };
  }

  /** What was refused to this frame since it was last asked about. */
  takeRefusal(frameId: string): Refusal | null {
    const refusal = this.#refusals.get(frameId) ?? null;
    this.#refusals.delete(frameId);
    return refusal;
  }

  /** What was refused to frames inside the page. */
  refusalsInFrames(): Refusal[] {
    return [...this.#refusals].flatMap(([frameId, refusal]) => (frameId === this.#mainFrameId ? [] : [refusal]));
  }

  async #decide(paused: PausedRequest): Promise<void> {
    const { requestId, frameId, request, responseStatusCode, responseErrorReason } = paused;
    if (responseStatusCode !== undefined || responseErrorReason !== undefined) {
      const isDealtWith = (await this.#onResponse?.(paused, this.#browser)) ?? false;
      if (!isDealtWith) await this.#browser.send("Fetch.continueRequest", { requestId });
      return;
    }
    const refusal = this.check(request.url);
    if (refusal === null) {
      if (frameId === this.#mainFrameId) this.#refusals.clear();
      await this.#browser.send("Fetch.continueRequest", { requestId });
    } else {
      this.#refusals.set(frameId, refusal);
      await this.#browser.send("Fetch.failRequest", { requestId, errorReason: "Aborted" }); // the page stays where it is
    }
  }
}

/** `http://10.0.0.1/ may not be visited: …` */
export function describeRefusal({ url, reason }: Refusal): string {
  return `${url} may not be visited: ${reason}`;
}
