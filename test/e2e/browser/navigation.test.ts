import { describe, expect, it } from "vitest";
import { gotoUrl } from "../../../src/blocks/goto-url.ts";
import type { Fault } from "../../../src/domain/error.ts";
import { AT_ONCE_MS, PATIENCE_MS } from "../../patience.ts";
import { at, evaluate, hang, html, browserOfFile, NEVER, perform, runBlock, show, SOON, guardBy } from "./harness.ts";

/** The guard of these tests: nobody may go to the pages under `/status`. */
const check = (url: string): Fault | null =>
  url.includes("/status") ? { path: "", message: "it is private", code: "forbidden_address" } : null;

const { page } = await browserOfFile({ guard: guardBy(check) });

const goto = (url: string, timeoutMs = SOON.timeoutMs) => page.goto(url, { timeoutMs, signal: NEVER, waitUntil: "load" });

describe("goto_url", () => {
  it("tells address, status and title after redirects", async () => {
    const { output } = await runBlock(gotoUrl, page, { url: at(`/redirect?to=${encodeURIComponent("/list?page=2")}`) });
    expect(output).toEqual({ url: at("/list?page=2"), status: 200, title: "List 2" });
  });

  it("fails for good on a page that is not there", async () => {
    await expect(runBlock(gotoUrl, page, { url: at("/nowhere") })).rejects.toMatchObject({
      name: "BlockError",
      errorClass: "block",
      message: `${at("/nowhere")} answered with status 404 ("Nothing here")`,
    });
  });
});

describe("goto", () => {
  it("waits for a slow page", async () => {
    expect(await goto(at("/slow?ms=400"))).toEqual({ url: at("/slow?ms=400"), status: 200, title: "Slow" });
  });

  it("goes on with a page that goes to another by its script, and so do back, forward and reload", async () => {
    const moving = html("<script>location.replace('/list')</script>");
    await expect(goto(moving)).resolves.toMatchObject({ url: at("/list"), title: "List 1" });
    const once = html(
      "<title>First</title><script>if (sessionStorage.moving) { delete sessionStorage.moving; location.replace('/list?page=2') }</script>",
    );
    await goto(once);
    await evaluate(page, "sessionStorage.moving = true");
    await expect(page.reload({ ...SOON, waitUntil: "load" })).resolves.toMatchObject({ title: "List 2" });
  });

  it("arrives, whatever a page does that loads itself again all the time", async () => {
    for (let visit = 0; visit < 10; visit++) {
      await goto(html("<title>Restless</title><script>setInterval(() => location.reload(), 130)</script>"));
      await new Promise((resolve) => setTimeout(resolve, visit * 13)); // it is at another point of its round each time
      expect(await goto(at("/slow?ms=300"))).toMatchObject({ title: "Slow" });
    }
  });

  it("gives up on a server that does not answer, and can go elsewhere then", async () => {
    const before = Date.now();
    await expect(goto(at("/silent"), 500)).rejects.toMatchObject({
      errorClass: "temporary",
      message: `${at("/silent")} did not get to "load" within 0.5 s`,
    });
    expect(Date.now() - before).toBeLessThan(AT_ONCE_MS);
    await expect(goto(at("/list"))).resolves.toMatchObject({ title: "List 1" });
  });

  it("takes a document whose pictures never come, if only that is wanted", async () => {
    await expect(goto(at("/endless"), 500)).rejects.toThrow('did not get to "load"');
    const arrival = await page.goto(at("/endless"), { ...SOON, waitUntil: "domcontentloaded" });
    expect(arrival.title).toBe("Endless");
  });

  it.each([
    ["a broken connection", () => at("/broken"), "temporary", /could not be opened: .*net::ERR_EMPTY_RESPONSE/],
    ["a closed port", () => "http://127.0.0.1:1/", "block", /net::ERR_UNSAFE_PORT/],
    ["a name that nobody has", () => "http://nobody.invalid/", "temporary", /there is no such host/],
    ["redirects without end", () => at("/loop"), "block", /it redirects without end/],
    ["a download", () => at("/report.csv"), "block", /is a download or has no content/],
  ])("tells of %s", async (_, url, errorClass, message) => {
    await expect(goto(url())).rejects.toMatchObject({ name: "PageError", errorClass, message: expect.stringMatching(message) });
  });

  it("goes to another place in the same document", async () => {
    await show(page, "<title>Long</title><p id=end>End</p>");
    const here = page.url();
    expect(await goto(`${here}#end`)).toMatchObject({ url: `${here}#end`, title: "Long" });
    expect(page.url()).toBe(`${here}#end`);
  });
});

describe("an address that may not be visited", () => {
  const refused = () => `${at("/status?code=200")} may not be visited: it is private`;

  it("is not opened", async () => {
    await expect(goto(at("/status?code=200"))).rejects.toMatchObject({ errorClass: "block", message: refused() });
  });

  it("is not reached by a redirect", async () => {
    const url = at(`/redirect?to=${encodeURIComponent("/status?code=200")}`);
    await show(page, "<title>Before</title>");
    await expect(goto(url)).rejects.toMatchObject({ errorClass: "block", message: `${url} redirects to ${refused()}` });
    expect(await page.where(SOON)).toEqual({ url: html("<title>Before</title>"), title: "Before" });
  });

  it.each([
    ["a link", "<a id=go href='/status?code=200'>Go</a>"],
    ["a link by a redirect", `<a id=go href='/redirect?to=${encodeURIComponent("/status?code=200")}'>Go</a>`],
    ["a form", "<form action='/status?code=200' method=post><button id=go>Go</button></form>"],
    ["a script", "<button id=go onclick=\"location.href = '/status?code=200'\">Go</button>"],
  ])("is not reached by %s, and the page stays", async (_, markup) => {
    await show(page, markup);
    const failure = perform(page, { do: "click", target: "#go" });
    await expect(failure).rejects.toMatchObject({
      errorClass: "block",
      actionIndex: 0,
      message: expect.stringContaining("may not be visited: it is private"),
    });
    expect(page.url()).toBe(html(markup));
  });

  it("is not loaded into a frame; whoever misses something there is told", async () => {
    await show(page, "<iframe src='/status?code=200' onload='window.loaded = frames[0].document.title'></iframe>");
    expect(await evaluate(page, "frames[0].document.title")).toBe("");
    const failure = perform(page, { do: "click", target: { text: "Inside" }, timeoutMs: 400 });
    await expect(failure).rejects.toThrow(`a frame was not let through: ${refused()}`);
    await show(page, "<title>Next</title>");
    await expect(perform(page, { do: "click", target: { text: "Inside" }, timeoutMs: 400 })).rejects.not.toThrow(
      "a frame was not let through",
    );
  });

  it("is not loaded into a window that the page opens", async () => {
    await show(page, "<button onclick=\"window.other = window.open('/status?code=200')\">Open</button>");
    await perform(page, { do: "click", target: "button" });
    await expect.poll(() => evaluate(page, "window.other.location.href")).toBe("about:blank");
    expect(await evaluate(page, "window.other.document.title")).toBe("");
  });
});

describe("a click", () => {
  it("waits for the document that it leads to, slow as it may be", async () => {
    await show(page, "<a href='/slow?ms=500'>Go</a>");
    await perform(page, { do: "click", target: "a" });
    expect(await page.where(SOON)).toEqual({ url: at("/slow?ms=500"), title: "Slow" });
  });

  it("does not wait where it leads nowhere", async () => {
    await show(page, "<a href='mailto:a@b.c'>Write</a><a href='javascript:void 0'>Nothing</a><a href='#x'>Here</a><button>Plain</button>");
    for (const text of ["Plain", "Here", "Nothing"]) {
      const before = Date.now();
      await perform(page, { do: "click", target: { text } });
      expect(Date.now() - before, text).toBeLessThan(AT_ONCE_MS);
    }
    await perform(page, { do: "click", target: { text: "Write" } }, { do: "click", target: { text: "Plain" } });
  });

  it("goes on when the new document has its DOM but not all its pictures", async () => {
    await show(page, "<a href='/endless'>Go</a>");
    await perform(page, { do: "click", target: "a" });
    expect((await page.where(SOON)).title).toBe("Endless");
  });

  it("tells of a document that never comes, and that the click was done", async () => {
    await show(page, "<a href='/silent'>Go</a>");
    const failure = perform(page, { do: "click", target: "a", timeoutMs: 500 });
    await expect(failure).rejects.toMatchObject({
      errorClass: "temporary",
      message: expect.stringMatching(/^done, but the page did not react or load what it leads to within 0.5 s/),
    });
  });

  it("is followed by steps in the document that a script of it goes to later", async () => {
    await show(page, "<button onclick=\"setTimeout(() => { location.href = '/list?page=2' }, 300)\">Log in</button>");
    await perform(page, { do: "click", target: "button" }, { do: "click", target: { css: "a.next", nth: 1 } });
    expect(page.url()).toBe(at("/list?page=3"));
  });
});

describe("dialogs", () => {
  it("are dismissed and hold nothing up", async () => {
    await show(page, "<button onclick=\"alert('hey'); window.answers = [confirm('sure?'), prompt('name?')]\">Ask</button>");
    await perform(page, { do: "click", target: "button" });
    expect(await evaluate(page, "window.answers")).toEqual([false, null]);
  });

  it("do not keep the browser on a page", async () => {
    await show(page, "<button>x</button><script>onbeforeunload = (event) => event.preventDefault()</script>");
    await perform(page, { do: "click", target: "button" });
    await expect(goto(at("/list"))).resolves.toMatchObject({ title: "List 1" });
  });

  it("of a window that the page opens hold nothing up", async () => {
    await show(
      page,
      "<button onclick=\"const other = window.open(''); other.document.write('<script>alert(1)<\\/script>'); window.done = true\">Open</button>",
    );
    await perform(page, { do: "click", target: "button" });
    expect(await evaluate(page, "window.done")).toBe(true);
  });
});

describe("a page whose script never ends", () => {
  const HANGING =
    "<title>Busy</title><button id=hang onclick='while (true) {}'>Hang</button><button id=ok onclick='window.done = true'>OK</button>";

  it("costs a click no more than its time-out, and can be used again", async () => {
    await show(page, HANGING);
    const before = Date.now();
    await expect(perform(page, { do: "click", target: "#hang", timeoutMs: 700 })).rejects.toMatchObject({ errorClass: "temporary" });
    expect(Date.now() - before).toBeLessThan(AT_ONCE_MS);
    await perform(page, { do: "click", target: "#ok" });
    expect(await evaluate(page, "window.done")).toBe(true);
  });

  it.each<[string, () => Promise<unknown>]>([
    ["a script", () => page.evaluate("while (true) {}", {}, { timeoutMs: 700, signal: NEVER })],
    ["a wait", () => perform(page, { do: "wait_for_text", text: "never", timeoutMs: 700 })],
    ["a screenshot", () => page.screenshot({ timeoutMs: 700, signal: NEVER, fullPage: false, target: null })],
  ])("costs %s no more than its time-out", async (_, work) => {
    await show(page, HANGING);
    await hang(page);
    const before = Date.now();
    await expect(work()).rejects.toMatchObject({
      name: "PageError",
      errorClass: "temporary",
      message: expect.stringContaining("keeps it busy"),
    });
    expect(Date.now() - before).toBeLessThan(AT_ONCE_MS);
  });

  it("can be left", async () => {
    await show(page, HANGING);
    await hang(page);
    await expect(goto(at("/list"))).resolves.toMatchObject({ title: "List 1" });
  });
});

describe("an abort", () => {
  it.each<[string, string, (signal: AbortSignal) => Promise<unknown>]>([
    ["goto", "", (signal) => page.goto(at("/silent"), { timeoutMs: PATIENCE_MS, signal, waitUntil: "load" })],
    ["a wait for an element", "", (signal) => page.perform([{ do: "click", target: "#later", timeoutMs: PATIENCE_MS }], { signal })],
    ["a wait for an address", "", (signal) => page.perform([{ do: "wait_for_url", glob: "/x", timeoutMs: PATIENCE_MS }], { signal })],
    ["a script", "", (signal) => page.evaluate("new Promise(() => {})", {}, { timeoutMs: PATIENCE_MS, signal })],
    [
      "a click on a page that hangs",
      "<button onclick='while (true) {}'>x</button>",
      (signal) => page.perform([{ do: "click", target: "button", timeoutMs: PATIENCE_MS }], { signal }),
    ],
    ["a download", "<a href='/list'>x</a>", (signal) => page.download("a", { timeoutMs: PATIENCE_MS, signal })],
    [
      "a read",
      "",
      (signal) =>
        page.read({ a: { kind: "value", target: "#a", part: "text", many: false, required: true } }, { timeoutMs: PATIENCE_MS, signal }),
    ],
  ])("ends %s at once, and the page can be used again", async (_, markup, work) => {
    await show(page, markup);
    const abort = new AbortController();
    const outcome = work(abort.signal).then(
      () => "done",
      (error: unknown) => error,
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = Date.now();
    abort.abort(new Error("canceled"));
    expect(await outcome).toEqual(new Error("canceled"));
    expect(Date.now() - before).toBeLessThan(AT_ONCE_MS);
    await expect(goto(at("/list"))).resolves.toMatchObject({ title: "List 1" });
  });

  it("leaves nothing behind that would act later", async () => {
    await show(page, "<script>setTimeout(() => { document.body.innerHTML = '<input id=late type=checkbox>' }, 500)</script>");
    const abort = new AbortController();
    const checking = page.perform([{ do: "check", target: "#late", checked: true, timeoutMs: PATIENCE_MS }], { signal: abort.signal });
    abort.abort(new Error("canceled"));
    await expect(checking).rejects.toThrow("canceled");
    await perform(page, { do: "wait_for", target: "#late", state: "visible" });
    expect(await evaluate(page, "new Promise((done) => setTimeout(() => done(late.checked), 300))")).toBe(false);
  });
});
