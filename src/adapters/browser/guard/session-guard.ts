import type { CDPSession } from "@cloudflare/puppeteer";
import type { BrowserGuard } from "../../../domain/outbound/outbound-patterns.ts";

/** CDP's `NetworkConditions` of a host that cannot be reached, and of one that is reached as ever. */
const REFUSED = { offline: true, latency: 0, downloadThroughput: 0, uploadThroughput: 0 };
const LET_THROUGH = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };

/** What speaks to others without a request that could be held up. */
const WITHOUT_REQUESTS = "for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'WebTransport']) delete globalThis[name];";

/**
 * What `Fetch` does not see, refused by the browser itself in each session: in that of every tab, of every frame with a process of its own, and of every
 * worker. A browser that knows no such rules goes without.
 */
export class SessionGuard {
  readonly #conditions: readonly object[];
  readonly #refusesPeers: boolean;

  constructor({ sockets, refusesPeers }: BrowserGuard) {
    this.#conditions = sockets.map(({ urlPattern, refused }) => ({ urlPattern, ...(refused ? REFUSED : LET_THROUGH) }));
    this.#refusesPeers = refusesPeers;
  }

  /**
   * Of a tab or a frame, which tells of itself (`Page.enable`). Nothing is waited for: it is in force before what is sent to the session later.
   * @param hearing the session's `Network.enable`: the rules hold only while it is enabled
   */
  inDocuments(cdp: CDPSession, hearing: Promise<void>): void {
    hearing.catch(() => undefined); // it is gone
    this.#setRules(cdp).catch(() => undefined); // likewise, or it knows no rules
    if (!this.#refusesPeers) return;
    cdp.send("Page.addScriptToEvaluateOnNewDocument", { source: WITHOUT_REQUESTS }).catch(() => undefined); // it is gone
  }

  /** Of a worker that has not begun yet. A shared one forgets what is set before its thread answers. */
  async inWorker(cdp: CDPSession): Promise<void> {
    await cdp.send("Network.enable", { maxTotalBufferSize: 0, maxResourceBufferSize: 0 });
    await this.#setRules(cdp).catch(() => undefined); // it knows no rules
  }

  async #setRules(cdp: CDPSession): Promise<void> {
    // The command is younger than the types of the library.
    const send = cdp.send.bind(cdp) as (method: string, params: object) => Promise<unknown>;
    await send("Network.emulateNetworkConditionsByRule", { matchedNetworkConditions: this.#conditions });
  }
}
