import { env } from "cloudflare:workers";
import puppeteer, { TargetType } from "@cloudflare/puppeteer";
import { afterEach, describe, expect, it } from "vitest";
import { createBrowserPlatform } from "../../../src/adapters/browser/platform.ts";
import { AT_ONCE_MS, PATIENCE_MS } from "../../patience.ts";
import { at, browsers, evaluate, hang, html, leaseBrowser, type OneTab, perform, platform, show, SOON, guardBy } from "./harness.ts";

const WISH = { keepAliveMs: 180_000, onlyHosts: null };

const opened: OneTab[] = [];
afterEach(() => Promise.all(opened.splice(0).map((lease) => lease.close())));

async function lease(...options: Parameters<typeof leaseBrowser>): Promise<OneTab> {
  const leased = await leaseBrowser(...options);
  opened.push(leased);
  return leased;
}

const goto = ({ page }: OneTab, url: string) => page.goto(url, { ...SOON, waitUntil: "load" });
const isRunning = async (sessionId: string) => (await puppeteer.sessions(env.BROWSER)).some((session) => session.sessionId === sessionId);

/** Chromium's ids of the pages of a browser. */
async function tabsOf(sessionId: string): Promise<string[]> {
  const browser = await puppeteer.connect(env.BROWSER, sessionId);
  const root = await browser.target().createCDPSession();
  const { targetInfos } = await root.send("Target.getTargets");
  return targetInfos.filter(({ type }) => type === "page").map(({ targetId }) => targetId);
}

/** Ends the browser as a crash would. */
async function kill(sessionId: string): Promise<void> {
  const browser = await puppeteer.connect(env.BROWSER, sessionId);
  const session = await browser.target().createCDPSession();
  void session.send("Browser.crash").catch(() => undefined);
  await expect.poll(() => isRunning(sessionId)).toBe(false);
}

/** Crashes the page, not the browser. */
async function crashPage(sessionId: string): Promise<void> {
  const browser = await puppeteer.connect(env.BROWSER, sessionId);
  const session = await browser
    .targets()
    .find((target) => target.type() === TargetType.PAGE)
    ?.createCDPSession();
  void session?.send("Page.crash").catch(() => undefined);
}

/** A page that shows what its storage held before its own scripts wrote to it. */
const MEMORY = html(`<script>
  window.before = [localStorage.cart ?? null, sessionStorage.step ?? null];
  localStorage.cart ??= "new"; sessionStorage.step ??= "new";
</script>`);

describe("a browser that was let go", () => {
  it("is taken up again by its session id, with its page as it was", async () => {
    const first = await lease();
    await show(first.page, "<title>Here</title><input id=a>");
    await perform(first.page, { do: "fill", target: "#a", value: "typed" });
    await first.disconnect();
    expect(first.alive).toBe(false);

    const second = await lease({ sessionId: first.sessionId, tabId: first.tabId });
    expect(second).toMatchObject({ resumed: true, sessionId: first.sessionId, alive: true });
    expect(await evaluate(second.page, "document.getElementById('a').value")).toBe("typed");
    await perform(second.page, { do: "fill", target: "#a", value: "again" });
    expect(second.page.url()).toBe(first.page.url());
  });

  it("is taken up at its own page, not at a window that this has opened", async () => {
    const first = await lease();
    await show(first.page, "<title>Own</title><a target=_blank href='/list'>Open</a>");
    await perform(first.page, { do: "click", target: "a" });
    await first.disconnect();
    const second = await lease({ sessionId: first.sessionId, tabId: first.tabId });
    expect((await second.page.where(SOON)).title).toBe("Own");
  });

  it("has its page replaced when that does not react any more", async () => {
    const first = await lease();
    await show(first.page, "<title>Busy</title>");
    await hang(first.page);
    await first.disconnect();
    const second = await lease({ sessionId: first.sessionId, tabId: first.tabId });
    expect(second.resumed).toBe(false);
    await expect(goto(second, at("/list"))).resolves.toMatchObject({ status: 200 });
    await expect.poll(() => tabsOf(first.sessionId)).toEqual([second.tabId]);
  });

  it("has its page replaced when that has gone where it may not", async () => {
    const first = await lease();
    await goto(first, at("/list"));
    await first.disconnect();
    const check = (url: string) => (url.includes("/list") ? ({ path: "", message: "private", code: "forbidden_address" } as const) : null);
    const second = await lease({ sessionId: first.sessionId, tabId: first.tabId, guard: guardBy(check) });
    expect(second.resumed).toBe(false);
    expect(second.page.url()).toBe("about:blank");
    await expect.poll(() => tabsOf(first.sessionId)).toEqual([second.tabId]);
  });

  it("is guarded anew", async () => {
    const first = await lease();
    await first.disconnect();
    const second = await lease({
      sessionId: first.sessionId,
      tabId: first.tabId,
      guard: guardBy(() => ({ path: "", message: "private", code: "forbidden_address" })),
    });
    expect(second.resumed).toBe(true);
    await expect(goto(second, at("/list"))).rejects.toThrow("may not be visited: private");
  });
});

describe("a browser that is gone", () => {
  it("is replaced, with address, cookies and storage restored before the page's scripts run", async () => {
    const first = await lease();
    await goto(first, at("/set-cookie?value=ann"));
    await goto(first, MEMORY);
    await evaluate(first.page, "localStorage.cart = 'desk'; sessionStorage.step = '3'");
    const state = await first.checkpoint();
    await kill(first.sessionId);
    await expect.poll(() => first.alive).toBe(false);

    const second = await lease({ sessionId: first.sessionId, tabId: first.tabId, state });
    expect(second.resumed).toBe(false);
    expect(second.page.url()).toBe(MEMORY);
    expect(await evaluate(second.page, "window.before")).toEqual(["desk", "3"]);
    await goto(second, at("/cookies"));
    expect(await evaluate(second.page, "cookies.textContent")).toBe("visitor=ann; kept=ann");
  });

  it("puts the stored values back only once", async () => {
    const first = await lease();
    await goto(first, MEMORY);
    const state = await first.checkpoint();
    await first.close();
    const second = await lease({
      state: { ...state, storage: { origin: at("").replace(/\/$/, ""), local: { cart: "old" }, session: {} } },
    });
    await evaluate(second.page, "localStorage.clear()");
    await goto(second, MEMORY);
    expect(await evaluate(second.page, "window.before[0]")).toBe(null);
  });

  it("fails what waits for it, at once and as something that may pass", async () => {
    const first = await lease();
    await show(first.page, "");
    const waiting = perform(first.page, { do: "wait_for_text", text: "never", timeoutMs: PATIENCE_MS });
    const failed = expect(waiting).rejects.toMatchObject({ name: "PageError", errorClass: "temporary" });
    const before = Date.now();
    await kill(first.sessionId);
    await failed;
    expect(Date.now() - before).toBeLessThan(AT_ONCE_MS);
    await expect(perform(first.page, { do: "click", target: "a" })).rejects.toThrow("the connection to the browser was lost");
  });

  it("fails what waits for a page that crashes, and is not alive then", async () => {
    const first = await lease();
    await show(first.page, "");
    const waiting = perform(first.page, { do: "wait_for_text", text: "never", timeoutMs: PATIENCE_MS });
    const failed = expect(waiting).rejects.toMatchObject({ name: "PageError", errorClass: "temporary", message: "the page crashed" });
    await crashPage(first.sessionId);
    await failed;
    expect(first.alive).toBe(false);
    const second = await lease({ sessionId: first.sessionId, tabId: first.tabId });
    await expect(goto(second, at("/list"))).resolves.toMatchObject({ status: 200 });
  });
});

describe("a checkpoint", () => {
  it("of a new browser is an empty page", async () => {
    const first = await lease();
    expect(await first.checkpoint()).toEqual({ url: "about:blank", cookies: [], storage: null });
    await expect(lease({ state: await first.checkpoint() })).resolves.toMatchObject({ resumed: false });
  });

  it("of a busy page has the storage that was seen last", async () => {
    const first = await lease();
    await goto(first, MEMORY);
    const { storage } = await first.checkpoint();
    await hang(first.page);
    expect(await first.checkpoint()).toMatchObject({ url: MEMORY, storage });
    expect(storage).toMatchObject({ local: { cart: "new" } });
  });
});

describe("closing", () => {
  it("ends the browser", async () => {
    const first = await leaseBrowser();
    expect(await isRunning(first.sessionId)).toBe(true);
    await first.close();
    await expect.poll(() => isRunning(first.sessionId)).toBe(false);
  });

  it("by session id ends the browser, also one that is connected or hangs", async () => {
    const first = await leaseBrowser();
    await show(first.page, "");
    await hang(first.page);
    await browsers.close(first.sessionId);
    await expect.poll(() => isRunning(first.sessionId)).toBe(false);
    await expect.poll(() => first.alive).toBe(false);
  });

  it("never throws: twice, after a disconnect, after the browser's death, or for one that never was", async () => {
    const first = await leaseBrowser();
    await first.close();
    await first.close();
    const second = await leaseBrowser();
    await second.disconnect();
    await second.close();
    await expect.poll(() => isRunning(second.sessionId)).toBe(false);
    const third = await leaseBrowser();
    await kill(third.sessionId);
    await third.close();
    await browsers.close("never-was");
  });
});

describe("leasing", () => {
  it("rejects at once when aborted, and leaves no browser behind", async () => {
    const acquired = platform.acquire(WISH);
    const [held, release] = [Promise.withResolvers<string>(), async () => held.resolve(await acquired)];
    const acquire = () => held.promise;
    const abort = new AbortController();
    const leasing = browsers.lease({ sessionId: null, acquire, cookies: [], guard: guardBy(() => null), signal: abort.signal });
    abort.abort(new Error("canceled"));
    await expect(leasing).rejects.toThrow("canceled");
    await release();
    await expect.poll(async () => isRunning(await acquired)).toBe(false);
  });

  it("says when to ask again where the platform names a time", async () => {
    const full = createBrowserPlatform({
      fetch: async (input: RequestInfo | URL) =>
        new Request(input).url.includes("/v1/limits")
          ? Response.json({
              activeSessions: [],
              maxConcurrentSessions: 2,
              allowedBrowserAcquisitions: 0,
              timeUntilNextAllowedBrowserAcquisition: 4000,
            })
          : new Response("Rate limit exceeded", { status: 429 }),
    });
    await expect(full.acquire(WISH)).rejects.toMatchObject({
      name: "BrowserUnavailable",
      retryAfterMs: 4000,
      message: expect.stringContaining("Rate limit exceeded"),
    });
  });

  it("fails as something that may pass when the browser does not start", async () => {
    const broken = createBrowserPlatform({ fetch: async () => new Response("no such file", { status: 500 }) });
    await expect(broken.acquire(WISH)).rejects.toMatchObject({
      name: "PageError",
      errorClass: "temporary",
      message: expect.stringContaining("no such file"),
    });
  });
});
