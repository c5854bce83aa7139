import type { EngineDeps } from "../../compose.ts";
import { PageError } from "../../domain/browser/browser.ts";
import { type BrowserMemory, NO_MEMORY } from "../../domain/browser/browser-memory.ts";
import { type BrowserSessionFacts, describeSessionEnd, profileOfSession } from "../../domain/browser/browser-session.ts";
import type { BrowserHolder } from "../../domain/browser/browser-queue.ts";
import { type BrowserGuard, browserGuard, onlyDomains } from "../../domain/outbound/outbound-patterns.ts";
import {
  forgets,
  forgotten,
  hasEnded,
  owesProfile,
  SESSION_KEEP_ALIVE_MS,
  type SessionRecord,
  withBrowser,
  withBrowserEnded,
  withMainTab,
  withoutBrowser,
  withProfile,
} from "../../domain/browser/session-record.ts";
import type { MemoryOwner } from "../../ports/browser-memories.ts";
import type { Parting } from "../../ports/browser-sessions.ts";
import type { KeptSession } from "./kept-session.ts";
import { acquireBrowser } from "../browser/own-browser.ts";
import { openBrowser, rememberBrowser, tidyBrowser } from "./session-browser.ts";

/** The browser that a run is given. */
export interface GivenBrowser {
  readonly browserId: string;
  /** The page that it goes on with. */
  readonly mainTab: string | null;
}

/** What is done with the browser of a session, one after the other: it is opened, tidied up after a run, asked what it remembers, and ended. */
export class SessionUpkeep {
  readonly #deps: EngineDeps;
  readonly #session: KeptSession;
  /** The last work on the browser. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: EngineDeps, session: KeptSession) {
    this.#deps = deps;
    this.#session = session;
  }

  async #inTurn<T>(work: (record: SessionRecord) => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => await work(this.#record));
    this.#last = turn.catch(() => undefined); // whoever asked is told
    return await turn;
  }

  /**
   * The browser there is, or another with what that remembered.
   * @param lostId one that is known to be gone
   * @throws BrowserUnavailable, PageError
   */
  async ensureBrowser(lostId: string | null = null): Promise<GivenBrowser> {
    return await this.#inTurn(async (record) => {
      if (hasEnded(record)) throw endedError(record.facts);
      const { browserId, mainTab } = record;
      return browserId !== null && browserId !== lostId ? { browserId, mainTab } : await this.#open(record);
    });
  }

  async #open({ facts, hosts, url }: SessionRecord): Promise<GivenBrowser> {
    const { browsers, pool } = this.#deps;
    const memory = (await this.#memory()) ?? (await this.#profileOf(facts)) ?? NO_MEMORY;
    const wish = { keepAliveMs: SESSION_KEEP_ALIVE_MS, onlyHosts: onlyDomains(hosts) };
    const acquire = () => acquireBrowser(pool, holderOf(facts), wish);
    const opened = await openBrowser(browsers, { acquire, memory, url, guard: this.#guard });
    if (hasEnded(this.#record)) {
      await this.#end(opened.browserId); // it was closed meanwhile
      throw endedError(this.#record.facts);
    }
    this.#session.change((record, now) => withBrowser(record, opened, now));
    return opened;
  }

  /** Tidies up after a run that leaves, and takes down what the browser remembers. */
  async tidyAfter(runId: string, parting: Parting): Promise<void> {
    await this.#inTurn(async (record) => {
      if (record.occupancy.runId !== runId || (hasEnded(record) && record.browserId === null)) return;
      const earlier = (await this.#memory()) ?? NO_MEMORY;
      const { browser, memory } = await tidyBrowser(this.#deps.browsers, record.browserId, parting, earlier, this.#guard);
      await this.#deps.memories.put(this.#owner, memory);
      this.#session.change((now) => (browser === null ? withoutBrowser(now) : withMainTab(now, browser.mainTab)));
    });
  }

  /** Takes down what the browser remembers now. Never throws: what was kept before stays. */
  async remember(): Promise<void> {
    await this.#inTurn((record) => this.#remember(record));
  }

  async #remember({ browserId, mainTab }: SessionRecord): Promise<void> {
    if (browserId === null) return;
    try {
      const earlier = (await this.#memory()) ?? NO_MEMORY;
      const memory = await rememberBrowser(this.#deps.browsers, browserId, mainTab, earlier, this.#guard);
      if (memory !== null) await this.#deps.memories.put(this.#owner, memory);
    } catch (error) {
      this.#session.logError("what a browser remembers could not be kept; what was kept before stays", error);
    }
  }

  /** Keeps the browser from idling out; one that is gone is given back. */
  async keepAlive(): Promise<void> {
    const { browserId } = this.#record;
    if (browserId === null || (await this.#deps.browsers.ping(browserId)) || this.#record.browserId !== browserId) return;
    this.#session.change(withoutBrowser);
    await this.#end(browserId);
  }

  /** Ends what is at work on the browser just now, of a session that has ended. */
  async cutOff(): Promise<void> {
    const { facts, browserId, occupancy } = this.#record;
    if (browserId === null) await this.#deps.pool.release(holderOf(facts), null); // it may wait for one
    else if (occupancy.runId !== null) await this.#deps.browsers.close(browserId);
  }

  /** What is left to be done of a session that has ended. May be repeated. */
  async windUp(): Promise<void> {
    await this.#inTurn(async (record) => {
      await this.#remember(record);
      if (record.browserId === null) await this.#deps.pool.release(holderOf(record.facts), null); // of one that was lost
      else await this.#end(record.browserId);
      this.#session.change(withBrowserEnded);
      if (owesProfile(this.#record)) await this.#makeProfile(this.#record.facts);
      if (!forgets(this.#record, this.#deps.clock.now())) return;
      await this.#deps.memories.delete(this.#owner);
      this.#session.change(forgotten);
    });
  }

  async #makeProfile({ organizationId, browserSessionId }: BrowserSessionFacts): Promise<void> {
    const browserProfileId = profileOfSession(browserSessionId);
    const named = { organizationId, browserProfileId, name: `Session ${browserSessionId}`, description: null };
    await this.#deps.profiles.make(named, "browser_session", (await this.#memory()) ?? NO_MEMORY);
    this.#session.change(withProfile);
  }

  async #end(browserId: string): Promise<void> {
    await this.#deps.browsers.close(browserId);
    await this.#deps.pool.release(holderOf(this.#record.facts), browserId);
  }

  /** What its browser remembered when that was last taken down. */
  async #memory(): Promise<BrowserMemory | null> {
    return await this.#deps.memories.get(this.#owner);
  }

  /** What its first browser begins with. */
  async #profileOf({ organizationId, browserProfileId: id }: BrowserSessionFacts): Promise<BrowserMemory | null> {
    return id === null ? null : await this.#deps.memories.get({ organizationId, kind: "profile", id });
  }

  get #record(): SessionRecord {
    if (this.#session.record === null) throw new Error("there is no session");
    return this.#session.record;
  }

  get #owner(): MemoryOwner {
    const { organizationId, browserSessionId } = this.#session.facts;
    return { organizationId, kind: "session", id: browserSessionId };
  }

  get #guard(): BrowserGuard {
    return browserGuard(this.#record.hosts);
  }
}

/** As which the pool of browsers knows a session. */
function holderOf({ organizationId, browserSessionId }: BrowserSessionFacts): BrowserHolder {
  return { kind: "browser_session", organizationId, id: browserSessionId };
}

function endedError(facts: BrowserSessionFacts): PageError {
  return new PageError(describeSessionEnd(facts) ?? "", { errorClass: "block" });
}
