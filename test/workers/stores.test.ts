import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { createApiKeys } from "../../src/adapters/d1/api-keys.ts";
import { createBrowserProfiles } from "../../src/adapters/d1/browser-profiles.ts";
import { createBrowserSessions } from "../../src/adapters/d1/browser-sessions.ts";
import { createCredentials } from "../../src/adapters/d1/credentials.ts";
import { openDatabase } from "../../src/adapters/d1/database.ts";
import { createFileExpiries } from "../../src/adapters/d1/file-expiries.ts";
import { createFolders } from "../../src/adapters/d1/folders.ts";
import { createIdempotencyKeys } from "../../src/adapters/d1/idempotency-keys.ts";
import { createOrganizations } from "../../src/adapters/d1/organizations.ts";
import { createRunIndex } from "../../src/adapters/d1/runs.ts";
import { createTotpCodes } from "../../src/adapters/d1/totp-codes.ts";
import { createSchedules } from "../../src/adapters/d1/schedules.ts";
import { createWorkflows } from "../../src/adapters/d1/workflows.ts";
import { createIds } from "../../src/adapters/ids.ts";
import type { BrowserSessionFacts } from "../../src/domain/browser/browser-session.ts";
import type { FolderId, OrganizationId, RunId } from "../../src/domain/id.ts";
import type { RunProjection } from "../../src/domain/run/run-view.ts";
import type { Schedule } from "../../src/domain/schedule/schedule.ts";
import { INDEX_ROW } from "../../src/domain/testing/index-row.ts";
import { ORGANIZATION_SETTINGS } from "../../src/domain/testing/organization.ts";
import type { KeysetPage } from "../../src/ports/page.ts";
import type { RunFilter } from "../../src/ports/run-index.ts";
import type { WorkflowFilter } from "../../src/ports/workflows.ts";
import { claim, IDEMPOTENCY_KEY_LIFETIME_MS, purgeIdempotencyKeys } from "../../src/services/idempotency.ts";

const ids = createIds(Date.now);
const runIndex = createRunIndex(openDatabase(env.DB));

function runOf(organizationId: OrganizationId, more: Partial<RunProjection> = {}): RunProjection {
  return { ...INDEX_ROW, workflowRunId: ids.next("run"), organizationId, workflowTitle: 'It\'s a "test"', ...more };
}

/** What the index tells of a row. */
function listed(projection: RunProjection, workflowDeleted = false) {
  const { errorCodes: _errorCodes, ...row } = projection;
  return { ...row, workflowDeleted };
}

const FIRST_PAGE: KeysetPage<never> = { limit: 100, offset: 0, after: null, countUpTo: null };

describe("the run index", () => {
  it("keeps what was written last in the run's own order, whatever the order of arrival", async () => {
    const row = runOf(ids.next("organization"), {
      parentRunId: "wr_1",
      retriedFromRunId: "wr_2",
      webhookUrl: "https://a.example",
      sequentialKey: "k",
    });
    const finished: RunProjection = { ...row, status: "failed", failureReason: "é", finishedAt: 9, seq: 5 };
    await runIndex.upsert([row]);
    expect(await runIndex.get(row.organizationId, row.workflowRunId)).toEqual(listed(row));
    await runIndex.upsert([finished]);
    await runIndex.upsert([
      { ...row, seq: 4 },
      { ...finished, failureReason: "repeated" },
    ]);
    expect(await runIndex.get(row.organizationId, row.workflowRunId)).toEqual(listed(finished));
    expect(await runIndex.get("o_other", row.workflowRunId)).toBeNull();
  });

  it("gives what a refused start left up, whole, to the run that the same key starts later", async () => {
    const refused = runOf(ids.next("organization"), { status: "invalid", failureReason: "no count", finishedAt: 1, seq: 0 });
    const started: RunProjection = {
      ...refused,
      status: "running",
      failureReason: null,
      finishedAt: null,
      version: 2,
      createdAt: 7,
      seq: 1,
    };
    await runIndex.upsert([refused]);
    await runIndex.upsert([{ ...refused, createdAt: 5 }]);
    expect(await runIndex.get(refused.organizationId, refused.workflowRunId)).toEqual(listed(refused));
    await runIndex.upsert([started]);
    await runIndex.upsert([refused]);
    expect(await runIndex.get(refused.organizationId, refused.workflowRunId)).toEqual(listed(started));
  });

  it("writes more rows at once than D1 binds parameters", async () => {
    const organizationId = ids.next("organization");
    const rows = Array.from({ length: 250 }, () => runOf(organizationId));
    await runIndex.upsert(rows);
    const { runs } = await runIndex.list(organizationId, {}, { ...FIRST_PAGE, limit: 300 });
    expect(runs).toEqual(rows.toReversed().map((row) => listed(row)));
    await runIndex.upsert([]);
  });

  describe("lists", () => {
    const organizationId = ids.next("organization");
    const final = { finishedAt: 9 } as const;
    const rows = [
      runOf(organizationId, { createdAt: 10, status: "completed", workflowPermanentId: "wpid_a", workflowTitle: "Read prices", ...final }),
      runOf(organizationId, { createdAt: 20, status: "failed", workflowPermanentId: "wpid_a", errorCodes: ["DOWN", "SLOW"], ...final }),
      runOf(organizationId, { createdAt: 30, status: "running", workflowPermanentId: "wpid_a", parentRunId: "wr_1", errorCodes: ["DOWN"] }),
      runOf(organizationId, { createdAt: 40, status: "completed", workflowPermanentId: "wpid_a", errorCodes: ["DOWN"], ...final }),
      runOf(organizationId, { createdAt: 40, status: "failed", workflowPermanentId: "wpid_b", parentRunId: "wr_1", ...final }),
      runOf(organizationId, { createdAt: 50, status: "queued", workflowPermanentId: "wpid_b", workflowTitle: "READ all" }),
    ];
    // The ids are in another order than the times, as those of child runs can be.
    const order = [5, 0, 3, 1, 2, 4].map((place) => rows[place]!.workflowRunId).toSorted();
    const stored = rows.map((row, index) => ({ ...row, workflowRunId: order[(index + 3) % 6]! }));
    beforeAll(async () => await runIndex.upsert(stored));
    const sameMoment = [3, 4].toSorted((a, b) => (stored[a]!.workflowRunId < stored[b]!.workflowRunId ? 1 : -1));

    const list = async (filter: RunFilter, page: Partial<KeysetPage<RunId>> = {}) => {
      const found = await runIndex.list(organizationId, filter, { ...FIRST_PAGE, countUpTo: 100, ...page });
      return [found.runs.map(({ workflowRunId }) => stored.findIndex((row) => row.workflowRunId === workflowRunId)), found.count];
    };

    it.each<[what: string, RunFilter, expected: number[]]>([
      ["everything", {}, [5, ...sameMoment, 2, 1, 0]],
      ["one status", { statuses: ["completed"] }, [3, 0]],
      ["several statuses", { statuses: ["completed", "failed", "completed"] }, [...sameMoment, 1, 0]],
      ["no status", { statuses: [] }, []],
      ["one workflow", { workflowPermanentIds: ["wpid_a"] }, [3, 2, 1, 0]],
      ["one workflow without the runs that other runs started", { workflowPermanentIds: ["wpid_a"], includeChildren: false }, [3, 1, 0]],
      ["several workflows", { workflowPermanentIds: ["wpid_b", "wpid_a", "wpid_none"] }, [5, ...sameMoment, 2, 1, 0]],
      ["a workflow by status", { workflowPermanentIds: ["wpid_b"], statuses: ["failed", "queued"] }, [5, 4]],
      [
        "a workflow by one status, without children",
        { workflowPermanentIds: ["wpid_b"], statuses: ["failed"], includeChildren: false },
        [],
      ],
      ["a time, both ends included", { createdFrom: 20, createdUntil: 30 }, [2, 1]],
      ["a time of two workflows", { workflowPermanentIds: ["wpid_a", "wpid_b"], createdFrom: 40, createdUntil: 49 }, sameMoment],
      ["an error code, of runs that have ended", { errorCode: "DOWN" }, [3, 1]],
      ["an error code by status", { errorCode: "DOWN", statuses: ["failed"] }, [1]],
      [
        "an error code by workflow and time",
        { errorCode: "DOWN", workflowPermanentIds: ["wpid_a"], includeChildren: false, createdFrom: 30 },
        [3],
      ],
      ["an error code that is nowhere", { errorCode: "UP" }, []],
      ["an id", { workflowRunId: stored[1]!.workflowRunId }, [1]],
      ["an id with its error code and status", { workflowRunId: stored[1]!.workflowRunId, errorCode: "SLOW", statuses: ["failed"] }, [1]],
      ["an id with another error code", { workflowRunId: stored[1]!.workflowRunId, errorCode: "UP" }, []],
      ["an id with another workflow", { workflowRunId: stored[1]!.workflowRunId, workflowPermanentIds: ["wpid_b"] }, []],
    ])("by %s, in the order of creation, the same by page and from run to run", async (_, filter, expected) => {
      expect(await list(filter)).toEqual([expected, expected.length]);
      for (let offset = 0; offset <= expected.length; offset++)
        expect(await list(filter, { limit: 1, offset, countUpTo: null })).toEqual([expected.slice(offset, offset + 1), null]);
      for (const [place, index] of expected.entries())
        expect((await list(filter, { limit: 2, after: { at: stored[index]!.createdAt, id: stored[index]!.workflowRunId } }))[0]).toEqual(
          expected.slice(place + 1, place + 3),
        );
    });

    it("counts no further than it is asked to", async () => {
      for (const filter of [{}, { statuses: ["completed", "failed"] }, { errorCode: "DOWN" }] as const)
        expect((await list(filter, { countUpTo: 2 }))[1]).toBe(2);
    });

    it("finds workflows by the titles of their runs, in any case", async () => {
      expect(await runIndex.workflowsTitled(organizationId, "rEAd", 10)).toEqual(["wpid_b", "wpid_a"]);
      expect(await runIndex.workflowsTitled(organizationId, "read", 1)).toEqual(["wpid_b"]);
      expect(await runIndex.workflowsTitled(organizationId, "prices", 10)).toEqual(["wpid_a"]);
      expect(await runIndex.workflowsTitled(organizationId, "%", 10)).toEqual([]);
      expect(await runIndex.workflowsTitled("o_other", "read", 10)).toEqual([]);
    });
  });

  it("says of a run that its workflow was deleted, and by which run it was tried again", async () => {
    const organizationId = ids.next("organization");
    const workflows = createWorkflows(openDatabase(env.DB));
    const workflowPermanentId = ids.next("workflow");
    const first = runOf(organizationId, { workflowPermanentId });
    const [second, third] = [1, 2].map(() => runOf(organizationId, { workflowPermanentId, retriedFromRunId: first.workflowRunId }));
    await runIndex.upsert([first, second!, third!]);
    const workflow = {
      organizationId,
      workflowPermanentId,
      workflowId: ids.next("workflowVersion"),
      title: "t",
      definition: {},
      folderId: null,
      createdAt: 1,
    };
    await workflows.create(workflow);
    expect(await runIndex.get(organizationId, first.workflowRunId)).toEqual(listed(first));
    await workflows.delete(organizationId, workflowPermanentId, 1);
    expect(await runIndex.get(organizationId, first.workflowRunId)).toEqual(listed(first, true));
    expect(await runIndex.retriedBy(organizationId, first.workflowRunId)).toBe(third!.workflowRunId);
    expect(await runIndex.retriedBy(organizationId, third!.workflowRunId)).toBeNull();
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
    const found = async (turn: number, limit: number) =>
      (await runIndex.unfinished(0, turn, limit)).map(({ workflowRunId }) => workflowRunId);
    expect(await found(7, 10)).toEqual([late.workflowRunId, later.workflowRunId]);
    expect([await found(0, 1), await found(1, 1), await found(2, 1)]).toEqual([
      [late.workflowRunId],
      [later.workflowRunId],
      [late.workflowRunId],
    ]);
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
function watched(d1: D1Database): { d1: D1Database; statements: Map<string, unknown[]> } {
  const statements = new Map<string, unknown[]>();
  const prepare = (text: string) => ({
    bind: (...parameters: unknown[]) => {
      statements.set(text, parameters);
      return d1.prepare(text).bind(...parameters);
    },
  });
  return { d1: { prepare, batch: d1.batch.bind(d1) } as unknown as D1Database, statements };
}

/** Every combination of what a list of workflows can be asked for. */
function workflowFilters(folderId: FolderId): WorkflowFilter[] {
  const filters: WorkflowFilter[] = [];
  for (const statuses of [["draft"], ["published", "draft"]] as const)
    for (const kind of [{}, { isSavedTask: true }, { isSavedTask: false }])
      for (const template of [{}, { isTemplate: true } as const])
        for (const folder of [{}, { folderId }])
          for (const title of [{}, { title: "t" }]) filters.push({ statuses, ...kind, ...template, ...folder, ...title });
  return filters;
}

/** Does a line of a query plan walk a whole table that is stored? */
function isWalk(detail: string): boolean {
  return /^SCAN (?!coded\b|\(?subquery)/.test(detail) && !detail.includes("VIRTUAL TABLE");
}

function sessionOf(organizationId: OrganizationId, more: Partial<BrowserSessionFacts> = {}): BrowserSessionFacts {
  return {
    browserSessionId: ids.next("browserSession"),
    organizationId,
    status: "running",
    timeoutMinutes: 60,
    browserProfileId: null,
    generateProfile: false,
    runId: null,
    warning: null,
    createdAt: 1,
    startedAt: 1,
    completedAt: null,
    modifiedAt: 1,
    revision: 1,
    ...more,
  };
}

describe("the index of browser sessions", () => {
  it("keeps the latest revision, whatever the order of arrival, and lists those that are open apart", async () => {
    const organizationId = ids.next("organization");
    const sessions = createBrowserSessions(openDatabase(env.DB));
    const [older, newer] = [sessionOf(organizationId, { createdAt: 1 }), sessionOf(organizationId, { createdAt: 2 })];
    const ended: BrowserSessionFacts = { ...older, status: "timeout", completedAt: 9, revision: 3 };
    for (const row of [older, newer, ended, { ...older, runId: "wr_1", revision: 2 } as const]) await sessions.upsert(row);
    expect(await sessions.open(organizationId, 10)).toEqual([newer]);
    expect(await sessions.list(organizationId, { limit: 10, offset: 0 })).toEqual([newer, ended]);
    expect(await sessions.list(organizationId, { limit: 1, offset: 1 })).toEqual([ended]);
    expect(await sessions.list("o_other", { limit: 10, offset: 0 })).toEqual([]);
  });
});

describe("every statement of the stores", () => {
  it("reads by an index: none walks a whole table, none sorts a list that an index has in order", async () => {
    const { d1, statements } = watched(env.DB);
    const db = openDatabase(d1);
    const organizationId = ids.next("organization");
    const page = { limit: 10, offset: 0 };
    const organizations = createOrganizations(db);
    await organizations.insert({ ...ORGANIZATION_SETTINGS, organizationId, sealedWebhookSecret: "s", createdAt: 1 });
    await organizations.get(organizationId);
    await organizations.update(organizationId, { name: "m" });
    const apiKeys = createApiKeys(db);
    await apiKeys.insert({ apiKeyId: ids.next("apiKey"), organizationId, prefix: "p", hash: "h", name: "n", createdAt: 1 });
    await apiKeys.findLive("p");
    await apiKeys.revoke(organizationId, ids.next("apiKey"), 1);
    const workflows = createWorkflows(db);
    const folders = createFolders(db);
    const folder = { folderId: ids.next("folder"), organizationId, title: "f", description: null, createdAt: 1, modifiedAt: 1 };
    await folders.create(folder);
    await folders.get(organizationId, folder.folderId);
    await folders.getEver(organizationId, folder.folderId);
    await folders.update(organizationId, folder.folderId, { title: "g" }, 2);
    for (const title of ["", "f"]) {
      await folders.list(organizationId, title, { ...page, after: null, countUpTo: 100 });
      await folders.list(organizationId, title, { ...page, after: { at: 2, id: folder.folderId }, countUpTo: null });
    }
    const workflow = {
      organizationId,
      workflowPermanentId: ids.next("workflow"),
      title: "t",
      definition: { title: "t" },
      folderId: folder.folderId,
      createdAt: 1,
    };
    await workflows.create({ ...workflow, workflowId: ids.next("workflowVersion") });
    await workflows.addVersion({ ...workflow, workflowId: ids.next("workflowVersion") });
    await workflows.addVersion({ ...workflow, folderId: null, workflowId: ids.next("workflowVersion") });
    await workflows.head(organizationId, workflow.workflowPermanentId);
    await workflows.version(organizationId, workflow.workflowPermanentId, 1);
    await workflows.versions(organizationId, workflow.workflowPermanentId, page);
    for (const filter of workflowFilters(folder.folderId)) {
      await workflows.list(organizationId, filter, { ...page, after: null, countUpTo: 100 });
      await workflows.list(organizationId, filter, { ...page, after: { at: 2, id: ids.next("workflow") }, countUpTo: null });
    }
    await workflows.setFolder(organizationId, workflow.workflowPermanentId, folder.folderId);
    await workflows.setFolder(organizationId, workflow.workflowPermanentId, null);
    await workflows.setTemplate(organizationId, workflow.workflowPermanentId, true);
    for (const deleteWorkflows of [false, true]) await folders.delete(organizationId, folder.folderId, { deleteWorkflows, at: 1 });
    await workflows.delete(organizationId, workflow.workflowPermanentId, 1);
    const runs = createRunIndex(db);
    await runs.upsert([runOf(organizationId, { finishedAt: 1, errorCodes: ["E"] })]);
    await runs.get(organizationId, ids.next("run"));
    await runs.workflowsTitled(organizationId, "t", 10);
    await runs.retriedBy(organizationId, ids.next("run"));
    const created = { createdFrom: 1, createdUntil: 2 };
    for (const workflowPermanentIds of [undefined, ["wpid_1"], ["wpid_1", "wpid_2"]] as const)
      for (const statuses of [undefined, ["failed"], ["failed", "completed"]] as const)
        for (const more of [{}, created, { includeChildren: false }, { errorCode: "E", ...created }, { workflowRunId: ids.next("run") }]) {
          const filter = { ...(workflowPermanentIds && { workflowPermanentIds }), ...(statuses && { statuses }), ...more };
          await runs.list(organizationId, filter, { ...page, after: null, countUpTo: 100 });
          await runs.list(organizationId, filter, { ...page, after: { at: 2, id: ids.next("run") }, countUpTo: null });
        }
    for (const after of [null, { at: 2, id: ids.next("run") }])
      await runs.list(organizationId, { browserSessionId: "pbs_1" }, { ...page, after, countUpTo: after === null ? 100 : null });
    await runs.unfinished(1, 0, 10);
    const sessions = createBrowserSessions(db);
    await sessions.upsert(sessionOf(organizationId));
    await sessions.open(organizationId, 10);
    await sessions.list(organizationId, page);
    const profiles = createBrowserProfiles(db);
    const profile = { organizationId, browserProfileId: ids.next("browserProfile"), name: "n", description: null } as const;
    await profiles.insert({ ...profile, source: "storage_state", cookieCount: 1, originCount: 1, createdAt: 1, modifiedAt: 1 });
    await profiles.get(organizationId, profile.browserProfileId);
    await profiles.list(organizationId, page);
    await profiles.update(organizationId, profile.browserProfileId, { name: "m" }, 2);
    await profiles.usage(organizationId, profile.browserProfileId, 10);
    await profiles.delete(organizationId, profile.browserProfileId, 3);
    const schedules = createSchedules(db);
    const schedule: Schedule = {
      scheduleId: ids.next("schedule"),
      organizationId,
      workflowPermanentId: workflow.workflowPermanentId,
      cronExpression: "0 0 * * *",
      timezone: "UTC",
      enabled: true,
      parameters: {},
      name: null,
      description: null,
      onMissed: "skip",
      apiOrigin: "https://a.test",
      nextFireAt: 1,
      lastFireAt: null,
      lastRunId: null,
      lastError: null,
      createdAt: 1,
      modifiedAt: 1,
    };
    await schedules.create(schedule, 10);
    await schedules.get(organizationId, workflow.workflowPermanentId, schedule.scheduleId);
    for (const filter of [{}, { enabled: true, search: "t" }, { workflowPermanentId: workflow.workflowPermanentId }])
      await schedules.list(organizationId, filter, page);
    await schedules.update(schedule, { enabled: false, nextFireAt: null }, 1);
    await schedules.due(1, 10);
    await schedules.settle(schedule, { nextFireAt: 2, lastFireAt: 1, lastRunId: null, lastError: null });
    await schedules.postpone(schedule, 2, "e");
    await schedules.delete(organizationId, workflow.workflowPermanentId, schedule.scheduleId, 1);
    const keys = createIdempotencyKeys(db);
    await keys.claim({ organizationId, scope: "s", key: "k", requestHash: "h", resourceId: "r", createdAt: 1 }, 0);
    await keys.release({ organizationId, scope: "s", key: "k", resourceId: "r" });
    await keys.purge(1, 10);
    const credentials = createCredentials(openDatabase(d1));
    const credential = { organizationId, credentialId: "cred_1", name: "n", credentialType: "secret", shown: {}, settings: {} } as const;
    await credentials.insert({ ...credential, sealed: "s", createdAt: 1, modifiedAt: 1 });
    await credentials.get(organizationId, "cred_1");
    await credentials.existing(organizationId, ["cred_1", "cred_2"]);
    for (const filter of [{}, { credentialType: "secret", search: "n" }] as const)
      await credentials.list(organizationId, filter, { limit: 10, offset: 0 });
    await credentials.update(organizationId, "cred_1", { name: "m" }, 2);
    await credentials.delete(organizationId, "cred_1", 3);
    const codes = createTotpCodes(openDatabase(d1));
    const none = { workflowId: null, workflowRunId: null, taskId: null, source: null, type: null, usedAt: null };
    await codes.insert({ organizationId, totpCodeId: "otp_1", totpIdentifier: "ann", sealed: "s", createdAt: 1, expiresAt: 9, ...none });
    for (const filter of [{}, { totpIdentifier: "ann" }]) await codes.list(organizationId, filter, 1, { limit: 10, offset: 0 });
    await codes.take(organizationId, { totpIdentifier: "ann", workflowId: "wpid_1", workflowRunId: "wr_1" }, 2);
    await codes.purge(10, 10);
    const expiries = createFileExpiries(db);
    await expiries.add({ organizationId, fileId: ids.next("file"), expiresAt: 1 });
    await expiries.expired(1, 10);
    await expiries.forget(1, 10);

    expect(statements.size).toBeGreaterThan(25);
    for (const [text, parameters] of statements) {
      const { results } = await env.DB.prepare(`explain query plan ${text}`)
        .bind(...parameters)
        .all<{ detail: string }>();
      // Tables made of a parameter, and what a subquery has limited, are walked; several lists that are in order are merged by sorting.
      const merges = /as branch|as coded/.test(text);
      const walks = results.map(({ detail }) => detail).filter((detail) => isWalk(detail) || (!merges && detail.includes("TEMP B-TREE")));
      expect(walks, text).toEqual([]);
    }
  });

  it("reads as many rows for a page of runs, however many runs there are", async () => {
    const { d1, statements } = watched(env.DB);
    const index = createRunIndex(openDatabase(d1));
    const organizationId = ids.next("organization");
    const statuses = ["failed", "completed", "running"] as const;
    const add = (from: number, count: number) =>
      index.upsert(
        Array.from({ length: count }, (_, offset) => {
          const number = from + offset;
          const ended = { errorCodes: ["E"], finishedAt: 1 };
          const [status, workflowPermanentId] = [statuses[number % 3]!, `wpid_${number % 5}`] as const;
          return runOf(organizationId, { createdAt: number, status, workflowPermanentId, ...(number % 2 === 0 ? ended : {}) });
        }),
      );
    const pages = async () => {
      const costs: Record<string, number> = {};
      for (const workflowPermanentIds of [undefined, ["wpid_1"], ["wpid_1", "wpid_2"]] as const)
        for (const status of [undefined, ["failed"], ["failed", "completed"]] as const)
          for (const more of [{}, { createdFrom: 100, createdUntil: 400 }, { includeChildren: false }])
            for (const after of [null, { at: 300, id: "wr_1" }] as const) {
              const filter = { ...(workflowPermanentIds && { workflowPermanentIds }), ...(status && { statuses: status }), ...more };
              statements.clear();
              await index.list(organizationId, filter, { limit: 10, offset: 0, after, countUpTo: 20 });
              for (const [text, parameters] of statements) {
                const { meta } = await env.DB.prepare(text)
                  .bind(...parameters)
                  .all();
                costs[`${JSON.stringify([filter, after])} ${text.slice(0, 20)}`] = meta.rows_read;
              }
            }
      return costs;
    };
    await add(0, 600);
    const few = await pages();
    await add(600, 2_400);
    expect(await pages()).toEqual(few);
    expect(Object.values(few).every((rows) => rows > 0 && rows < 300)).toBe(true);
  });

  it("reads as many rows for a page of workflows, however many there are that the filter leaves out or the page leaves behind", async () => {
    const { d1, statements } = watched(env.DB);
    const workflows = createWorkflows(openDatabase(d1));
    const organizationId = ids.next("organization");
    const folderId = ids.next("folder");
    /** Of every kind, in turn. */
    const add = async (from: number, to: number) => {
      const numbers = "with recursive numbers(n) as (select ?1 union all select n + 1 from numbers where n < ?2 - 1)";
      await env.DB.batch([
        env.DB.prepare(
          `${numbers} insert into workflows (workflow_permanent_id, organization_id, latest_version, title, status, is_saved_task, is_template, folder_id,
            created_at, modified_at) select 'wpid_' || n, ?3, 1, 't', iif(n % 2, 'published', 'draft'), n % 3 = 0, n % 4 < 2, iif(n % 5 < 2, ?4, null), n, n from numbers`,
        ).bind(from, to, organizationId, folderId),
        env.DB.prepare(
          `${numbers} insert into workflow_versions (workflow_id, workflow_permanent_id, organization_id, version, definition, created_at)
          select 'w_' || n, 'wpid_' || n, ?3, 1, '{}', n from numbers`,
        ).bind(from, to, organizationId),
      ]);
    };
    const costs = async () => {
      const rows: Record<string, number[]> = {};
      for (const filter of workflowFilters(folderId).filter(({ title }) => title === undefined))
        for (const after of [null, { at: 100, id: "wpid_1" }] as const) {
          statements.clear();
          const { workflows: found } = await workflows.list(organizationId, filter, { limit: 3, offset: 0, after, countUpTo: 3 });
          expect(found, JSON.stringify(filter)).toHaveLength(3);
          const sent = await env.DB.batch([...statements].map(([text, parameters]) => env.DB.prepare(text).bind(...parameters)));
          rows[JSON.stringify([filter, after])] = sent.map(({ meta }) => meta.rows_read);
        }
      return rows;
    };
    await add(0, 400);
    const few = await costs();
    await add(400, 2_000);
    expect(await costs()).toEqual(few);
    expect(Object.entries(few).filter(([, counts]) => counts.length !== 2 || counts.some((count) => count === 0 || count >= 100))).toEqual(
      [],
    );
  });
});
