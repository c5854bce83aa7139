/** The whole API by a client that was generated from its own document. */
import { env, exports } from "cloudflare:workers";
import createClient, { type Client } from "openapi-fetch";
import { expect, it } from "vitest";
import { UNTIL_IT_ENDS } from "../patience.ts";
import { eventually } from "../eventually.ts";
import type { components, paths } from "./api-schema.d.ts";
import { findOperation, operations, requireDescribed } from "./conformance.ts";
import { openBox } from "./receiver-client.ts";

type Run = components["schemas"]["Run"];
type Block = components["schemas"]["Block"];

const definition = (title: string): components["schemas"]["WorkflowInput"] => ({
  title,
  workflow_definition: {
    parameters: [{ parameter_type: "workflow", key: "count", workflow_parameter_type: "integer" }],
    blocks: [{ block_type: "set", label: "first", values: { doubled: "{{ count * 2 }}" } }],
  },
});

const succeeded = new Set<string>();

/** A client whose answers are held to the document, and whose successes are counted. */
function clientFor(key: string): Client<paths> {
  return createClient<paths>({
    baseUrl: "https://pilotfish.test",
    headers: { "x-api-key": key },
    fetch: async (request: Request) => {
      const { method, url } = request;
      const response = await exports.default.fetch(request);
      const text = await response.clone().text();
      const isJson = /[/+]json\b/.test(response.headers.get("content-type") ?? "");
      requireDescribed(method, url, {
        status: response.status,
        headers: response.headers,
        body: text === "" ? null : isJson ? JSON.parse(text) : text,
      });
      if (response.ok) succeeded.add(findOperation(method, url)!.operationId);
      return response;
    },
  });
}

/** What the service answered. @throws an Error with the problem when it refused */
async function ok<Data>(answer: Promise<{ data?: Data; error?: unknown; response: Response }>): Promise<Data> {
  const { data, error, response } = await answer;
  if (!response.ok) throw new Error(`${response.url} was refused with ${response.status}: ${JSON.stringify(error)}`);
  return data as Data; // an answer without a body has none by its type
}

it("can do everything", async () => {
  const anyone = clientFor("");
  await ok(anyone.GET("/healthz"));
  await ok(anyone.GET("/readyz"));
  expect((await ok(anyone.GET("/v1/version"))).version).toMatch(/^\d/);
  await ok(anyone.GET("/openapi.json"));
  expect(await ok(anyone.GET("/docs", { parseAs: "text" }))).toContain("Pilotfish API");

  const admin = clientFor(env.PILOTFISH_ADMIN_TOKEN);
  const { organization_id } = await ok(admin.POST("/v1/admin/organizations", { body: { name: "client" } }));
  const params = { path: { organization_id } };
  await ok(
    admin.PATCH("/v1/admin/organizations/{organization_id}", {
      params,
      body: { allowed_hosts: ["127.0.0.1"], denied_hosts: ["ads.example"] },
    }),
  );
  expect((await ok(admin.GET("/v1/admin/organizations/{organization_id}", { params }))).allowed_hosts).toEqual(["127.0.0.1"]);
  const issue = () => ok(admin.POST("/v1/admin/organizations/{organization_id}/api-keys", { params, body: { name: "client" } }));
  const { key } = await issue();
  const { api_key_id } = await issue();
  await ok(
    admin.DELETE("/v1/admin/organizations/{organization_id}/api-keys/{api_key_id}", { params: { path: { organization_id, api_key_id } } }),
  );
  const template = `wpid_template_${crypto.randomUUID()}`;
  await ok(
    admin.PUT("/v1/admin/templates/{workflow_permanent_id}", {
      params: { path: { workflow_permanent_id: template } },
      body: definition("A template"),
    }),
  );

  const client = clientFor(key);
  const ofTemplate = { params: { path: { workflow_id: template } } };
  await ok(client.GET("/v1/templates"));
  await ok(client.GET("/v1/templates/{workflow_id}", ofTemplate));
  expect(await ok(client.GET("/v1/templates/{workflow_id}/versions", ofTemplate))).toHaveLength(1);
  expect((await ok(client.GET("/v1/browsers"))).browsers).toEqual([]);
  expect((await ok(client.GET("/v1/webhook-secret"))).secret).toMatch(/^whsec_/);

  for (const noun of ["workflows", "agents"] as const) await driveWorkflows(client, noun);
  await driveFolders(client);
  const own = await ok(client.POST("/v1/templates/{workflow_id}/workflows", { ...ofTemplate, body: { title: "My own" } }));
  expect(own.title).toBe("My own");
  await ok(admin.DELETE("/v1/admin/templates/{workflow_permanent_id}", { params: { path: { workflow_permanent_id: template } } }));
  await driveRuns(client);
  await driveDecisions(client, anyone);
  await driveCredentials(client);
  await driveBrowsers(client);
  await driveFiles(client);
  await driveOlderApi(client, anyone);

  const every = operations.map(({ operationId }) => operationId);
  expect(every.filter((operationId) => !succeeded.has(operationId))).toEqual([]);
});

/** Everything that is done with definitions, under one of the two names that they have. */
async function driveWorkflows(client: Client<paths>, noun: "workflows" | "agents"): Promise<void> {
  const body = { json_definition: definition("First") };
  expect((await ok(client.POST(`/v1/${noun}/validate`, { body }))).valid).toBe(true);
  const { workflow_permanent_id: workflow_id } = await ok(
    client.POST(`/v1/${noun}`, { body, params: { header: { "Idempotency-Key": crypto.randomUUID() } } }),
  );
  const params = { path: { workflow_id } };
  const second = await ok(client.POST(`/v1/${noun}/{workflow_id}`, { params, body: { json_definition: definition("Second") } }));
  expect(second).toMatchObject({ version: 2, warnings: [] });
  expect((await ok(client.GET(`/v1/${noun}/{workflow_id}`, { params: { ...params, query: { version: 1 } } }))).title).toBe("First");
  expect((await ok(client.GET(`/v1/${noun}`, { params: { query: { search_key: "second" } } }))).map(({ version }) => version)).toContain(2);
  expect(await ok(client.GET(`/v1/${noun}/{workflow_id}/versions`, { params }))).toHaveLength(2);
  const diff = await ok(
    client.GET(`/v1/${noun}/{workflow_id}/versions/{before}/diff/{after}`, { params: { path: { workflow_id, before: "1", after: "2" } } }),
  );
  expect(diff).toEqual([{ op: "replace", path: "/title", value: "Second" }]);
  const restored = await ok(
    client.POST(`/v1/${noun}/{workflow_id}/versions/{version}/restore`, { params: { path: { workflow_id, version: "1" } } }),
  );
  expect(restored.version).toBe(3);
  await ok(client.POST(`/v1/${noun}/{workflow_id}/browser_session/reset_profile`, { params }));

  const { folder_id } = await ok(client.POST("/v1/folders", { body: { title: noun } }));
  expect((await ok(client.PUT(`/v1/${noun}/{workflow_id}/folder`, { params, body: { folder_id } }))).folder_id).toBe(folder_id);
  await ok(client.PUT(`/v1/${noun}/{workflow_id}/template`, { params: { ...params, query: { is_template: true } } }));
  await driveSchedules(client, noun, workflow_id);

  const request = { workflow_id, parameters: { count: 2 } };
  const path = noun === "workflows" ? "/v1/run/workflows" : "/v1/run/agents";
  const run = await ok(client.POST(path, { body: request, params: { header: { Prefer: UNTIL_IT_ENDS.prefer } } }));
  expect(run).toMatchObject({ status: "completed", output: { first_output: { doubled: 4 } } });
  const ofRun = { params: { path: { run_id: run.run_id } } };
  expect((await ok(client.GET(`/v1/${noun}/runs/{run_id}`, ofRun))).outputs).toEqual(run.output);
  await ok(client.POST(`/v1/${noun}/runs/{run_id}/retry`, ofRun));
  await eventually(async () => expect(await ok(client.GET(`/v1/${noun}/{workflow_id}/runs`, { params }))).toHaveLength(2));
  expect((await ok(client.GET(`/v1/${noun}/runs`))).length).toBeGreaterThan(1);

  const waiting = await startRun(client, [{ block_type: "human_interaction", label: "ask" }]);
  await reach(client, waiting, "paused");
  await ok(client.POST(`/v1/${noun}/runs/{run_id}/continue`, { params: { path: { run_id: waiting } } }));
  await reach(client, waiting, "completed");

  await ok(client.POST(`/v1/${noun}/{workflow_id}/delete`, { params }));
  const { workflow_permanent_id: another } = await ok(client.POST(`/v1/${noun}`, { body }));
  await ok(client.DELETE(`/v1/${noun}/{workflow_id}`, { params: { path: { workflow_id: another } } }));
}

async function driveSchedules(client: Client<paths>, noun: "workflows" | "agents", workflow_id: string): Promise<void> {
  const of = `/v1/${noun}/{workflow_id}/schedules` as const;
  const weekly = { cron_expression: "0 8 * * MON", timezone: "Europe/Berlin", parameters: { count: 1 } };
  const { schedule, next_runs } = await ok(client.POST(of, { params: { path: { workflow_id } }, body: weekly }));
  expect(next_runs).toHaveLength(5);
  const params = { path: { workflow_id, schedule_id: schedule.workflow_schedule_id } };
  await ok(client.GET(of, { params: { path: { workflow_id } } }));
  await ok(client.GET(`${of}/{schedule_id}`, { params }));
  await ok(client.PUT(`${of}/{schedule_id}`, { params, body: { ...weekly, cron_expression: "0 9 * * MON" } }));
  expect((await ok(client.POST(`${of}/{schedule_id}/disable`, { params }))).schedule.enabled).toBe(false);
  expect((await ok(client.POST(`${of}/{schedule_id}/enable`, { params }))).schedule.enabled).toBe(true);
  expect((await ok(client.GET("/v1/schedules"))).total_count).toBeGreaterThan(0);
  await ok(client.DELETE(`${of}/{schedule_id}`, { params }));
}

async function driveFolders(client: Client<paths>): Promise<void> {
  const { folder_id } = await ok(client.POST("/v1/folders", { body: { title: "Invoices" } }));
  const params = { path: { folder_id } };
  expect((await ok(client.GET("/v1/folders"))).length).toBeGreaterThan(0);
  expect((await ok(client.GET("/v1/folders/{folder_id}", { params }))).workflow_count).toBe(0);
  expect((await ok(client.PUT("/v1/folders/{folder_id}", { params, body: { title: "Bills" } }))).title).toBe("Bills");
  expect((await ok(client.DELETE("/v1/folders/{folder_id}", { params }))).workflows_deleted).toBe(0);
}

/** What a run can be told, and what it leaves behind. */
async function driveRuns(client: Client<paths>): Promise<void> {
  const box = await openBox({ status: 200, headers: { "content-type": "text/csv" }, body: "a,b" });
  const download: Block = {
    block_type: "http_request",
    label: "get",
    url: box.url,
    save_response_as_file: true,
    download_filename: "list.csv",
  };
  const fetched = await startRun(client, [download], { webhook_url: box.url });
  await reach(client, fetched, "completed");
  const params = { path: { run_id: fetched } };
  const [entry] = await ok(client.GET("/v1/runs/{run_id}/timeline", { params }));
  expect(entry?.block).toMatchObject({ label: "get", status: "completed", attempt: 1 });
  const [artifact] = await ok(client.GET("/v1/runs/{run_id}/artifacts", { params }));
  const content = client.GET("/v1/artifacts/{artifact_id}/content", {
    params: { path: { artifact_id: artifact!.artifact_id } },
    parseAs: "text",
  });
  expect(await ok(content)).toBe("a,b");
  const ofArtifact = { params: { path: { artifact_id: artifact!.artifact_id } } };
  expect((await ok(client.GET("/v1/artifacts/{artifact_id}", ofArtifact))).file_name).toBe("list.csv");
  expect((await ok(client.GET("/v1/artifacts/{artifact_id}/signed-url", ofArtifact))).signed_url).toContain(artifact!.artifact_id);
  await ok(client.POST("/v1/runs/{run_id}/retry", { params, body: { from_block: "start" } }));
  await ok(client.POST("/v1/runs/{run_id}/retry_webhook", { params }));
  expect((await ok(client.POST("/v1/internal/test-webhook", { body: { webhook_url: box.url } }))).status_code).toBe(200);
  expect((await ok(client.GET("/v1/runs"))).length).toBeGreaterThan(1);

  const delivery = await eventually(async () => {
    const deliveries = await ok(client.GET("/v1/webhook-deliveries", { params: { query: { run_id: fetched } } }));
    const delivered = deliveries.find(({ status }) => status === "delivered");
    expect(delivered).toBeDefined();
    return delivered!;
  });
  await ok(client.POST("/v1/webhook-deliveries/{delivery_id}/replay", { params: { path: { delivery_id: delivery.delivery_id } } }));

  const slow: Block[] = [{ block_type: "wait", label: "nap", wait_sec: 600 }];
  const [first, second] = [await startRun(client, slow), await startRun(client, slow)];
  const ofFirst = { params: { path: { run_id: first } } };
  await reach(client, first, "running");
  expect((await ok(client.POST("/v1/runs/{run_id}/pause", ofFirst))).status).toBe("paused");
  expect((await ok(client.POST("/v1/runs/{run_id}/resume", ofFirst))).status).toBe("running");
  await ok(client.POST("/v1/runs/{run_id}/cancel", ofFirst));
  expect(await ok(client.POST("/v1/runs/cancel", { body: { run_ids: [second] } }))).toEqual({ cancelled: [second], failed: [] });
}

/** The ways in which people answer. */
async function driveDecisions(client: Client<paths>, anyone: Client<paths>): Promise<void> {
  for (const answer of ["approve", "reject"] as const) {
    const asking = await startRun(client, [{ block_type: "human_interaction", label: "ask" }]);
    await reach(client, asking, "paused");
    const ofRun = { params: { path: { run_id: asking } } };
    expect((await ok(client.GET("/v1/runs/{run_id}/live/link", ofRun))).live_url).toContain("sig=");
    const accept = { ...ofRun, headers: { accept: "text/html" }, parseAs: "text" as const };
    expect(await ok(client.GET("/v1/runs/{run_id}/live", accept))).toContain(asking);
    await ok(client.POST(`/v1/runs/{run_id}/${answer}`, { params: { path: { run_id: asking } }, body: { block: "ask" } }));
    await reach(client, asking, answer === "approve" ? "completed" : "terminated");
  }
  const box = await openBox();
  const asking = await startRun(client, [{ block_type: "human_interaction", label: "ask" }], { webhook_url: box.url });
  const link = await eventually(async () => {
    const paused = (await box.requests()).map(({ body }) => JSON.parse(body)).find(({ type }) => type === "workflow_run.paused");
    return new URL(paused.waiting_for[0].approve.url as string);
  });
  const params = { path: { token: link.pathname.split("/").at(-1)! }, query: { answer: "approve" as const } };
  expect(await ok(anyone.GET("/v1/decisions/{token}", { params, parseAs: "text" }))).toContain("Approve");
  expect(await ok(anyone.POST("/v1/decisions/{token}", { params, parseAs: "text" }))).toContain("Done");
  await reach(client, asking, "completed");
}

async function driveBrowsers(client: Client<paths>): Promise<void> {
  const { browser_session_id } = await ok(client.POST("/v1/browser_sessions", { body: { timeout: 300 } }));
  const params = { path: { browser_session_id } };
  const session = await ok(client.GET("/v1/browser_sessions/{browser_session_id}", { params }));
  expect(session).toMatchObject({ status: "running", timeout: 240, warning: "The timeout is 240 minutes, which is the most." });
  expect(await ok(client.GET("/v1/browser_sessions"))).toHaveLength(1);
  expect(await ok(client.GET("/v1/browser_sessions/{browser_session_id}/workflow_runs", { params }))).toEqual([]);
  const changed = client.PATCH("/v1/browser_sessions/{browser_session_id}", { params, body: { generate_browser_profile: true } });
  expect((await ok(changed)).generate_browser_profile).toBe(true);
  expect((await ok(client.POST("/v1/browser_sessions/{browser_session_id}/close", { params }))).status).toBe("completed");
  expect(await ok(client.GET("/v1/browser_sessions/history"))).toHaveLength(1);

  const storage_state = { cookies: [{ name: "session", value: "8f3a", domain: "shop.example" }] };
  const { browser_profile_id } = await ok(client.POST("/v1/browser_profiles", { body: { name: "Shop", storage_state } }));
  const named = { params: { path: { browser_profile_id } } };
  expect(await ok(client.GET("/v1/browser_profiles"))).toHaveLength(2); // one was made of the session
  await ok(client.PATCH("/v1/browser_profiles/{browser_profile_id}", { ...named, body: { name: "Shop, Ann" } }));
  expect((await ok(client.GET("/v1/browser_profiles/{browser_profile_id}", named))).name).toBe("Shop, Ann");
  expect((await ok(client.GET("/v1/browser_profiles/{browser_profile_id}/usage", named))).run_count).toBe(0);
  await ok(client.DELETE("/v1/browser_profiles/{browser_profile_id}", named));
}

async function driveCredentials(client: Client<paths>): Promise<void> {
  const login = {
    name: "Shop",
    credential_type: "password" as const,
    credential: { username: "ann", password: "correct horse", totp: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", totp_type: "authenticator" },
  };
  const { credential_id } = await ok(client.POST("/v1/credentials", { body: login }));
  const params = { path: { credential_id } };
  expect(await ok(client.GET("/v1/credentials"))).toHaveLength(1);
  await ok(client.PATCH("/v1/credentials/{credential_id}", { params, body: { name: "Shop, Ann" } }));
  expect((await ok(client.GET("/v1/credentials/{credential_id}", { params }))).name).toBe("Shop, Ann");
  await ok(client.POST("/v1/credentials/{credential_id}/update", { params, body: login }));
  expect((await ok(client.GET("/v1/credentials/{credential_id}/totp-code", { params }))).code).toMatch(/^\d{6}$/);
  await ok(client.POST("/v1/credentials/{credential_id}/totp-code", { params }));
  await ok(client.POST("/v1/credentials/{credential_id}/delete", { params }));
  await ok(client.POST("/v1/credentials/totp", { body: { totp_identifier: "ann", content: "Your code is 492039.", source: "phone" } }));
  expect(await ok(client.GET("/v1/credentials/totp"))).toHaveLength(1);
}

async function driveFiles(client: Client<paths>): Promise<void> {
  const upload = client.POST("/v1/upload_file", {
    body: { file: "sku,price" },
    bodySerializer: ({ file }) => {
      const form = new FormData();
      form.set("file", new File([file], "orders.csv", { type: "text/csv" }));
      return form;
    },
  });
  const params = { path: { file_id: (await ok(upload)).file_id } };
  expect((await ok(client.GET("/v1/files/{file_id}", { params }))).file_name).toBe("orders.csv");
  expect(await ok(client.GET("/v1/files/{file_id}/content", { params, parseAs: "text" }))).toBe("sku,price");
  await ok(client.DELETE("/v1/files/{file_id}", { params }));
}

/** Skyvern's older names. */
async function driveOlderApi(client: Client<paths>, anyone: Client<paths>): Promise<void> {
  await ok(anyone.GET("/api/v1/heartbeat"));
  await ok(anyone.GET("/api/v1/workflows/templates"));
  const { workflow_permanent_id: workflow_id } = await ok(client.POST("/api/v1/workflows", { body: definition("Older") }));
  const params = { path: { workflow_id } };
  await ok(client.PUT("/api/v1/workflows/{workflow_id}", { params, body: definition("Older, changed") }));
  expect((await ok(client.GET("/api/v1/workflows/{workflow_id}", { params }))).version).toBe(2);
  expect((await ok(client.GET("/api/v1/workflows"))).length).toBeGreaterThan(0);
  const { workflow_run_id: run_id } = await ok(
    client.POST("/api/v1/workflows/{workflow_id}/run", { params, body: { data: { count: 1 } } }),
  );
  await reach(client, run_id, "completed");
  const ofRun = { params: { path: { workflow_id, run_id } } };
  expect((await ok(client.GET("/api/v1/workflows/{workflow_id}/runs/{run_id}", ofRun))).status).toBe("completed");
  expect(await ok(client.GET("/api/v1/workflows/{workflow_id}/runs/{run_id}/timeline", ofRun))).toHaveLength(1);
  const slow = await startRun(client, [{ block_type: "wait", label: "nap", wait_sec: 600 }]);
  await ok(client.POST("/api/v1/workflows/runs/{run_id}/cancel", { params: { path: { run_id: slow } } }));
  await ok(client.DELETE("/api/v1/workflows/{workflow_id}", { params }));
}

/** Saves and starts a workflow of these blocks. @returns the run's id */
async function startRun(client: Client<paths>, blocks: Block[], more: { webhook_url?: string } = {}): Promise<string> {
  const body = { json_definition: { title: "Driven", workflow_definition: { blocks } } };
  const { workflow_permanent_id: workflow_id } = await ok(client.POST("/v1/workflows", { body }));
  return (await ok(client.POST("/v1/run/workflows", { body: { workflow_id, ...more } }))).run_id;
}

async function reach(client: Client<paths>, run_id: string, status: Run["status"]): Promise<void> {
  await eventually(async () => {
    expect((await ok(client.GET("/v1/runs/{run_id}", { params: { path: { run_id } } }))).status).toBe(status);
  });
}
