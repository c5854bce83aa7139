import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";
import type { Children } from "../tabs/children.ts";
import type { Deadline } from "../deadline.ts";
import { matchesGlob } from "./glob.ts";
import type { Tab } from "../tabs/tab.ts";

/** So many are remembered: a page that asks without end pushes the oldest out. */
const MAX_REMEMBERED = 1000;

/** An answer that a page got. */
interface PageResponse {
  readonly url: string;
  readonly method: string;
  readonly status: number;
}

/** What a step waits for; null: any. */
export interface WantedResponse {
  readonly glob: string;
  readonly method: string | null;
  readonly status: number | null;
}

/**
 * The answers that a page and its frames got since the last step that could have asked for one. Nothing is listened to before it is
 * asked for: every request costs messages.
 */
export class Responses {
  readonly #tab: Tab;
  readonly #methods = new Map<string, string>();
  #seen: PageResponse[] = [];
  #isWatching = false;
  #changed = Promise.withResolvers<void>();

  readonly #children: Children;

  constructor(tab: Tab, children: Children) {
    this.#tab = tab;
    this.#children = children;
  }

  /** @throws TimeUp */
  async watch(deadline: Deadline): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#listen(this.#tab.cdp);
    this.#children.tell({ onFrame: (cdp) => this.#listen(cdp) });
    await this.#tab.wait(this.#tab.hearRequests(), deadline);
  }

  #listen(cdp: CDPSession): void {
    cdp.on("Network.requestWillBeSent", (event) => this.#sent(event));
    cdp.on("Network.responseReceived", ({ requestId, response }) => this.#answered(requestId, response));
    cdp.on("Network.loadingFailed", ({ requestId }) => this.#methods.delete(requestId));
  }

  /** A step begins that may ask for something: what was answered before is not meant. */
  mark(): void {
    this.#seen = [];
  }

  /** @throws TimeUp */
  async arrived(wanted: WantedResponse, deadline: Deadline): Promise<void> {
    await this.watch(deadline);
    while (!this.#seen.some((response) => isWanted(response, wanted))) await this.#tab.wait(this.#changed.promise, deadline);
  }

  /** What came instead, for a message: those of the address first. */
  describe({ glob }: WantedResponse): string {
    const [like, other] = [true, false].map((fits) => this.#seen.filter(({ url }) => matchesGlob(glob, url) === fits));
    const shown = [...like!, ...other!.slice(-5)].slice(0, 5).map(({ method, url, status }) => `${method} ${url} ${status}`);
    return shown.length === 0 ? "there was none since the step before" : `since the step before there were ${shown.join(", ")}`;
  }

  #sent({ requestId, request, redirectResponse }: CDPEvents["Network.requestWillBeSent"]): void {
    if (redirectResponse !== undefined) this.#answered(requestId, redirectResponse);
    this.#methods.set(requestId, request.method);
  }

  #answered(requestId: string, { url, status }: { readonly url: string; readonly status: number }): void {
    this.#seen.push({ url, status, method: this.#methods.get(requestId) ?? "GET" });
    this.#methods.delete(requestId);
    if (this.#seen.length > MAX_REMEMBERED) this.#seen.shift();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function isWanted({ url, method, status }: PageResponse, wanted: WantedResponse): boolean {
  return (
    matchesGlob(wanted.glob, url) &&
    (wanted.method === null || wanted.method === method) &&
    (wanted.status === null || wanted.status === status)
  );
}
