import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createIds } from "../../src/adapters/ids.ts";
import { composeEngine, type EngineDeps } from "../../src/compose.ts";
import { BrowserUnavailable, PageError } from "../../src/domain/browser/browser.ts";
import type { BrowserHolder } from "../../src/domain/browser/browser-queue.ts";
import type { OrganizationId } from "../../src/domain/id.ts";
import type { BrowserPool } from "../../src/engine/pool/browser-pool-object.ts";
import type { PlatformLimits } from "../../src/ports/browser-platform.ts";
import { eventually } from "../eventually.ts";

const ids = createIds(Date.now);
const WISH = { keepAliveMs: 60_000, onlyHosts: null };
const AGED_MS = 3_600_000;

type Stub = DurableObjectStub<BrowserPool>;
type Reply = () => Promise<boolean>;

/** A pool of the test's own, on a platform that the test plays: real browsers are in the tests with a browser. */
async function prepare(maxConcurrent: number) {
  const pool: Stub = env.BROWSER_POOL.get(env.BROWSER_POOL.newUniqueId());
  const { platform, holders } = await engineOf(pool);
  const running = new Set<string>();
  const replies = new Map<string, Reply>();
  const [asked, closed]: [string[], string[]] = [[], []];
  const limits: { -readonly [Name in keyof PlatformLimits]: PlatformLimits[Name] } = {
    maxConcurrent,
    activeSessionIds: [],
    nextAcquisitionInMs: 0,
  };
  const acquire = vi.spyOn(platform, "acquire").mockImplementation(async () => {
    const sessionId = `s${ids.next("run").slice(-6)}`;
    running.add(sessionId);
    return sessionId;
  });
  vi.spyOn(platform, "limits").mockImplementation(async () => limits);
  vi.spyOn(platform, "list").mockImplementation(async () => [...running].map((sessionId) => ({ sessionId, connected: false })));
  vi.spyOn(platform, "close").mockImplementation(async (sessionId) => {
    closed.push(sessionId);
    running.delete(sessionId);
  });
  vi.spyOn(holders, "get").mockImplementation(({ id }) => {
    const reply = (question: string) => async () => {
      asked.push(`${question} ${id}`);
      return (await replies.get(id)?.()) ?? true;
    };
    return { browserFree: reply("browserFree"), wantsBrowser: reply("wantsBrowser") };
  });
  return { pool, running, replies, asked, closed, limits, acquire };
}

async function engineOf(pool: Stub): Promise<EngineDeps> {
  return await runInDurableObject(pool, (object: BrowserPool) => composeEngine(object["env"]));
}

const holder = (id: string, organizationId: OrganizationId = "o_1"): BrowserHolder => ({
  kind: "run",
  organizationId: organizationId,
  id,
});

/** Has one opened. @returns its session id */
async function open(pool: Stub, id: string): Promise<string> {
  const answer = await pool.acquire(holder(id), WISH);
  if (answer.outcome !== "acquired") throw new Error(`${id} did not get a browser: ${JSON.stringify(answer)}`);
  return answer.sessionId;
}

/** Makes all that was asked for and opened so old that every time is over. */
async function age(pool: Stub): Promise<void> {
  await runInDurableObject(pool, (_object, { storage }) => {
    storage.sql.exec("UPDATE places SET granted_at = granted_at - ?1, opened_at = opened_at - ?1", AGED_MS);
    storage.sql.exec("UPDATE opened SET opened_at = opened_at - ?", AGED_MS);
  });
  await evictDurableObject(pool); // it reads them anew
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the pool of browsers", () => {
  it("opens them for as many as may have one, and tells the others of their turn in the order of asking", async () => {
    const { pool, asked, acquire } = await prepare(2);
    const [a] = [await open(pool, "a"), await open(pool, "b")];
    expect(await pool.acquire(holder("c", "o_2"), WISH)).toMatchObject({ outcome: "waiting", position: 1 });
    expect(await pool.acquire(holder("d"), WISH)).toMatchObject({ outcome: "waiting", position: 2 });
    expect(await pool.acquire(holder("c", "o_2"), WISH)).toMatchObject({ outcome: "waiting", position: 1 });
    expect(acquire).toHaveBeenCalledTimes(2);
    expect(await pool.describe("o_1")).toMatchObject({
      limit: 2,
      inUse: 2,
      waiting: 2,
      own: [{ holder: { id: "a" }, position: null }, { holder: { id: "b" } }, { holder: { id: "d" }, position: 2, grantedAt: null }],
    });
    await pool.release(holder("a"), a);
    await eventually(() => expect(asked).toEqual(["browserFree c"]));
    expect(await pool.position(holder("d"))).toBe(1);
    expect(await pool.acquire(holder("c", "o_2"), WISH)).toMatchObject({ outcome: "acquired" });
  });

  it("passes the turn on from one that wants it no more", async () => {
    const { pool, asked, replies } = await prepare(1);
    const a = await open(pool, "a");
    for (const id of ["gone", "b"]) await pool.acquire(holder(id), WISH);
    replies.set("gone", async () => false);
    await pool.release(holder("a"), a);
    await eventually(() => expect(asked).toEqual(["browserFree gone", "browserFree b"]));
    expect(await pool.acquire(holder("b"), WISH)).toMatchObject({ outcome: "acquired" });
  });

  it("tells one again that does not come", async () => {
    const { pool, asked } = await prepare(1);
    const a = await open(pool, "a");
    await pool.acquire(holder("b"), WISH);
    await pool.release(holder("a"), a);
    await eventually(() => expect(asked).toEqual(["browserFree b"]));
    await age(pool);
    await runDurableObjectAlarm(pool);
    await eventually(() => expect(asked).toEqual(["browserFree b", "browserFree b"]));
  });

  it("opens another in the same slot for a holder whose last one is of no use, and one for two calls at once", async () => {
    const { pool, acquire } = await prepare(1);
    const first = await open(pool, "a");
    const begun = Promise.withResolvers<string>();
    acquire.mockImplementationOnce(() => begun.promise);
    const asking = [open(pool, "a"), open(pool, "a")];
    await eventually(() => expect(acquire).toHaveBeenCalledTimes(2));
    begun.resolve("second");
    const second = "second";
    expect(await Promise.all(asking)).toEqual([second, second]);
    expect(acquire).toHaveBeenCalledTimes(2);
    await pool.release(holder("a"), first); // a word from before
    expect(await pool.acquire(holder("b"), WISH)).toMatchObject({ outcome: "waiting" });
    await pool.release(holder("a"), second);
    expect(await pool.describe("o_1")).toMatchObject({ inUse: 1, waiting: 0, own: [{ holder: { id: "b" } }] });
  });

  it("makes all wait when the platform refuses one, for as long as that says", async () => {
    const { pool, acquire, limits, asked } = await prepare(5);
    acquire.mockImplementationOnce(async () => {
      throw new BrowserUnavailable("429", { retryAfterMs: 700 });
    });
    const startedAt = Date.now();
    expect(await pool.acquire(holder("a"), WISH)).toMatchObject({ outcome: "waiting", position: 1 });
    expect(await pool.acquire(holder("b"), WISH)).toMatchObject({ outcome: "waiting", position: 2 });
    expect(acquire).toHaveBeenCalledTimes(1);
    limits.maxConcurrent = 1;
    await eventually(() => expect(asked[0]).toBe("browserFree a"));
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(700);
    expect(await pool.acquire(holder("a"), WISH)).toMatchObject({ outcome: "acquired" });
  });

  it("leaves to others of the account what they have", async () => {
    const { pool, limits } = await prepare(3);
    limits.activeSessionIds = ["other-1", "other-2"];
    await open(pool, "a");
    expect(await pool.acquire(holder("b"), WISH)).toMatchObject({ outcome: "waiting" });
    expect(await pool.describe("o_1")).toMatchObject({ limit: 1 });
  });

  it("keeps the slot of one whose browser did not start, which asks again or gives it back", async () => {
    const { pool, acquire } = await prepare(1);
    acquire.mockImplementationOnce(async () => {
      throw new PageError("no such file", { errorClass: "temporary" });
    });
    vi.spyOn((await engineOf(pool)).log, "error").mockImplementation(() => {});
    expect(await pool.acquire(holder("a"), WISH)).toEqual({ outcome: "failed", message: "no such file" });
    await pool.acquire(holder("b"), WISH);
    expect(await pool.acquire(holder("a"), WISH)).toMatchObject({ outcome: "acquired" });
  });

  it("closes a browser that was given back before it was open", async () => {
    const { pool, acquire, running } = await prepare(1);
    const begun = Promise.withResolvers<string>();
    acquire.mockImplementationOnce(() => begun.promise);
    const acquiring = pool.acquire(holder("a"), WISH);
    await eventually(() => expect(acquire).toHaveBeenCalled());
    await pool.release(holder("a"), null);
    running.add("late");
    begun.resolve("late");
    expect(await acquiring).toMatchObject({ outcome: "failed" });
    expect([...running]).toEqual([]);
  });

  it("knows everything after an eviction, and goes on", async () => {
    const { pool, asked } = await prepare(1);
    const a = await open(pool, "a");
    await evictDurableObject(pool);
    for (const id of ["b", "c"]) expect(await pool.acquire(holder(id), WISH)).toMatchObject({ outcome: "waiting" });
    await evictDurableObject(pool);
    expect(await pool.position(holder("c"))).toBe(2);
    await pool.release(holder("a"), a);
    await eventually(() => expect(asked).toEqual(["browserFree b"]));
  });

  it("has decided nothing when it could not be written", async () => {
    const { pool } = await prepare(1);
    const a = await open(pool, "a");
    await pool.acquire(holder("b"), WISH);
    await runInDurableObject(pool, async (object: BrowserPool, { storage: { sql } }) => {
      const exec = sql.exec.bind(sql);
      const spy = vi.spyOn(sql, "exec").mockImplementation((query, ...bindings) => {
        if (query.startsWith("INSERT")) throw new Error("disk full");
        return exec(query, ...bindings);
      });
      await expect(object.release(holder("a"), a)).rejects.toThrow("disk full");
      spy.mockRestore();
    });
    expect(await pool.describe("o_1")).toMatchObject({ inUse: 1, waiting: 1 });
    await pool.release(holder("a"), a);
    expect(await pool.position(holder("b"))).toBeNull();
  });
});

describe("a lease", () => {
  it("ends when its holder wants it no more, whose browser is closed then; and not before its time", async () => {
    const { pool, asked, replies, closed } = await prepare(3);
    const dead = await open(pool, "dead");
    await open(pool, "live");
    replies.set("dead", async () => false);
    await runDurableObjectAlarm(pool);
    expect(asked).toEqual([]);
    await age(pool);
    await open(pool, "new");
    await runDurableObjectAlarm(pool);
    await eventually(() => expect(asked.toSorted()).toEqual(["wantsBrowser dead", "wantsBrowser live"]));
    await eventually(() => expect(closed).toEqual([dead]));
    expect(await pool.describe("o_1")).toMatchObject({ inUse: 2 });
  });

  it("is looked after by an alarm, which is set while there are any and not after", async () => {
    const { pool } = await prepare(3);
    const alarm = () => runInDurableObject(pool, (_object, { storage }) => storage.getAlarm());
    const a = await open(pool, "a");
    expect(await alarm()).toBeGreaterThan(Date.now());
    await pool.release(holder("a"), a);
    await runDurableObjectAlarm(pool);
    expect(await alarm()).toBeNull();
  });
});

describe("the sweep", () => {
  it("closes what was opened here and is nobody's, and nothing else", async () => {
    const { pool, running, closed } = await prepare(5);
    running.add("another-service's");
    const [held, orphan] = [await open(pool, "a"), await open(pool, "b")];
    const replaced = await open(pool, "b");
    await pool.sweep();
    expect(closed).toEqual([]); // nothing is old enough to be sure of
    await age(pool);
    const young = await open(pool, "a");
    await pool.sweep();
    expect(closed.toSorted()).toEqual([held, orphan].toSorted());
    expect([...running].toSorted()).toEqual(["another-service's", replaced, young].toSorted());
    await pool.sweep();
    expect(closed).toHaveLength(2);
  });

  it("leaves a browser alone that somebody is connected to", async () => {
    const { pool, running, closed } = await prepare(5);
    const used = await open(pool, "a");
    await open(pool, "a");
    vi.spyOn((await engineOf(pool)).platform, "list").mockImplementation(async () =>
      [...running].map((sessionId) => ({ sessionId, connected: sessionId === used })),
    );
    await age(pool);
    await pool.sweep();
    expect(closed).toEqual([]);
  });

  it("frees the slot of a browser that is gone", async () => {
    const { pool, running, asked } = await prepare(1);
    const gone = await open(pool, "a");
    await pool.acquire(holder("b"), WISH);
    running.delete(gone);
    await pool.sweep();
    expect(asked).toEqual([]);
    await age(pool);
    await pool.sweep();
    await eventually(() => expect(asked).toEqual(["browserFree b"]));
  });
});
