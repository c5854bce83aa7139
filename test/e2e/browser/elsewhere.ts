/** Where a page can have a script run: in its frames and windows, and in workers. What the guard refuses, it refuses in each. */
import { at, html, htmlOn } from "./harness.ts";

/** An expression for a request whose answer a script may not read. */
export const fetching = (url: string) => `fetch(${JSON.stringify(url)}, { mode: "no-cors" })`;

/** The address of a script, for a worker. */
export const inWorker = (script: string) => `URL.createObjectURL(new Blob([${JSON.stringify(script)}]))`;

const message = "addEventListener('message', ({ data }) => resolve(data))";
const answering = (make: string, on = "it") =>
  `new Promise((resolve) => { const it = ${make}; ${on}.onmessage = ({ data }) => resolve(data); it.onerror = () => resolve("no worker") })`;
const posting = (script: string, to = "postMessage") => `Promise.resolve(${script}).then((text) => ${to}(text))`;
const served = (script: string) => JSON.stringify(at(`/script?js=${encodeURIComponent(script)}`));
const connected = (script: string) => `onconnect = ({ ports: [port] }) => ${posting(script, "port.postMessage")}`;
const inFrame = (url: string) => `new Promise((resolve) => { ${message};
  document.body.append(Object.assign(document.createElement("iframe"), { src: ${JSON.stringify(url)} })) })`;
const tellTop = (script: string) => `<script>Promise.resolve(${script}).then((text) => top.postMessage(text, "*"))</script>`;

/** Ways of a page to have something done elsewhere; `script` is an expression that may be a promise, and gives a text. */
export const ELSEWHERE: [where: string, (script: string) => string][] = [
  ["the page", (script) => script],
  ["a frame of its own", (script) => inFrame(html(tellTop(script)))],
  ["a frame of another process", (script) => inFrame(htmlOn("other process", tellTop(script)))],
  [
    "an empty frame",
    (script) => `document.body.appendChild(document.createElement("iframe")).contentWindow.eval(${JSON.stringify(script)})`,
  ],
  ["a window that it opens", (script) => `window.open("").eval(${JSON.stringify(script)})`],
  ["a worker", (script) => answering(`new Worker(${inWorker(posting(script))})`)],
  [
    "a worker of a worker",
    (script) =>
      answering(`new Worker(${inWorker(`new Worker(${inWorker(posting(script))}).onmessage = ({ data }) => postMessage(data)`)})`),
  ],
  [
    "a worker of a frame of another process",
    (script) => inFrame(htmlOn("other process", tellTop(answering(`new Worker(${inWorker(posting(script))})`)))),
  ],
  ["a shared worker", (script) => answering(`new SharedWorker(${inWorker(connected(script))})`, "it.port")],
  ["a shared worker with an address", (script) => answering(`new SharedWorker(${served(connected(script))})`, "it.port")],
  [
    "a service worker",
    (script) => `(async () => {
      const registration = await navigator.serviceWorker.register(${served(`onmessage = (event) => event.waitUntil(${posting(script, "event.source.postMessage")})`)});
      const worker = registration.installing ?? registration.active;
      while (worker.state !== "activated") await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
      const answer = new Promise((resolve) => navigator.serviceWorker.addEventListener("message", ({ data }) => resolve(data)));
      worker.postMessage("go");
      return await answer.finally(() => registration.unregister());
    })()`,
  ],
];
