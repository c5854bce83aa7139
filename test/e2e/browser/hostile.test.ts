import { env } from "cloudflare:workers";
import puppeteer, { TargetType } from "@cloudflare/puppeteer";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PageError } from "../../../src/domain/browser/browser.ts";
import type { BrowserTab } from "../../../src/ports/browser.ts";
import type { BrowserPage } from "../../../src/ports/browser-page.ts";
import { AT_ONCE_MS } from "../../patience.ts";
import { at, evaluate, frame, html, htmlOn, leaseBrowser, NEVER, type OneTab, perform, show, SOON } from "./harness.ts";

let lease: OneTab;
let tab: BrowserTab;
let page: BrowserPage;
beforeAll(async () => {
  lease = await leaseBrowser();
});
afterAll(() => lease.close());

/** Each has a tab of its own: some are given up. */
beforeEach(async () => {
  tab = await lease.lease.openTab({ tabId: null, state: null, signal: NEVER });
  page = tab.page;
});
afterEach(() => tab.close());

const goto = (url: string, timeoutMs = SOON.timeoutMs) => page.goto(url, { timeoutMs, signal: NEVER, waitUntil: "load" });
const OK = `<button id=ok onclick="window.clicks = (window.clicks ?? 0) + 1">OK</button>`;

/** A script's tag that may stand in a script. */
const script = (text: string) => `<script>${text}</script>`;

/** An alert, and for as long as that was shown nothing, on and on: on a slow machine too half of what is sent to the page meets one. */
const ALERTS = script(
  "const again = () => { const from = performance.now(); alert('again'); setTimeout(again, Math.max(5, performance.now() - from)) }; again()",
);

/** How many pages the test's browser has open. */
async function pageCount(): Promise<number> {
  const browser = await puppeteer.connect(env.BROWSER, lease.sessionId);
  return browser.targets().filter((target) => target.type() === TargetType.PAGE).length;
}

/** The tab is as good as new. */
async function canBeUsed(): Promise<void> {
  await expect(goto(at("/list"))).resolves.toMatchObject({ title: "List 1" });
  await perform(page, { do: "click", target: { css: "a.next", nth: 1 } });
  expect(page.url()).toBe(at("/list?page=2"));
}

describe("work is done on a page that", () => {
  it.each<[string, string]>([
    ["shows an alert half of the time", OK + ALERTS],
    ["opens many dialogs as it loads", script("for (let i = 0; i < 50; i++) confirm(i)") + OK],
    ["renders itself anew all the time", `<div id=root>${OK}</div>${script("setInterval(() => { root.innerHTML = root.innerHTML }, 40)")}`],
    [
      "replaces what the pointer comes to",
      `<div id=root>${OK}</div>${script("root.addEventListener('mouseover', () => { root.innerHTML = root.innerHTML }, { once: true })")}`,
    ],
    [
      "writes itself anew",
      OK +
        script(
          `addEventListener("load", () => setTimeout(() => { document.open(); document.write(${JSON.stringify(OK)}); document.close(); }, 30))`,
        ),
    ],
    ["goes through its history all the time", OK + script("let n = 0; setInterval(() => history.pushState({}, '', '#' + n++), 1)")],
    [
      "changes its title, its address and itself all the time",
      `${OK}<p id=p></p>${script("let n = 0; setInterval(() => { document.title = location.hash = p.textContent = ++n }, 1)")}`,
    ],
    [
      "has put its own functions in place of the language's",
      script(`
        const broken = () => { throw new Error("mine now") };
        for (const type of [Array, String, Map, Set, Promise, RegExp, Element, HTMLElement, Node, Document, EventTarget])
          for (const name of Object.getOwnPropertyNames(type.prototype))
            if (typeof Object.getOwnPropertyDescriptor(type.prototype, name).value === "function" && name !== "constructor")
              type.prototype[name] = broken;
        JSON.stringify = JSON.parse = Math.min = Math.max = Object.keys = Object.entries = Array.from = broken;
        window.setTimeout = window.requestAnimationFrame = window.getComputedStyle = window.Promise = window.CSS = broken;
      `) + OK,
    ],
    [
      "allows no script and no eval",
      `<meta http-equiv=content-security-policy content="script-src 'unsafe-inline'; default-src 'none'; require-trusted-types-for 'script'">${OK}`,
    ],
    [
      "has 50,000 elements",
      `${script("document.write('<ul>' + Array.from({ length: 16_666 }, (_, i) => `<li><b>Row ${i}</b><i>x</i>`).join('') + '</ul>')")}${OK}`,
    ],
    [
      "grows all the time",
      `${OK}<ul id=list></ul>${script("setInterval(() => { for (let i = 0; i < 20; i++) list.append(document.createElement('li')) }, 5)")}`,
    ],
    ["fills its console", OK + script("setInterval(() => { for (let i = 0; i < 5; i++) console.log('x'.repeat(2000), { i }) }, 10)")],
    [
      "throws and rejects all the time",
      OK + script("setInterval(() => { Promise.reject(new Error('x'.repeat(1000))); throw new Error('again') }, 1)"),
    ],
    ["asks its server for something all the time", OK + script("setInterval(() => fetch('/status?code=500').catch(() => {}), 25)")],
    [
      "has frames that never load",
      `${OK}<iframe src=/list></iframe>${script("addEventListener('load', () => { for (let i = 0; i < 10; i++) document.body.append(Object.assign(document.createElement('iframe'), { src: '/silent?' + i })) })")}`,
    ],
  ])("%s", async (_, markup) => {
    await show(page, markup);
    await perform(page, { do: "click", target: { role: "button", name: "OK" } }, { do: "click", target: { text: "OK" } });
    const { clicks } = await page.read({ clicks: { kind: "value", target: "#ok", part: "presence", many: false, required: true } }, SOON);
    expect(clicks).toMatchObject({ matched: 1 });
    expect((await page.screenshot({ ...SOON, fullPage: false, target: null })).byteLength).toBeGreaterThan(1000);
    await canBeUsed();
  });
});

describe("each click, each key and the pointer come once where an alert is shown half of the time:", () => {
  const FORM = `${OK}<input id=field>`;

  it.each<[string, string, string | null, clicks?: number]>([
    ["in the page", FORM + ALERTS, null, 40],
    ["in the page around", frame("id=frame", htmlOn("same site", FORM)) + ALERTS, "#frame"],
    ["in the page around, which has another process", frame("id=frame", htmlOn("other process", FORM)) + ALERTS, "#frame"],
    ["in the frame, which has another process", frame("id=frame", htmlOn("other process", FORM + ALERTS)), "#frame"],
  ])("%s", async (_, markup, inFrame, clicks = 3) => {
    await show(page, markup);
    const target = (css: string) => (inFrame === null ? css : { css, frame: inFrame });
    for (let i = 0; i < clicks; i++) await perform(page, { do: "click", target: target("#ok") });
    await perform(page, { do: "type", target: target("#field"), text: "lost?", delayMs: 0 }, { do: "hover", target: target("#field") });
    const there = { ...SOON, ...(inFrame === null ? {} : { frame: inFrame }) };
    expect(await page.evaluate("[window.clicks, field.value, field.matches(':hover')]", {}, there)).toEqual([clicks, "lost?", true]);
  });
});

describe("no more than the time-out is lost, and the tab can be used again, on a page that", () => {
  it.each<[string, () => string]>([
    ["asks again and again, for ever", () => html(script("setTimeout(() => { for (;;) alert('again') }, 50)") + OK)],
    ["loads itself again all the time", () => html(OK + script("setTimeout(() => location.reload(), 30)"))],
    ["sends the browser to and fro", () => at("/ping-pong?to=pong")],
    ["never ends", () => at("/trickle?type=text/html")],
    ["computes for ever, and again after each interruption", () => html(OK + script("setInterval(() => { for (;;); }, 10)"))],
  ])("%s", async (_, url) => {
    const limited = { timeoutMs: 700, signal: NEVER };
    const attempts: [string, () => Promise<unknown>][] = [
      ["goto", () => goto(url(), limited.timeoutMs)],
      ["click", () => perform(page, { do: "click", target: "#ok", timeoutMs: limited.timeoutMs })],
      ["evaluate", () => page.evaluate("document.title", {}, limited)],
      ["screenshot", () => page.screenshot({ ...limited, fullPage: false, target: null })],
    ];
    for (const [name, attempt] of attempts) {
      const before = Date.now();
      const failure = await attempt().then(
        () => null,
        (error: unknown) => error,
      );
      if (failure !== null) expect(failure, name).toBeInstanceOf(PageError);
      expect(Date.now() - before, name).toBeLessThan(AT_ONCE_MS);
    }
    await canBeUsed();
  });
});

describe("a page that holds on to whoever leaves", () => {
  it("is left at the second try", async () => {
    await show(page, script("onbeforeunload = () => { for (;;); }") + OK);
    await perform(page, { do: "click", target: "#ok" }); // a page that nobody has touched is not asked
    await expect(goto(at("/list"), 700)).rejects.toMatchObject({ name: "PageError", errorClass: "temporary" });
    await canBeUsed();
  });
});

describe("a page that waits for its server and lets nothing be done meanwhile", () => {
  it("is given up, and another tab can be used", async () => {
    await show(page, OK);
    await evaluate(page, "const ask = new XMLHttpRequest(); ask.open('GET', '/silent', false); setTimeout(() => ask.send()); null");
    await expect(perform(page, { do: "wait_for_text", text: "never", timeoutMs: 500 })).rejects.toBeInstanceOf(PageError);
    await expect(goto(at("/list"))).rejects.toMatchObject({ errorClass: "temporary", message: "the page does not react any more" });
    expect(tab.alive).toBe(false);
    await tab.close();
    tab = await lease.lease.openTab({ tabId: null, state: null, signal: NEVER });
    page = tab.page;
    await canBeUsed();
  });
});

describe("twenty windows that a page opens, each with a dialog", () => {
  it("hold nothing up and are closed with its tab", async () => {
    const before = await pageCount();
    const popup = "/html?html=<script>alert(1)</script>";
    await show(page, `<button id=open onclick="for (let i = 0; i < 20; i++) window.open('${popup}')">Open</button>${OK}`);
    await perform(page, { do: "click", target: "#open" }, { do: "click", target: "#ok" });
    expect(await evaluate(page, "window.clicks")).toBe(1);
    await canBeUsed();
    await tab.close();
    await expect.poll(pageCount).toBe(before - 1);
  });
});

describe("a download that never ends", () => {
  it("costs no more than its time-out, and the page stays and can be used", async () => {
    await show(page, `<title>Files</title><a id=file href="/trickle?type=text/csv">File</a>${OK}`);
    const before = Date.now();
    await expect(page.download("#file", { timeoutMs: 700, signal: NEVER })).rejects.toMatchObject({
      name: "PageError",
      errorClass: "temporary",
      message: expect.stringContaining("began to come, but not all of it came in time"),
    });
    expect(Date.now() - before).toBeLessThan(AT_ONCE_MS);
    await perform(page, { do: "click", target: "#ok" });
    expect(await page.where(SOON)).toMatchObject({ title: "Files" });
    await canBeUsed();
  });
});
