import type { CDPSession } from "@cloudflare/puppeteer";
import type { ConsoleEntry, TabRecord } from "../../../domain/evidence/evidence.ts";
import type { RecordWish, TabRecorder } from "../../../ports/browser.ts";
import { Deadline, TimeUp } from "../deadline.ts";
import type { Children } from "../tabs/children.ts";
import type { Tab } from "../tabs/tab.ts";
import { onConsole } from "./console-entries.ts";
import { RequestLog } from "./request-log.ts";
import { Ring } from "./ring.ts";

const MAX_CONSOLE = { entries: 1_000, size: 500_000 };

/** How long a page, and each frame and worker that has a session of its own, is asked for its console; all at once. */
const CONSOLE_MS = 3_000;

/**
 * Records what a tab tells of itself, with its frames and workers: requests by the `Network` domain (about 7 messages a request, none of them answered;
 * 0.05 ms each), and the console by `Runtime`. That one is not enabled before somebody asks, unless all is wanted: pages can tell that it is (it reads
 * what they log), and the browser keeps a document's last 1,000 messages anyway and hands them over then. What the documents before it logged is lost,
 * and so is what frames and workers did that are gone.
 */
export class Recorder implements TabRecorder {
  readonly #tab: Tab;
  readonly #wish: RecordWish;
  readonly #console = new Ring<ConsoleEntry>(MAX_CONSOLE.entries, MAX_CONSOLE.size, ({ text }) => text.length);
  readonly #requests = new RequestLog();
  /** Frames with processes of their own, and workers. */
  readonly #children = new Set<CDPSession>();
  /** Those that have told their console in this attempt. */
  #told = new WeakSet<CDPSession>();

  constructor(tab: Tab, children: Children, wish: RecordWish) {
    this.#tab = tab;
    this.#wish = wish;
    this.#listen(tab.cdp);
    const begin = (child: CDPSession) => {
      this.#children.add(child);
      this.#listen(child);
      if (wish.console === "always") child.send("Runtime.enable").catch(() => undefined); // it is gone
    };
    children.tell({ onFrame: begin, onWorker: begin, onGone: (child) => this.#children.delete(child) });
  }

  #listen(cdp: CDPSession): void {
    if (this.#wish.console !== "off") onConsole(cdp, (entry) => this.#console.add(entry));
    if (this.#wish.requests) this.#requests.listen(cdp);
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
    this.#requests.begin();
    this.#told = new WeakSet();
  }

  async read(): Promise<TabRecord> {
    const consoleMissing = await this.#readConsoles();
    const { requests, failed } = this.#requests;
    return {
      console: this.#console.entries.toSorted((a, b) => a.at - b.at),
      requests: [...requests.entries],
      failedRequests: [...failed.entries],
      dropped: { console: this.#console.dropped, requests: requests.dropped, failedRequests: failed.dropped },
      consoleMissing,
    };
  }

  /** @returns whose could not be read and why, as a sentence */
  async #readConsoles(): Promise<string | null> {
    if (this.#wish.console !== "late") return null;
    const asked = [this.#tab.cdp, ...this.#children].filter((cdp) => !this.#told.has(cdp));
    const told = await Promise.all(asked.map((cdp) => this.#readConsole(cdp)));
    const silent = asked.filter((_, index) => !told[index]);
    if (silent.length === 0) return null;
    const late = `did not tell it in ${CONSOLE_MS / 1000} s`;
    if (silent.includes(this.#tab.cdp)) return `There are no console messages: ${this.#tab.gone?.message ?? `the page ${late}`}.`;
    return `There are no console messages of ${silent.length === 1 ? "a frame or worker that" : `${silent.length} frames or workers that`} ${late}.`;
  }

  /** @returns has it told? A frame or worker that is gone has nothing to tell */
  async #readConsole(cdp: CDPSession): Promise<boolean> {
    const isTab = cdp === this.#tab.cdp;
    const deadline = new Deadline(CONSOLE_MS);
    const enabled = cdp.send("Runtime.enable"); // the messages come before the answer
    try {
      await (isTab ? this.#tab.wait(enabled, deadline) : deadline.wait(enabled));
    } catch (error) {
      return !isTab && !(error instanceof TimeUp);
    }
    this.#told.add(cdp);
    cdp.send("Runtime.disable").catch(() => undefined); // it is gone
    return true;
  }
}
