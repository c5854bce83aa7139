import { env } from "cloudflare:workers";
import puppeteer, { TargetType } from "@cloudflare/puppeteer";
import { afterEach, describe, expect, it } from "vitest";
import { UNTIL_IT_ENDS } from "../../patience.ts";
import { actions } from "../../../src/blocks/actions.ts";
import type { JsonObject } from "../../../src/domain/json.ts";
import { createTenant } from "../../workers/api.ts";
import { at, evaluate, guardBy, html, leaseBrowser, type OneTab, runBlock, show, SOON } from "./harness.ts";

const opened: OneTab[] = [];
afterEach(() => Promise.all(opened.splice(0).map((lease) => lease.close())));

async function lease(...options: Parameters<typeof leaseBrowser>): Promise<OneTab> {
  const leased = await leaseBrowser(...options);
  opened.push(leased);
  return leased;
}

/** Runs steps on the current tab, as a block would. */
const run = (one: OneTab, ...steps: JsonObject[]) => runBlock(actions, one.page, { steps });
const pagesIn = async (sessionId: string) =>
  (await puppeteer.connect(env.BROWSER, sessionId)).targets().filter((target) => target.type() === TargetType.PAGE).length;
const click = (target: string) => ({ action: "click", target });
const newest = { action: "switch_tab", newest: true };
const opener = (how: string) => `<title>Opener</title><button id=go onclick="${how}">Open</button>`;

describe("a window that a click opens", () => {
  it.each([
    ["a script", "window.open('/list?page=2')"],
    ["a script that takes its time", "setTimeout(() => window.open('/slow?ms=300'), 200)"],
    [
      "a script without address, which goes somewhere later",
      "const other = window.open(''); setTimeout(() => { other.location = '/list?page=2' }, 50)",
    ],
    ["a link that hides its opener", "const a = document.createElement('a'); a.href = '/slow?ms=200'; a.target = '_blank'; a.click()"],
  ])("by %s, is gone on in", async (_, how) => {
    const one = await lease();
    await show(one.page, opener(how));
    const { output } = await run(one, click("#go"), newest, { action: "wait_for", target: "h1" });
    expect(output["title"]).toMatch(/List 2|Slow/);
    const back = await run(one, { action: "close_tab" });
    expect(back.output["title"]).toBe("Opener");
    await expect.poll(() => pagesIn(one.sessionId)).toBe(1);
  });

  it("has loaded its first document when a step goes on there", async () => {
    const one = await lease();
    await show(one.page, opener("window.open('/slow?ms=300')"));
    const { output } = await run(one, click("#go"), newest, { action: "evaluate", script: "document.title", name: "seen" });
    expect(output["seen"]).toBe("Slow");
  });

  it("leaves its opener the current one when its own page closes it", async () => {
    const one = await lease();
    const popup = html("<title>Allow?</title><button onclick='window.opener.answer = 42; window.close()'>Allow</button>");
    await show(one.page, opener(`window.open(${JSON.stringify(popup).replaceAll('"', "'")})`));
    const { output } = await run(one, click("#go"), newest, click("button"), {
      action: "evaluate",
      script: "[document.title, window.answer]",
      name: "seen",
    });
    expect(output["seen"]).toEqual(["Opener", 42]);
  });

  it("is not let where it may not go, and downloads for its opener", async () => {
    const check = (url: string) =>
      url.includes("/status") ? ({ path: "", message: "it is private", code: "forbidden_address" } as const) : null;
    const one = await lease({ guard: guardBy(check) });
    await show(one.page, opener("window.open('/status?code=200')"));
    const { output } = await run(one, click("#go"), newest, { action: "list_tabs", name: "tabs" });
    expect(output["url"]).not.toContain("/status");
    await show(one.page, "<title>In the window</title><a id=d target=_blank href=/report.csv>CSV</a><a id=s href='/status?code=200'>S</a>");
    expect((await one.page.download("#d", SOON)).contentType).toBe("text/csv");
    await expect(run(one, click("#s"))).rejects.toThrow("may not be visited: it is private");
  });

  it.each([
    ["by itself", "for (let i = 0; i < 40; i++) window.open('')"],
    ["each by the one before", "let last = window; for (let i = 0; i < 40; i++) last = last.open('')"],
    [
      "each several of its like",
      "window.open(location.href)",
      "<script>if (opener !== null) for (let i = 0; i < 3; i++) window.open(location.href)</script>",
    ],
  ])("may open others without end, of which only the first are kept: %s", async (_, how, more = "") => {
    const one = await lease();
    await show(one.page, opener(how) + more);
    await run(one, click("#go"));
    await expect.poll(() => pagesIn(one.sessionId)).toBe(20);
    const { output } = await run(one, { action: "evaluate", script: "document.title", name: "seen" });
    expect(output["seen"]).toBe("Opener");
    for (let looks = 0; looks < 5; looks++) expect(await one.page.where(SOON)).toMatchObject({ title: "Opener" }); // it goes on, too
    await expect(run(one, { action: "switch_tab", title: "none such", timeout_seconds: 0.5 })).rejects.toThrow(
      /\d+ windows were closed as soon as the page had opened them: 20 tabs are the most that it may have/,
    );
    await expect.poll(() => pagesIn(one.sessionId)).toBe(20);
  });

  it("may open others all the time, which is told of, and they are closed with it", async () => {
    const one = await lease();
    const record = { requests: false, console: "late" } as const;
    const other = await one.lease.openTab({ tabId: null, state: null, record, signal: SOON.signal });
    other.recorder.begin();
    await show(other.page, "<script>setInterval(() => window.open(''), 1)</script>");
    await expect
      .poll(async () => (await other.recorder.read()).console)
      .toContainEqual(
        expect.objectContaining({ level: "warning", text: expect.stringContaining("closed as soon as the page had opened") }),
      );
    await other.close();
    await expect.poll(() => pagesIn(one.sessionId)).toBe(1);
  });
});

describe("tabs", () => {
  it("are opened, found by place, address and title, listed and closed", async () => {
    const one = await lease();
    await show(one.page, "<title>First tab</title>");
    const { output } = await run(
      one,
      { action: "new_tab", url: at("/list?page=2") },
      { action: "new_tab", url: html("<title>Third tab</title>") },
      { action: "switch_tab", index: 0 },
      { action: "list_tabs", name: "all" },
      { action: "switch_tab", title: "third" },
      { action: "evaluate", script: "document.title", name: "by_title" },
      { action: "switch_tab", url: "**/list" },
      { action: "evaluate", script: "document.title", name: "by_url" },
      { action: "close_tab", index: -1 },
      { action: "list_tabs", name: "rest" },
    );
    expect(output["all"]).toMatchObject([
      { index: 0, title: "First tab", current: true },
      { index: 1, title: "List 2", url: at("/list?page=2"), current: false },
      { index: 2, title: "Third tab", current: false },
    ]);
    expect(output).toMatchObject({ by_title: "Third tab", by_url: "List 2", url: at("/list?page=2") });
    expect(output["rest"]).toMatchObject([{ title: "First tab" }, { title: "List 2", current: true }]);
  });

  it.each([
    [
      "a place",
      { action: "switch_tab", index: 3, timeout_seconds: 0.5 },
      /steps\[0\] switch_tab 3: there is no such tab; the tabs are 0: .* "Only" \(current\)/,
    ],
    ["an address", { action: "switch_tab", url: "**/nowhere", timeout_seconds: 0.5 }, /switch_tab \*\*\/nowhere: there is no such tab/],
    ["a title", { action: "switch_tab", title: "Nobody", timeout_seconds: 0.5 }, /switch_tab "Nobody": there is no such tab/],
    [
      "a new window",
      { action: "switch_tab", newest: true, timeout_seconds: 0.5 },
      /switch_tab newest: no tab was opened that no step has been on; the tabs are 0/,
    ],
    ["the only one", { action: "close_tab" }, /close_tab: this is the only tab/],
    ["a page that answers with an error", { action: "new_tab", url: at("/status?code=404") }, /new_tab .* answered with status 404/],
  ])("say what there is instead of %s", async (_, step, message) => {
    const one = await lease();
    await show(one.page, "<title>Only</title>");
    await expect(run(one, step)).rejects.toThrow(message);
  });

  it("go on in the opener or the last one when the current one is closed", async () => {
    const one = await lease();
    await show(one.page, "<title>A</title>");
    const { output } = await run(
      one,
      { action: "new_tab", url: html("<title>B</title>") },
      { action: "switch_tab", index: 0 },
      { action: "new_tab", url: html("<title>C</title>") },
      { action: "close_tab" },
      { action: "evaluate", script: "document.title", name: "opener" },
      { action: "close_tab" },
      { action: "evaluate", script: "document.title", name: "last" },
    );
    expect(output).toMatchObject({ opener: "A", last: "B" });
  });

  it("of one page are not seen by another, and are closed with it", async () => {
    const one = await lease();
    await show(one.page, opener("window.open('/list')"));
    const other = await one.lease.openTab({ tabId: null, state: null, signal: SOON.signal });
    await show(other.page, opener("window.open('/list?page=2')"));
    await run(one, click("#go"), newest);
    await runBlock(actions, other.page, { steps: [click("#go")] });
    expect((await one.page.tabs.list(SOON)).map(({ title }) => title)).toEqual(["Opener", "List 1"]);
    const { output } = await runBlock(actions, other.page, { steps: [newest, { action: "list_tabs", name: "tabs" }] });
    expect(output["tabs"]).toMatchObject([{ title: "Opener" }, { title: "List 2", current: true }]);
    await other.close();
    await expect.poll(() => pagesIn(one.sessionId)).toBe(2);
  });
});

describe("a checkpoint of several tabs", () => {
  async function severalTabs(): Promise<OneTab> {
    const one = await lease();
    await show(one.page, "<title>First</title>");
    await run(
      one,
      { action: "new_tab", url: at("/list?page=2") },
      { action: "evaluate", script: "sessionStorage.step = '3'" },
      { action: "new_tab", url: at("/list?page=3") },
      { action: "switch_tab", index: 1 },
    );
    return one;
  }
  const seen = async (one: OneTab) => (await one.page.tabs.list(SOON)).map(({ title, current }) => (current ? `[${title}]` : title));

  it("is taken up in the same browser with the same tabs, and the current one is still it", async () => {
    const first = await severalTabs();
    const { tabId } = first;
    const state = await first.checkpoint();
    await first.disconnect();
    const second = await lease({ sessionId: first.sessionId, tabId, state });
    expect(second.resumed).toBe(true);
    expect(await seen(second)).toEqual(["First", "[List 2]", "List 3"]);
    expect(await evaluate(second.page, "sessionStorage.step")).toBe("3");
    await expect.poll(() => pagesIn(first.sessionId)).toBe(3);
  });

  it("is restored in another browser", async () => {
    const first = await severalTabs();
    const state = await first.checkpoint();
    await first.close();
    const second = await lease({ state });
    expect(await seen(second)).toEqual(["First", "[List 2]", "List 3"]);
    expect(await evaluate(second.page, "sessionStorage.step")).toBe("3");
  });
});

describe("the tabs of a run", () => {
  const read = (script: string) => ({ action: "evaluate", script, name: "seen" });
  const block = (label: string, depends_on: string[], ...steps: JsonObject[]) => ({ block_type: "actions", label, depends_on, steps });

  it("go on from block to block, with what is set for them, and branches have their own", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1"] });
    const popup = (label: string, depends_on: string[], page: number) =>
      block(
        label,
        depends_on,
        { action: "evaluate", script: `void window.open('/list?page=${page}')` },
        newest,
        { action: "list_tabs", name: "tabs" },
        read("[document.title, innerWidth]"),
      );
    const created = await tenant.call("POST", "/v1/workflows", {
      json_definition: {
        title: "Tabs",
        workflow_definition: {
          version: 3,
          parameters: [],
          blocks: [
            block("first", [], { action: "goto", url: at("/list") }, { action: "set_viewport", width: 600, height: 500 }),
            popup("left", ["first"], 2),
            popup("right", ["first"], 3),
            block("later", ["left"], read("document.title"), { action: "close_tab" }),
          ],
        },
      },
    });
    expect(created.body.errors ?? []).toEqual([]);
    const { workflow_permanent_id: workflow_id } = created.body;
    const { status, output, failure_reason } = (await tenant.call("POST", "/v1/run/workflows", { workflow_id }, UNTIL_IT_ENDS)).body;
    expect(failure_reason).toBeNull();
    expect(status).toBe("completed");
    const titles = (label: string) => output[`${label}_output`].tabs.map(({ title }: { title: string }) => title);
    expect([titles("left"), titles("right")]).toEqual([
      ["List 1", "List 2"],
      ["List 1", "List 3"],
    ]);
    expect([output.left_output.seen, output.right_output.seen]).toEqual([
      ["List 2", 600],
      ["List 3", 600],
    ]);
    expect(output.later_output).toMatchObject({ seen: "List 2", title: "List 1" });
  });
});
