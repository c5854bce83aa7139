import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createApiKeys } from "../../src/adapters/d1/api-keys.ts";
import { openDatabase } from "../../src/adapters/d1/database.ts";
import { createIdempotencyKeys } from "../../src/adapters/d1/idempotency-keys.ts";
import { createOrganizations } from "../../src/adapters/d1/organizations.ts";
import { createRunIndex } from "../../src/adapters/d1/runs.ts";
import { createWorkflows } from "../../src/adapters/d1/workflows.ts";
import { createIds } from "../../src/adapters/ids.ts";
import type { OrganizationId } from "../../src/domain/id.ts";
import type { RunIndexRow } from "../../src/domain/run-view.ts";
import { claim, IDEMPOTENCY_KEY_LIFETIME_MS, purgeIdempotencyKeys } from "../../src/services/idempotency.ts";

const ids = createIds(Date.now);
const runIndex = createRunIndex(openDatabase(env.DB));

function runOf(organizationId: OrganizationId, more: Partial<RunIndexRow> = {}): RunIndexRow {
  return {
    workflowRunId: ids.next("run"),
    organizationId,
    workflowPermanentId: "wpid_1",
    workflowId: "w_1",
    version: 1,
    workflowTitle: 'It\'s a "test"',
    status: "running",
    failureReason: null,
    triggerType: "api",
    createdAt: 1,
    queuedAt: null,
    startedAt: 2,
    finishedAt: null,
    modifiedAt: 3,
    seq: 1,
    ...more,
  };
}

describe("the run index", () => {
  it("keeps what was written last in the run's own order, whatever the order of arrival", async () => {
    const row = runOf(ids.next("organization"));
    const finished: RunIndexRow = { ...row, status: "failed", failureReason: "é", finishedAt: 9, seq: 5 };
    await runIndex.upsert([row]);
    expect(await runIndex.get(row.organizationId, row.workflowRunId)).toEqual(row);
    await runIndex.upsert([finished]);
    await runIndex.upsert([
      { ...row, seq: 4 },
      { ...finished, failureReason: "repeated" },
    ]);
    expect(await runIndex.get(row.organizationId, row.workflowRunId)).toEqual(finished);
    expect(await runIndex.get("o_other", row.workflowRunId)).toBeNull();
  });

  it("writes more rows at once than D1 binds parameters", async () => {
    const organizationId = ids.next("organization");
    const rows = Array.from({ length: 250 }, () => runOf(organizationId));
    await runIndex.upsert(rows);
    expect(await runIndex.list(organizationId, {}, { limit: 300, offset: 0 })).toEqual(rows.toReversed());
    await runIndex.upsert([]);
  });

  it("lists by status and workflow, newest first, by page and from a run on", async () => {
    const organizationId = ids.next("organization");
    const statuses = ["completed", "failed", "running", "completed", "failed", "queued"] as const;
    const rows = statuses.map((status, index) => runOf(organizationId, { status, workflowPermanentId: index < 4 ? "wpid_a" : "wpid_b" }));
    await runIndex.upsert(rows);
    const list = async (filter: Parameters<typeof runIndex.list>[1], page = { limit: 10, offset: 0 }) =>
      (await runIndex.list(organizationId, filter, page)).map(({ workflowRunId }) =>
        rows.findIndex((row) => row.workflowRunId === workflowRunId),
      );
    expect(await list({})).toEqual([5, 4, 3, 2, 1, 0]);
    expect(await list({}, { limit: 2, offset: 1 })).toEqual([4, 3]);
    expect(await list({ statuses: ["completed"] })).toEqual([3, 0]);
    expect(await list({ statuses: ["completed", "failed", "completed"] })).toEqual([4, 3, 1, 0]);
    expect(await list({ statuses: ["completed", "failed"] }, { limit: 2, offset: 1 })).toEqual([3, 1]);
    expect(await list({ statuses: [], workflowPermanentId: "wpid_a" })).toEqual([3, 2, 1, 0]);
    expect(await list({ statuses: ["failed", "queued"], workflowPermanentId: "wpid_b" })).toEqual([5, 4]);
    expect(await list({ before: rows[3]!.workflowRunId })).toEqual([2, 1, 0]);
    expect(await list({ before: rows[3]!.workflowRunId, statuses: ["completed", "failed"] })).toEqual([1, 0]);
  });

  it("finds the runs that have been still for too long, the stillest first", async () => {
    const organizationId = ids.next("organization");
    const [late, later, live, done] = [
      runOf(organizationId, { modifiedAt: -20 }),
      runOf(organizationId, { modifiedAt: -10 }),
      runOf(organizationId, { modifiedAt: 0 }),
      runOf(organizationId, { modifiedAt: -30, status: "completed", finishedAt: 5 }),
    ];
    await runIndex.upsert([later, live, late, done]);
    expect(await runIndex.unfinished(0, 10)).toEqual([late, later]);
    expect(await runIndex.unfinished(0, 1)).toEqual([late]);
  });
});

describe("idempotency keys", () => {
  const idempotencyKeys = createIdempotencyKeys(openDatabase(env.DB));
  const at = (now: number) => ({ idempotencyKeys, clock: { now: () => now } });
  const request = (organizationId: OrganizationId) => ({ organizationId, scope: "create_run", key: "k", requestHash: "h" });

  it("are free again after 24 hours, not before", async () => {
    const organizationId = ids.next("organization");
    const claimAt = (now: number, newId: string, requestHash = "h") => claim(at(now), { ...request(organizationId), requestHash, newId });
    expect(await claimAt(1000, "first")).toEqual({ resourceId: "first", replayed: false });
    expect(await claimAt(1000 + IDEMPOTENCY_KEY_LIFETIME_MS, "second")).toEqual({ resourceId: "first", replayed: true });
    await expect(claimAt(1001, "second", "other")).rejects.toMatchObject({ code: "idempotency_mismatch" });
    expect(await claimAt(1001 + IDEMPOTENCY_KEY_LIFETIME_MS, "second", "other")).toEqual({ resourceId: "second", replayed: false });
  });

  it("are purged when they are free again", async () => {
    const [old, young] = [ids.next("organization"), ids.next("organization")];
    await claim(at(1000), { ...request(old), newId: "old" });
    await claim(at(2000), { ...request(young), newId: "young" });
    expect(await purgeIdempotencyKeys(at(1001 + IDEMPOTENCY_KEY_LIFETIME_MS))).toBe(1);
    const { results } = await env.DB.prepare("select resource_id from idempotency_keys where organization_id in (?, ?)")
      .bind(old, young)
      .all();
    expect(results).toEqual([{ resource_id: "young" }]);
  });

  it("are counted by scope and organization", async () => {
    const organizationId = ids.next("organization");
    await claim(at(0), { ...request(organizationId), newId: "one" });
    expect(await claim(at(0), { ...request(organizationId), scope: "create_workflow", newId: "two" })).toMatchObject({ replayed: false });
    expect(await claim(at(0), { ...request(ids.next("organization")), newId: "three" })).toMatchObject({ replayed: false });
  });
});

/** The same database, with the statements that were sent to it, by text, and the parameters of each. */
function watched(d1: D1Database): { d1: D1Database; statements: ReadonlyMap<string, unknown[]> } {
  const statements = new Map<string, unknown[]>();
  const prepare = (text: string) => ({
    bind: (...parameters: unknown[]) => {
      statements.set(text, parameters);
      return d1.prepare(text).bind(...parameters);
    },
  });
  return { d1: { prepare, batch: d1.batch.bind(d1) } as unknown as D1Database, statements };
}

describe("every statement of the stores", () => {
  it("reads by an index: none walks a whole table, none sorts a list that an index has in order", async () => {
    const { d1, statements } = watched(env.DB);
    const db = openDatabase(d1);
    const organizationId = ids.next("organization");
    const page = { limit: 10, offset: 0 };
    const organizations = createOrganizations(db);
    await organizations.insert({
      organizationId,
      name: "n",
      allowedHosts: [],
      maxConcurrentRuns: 1,
      maxRunSeconds: 1,
      maxWorkflowBlocks: 1,
      sealedWebhookSecret: "s",
      createdAt: 1,
    });
    await organizations.get(organizationId);
    await organizations.update(organizationId, { name: "m" });
    const apiKeys = createApiKeys(db);
    await apiKeys.insert({ apiKeyId: ids.next("apiKey"), organizationId, prefix: "p", hash: "h", name: "n", createdAt: 1 });
    await apiKeys.findLive("p");
    await apiKeys.revoke(organizationId, ids.next("apiKey"), 1);
    const workflows = createWorkflows(db);
    const workflow = { organizationId, workflowPermanentId: ids.next("workflow"), title: "t", definition: { title: "t" }, createdAt: 1 };
    await workflows.create({ ...workflow, workflowId: ids.next("workflowVersion") });
    await workflows.addVersion({ ...workflow, workflowId: ids.next("workflowVersion") });
    await workflows.latestVersion(organizationId, workflow.workflowPermanentId);
    await workflows.version(organizationId, workflow.workflowPermanentId, 1);
    await workflows.versions(organizationId, workflow.workflowPermanentId, page);
    await workflows.list(organizationId, "", page);
    await workflows.list(organizationId, "t", page);
    await workflows.delete(organizationId, workflow.workflowPermanentId, 1);
    const runs = createRunIndex(db);
    await runs.upsert([runOf(organizationId)]);
    await runs.get(organizationId, ids.next("run"));
    for (const filter of [{}, { workflowPermanentId: workflow.workflowPermanentId }, { statuses: ["failed", "completed"] as const }]) {
      await runs.list(organizationId, filter, page);
      await runs.list(organizationId, { ...filter, before: ids.next("run") }, page);
    }
    await runs.unfinished(1, 10);
    const keys = createIdempotencyKeys(db);
    await keys.claim({ organizationId, scope: "s", key: "k", requestHash: "h", resourceId: "r", createdAt: 1 }, 0);
    await keys.purge(1, 10);

    expect(statements.size).toBeGreaterThan(25);
    for (const [text, parameters] of statements) {
      const { results } = await env.DB.prepare(`explain query plan ${text}`)
        .bind(...parameters)
        .all<{ detail: string }>();
      const walks = results.map(({ detail }) => detail).filter((detail) => /^SCAN (?!json_each)|TEMP B-TREE/.test(detail));
      expect(walks, text).toEqual([]);
    }
  });
});
