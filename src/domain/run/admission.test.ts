import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AdmissionControl, type AdmissionEntry, type AdmissionRequest, type QueuePosition } from "./admission.ts";
import type { RunId } from "../id.ts";

const run = (name: string | number): RunId => `wr_${name}`;
const ask = (name: string | number, more: Partial<AdmissionRequest> = {}): AdmissionRequest => ({
  runId: run(name),
  limit: 1,
  priority: 0,
  sequentialKey: null,
  onLimit: "queue",
  ...more,
});
const limit = (value: number) => ({ type: "limit", limit: value });
const behind = (name: string | number) => ({ type: "sequential", runId: run(name) });
const idsOf = (entries: readonly AdmissionEntry[]): RunId[] => entries.map(({ runId }) => runId);

/** An organization of which these runs have asked, in this order. */
function after(...requests: readonly AdmissionRequest[]): AdmissionControl {
  const control = new AdmissionControl(0, []);
  for (const request of requests) control.admit(request, 0);
  return control;
}

describe("admission", () => {
  it("admits up to the limit and queues the others in their order", () => {
    const control = after(ask("a", { limit: 2 }), ask("b", { limit: 2 }));
    expect(control.admit(ask("c", { limit: 2 }), 0).answer).toEqual({ admitted: false, rejected: false, position: 1, reason: limit(2) });
    expect(control.admit(ask("d", { limit: 2 }), 0).answer).toEqual({ admitted: false, rejected: false, position: 2, reason: limit(2) });
    expect(control.describe()).toEqual({ limit: 2, atWork: 2, waiting: 2 });
  });

  it("says again where a run stands, and changes nothing by it", () => {
    const control = after(ask("a"), ask("b"), ask("c"));
    for (const [name, answer] of [
      ["a", { admitted: true }],
      ["c", { admitted: false, rejected: false, position: 2, reason: limit(1) }],
    ] as const) {
      expect(control.admit(ask(name, { limit: 50, priority: 50, onLimit: "reject" }), 9)).toEqual({ answer, changed: [] });
    }
  });

  it("serves a higher priority first", () => {
    const control = after(ask("a"), ask("low", { priority: -1 }), ask("first"), ask("second"), ask("high", { priority: 7 }));
    const order = ["a", "high", "first", "second"].flatMap((name) => idsOf(control.release(run(name), 1).changed));
    expect(order).toEqual([run("high"), run("first"), run("second"), run("low")]);
  });

  it("lets others pass a run that its key holds back, and says which run that waits for", () => {
    const control = after(ask("a", { limit: 2, sequentialKey: "k" }), ask("b", { limit: 2, sequentialKey: "k" }));
    expect(control.position(run("b"))).toEqual({ position: 1, reason: behind("a") });
    expect(control.admit(ask("c", { limit: 2, sequentialKey: "other" }), 0).answer).toEqual({ admitted: true });
    expect(idsOf(control.release(run("c"), 1).changed)).toEqual([]);
    expect(idsOf(control.release(run("a"), 1).changed)).toEqual([run("b")]);
  });

  it("gives the reason that counts: a run whose key is free waits for the limit", () => {
    const control = after(ask("a", { sequentialKey: "k" }), ask("b"), ask("c", { sequentialKey: "k" }));
    expect(control.position(run("c"))).toEqual({ position: 2, reason: behind("a") });
    control.release(run("a"), 1);
    expect(control.position(run("c"))).toEqual({ position: 1, reason: limit(1) });
  });

  it("takes the one of higher priority first among those of one key", () => {
    const control = after(ask("a"), ask("b", { sequentialKey: "k" }), ask("c", { sequentialKey: "k", priority: 1 }));
    expect(idsOf(control.release(run("a"), 1).changed)).toEqual([run("c")]);
    expect(idsOf(control.release(run("c"), 1).changed)).toEqual([run("b")]);
  });

  it("takes on a key that is told later, and keeps the slot if the key is free", () => {
    const control = after(ask("a"), ask("b", { sequentialKey: "k" }));
    expect(control.admit(ask("a", { sequentialKey: "k" }), 0)).toMatchObject({
      answer: { admitted: true },
      changed: [{ runId: run("a"), sequentialKey: "k" }],
    });
    expect(control.position(run("b"))).toEqual({ position: 1, reason: behind("a") });
    expect(control.admit(ask("a"), 0)).toEqual({ answer: { admitted: true }, changed: [] });
    expect(control.position(run("b"))).toMatchObject({ reason: behind("a") });
  });

  it("moves a run whose key is told late and in use back into the queue, at its place, and its slot on to the next", () => {
    const [a, b] = [ask("a", { limit: 2, sequentialKey: "k" }), ask("b", { limit: 2 })];
    const control = after(a, b, ask("c", { limit: 2 }), ask("d", { limit: 2 }));
    const { answer, changed } = control.admit({ ...b, sequentialKey: "k" }, 5);
    expect(answer).toEqual({ admitted: false, rejected: false, position: 1, reason: behind("a") });
    expect(changed.map(({ runId, admittedAt }) => [runId, admittedAt])).toEqual([[run("c"), 5], [run("b"), null]]); // prettier-ignore
    expect(control.admit({ ...ask("c", { limit: 2 }), sequentialKey: "k", onLimit: "reject" }, 6)).toMatchObject({
      answer: { rejected: true },
      changed: [{ runId: run("d") }],
    });
    expect(control.describe()).toEqual({ limit: 2, atWork: 2, waiting: 1 });
  });

  it("frees a slot once, however often it is given back", () => {
    const control = after(ask("a"), ask("b"), ask("c"));
    expect(control.release(run("a"), 1)).toMatchObject({ changed: [{ runId: run("b"), admittedAt: 1 }] });
    expect(control.release(run("a"), 2)).toEqual({ changed: [] });
    expect(control.describe()).toEqual({ limit: 1, atWork: 1, waiting: 1 });
  });

  it("lets a run leave the queue", () => {
    const control = after(ask("a"), ask("b"), ask("c"));
    expect(control.release(run("b"), 1)).toEqual({ changed: [] });
    expect(control.position(run("b"))).toBeNull();
    expect(control.position(run("c"))).toMatchObject({ position: 1 });
  });

  it("fills the slots of a limit that was raised with the next call, in order", () => {
    const control = after(ask("a"), ask("b"), ask("c"), ask("d"));
    const { answer, changed } = control.admit(ask("e", { limit: 3 }), 5);
    expect(answer).toEqual({ admitted: false, rejected: false, position: 2, reason: limit(3) });
    expect(idsOf(changed)).toEqual([run("b"), run("c"), run("e")]);
    expect(changed.map(({ admittedAt }) => admittedAt)).toEqual([5, 5, null]);
  });

  it("admits nobody until a limit that was lowered is kept", () => {
    const control = after(ask("a", { limit: 2 }), ask("b", { limit: 2 }), ask("c", { limit: 1 }));
    expect(control.describe()).toEqual({ limit: 1, atWork: 2, waiting: 1 });
    expect(idsOf(control.release(run("a"), 1).changed)).toEqual([]);
    expect(idsOf(control.release(run("b"), 1).changed)).toEqual([run("c")]);
  });

  it("keeps nothing of a run that it rejects", () => {
    const control = after(ask("a", { sequentialKey: "k" }), ask("b"));
    expect(control.admit(ask("c", { onLimit: "reject" }), 0)).toEqual({
      answer: { admitted: false, rejected: true, reason: limit(1), retryAfterSeconds: 1 },
      changed: [],
    });
    expect(control.admit(ask("d", { limit: 1, sequentialKey: "k", onLimit: "reject" }), 0).answer).toMatchObject({
      rejected: true,
      reason: behind("a"),
    });
    expect(control.describe()).toEqual({ limit: 1, atWork: 1, waiting: 1 });
    expect(control.position(run("c"))).toBeNull();
  });

  it("tells a rejected run to come back when those ahead will have taken as long again as they have already", () => {
    const control = new AdmissionControl(0, []);
    const retryAfter = (more: Partial<AdmissionRequest>, now: number) =>
      control.admit(ask("late", { limit: 2, onLimit: "reject", ...more }), now).answer;
    control.admit(ask("a", { limit: 2, sequentialKey: "k" }), 0);
    control.admit(ask("b", { limit: 2 }), 4_000);
    for (const name of ["c", "d"]) control.admit(ask(name, { limit: 2 }), 5_000);
    expect(retryAfter({}, 10_000)).toMatchObject({ retryAfterSeconds: 12 }); // third in the queue, two at a time, 8 s each
    expect(retryAfter({ sequentialKey: "k" }, 10_000)).toMatchObject({ retryAfterSeconds: 10 });
    expect(retryAfter({ sequentialKey: "k" }, 9_000_000)).toMatchObject({ retryAfterSeconds: 300 });
  });

  it("knows since when runs are at work", () => {
    const control = new AdmissionControl(0, []);
    control.admit(ask("a", { limit: 2 }), 10);
    control.admit(ask("b", { limit: 2 }), 20);
    control.admit(ask("c", { limit: 2 }), 20);
    expect(control.atWorkSince(9)).toEqual([]);
    expect(control.atWorkSince(10)).toEqual([run("a")]);
    expect(control.atWorkSince(99)).toEqual([run("a"), run("b")]);
  });
});

// ------------------------------------------------------------------------------------------------- random histories

interface Waiting {
  readonly id: RunId;
  readonly place: number;
  readonly priority: number;
  readonly key: string | null;
}

/** The same rules without any structure: lists that are searched and sorted. */
class NaiveAdmission {
  limit = 0;
  atWork: Waiting[] = [];
  waiting: Waiting[] = [];
  #arrivals = 0;

  get #inOrder(): Waiting[] {
    return this.waiting.toSorted((a, b) => b.priority - a.priority || a.place - b.place);
  }

  #holderOf(key: string | null): Waiting | undefined {
    return key === null ? undefined : this.atWork.find((other) => other.key === key);
  }

  standing(id: RunId): QueuePosition | null {
    const index = this.#inOrder.findIndex((entry) => entry.id === id);
    if (index === -1) return null;
    const holder = this.#holderOf(this.#inOrder[index]!.key);
    return { position: index + 1, reason: holder ? { type: "sequential", runId: holder.id } : { type: "limit", limit: this.limit } };
  }

  fill(): RunId[] {
    const next = this.#inOrder.find(({ key }) => !this.#holderOf(key));
    if (next === undefined || this.atWork.length >= this.limit) return [];
    this.waiting = this.waiting.filter((entry) => entry !== next);
    this.atWork.push(next);
    return [next.id, ...this.fill()];
  }

  admit({ runId: id, limit, priority, sequentialKey: key, onLimit }: AdmissionRequest): { answer: object; admitted: RunId[] } {
    const known = [...this.atWork, ...this.waiting].find((entry) => entry.id === id);
    const isNews = known === undefined || (known.key === null && key !== null);
    if (known === undefined) {
      this.limit = limit;
      this.waiting.push({ id, place: this.#arrivals++, priority, key });
    } else if (isNews) {
      const keepsSlot = this.atWork.includes(known) && !this.#holderOf(key);
      this.#drop(id);
      (keepsSlot ? this.atWork : this.waiting).push({ ...known, key });
    }
    const admitted = this.fill();
    const standing = this.standing(id);
    if (standing === null) return { answer: { admitted: true }, admitted };
    if (!isNews || onLimit === "queue") return { answer: { admitted: false, rejected: false, ...standing }, admitted };
    this.#drop(id);
    return { answer: { admitted: false, rejected: true, reason: standing.reason }, admitted };
  }

  release(id: RunId): RunId[] {
    this.#drop(id);
    return this.fill();
  }

  #drop(id: RunId): void {
    this.atWork = this.atWork.filter((entry) => entry.id !== id);
    this.waiting = this.waiting.filter((entry) => entry.id !== id);
  }
}

type Command =
  | { readonly type: "admit"; readonly request: AdmissionRequest }
  | { readonly type: "release"; readonly pick: number }
  | { readonly type: "forget" };

const requests: fc.Arbitrary<AdmissionRequest> = fc.record({
  runId: fc.integer({ min: 0, max: 40 }).map(run), // often one that has asked before
  limit: fc.constantFrom(1, 2, 2, 3, 3, 3, 5),
  priority: fc.constantFrom(0, 0, 0, -100, 1, 100),
  sequentialKey: fc.constantFrom(null, null, "k", "l", "m"),
  onLimit: fc.constantFrom("queue" as const, "queue" as const, "queue" as const, "reject" as const),
});
const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("admit" as const), request: requests }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("release" as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("forget" as const) }) },
);

/** What a gate would have in storage. */
class Storage {
  limit = 0;
  readonly entries = new Map<RunId, AdmissionEntry>();

  save(changed: readonly AdmissionEntry[], control: AdmissionControl): void {
    for (const entry of changed) this.entries.set(entry.runId, entry);
    this.limit = control.limit;
  }
}

describe("any history of admissions", () => {
  it("goes as the naive rules say, also when the control is made anew from storage in between", () => {
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 120 }), (history) => {
        const naive = new NaiveAdmission();
        const stored = new Storage();
        let control = new AdmissionControl(0, []);
        for (const [now, command] of history.entries()) {
          if (command.type === "forget") {
            control = new AdmissionControl(stored.limit, stored.entries.values());
          } else if (command.type === "admit") {
            const { answer, changed } = control.admit(command.request, now);
            const expected = naive.admit(command.request);
            expect(answer).toMatchObject(expected.answer);
            const others = changed.filter(({ runId, admittedAt }) => admittedAt !== null && runId !== command.request.runId);
            expect(idsOf(others)).toEqual(expected.admitted.filter((runId) => runId !== command.request.runId));
            if ("rejected" in answer && answer.rejected) stored.entries.delete(command.request.runId);
            stored.save(changed, control);
          } else {
            const known = [...naive.atWork, ...naive.waiting];
            const runId = known[command.pick % known.length]?.id ?? run("unknown");
            const { changed } = control.release(runId, now);
            expect(idsOf(changed)).toEqual(naive.release(runId));
            stored.entries.delete(runId);
            stored.save(changed, control);
          }
          expect(control.describe()).toEqual({ limit: naive.limit, atWork: naive.atWork.length, waiting: naive.waiting.length });
          for (const { id } of [...naive.waiting, ...naive.atWork]) expect(control.position(id)).toEqual(naive.standing(id));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("never has more at work than the limit, nor two of one key, and lets everyone through in the order of arrival", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(requests, { maxLength: 60 }),
        fc.infiniteStream(fc.nat()),
        (slots, wanted, picks) => {
          const control = new AdmissionControl(0, []);
          const atWork = new Map<RunId, AdmissionEntry>();
          const admitted: AdmissionEntry[] = [];
          const begin = (changed: readonly AdmissionEntry[]) => {
            for (const entry of changed) {
              if (entry.admittedAt === null) continue;
              atWork.set(entry.runId, entry);
              admitted.push(entry);
            }
            expect(atWork.size).toBeLessThanOrEqual(slots);
            const keys = [...atWork.values()].flatMap(({ sequentialKey }) => sequentialKey ?? []);
            expect(new Set(keys).size).toBe(keys.length);
          };
          for (const [index, request] of wanted.entries()) {
            begin(control.admit({ ...request, runId: run(index), limit: slots, onLimit: "queue" }, index).changed);
          }
          while (atWork.size > 0) {
            const ended = [...atWork.keys()][picks.next().value! % atWork.size]!;
            atWork.delete(ended);
            begin(control.release(ended, 100).changed);
          }
          expect(idsOf(admitted).toSorted()).toEqual(wanted.map((_, index) => run(index)).toSorted());
          // Of one priority and one key, or without any, nobody is overtaken.
          for (const group of Map.groupBy(admitted, ({ priority, sequentialKey }) => `${priority} ${sequentialKey}`).values()) {
            expect(group.map(({ place }) => place)).toEqual(group.map(({ place }) => place).toSorted((a, b) => a - b));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
