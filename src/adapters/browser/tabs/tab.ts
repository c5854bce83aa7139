import type { Browser, CDPSession } from "@cloudflare/puppeteer";
import { PageError } from "../../../domain/browser/browser.ts";
import type { Deadline } from "../deadline.ts";

/** The connection to the browser, of which a tab's session is a part. */
export type Connection = NonNullable<ReturnType<CDPSession["connection"]>>;

/** The document went away while it was asked: ask the next one. */
export class ContextLost extends Error {
  override readonly name = "ContextLost";
}

const GONE_WITH_DOCUMENT =
  /Cannot find context|context was destroyed|navigated or closed|No frame|Frame with the given|Promise was collected|not attached to an active page|Unable to capture screenshot/;
/** What calls fail with when their session is over. */
export const GONE_WITH_SESSION = /Target closed|[Ss]ession closed|Connection closed|Session with given id not found|detached/;

/** During a long wait the browser is told something now and then: one that nobody talks to is taken for idle and ended. */
const HEARTBEAT_MS = 30_000;

/** By then the browser has told why a session has ended, on a busy machine too; it tells in any case, if only that its connection is over. */
const TOLD_MS = 5_000;

/** One tab over CDP: knows whether it is still there, and lets no call wait for a tab that is not. */
export class Tab {
  /** Of the target and of its main frame: Chromium gives both the same. */
  readonly id: string;
  readonly cdp: CDPSession;
  #gone: PageError | null = null;
  #isClosed = false;
  readonly #lost = Promise.withResolvers<never>();
  readonly #whenGone: (() => void)[] = [];
  #hearing: Promise<void> | null = null;

  constructor(id: string, cdp: CDPSession, browser: Browser) {
    this.id = id;
    this.cdp = cdp;
    this.#lost.promise.catch(() => undefined); // it is also told to whoever waits
    const disconnected = () => this.lose("the connection to the browser was lost");
    const crashed = ({ targetId }: { targetId: string }) => targetId === id && this.lose("the page crashed");
    const destroyed = ({ targetId }: { targetId: string }) => {
      if (targetId !== id) return;
      this.#isClosed ||= this.#gone === null;
      this.lose("the page was closed");
    };
    const connection = cdp.connection();
    browser.on("disconnected", disconnected);
    connection?.on("Target.targetCrashed", crashed);
    connection?.on("Target.targetDestroyed", destroyed);
    this.onGone(() => {
      browser.off("disconnected", disconnected);
      connection?.off("Target.targetCrashed", crashed);
      connection?.off("Target.targetDestroyed", destroyed);
    });
  }

  /** Has the browser tell of the tab's requests (`Network`), without their bodies. It is told to once, whoever asks. */
  hearRequests(): Promise<void> {
    return (this.#hearing ??= this.cdp.send("Network.enable", { maxTotalBufferSize: 0, maxResourceBufferSize: 0 }));
  }

  /** Calls back once, when the tab is gone. */
  onGone(listener: () => void): void {
    if (this.#gone === null) this.#whenGone.push(listener);
    else listener();
  }

  /** Why there is nothing to be had from this tab any more; null while it lives. */
  get gone(): PageError | null {
    return this.#gone;
  }

  /** Was it closed in good order, by its page or by us? */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Gives the tab up: what waits for it and what comes later fails with this. */
  lose(reason: string): PageError {
    this.#gone ??= new PageError(reason, { errorClass: "temporary" });
    this.#lost.reject(this.#gone);
    for (const listener of this.#whenGone.splice(0)) listener();
    return this.#gone;
  }

  /** A session ends before the browser tells that its tab was closed or has crashed. */
  async #whyLost(): Promise<PageError> {
    const told = new Promise((resolve) => setTimeout(resolve, TOLD_MS));
    await Promise.race([told, this.#lost.promise]).catch(() => undefined); // that is it
    return this.#gone ?? this.lose("the connection to the browser was lost");
  }

  /**
   * Waits for the answer to something that was sent.
   * @throws PageError when the tab is gone, ContextLost when only its document is, TimeUp, or the signal's reason
   */
  async wait<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
    if (this.#gone !== null) {
      work.catch(() => undefined);
      throw this.#gone;
    }
    const heartbeat = setInterval(() => void this.cdp.send("Page.getNavigationHistory").catch(() => undefined), HEARTBEAT_MS);
    try {
      return await deadline.wait(Promise.race([work, this.#lost.promise]));
    } catch (error) {
      if (error instanceof PageError || !(error instanceof Error)) throw error;
      if (GONE_WITH_DOCUMENT.test(error.message)) throw new ContextLost(error.message, { cause: error });
      if (GONE_WITH_SESSION.test(error.message)) throw await this.#whyLost();
      throw error;
    } finally {
      clearInterval(heartbeat);
    }
  }
}
