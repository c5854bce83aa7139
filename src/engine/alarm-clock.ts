import type { Clock } from "../ports/clock.ts";

/** The one alarm of an object, with as few writes as its purpose allows: setting an alarm is a write. */
export class AlarmClock {
  readonly #storage: DurableObjectStorage;
  readonly #clock: Clock;
  /** What this incarnation knows to be set; null when it knows of none. */
  #at: number | null = null;
  /** What the alarm that fired last was set for: one that is set for then, or for the present millisecond, while its handler runs is lost. */
  #firedFor = 0;

  constructor(storage: DurableObjectStorage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** Learns of one that was set before this incarnation began. */
  async takeUp(): Promise<void> {
    this.#at ??= await this.#storage.getAlarm();
  }

  /** Wakes the object at this time, or earlier: an earlier alarm that is already set is left. */
  wakeBy(at: number): void {
    const now = this.#clock.now();
    if (this.#at !== null && this.#at > now && this.#at <= at) return;
    this.#at = Math.max(at, now + 1, this.#firedFor + 1);
    void this.#storage.setAlarm(this.#at);
  }

  /** Nothing is owed any more. */
  clear(): void {
    if (this.#at !== null) void this.#storage.deleteAlarm();
    this.#at = null;
  }

  /** The alarm has fired. @param scheduledTime what it was set for, in milliseconds since the epoch */
  fired(scheduledTime: number): void {
    this.#at = null;
    this.#firedFor = scheduledTime;
  }
}
