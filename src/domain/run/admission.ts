/**
 * Admission control: which of an organization's runs may be at work, and who is next. What a gate keeps in storage is the list of entries and
 * the limit; `AdmissionControl` is made from them and says after each call what to write.
 */
import type { RunId } from "../id.ts";

/** Of runs: higher first. */
export const PRIORITY = { min: -100, default: 0, max: 100 } as const;

export interface AdmissionRequest {
  readonly runId: RunId;
  /**
   * How many runs of the organization may be at work at once, from 1. The one that the newest run came with holds for all of them; a run that
   * asks again may know only one of long ago.
   */
  readonly limit: number;
  /** Whole, within `PRIORITY`. First in, first out among those that have the same. */
  readonly priority: number;
  /** At most one run with this key is at work. Null for a run that may be at work beside any other, or whose key is told later. */
  readonly sequentialKey: string | null;
  /** What becomes of a run that cannot be at work now. */
  readonly onLimit: "queue" | "reject";
}

export type AdmissionAnswer =
  | { readonly admitted: true }
  | ({ readonly admitted: false; readonly rejected: false } & QueuePosition)
  | { readonly admitted: false; readonly rejected: true; readonly reason: WaitReason; readonly retryAfterSeconds: number };

export interface QueuePosition {
  /** Among all that wait, from 1. One that its sequential key holds back may be overtaken. */
  readonly position: number;
  readonly reason: WaitReason;
}

/** `sequential`: a run at work has the same key, so that a free slot alone would not help. */
export type WaitReason = { readonly type: "limit"; readonly limit: number } | { readonly type: "sequential"; readonly runId: RunId };

export interface AdmissionCounts {
  /** 0 before the first request. */
  readonly limit: number;
  /** May be over the limit after that was lowered. */
  readonly atWork: number;
  readonly waiting: number;
}

/** A run that is at work or waits. */
export interface AdmissionEntry {
  readonly runId: RunId;
  /** Grows with the order of arrival. */
  readonly place: number;
  readonly priority: number;
  readonly sequentialKey: string | null;
  /** When it got its slot; null while it waits. */
  readonly admittedAt: number | null;
}

const RETRY_AFTER_SECONDS = { min: 1, max: 300 } as const;

/**
 * Between two calls this holds: a slot is free only when every run that waits is held back by its key. A step takes logarithmic time, however
 * long the queue.
 */
export class AdmissionControl {
  #limit: number;
  #lastPlace = 0;
  readonly #atWork = new Map<RunId, AdmissionEntry>();
  readonly #waiting = new Map<RunId, AdmissionEntry>();
  readonly #queue = new Line();
  /** Who may have the next slot: those without a key, and the first of every key that no run at work has. */
  readonly #eligible = new Line();
  readonly #keys = new Map<string, SequentialKey>();

  constructor(limit: number, entries: Iterable<AdmissionEntry>) {
    this.#limit = limit;
    for (const entry of entries) {
      this.#lastPlace = Math.max(this.#lastPlace, entry.place);
      if (entry.admittedAt === null) this.#enqueue(entry);
      else this.#putToWork(entry);
    }
  }

  get limit(): number {
    return this.#limit;
  }

  /**
   * Asked again, it tells where the run stands now. Only a key that the run had not told before changes anything then: it keeps its place and
   * gives up its slot if the key is in use.
   * @returns with `changed`: the entries that are new, have a key or got a slot, the asking run's own among them. Of one that is rejected the entry
   * is to be deleted.
   */
  admit(request: AdmissionRequest, now: number): { readonly answer: AdmissionAnswer; readonly changed: readonly AdmissionEntry[] } {
    const { runId, limit, priority, sequentialKey } = request;
    const known = this.#entry(runId);
    const isNews = known === undefined || (known.sequentialKey === null && sequentialKey !== null);
    if (known === undefined) {
      this.#limit = limit;
      this.#enqueue({ runId, place: ++this.#lastPlace, priority, sequentialKey, admittedAt: null });
    } else if (isNews) {
      this.#takeOnKey(known, sequentialKey!);
    }
    const admitted = this.#fill(now);
    const own = this.#entry(runId)!;
    const changed = isNews && !admitted.includes(own) ? [...admitted, own] : admitted;
    if (own.admittedAt !== null) return { answer: { admitted: true }, changed };
    const standing = this.#standingOf(own);
    if (!isNews || request.onLimit === "queue") return { answer: { admitted: false, rejected: false, ...standing }, changed };
    const retryAfterSeconds = this.#retryAfterSeconds(standing, now);
    this.#dequeue(own);
    return { answer: { admitted: false, rejected: true, reason: standing.reason, retryAfterSeconds }, changed: admitted };
  }

  /**
   * The run has ended, or does not want to wait any longer. Its entry is to be deleted.
   * @returns the entries that got a slot
   */
  release(runId: RunId, now: number): { readonly changed: readonly AdmissionEntry[] } {
    const entry = this.#entry(runId);
    if (entry !== undefined) this.#remove(entry);
    return { changed: this.#fill(now) };
  }

  /** @returns null when the run does not wait */
  position(runId: RunId): QueuePosition | null {
    const entry = this.#waiting.get(runId);
    return entry === undefined ? null : this.#standingOf(entry);
  }

  describe(): AdmissionCounts {
    return { limit: this.#limit, atWork: this.#atWork.size, waiting: this.#waiting.size };
  }

  /** The runs that have had their slots since this instant or longer. */
  atWorkSince(instant: number): RunId[] {
    return [...this.#atWork.values()].filter(({ admittedAt }) => admittedAt !== null && admittedAt <= instant).map(({ runId }) => runId);
  }

  #entry(runId: RunId): AdmissionEntry | undefined {
    return this.#atWork.get(runId) ?? this.#waiting.get(runId);
  }

  #remove(entry: AdmissionEntry): void {
    if (entry.admittedAt === null) this.#dequeue(entry);
    else this.#takeFromWork(entry);
  }

  #takeOnKey(entry: AdmissionEntry, sequentialKey: string): void {
    this.#remove(entry);
    if (entry.admittedAt !== null && this.#key(sequentialKey).holder === null) this.#putToWork({ ...entry, sequentialKey });
    else this.#enqueue({ ...entry, sequentialKey, admittedAt: null });
  }

  #fill(now: number): AdmissionEntry[] {
    const admitted: AdmissionEntry[] = [];
    while (this.#atWork.size < this.#limit && this.#eligible.first !== undefined) {
      const next = { ...this.#eligible.first, admittedAt: now };
      this.#dequeue(next);
      this.#putToWork(next);
      admitted.push(next);
    }
    return admitted;
  }

  #standingOf(entry: AdmissionEntry): QueuePosition {
    const holder = entry.sequentialKey === null ? null : this.#key(entry.sequentialKey).holder;
    return {
      position: this.#queue.countBefore(entry) + 1,
      reason: holder === null ? { type: "limit", limit: this.#limit } : { type: "sequential", runId: holder },
    };
  }

  /** A guess: what is at work will take as long again as it has taken already, and so will each turn of those ahead. */
  #retryAfterSeconds({ position, reason }: QueuePosition, now: number): number {
    const ahead = reason.type === "limit" ? [...this.#atWork.values()] : [this.#atWork.get(reason.runId)!];
    const averageMs = ahead.reduce((sum, { admittedAt }) => sum + now - (admittedAt ?? now), 0) / ahead.length;
    const turns = reason.type === "limit" ? position / ahead.length : 1;
    return Math.min(RETRY_AFTER_SECONDS.max, Math.max(RETRY_AFTER_SECONDS.min, Math.ceil((turns * averageMs) / 1000)));
  }

  #enqueue(entry: AdmissionEntry): void {
    this.#waiting.set(entry.runId, entry);
    this.#queue.add(entry);
    if (entry.sequentialKey === null) return this.#eligible.add(entry);
    this.#key(entry.sequentialKey).waiting.add(entry);
    this.#updateKey(entry.sequentialKey);
  }

  #dequeue(entry: AdmissionEntry): void {
    this.#waiting.delete(entry.runId);
    this.#queue.remove(entry);
    if (entry.sequentialKey === null) return this.#eligible.remove(entry);
    this.#key(entry.sequentialKey).waiting.remove(entry);
    this.#updateKey(entry.sequentialKey);
  }

  #putToWork(entry: AdmissionEntry): void {
    this.#atWork.set(entry.runId, entry);
    if (entry.sequentialKey === null) return;
    this.#key(entry.sequentialKey).holder = entry.runId;
    this.#updateKey(entry.sequentialKey);
  }

  #takeFromWork(entry: AdmissionEntry): void {
    this.#atWork.delete(entry.runId);
    if (entry.sequentialKey === null) return;
    this.#key(entry.sequentialKey).holder = null;
    this.#updateKey(entry.sequentialKey);
  }

  #key(name: string): SequentialKey {
    let key = this.#keys.get(name);
    if (key === undefined) {
      key = { holder: null, waiting: new Line(), eligible: undefined };
      this.#keys.set(name, key);
    }
    return key;
  }

  /** Of a key that is free, the first in the line is eligible; of one that is not, nobody. */
  #updateKey(name: string): void {
    const key = this.#key(name);
    const eligible = key.holder === null ? key.waiting.first : undefined;
    if (key.eligible !== eligible) {
      if (key.eligible !== undefined) this.#eligible.remove(key.eligible);
      if (eligible !== undefined) this.#eligible.add(eligible);
      key.eligible = eligible;
    }
    if (key.holder === null && eligible === undefined) this.#keys.delete(name);
  }
}

interface SequentialKey {
  /** The run at work that has it. */
  holder: RunId | null;
  readonly waiting: Line;
  /** Its entry in the line of those who may have the next slot. */
  eligible: AdmissionEntry | undefined;
}

/** Entries in the order in which they are served. Found by halving, so that an entry need not be the same object as the one added. */
class Line {
  readonly #entries: AdmissionEntry[] = [];

  get first(): AdmissionEntry | undefined {
    return this.#entries[0];
  }

  /** How many are served before this one, whether it is in the line or not. */
  countBefore(entry: AdmissionEntry): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.#entries[middle]!, entry)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(entry: AdmissionEntry): void {
    this.#entries.splice(this.countBefore(entry), 0, entry);
  }

  /** Of an entry that is in the line. */
  remove(entry: AdmissionEntry): void {
    this.#entries.splice(this.countBefore(entry), 1);
  }
}

function isBefore(a: AdmissionEntry, b: AdmissionEntry): boolean {
  return a.priority === b.priority ? a.place < b.place : a.priority > b.priority;
}
