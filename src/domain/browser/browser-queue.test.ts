import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BrowserHolder, type BrowserPlace, BrowserQueue, keyOf, type PlatformState, UNKNOWN_PLATFORM } from "./browser-queue.ts";

const holder = (id: string | number): BrowserHolder => ({ kind: "run", organizationId: "o_1", id: String(id) });
const idsOf = (places: readonly BrowserPlace[]) => places.map(({ holder: { id } }) => id);

/** A queue that may have so many browsers at once. */
const queueOf = (limit: number, platform: Partial<PlatformState> = {}) => new BrowserQueue({ ...UNKNOWN_PLATFORM, ...platform, limit }, []);

describe("the line for browsers", () => {
  it("gives slots in the order of asking, whoever asks", () => {
    const queue = queueOf(1);
    const other: BrowserHolder = { ...holder("b"), organizationId: "o_2" };
    expect(queue.ask(holder("a"), 1)).toMatchObject({ granted: true });
    expect(queue.ask(other, 2)).toMatchObject({ granted: false });
    expect(queue.ask(holder("c"), 3)).toMatchObject({ granted: false });
    expect([queue.position(holder("a")), queue.position(other), queue.position(holder("c"))]).toEqual([null, 1, 2]);
    expect(idsOf(queue.release(holder("a"), 4).changed)).toEqual(["b"]);
    expect(queue.position(holder("c"))).toBe(1);
    expect(queue.describe()).toEqual({ limit: 1, inUse: 1, waiting: 1 });
  });

  it("keeps the place of one that asks again", () => {
    const queue = queueOf(1);
    for (const id of ["a", "b", "c"]) queue.ask(holder(id), 1);
    expect(queue.ask(holder("b"), 9).changed).toEqual([]);
    expect(queue.position(holder("b"))).toBe(1);
  });

  it("gives nothing before the platform's limit is known, and to as many as wait when it is raised", () => {
    const queue = new BrowserQueue(UNKNOWN_PLATFORM, []);
    for (const id of ["a", "b", "c"]) expect(queue.ask(holder(id), 1).granted).toBe(false);
    expect(idsOf(queue.setLimit(2, 2))).toEqual(["a", "b"]);
    expect(queue.setLimit(1, 3)).toEqual([]);
    expect(queue.describe()).toEqual({ limit: 1, inUse: 2, waiting: 1 });
    expect(queue.release(holder("a"), 4).changed).toEqual([]);
    expect(idsOf(queue.release(holder("b"), 5).changed)).toEqual(["c"]);
  });

  it("makes everybody wait for as long as the platform says, and the one that was refused keeps its place", () => {
    const queue = queueOf(2);
    for (const id of ["a", "b", "c"]) queue.ask(holder(id), 1_000);
    expect(idsOf(queue.refuse(holder("a"), { retryAfterMs: 4_000, byRate: false }, 2_000))).toEqual(["a"]);
    expect(queue.ask(holder("d"), 2_500).granted).toBe(false);
    expect(queue.nextGrantAt).toBe(6_000);
    expect(queue.fill(5_999)).toEqual([]);
    expect(["a", "c", "d"].map((id) => queue.position(holder(id)))).toEqual([1, 2, 3]);
    expect(idsOf(queue.fill(6_000))).toEqual(["a"]);
  });

  it("waits a while after a refusal that names no time", () => {
    const queue = queueOf(1);
    queue.ask(holder("a"), 1_000);
    queue.refuse(holder("a"), { retryAfterMs: null, byRate: false }, 1_000);
    expect(queue.nextGrantAt).toBe(6_000);
  });

  it("learns how far apart new browsers must be, and forgets it later", () => {
    const queue = queueOf(10);
    for (const id of ["a", "b", "c", "d"]) queue.ask(holder(id), 1_000);
    queue.opened(holder("a"), "s", 1_000);
    for (const id of ["b", "c", "d"]) queue.refuse(holder(id), { retryAfterMs: 1_900, byRate: true }, 1_100);
    expect(queue.platform.gapMs).toBe(2_000);
    expect(idsOf(queue.fill(3_000))).toEqual(["b"]);
    expect(queue.nextGrantAt).toBe(5_000);
    expect(idsOf(queue.fill(5_000))).toEqual(["c"]);
    expect(idsOf(queue.fill(7_000))).toEqual(["d"]);
    queue.ask(holder("e"), 7_001);
    expect(queue.position(holder("e"))).toBe(1);
    expect(idsOf(queue.fill(701_000))).toEqual(["e"]);
    expect(queue.ask(holder("f"), 701_000).granted).toBe(true);
  });

  it("takes a browser that comes after its holder has gone for nobody's", () => {
    const queue = queueOf(1);
    queue.ask(holder("a"), 1);
    expect(queue.opened(holder("a"), "s1", 2)).toMatchObject({ sessionId: "s1", openedAt: 2 });
    expect(queue.release(holder("a"), 3)).toEqual({ known: true, changed: [] });
    expect(queue.release(holder("a"), 3)).toEqual({ known: false, changed: [] });
    expect(queue.opened(holder("a"), "s2", 4)).toBeNull();
  });
});

// ------------------------------------------------------------------------------------------------- random histories

/** The same rules without any structure: one list that is searched. */
class NaiveQueue {
  limit = 0;
  pausedUntil = 0;
  readonly line: { id: string; place: number; granted: boolean }[] = [];
  #arrivals = 0;

  ask(id: string, now: number): void {
    if (!this.line.some((one) => one.id === id)) this.line.push({ id, place: this.#arrivals++, granted: false });
    this.fill(now);
  }

  refuse(id: string, until: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, until);
    for (const one of this.line) if (one.id === id) one.granted = false;
  }

  release(id: string, now: number): void {
    const index = this.line.findIndex((one) => one.id === id);
    if (index >= 0) this.line.splice(index, 1);
    this.fill(now);
  }

  fill(now: number): void {
    for (;;) {
      const first = this.waiting[0];
      if (first === undefined || now < this.pausedUntil || this.line.filter(({ granted }) => granted).length >= this.limit) return;
      first.granted = true;
    }
  }

  get waiting() {
    return this.line.filter(({ granted }) => !granted).toSorted((a, b) => a.place - b.place);
  }
}

const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("ask" as const), id: fc.integer({ min: 0, max: 20 }).map(String) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("release" as const), id: fc.integer({ min: 0, max: 20 }).map(String) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("refuse" as const), pick: fc.nat(), ms: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("limit" as const), limit: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const) }) },
);

describe("any history of the line", () => {
  it("goes as the naive rules say, also when it is made anew from what was written in between", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), (history) => {
        const naive = new NaiveQueue();
        let queue = new BrowserQueue(UNKNOWN_PLATFORM, []);
        const stored = new Map<string, BrowserPlace>();
        const write = (changed: readonly BrowserPlace[]) => changed.forEach((place) => stored.set(keyOf(place.holder), place));
        let now = 1;
        for (const one of history) {
          if (one.do === "ask") {
            naive.ask(one.id, now);
            const { granted, changed } = queue.ask(holder(one.id), now);
            expect(granted).toBe(naive.line.some(({ id, granted: has }) => id === one.id && has));
            write(changed);
          } else if (one.do === "release") {
            naive.release(one.id, now);
            stored.delete(keyOf(holder(one.id)));
            write(queue.release(holder(one.id), now).changed);
          } else if (one.do === "refuse") {
            const granted = queue.granted;
            const id = granted[one.pick % granted.length]?.holder.id;
            if (id === undefined) continue;
            naive.refuse(id, now + one.ms);
            write(queue.refuse(holder(id), { retryAfterMs: one.ms, byRate: false }, now));
          } else if (one.do === "limit") {
            naive.limit = one.limit;
            naive.fill(now);
            write(queue.setLimit(one.limit, now));
          } else if (one.do === "wait") {
            now += one.ms;
            naive.fill(now);
            write(queue.fill(now));
          } else {
            queue = new BrowserQueue(queue.platform, stored.values());
          }
          expect(queue.waiting.map((place) => place.holder.id)).toEqual(naive.waiting.map(({ id }) => id));
          expect(queue.granted.map((place) => place.holder.id).toSorted()).toEqual(
            naive.line.flatMap(({ id, granted }) => (granted ? [id] : [])).toSorted(),
          );
          expect([...stored.values()].map((place) => place.holder.id).toSorted()).toEqual(naive.line.map(({ id }) => id).toSorted());
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("lets everybody through who waits, in the order of arrival, whatever the platform refuses on the way", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 30 }),
        fc.infiniteStream(fc.record({ refused: fc.integer({ min: 0, max: 3 }).map((n) => n === 0), byRate: fc.boolean(), pick: fc.nat() })),
        (limit, count, chances) => {
          const queue = queueOf(limit);
          let now = 1_000;
          const opened: string[] = [];
          const open = new Set<string>();
          const unopened = new Set<string>();
          const take = (places: readonly BrowserPlace[]) => {
            for (const { holder: one, grantedAt } of places) if (grantedAt !== null) unopened.add(one.id);
            expect(unopened.size + open.size).toBeLessThanOrEqual(limit);
          };
          for (let id = 0; id < count; id++) take(queue.ask(holder(id), now).changed);
          for (let turn = 0; opened.length < count; turn++) {
            if (turn > 10_000) throw new Error(`stranded: ${JSON.stringify(queue.describe())}`);
            const { refused, byRate, pick } = chances.next().value!;
            const [next] = unopened;
            if (next !== undefined) {
              unopened.delete(next);
              if (refused) queue.refuse(holder(next), { retryAfterMs: 7, byRate }, now);
              else {
                queue.opened(holder(next), `s${next}`, now);
                opened.push(next);
                open.add(next);
              }
            } else if (queue.nextGrantAt !== null) {
              now = Math.max(now, queue.nextGrantAt);
              take(queue.fill(now));
            } else {
              const done = [...open][pick % open.size]!;
              open.delete(done);
              take(queue.release(holder(done), ++now).changed);
            }
          }
          expect(new Set(opened).size).toBe(count);
          // One that was refused goes before all that came after it: nobody is overtaken by more than those who had their slots already.
          for (const [index, id] of opened.entries())
            expect(opened.slice(0, index).filter((other) => Number(other) > Number(id)).length).toBeLessThan(limit);
        },
      ),
      { numRuns: 300 },
    );
  });
});
