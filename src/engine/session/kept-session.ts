import type { BrowserSessionFacts } from "../../domain/browser/browser-session.ts";
import {
  beginSession,
  hasNews,
  RETRY_MS,
  type SessionOpening,
  type SessionRecord,
  told,
  wakesAt,
} from "../../domain/browser/session-record.ts";
import type { BrowserSessions } from "../../ports/browser-sessions.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { AlarmClock } from "../alarm-clock.ts";
import { SessionStorage } from "./session-storage.ts";

interface KeptSessionDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly browserSessions: BrowserSessions;
}

/** The record of a session as its object works with it: a change is written, the index is told of what it shows, and the alarm is set. */
export class KeptSession {
  readonly #ctx: DurableObjectState;
  readonly #deps: KeptSessionDeps;
  readonly #storage: SessionStorage;
  readonly #alarm: AlarmClock;
  #telling: Promise<void> = Promise.resolve();

  constructor(ctx: DurableObjectState, deps: KeptSessionDeps) {
    this.#ctx = ctx;
    this.#deps = deps;
    this.#storage = new SessionStorage(ctx.storage.sql);
    this.#alarm = new AlarmClock(ctx.storage, deps.clock);
    if (this.record !== null && wakesAt(this.record, deps.clock.now()) !== null) this.wakeIn(RETRY_MS);
  }

  /** Null when there is no such session. */
  get record(): SessionRecord | null {
    return this.#storage.record;
  }

  /** As the index shows it. @throws when there is no such session */
  get facts(): BrowserSessionFacts {
    if (this.record === null) throw new Error("there is no session");
    return this.record.facts;
  }

  /** One that is there stays as it is. */
  begin(opening: SessionOpening): void {
    if (this.record === null) this.#storage.write(beginSession(opening, this.#deps.clock.now()));
    this.rearm();
  }

  /** Nothing, when there is no such session. @param make what becomes of it */
  change(make: (record: SessionRecord, now: number) => SessionRecord): void {
    const before = this.record;
    if (before === null) return;
    const after = make(before, this.#deps.clock.now());
    if (after !== before) this.#storage.write(after);
    if (after.facts.revision > before.facts.revision) {
      this.#deps.log.info(`session_${after.facts.status}`, this.logFields);
      this.#telling = this.tell().catch((error: unknown) => this.logError("a session could not be told; it is repeated", error));
      this.#ctx.waitUntil(this.#telling);
    }
    this.rearm();
  }

  /** Resolves when the index knows of the last change, or has failed to take it. */
  async known(): Promise<void> {
    await this.#telling;
  }

  /** Tells the index what it does not know. @throws when it does not take that */
  async tell(): Promise<void> {
    const { record } = this;
    if (record === null || !hasNews(record)) return;
    const { facts } = record;
    await this.#deps.browserSessions.upsert(facts);
    if (this.record !== null) this.#storage.write(told(this.record, facts.revision)); // it may have changed meanwhile
  }

  // ------------------------------------------------------------------------------------------------------ alarm

  /** The alarm has fired. @param scheduledTime what it was set for */
  fired(scheduledTime: number): void {
    this.#alarm.fired(scheduledTime);
  }

  /** Or earlier, when something else is owed. */
  wakeIn(ms: number): void {
    this.#alarm.wakeBy(this.#deps.clock.now() + ms);
  }

  /** Sets the alarm for the earliest thing that is owed. */
  rearm(): void {
    if (this.record === null) return;
    const at = wakesAt(this.record, this.#deps.clock.now());
    if (at === null) this.#alarm.clear();
    else this.#alarm.wakeBy(at);
  }

  // ------------------------------------------------------------------------------------------------------- logs

  logError(message: string, error: unknown): void {
    this.#deps.log.error(message, error, this.logFields);
  }

  get logFields(): Record<string, string> {
    const facts = this.record?.facts;
    return facts === undefined ? {} : { organization_id: facts.organizationId, browser_session_id: facts.browserSessionId };
  }
}
