/** The time is up. Caught by whoever can say what was waited for. */
export class TimeUp extends Error {
  override readonly name = "TimeUp";
}

const NEVER = new AbortController().signal;

/** How long a call may go on: until its time is up or its caller, if it can, aborts it. Every wait on the browser is bounded by one. */
export class Deadline {
  readonly signal: AbortSignal;
  readonly #endsAt: number;

  constructor(timeoutMs: number, signal: AbortSignal = NEVER) {
    this.signal = signal;
    this.#endsAt = Date.now() + timeoutMs;
  }

  get remainingMs(): number {
    return Math.max(0, this.#endsAt - Date.now());
  }

  /** The same, but at most `timeoutMs` from now. */
  atMost(timeoutMs: number): Deadline {
    return new Deadline(Math.min(timeoutMs, this.remainingMs), this.signal);
  }

  /** The same, but at least `timeoutMs` from now. */
  atLeast(timeoutMs: number): Deadline {
    return new Deadline(Math.max(timeoutMs, this.remainingMs), this.signal);
  }

  /**
   * The work's result, if it comes in time. The work itself is not stopped.
   * @throws TimeUp, or the signal's reason at the moment of the abort
   */
  async wait<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(this.signal.reason);
    // An answer that came while this thread was busy with something else is there, and taken first.
    let timer = setTimeout(() => (timer = setTimeout(() => reject(new TimeUp()))), this.remainingMs);
    if (this.signal.aborted) abort();
    else this.signal.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([work, promise]);
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener("abort", abort);
    }
  }

  /** Waits for a moment between two looks at something that sends no event. */
  pause(ms: number): Promise<void> {
    return this.wait(new Promise((resolve) => setTimeout(resolve, ms)));
  }
}

/** `0.4 s` */
export function inSeconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
