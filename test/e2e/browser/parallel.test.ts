import { env } from "cloudflare:workers";
import puppeteer, { TargetType } from "@cloudflare/puppeteer";
import { describe, expect, it } from "vitest";
import { UNTIL_IT_ENDS } from "../../patience.ts";
import { createTenant, type Tenant } from "../../workers/api.ts";
import { at, html, leaseBrowser, SOON, show, guardBy } from "./harness.ts";

async function save(tenant: Tenant, definition: object): Promise<string> {
  const created = await tenant.call("POST", "/v1/workflows", { json_definition: { title: "Pages", workflow_definition: definition } });
  expect(created.body.errors ?? []).toEqual([]);
  return created.body.workflow_permanent_id;
}

/** Runs a workflow to its end. */
async function run(definition: object) {
  const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
  const workflow_id = await save(tenant, definition);
  return (await tenant.call("POST", "/v1/run/workflows", { workflow_id }, UNTIL_IT_ENDS)).body;
}

const title = (label: string, more: object = {}) => ({
  block_type: "actions",
  label,
  steps: [{ action: "evaluate", script: "document.title", name: "seen" }],
  ...more,
});
const open = (label: string, url: string, more: object = {}) => ({ block_type: "goto_url", label, url, ...more });
const page = (name: string) => html(`<title>${name}</title>`);
const goto = (url: string) => ({ action: "goto", url });
const readTitle = { action: "evaluate", script: "document.title", name: "seen" };

describe("browser blocks that run side by side", () => {
  it("have pages of their own, which begin where the block before them ended and share its cookies", async () => {
    const { status, output } = await run({
      version: 3,
      parameters: [],
      blocks: [
        open("login", at("/set-cookie?value=ann")),
        open("shop", page("Shop"), { depends_on: ["login"] }),
        { block_type: "actions", label: "orders", depends_on: ["shop"], steps: [goto(page("Orders")), readTitle] },
        {
          block_type: "actions",
          label: "bills",
          depends_on: ["shop"],
          steps: [readTitle, goto(at("/cookies")), { ...readTitle, name: "cookies" }],
        },
        { block_type: "extraction", label: "read", depends_on: ["bills"], selectors: { cookies: "#cookies" } },
        title("meet", { depends_on: ["orders", "bills"] }),
      ],
    });
    expect(status).toBe("completed");
    expect(output.orders_output.seen).toBe("Orders");
    expect(output.bills_output).toMatchObject({ seen: "Shop", cookies: "Cookies" });
    expect(output.read_output.extracted_information.cookies).toBe("visitor=ann; kept=ann");
    expect(output.meet_output.seen).toBe("Orders");
  });

  it("do not wait for each other: one that hangs costs its own time only", async () => {
    const busy = html("<title>Busy</title><script>setTimeout(() => { while (true) {} }, 50)</script>");
    const { status, output, errors, failure_reason } = await run({
      version: 3,
      parameters: [],
      blocks: [
        open("first", page("First")),
        {
          block_type: "actions",
          label: "hangs",
          depends_on: ["first"],
          timeout_seconds: 3,
          retry: { max_attempts: 1 },
          continue_on_failure: true,
          steps: [goto(busy), { action: "wait_for", text: "Never" }],
        },
        { block_type: "actions", label: "goes_on", depends_on: ["first"], steps: [goto(page("Second")), readTitle] },
        title("after", { depends_on: ["goes_on"] }),
      ],
    });
    expect(failure_reason ?? errors).toEqual([]);
    expect(status).toBe("completed");
    expect(output.goes_on_output.seen).toBe("Second");
    expect(output.after_output.seen).toBe("Second");
  });

  it("begin again by themselves: another's page stays as it is", async () => {
    const { status, output } = await run({
      version: 3,
      parameters: [],
      blocks: [
        open("first", html("<title>First</title><input id=a>")),
        { block_type: "actions", label: "types", depends_on: ["first"], steps: [{ action: "fill", target: "#a", value: "typed" }] },
        {
          ...open("fails", at("/status?code=500"), { depends_on: ["first"], continue_on_failure: true }),
          retry: { max_attempts: 2, initial_seconds: 0.1 },
        },
        {
          block_type: "actions",
          label: "reads",
          depends_on: ["types", "fails"],
          steps: [{ action: "evaluate", script: "document.getElementById('a').value", name: "value" }],
        },
      ],
    });
    expect(status).toBe("completed");
    expect(output.reads_output.value).toBe("typed");
  });
});

describe("iterations that run side by side", () => {
  it("have pages of their own, which are closed when they are over", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const workflow_id = await save(tenant, {
      parameters: [],
      blocks: [
        open("list", page("List")),
        {
          block_type: "for_loop",
          label: "each",
          loop_variable_reference: "{{ ['A', 'B', 'C', 'D'] }}",
          max_concurrency: 4,
          loop_blocks: [
            title("begins"),
            { block_type: "actions", label: "opens", steps: [goto(`${at("/html")}?html=<title>{{ current_value }}</title>`), readTitle] },
            title("stays"),
          ],
        },
        { block_type: "human_interaction", label: "look" },
        title("after"),
      ],
    });
    const { run_id } = (await tenant.call("POST", "/v1/run/workflows", { workflow_id })).body;
    const read = async () => (await tenant.call("GET", `/v1/runs/${run_id}`)).body;
    await expect.poll(async () => (await read()).status).toBe("paused");
    const sessions = async () => (await puppeteer.sessions(env.BROWSER)).map(({ sessionId }) => sessionId);
    await expect.poll(sessions).toHaveLength(1); // those of the runs before are being ended
    const [session] = await sessions();
    await expect.poll(() => pagesIn(session!)).toBe(1);
    await tenant.call("POST", `/v1/runs/${run_id}/approve`);
    await expect.poll(async () => (await read()).status).toBe("completed");
    const { output } = await read();
    const seen = (output.each_output as { output_value: { seen: string } }[][]).map((blocks) =>
      blocks.map((block) => block.output_value.seen),
    );
    expect(seen).toEqual(["A", "B", "C", "D"].map((value) => ["List", value, value]));
    expect(output.after_output.seen).toBe("List");
  });
});

async function pagesIn(sessionId: string): Promise<number> {
  const browser = await puppeteer.connect(env.BROWSER, sessionId);
  return browser.targets().filter((target) => target.type() === TargetType.PAGE).length;
}

describe("a browser's tabs", () => {
  it("are closed one by one, with the windows that they have opened, also when they hang", async () => {
    const one = await leaseBrowser();
    try {
      const second = await one.lease.openTab({ tabId: null, state: null, signal: SOON.signal });
      await show(second.page, "<title>Opener</title><a target=_blank href='/list'>Open</a>");
      await second.page.perform([{ do: "click", target: "a", timeoutMs: SOON.timeoutMs }], SOON);
      await expect.poll(() => pagesIn(one.sessionId)).toBe(3);
      await second.page.evaluate("setTimeout(() => { while (true) {} })", {}, SOON);
      await second.close();
      expect(second.alive).toBe(false);
      await expect.poll(() => pagesIn(one.sessionId)).toBe(1);
      await one.page.goto(at("/list"), { ...SOON, waitUntil: "load" });
    } finally {
      await one.close();
    }
  });

  it("keep what was refused to them, and what they download, apart", async () => {
    const check = (url: string) =>
      new URL(url).pathname === "/secret" ? ({ path: "", message: "private", code: "forbidden_address" } as const) : null;
    const one = await leaseBrowser({ guard: guardBy(check) });
    try {
      const second = await one.lease.openTab({ tabId: null, state: null, signal: SOON.signal });
      await show(one.page, `<a id=a href="/report.csv?digits=1">A</a><iframe src="/secret"></iframe>`);
      await show(second.page, `<a id=b href="/report.csv?digits=3">B</a>`);
      await expect(one.page.perform([{ do: "click", target: "#none", timeoutMs: 300 }], SOON)).rejects.toThrow(
        "a frame was not let through",
      );
      await expect(second.page.perform([{ do: "click", target: "#none", timeoutMs: 300 }], SOON)).rejects.not.toThrow("a frame");
      const [a, b] = await Promise.all([one.page.download("#a", SOON), second.page.download("#b", SOON)]);
      expect(new TextDecoder().decode(a.bytes)).toContain("A-1,9\n");
      expect(new TextDecoder().decode(b.bytes)).toContain("A-1,999\n");
    } finally {
      await one.close();
    }
  });
});
