import { evictDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { eventually } from "../../eventually.ts";
import { createTenant, type Tenant } from "../../workers/api.ts";
import { evaluate, html, leaseBrowser, show, SOON } from "./harness.ts";

/** A page that is another in every frame that is painted. */
const lively = html(
  `<title>Lively</title><h1 id=n>0</h1><script>let n = 0; const tick = () => { document.getElementById("n").textContent = String(n++); requestAnimationFrame(tick); }; tick()</script>`,
);

async function start(tenant: Tenant, blocks: object[]): Promise<string> {
  const { body: workflow } = await tenant.call("POST", "/v1/workflows", {
    json_definition: { title: "Live", workflow_definition: { parameters: [], blocks } },
  });
  expect(workflow.errors ?? []).toEqual([]);
  return (await tenant.call("POST", "/v1/run/workflows", { workflow_id: workflow.workflow_permanent_id })).body.run_id;
}

const get = (path: string, headers: Record<string, string> = {}) =>
  exports.default.fetch(new Request(`https://pilotfish.test${path}`, { headers }));

interface Watched {
  readonly socket: WebSocket;
  readonly states: { type: string; status: string; url: string | null; message: string; blocks: { path: string }[] }[];
  readonly frames: { at: number; bytes: Uint8Array }[];
  readonly closed: Promise<CloseEvent>;
}

/** @param path with the signature, or null for the key */
async function watch(tenant: Tenant, runId: string, { path = `/v1/runs/${runId}/live`, acknowledge = true } = {}): Promise<Watched> {
  const headers = path.includes("sig=") ? {} : { "x-api-key": tenant.key };
  const response = await get(path, { upgrade: "websocket", ...headers });
  expect(response.status).toBe(101);
  const socket = response.webSocket!;
  const watched: Watched = {
    socket,
    states: [],
    frames: [],
    closed: new Promise((resolve) => socket.addEventListener("close", resolve)),
  };
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => {
    if (typeof data === "string") return void watched.states.push(JSON.parse(data));
    watched.frames.push({ at: Date.now(), bytes: new Uint8Array(data as ArrayBuffer) });
    if (acknowledge) socket.send("ack");
  });
  socket.accept();
  return watched;
}

const opens = { block_type: "goto_url", label: "open", url: lively };
/** Until the run is canceled. */
const looks = { block_type: "actions", label: "look", steps: [{ action: "wait_for", target: "#never", timeout_seconds: 600 }] };

describe("the live view of a run", () => {
  it("shows its page to all who watch, at most 4 pictures a second, and tells what it does to the end", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const runId = await start(tenant, [opens, looks]);
    const [one, two] = [await watch(tenant, runId), await watch(tenant, runId, { acknowledge: false })];
    const { body: link } = await tenant.call("GET", `/v1/runs/${runId}/live/link`);
    const { pathname, search } = new URL(link.live_url);
    const three = await watch(tenant, runId, { path: pathname + search });
    await eventually(() => expect(one.frames.length).toBeGreaterThan(6));
    await eventually(() => expect(three.frames.length).toBeGreaterThan(3));
    for (const { bytes } of one.frames) expect([...bytes.subarray(0, 2)]).toEqual([0xff, 0xd8]); // JPEG
    const gaps = one.frames.slice(1).map(({ at }, index) => at - one.frames[index]!.at);
    const span = one.frames.at(-1)!.at - one.frames[0]!.at;
    // The third is sent when the first was seen; from there on none comes earlier than it may. A timer may be a little early.
    expect(span, gaps.join(" ")).toBeGreaterThan((gaps.length - 2) * 240);
    expect(two.frames.length).toBeLessThan(one.frames.length); // it does not say that it has seen any
    expect(one.states).toContainEqual(
      expect.objectContaining({
        type: "state",
        status: "running",
        url: expect.stringContaining("/html?html="),
        blocks: [expect.objectContaining({ path: "look" })],
      }),
    );
    three.socket.close();
    await tenant.call("POST", `/v1/runs/${runId}/cancel`);
    expect(await one.closed).toMatchObject({ code: 1000 });
    expect(one.states.at(-1)).toMatchObject({ type: "end", status: "canceled", blocks: [] });
    const ended = await tenant.call("GET", `/v1/runs/${runId}/live`);
    expect([ended.status, ended.body.detail]).toEqual([409, expect.stringContaining("has ended: canceled")]);
  });

  it("of a run that waits without a browser says so, and shows the page when there is one, also to who watched before an eviction", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const runId = await start(tenant, [{ block_type: "human_interaction", label: "ask" }, opens, looks]);
    const { states, frames, closed } = await watch(tenant, runId);
    await eventually(() =>
      expect(states.at(-1)).toMatchObject({ status: "paused", url: null, message: "The run waits, without a browser." }),
    );
    expect(frames).toEqual([]);
    await evictDurableObject(env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${tenant.organizationId}:${runId}`)));
    await tenant.call("POST", `/v1/runs/${runId}/approve`);
    await eventually(() => expect(frames.length).toBeGreaterThan(0));
    await tenant.call("POST", `/v1/runs/${runId}/cancel`);
    expect(await closed).toMatchObject({ code: 1000 });
    expect(states.at(-1)).toMatchObject({ type: "end", status: "canceled" });
  });

  it("has room for 50 who watch, by whatever means, and for another when one has gone", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const runId = await start(tenant, [{ block_type: "human_interaction", label: "ask" }]);
    const sockets = await Promise.all(Array.from({ length: 49 }, async () => (await watch(tenant, runId)).socket));
    const reader = (await get(`/v1/runs/${runId}/live`, { "x-api-key": tenant.key })).body!.getReader();
    expect((await reader.read()).done).toBe(false);
    const join = () => get(`/v1/runs/${runId}/live`, { "x-api-key": tenant.key, upgrade: "websocket" });
    const refused = await join();
    expect([refused.status, await refused.json()]).toEqual([
      429,
      expect.objectContaining({ type: "urn:pilotfish:problem:limit_exceeded" }),
    ]);
    sockets[0]!.close();
    await eventually(async () => expect((await join()).status).toBe(101));
    await reader.cancel();
    await tenant.call("POST", `/v1/runs/${runId}/cancel`);
  });

  it("comes as server-sent events where there is no WebSocket", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const runId = await start(tenant, [opens, looks]);
    const askedAt = Date.now();
    const response = await get(`/v1/runs/${runId}/live`, { "x-api-key": tenant.key, accept: "text/event-stream" });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    let secondAt: number | null = null;
    let text = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (secondAt !== null || [...text.matchAll(/^event: frame$/gm)].length < 2) continue;
      secondAt = Date.now();
      await tenant.call("POST", `/v1/runs/${runId}/cancel`);
    }
    const frames = [...text.matchAll(/^event: frame\ndata: (.*)$/gm)].map(([, data]) => JSON.parse(data!));
    expect(frames[0]).toMatchObject({ type: "frame", content_type: "image/jpeg", base64: expect.stringMatching(/^\/9j\//) });
    expect(secondAt! - askedAt).toBeGreaterThan(1_900);
    expect(text).toMatch(/event: end\ndata: .*"status":"canceled".*\n\n$/);
  });

  it("is a page for a browser, and nothing for who has no key and no link", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const runId = await start(tenant, [{ block_type: "human_interaction", label: "ask" }]);
    const page = await get(`/v1/runs/${runId}/live`, { "x-api-key": tenant.key, accept: "text/html" });
    expect([page.status, page.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
    expect(await page.text()).toContain(`data-stream="/v1/runs/${runId}/live?expiry=`);
    expect((await get(`/v1/runs/${runId}/live`, { upgrade: "websocket" })).status).toBe(401);
    expect(
      (await get(`/v1/runs/${runId}/live?expiry=9999999999&kid=${tenant.organizationId}&sig=x`, { upgrade: "websocket" })).status,
    ).toBe(403);
    const stranger = await createTenant();
    expect((await get(`/v1/runs/${runId}/live`, { upgrade: "websocket", "x-api-key": stranger.key })).status).toBe(404);
    await tenant.call("POST", `/v1/runs/${runId}/cancel`);
  });
});

describe("a screencast", () => {
  it("hides password fields also of documents that come, ends when it is told to, and leaves no trace", async () => {
    const { lease, close } = await leaseBrowser();
    const tab = await lease.openTab({ tabId: null, state: null, signal: SOON.signal });
    const { page } = tab;
    const styleOf = (id: string) => evaluate(page, `getComputedStyle(document.getElementById("${id}")).filter`);
    await show(page, "<input id=first type=password>");
    let frames = 0;
    const stop = tab.cast(() => frames++);
    await eventually(() => expect(frames).toBeGreaterThan(0));
    expect(await styleOf("first")).toContain("contrast(0)");
    await show(page, "<input id=second type=password><script>setInterval(() => document.title += 'x', 50)</script>");
    expect(await styleOf("second")).toContain("contrast(0)");
    stop();
    await eventually(async () => expect(await styleOf("second")).toBe("none"));
    await show(page, "<input id=third type=password>");
    expect(await styleOf("third")).toBe("none");
    const after = frames;
    await page.screenshot({ fullPage: false, target: null, ...SOON });
    expect(frames).toBe(after);
    await close();
  });
});
