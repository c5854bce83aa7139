import { Buffer } from "node:buffer";
import { Deadline } from "../deadline.ts";
import { LIBRARY_SOURCE } from "../in-page/source.js";
import { WORLD } from "../page/place.ts";
import type { SecretFields } from "./secret-fields.ts";
import type { Tab } from "../tabs/tab.ts";

/** At most 4 pictures a second. */
const FRAME_MS = 250;

/** A page that is busy for longer is asked again. */
const ANSWER_MS = 2_000;

const FORMAT = { format: "jpeg", quality: 60, maxWidth: 1280, maxHeight: 800 } as const;

/** Pictures of a tab for as long as somebody watches. */
export class Screencast {
  readonly #tab: Tab;
  readonly #secrets: SecretFields;
  /** One begins when the one before has ended. */
  #before: Promise<void> = Promise.resolve();

  constructor(tab: Tab, secrets: SecretFields) {
    this.#tab = tab;
    this.#secrets = secrets;
  }

  /**
   * Begins when secret fields cannot be read any more, in this document and in those that come.
   * @param onFrame is given JPEGs
   * @returns ends it
   */
  start(onFrame: (jpeg: Uint8Array) => void): () => void {
    const { cdp } = this.#tab;
    const over = new AbortController();
    const pacer = new Pacer(onFrame, (sessionId) => void cdp.send("Page.screencastFrameAck", { sessionId }).catch(() => undefined)); // the tab is gone
    const begin = async (): Promise<string> => {
      const source = `${LIBRARY_SOURCE}pilotfish.hideSecrets();`;
      const { identifier } = await cdp.send("Page.addScriptToEvaluateOnNewDocument", { source, worldName: WORLD });
      while (!over.signal.aborted && this.#tab.gone === null && !(await this.#hidesSecrets()));
      if (over.signal.aborted) return identifier;
      cdp.on("Page.screencastFrame", pacer.take);
      await cdp.send("Page.startScreencast", FORMAT);
      return identifier;
    };
    const end = async (identifier: string): Promise<void> => {
      cdp.off("Page.screencastFrame", pacer.take);
      await Promise.all([cdp.send("Page.stopScreencast"), cdp.send("Page.removeScriptToEvaluateOnNewDocument", { identifier })]);
      await this.#secrets.show({ hasFrames: true });
    };
    const beginning = this.#before.then(begin);
    beginning.catch(() => undefined); // the tab is gone
    return () => {
      if (over.signal.aborted) return;
      over.abort();
      pacer.stop();
      this.#before = beginning.then(end).catch(() => undefined); // likewise
    };
  }

  async #hidesSecrets(): Promise<boolean> {
    return await this.#secrets.hide(new Deadline(ANSWER_MS), { gently: true }).then(
      () => true,
      () => new Promise<false>((resolve) => setTimeout(() => resolve(false), FRAME_MS)), // the page is busy
    );
  }
}

/** Lets pictures through in their time, the newest of those that have come. The browser sends the next ones when they are acknowledged. */
class Pacer {
  readonly #onFrame: (jpeg: Uint8Array) => void;
  readonly #acknowledge: (sessionId: number) => void;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #newest: string | null = null;
  #sessions: number[] = [];
  #shownAt = 0;

  constructor(onFrame: (jpeg: Uint8Array) => void, acknowledge: (sessionId: number) => void) {
    this.#onFrame = onFrame;
    this.#acknowledge = acknowledge;
  }

  readonly take = ({ data, sessionId }: { readonly data: string; readonly sessionId: number }): void => {
    this.#newest = data;
    this.#sessions.push(sessionId);
    this.#timer ??= setTimeout(() => this.#show(), Math.max(0, this.#shownAt + FRAME_MS - Date.now()));
  };

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#newest = null;
  }

  #show(): void {
    this.#timer = null;
    this.#shownAt = Date.now();
    if (this.#newest !== null) this.#onFrame(Buffer.from(this.#newest, "base64"));
    this.#newest = null;
    for (const sessionId of this.#sessions.splice(0)) this.#acknowledge(sessionId);
  }
}
