import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createIds } from "../../src/adapters/ids.ts";
import type { AdmissionRequest } from "../../src/domain/run/admission.ts";
import type { RunId } from "../../src/domain/id.ts";
import { composeEngine, type EngineDeps } from "../../src/compose.ts";
import type { OrganizationGate } from "../../src/engine/gate/gate-object.ts";
import type { RunObject } from "../../src/ports/run-objects.ts";
import { eventually } from "../eventually.ts";

const ids = createIds(Date.now);
const LEASE_MS = 120_000;

/** The gate of a new organization. */
function prepare() {
  const organizationId = ids.next("organization");
  const gate = env.ORGANIZATION_GATE.get(env.ORGANIZATION_GATE.idFromName(organizationId));
  const admit = (runId: RunId, more: Partial<AdmissionRequest> = {}) =>
    gate.admit({ runId, limit: 1, priority: 0, sequentialKey: null, onLimit: "queue", ...more });
  return { organizationId, gate, admit };
}

const existing = (...runIds: readonly RunId[]) => new Map(runIds.map((runId): [RunId, Reply] => [runId, yes]));
const newRuns = (count: number): RunId[] => Array.from({ length: count }, () => ids.next("run"));

/** What the gates of this isolate work with; they have an `env` of their own. */
async function engineOf(gate: DurableObjectStub<OrganizationGate>): Promise<EngineDeps> {
  return await runInDurableObject(gate, (object) => composeEngine(object["env"]));
}

type Reply = () => Promise<boolean>;
const yes: Reply = async () => true;

/**
 * Answers the gate in the place of the runs.
 * @param replies of the runs that exist
 * @returns what the gate asked whom, in order
 */
async function standInForRuns(gate: DurableObjectStub<OrganizationGate>, replies: ReadonlyMap<RunId, Reply>): Promise<string[]> {
  const asked: string[] = [];
  vi.spyOn((await engineOf(gate)).runs, "get").mockImplementation((_organizationId, runId) => {
    const reply = (question: string) => async () => {
      asked.push(`${question} ${runId}`);
      return (await replies.get(runId)?.()) ?? false;
    };
    return { admit: reply("admit"), wake: reply("wake") } as Partial<RunObject> as RunObject;
  });
  return asked;
}

/** The runs that the gate knows, in the order of their arrival. */
async function runsIn(gate: DurableObjectStub<OrganizationGate>): Promise<RunId[]> {
  return await runInDurableObject(gate, (_object, state) =>
    state.storage.sql
      .exec<{ run_id: RunId }>("SELECT run_id FROM entries ORDER BY place")
      .toArray()
      .map(({ run_id }) => run_id),
  );
}

async function alarmOf(gate: DurableObjectStub<OrganizationGate>): Promise<number | null> {
  return await runInDurableObject(gate, (_object, state) => state.storage.getAlarm());
}

/** Makes all slots so old that their leases are over. */
async function age(gate: DurableObjectStub<OrganizationGate>): Promise<void> {
  await runInDurableObject(
    gate,
    (_object, state) => void state.storage.sql.exec("UPDATE entries SET admitted_at = admitted_at - ?", LEASE_MS),
  );
  await evictDurableObject(gate); // it reads them anew
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the gate", () => {
  it("tells the next run of its slot when another gives it back", async () => {
    const { gate, admit } = prepare();
    const [first, second, third] = newRuns(3) as [RunId, RunId, RunId];
    const asked = await standInForRuns(gate, existing(second, third));
    expect(await admit(first)).toEqual({ admitted: true });
    expect(await admit(second)).toEqual({ admitted: false, rejected: false, position: 1, reason: { type: "limit", limit: 1 } });
    expect(await admit(third)).toMatchObject({ position: 2 });
    await gate.release(first);
    await gate.release(first);
    await eventually(() => expect(asked).toEqual([`admit ${second}`]));
    expect(await admit(second)).toEqual({ admitted: true });
    expect(await gate.position(second)).toBeNull();
    expect(await gate.position(third)).toEqual({ position: 1, reason: { type: "limit", limit: 1 } });
    expect(await gate.describe()).toEqual({ limit: 1, atWork: 1, waiting: 1 });
  });

  it("passes over a run whose key is in use, and over the dead", async () => {
    const { gate, admit } = prepare();
    const [a, b, dead, c] = newRuns(4) as [RunId, RunId, RunId, RunId];
    const asked = await standInForRuns(gate, existing(b, c));
    await admit(a, { limit: 2, sequentialKey: "k" });
    const other = ids.next("run");
    await admit(other, { limit: 2 });
    expect(await admit(b, { limit: 2, sequentialKey: "k" })).toMatchObject({ position: 1, reason: { type: "sequential", runId: a } });
    await admit(dead, { limit: 2 });
    await admit(c, { limit: 2 });
    await gate.release(other);
    await eventually(() => expect(asked).toEqual([`admit ${dead}`, `admit ${c}`]));
    await eventually(async () => expect(await gate.describe()).toEqual({ limit: 2, atWork: 2, waiting: 1 }));
    await gate.release(a);
    await eventually(() => expect(asked.at(-1)).toBe(`admit ${b}`));
  });

  it("keeps nothing of a run that it rejects", async () => {
    const { gate, admit } = prepare();
    const [first, second] = newRuns(2) as [RunId, RunId];
    await admit(first);
    expect(await admit(second, { onLimit: "reject" })).toEqual({
      admitted: false,
      rejected: true,
      reason: { type: "limit", limit: 1 },
      retryAfterSeconds: 1,
    });
    await evictDurableObject(gate);
    expect(await gate.describe()).toEqual({ limit: 1, atWork: 1, waiting: 0 });
  });

  it("holds a run to a key that it tells later, also after an eviction", async () => {
    const { gate, admit } = prepare();
    const [first, second, third] = newRuns(3) as [RunId, RunId, RunId];
    const asked = await standInForRuns(gate, existing(second));
    for (const runId of [first, second, third]) expect(await admit(runId, { limit: 3 })).toEqual({ admitted: true });
    expect(await admit(first, { sequentialKey: "k" })).toEqual({ admitted: true });
    expect(await admit(second, { sequentialKey: "k" })).toEqual({
      admitted: false,
      rejected: false,
      position: 1,
      reason: { type: "sequential", runId: first },
    });
    expect(await admit(third, { sequentialKey: "k", onLimit: "reject" })).toMatchObject({ rejected: true });
    await evictDurableObject(gate);
    expect(await runsIn(gate)).toEqual([first, second]);
    expect(await gate.describe()).toEqual({ limit: 3, atWork: 1, waiting: 1 });
    await gate.release(first);
    await eventually(() => expect(asked).toEqual([`admit ${second}`]));
  });

  it("gives the slots of a raised limit to those who wait, with the next call", async () => {
    const { gate, admit } = prepare();
    const [first, second, third, fourth] = newRuns(4) as [RunId, RunId, RunId, RunId];
    const asked = await standInForRuns(gate, existing(second, third));
    for (const runId of [first, second, third]) await admit(runId);
    expect(await admit(fourth, { limit: 3 })).toMatchObject({ admitted: false, position: 1, reason: { type: "limit", limit: 3 } });
    await eventually(() => expect(asked).toEqual([`admit ${second}`, `admit ${third}`]));
    expect(await gate.describe()).toEqual({ limit: 3, atWork: 3, waiting: 1 });
  });

  it("knows everything after an eviction", async () => {
    const { gate, admit } = prepare();
    const [first, second, third, urgent] = newRuns(4) as [RunId, RunId, RunId, RunId];
    const asked = await standInForRuns(gate, existing(urgent, third));
    const forget = () => evictDurableObject(gate);
    await admit(first, { sequentialKey: "k" });
    await forget();
    expect(await admit(first)).toEqual({ admitted: true });
    await admit(second, { sequentialKey: "k" });
    await forget();
    await admit(third);
    await forget();
    expect(await gate.position(second)).toEqual({ position: 1, reason: { type: "sequential", runId: first } });
    expect(await admit(urgent, { priority: 1 })).toMatchObject({ position: 1 });
    await forget();
    await gate.release(second);
    await forget();
    await gate.release(first);
    await eventually(() => expect(asked).toEqual([`admit ${urgent}`]));
    await forget();
    await gate.release(urgent);
    await eventually(() => expect(asked.at(-1)).toBe(`admit ${third}`));
    expect(await gate.describe()).toEqual({ limit: 1, atWork: 1, waiting: 0 });
  });

  it("has decided nothing when it could not be written", async () => {
    const { gate, admit } = prepare();
    const [first, second] = newRuns(2) as [RunId, RunId];
    await standInForRuns(gate, existing(second));
    await admit(first);
    await admit(second);
    await runInDurableObject(gate, async (object, state) => {
      const { sql } = state.storage;
      const exec = sql.exec.bind(sql);
      const spy = vi.spyOn(sql, "exec").mockImplementation((query, ...bindings) => {
        if (query.startsWith("INSERT")) throw new Error("disk full");
        return exec(query, ...bindings);
      });
      await expect(object.release(first)).rejects.toThrow("disk full");
      await expect(object.admit({ runId: ids.next("run"), limit: 9, priority: 0, sequentialKey: null, onLimit: "queue" })).rejects.toThrow(
        "disk full",
      );
      spy.mockRestore();
    });
    expect(await gate.describe()).toEqual({ limit: 1, atWork: 1, waiting: 1 });
    expect(await runsIn(gate)).toEqual([first, second]);
    await gate.release(first);
    expect(await gate.position(second)).toBeNull();
  });

  it("does not take a slot back from a run that asked for it after it was thought dead", async () => {
    const { gate, admit } = prepare();
    const [first, other, slow, dead] = newRuns(4) as [RunId, RunId, RunId, RunId];
    let [maySay, hasSaid] = [false, false];
    const replies: [RunId, Reply][] = [
      [slow, () => vi.waitUntil(() => maySay).then(() => !(hasSaid = true))],
      [dead, () => vi.waitUntil(() => hasSaid).then(() => false)],
    ];
    const asked = await standInForRuns(gate, new Map(replies));
    for (const runId of [first, other, slow, dead]) await admit(runId, { limit: 2 });
    await gate.release(first);
    await eventually(() => expect(asked).toEqual([`admit ${slow}`]));
    expect(await admit(slow, { limit: 2 })).toEqual({ admitted: true });
    maySay = true;
    await gate.release(other);
    await eventually(async () => expect(await runsIn(gate)).not.toContain(dead));
    expect(await runsIn(gate)).toEqual([slow]);
  });

  it("holds the slot of a run that could not be told until that asks by itself", async () => {
    const { gate, admit } = prepare();
    const [first, second, third] = newRuns(3) as [RunId, RunId, RunId];
    const logged = vi.spyOn((await engineOf(gate)).log, "error").mockImplementation(() => {});
    await standInForRuns(gate, new Map([[second, () => Promise.reject(new Error("no answer"))]]));
    for (const runId of [first, second, third]) await admit(runId);
    await gate.release(first);
    await eventually(() => expect(logged).toHaveBeenCalledOnce());
    expect(await runsIn(gate)).toEqual([second, third]);
    expect(await admit(second)).toEqual({ admitted: true });
  });
});

describe("a lease", () => {
  it("ends for a run that never came to be or has ended, and not for one that lives", async () => {
    const { gate, admit } = prepare();
    const [dead, live, next] = newRuns(3) as [RunId, RunId, RunId];
    const asked = await standInForRuns(gate, existing(live, next));
    for (const runId of [dead, live, next]) await admit(runId, { limit: 2 });
    await age(gate);
    expect(await runDurableObjectAlarm(gate)).toBe(true);
    await eventually(() => expect(asked.toSorted()).toEqual([`admit ${next}`, `wake ${dead}`, `wake ${live}`].toSorted()));
    expect(await gate.describe()).toEqual({ limit: 2, atWork: 2, waiting: 0 });
    expect(await runsIn(gate)).toEqual([live, next]);
  });

  it("is not over before its time: a run that has just been admitted is not asked until the next alarm", async () => {
    const { gate, admit } = prepare();
    const asked = await standInForRuns(gate, new Map());
    await admit(ids.next("run"));
    expect(await runDurableObjectAlarm(gate)).toBe(true);
    expect(asked).toEqual([]);
    expect(await alarmOf(gate)).toBeGreaterThan(Date.now());
    expect(await gate.describe()).toMatchObject({ atWork: 1 });
  });

  it("is looked after by one alarm, which is set while runs are at work and not after", async () => {
    const { gate, admit } = prepare();
    const [first, second] = newRuns(2) as [RunId, RunId];
    await admit(first, { limit: 2 });
    const at = await alarmOf(gate);
    expect(at).toBeGreaterThan(Date.now());
    await evictDurableObject(gate);
    await admit(second, { limit: 2 });
    expect(await alarmOf(gate)).toBe(at);
    await gate.release(first);
    await gate.release(second);
    await runDurableObjectAlarm(gate);
    expect(await alarmOf(gate)).toBeNull();
  });

  it("is looked after again when the alarm was lost", async () => {
    const { gate, admit } = prepare();
    await admit(ids.next("run"));
    await runInDurableObject(gate, (_object, state) => void state.storage.deleteAlarm());
    await evictDurableObject(gate);
    await gate.describe();
    expect(await alarmOf(gate)).toBeGreaterThan(Date.now());
  });

  it("is looked after by an alarm that the runtime fires by itself after an eviction: the object knows its name there", async () => {
    const { gate, admit, organizationId } = prepare();
    const dead = ids.next("run");
    const find = vi.spyOn((await engineOf(gate)).runs, "get");
    await admit(dead);
    await runInDurableObject(gate, async (_object, state) => {
      state.storage.sql.exec("UPDATE entries SET admitted_at = 0");
      await state.storage.setAlarm(Date.now() + 300);
    });
    await evictDurableObject(gate);
    await eventually(() => expect(find.mock.calls).toEqual([[organizationId, dead]]));
    await eventually(async () => expect(await gate.describe()).toMatchObject({ atWork: 0 }));
  });
});

describe("what the gate costs", () => {
  /** Rows written by one call, indexes counted. */
  async function rowsWrittenBy(
    gate: DurableObjectStub<OrganizationGate>,
    call: (object: OrganizationGate) => Promise<unknown>,
  ): Promise<number> {
    return await runInDurableObject(gate, async (object, state) => {
      const exec = vi.spyOn(state.storage.sql, "exec");
      await call(object);
      const cursors = exec.mock.results.map(({ value }) => value as SqlStorageCursor<never>);
      exec.mockRestore();
      return cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
    });
  }

  it("is one row written for an admission, for a place in the queue, and for each change of them", async () => {
    const { gate } = prepare();
    const [first, second, third] = newRuns(3) as [RunId, RunId, RunId];
    await standInForRuns(gate, existing(second));
    const rows = (runId: RunId, more: Partial<AdmissionRequest> = {}) =>
      rowsWrittenBy(gate, (object) => object.admit({ runId, limit: 1, priority: 0, sequentialKey: "k", onLimit: "queue", ...more }));
    expect(await rows(first)).toBe(2); // and the limit, which is new
    expect(await rows(second)).toBe(1);
    expect(await rows(second)).toBe(0);
    expect(await rows(third, { onLimit: "reject" })).toBe(0);
    expect(await rowsWrittenBy(gate, (object) => object.release(first))).toBe(2); // the slot that is free, and who has it now
    expect(await rowsWrittenBy(gate, (object) => object.release(first))).toBe(0);
  });

  it("stays small with 1,000 runs in the queue, which then go through one after the other, in order", async () => {
    const { gate, admit } = prepare();
    const [first, ...runs] = newRuns(1_001) as [RunId, ...RunId[]];
    const high = (index: number) => index % 10 === 9;
    await admit(first);
    const positions: number[] = [];
    for (const [index, runId] of runs.entries()) {
      const answer = await admit(runId, { priority: high(index) ? 1 : 0, sequentialKey: index % 2 === 0 ? `key ${index % 20}` : null });
      if (!answer.admitted && !answer.rejected) positions.push(answer.position);
    }
    expect(positions).toEqual(runs.map((_, index) => (high(index) ? (index + 1) / 10 : index + 1)));
    expect(await gate.describe()).toEqual({ limit: 1, atWork: 1, waiting: 1_000 });
    expect(
      await rowsWrittenBy(gate, (object) =>
        object.admit({ runId: ids.next("run"), limit: 1, priority: 0, sequentialKey: null, onLimit: "queue" }),
      ),
    ).toBe(1);

    const find = vi.spyOn((await engineOf(gate)).runs, "get");
    await gate.release(first);
    await eventually(async () => expect(await gate.describe()).toEqual({ limit: 1, atWork: 0, waiting: 0 }));
    const asked = find.mock.calls.map(([, runId]) => runId);
    expect(asked.slice(0, 1_000)).toEqual([...runs.filter((_, index) => high(index)), ...runs.filter((_, index) => !high(index))]);
  });
});
