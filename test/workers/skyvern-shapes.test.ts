import { exports } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { artifactSchema } from "../../src/domain/artifact-view-schema.ts";
import { workflowRunStatusSchema } from "../../src/domain/run/run-list-view-schema.ts";
import { runSchema } from "../../src/domain/run/run-view-schema.ts";
import { timelineEntrySchema } from "../../src/domain/run/timeline-view-schema.ts";
import { eventually } from "../eventually.ts";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { asAdmin, createTenant, definition, send, type Tenant } from "./api.ts";
import { openBox } from "./receiver-client.ts";

/** The fields of Skyvern's objects (1.0.50), every one of them, and ours besides: what the API answers has these and no others. */
const fields = (text: string) => text.trim().split(/\s+/);

const RUN =
  fields(`run_id status output downloaded_files recording_url recording_archived screenshot_urls failure_reason created_at modified_at
  queued_at started_at finished_at app_url browser_session_id browser_profile_id max_screenshot_scrolls script_run errors step_count run_type run_with
  ai_fallback script_id browser_seed_source run_request`);
const OUR_RUN =
  fields(`workflow_permanent_id workflow_id version workflow_title parameters browser_source browser_address webhook_callback_url retried_from_workflow_run_id
  retried_by_workflow_run_id parent_workflow_run_id trigger_type warnings
  workflow_schedule_id`);
const RUN_REQUEST =
  fields(`workflow_id parameters title proxy_location webhook_url totp_url totp_identifier browser_session_id reuse_browser_session
  browser_profile_id start_fresh_browser max_screenshot_scrolls max_elapsed_time_minutes extra_http_headers cdp_connect_headers browser_address ai_fallback
  run_with run_metadata`);
const RUN_STATUS =
  fields(`workflow_id workflow_run_id status failure_reason failure_category retried_from_workflow_run_id retried_by_workflow_run_id
  proxy_location webhook_callback_url webhook_failure_reason totp_verification_url totp_identifier extra_http_headers cdp_connect_headers queued_at started_at
  finished_at created_at modified_at parameters screenshot_urls recording_url recording_urls recording_archived downloaded_files downloaded_file_urls outputs
  total_steps total_cost credits_used cached_credits_used task_v2 workflow_title browser_session_id browser_profile_id browser_seed_source
  browser_sink_profile_id max_screenshot_scrolls browser_address run_with script_run script_id errors agent_id agent_run_id`);
const RUN_LIST_ITEM =
  fields(`task_run_id run_id task_run_type status title started_at finished_at created_at workflow_permanent_id workflow_deleted
  script_run trigger_type`);
const WORKFLOW_RUN =
  fields(`workflow_run_id workflow_id workflow_permanent_id organization_id browser_session_id browser_profile_id status proxy_location
  webhook_callback_url webhook_failure_reason failure_reason failure_category retried_from_workflow_run_id parent_workflow_run_id workflow_title run_with
  job_id depends_on_workflow_run_id sequential_key trigger_type workflow_schedule_id credits_used queued_at started_at finished_at created_at modified_at`);
const TIMELINE = fields("type block thought children created_at modified_at");
const BLOCK =
  fields(`workflow_run_block_id block_workflow_run_id workflow_run_id organization_id description parent_workflow_run_block_id block_type label
  status output continue_on_failure failure_reason error_codes engine task_id url final_url navigation_goal navigation_payload data_extraction_goal data_schema
  terminate_criterion complete_criterion actions include_action_history_in_verification include_extracted_text duration loop_values current_value
  current_index recipients attachments subject body prompt instructions positive_descriptor negative_descriptor executed_branch_id
  executed_branch_expression executed_branch_result executed_branch_next_block script_run downloaded_file_count created_at modified_at`);
const OUR_BLOCK = fields("path attempt started_at finished_at outcome retry_at waiting_for queue_position artifact_ids failure_evidence");
const ARTIFACT =
  fields(`artifact_id artifact_type uri bundle_key checksum file_size task_id step_id workflow_run_id workflow_run_block_id run_id
  browser_session_id observer_cruise_id observer_thought_id ai_suggestion_id signed_url archived organization_id created_at modified_at`);
const OUR_ARTIFACT = fields("file_name content_type");
const FILE_INFO = fields("url checksum filename file_size modified_at artifact_id");
const WEBHOOK_REPLAY = fields(
  `run_id run_type default_webhook_url target_webhook_url payload headers status_code latency_ms response_body error`,
);

const sorted = (names: Iterable<string>) => [...names].toSorted();
const keysOf = (value: object) => sorted(Object.keys(value));

/** What the official client sends with every request. */
const CLIENT_HEADERS = {
  "X-Fern-Language": "JavaScript",
  "X-Fern-SDK-Name": "@skyvern/client",
  "X-Fern-SDK-Version": "1.0.47",
  "X-Fern-Runtime": "node",
  "X-Fern-Runtime-Version": "24.0.0",
  "User-Agent": "@skyvern/client/1.0.47",
};
/** Its newer versions say agent, its older ones workflow. */
const VINTAGES = [
  { base: "/v1/agents", run: "/v1/run/agents", id: "agent_id" },
  { base: "/v1/workflows", run: "/v1/run/workflows", id: "workflow_id" },
] as const;

const save = async (tenant: Tenant, json: object): Promise<string> =>
  (await tenant.call("POST", "/v1/workflows", { json_definition: json })).body.workflow_permanent_id;
const start = (tenant: Tenant, id: string, more: object = {}) =>
  tenant.call("POST", "/v1/run/agents", { agent_id: id, ...more }, UNTIL_IT_ENDS);

/** A run that has downloaded a file. */
async function downloadingRun(content = "sku,price\nA,1\n") {
  const box = await openBox({ status: 200, headers: { "content-type": "text/csv" }, body: content });
  const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
  const request = { block_type: "http_request", label: "get", url: box.url, save_response_as_file: true, download_filename: "prices.csv" };
  const workflowId = await save(tenant, { title: "Saves", workflow_definition: { blocks: [request] } });
  return { tenant, run: (await start(tenant, workflowId)).body };
}

async function fetchRaw(url: string, init: RequestInit = {}): Promise<Response> {
  return await exports.default.fetch(new Request(new URL(url, "https://pilotfish.test"), init));
}

describe.each(VINTAGES)("the official client that calls $run", ({ base, run, id }) => {
  it("creates, runs, polls, lists and deletes a workflow", async () => {
    const tenant = await createTenant();
    const call = (method: string, path: string, body?: unknown) => tenant.call(method, path, body, CLIENT_HEADERS);
    const created = await call("POST", base, { json_definition: definition() });
    expect(created.status).toBe(200);
    const workflowId = created.body.workflow_permanent_id;
    expect(created.body.agent_id).toBe(workflowId);
    const started = await tenant.call(
      "POST",
      run,
      { [id]: workflowId, parameters: { count: 2 }, proxy_location: "RESIDENTIAL" },
      { ...CLIENT_HEADERS, "x-max-steps-override": "12", "x-user-agent": "skyvern-ui", ...UNTIL_IT_ENDS },
    );
    expect(started).toMatchObject({ status: 200, body: { status: "completed", trigger_type: "manual" } });
    const runId = started.body.run_id;
    expect((await call("GET", `/v1/runs/${runId}`)).body).toEqual(started.body);
    expect((await call("GET", `/v1/runs/${runId}/timeline`)).body).toHaveLength(1);
    expect((await call("GET", `/v1/runs/${runId}/artifacts?artifact_type=screenshot&artifact_type=download`)).body).toEqual([]);
    await eventually(async () => {
      const listed = await call("GET", `${base}/${workflowId}/runs?status=completed&status=failed&page=1&page_size=10`);
      expect(listed.body).toMatchObject([{ workflow_run_id: runId, trigger_type: "manual" }]);
    });
    expect((await call("POST", `${base}/runs/${runId}/retry`)).status).toBe(200);
    expect((await call("POST", `${base}/${workflowId}`, { yaml_definition: JSON.stringify(definition("Renamed")) })).body.version).toBe(2);
    expect((await call("GET", `${base}/${workflowId}/versions`)).body).toHaveLength(2);
    expect(await call("POST", `${base}/${workflowId}/delete`)).toMatchObject({ status: 200, body: null });
    const gone = await call("GET", `${base}/${workflowId}`);
    expect([gone.status, typeof gone.body.detail]).toEqual([404, "string"]);
  });
});

describe("a run", () => {
  it("has every field of WorkflowRunResponse, and its request every field of WorkflowRunRequest", async () => {
    const tenant = await createTenant();
    const { body } = await start(tenant, await save(tenant, definition()), { parameters: { count: 1 } });
    expect(keysOf(body)).toEqual(sorted([...RUN, ...OUR_RUN]));
    runSchema.parse(body);
    expect(keysOf(body.run_request)).toEqual(sorted([...RUN_REQUEST, "agent_id"]));
    expect(body).toMatchObject({ downloaded_files: null, screenshot_urls: null, recording_url: null, trigger_type: "api", warnings: [] });
  });

  it("has them also when its start was refused", async () => {
    const tenant = await createTenant();
    const refused = await start(tenant, await save(tenant, definition()));
    const { body } = await tenant.call("GET", `/v1/runs/${refused.body.run_id}`);
    expect(keysOf(body)).toEqual(sorted([...RUN, ...OUR_RUN]));
    runSchema.parse(body);
    expect(body.status).toBe("invalid");
  });

  it("has every field of the older status object, with its workflow, under every name", async () => {
    const tenant = await createTenant();
    const workflowId = await save(tenant, definition());
    const { run_id } = (await start(tenant, workflowId, { parameters: { count: 1 } })).body;
    for (const path of [`/v1/workflows/runs/${run_id}`, `/v1/agents/runs/${run_id}`, `/api/v1/workflows/${workflowId}/runs/${run_id}`]) {
      const { body } = await tenant.call("GET", path);
      expect(keysOf(body), path).toEqual(sorted([...RUN_STATUS, "workflow"]));
      workflowRunStatusSchema.parse(body);
      expect(body).toMatchObject({ workflow_id: workflowId, agent_id: workflowId, outputs: { first_output: { doubled: 2 } } });
    }
  });

  it("has every field of TaskRunListItem and of WorkflowRun in the lists", async () => {
    const tenant = await createTenant();
    await start(tenant, await save(tenant, definition()), { parameters: { count: 1 } });
    const first = async (path: string) =>
      await eventually(async () => {
        const { body } = await tenant.call("GET", path);
        expect(body).toHaveLength(1);
        return body[0];
      });
    expect(keysOf(await first("/v1/runs"))).toEqual(sorted(RUN_LIST_ITEM));
    expect(keysOf(await first("/v1/agents/runs"))).toEqual(sorted(WORKFLOW_RUN));
  });

  it("tells by which run it was tried again", async () => {
    const tenant = await createTenant();
    const first = (await start(tenant, await save(tenant, definition()), { parameters: { count: 1 } })).body;
    const again = (await tenant.call("POST", `/v1/agents/runs/${first.run_id}/retry`, undefined, UNTIL_IT_ENDS)).body;
    expect(again.retried_from_workflow_run_id).toBe(first.run_id);
    const { body } = await tenant.call("GET", `/v1/runs/${first.run_id}`);
    expect(body).toEqual({ ...first, retried_by_workflow_run_id: again.run_id });
  });

  it("takes and keeps every field of a run's request, and says which have no effect", async () => {
    const tenant = await createTenant();
    const sent = {
      parameters: { count: 1 },
      title: "Mine",
      proxy_location: { country: "DE" },
      totp_url: "https://totp.example.com",
      totp_identifier: "me",
      reuse_browser_session: true,
      start_fresh_browser: true,
      max_screenshot_scrolls: 5_000,
      max_elapsed_time_minutes: 3,
      extra_http_headers: { "X-Secret": "hush" },
      ai_fallback: true,
      run_with: "agent",
      run_metadata: { order: "7", "skyvern.internal": "x" },
      browser_session_id: null,
      browser_profile_id: null,
      browser_address: null,
      cdp_connect_headers: null,
      webhook_url: null,
    };
    const workflowId = await save(tenant, definition());
    const { status, body } = await start(tenant, workflowId, sent);
    expect(status).toBe(200);
    expect(body.run_request).toMatchObject({
      ...sent,
      max_screenshot_scrolls: 1_000,
      extra_http_headers: { "X-Secret": "***" },
      run_metadata: { order: "7" },
      workflow_id: workflowId,
    });
    expect(JSON.stringify(body)).not.toContain("hush");
    expect(sorted(body.warnings.map(({ path }: { path: string }) => path))).toEqual(
      sorted([
        "title", "proxy_location", "reuse_browser_session",
        "ai_fallback", "run_with", "run_metadata",
      ]), // prettier-ignore
    );
  });

  it.each<[string, object, Record<string, string>, string]>([
    ["fields that exclude each other", { start_fresh_browser: true, browser_session_id: "pbs_1" }, {}, "start_fresh_browser"],
    [
      "a browser of the caller's beside a session",
      { browser_address: "wss://a.example", browser_session_id: "pbs_1" },
      {},
      "browser_address",
    ],
    ["headers for no browser", { cdp_connect_headers: { a: "b" } }, {}, "cdp_connect_headers"],
    ["too much time", { max_elapsed_time_minutes: 481 }, {}, "max_elapsed_time_minutes"],
    ["an unknown way to run", { run_with: "magic" }, {}, "run_with"],
    ["metadata of a wrong type", { run_metadata: { a: 1 } }, {}, "run_metadata.a"],
    ["too much metadata", { run_metadata: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`k${i}`, "v"])) }, {}, "run_metadata"],
    ["steps that are no number", {}, { "x-max-steps-override": "many" }, "x-max-steps-override"],
    ["an unknown field", { workflow_idd: "x" }, {}, "workflow_idd"],
  ])("refuses %s, and says where", async (_, more, headers, path) => {
    const tenant = await createTenant();
    const answer = await tenant.call("POST", "/v1/run/workflows", { workflow_id: "wpid_1", ...more }, headers);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((fault: { path: string }) => fault.path)).toContain(path);
    expect(answer.body.detail).toContain(path);
  });
});

describe("a timeline", () => {
  it("is a tree of entries and blocks with every field, attempts and times", async () => {
    const tenant = await createTenant();
    const workflowId = await save(tenant, {
      title: "Loops",
      workflow_definition: {
        blocks: [
          {
            block_type: "for_loop",
            label: "each",
            loop_variable_reference: "{{ ['a', 'b'] }}",
            loop_blocks: [{ block_type: "set", label: "line", values: { v: "{{ current_value }}" } }],
          },
        ],
      },
    });
    const { run_id } = (await start(tenant, workflowId)).body;
    for (const path of [`/v1/runs/${run_id}/timeline`, `/api/v1/workflows/${workflowId}/runs/${run_id}/timeline`]) {
      const [loop, ...others] = (await tenant.call("GET", path)).body;
      expect(others).toEqual([]);
      expect(keysOf(loop)).toEqual(sorted(TIMELINE));
      timelineEntrySchema.parse(loop);
      for (const entry of [loop, ...loop.children]) {
        expect(keysOf(entry.block)).toEqual(sorted([...BLOCK, ...OUR_BLOCK]));
        expect(entry.block).toMatchObject({ attempt: 1, started_at: expect.any(String), finished_at: expect.any(String) });
      }
      expect(loop.block).toMatchObject({ block_type: "for_loop", loop_values: ["a", "b"] });
      expect(loop.children.map((child: { block: { current_value: string } }) => child.block.current_value)).toEqual(["b", "a"]);
      expect(loop.children[0].block.parent_workflow_run_block_id).toBe(loop.block.workflow_run_block_id);
    }
  });

  it("names the run that a block has started, when it has ended and when it has failed", async () => {
    const tenant = await createTenant();
    const child = await save(tenant, definition("Child"));
    const failing = await save(tenant, {
      title: "Fails",
      workflow_definition: { blocks: [{ block_type: "http_request", label: "x", url: "http://127.0.0.1/" }] },
    });
    const trigger = (label: string, id: string, payload: object) => ({
      block_type: "workflow_trigger", label, workflow_permanent_id: id, payload, continue_on_failure: true,
    }); // prettier-ignore
    const blocks = [trigger("good", child, { count: 1 }), trigger("bad", failing, {})];
    const parent = await save(tenant, { title: "Parent", workflow_definition: { blocks } });
    const { run_id } = (await start(tenant, parent)).body;
    const timeline = (await tenant.call("GET", `/v1/runs/${run_id}/timeline`)).body;
    const started: [string, string][] = [];
    for (const { block } of timeline) {
      const { body } = await tenant.call("GET", `/v1/runs/${block.block_workflow_run_id}`);
      expect(body.parent_workflow_run_id).toBe(run_id);
      started.push([block.label, body.status]);
    }
    expect(started).toEqual([["bad", "failed"], ["good", "completed"]]); // prettier-ignore
  });

  it("says which branch a conditional took", async () => {
    const tenant = await createTenant();
    const branch_conditions = [{ criteria: { expression: "{{ 1 == 1 }}" }, next_block_label: "yes" }, { is_default: true }];
    const blocks = [
      { block_type: "conditional", label: "choose", branch_conditions },
      { block_type: "set", label: "yes", values: { v: 1 } },
    ];
    const { run_id } = (await start(tenant, await save(tenant, { title: "Chooses", workflow_definition: { version: 2, blocks } }))).body;
    const timeline = (await tenant.call("GET", `/v1/runs/${run_id}/timeline`)).body;
    expect(timeline.at(-1).block).toMatchObject({
      executed_branch_id: "0",
      executed_branch_expression: "{{ 1 == 1 }}",
      executed_branch_result: true,
      executed_branch_next_block: "yes",
    });
  });
});

describe("an artifact", () => {
  it("has every field, in the list and alone, and is in the run's files", async () => {
    const { tenant, run } = await downloadingRun();
    const [listed] = (await tenant.call("GET", `/v1/runs/${run.run_id}/artifacts`)).body;
    expect(keysOf(listed)).toEqual(sorted([...ARTIFACT, ...OUR_ARTIFACT]));
    artifactSchema.parse(listed);
    runSchema.parse(run);
    const alone = (await tenant.call("GET", `/v1/artifacts/${listed.artifact_id}`)).body;
    expect({ ...alone, signed_url: null }).toEqual({ ...listed, signed_url: null });
    const [{ block }] = (await tenant.call("GET", `/v1/runs/${run.run_id}/timeline`)).body;
    expect(listed.workflow_run_block_id).toBe(block.workflow_run_block_id);
    expect(block.downloaded_file_count).toBe(listed.artifact_type === "download" ? 1 : 0);
    const [file] = run.downloaded_files;
    expect(keysOf(file)).toEqual(sorted(FILE_INFO));
    expect(file).toMatchObject({ artifact_id: listed.artifact_id, checksum: listed.checksum, filename: "prices.csv", file_size: 14 });
    const read = await fetchRaw(file.url); // absolute, and without a key
    expect([file.url.startsWith("https://pilotfish.test/v1/artifacts/"), await read.text()]).toEqual([true, "sku,price\nA,1\n"]);
    const status = (await tenant.call("GET", `/v1/workflows/runs/${run.run_id}`)).body;
    expect(status.downloaded_file_urls).toHaveLength(1);
    expect((await tenant.call("GET", `/v1/runs/${run.run_id}/artifacts?artifact_type=screenshot`)).body).toEqual([]);
    expect(
      (await tenant.call("GET", `/v1/runs/${run.run_id}/artifacts?artifact_type=x&artifact_type=${listed.artifact_type}`)).body,
    ).toHaveLength(1);
  });

  it("is read whole, in part, or not at all when the caller has it", async () => {
    const { tenant, run } = await downloadingRun("0123456789");
    const path = `/v1/artifacts/${run.downloaded_files[0].artifact_id}/content`;
    const read = async (headers: Record<string, string>, method = "GET") => {
      const response = await fetchRaw(path, { method, headers: { "x-api-key": tenant.key, ...headers } });
      const { status } = response;
      return {
        status,
        range: response.headers.get("content-range"),
        length: response.headers.get("content-length"),
        text: await response.text(),
        response,
      };
    };
    const whole = await read({});
    expect(whole).toMatchObject({ status: 200, range: null, length: "10", text: "0123456789" });
    const etag = whole.response.headers.get("etag") ?? "";
    expect(Object.fromEntries(whole.response.headers)).toMatchObject({
      "content-type": "text/csv",
      "accept-ranges": "bytes",
      "content-disposition": "attachment; filename*=UTF-8''prices.csv",
      "x-content-type-options": "nosniff",
    });
    expect(await read({ range: "bytes=2-4" })).toMatchObject({ status: 206, range: "bytes 2-4/10", length: "3", text: "234" });
    expect(await read({ range: "bytes=-2" })).toMatchObject({ status: 206, range: "bytes 8-9/10", text: "89" });
    expect(await read({ range: "bytes=7-", "if-range": etag })).toMatchObject({ status: 206, text: "789" });
    expect(await read({ range: "bytes=7-", "if-range": '"older"' })).toMatchObject({ status: 200, text: "0123456789" });
    expect(await read({ "if-none-match": `"other", ${etag}` })).toMatchObject({ status: 304, text: "" });
    expect(await read({}, "HEAD")).toMatchObject({ status: 200, text: "" });
    const beyond = await read({ range: "bytes=10-" });
    expect(beyond).toMatchObject({ status: 416, range: "bytes */10" });
    expect(JSON.parse(beyond.text)).toMatchObject({ status: 416, detail: expect.stringContaining("10 bytes") });
  });

  it("is read by a link that was signed for it, until it expires", async () => {
    const { tenant, run } = await downloadingRun();
    const { artifact_id } = run.downloaded_files[0];
    const made = (await tenant.call("GET", `/v1/artifacts/${artifact_id}/signed-url`)).body;
    expect(Date.parse(made.expires_at) - Date.now()).toBeGreaterThan(240_000);
    const link = new URL(made.signed_url);
    expect((await fetchRaw(link.href)).status).toBe(200);
    const refuse = async (change: (url: URL) => void) => {
      const url = new URL(link);
      change(url);
      const response = await fetchRaw(url.href, { headers: { "x-api-key": tenant.key } });
      return [response.status, (await response.json<{ detail: string }>()).detail];
    };
    const wrong = [403, "The link is not one of this service."];
    expect(await refuse((url) => url.searchParams.set("expiry", "9999999999"))).toEqual(wrong);
    expect(await refuse((url) => url.searchParams.set("kid", "o_other"))).toEqual(wrong);
    expect(await refuse((url) => url.searchParams.delete("sig"))).toEqual(wrong);
    expect(await refuse((url) => (url.pathname = url.pathname.replace(artifact_id, "a_other")))).toEqual(wrong);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 301_000 });
    try {
      expect(await refuse(() => {})).toEqual([403, "The link has expired: ask for the file again."]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("does not exist for another organization", async () => {
    const { run } = await downloadingRun();
    const stranger = await createTenant();
    for (const suffix of ["", "/content", "/signed-url"]) {
      const path = `/v1/artifacts/${run.downloaded_files[0].artifact_id}${suffix}`;
      expect((await stranger.call("GET", path)).status, path).toBe(404);
      expect((await send("GET", path)).status, path).toBe(401);
    }
  });
});

describe("retry_webhook", () => {
  it("sends the run's webhook again, signed, and tells what came back", async () => {
    const box = await openBox({ status: 202, body: "thanks" });
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const { run_id } = (await start(tenant, await save(tenant, definition()), { parameters: { count: 2 } })).body;
    const { status, body } = await tenant.call("POST", `/v1/runs/${run_id}/retry_webhook`, { webhook_url: box.url });
    expect(status).toBe(200);
    expect(keysOf(body)).toEqual(sorted(WEBHOOK_REPLAY));
    expect(body).toMatchObject({
      run_id, run_type: "workflow_run", default_webhook_url: null, target_webhook_url: box.url, status_code: 202, response_body: "thanks", error: null,
    }); // prettier-ignore
    const [request] = await box.requests();
    expect(request?.body).toBe(body.payload);
    expect(request?.headers).toMatchObject({
      "webhook-id": body.headers["webhook-id"],
      "webhook-signature": body.headers["webhook-signature"],
    });
    const told = JSON.parse(body.payload);
    expect(Object.keys(told)).toEqual(expect.arrayContaining([...RUN, ...RUN_STATUS, "type", "timestamp", "event_id"]));
    expect(told).toMatchObject({
      type: "workflow_run.completed",
      status: "completed",
      workflow_run_id: run_id,
      outputs: { first_output: { doubled: 4 } },
    });
  });

  it("tells of an endpoint that does not accept it", async () => {
    const box = await openBox({ status: 500, body: "no" });
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const workflowId = await save(tenant, definition());
    const { run_id } = (await start(tenant, workflowId, { parameters: { count: 2 }, webhook_url: box.url })).body;
    const { body } = await tenant.call("POST", `/v1/runs/${run_id}/retry_webhook`);
    expect(body).toMatchObject({
      default_webhook_url: box.url,
      target_webhook_url: box.url,
      status_code: 500,
      error: "The endpoint answered 500.",
    });
  });

  it("refuses a run that goes on, an address that may not be reached, and none at all", async () => {
    const tenant = await createTenant();
    const waits = await save(tenant, {
      title: "Waits",
      workflow_definition: { blocks: [{ block_type: "wait", label: "w", wait_sec: 3600 }] },
    });
    const going = (await tenant.call("POST", "/v1/run/workflows", { workflow_id: waits })).body;
    const done = (await start(tenant, await save(tenant, definition()), { parameters: { count: 1 } })).body;
    const replay = async (runId: string, body?: object) => (await tenant.call("POST", `/v1/runs/${runId}/retry_webhook`, body)).body;
    expect(await replay(going.run_id)).toMatchObject({ status: 400, detail: expect.stringContaining("running") });
    expect(await replay(done.run_id, { webhook_url: "http://127.0.0.1/x" })).toMatchObject({
      errors: [{ path: "webhook_url", code: "forbidden_address" }],
    });
    expect(await replay(done.run_id)).toMatchObject({ errors: [{ path: "webhook_url", code: "required" }] });
    expect(await replay("wr_none")).toMatchObject({ status: 404 });
  });
});

describe("test-webhook", () => {
  it("sends an example, or a run's webhook, and tells what came back", async () => {
    const box = await openBox({ status: 202, body: "thanks" });
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const { run_id } = (await start(tenant, await save(tenant, definition()), { parameters: { count: 2 } })).body;
    const test = async (body: object) => await tenant.call("POST", "/v1/internal/test-webhook", body);
    for (const of of [{}, { run_id }, { run_id: null, run_type: "workflow_run" }]) {
      const { status, body } = await test({ webhook_url: box.url, ...of });
      expect(status).toBe(200);
      expect(keysOf(body)).toEqual(["error", "headers_sent", "latency_ms", "response_body", "status_code"]);
      expect(body).toMatchObject({ status_code: 202, response_body: "thanks", error: null });
    }
    const told = (await box.requests()).map(({ body }) => JSON.parse(body));
    expect(told.map(({ type }) => type)).toEqual(Array.from({ length: 3 }, () => "workflow_run.completed"));
    expect(told.map((body) => body.run_id === run_id)).toEqual([false, true, false]);
    expect(keysOf(told[0])).toEqual(keysOf(told[1]));
  });

  it("refuses tasks, an address that may not be reached, and another organization's run", async () => {
    const tenant = await createTenant();
    const test = async (body: object) => (await tenant.call("POST", "/v1/internal/test-webhook", body)).body;
    const webhook_url = "https://hook.test/";
    expect(await test({ webhook_url, run_type: "task" })).toMatchObject({ errors: [{ path: "run_type" }] });
    expect(await test({ webhook_url: "http://10.0.0.1/" })).toMatchObject({ errors: [{ path: "webhook_url", code: "forbidden_address" }] });
    const other = await createTenant();
    const { run_id } = (await start(other, await save(other, definition()), { parameters: { count: 2 } })).body;
    expect(await test({ webhook_url, run_id })).toMatchObject({ status: 404 });
  });
});

describe("the older API", () => {
  const YAML = `title: Older\nworkflow_definition:\n  parameters:\n    - parameter_type: workflow\n      key: count\n      workflow_parameter_type: integer
  blocks:\n    - block_type: set\n      label: first\n      values: { doubled: "{{ count * 2 }}" }\n`;
  const yaml = { "content-type": "application/x-yaml" };

  it("creates, changes, reads, runs and deletes a workflow that is YAML", async () => {
    const tenant = await createTenant();
    const created = await tenant.call("POST", "/api/v1/workflows", YAML, yaml);
    expect(created).toMatchObject({ status: 200, body: { title: "Older", version: 1 } });
    const id = created.body.workflow_permanent_id;
    const changed = await tenant.call("PUT", `/api/v1/workflows/${id}`, YAML.replace("* 2", "* 3"), yaml);
    expect(changed.body).toMatchObject({ version: 2, workflow_permanent_id: id });
    expect((await tenant.call("GET", `/api/v1/workflows/${id}`)).body).toEqual((await tenant.call("GET", `/v1/agents/${id}`)).body);
    expect((await tenant.call("GET", "/api/v1/workflows")).body).toHaveLength(1);
    const run = async (query: string) =>
      (await tenant.call("POST", `/api/v1/workflows/${id}/run${query}`, { data: { count: 5 } }, UNTIL_IT_ENDS)).body;
    for (const [query, doubled] of [["?version=1", 10], ["", 15]] as const) {
      const answer = await run(query);
      expect(answer).toEqual({ workflow_id: id, agent_id: id, workflow_run_id: expect.stringMatching(/^wr_/), agent_run_id: answer.workflow_run_id });
      const { body } = await tenant.call("GET", `/api/v1/workflows/${id}/runs/${answer.workflow_run_id}`);
      expect(body.outputs).toEqual({ first_output: { doubled } });
    } // prettier-ignore
    expect(await tenant.call("DELETE", `/api/v1/workflows/${id}`)).toMatchObject({ status: 200, body: null });
    expect((await tenant.call("GET", `/api/v1/workflows/${id}`)).status).toBe(404);
  });

  it("names faults by the words of its own requests, and by the line of the YAML", async () => {
    const tenant = await createTenant();
    const id = (await tenant.call("POST", "/api/v1/workflows", YAML, yaml)).body.workflow_permanent_id;
    const { status, body } = await tenant.call("POST", `/api/v1/workflows/${id}/run`, {
      data: { count: "x" },
      webhook_callback_url: "http://10.0.0.1",
    });
    expect(status).toBe(400);
    expect(sorted(body.errors.map((fault: { path: string }) => fault.path))).toEqual(["data.count", "webhook_callback_url"]);
    expect(body.detail).toContain("data.count: ");
    const faulty = await tenant.call("POST", "/api/v1/workflows", YAML.replace("label: first", "label: first\n      valeus: 1"), yaml);
    expect(faulty).toMatchObject({ status: 422, body: { detail: expect.stringMatching(/line \d+/) } });
  });

  it("cancels a run", async () => {
    const tenant = await createTenant();
    const waits = { title: "Waits", workflow_definition: { blocks: [{ block_type: "wait", label: "w", wait_sec: 3600 }] } };
    const id = await save(tenant, waits);
    const { workflow_run_id } = (await tenant.call("POST", `/api/v1/workflows/${id}/run`, {})).body;
    expect(await tenant.call("POST", `/api/v1/workflows/runs/${workflow_run_id}/cancel`)).toMatchObject({ status: 200, body: null });
    expect((await tenant.call("GET", `/v1/runs/${workflow_run_id}`)).body.status).toBe("canceled");
  });

  it("asks for a key, but for its templates and its heartbeat", async () => {
    await asAdmin("PUT", "/templates/wpid_template_older", definition("Doubling"));
    expect((await send("GET", "/api/v1/workflows")).status).toBe(401);
    expect((await send("POST", "/api/v1/workflows/wpid_1/run", {})).status).toBe(401);
    expect((await send("GET", "/api/v1/heartbeat")).status).toBe(200);
    const { status, body } = await send("GET", "/api/v1/workflows/templates");
    expect(status).toBe(200);
    expect(body.map((template: { workflow_permanent_id: string }) => template.workflow_permanent_id)).toContain("wpid_template_older");
  });

  it("gives another organization's workflow and run a 404", async () => {
    const [owner, stranger] = [await createTenant(), await createTenant()];
    const id = await save(owner, definition());
    const { run_id } = (await start(owner, id, { parameters: { count: 1 } })).body;
    for (const [method, path, body] of [
      ["GET", `/workflows/${id}`],
      ["PUT", `/workflows/${id}`, definition()],
      ["DELETE", `/workflows/${id}`],
      ["POST", `/workflows/${id}/run`, { data: { count: 1 } }],
      ["GET", `/workflows/${id}/runs/${run_id}`],
      ["GET", `/workflows/${id}/runs/${run_id}/timeline`],
      ["POST", `/workflows/runs/${run_id}/cancel`],
    ] as const) {
      expect((await stranger.call(method, `/api/v1${path}`, body)).status, `${method} ${path}`).toBe(404);
    }
    const other = await save(owner, definition("Other"));
    expect((await owner.call("GET", `/api/v1/workflows/${other}/runs/${run_id}`)).status).toBe(404);
  });
});
