import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { browserGuard } from "../../../src/domain/outbound/outbound-patterns.ts";
import type { BrowserPage } from "../../../src/ports/browser-page.ts";
import { ELSEWHERE, fetching, inWorker } from "./elsewhere.ts";
import { at, evaluate, html, leaseBrowser, type OneTab, perform, show, SOON } from "./harness.ts";

// The site is at 127.0.0.1, which is allowed here; under the name `localhost` it is a private host that is not.
const { port } = new URL(at("/"));
const PRIVATE = `http://localhost:${port}/list`;

let lease: OneTab;
let page: BrowserPage;
beforeAll(async () => {
  lease = await leaseBrowser({ guard: browserGuard({ allowedHosts: ["127.0.0.1", "own.localhost"] }) });
  page = lease.page;
  await show(page, "<title>Attacker</title>");
});
afterAll(() => lease.close());

/** What a script in the page gets: whatever it throws is an answer too. */
const attempt = (script: string) =>
  evaluate(page, `(async () => { try { return await (${script}); } catch (error) { return String(error); } })()`);
const loaded = (make: string) =>
  `new Promise((resolve) => { const it = ${make}; it.onload = it.onopen = () => resolve("loaded"); it.onerror = () => resolve("refused"); })`;

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

describe("what is at a private host", () => {
  it.each(ELSEWHERE)("is not asked for by %s", async (_, from) => {
    await show(page, "<body>");
    expect(await attempt(from(`${fetching(PRIVATE)}.then(() => "loaded", () => "refused")`))).toBe("refused");
  });

  let sockets = 0;
  const socketTo = (host: string, tag: string) =>
    `new Promise((resolve) => { Object.assign(new WebSocket("ws://${host}:${port}/socket?${tag}"), { onopen: () => resolve("open"), onerror: () => resolve("refused") }) })`;

  it.each(ELSEWHERE)("is not reached by a WebSocket of %s", async (_, from) => {
    const tag = `of=${++sockets}`;
    await show(page, "<body>");
    expect(await attempt(from(socketTo("localhost", tag)))).toBe("refused"); // the site speaks no WebSockets: whether it was asked is what counts
    expect(await (await fetch(at("/sockets-asked"))).json()).not.toContain(`/socket?${tag}`);
  });

  it("is reached by a WebSocket where it is allowed, and not by its address", async () => {
    const one = await leaseBrowser({ guard: browserGuard({ allowedHosts: [`localhost:${port}`] }) });
    try {
      await one.page.goto(html("<title>Sockets</title>").replace("127.0.0.1", "localhost"), { ...SOON, waitUntil: "load" });
      for (const host of ["localhost", "127.0.0.1"]) await evaluate(one.page, socketTo(host, `allowed=${host}`));
      const asked = (await (await fetch(at("/sockets-asked"))).json<string[]>()).filter((path) => path.includes("allowed="));
      expect(asked).toEqual(["/socket?allowed=localhost"]);
    } finally {
      await one.close();
    }
  });
});

describe("a connection from page to page", () => {
  it("sends nothing past the browser that this machine starts", async () => {
    await show(page, "<body>");
    const gather = `(async () => {
      const connection = new RTCPeerConnection();
      const found = [];
      connection.onicecandidate = ({ candidate }) => candidate !== null && found.push(candidate.candidate);
      connection.createDataChannel("x");
      await connection.setLocalDescription(await connection.createOffer());
      while (connection.iceGatheringState !== "complete") await new Promise((resolve) => connection.addEventListener("icegatheringstatechange", resolve, { once: true }));
      return found.join();
    })()`;
    expect(await attempt(gather)).toBe("");
  });

  it("is not to be had where only some hosts may be reached, but for WebTransport in workers", async () => {
    const hosts = ["127.0.0.1", "own.localhost"];
    const one = await leaseBrowser({ guard: browserGuard({ allowedHosts: hosts, onlyHosts: hosts }) });
    const had: string[] = [];
    try {
      for (const [where, from] of ELSEWHERE) {
        await show(one.page, "<body>");
        const found = await evaluate(one.page, from("typeof RTCPeerConnection + ' ' + typeof WebTransport"));
        if (found !== `undefined ${where.includes("worker") ? "function" : "undefined"}`) had.push(`${where}: ${JSON.stringify(found)}`);
      }
    } finally {
      await one.close();
    }
    expect(had).toEqual([]);
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
