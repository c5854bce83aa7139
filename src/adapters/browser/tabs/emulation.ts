import type { CDPSession } from "@cloudflare/puppeteer";
import { PageError } from "../../../domain/browser/browser.ts";
import { changeSettings, type SettingsChange, type TabSettings } from "../../../domain/browser/tab-settings.ts";
import type { PageOptions } from "../../../ports/page-options.ts";
import type { PageSettings } from "../../../ports/page-surroundings.ts";
import { Deadline, TimeUp } from "../deadline.ts";
import type { Children } from "./children.ts";
import { isInEffect, SessionEmulation } from "./session-emulation.ts";
import type { Tab } from "./tab.ts";

/** How long the frames of a page are waited for when a setting changes. */
const FRAME_MS = 1_000;

/** What a tab's settings do to other things than sessions. */
interface Around {
  /** The browser's own session. */
  readonly root: CDPSession;
  /** Something has changed that concerns requests. */
  readonly onRequests: () => Promise<void>;
}

/**
 * A tab's settings, in force in all that belongs to it. Whoever attaches to a tab says them again, and so does this to every frame with a process of its
 * own, and to every worker, before that begins. A worker keeps what was set when it began.
 */
export class Emulation implements PageSettings {
  readonly #tab: Tab;
  readonly #around: Around;
  readonly #own: SessionEmulation;
  readonly #frames = new Map<CDPSession, SessionEmulation>();
  #now: TabSettings;

  constructor(tab: Tab, children: Children, settings: TabSettings, around: Around) {
    this.#tab = tab;
    this.#around = around;
    this.#own = new SessionEmulation(tab.cdp, "tab");
    this.#now = settings;
    children.tell({
      onFrame: (frame) => this.#beginFrame(frame),
      onWorker: (worker) => void new SessionEmulation(worker, "worker").begin(this.#now).catch(() => undefined), // it is gone
      onGone: (child) => this.#frames.delete(child) && this.#sayAgainSoon(),
    });
    tab.cdp.on("Page.frameStoppedLoading", ({ frameId }) => frameId === tab.id && this.#sayAgainSoon());
  }

  get now(): TabSettings {
    return this.#now;
  }

  /** Says everything that is set; of a tab without settings only the size of its pages. */
  async begin(): Promise<void> {
    const { geolocation, headers, logins } = this.#now;
    await Promise.all([
      this.#own.begin(this.#now),
      ...(geolocation === undefined ? [] : [this.#permitPosition([])]),
      ...(headers === undefined && logins === undefined ? [] : [this.#around.onRequests()]),
    ]);
  }

  /** Says again what all documents of a process share: what has said it there is gone. */
  async sayAgain(): Promise<void> {
    await Promise.all([this.#own, ...this.#frames.values()].map((session) => session.sayAgain(this.#now)));
  }

  /**
   * The page is about to go elsewhere, maybe into the process of one of its frames: the next document could not say there what a frame says, and
   * would lose it with the frame, before its first script. What does not go after all is told again.
   */
  leave(): void {
    for (const frame of this.#frames.values()) frame.leave(this.#now).catch(() => undefined); // it is gone
  }

  async change(change: SettingsChange, { timeoutMs, signal }: PageOptions): Promise<void> {
    const before = this.#now;
    const deadline = new Deadline(timeoutMs, signal);
    this.#now = changeSettings(before, change);
    const sent = [this.#own.change(this.#now, change)];
    if ("geolocation" in change) sent.push(this.#permitPosition(before.geolocation?.origins ?? []));
    if ("headers" in change || "logins" in change) sent.push(this.#around.onRequests());
    try {
      await this.#tab.wait(Promise.all(sent), deadline);
    } catch (error) {
      this.#now = before;
      if (error instanceof TimeUp) throw new PageError("the browser did not take this in time", { errorClass: "temporary", cause: error });
      if (isInEffect(error))
        throw new PageError("another tab of the browser, in the same process, has another one", { errorClass: "block", cause: error });
      throw error;
    }
    await this.#changeFrames(change, deadline);
  }

  /** One that hangs takes it in when it goes on; nobody waits for it for long. */
  async #changeFrames(change: SettingsChange, deadline: Deadline): Promise<void> {
    if (this.#frames.size === 0) return;
    const sent = [...this.#frames.values()].map((frame) => frame.change(this.#now, change).catch(() => undefined)); // it is gone, or a frame of its process has said it
    await deadline
      .atMost(FRAME_MS)
      .wait(Promise.all(sent))
      .catch(() => deadline.signal.throwIfAborted());
  }

  #beginFrame(frame: CDPSession): void {
    const session = new SessionEmulation(frame, "frame");
    this.#frames.set(frame, session);
    session.begin(this.#now).catch(() => undefined); // it is gone
    frame.on("Page.frameNavigated", () => this.#sayAgainSoon()); // maybe into another process
  }

  #sayAgainSoon(): void {
    this.sayAgain().catch(() => undefined); // one of them is gone
  }

  /** How the next dialog is answered. */
  nextDialog(): { accept: boolean; text: string | null } {
    const { dialogs } = this.#now;
    if (dialogs === undefined) return { accept: false, text: null };
    if (dialogs.times !== null) {
      const times = dialogs.times - 1;
      this.#now = changeSettings(this.#now, { dialogs: times > 0 ? { ...dialogs, times } : null });
    }
    return { accept: dialogs.respond === "accept", text: dialogs.text };
  }

  /** @param before the origins that might ask for it until now */
  async #permitPosition(before: readonly string[]): Promise<void> {
    const { geolocation } = this.#now;
    const [origins, setting] = geolocation === undefined ? [before, "prompt" as const] : [geolocation.origins, "granted" as const];
    const permit = (origin: string) =>
      this.#around.root.send("Browser.setPermission", { permission: { name: "geolocation" }, setting, origin });
    await Promise.all(origins.map(permit));
  }
}
