import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";
import { originOf } from "../../domain/browser-memory.ts";
import type { BrowserGuard } from "../../domain/outbound-patterns.ts";
import { type FrameTree, framesOfTree } from "./frame-tree.ts";
import { headersOf, LoginAnswers, patternsOf } from "./request-settings.ts";
import type { TabSettings } from "../../domain/tab-settings.ts";
import type { Tab } from "./tab.ts";

export type PausedRequest = CDPEvents["Fetch.requestPaused"];
export type DownloadBegun = CDPEvents["Browser.downloadWillBegin"];

/**
 * Looks at the answer to a document request, by way of the session that has paused it.
 * @returns has it dealt with the answer? Otherwise that goes on to the page.
 */
export type ResponseHandler = (paused: PausedRequest, browser: CDPSession) => Promise<boolean>;

/** CDP's `NetworkConditions` of a host that cannot be reached. */
const OFFLINE = { latency: 0, downloadThroughput: 0, uploadThroughput: 0 };

/** So many refused parts of a page are kept for messages. */
const PARTS_KEPT = 20;

/** A request that was not let through. */
export interface Refusal {
  readonly url: string;
  readonly reason: string;
}

/**
 * Decides on every document that the browser is about to fetch, in its tabs, in their frames and popups, and on those of their parts that it may have
 * to refuse, whoever asks for them (pages, workers, beacons); each redirect anew. It listens on the browser's own session, so that there is no
 * moment in which a new tab or worker is unwatched. WebSockets are not seen there: each tab's network refuses them by itself (`refuseSockets`). Other
 * requests are looked at only where the run, or a tab's settings, give them headers or a login.
 */
export class Guard {
  readonly #browser: CDPSession;
  readonly #rules: BrowserGuard;
  readonly #tabs = new Set<TabGuard>();
  /** Origins of the documents that were let through. */
  readonly visited = new Set<string>();
  readonly #logins: LoginAnswers;

  constructor(browser: CDPSession, rules: BrowserGuard) {
    this.#browser = browser;
    this.#rules = rules;
    this.#logins = new LoginAnswers(browser);
    browser.on("Fetch.requestPaused", (paused) => void this.#decide(paused).catch(() => undefined)); // the request or the browser is gone
    browser.on("Fetch.authRequired", (asked) => void this.#logins.answer(asked, this.#tabOf(asked.frameId)?.settings() ?? {}));
  }

  /** Begins to watch. From now on the browser saves no download either. */
  async enable(): Promise<void> {
    await Promise.all([this.watch(), this.#browser.send("Browser.setDownloadBehavior", { behavior: "deny", eventsEnabled: true })]);
  }

  /** Keeps what concerns one tab for it, until it is gone. */
  follow(tab: Tab): TabGuard {
    const followed = new TabGuard(tab, this.#browser, { check: (url) => this.check(url), watch: () => this.watch() });
    this.#tabs.add(followed);
    tab.onGone(() => this.#tabs.delete(followed));
    return followed;
  }

  #tabOf(frameId: string): TabGuard | undefined {
    return [...this.#tabs].find(({ frames }) => frames.has(frameId));
  }

  /** Why this address may not be visited, or null. */
  check(url: string): Refusal | null {
    const fault = this.#rules.check(url);
    return fault === null ? null : { url, reason: fault.message };
  }

  /**
   * Has a tab's network refuse WebSockets, in the page and its frames; those of workers and of windows that the page opens are not covered. A
   * browser that knows no such rules goes without.
   */
  async refuseSockets(tab: Tab): Promise<void> {
    const matchedNetworkConditions = this.#rules.refusedSockets.map((urlPattern) => ({ urlPattern, ...OFFLINE }));
    if (matchedNetworkConditions.length === 0) return;
    // The command is younger than the types of the library.
    const send = tab.cdp.send.bind(tab.cdp) as (method: string, params: object) => Promise<unknown>;
    tab.hearRequests().catch(() => undefined); // the rules hold only while it does; it may be gone
    await send("Network.emulateNetworkConditionsByRule", { offline: true, matchedNetworkConditions }).catch(() => undefined);
  }

  /** What is watched costs a round trip each: answers only while somebody looks at them, other requests only where a tab's settings concern them. */
  async watch(): Promise<void> {
    const stages = [...this.#tabs].some((tab) => tab.onResponse !== null) ? (["Request", "Response"] as const) : (["Request"] as const);
    const settings = [...this.#tabs].map((tab) => tab.settings());
    await this.#browser.send("Fetch.enable", {
      patterns: [
        ...stages.map((requestStage) => ({ resourceType: "Document" as const, requestStage })),
        ...this.#rules.heldUp.map((urlPattern) => ({ urlPattern, requestStage: "Request" as const })),
        ...patternsOf([this.#rules, ...settings]),
      ],
      ...(settings.some(({ logins }) => logins !== undefined) ? { handleAuthRequests: true } : {}),
    });
  }

  async #decide(paused: PausedRequest): Promise<void> {
    const { requestId, frameId, resourceType, request, responseStatusCode, responseErrorReason } = paused;
    if (responseStatusCode !== undefined || responseErrorReason !== undefined) return this.#decideOnAnswer(paused);
    const tab = this.#tabOf(frameId);
    const isDocument = resourceType === "Document";
    const refusal = isDocument || /^https?:/.test(request.url) ? this.check(request.url) : null;
    if (refusal !== null) {
      if (isDocument) tab?.refuse(frameId, refusal);
      else tab?.refusePart(refusal);
      const errorReason = isDocument ? "Aborted" : "BlockedByClient"; // aborted, the page stays where it is
      await this.#browser.send("Fetch.failRequest", { requestId, errorReason });
      return;
    }
    if (isDocument) {
      const origin = originOf(request.url);
      if (origin !== null) this.visited.add(origin);
      tab?.letThrough(frameId);
    }
    const headers = headersOf(tab === undefined ? [this.#rules] : [this.#rules, tab.settings()], request);
    await this.#browser.send("Fetch.continueRequest", { requestId, ...(headers === null ? {} : { headers }) });
  }

  async #decideOnAnswer(paused: PausedRequest): Promise<void> {
    const { requestId, frameId } = paused;
    const tab = this.#tabOf(frameId);
    const concerned = tab === undefined ? await this.#openerOf(frameId) : tab.concernedByAnswers(); // a link to a file may open a window for it
    const isDealtWith = (await concerned?.onResponse?.(paused, this.#browser)) ?? false;
    if (!isDealtWith) await this.#browser.send("Fetch.continueRequest", { requestId });
  }

  /** The tab that has opened the window with this main frame. */
  async #openerOf(frameId: string): Promise<TabGuard | undefined> {
    const { targetInfos } = await this.#browser.send("Target.getTargets");
    const openerId = targetInfos.find(({ targetId }) => targetId === frameId)?.openerId;
    return [...this.#tabs].find(({ frames }) => openerId !== undefined && frames.has(openerId));
  }
}

/** The guard as one tab sees it: what was refused to its own frames, and its own downloads. */
export class TabGuard {
  /** The main frame and those inside it, as far as the tab tells of them. */
  readonly frames: Set<string>;
  /** Who looks at the answers to document requests at present. */
  onResponse: ResponseHandler | null = null;
  /** The tab that has opened this one. */
  opener: TabGuard | null = null;
  /** What is set for the tab. */
  settings: () => TabSettings = () => ({});
  /** Is told of the next document that the tab is let go to. */
  onNextDocument: (() => void) | null = null;
  readonly #mainFrameId: string;
  readonly #browser: CDPSession;
  readonly #guard: { readonly check: (url: string) => Refusal | null; readonly watch: () => Promise<void> };
  readonly #refusals = new Map<string, Refusal>();
  /** Of the parts of the page that were refused, by their addresses. */
  readonly #parts = new Map<string, Refusal>();

  constructor(tab: Tab, browser: CDPSession, guard: { check: (url: string) => Refusal | null; watch: () => Promise<void> }) {
    this.#mainFrameId = tab.id;
    this.#browser = browser;
    this.#guard = guard;
    this.frames = new Set([tab.id]);
    tab.cdp.on("Page.frameAttached", ({ frameId }) => this.frames.add(frameId));
    tab.cdp.on("Page.frameDetached", ({ frameId, reason }) => reason === "remove" && this.frames.delete(frameId));
  }

  /** The frames that are there already. */
  know(tree: FrameTree): void {
    for (const { id } of framesOfTree(tree)) this.frames.add(id);
  }

  check(url: string): Refusal | null {
    return this.#guard.check(url);
  }

  /** What was refused to the page itself since it was last asked about. */
  takeRefusal(): Refusal | null {
    const refusal = this.#refusals.get(this.#mainFrameId) ?? null;
    this.#refusals.delete(this.#mainFrameId);
    return refusal;
  }

  /** Parts of the page that were refused: scripts, pictures, requests of its scripts. */
  refusedParts(): Refusal[] {
    return [...this.#parts.values()];
  }

  refusePart(refusal: Refusal): void {
    if (this.#parts.size < PARTS_KEPT) this.#parts.set(refusal.url, refusal);
  }

  /** What was refused to frames inside the page. */
  refusalsInFrames(): Refusal[] {
    return [...this.#refusals].flatMap(([frameId, refusal]) => (frameId === this.#mainFrameId ? [] : [refusal]));
  }

  refuse(frameId: string, refusal: Refusal): void {
    this.#refusals.set(frameId, refusal);
  }

  /** The next document of the main frame begins a new page: what was refused to the page before is forgotten then. */
  letThrough(frameId: string): void {
    if (frameId !== this.#mainFrameId) return;
    this.#refusals.clear();
    this.#parts.clear();
    this.onNextDocument?.();
    this.onNextDocument = null;
  }

  /** The tab that looks at the answers to this one's requests: itself, or one that has opened it. */
  concernedByAnswers(): TabGuard {
    return this.onResponse === null && this.opener !== null ? this.opener.concernedByAnswers() : this;
  }

  /** Tells of every download that begins; the returned function ends that. */
  onDownload(listener: (download: DownloadBegun) => void): () => void {
    const ours = (download: DownloadBegun) => this.frames.has(download.frameId) && listener(download);
    this.#browser.on("Browser.downloadWillBegin", ours);
    return () => this.#browser.off("Browser.downloadWillBegin", ours);
  }

  /** Shows the answers to document requests as well, until the returned function is called. */
  async watchResponses(onResponse: ResponseHandler): Promise<() => Promise<void>> {
    this.onResponse = onResponse;
    await this.#guard.watch();
    return async () => {
      this.onResponse = null;
      await this.#guard.watch();
    };
  }
}

/** `http://10.0.0.1/ may not be visited: …` */
export function describeRefusal({ url, reason }: Refusal): string {
  return `${url} may not be visited: ${reason}`;
}
