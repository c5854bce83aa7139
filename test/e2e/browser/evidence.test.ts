import { runDurableObjectAlarm } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { eventually } from "../../eventually.ts";
import { UNTIL_IT_ENDS } from "../../patience.ts";
import { createTenant, type Tenant } from "../../workers/api.ts";
import { at, evaluate, frame, html, htmlOn, leaseBrowser, perform, show, SOON } from "./harness.ts";
import { decodePng, type Pixels } from "./png.ts";

const PASSWORD = "c0rrect horse & battery";

/** Runs blocks to their end, and gives what the run has left. */
async function run(tenant: Tenant, blocks: object[], more: { evidence?: object; parameters?: object[]; values?: object } = {}) {
  const { body: workflow } = await tenant.call("POST", "/v1/workflows", {
    json_definition: {
      title: "Evidence",
      ...(more.evidence === undefined ? {} : { evidence: more.evidence }),
      workflow_definition: { parameters: more.parameters ?? [], blocks },
    },
  });
  expect(workflow.errors ?? []).toEqual([]);
  const start = { workflow_id: workflow.workflow_permanent_id, parameters: more.values ?? {} };
  const { body: ended } = await tenant.call("POST", "/v1/run/workflows", start, UNTIL_IT_ENDS);
  const artifacts = await eventually(async () => {
    const { body } = await tenant.call("GET", `/v1/runs/${ended.run_id}/artifacts`);
    if (more.evidence === undefined) expect(body.some((artifact: Artifact) => artifact.artifact_type === "screenshot_final")).toBe(true);
    return body as Artifact[];
  });
  const { body: timeline } = await tenant.call("GET", `/v1/runs/${ended.run_id}/timeline`);
  return { run: ended, artifacts, block: timeline[0].block, timeline };
}

interface Artifact {
  readonly artifact_id: string;
  readonly artifact_type: string;
  readonly file_name: string;
  readonly content_type: string;
  readonly file_size: number;
  readonly checksum: string;
}

async function contentOf(tenant: Tenant, artifact: Artifact | undefined): Promise<Uint8Array> {
  const request = new Request(`https://pilotfish.test/v1/artifacts/${artifact!.artifact_id}/content`, {
    headers: { "x-api-key": tenant.key },
  });
  const response = await exports.default.fetch(request);
  expect(response.status).toBe(200);
  return new Uint8Array(await response.arrayBuffer());
}

const types = (artifacts: readonly Artifact[]) => artifacts.map(({ artifact_type }) => artifact_type).toSorted();
const fails = { action: "click", target: "#missing", timeout_seconds: 0.5 };

describe("a block that fails", () => {
  it("leaves a screenshot, the console, failed requests and a HAR, and no secret in any of them", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const { body: credential } = await tenant.call("POST", "/v1/credentials", {
      name: "Shop",
      credential_type: "password",
      credential: { username: "ann@example.com", password: PASSWORD },
    });
    const script = `const token = "t0ps" + "3cret";
      const tell = (e) => {
        console.warn("typed", e.target.value, location.origin + "/?token=" + token);
        const refused = fetch("/status?code=503&password=" + encodeURIComponent(e.target.value), { method: "POST", body: "pw=" + e.target.value,
          headers: { authorization: "Basic " + btoa("abc:def"), "x-typed": btoa(e.target.value), "x-shown": "plain" } });
        Promise.allSettled([refused, fetch("/broken?access_token=" + token)]).then(() => { window.hasTold = true });
        setTimeout(() => { throw new Error("boom with " + e.target.value); });
        Promise.reject(new Error("nobody caught this"));
      };`;
    const {
      run: ended,
      artifacts,
      block,
      timeline,
    } = await run(
      tenant,
      [
        {
          block_type: "actions",
          label: "log_in",
          steps: [
            { action: "goto", url: html(`<title>Form</title><input type=password id=p oninput="tell(event)"><script>${script}</script>`) },
            { action: "fill", target: "#p", value: "{{ login.password }}" },
            { action: "wait_for", function: "window.hasTold" },
            fails,
          ],
        },
      ],
      {
        parameters: [{ parameter_type: "workflow", key: "login", workflow_parameter_type: "credential_id" }],
        values: { login: credential.credential_id },
      },
    );
    expect(ended.status).toBe("failed");
    expect(types(artifacts)).toEqual(["browser_console_log", "har", "screenshot_action", "screenshot_final"]);
    const byType = (type: string) => artifacts.find(({ artifact_type }) => artifact_type === type);
    expect(block.failure_evidence.missing).toEqual([]);
    expect(block.failure_evidence.artifact_ids.toSorted()).toEqual(
      ["browser_console_log", "har", "screenshot_action"].map((type) => byType(type)!.artifact_id).toSorted(),
    );
    for (const { file_size, checksum } of artifacts)
      expect([file_size > 0, checksum]).toEqual([true, expect.stringMatching(/^[0-9a-f]{64}$/)]);

    const log = new TextDecoder().decode(await contentOf(tenant, byType("browser_console_log")));
    const lines = log
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toContainEqual(
      expect.objectContaining({
        kind: "console",
        level: "warning",
        text: `typed *** ${at("/")}?token=***`,
        url: expect.stringContaining("/html?html="),
      }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ kind: "page_error", text: expect.stringMatching(/^Uncaught Error: boom with \*\*\*\n/) }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ kind: "page_error", text: expect.stringContaining("(in promise) Error: nobody caught this") }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ kind: "failed_request", method: "POST", status: 503, url: at("/status?code=***&password=***") }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ kind: "failed_request", text: "net::ERR_EMPTY_RESPONSE", url: at("/broken?access_token=***") }),
    );

    const text = new TextDecoder().decode(await contentOf(tenant, byType("har")));
    const { log: har } = JSON.parse(text);
    expect(har.version).toBe("1.2");
    const post = har.entries.find((entry: { request: { method: string } }) => entry.request.method === "POST");
    expect(post.request).not.toHaveProperty("postData");
    expect(post.request.headers).toContainEqual({ name: "authorization", value: "***" });
    expect(post.request.headers).toContainEqual({ name: "x-shown", value: "plain" });
    expect(post.response).toMatchObject({ status: 503, content: { mimeType: "text/html" } });
    for (const { time, timings, request } of har.entries) {
      const { ssl: _, ...phases } = timings;
      const sum = Object.values<number>(phases).reduce((all, phase) => all + Math.max(0, phase), 0);
      expect(time, request.url).toBeCloseTo(sum, 1);
    }
    const everything = [log, text, JSON.stringify(timeline), JSON.stringify(ended)].join("\n");
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), btoa(PASSWORD), "t0ps3cret", "YWJjOmRlZg"])
      expect(everything).not.toContain(secret);
    expect((await tenant.call("GET", `/v1/runs/${ended.run_id}`)).body.screenshot_urls[0]).toContain(
      byType("screenshot_final")!.artifact_id,
    );
  });

  it("on a page that never answers again leaves what there is, says what is missing, and ends in time", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const spins = "const spin = () => { for (let i = 0; i < 20; i++) setTimeout(() => { spin(); while (true) {} }); }; setTimeout(spin)";
    const {
      run: ended,
      artifacts,
      block,
    } = await run(
      tenant,
      [
        { block_type: "goto_url", label: "opens", url: html("<title>Busy</title>") }, // a browser may need its time to begin
        {
          block_type: "actions",
          label: "hangs",
          timeout_seconds: 3,
          retry: { max_attempts: 1 },
          steps: [
            { action: "evaluate", script: `await fetch("/list"); ${spins}` },
            { action: "wait_for", text: "Never" },
          ],
        },
      ],
      { evidence: {} },
    );
    expect(ended.status).toBe("failed");
    expect(ended.failure_reason).toContain("longer than its 3 seconds");
    expect(types(artifacts)).toContain("har");
    expect(types(artifacts)).not.toContain("screenshot_action");
    expect(block.failure_evidence.missing).toContainEqual(expect.stringMatching(/^There is no screenshot: /));
  });
});

describe("frames of other processes, and workers", () => {
  const tenantOf = () => createTenant({ allowed_hosts: ["127.0.0.1", "own.localhost"] });
  const linesOf = async (tenant: Tenant, artifacts: readonly Artifact[]) => {
    const log = artifacts.find(({ artifact_type }) => artifact_type === "browser_console_log");
    const text = new TextDecoder().decode(await contentOf(tenant, log));
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
  };
  const inOwn = (path: string) => at(path).replace("127.0.0.1", "own.localhost");
  const block = (...steps: object[]) => [{ block_type: "actions", label: "a", retry: { max_attempts: 1 }, steps }];

  it("tell of their requests, messages and errors as the page does, and show as little of secrets", async () => {
    const tenant = await tenantOf();
    const { body: credential } = await tenant.call("POST", "/v1/credentials", {
      name: "Shop",
      credential_type: "password",
      credential: { username: "ann@example.com", password: PASSWORD },
    });
    const worker = (code: number, tell: string) => {
      const js = `console.warn("from worker ${code}"); fetch("/status?code=${code}").then(() => postMessage(1))`;
      return `new Worker("/script?js=${encodeURIComponent(js)}").onmessage = () => ${tell}`;
    };
    const tells = `<script>const tell = (text) => {
        console.warn("typed", text);
        fetch("/status?code=503&password=" + encodeURIComponent(text), { headers: { authorization: "Basic " + btoa("abc:def") } })
          .finally(() => parent.postMessage(1, "*"));
        setTimeout(() => { throw new Error("boom with " + text) });
      };
      fetch("/set-cookie?value=1").then(() => { ${worker(504, 'parent.postMessage(1, "*")')} })</script>`;
    const form = htmlOn("other process", `<label>Card <input oninput="tell(this.value)"></label>${tells}`);
    const page = `<title>Shop</title><script>window.told = 0; onmessage = () => told++; ${worker(502, "told++")}</script>${frame("name=pay", form)}`;
    const { artifacts, block: failed } = await run(
      tenant,
      block(
        { action: "goto", url: html(page) },
        { action: "fill", target: { label: "Card", frame: "pay" }, value: "{{ login.password }}" },
        { action: "wait_for", function: "told === 3" },
        fails,
      ),
      {
        parameters: [{ parameter_type: "workflow", key: "login", workflow_parameter_type: "credential_id" }],
        values: { login: credential.credential_id },
      },
    );
    expect(failed.failure_evidence.missing).toEqual([]);
    const lines = await linesOf(tenant, artifacts);
    const line = (fields: object) => expect.objectContaining(fields);
    expect(lines).toEqual(
      expect.arrayContaining([
        line({ kind: "console", text: "typed ***", url: expect.stringContaining(inOwn("/html")) }),
        line({ kind: "page_error", text: expect.stringMatching(/^Uncaught Error: boom with \*\*\*\n/) }),
        line({ kind: "console", text: "from worker 502", url: expect.stringContaining(at("/script")) }),
        line({ kind: "console", text: "from worker 504", url: expect.stringContaining(inOwn("/script")) }),
        line({ kind: "failed_request", status: 503, url: inOwn("/status?code=***&password=***") }),
        line({ kind: "failed_request", status: 502, url: at("/status?code=***") }),
        line({ kind: "failed_request", status: 504, url: inOwn("/status?code=***") }),
      ]),
    );
    const text = new TextDecoder().decode(
      await contentOf(
        tenant,
        artifacts.find(({ artifact_type }) => artifact_type === "har"),
      ),
    );
    const entries: HarEntry[] = JSON.parse(text).log.entries;
    const seen = entries.map(({ request, response }) => `${new URL(request.url).host} ${new URL(request.url).pathname} ${response.status}`);
    const [site, own] = [new URL(at("/")).host, new URL(inOwn("/")).host];
    const [ofPage, ofFrame] = [
      ["/html 200", "/script 200", "/status 502"],
      ["/html 200", "/set-cookie 200", "/script 200", "/status 503", "/status 504"],
    ];
    expect(seen.toSorted()).toEqual([...ofPage.map((path) => `${site} ${path}`), ...ofFrame.map((path) => `${own} ${path}`)].toSorted());
    for (const { request, response } of entries) {
      expect(response._transferSize, request.url).toBeGreaterThan(0); // each has ended
      const headers = [...request.headers, ...response.headers];
      expect(headers.map(({ name }) => name.toLowerCase()).filter((name) => name.endsWith("cookie"))).toEqual([]);
      for (const { name, value } of headers) if (name.toLowerCase() === "authorization") expect(value).toBe("***");
    }
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), "YWJjOmRlZg"]) expect(text + JSON.stringify(lines)).not.toContain(secret);
  });

  it("are waited for by nobody when they hang", async () => {
    const tenant = await tenantOf();
    const { artifacts, block: failed } = await run(
      tenant,
      block(
        { action: "goto", url: html(`<script>console.log("told")</script>${frame("name=busy", htmlOn("other process", "Busy"))}`) },
        { action: "evaluate", script: "setTimeout(() => { while (true) {} })", frame: "busy" },
        fails,
      ),
      { evidence: { screenshots: "off" } },
    );
    expect(failed.failure_evidence.missing).toEqual(["There are no console messages of a frame or worker that did not tell it in 3 s."]);
    expect(await linesOf(tenant, artifacts)).toContainEqual(expect.objectContaining({ kind: "console", text: "told" }));
  });

  it("are not forgotten with them where everything is kept", async () => {
    const tenant = await tenantOf();
    const url = html(frame("id=brief", htmlOn("other process", `Brief<script>console.log("from a frame")</script>`)));
    const { artifacts } = await run(
      tenant,
      block(
        { action: "goto", url },
        { action: "wait_for", text: "Brief", frame: "#brief" },
        { action: "evaluate", script: "brief.remove()" },
      ),
      { evidence: { screenshots: "off", console: "all" } },
    );
    expect(await linesOf(tenant, artifacts)).toContainEqual(expect.objectContaining({ kind: "console", text: "from a frame" }));
  });
});

interface HarEntry {
  readonly request: { readonly url: string; readonly headers: readonly { readonly name: string; readonly value: string }[] };
  readonly response: {
    readonly status: number;
    readonly headers: readonly { readonly name: string; readonly value: string }[];
    readonly _transferSize: number | null;
  };
}

describe("a run", () => {
  const steps = [{ action: "goto", url: html("<title>A</title><script>console.log('hello')</script>") }];

  it("that completes leaves its last page, and nothing else", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const { artifacts } = await run(tenant, [{ block_type: "actions", label: "a", steps }]);
    expect(types(artifacts)).toEqual(["screenshot_final"]);
    const { width, height } = decodePng(await contentOf(tenant, artifacts[0]));
    expect([width, height]).toEqual([1280, 800]);
  });

  it.each<[string, string, (tenant: Tenant, runId: string) => Promise<unknown>]>([
    [
      "has been at work for too long",
      "timed_out",
      async ({ organizationId }, runId) => {
        const now = Date.now.bind(Date);
        vi.spyOn(Date, "now").mockImplementation(() => now() + 61_000);
        return await runDurableObjectAlarm(env.WORKFLOW_RUN.get(env.WORKFLOW_RUN.idFromName(`${organizationId}:${runId}`)));
      },
    ],
    ["is canceled", "canceled", async (tenant, runId) => await tenant.call("POST", `/v1/runs/${runId}/cancel`)],
  ])("that %s leaves the page of the block that was at work, which is its last", async (_, status, end) => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const opens = {
      action: "goto",
      url: html(`<style>body { background: rgb(0, 0, 255) }</style><script>console.log("told"); fetch("/login?id=${status}")</script>`),
    };
    const waits = { action: "wait_for", text: "Never", timeout_seconds: 300 };
    const blocks = [{ block_type: "actions", label: "a", steps: [opens, waits] }];
    const json_definition = { title: "Too long", max_elapsed_time_minutes: 1, workflow_definition: { parameters: [], blocks } };
    const { body: workflow } = await tenant.call("POST", "/v1/workflows", { json_definition });
    const { body: started } = await tenant.call("POST", "/v1/run/workflows", { workflow_id: workflow.workflow_permanent_id });
    await eventually(async () => expect(await (await fetch(at(`/asked?id=${status}`))).text()).toContain("<title>1</title>"));
    await end(tenant, started.run_id);
    expect((await tenant.call("GET", `/v1/runs/${started.run_id}`)).body.status).toBe(status);
    const artifacts = await eventually(async () => {
      const { body } = await tenant.call("GET", `/v1/runs/${started.run_id}/artifacts`);
      expect(types(body)).toEqual(["browser_console_log", "har", "screenshot_action", "screenshot_final"]);
      return body as Artifact[];
    });
    for (const picture of artifacts.filter(({ content_type }) => content_type === "image/png"))
      expect(decodePng(await contentOf(tenant, picture)).at(5, 5)).toEqual([0, 0, 255]);
    vi.restoreAllMocks();
  });

  it("that is to keep everything leaves every page before and after, with console and HAR", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const { artifacts, timeline } = await run(tenant, [{ block_type: "actions", label: "a", steps }], {
      evidence: { screenshots: "all", console: "all", har: "all" },
    });
    const ofAttempt = artifacts.filter(({ artifact_type }) => artifact_type !== "screenshot_final");
    expect(ofAttempt.map(({ file_name }) => file_name).toSorted()).toEqual(["a-1-before.png", "a-1-console.jsonl", "a-1.har", "a-1.png"]);
    expect(timeline[0].block.artifact_ids).toEqual(expect.arrayContaining(ofAttempt.map(({ artifact_id }) => artifact_id)));
  });

  it("that is to keep nothing leaves nothing", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const { artifacts, block } = await run(tenant, [{ block_type: "actions", label: "a", steps: [...steps, fails] }], {
      evidence: { screenshots: "off", console: "off", har: "off" },
    });
    expect(artifacts).toEqual([]);
    expect(block.failure_evidence).toEqual({ artifact_ids: [], missing: [] });
  });
});

describe("evidence of a block", () => {
  const tells = (label: string, more: object) => ({
    block_type: "actions",
    label,
    steps: [
      { action: "goto", url: html("<title>T</title>") },
      { action: "evaluate", script: `console.log("from ${label}")` },
    ],
    ...more,
  });
  const tenantOf = () => createTenant({ allowed_hosts: ["127.0.0.1"] });
  const names = (artifacts: readonly Artifact[]) => artifacts.map(({ file_name }) => file_name).toSorted();

  it("is what it says itself, where the workflow keeps nothing", async () => {
    const tenant = await tenantOf();
    const off = { screenshots: "off", console: "off", har: "off" };
    const { run: ended, artifacts } = await run(
      tenant,
      [tells("quiet", {}), tells("loud", { evidence: { screenshots: "all", console: "all", har: "all" } }), tells("last", {})],
      { evidence: off },
    );
    expect(ended.status, ended.failure_reason).toBe("completed");
    expect(names(artifacts)).toEqual(["loud-1-before.png", "loud-1-console.jsonl", "loud-1.har", "loud-1.png"]);
    const console = artifacts.find(({ artifact_type }) => artifact_type === "browser_console_log");
    expect(new TextDecoder().decode(await contentOf(tenant, console))).toMatch(/^[^\n]*from loud[^\n]*\n?$/);
  });

  it("is nothing where it says so, though it fails, and neither is the run's last page then", async () => {
    const all = { screenshots: "all", console: "all", har: "all" };
    const off = { screenshots: "off", console: "off", har: "off" };
    const hidden = { ...tells("hidden", { evidence: off }), steps: [{ action: "goto", url: html("<title>S</title>") }, fails] };
    const tenant = await tenantOf();
    const { run: ended, timeline } = await run(tenant, [tells("seen", {}), hidden], { evidence: all });
    expect(ended.status).toBe("failed");
    await eventually(async () => expect((await tenant.call("GET", "/v1/browsers")).body.browsers).toEqual([])); // after its last look
    const { body: artifacts } = await tenant.call("GET", `/v1/runs/${ended.run_id}/artifacts`);
    expect(timeline[0].block.failure_evidence).toEqual({ artifact_ids: [], missing: [] });
    expect(names(artifacts)).toEqual(["seen-1-before.png", "seen-1-console.jsonl", "seen-1.har", "seen-1.png"]);
  });
});

describe("max_screenshot_scrolls", () => {
  const colours = ["#f00", "#0f0", "#00f", "#ff0"];
  const tall = html(
    colours.map((colour) => `<div style="height:800px;background:${colour}"></div>`).join("") + "<style>body{margin:0}</style>",
  );
  const stands = (top: number) => ({
    block_type: "actions",
    label: "looks",
    steps: [
      { action: "goto", url: tall },
      { action: "evaluate", script: `scrollTo(0, ${top})` },
    ],
  });
  /** The height of the run's last picture, and what its screens show. */
  async function lastPicture(top: number, workflow: object, request: object) {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const json_definition = { title: "Tall", ...workflow, workflow_definition: { parameters: [], blocks: [stands(top)] } };
    const { workflow_permanent_id: workflow_id } = (await tenant.call("POST", "/v1/workflows", { json_definition })).body;
    const { body } = await tenant.call("POST", "/v1/run/workflows", { workflow_id, ...request }, UNTIL_IT_ENDS);
    expect([body.status, body.warnings], body.failure_reason).toEqual(["completed", []]);
    const last = await eventually(async () => {
      const artifacts: Artifact[] = (await tenant.call("GET", `/v1/runs/${body.run_id}/artifacts`)).body;
      expect(artifacts.map(({ artifact_type }) => artifact_type)).toContain("screenshot_final");
      return artifacts.find(({ artifact_type }) => artifact_type === "screenshot_final");
    });
    const picture = decodePng(await contentOf(tenant, last));
    const screens = Array.from({ length: picture.height / 800 }, (_, index) => picture.at(600, index * 800 + 400));
    return { screens: screens.map((rgb) => `#${rgb.map((part) => (part > 127 ? "f" : "0")).join("")}`), said: body.max_screenshot_scrolls };
  }

  it.each<[string, number, object, object, string[], number | null]>([
    ["none", 0, {}, {}, colours.slice(0, 1), null],
    ["the workflow's", 0, { max_screenshot_scrolls: 1 }, {}, colours.slice(0, 2), 1],
    ["the run's, before the workflow's", 800, { max_screenshot_scrolls: 3 }, { max_screenshot_scrolls: 1 }, colours.slice(1, 3), 1],
    ["more than there are", 1600, {}, { max_screenshot_scrolls: 1_000_000 }, colours.slice(2), 1_000],
  ])(
    "is how many screens further down the pictures of a run go, from where the page stands: %s",
    async (_, top, workflow, request, screens, said) => {
      expect(await lastPicture(top, workflow, request)).toEqual({ screens, said });
    },
  );
});

describe("a screenshot", () => {
  /** Is there anything to be read in this part of the picture? Grey is nothing. */
  const isGrey = (picture: Pixels, [x, y]: readonly [number, number]) => {
    for (let dx = 20; dx < 180; dx += 2)
      for (let dy = 12; dy < 28; dy += 2) {
        const [red, green, blue] = picture.at(x + dx, y + dy);
        if (Math.abs(red - 128) > 2 || Math.abs(green - 128) > 2 || Math.abs(blue - 128) > 2) return false;
      }
    return true;
  };
  const field = (id: string, top: number, more = "") =>
    `<input id=${id} value="readable" ${more} style="position:absolute;left:0;top:${top}px;width:200px;height:40px;font-size:30px;border:0;padding:0">`;

  it("shows nothing of password fields and of fields with a secret, in frames and shadow roots too, and leaves no trace", async () => {
    const { page, close } = await leaseBrowser();
    const elsewhere = html(
      `<style>body{margin:0}</style>${field("foreign", 0, "type=password")}${field("open", 0).replace("left:0", "left:220px")}`,
    ).replace("127.0.0.1", "localhost");
    const inside = (markup: string) => markup.replaceAll('"', "&quot;");
    await show(
      page,
      `<style>body{margin:0} #important{filter:none!important}</style>${field("plain", 0)}${field("password", 50, "type=password")}${field("secret", 100)}
      ${field("important", 150, "type=password")}
      <div id=host style="position:absolute;left:0;top:200px"></div>
      <iframe style="position:absolute;left:0;top:300px;border:0;width:400px;height:60px" srcdoc="${inside(`<style>body{margin:0}</style>${field("framed", 0, "type=password")}`)}"></iframe>
      <iframe style="position:absolute;left:0;top:400px;border:0;width:500px;height:60px" src="${elsewhere}"></iframe>
      <iframe sandbox style="position:absolute;left:0;top:500px;border:0;width:400px;height:60px" srcdoc="${inside(`<style>body{margin:0}</style>${field("boxed", 0, "type=password")}`)}"></iframe>
      <script>host.attachShadow({ mode: "open" }).innerHTML = \`${field("shadowed", 0, "type=password")}\`;
      window.changes = []; new MutationObserver((all) => changes.push(...all.map((m) => m.target.id + " " + m.attributeName))).observe(document.documentElement, { subtree: true, childList: true, attributes: true });</script>`,
    );
    await perform(page, { do: "fill", target: "#secret", value: "geheim", secret: true });
    const before = await evaluate(page, "document.body.outerHTML");
    const picture = decodePng(await page.screenshot({ fullPage: false, target: null, ...SOON }));
    const places = {
      plain: [0, 0],
      password: [0, 50],
      secret: [0, 100],
      important: [0, 150],
      shadowed: [0, 200],
      framed: [0, 300],
      foreign: [0, 400],
      elsewhere: [220, 400],
      boxed: [0, 500],
    } as const;
    const grey = Object.entries(places).map(([name, place]) => [name, isGrey(picture, place)]);
    expect(Object.fromEntries(grey)).toEqual({
      plain: false,
      password: true,
      secret: true,
      important: true,
      shadowed: true,
      framed: true,
      foreign: true,
      elsewhere: false,
      boxed: true,
    });
    await eventually(async () => expect(await evaluate(page, "getComputedStyle(document.getElementById('password')).filter")).toBe("none"));
    expect(await evaluate(page, "document.body.outerHTML")).toBe(before);
    expect(await evaluate(page, "document.getAnimations().length")).toBe(0);
    expect(await evaluate(page, "[...new Set(window.changes)]")).toEqual(["important style"]); // only where a rule of the page insists
    await close();
  });

  it("shows nothing of a field that a run has put a secret into, filled or typed", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const { body: credential } = await tenant.call("POST", "/v1/credentials", {
      name: "Shop",
      credential_type: "password",
      credential: { username: "ann@example.com", password: PASSWORD },
    });
    const { artifacts } = await run(
      tenant,
      [
        {
          block_type: "actions",
          label: "log_in",
          steps: [
            {
              action: "goto",
              url: html(
                `<style>body{margin:0}</style>${field("a", 0)}${field("b", 50)}${field("c", 100)}${field("d", 150)}<iframe style="position:absolute;left:0;top:200px;border:0" srcdoc="${`<style>body{margin:0}</style>${field("e", 0)}`.replaceAll('"', "&quot;")}"></iframe>`,
              ),
            },
            { action: "fill", target: "#a", value: "{{ login.password }}" },
            { action: "type", target: "#b", text: "{{ login.password }}" },
            { action: "click", target: "#c" },
            { action: "type", text: "{{ login.password }}" },
            { action: "fill", target: "#d", value: "not a secret" },
            { action: "fill", target: { css: "#e", frame: "iframe" }, value: "{{ login.password }}" },
          ],
        },
      ],
      {
        parameters: [{ parameter_type: "workflow", key: "login", workflow_parameter_type: "credential_id" }],
        values: { login: credential.credential_id },
      },
    );
    const picture = decodePng(
      await contentOf(
        tenant,
        artifacts.find(({ artifact_type }) => artifact_type === "screenshot_final"),
      ),
    );
    expect([0, 50, 100, 150, 200].map((top) => isGrey(picture, [0, top]))).toEqual([true, true, true, false, true]);
  });

  it("shows nothing of a frame that another process has, and the page around it", async () => {
    const { page, close } = await leaseBrowser();
    const form = htmlOn("other process", `<style>body{margin:0}</style>${field("password", 0, "type=password")}${field("open", 50)}`);
    const at100 = "style='position:absolute;left:0;top:100px;border:0;width:400px;height:100px'";
    await show(page, `<style>body{margin:0}</style>${field("plain", 0)}${frame(`id=pay ${at100}`, form)}`);
    const picture = decodePng(await page.screenshot({ fullPage: false, target: null, ...SOON }));
    expect([0, 100, 150].map((top) => isGrey(picture, [0, top]))).toEqual([false, true, true]);
    const filter = () => evaluate(page, "getComputedStyle(pay).filter");
    await expect.poll(filter).toBe("none");
    await close();
  });

  it("shows nothing of a password field that comes while it is taken", async () => {
    const { page, close } = await leaseBrowser();
    await show(
      page,
      `<style>body{margin:0}</style><div id=place></div><script>const show = () => { place.innerHTML = \`${field("late", 0, "type=password")}\`; requestAnimationFrame(show); }; show()</script>`,
    );
    const picture = decodePng(await page.screenshot({ fullPage: false, target: null, ...SOON }));
    expect(isGrey(picture, [0, 0])).toBe(true);
    await close();
  });
});
