import { exports } from "cloudflare:workers";
import { describe, expect, inject, it } from "vitest";
import { eventually } from "../../eventually.ts";
import { UNTIL_IT_ENDS } from "../../patience.ts";
import { createTenant, type Tenant } from "../../workers/api.ts";
import { at, html } from "./harness.ts";

const SECRET = "s3cret-t0ken";
const HEADERS = { Authorization: `Bearer ${SECRET}`, "x-team": "blue" };
/** The same site under another name, so of another origin. */
const elsewhere = (path: string) => at(path).replace("127.0.0.1", "localhost");
const newTenant = () => createTenant({ allowed_hosts: ["127.0.0.1", "localhost"] });

const steps = (label: string, ...list: object[]) => ({ block_type: "actions", label, steps: list });
const goto = (url: string) => ({ action: "goto", url });
const read = (script: string, name = "seen") => ({ action: "evaluate", script, name });
/** What a page at `/headers` was asked for with, without the value itself. */
const ASKED_WITH = "(({ authorization = '', ...sent }) => [authorization.length, sent['x-team'] ?? null])(JSON.parse(headers.textContent))";
const ASKED: [number, string] = [HEADERS.Authorization.length, "blue"];
const NOT_ASKED = [0, null];

async function save(tenant: Tenant, blocks: readonly object[], more: object = {}): Promise<string> {
  const { body } = await tenant.call("POST", "/v1/workflows", {
    json_definition: { title: "Headers", ...more, workflow_definition: { parameters: [], blocks } },
  });
  expect(body.errors ?? []).toEqual([]);
  return body.workflow_permanent_id;
}

const start = async (tenant: Tenant, workflow_id: string, more: object = {}) =>
  (await tenant.call("POST", "/v1/run/workflows", { workflow_id, ...more }, UNTIL_IT_ENDS)).body;

describe("extra_http_headers", () => {
  it("are sent with every request of the run's pages: documents, scripts' requests, workers, windows and redirects", async () => {
    const tenant = await newTenant();
    const worker = `onmessage = async () => postMessage(await (await fetch(${JSON.stringify(at("/headers"))})).text())`;
    const fetched = (text: string) => `(${text}).includes('"x-team":"blue"')`;
    const id = await save(tenant, [
      steps("first", goto(at(`/redirect?to=${encodeURIComponent(elsewhere("/headers"))}`)), read(ASKED_WITH)),
      steps(
        "second",
        goto(at("/list")),
        read(fetched(`await (await fetch(${JSON.stringify(elsewhere("/headers"))})).text()`), "script"),
        read(
          fetched(
            `await new Promise((done) => { const one = new Worker(URL.createObjectURL(new Blob([${JSON.stringify(worker)}]))); one.onmessage = ({ data }) => done(data); one.postMessage(1); })`,
          ),
          "worker",
        ),
        read(`void window.open(${JSON.stringify(at("/headers"))}, "_blank", "noopener")`, "opened"),
        { action: "switch_tab", newest: true },
        read(ASKED_WITH, "window"),
        { action: "new_tab", url: at("/headers") },
        read(ASKED_WITH, "tab"),
      ),
    ]);
    const run = await start(tenant, id, { extra_http_headers: HEADERS });
    expect(run.status, run.failure_reason).toBe("completed");
    expect(run.output).toMatchObject({
      first_output: { seen: ASKED },
      second_output: { script: true, worker: true, window: ASKED, tab: ASKED },
    });
    expect((await start(tenant, id)).output.second_output).toMatchObject({ script: false, worker: false, window: NOT_ASKED });
  });

  it("go to no other site than those that are named", async () => {
    const tenant = await newTenant();
    const id = await save(tenant, [
      steps("named", goto(at("/headers")), read(ASKED_WITH)),
      steps("other", goto(elsewhere("/headers")), read(ASKED_WITH)),
      steps("redirected", goto(at(`/redirect?to=${encodeURIComponent(elsewhere("/headers"))}`)), read(ASKED_WITH)),
    ]);
    const sites = { extra_http_headers: HEADERS, extra_http_headers_origins: [new URL(at("/")).origin] };
    const run = await start(tenant, id, sites);
    const again = await tenant.call("POST", `/v1/runs/${run.run_id}/retry`, { from_block: "start" }, UNTIL_IT_ENDS);
    for (const { output, failure_reason } of [run, again.body]) {
      const seen = ["named", "other", "redirected"].map((label) => output[`${label}_output`].seen);
      expect(seen, failure_reason).toEqual([ASKED, NOT_ASKED, NOT_ASKED]);
    }
  });

  it("are the workflow's unless the run names its own, and the same when it is tried again or takes *** for what was saved", async () => {
    const tenant = await newTenant();
    const blocks = [steps("asks", goto(at("/headers")), read(ASKED_WITH))];
    const id = await save(tenant, blocks, { extra_http_headers: HEADERS });
    const seen = (run: { output: { asks_output: { seen: unknown } }; failure_reason: string }) => run.output.asks_output.seen;
    expect(seen(await start(tenant, id))).toEqual(ASKED);
    const own = await start(tenant, id, { extra_http_headers: { "x-team": "red" } });
    expect(seen(own)).toEqual([0, "red"]);
    const none = await start(tenant, id, { extra_http_headers: {} });
    expect(seen(none)).toEqual(NOT_ASKED);
    const shown = (await tenant.call("GET", `/v1/workflows/${id}`)).body;
    const change = { json_definition: { ...shown, extra_http_headers: { ...shown.extra_http_headers, "x-team": "green" } } };
    await tenant.call("POST", `/v1/workflows/${id}`, change);
    expect(seen(await start(tenant, id))).toEqual([ASKED[0], "green"]);
    const again = async ({ run_id }: { run_id: string }) =>
      (await tenant.call("POST", `/v1/runs/${run_id}/retry`, { from_block: "start" }, UNTIL_IT_ENDS)).body;
    expect([seen(await again(own)), seen(await again(none))]).toEqual([[0, "red"], NOT_ASKED]);
  });

  it("are gone from the browser of a session when the run has left it", async () => {
    const tenant = await newTenant();
    const { browser_session_id } = (await tenant.call("POST", "/v1/browser_sessions", {})).body;
    const id = await save(tenant, [steps("asks", goto(at("/headers")), read(ASKED_WITH))]);
    const headed = await start(tenant, id, { browser_session_id, extra_http_headers: HEADERS });
    const plain = await start(tenant, id, { browser_session_id });
    expect([headed, plain].map(({ output }) => output.asks_output.seen)).toEqual([ASKED, NOT_ASKED]);
    await tenant.call("POST", `/v1/browser_sessions/${browser_session_id}/close`);
  });

  it("do not show their secrets in outputs, errors, the console, the HAR and downloads, nor their values where headers are shown", async () => {
    const tenant = await newTenant();
    const all = { screenshots: "off", console: "all", har: "all" };
    const shows = "const sent = JSON.parse(headers.textContent); console.log('sent', sent.authorization); ";
    const blocks = [
      steps("outputs", goto(at("/headers")), read(`${shows} sent`)),
      {
        ...steps(
          "redirects",
          goto(at(`/redirect?to=${encodeURIComponent(at("/headers"))}`)),
          read(`${shows} throw new Error(sent.authorization)`),
        ),
        retry: { max_attempts: 1 },
      },
    ];
    const run = await start(tenant, await save(tenant, blocks, { evidence: all }), { extra_http_headers: HEADERS });
    expect([run.status, run.failure_reason]).toEqual(["failed", expect.stringContaining("***")]);
    expect(run.output.outputs_output.seen).toMatchObject({ authorization: "***", "x-team": "blue" });
    const artifacts = await eventually(async () => {
      const { body } = await tenant.call("GET", `/v1/runs/${run.run_id}/artifacts`);
      expect(body.length).toBeGreaterThanOrEqual(4);
      return body as { artifact_id: string; artifact_type: string }[];
    });
    const { body: timeline } = await tenant.call("GET", `/v1/runs/${run.run_id}/timeline`);
    const texts = await Promise.all(artifacts.map(async ({ artifact_id }) => await contentOf(tenant, artifact_id)));
    expect(texts.join()).toContain("sent ***");
    const requestHeaders = texts
      .filter((text) => text.startsWith('{"log"'))
      .flatMap((text) => (JSON.parse(text) as Har).log.entries.flatMap(({ request }) => request.headers));
    for (const { name, value } of requestHeaders) if (/^(authorization|x-team)$/i.test(name)) expect(value).toBe("***");
    expect(JSON.stringify([run, timeline, texts])).not.toContain(SECRET);
  });

  it("of a workflow for connecting go to the browser that a run names without headers of its own", async () => {
    const tenant = await newTenant();
    const blocks = [{ ...steps("asks", goto(html("<title>Never</title>"))), retry: { max_attempts: 1 } }];
    const id = await save(tenant, blocks, { cdp_connect_headers: { "x-answer": "418" } });
    const browser_address = inject("pagesOrigin");
    expect((await start(tenant, id, { browser_address })).failure_reason).toContain("/json/version answered with status 418");
    const own = await start(tenant, id, { browser_address, cdp_connect_headers: { "x-answer": "410" } });
    expect(own.failure_reason).toContain("/json/version answered with status 410");
  });
});

interface Har {
  readonly log: { readonly entries: readonly { readonly request: { readonly headers: readonly { name: string; value: string }[] } }[] };
}

async function contentOf(tenant: Tenant, artifactId: string): Promise<string> {
  const request = new Request(`https://pilotfish.test/v1/artifacts/${artifactId}/content`, { headers: { "x-api-key": tenant.key } });
  return await (await exports.default.fetch(request)).text();
}
