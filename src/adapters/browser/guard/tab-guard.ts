import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";
import type { TabSettings } from "../../../domain/browser/tab-settings.ts";
import { type FrameTree, framesOfTree } from "../page/frame-tree.ts";
import type { Tab } from "../tabs/tab.ts";

export type PausedRequest = CDPEvents["Fetch.requestPaused"];
export type DownloadBegun = CDPEvents["Browser.downloadWillBegin"];

/**
 * Looks at the answer to a document request, by way of the session that has paused it.
 * @returns has it dealt with the answer? Otherwise that goes on to the page.
 */
export type ResponseHandler = (paused: PausedRequest, browser: CDPSession) => Promise<boolean>;

/** A request that was not let through. */
export interface Refusal {
  readonly url: string;
  readonly reason: string;
}

/** So many refused parts of a page are kept for messages. */
const PARTS_KEPT = 20;

/** The guard as one tab sees it: what was refused to its own frames, and its own downloads. */
export class TabGuard {
  /** The main frame and those inside it. */
  readonly frames: Set<string>;
  /** Who looks at the answers to document requests at present. */
  onResponse: ResponseHandler | null = null;
  /** The tab that has opened this one. */
  opener: TabGuard | null = null;
  /** What is set for the tab. */
  settings: () => TabSettings = () => ({});
  /** Is told of every document that the tab is let go to. */
  onDocument: (() => void) | null = null;
  /** Is told of the next one. */
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
    this.#follow(tab.cdp);
  }

  /** Learns of the frames inside a frame with a process of its own, which only its session tells of. The answers need not be waited for. */
  followInto(frame: CDPSession): void {
    this.#follow(frame);
    frame.send("Page.enable").catch(() => undefined); // it is gone
    const tree = frame.send("Page.getFrameTree");
    tree.then(({ frameTree }) => this.know(frameTree)).catch(() => undefined); // likewise
  }

  #follow(cdp: CDPSession): void {
    cdp.on("Page.frameAttached", ({ frameId }) => this.frames.add(frameId));
    cdp.on("Page.frameDetached", ({ frameId, reason }) => reason === "remove" && this.frames.delete(frameId));
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
    this.onDocument?.();
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
