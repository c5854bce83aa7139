import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { blockCatalog } from "../../src/blocks/registry.ts";
import type { WorkflowRun } from "../../src/engine/run/run-object.ts";
import type { RunEvent } from "../../src/domain/run/run.ts";
import { packPlan } from "../../src/domain/workflow/packed-plan.ts";
import { RUN_FACTS } from "../../src/domain/testing/facts.ts";
import { requireDefinition } from "../../src/domain/workflow/check-definition.ts";
import type { RunReport, RunStart } from "../../src/ports/run-objects.ts";
import { createIds } from "../../src/adapters/ids.ts";
import { PATIENCE_MS } from "../patience.ts";

const ids = createIds(Date.now);

/** A run object and what it is started with. */
function prepare(blocks: readonly object[], more: Partial<RunStart["facts"]> = {}) {
  const definition = { title: "Test", workflow_definition: { parameters: [], blocks } };
  const { plan } = requireDefinition(definition, blockCatalog);
  const facts: RunStart["facts"] = {
    ...RUN_FACTS,
    runId: ids.next("run"),
    organizationId: ids.next("organization"),
    workflowPermanentId: ids.next("workflow"),
    workflowId: ids.next("workflowVersion"),
    maxSeconds: 3600,
    admission: { limit: 100, priority: 0, sequentialKey: null },
    ...more,
  };
  const stub = env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${facts.organizationId}:${facts.runId}`));
  const start = (waitMs = 5_000, admitted = true): Promise<RunReport> =>
    stub.start({ facts, plan: packPlan(plan), admitted, browserState: null }, waitMs);
  return { facts, plan, stub, start };
}

async function journalOf(stub: DurableObjectStub<WorkflowRun>): Promise<RunEvent[]> {
  return await runInDurableObject(stub, (_object, state) =>
    state.storage.sql
      .exec<{ event: string }>("SELECT event FROM journal ORDER BY seq")
      .toArray()
      .map(({ event }) => JSON.parse(event) as RunEvent),
  );
}

const typesOf = (events: readonly RunEvent[]): string[] =>
  events.map((event) => ("path" in event ? `${event.type} ${event.path}` : event.type));
const set = (label: string, v: unknown = 1) => ({ block_type: "set", label, values: { v } });

describe("a run", () => {
  it("runs its blocks in order and writes each step down", async () => {
    const { stub, start } = prepare([set("a", 1), set("b", "{{ a_output.v + 1 }}")]);
    const report = await start();
    expect(JSON.parse(report.json)).toMatchObject({ status: "completed", output: { a_output: { v: 1 }, b_output: { v: 2 } } });
    expect(typesOf(await journalOf(stub))).toEqual([
      "run_created", "run_started", "block_started a", "block_completed a", "block_started b", "block_completed b", "run_ended",
    ]); // prettier-ignore
  });

  it("skips a block whose condition is false", async () => {
    const { start } = prepare([{ ...set("a"), condition: "{{ 1 > 2 }}" }, set("b", "{{ a_output }}")]);
    expect(JSON.parse((await start()).json)).toMatchObject({ status: "completed", output: { b_output: { v: null } } });
  });

  it("fails with the block's reason, and says which value is undefined", async () => {
    const { start } = prepare([set("a", 1), set("b", "{{ a_output.w }}")]);
    const report = JSON.parse((await start()).json);
    expect(report).toMatchObject({ status: "failed", failure_reason: `Block "b" (set) failed: values.v: 'a_output.w' is undefined` });
  });

  it("checks a field again when it has been filled in", async () => {
    const { start } = prepare([set("a", "soon"), { block_type: "wait", label: "w", wait_sec: "{{ a_output.v }}" }]);
    expect(JSON.parse((await start()).json).failure_reason).toMatch(/wait_sec: must be a number/);
  });

  it("is started once, however often it is asked to", async () => {
    const { stub, start } = prepare([set("a")]);
    await Promise.all([start(), start(), start()]);
    expect(typesOf(await journalOf(stub)).filter((type) => type === "run_created")).toHaveLength(1);
  });

  it("answers before the end when the wait is over", async () => {
    const { start } = prepare([{ block_type: "wait", label: "w", wait_sec: 3600 }]);
    expect((await start(10)).status).toBe("running");
  });

  it("leaves nothing behind when it is asked for and does not exist", async () => {
    const { stub } = prepare([set("a")]);
    expect(await stub.report(0)).toBeNull();
    expect(await stub.cancel("x")).toBeNull();
    const tables = await runInDurableObject(stub, (_object, state) =>
      state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
    );
    expect(tables).toEqual([]);
  });
});

describe("canceling", () => {
  it("ends a run that sleeps at once", async () => {
    const { stub, start } = prepare([{ block_type: "wait", label: "w", wait_sec: 3600 }, set("b")]);
    await start(10);
    expect(JSON.parse((await stub.cancel("asked"))!.json)).toMatchObject({ status: "canceled", failure_reason: "asked" });
    expect(typesOf(await journalOf(stub)).at(-1)).toBe("run_ended");
  });

  it("changes nothing about a run that has ended", async () => {
    const { stub, start } = prepare([set("a")]);
    await start();
    expect((await stub.cancel("late"))?.status).toBe("completed");
  });
});

describe("waking", () => {
  it("completes a block that slept when its time has come", async () => {
    const { stub, start } = prepare([{ block_type: "wait", label: "w", wait_sec: 0.05 }, set("b")]);
    expect((await start(PATIENCE_MS)).status).toBe("completed");
    expect(typesOf(await journalOf(stub))).toContain("block_slept w");
  });

  it("keeps sleeping through an eviction", async () => {
    const { stub, start } = prepare([{ block_type: "wait", label: "w", wait_sec: 1 }, set("b")]);
    await start(10);
    await evictDurableObject(stub);
    expect((await stub.report(PATIENCE_MS))?.status).toBe("completed");
  });

  it("runs a repeatable block again that was interrupted, as a new attempt", async () => {
    const { stub, start, facts, plan } = prepare([set("a"), set("b")]);
    await runInDurableObject(stub, (_object, state) => {
      const journal = [
        { type: "run_created", at: 1, facts, plan: packPlan(plan) },
        { type: "run_started", at: Date.now() },
        { type: "block_started", at: Date.now(), path: "a", attempt: 1 },
      ];
      state.storage.sql.exec("CREATE TABLE journal (seq INTEGER PRIMARY KEY, event TEXT NOT NULL, large TEXT) STRICT");
      for (const event of journal) state.storage.sql.exec("INSERT INTO journal (event) VALUES (?)", JSON.stringify(event));
    });
    await evictDurableObject(stub);
    expect((await start(PATIENCE_MS)).status).toBe("completed");
    expect(typesOf(await journalOf(stub))).toEqual([
      "run_created", "run_started", "block_started a", "block_interrupted a", "block_started a", "block_completed a", "block_started b", "block_completed b", "run_ended",
    ]); // prettier-ignore
  });

  it("takes up a run after an eviction by its alarm alone", async () => {
    const { stub, facts, plan } = prepare([set("a")]);
    await runInDurableObject(stub, (_object, state) => {
      state.storage.sql.exec("CREATE TABLE journal (seq INTEGER PRIMARY KEY, event TEXT NOT NULL, large TEXT) STRICT");
      for (const event of [
        { type: "run_created", at: 1, facts, plan: packPlan(plan) },
        { type: "run_started", at: Date.now() },
        { type: "block_started", at: Date.now(), path: "a", attempt: 1 },
      ]) {
        state.storage.sql.exec("INSERT INTO journal (event) VALUES (?)", JSON.stringify(event));
      }
      void state.storage.setAlarm(Date.now() + 60_000);
    });
    await evictDurableObject(stub);
    await runDurableObjectAlarm(stub);
    expect((await stub.report(PATIENCE_MS))?.status).toBe("completed");
  });
});
