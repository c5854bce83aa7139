import { browserStateSchema } from "../domain/browser.ts";
import type { Fault } from "../domain/error.ts";
import type { RunId } from "../domain/id.ts";
import type { BrowserLease, BrowserPage, Browsers, Log, Vault } from "../ports.ts";
import type { BrowserRecord } from "./run-storage.ts";

/** Where the record of the run's browser is kept between incarnations of the object. */
export interface BrowserRecordStore {
  browser: BrowserRecord | null;
}

/**
 * The one browser of a run: leased when a block first asks for its page, kept for the blocks after it, taken up again after an eviction, made
 * anew from the last checkpoint when it is gone, and given back at the end.
 */
export class RunBrowser {
  readonly #deps: { readonly browsers: Browsers; readonly vault: Vault; readonly log: Log };
  readonly #store: BrowserRecordStore;
  readonly #runId: RunId;
  readonly #check: (url: string) => Fault | null;
  #lease: Promise<BrowserLease> | null = null;
  /** Resolves when the page is free. */
  #turn: Promise<void> = Promise.resolve();

  constructor(
    deps: { browsers: Browsers; vault: Vault; log: Log },
    store: BrowserRecordStore,
    runId: RunId,
    check: (url: string) => Fault | null,
  ) {
    this.#deps = deps;
    this.#store = store;
    this.#runId = runId;
    this.#check = check;
  }

  /**
   * The page, for one attempt at a time: blocks that run side by side take turns.
   * @returns the page, and what must be called when the attempt is over
   * @throws BrowserUnavailable
   */
  async take(signal: AbortSignal): Promise<{ page: BrowserPage; giveBack: () => void }> {
    const before = this.#turn;
    let giveBack = () => {};
    this.#turn = new Promise((resolve) => (giveBack = resolve));
    try {
      await before;
      signal.throwIfAborted();
      return { page: await this.#page(signal), giveBack };
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  async #page(signal: AbortSignal): Promise<BrowserPage> {
    if (this.#lease !== null && !(await this.#lease).alive) await this.startOver(); // it died between two blocks
    this.#lease ??= this.#open(signal);
    try {
      return (await this.#lease).page;
    } catch (error) {
      this.#lease = null; // the next block, or the next attempt, tries again
      throw error;
    }
  }

  /** Takes down where the page is. Writes nothing itself. @returns the record to be stored with the end of the block; null without a browser */
  async checkpoint(): Promise<BrowserRecord | null> {
    if (this.#lease === null) return null;
    try {
      const lease = await this.#lease;
      return { sessionId: lease.sessionId, state: await this.#deps.vault.seal(this.#purpose, JSON.stringify(await lease.checkpoint())) };
    } catch (error) {
      this.#deps.log.error("checkpoint failed; the one before it stays", error, { run_id: this.#runId });
      return null;
    }
  }

  /** The browser broke: the next call of `page` opens another and restores the last checkpoint. */
  async discard(): Promise<void> {
    const lease = this.#lease;
    this.#lease = null;
    await lease?.then((held) => held.close()).catch(() => undefined); // it never opened: there is nothing to close
  }

  /** Where the page was after the last block that ended, as JSON text of a `BrowserState`; null when no page was used. */
  async lastState(): Promise<string | null> {
    const state = this.#store.browser?.state ?? null;
    return state === null ? null : await this.#deps.vault.open(this.#purpose, state);
  }

  /** The same text, sealed for this run's record. */
  async seal(state: string): Promise<string> {
    return await this.#deps.vault.seal(this.#purpose, state);
  }

  /**
   * An attempt was cut off and left the page anywhere: the next call of `page` opens another browser, in which the page is where the last block
   * that ended left it.
   */
  async startOver(): Promise<void> {
    const record = this.#store.browser;
    if (record?.sessionId != null) this.#store.browser = { ...record, sessionId: null };
    if (this.#lease !== null) await this.discard();
    else if (record?.sessionId != null) await this.#deps.browsers.close(record.sessionId);
  }

  /** Gives the browser back, also one that only the record knows of. May be repeated. */
  async release(): Promise<void> {
    const record = this.#store.browser;
    if (this.#lease !== null) await this.discard();
    else if (record?.sessionId) await this.#deps.browsers.close(record.sessionId);
    if (record?.sessionId != null) this.#store.browser = { ...record, sessionId: null }; // the state stays, for another try at the run
  }

  async #open(signal: AbortSignal): Promise<BrowserLease> {
    const record = this.#store.browser;
    const state = record?.state ? browserStateSchema.parse(JSON.parse(await this.#deps.vault.open(this.#purpose, record.state))) : null;
    const lease = await this.#deps.browsers.lease({ sessionId: record?.sessionId ?? null, state, check: this.#check, signal });
    this.#store.browser = { sessionId: lease.sessionId, state: record?.state ?? null };
    return lease;
  }

  get #purpose(): string {
    return `browser-state:${this.#runId}`;
  }
}
