import type { CDPSession } from "@cloudflare/puppeteer";
import { originOf } from "../../../domain/browser/browser-memory.ts";
import type { BrowserGuard } from "../../../domain/outbound/outbound-patterns.ts";
import { headersOf, LoginAnswers, patternsOf } from "./request-settings.ts";
import { SessionGuard } from "./session-guard.ts";
import type { Tab } from "../tabs/tab.ts";
import { type PausedRequest, type Refusal, TabGuard } from "./tab-guard.ts";

/**
 * Decides on every document that the browser is about to fetch, in its tabs, in their frames and popups, and on those of their parts that it may have
 * to refuse, whoever asks for them (pages, workers, beacons); each redirect anew. It listens on the browser's own session, so that there is no
 * moment in which a new tab or worker is unwatched. What is not seen there, such as WebSockets, is refused session by session (`SessionGuard`). Other
 * requests are looked at only where the run, or a tab's settings, give them headers or a login.
 */
export class Guard {
  readonly #browser: CDPSession;
  readonly #rules: BrowserGuard;
  readonly #tabs = new Set<TabGuard>();
  /** For the sessions of tabs, and of what belongs to them. */
  readonly sessions: SessionGuard;
  /** Origins of the documents that were let through. */
  readonly visited = new Set<string>();
  readonly #logins: LoginAnswers;

  constructor(browser: CDPSession, rules: BrowserGuard) {
    this.#browser = browser;
    this.#rules = rules;
    this.sessions = new SessionGuard(rules);
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
