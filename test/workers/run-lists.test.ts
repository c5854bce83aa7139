import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { openDatabase } from "../../src/adapters/d1/database.ts";
import { createRunIndex } from "../../src/adapters/d1/runs.ts";
import { createIds } from "../../src/adapters/ids.ts";
import type { OrganizationId } from "../../src/domain/id.ts";
import type { RunProjection } from "../../src/domain/run/run-view.ts";
import { INDEX_ROW } from "../../src/domain/testing/index-row.ts";
import { eventually } from "../eventually.ts";
import { PATIENCE_S, UNTIL_IT_ENDS } from "../patience.ts";
import { asAdmin, createTenant, definition, nextOf, type Answer, type Tenant } from "./api.ts";
import { openBox } from "./receiver-client.ts";

const ids = createIds(Date.now);
const runIndex = createRunIndex(openDatabase(env.DB));

/** Puts finished runs into the history, the first the oldest. @returns their ids */
async function addHistory(tenant: Tenant, rows: readonly Partial<RunProjection>[]): Promise<string[]> {
  const history = rows.map((row, index): RunProjection => {
    const createdAt = Date.UTC(2026, 0, 1) + index * 60_000;
    return {
      ...INDEX_ROW,
      workflowRunId: ids.next("run"),
      organizationId: tenant.organizationId as OrganizationId,
      workflowPermanentId: "wpid_history",
      workflowId: "w_history",
      workflowTitle: "History",
      status: "completed",
      createdAt,
      startedAt: createdAt + 1_000,
      finishedAt: createdAt + 2_000,
      modifiedAt: createdAt + 2_000,
      seq: 9,
      ...row,
    };
  });
  await runIndex.upsert(history);
  return history.map(({ workflowRunId }) => workflowRunId);
}

async function createWorkflow(tenant: Tenant, json: object = definition()): Promise<string> {
  return (await tenant.call("POST", "/v1/workflows", { json_definition: json })).body.workflow_permanent_id;
}

const run = async (tenant: Tenant, body: object, seconds = PATIENCE_S) =>
  (await tenant.call("POST", "/v1/run/workflows", body, seconds > 0 ? { prefer: `wait=${seconds}` } : {})).body;
const idsIn = ({ body }: Answer): string[] =>
  body.map((item: { run_id?: string; workflow_run_id: string }) => item.run_id ?? item.workflow_run_id);
const waiting = { title: "Waits", workflow_definition: { blocks: [{ block_type: "wait", label: "w", wait_sec: 3600 }] } };

/** Skyvern's `TaskRunListItem`. */
const ITEM_FIELDS = [
  "task_run_id", "run_id", "task_run_type", "status", "title", "started_at", "finished_at", "created_at", "workflow_permanent_id", "workflow_deleted",
  "script_run", "trigger_type",
]; // prettier-ignore

/** Skyvern's `WorkflowRun`. */
const RUN_FIELDS = [
  "workflow_run_id", "workflow_id", "workflow_permanent_id", "organization_id", "browser_session_id", "browser_profile_id", "status", "proxy_location",
  "webhook_callback_url", "webhook_failure_reason", "failure_reason", "failure_category", "retried_from_workflow_run_id", "parent_workflow_run_id",
  "workflow_title", "run_with", "job_id", "depends_on_workflow_run_id", "sequential_key", "trigger_type", "workflow_schedule_id", "credits_used",
  "queued_at", "started_at", "finished_at", "created_at", "modified_at",
]; // prettier-ignore

/** Skyvern's `WorkflowRunResponseBase`, and the workflow. */
const STATUS_FIELDS = [
  "workflow_id", "workflow_run_id", "status", "failure_reason", "failure_category", "retried_from_workflow_run_id", "retried_by_workflow_run_id",
  "proxy_location", "webhook_callback_url", "webhook_failure_reason", "totp_verification_url", "totp_identifier", "extra_http_headers",
  "cdp_connect_headers", "queued_at", "started_at", "finished_at", "created_at", "modified_at", "parameters", "screenshot_urls", "recording_url",
  "recording_urls", "recording_archived", "downloaded_files", "downloaded_file_urls", "outputs", "total_steps", "total_cost", "credits_used",
  "cached_credits_used", "task_v2", "workflow_title", "browser_session_id", "browser_profile_id", "browser_seed_source", "browser_sink_profile_id",
  "max_screenshot_scrolls", "browser_address", "run_with", "script_run", "script_id", "errors", "agent_id", "agent_run_id", "workflow",
]; // prettier-ignore

describe("the history of runs", () => {
  it("has Skyvern's fields in both of its shapes, under workflows and agents", async () => {
    const tenant = await createTenant();
    const workflow_id = await createWorkflow(tenant);
    const { run_id } = await run(tenant, { workflow_id, parameters: { count: 1 } });
    const items = await eventually(async () => {
      const { body } = await tenant.call("GET", "/v1/runs?status=completed");
      expect(body).toHaveLength(1);
      return body;
    });
    expect(Object.keys(items[0])).toEqual(ITEM_FIELDS);
    expect(items[0]).toMatchObject({ run_id, task_run_type: "workflow_run", title: "Test", workflow_deleted: false, trigger_type: "api" });
    for (const path of ["/v1/agents/runs", "/v1/workflows/runs/", `/v1/agents/${workflow_id}/runs`, `/v1/workflows/${workflow_id}/runs`]) {
      const { body } = await tenant.call("GET", path);
      expect(body.map(Object.keys), path).toEqual([RUN_FIELDS]);
      expect(body[0]).toMatchObject({ workflow_run_id: run_id, organization_id: tenant.organizationId, status: "completed" });
    }
    await tenant.call("POST", `/v1/workflows/${workflow_id}/delete`);
    expect((await tenant.call("GET", "/v1/runs")).body).toMatchObject([{ run_id, workflow_deleted: true }]);
    expect(idsIn(await tenant.call("GET", `/v1/workflows/${workflow_id}/runs`))).toEqual([run_id]);
  });

  it("is walked from page to page by the Link header, without loss when runs come in between", async () => {
    const tenant = await createTenant();
    const history = await addHistory(
      tenant,
      Array.from({ length: 7 }, (_, index) => ({ status: index === 3 ? "failed" : "completed" })),
    );
    const seen: string[][] = [];
    for (let path: string | null = "/v1/runs?page=1&page_size=3"; path !== null;) {
      const page = await tenant.call("GET", path);
      expect([page.status, page.headers.get("x-total-count")]).toEqual([200, "7"]);
      seen.push(idsIn(page));
      path = nextOf(page);
      await addHistory(tenant, [{ createdAt: Date.UTC(2026, 6, 1) }]);
    }
    expect(seen.map(({ length }) => length)).toEqual([3, 3, 1]);
    expect(seen.flat()).toEqual(history.toReversed());
    const filtered = await tenant.call("GET", "/v1/agents/runs?status=failed&status=queued&page_size=1");
    expect([idsIn(filtered), nextOf(filtered), filtered.headers.get("x-total-count")]).toEqual([[history[3]], null, "1"]);
    expect(idsIn(await tenant.call("GET", "/v1/runs?page=3&page_size=4")).length).toBe(2);
  });

  it("is counted up to 10,000, and not further", async () => {
    const tenant = await createTenant();
    const rows = Array.from({ length: 10_000 }, (): Partial<RunProjection> => ({}));
    for (let from = 0; from < rows.length; from += 2_500) await addHistory(tenant, rows.slice(from, from + 2_500));
    const total = async () => (await tenant.call("GET", "/v1/runs")).headers.get("x-total-count");
    expect(await total()).toBe("10000");
    await addHistory(tenant, [{}]);
    expect(await total()).toBe("10000+");
    expect((await tenant.call("GET", nextOf(await tenant.call("GET", "/v1/runs"))!)).headers.get("x-total-count")).toBe("10000+");
  });

  it("is searched by the whole id of a run, and by a part of a title in any case", async () => {
    const tenant = await createTenant();
    const [prices, old, other] = await addHistory(tenant, [
      { workflowPermanentId: "wpid_prices", workflowTitle: "Read prices" },
      { workflowPermanentId: "wpid_old", workflowTitle: "OLD PRICES", status: "failed", errorCodes: ["GONE"] },
      { workflowTitle: "Other" },
    ]);
    const found = async (path: string) => idsIn(await tenant.call("GET", path));
    expect(await found("/v1/runs?search_key=PRIces")).toEqual([old, prices]);
    expect(await found("/v1/runs?search_key=prices&workflow_permanent_id=wpid_prices&workflow_permanent_id=wpid_history")).toEqual([
      prices,
    ]);
    expect(await found("/v1/runs?search_key=prices&status=failed")).toEqual([old]);
    expect(await found(`/v1/agents/runs?search_key=${other}`)).toEqual([other]);
    expect(await found(`/v1/agents/runs?search_key=${other}&status=failed`)).toEqual([]);
    expect(await found("/v1/agents/runs?error_code=GONE")).toEqual([old]);
    expect(await found("/v1/agents/runs?error_code=GONE&search_key=other")).toEqual([]);
    expect(await found("/v1/runs?search_key=nothing")).toEqual([]);
    const stranger = await createTenant();
    expect((await stranger.call("GET", `/v1/runs?search_key=${other}`)).body).toEqual([]);
    expect((await stranger.call("GET", "/v1/runs?search_key=prices")).body).toEqual([]);
  });

  it("of a workflow leaves out what other runs started, and is cut by time", async () => {
    const tenant = await createTenant();
    const [first, child, last] = await addHistory(tenant, [{}, { parentRunId: "wr_parent" }, {}]);
    const found = async (search: string) => idsIn(await tenant.call("GET", `/v1/agents/wpid_history/runs?${search}`));
    expect(await found("")).toEqual([last, first]);
    expect(await found("include_child_runs=true")).toEqual([last, child, first]);
    expect(await found("created_at_start=2026-01-01T00:01:00")).toEqual([last]);
    expect(await found("include_child_runs=true&created_at_end=2026-01-01T01:01:00%2B01:00")).toEqual([child, first]);
    expect(await found("created_at_start=2026-01-02")).toEqual([]);
  });

  it("keeps the codes of the errors that a run ended with", async () => {
    const box = await openBox({ status: 500 });
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const call = {
      block_type: "http_request",
      label: "call",
      url: box.url,
      error_code_mapping: { UPSTREAM_DOWN: "500" },
      retry: { max_attempts: 1 },
    };
    const workflow_id = await createWorkflow(tenant, { title: "Codes", workflow_definition: { blocks: [call] } });
    const { run_id } = await run(tenant, { workflow_id });
    await eventually(async () => expect(idsIn(await tenant.call("GET", "/v1/agents/runs?error_code=UPSTREAM_DOWN"))).toEqual([run_id]));
  });

  it("has nothing of other kinds of run", async () => {
    const tenant = await createTenant();
    const history = await addHistory(tenant, [{}]);
    expect((await tenant.call("GET", "/v1/runs?run_type=task_v2")).body).toEqual([]);
    expect(idsIn(await tenant.call("GET", "/v1/runs?run_type=task_v2&run_type=workflow_run"))).toEqual(history);
  });

  it.each([
    ["/v1/runs?search_key=ab", "search_key"],
    ["/v1/runs?status=done", "status[0]"],
    ["/v1/runs?run_type=robot", "run_type[0]"],
    ["/v1/runs?workflow_permanent_id=mine", "workflow_permanent_id[0]"],
    [`/v1/runs?${"workflow_permanent_id=wpid_1&".repeat(51)}`, "workflow_permanent_id"],
    ["/v1/runs?page=101", "page"],
    ["/v1/runs?page_size=101", "page_size"],
    ["/v1/runs?cursor=nonsense", "cursor"],
    [`/v1/runs?cursor=${btoa('[1,"wr_1"]')}`, "cursor"],
    [`/v1/agents/runs?cursor=${btoa('[1e400,"wr_1",1]')}`, "cursor"],
    ["/v1/runs?colour=red", "colour"],
    ["/v1/agents/wpid_1/runs?created_at_start=yesterday", "created_at_start"],
    ["/v1/agents/wpid_1/runs?created_at_end=2026-13-01T00:00:00", "created_at_end"],
  ])("names what is wrong with %s", async (path, fault) => {
    const tenant = await createTenant();
    const { status, body } = await tenant.call("GET", path);
    expect([status, body.errors.map((error: { path: string }) => error.path)]).toEqual([400, [fault]]);
  });

  it("refuses to merge more than it can in good time", async () => {
    const tenant = await createTenant();
    const workflows = Array.from({ length: 50 }, (_, index) => `workflow_permanent_id=wpid_${index}`).join("&");
    expect((await tenant.call("GET", `/v1/runs?${workflows}&page_size=100`)).status).toBe(200);
    expect(await tenant.call("GET", `/v1/runs?${workflows}&page=100&page_size=100`)).toMatchObject({
      status: 400,
      body: { errors: [{ path: "page", code: "too_large" }] },
    });
    await addHistory(
      tenant,
      Array.from({ length: 201 }, (_, index) => ({ workflowPermanentId: `wpid_${index}` as const })),
    );
    expect(await tenant.call("GET", "/v1/runs?search_key=history")).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining("more than 200 workflows") },
    });
  });

  it("of another organization's workflow, or of none, is a 404; of one that has not run it is empty", async () => {
    const [owner, stranger] = [await createTenant(), await createTenant()];
    const workflow_id = await createWorkflow(owner);
    expect(await owner.call("GET", `/v1/workflows/${workflow_id}/runs`)).toMatchObject({ status: 200, body: [] });
    await run(owner, { workflow_id, parameters: { count: 1 } });
    await eventually(async () => expect((await owner.call("GET", `/v1/workflows/${workflow_id}/runs`)).body).toHaveLength(1));
    for (const id of [workflow_id, "wpid_none", "none"])
      expect((await stranger.call("GET", `/v1/workflows/${id}/runs`)).status, id).toBe(404);
    for (const path of ["/v1/runs", "/v1/agents/runs", `/v1/runs?workflow_permanent_id=${workflow_id}`])
      expect((await stranger.call("GET", path)).body, path).toEqual([]);
  });
});

describe("the older status object", () => {
  it("has Skyvern's fields, with the workflow as it ran", async () => {
    const box = await openBox({ status: 410 });
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const workflow_id = await createWorkflow(tenant);
    const { run_id } = await run(tenant, { workflow_id, parameters: { count: "21" }, webhook_url: box.url, totp_identifier: "me" });
    await tenant.call("POST", `/v1/workflows/${workflow_id}`, { json_definition: definition("Second") });
    const again = (await tenant.call("POST", `/v1/workflows/runs/${run_id}/retry`, undefined, UNTIL_IT_ENDS)).body;
    await eventually(async () => {
      const { status, body } = await tenant.call("GET", `/v1/workflows/runs/${run_id}`);
      expect([status, Object.keys(body)]).toEqual([200, STATUS_FIELDS]);
      expect(body).toMatchObject({
        workflow_id,
        workflow_run_id: run_id,
        agent_run_id: run_id,
        status: "completed",
        parameters: { count: 21 },
        outputs: { first_output: { doubled: 42 } },
        webhook_callback_url: box.url,
        webhook_failure_reason: expect.stringContaining("410"),
        totp_identifier: "me",
        retried_by_workflow_run_id: again.run_id,
        errors: [],
        workflow: { workflow_permanent_id: workflow_id, version: 1, title: "Test" },
      });
      expect((await tenant.call("GET", `/v1/agents/runs/${run_id}`)).body).toEqual(body);
    });
  });

  it("is there for a template's run and for a start that was refused", async () => {
    const tenant = await createTenant();
    await asAdmin("PUT", "/templates/wpid_template_status", definition("Status"));
    const templated = await tenant.call(
      "POST",
      "/v1/run/workflows?template=true",
      { workflow_id: "wpid_template_status", parameters: { count: 3 } },
      UNTIL_IT_ENDS,
    );
    expect((await tenant.call("GET", `/v1/workflows/runs/${templated.body.run_id}`)).body).toMatchObject({
      status: "completed",
      workflow: { title: "Status", is_template: true },
    });
    const refused = await run(tenant, { workflow_id: await createWorkflow(tenant) });
    const { body } = await tenant.call("GET", `/v1/workflows/runs/${refused.run_id}`);
    expect(Object.keys(body)).toEqual(STATUS_FIELDS);
    expect(body).toMatchObject({ status: "invalid", outputs: null, parameters: null, workflow: { version: 1 } });
  });

  it("is a 404 for another organization, and for no run", async () => {
    const [owner, stranger] = [await createTenant(), await createTenant()];
    const { run_id } = await run(owner, { workflow_id: await createWorkflow(owner), parameters: { count: 1 } });
    for (const id of [run_id, "wr_none", "none"]) expect((await stranger.call("GET", `/v1/workflows/runs/${id}`)).status, id).toBe(404);
  });
});

describe("canceling several runs", () => {
  it("says of each whether it was canceled, and cancels no other organization's", async () => {
    const [owner, stranger] = [await createTenant(), await createTenant()];
    const workflow_id = await createWorkflow(owner, waiting);
    const [one, two] = [await run(owner, { workflow_id }, 0), await run(owner, { workflow_id }, 0)];
    const done = await run(owner, { workflow_id: await createWorkflow(owner), parameters: { count: 1 } });
    const foreign = await run(stranger, { workflow_id: await createWorkflow(stranger, waiting) }, 0);
    const run_ids = [one.run_id, two.run_id, one.run_id, done.run_id, foreign.run_id, "nonsense"];
    expect(await owner.call("POST", "/v1/runs/cancel", { run_ids })).toMatchObject({
      status: 200,
      body: { cancelled: [one.run_id, two.run_id], failed: [done.run_id, foreign.run_id, "nonsense"] },
    });
    expect((await owner.call("GET", `/v1/runs/${one.run_id}`)).body.status).toBe("canceled");
    expect((await stranger.call("GET", `/v1/runs/${foreign.run_id}`)).body.status).toBe("running");
    expect((await owner.call("POST", "/v1/runs/cancel", { run_ids: [] })).body).toEqual({ cancelled: [], failed: [] });
  });

  it("takes up to 100", async () => {
    const tenant = await createTenant();
    const run_ids = Array.from({ length: 101 }, (_, index) => `wr_${index}`);
    expect(await tenant.call("POST", "/v1/runs/cancel", { run_ids })).toMatchObject({
      status: 400,
      body: { errors: [{ path: "run_ids" }] },
    });
    expect((await tenant.call("POST", "/v1/runs/cancel", { run_ids: run_ids.slice(1) })).body.failed).toHaveLength(100);
  });
});
