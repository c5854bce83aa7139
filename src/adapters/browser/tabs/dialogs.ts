import type { CDPSession } from "@cloudflare/puppeteer";
import type { PageOptions } from "../../../ports/page-options.ts";
import type { PageDialogs, SeenDialog } from "../../../ports/page-surroundings.ts";
import { Deadline, TimeUp } from "../deadline.ts";
import type { Emulation } from "./emulation.ts";

/** A page may show dialogs without end. */
const MAX_KEPT = 100;
const MAX_MESSAGE = 2_000;

/** The dialogs of a group of tabs, as they were answered. */
export class DialogLog implements PageDialogs {
  #seen: SeenDialog[] = [];
  #more = Promise.withResolvers<void>();
  #lastAt = 0;

  add(dialog: SeenDialog): void {
    this.#lastAt = Date.now();
    this.#seen = [...this.#seen, dialog].slice(-MAX_KEPT);
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  /** @param atMs milliseconds since the epoch */
  openedSince(atMs: number): boolean {
    return this.#lastAt >= atMs;
  }

  async take({ atLeast, timeoutMs, signal }: PageOptions & { readonly atLeast: number }): Promise<SeenDialog[]> {
    const deadline = new Deadline(timeoutMs, signal);
    try {
      while (this.#seen.length < atLeast) await deadline.wait(this.#more.promise);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
    }
    const seen = this.#seen;
    this.#seen = [];
    return seen;
  }
}

/**
 * Answers every dialog at once, as the tab's settings say; a page that asks whether it may be left is told yes. An open dialog would hold up every
 * call, also those to the window that has opened this one, when the two share a process.
 */
export function answerDialogs(cdp: CDPSession, settings: Emulation, log: DialogLog): void {
  cdp.on("Page.javascriptDialogOpening", ({ type, message, defaultPrompt = "", url }) => {
    const { accept, text } = type === "beforeunload" ? { accept: true, text: null } : settings.nextDialog();
    const promptText = type === "prompt" && accept ? (text ?? defaultPrompt) : null;
    log.add({ type, message: message.slice(0, MAX_MESSAGE), respond: accept ? "accept" : "dismiss", text: promptText, url });
    const answer = { accept, ...(promptText === null ? {} : { promptText }) };
    cdp.send("Page.handleJavaScriptDialog", answer).catch(() => undefined); // it was closed meanwhile
  });
}
