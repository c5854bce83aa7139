import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browserGuard } from "../../../src/domain/outbound-patterns.ts";
import type { BrowserPage } from "../../../src/ports/browser-page.ts";
import { at, evaluate, html, leaseBrowser, type OneTab, perform, show, SOON } from "./harness.ts";

// The site is at 127.0.0.1, which is allowed here; under the name `localhost` it is a private host that is not.
const { port } = new URL(at("/"));
const PRIVATE = `http://localhost:${port}/list`;

let lease: OneTab;
let page: BrowserPage;
beforeAll(async () => {
  lease = await leaseBrowser({ guard: browserGuard({ allowedHosts: ["127.0.0.1"] }) });
  page = lease.page;
  await show(page, "<title>Attacker</title>");
});
afterAll(() => lease.close());

/** What a script in the page gets: whatever it throws is an answer too. */
const attempt = (script: string) =>
  evaluate(page, `(async () => { try { return await (${script}); } catch (error) { return String(error); } })()`);
const loaded = (make: string) =>
  `new Promise((resolve) => { const it = ${make}; it.onload = it.onopen = () => resolve("loaded"); it.onerror = () => resolve("refused"); })`;
const inWorker = (script: string) => `URL.createObjectURL(new Blob([${JSON.stringify(script)}]))`;
const fetching = (url: string) => `fetch(${JSON.stringify(url)}, { mode: "no-cors" })`;

describe("a part of a page at a private host", () => {
  it.each([
    ["a request of a script", fetching(PRIVATE), "TypeError: Failed to fetch"],
    ["a request by a redirect", fetching(at(`/redirect?to=${encodeURIComponent(PRIVATE)}`)), "TypeError: Failed to fetch"],
    ["a request to an address of version 6", fetching(`http://[::1]:${port}/list`), "TypeError: Failed to fetch"],
    [
      "an XMLHttpRequest",
      loaded(`Object.assign(new XMLHttpRequest(), { open_: 0 }); it.open("GET", ${JSON.stringify(PRIVATE)}); it.send()`),
      "refused",
    ],
    ["a picture", loaded(`Object.assign(new Image(), { src: ${JSON.stringify(PRIVATE)} })`), "refused"],
    [
      "a script",
      loaded(`document.head.appendChild(Object.assign(document.createElement("script"), { src: ${JSON.stringify(PRIVATE)} }))`),
      "refused",
    ],
    [
      "a stylesheet",
      loaded(
        `document.head.appendChild(Object.assign(document.createElement("link"), { rel: "stylesheet", href: ${JSON.stringify(PRIVATE)} }))`,
      ),
      "refused",
    ],
    [
      "a prefetch",
      loaded(
        `document.head.appendChild(Object.assign(document.createElement("link"), { rel: "prefetch", href: ${JSON.stringify(PRIVATE)} }))`,
      ),
      "refused",
    ],
    ["a stream of events", loaded(`new EventSource(${JSON.stringify(PRIVATE)})`), "refused"],
    [
      "a request of a worker",
      `new Promise((resolve) => { new Worker(${inWorker(`${fetching(PRIVATE)}.then(() => postMessage("loaded"), () => postMessage("refused"))`)}).onmessage = ({ data }) => resolve(data); })`,
      "refused",
    ],
    [
      "a request of a shared worker",
      `new Promise((resolve) => { new SharedWorker(${inWorker(`onconnect = ({ ports: [port] }) => ${fetching(PRIVATE)}.then(() => port.postMessage("loaded"), () => port.postMessage("refused"))`)}).port.onmessage = ({ data }) => resolve(data); })`,
      "refused",
    ],
  ])("is not loaded: %s", async (_, script, outcome) => {
    expect(await attempt(script)).toBe(outcome);
  });

  it("is not loaded: a frame, whose page stays empty", async () => {
    await show(page, `<iframe src="${PRIVATE}"></iframe>`);
    expect(await attempt("frames[0].document.title")).toBe("");
  });

  it("is told of where something is missed, and forgotten with the next page", async () => {
    const missing = () => perform(page, { do: "click", target: { text: "From the script" }, timeoutMs: 500 });
    await show(page, `<script src="${PRIVATE}"></script><img src="${PRIVATE}?picture">`);
    await expect(missing()).rejects.toThrow(
      /parts of the page were not let through: http:\/\/localhost:\d+\/list may not be visited: .*no dot/,
    );
    await show(page, "<title>Next</title>");
    await expect(missing()).rejects.not.toThrow("parts of the page");
  });
});

describe("a WebSocket to a private host", () => {
  const socket = (host: string) => `new Promise((resolve) => {
    const socket = new WebSocket("ws://${host}:${port}/socket?of=${host}");
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
  })`;

  it("does not get there, and one to an allowed host does", async () => {
    await show(page, "<title>Sockets</title>");
    for (const host of ["localhost", "127.0.0.1"]) expect(await attempt(socket(host))).toBe("refused"); // the site speaks no WebSockets
    const asked = await (await fetch(at("/sockets-asked"))).json();
    expect(asked).toEqual(["/socket?of=127.0.0.1"]);
  });
});

describe("a page that goes to an address of another kind", () => {
  it.each(["data:text/html,<title>Data</title>", "file:///etc/passwd", "chrome://version", "view-source:http://127.0.0.1/"])(
    "stays where it is: %s",
    async (url) => {
      const start = html(`<title>Start</title><a href="${url}">Go</a><button onclick="location.href = '${url}'">Go too</button>`);
      await page.goto(start, { ...SOON, waitUntil: "load" });
      for (const target of ["a", "button"]) {
        await perform(page, { do: "click", target }).catch(() => undefined); // what is refused may be told
        expect(await page.where(SOON)).toEqual({ url: start, title: "Start" });
      }
      await expect(page.goto(url, { ...SOON, waitUntil: "load" })).rejects.toThrow("may not be visited");
    },
  );
});

describe("an organization that may not reach every host", () => {
  const allowedHosts = ["127.0.0.1", "localhost"];

  it.each([
    ["the only hosts", { allowedHosts, onlyHosts: ["127.0.0.1"] }],
    ["list of denied hosts", { allowedHosts, deniedHosts: ["localhost"] }],
  ])("loads nothing from others, allowed as they may be: %s", async (reason, policy) => {
    const one = await leaseBrowser({ guard: browserGuard(policy) });
    try {
      await show(
        one.page,
        `<script src="${PRIVATE}"></script><img src="data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7" onload="window.inline = true">`,
      );
      await expect(one.page.perform([{ do: "click", target: "#none", timeoutMs: 300 }], SOON)).rejects.toThrow(reason);
      await expect(one.page.goto(PRIVATE, { ...SOON, waitUntil: "load" })).rejects.toThrow(reason);
      expect(await evaluate(one.page, "window.inline")).toBe(true);
    } finally {
      await one.close();
    }
  });
});
