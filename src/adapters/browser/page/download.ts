import { Buffer } from "node:buffer";
import type { CDPSession } from "@cloudflare/puppeteer";
import { type Download, PageError } from "../../../domain/browser/browser.ts";
import { type Deadline, TimeUp } from "../deadline.ts";
import type { PausedRequest, TabGuard } from "../guard/tab-guard.ts";
import type { Tab } from "../tabs/tab.ts";

/** The largest file that is taken: it is held in memory, for a moment as Base64 too. */
const MAX_DOWNLOAD_BYTES = 25 * 1024 * 1024;

const CHUNK_BYTES = 1024 * 1024;

/** Kept back from the time for a file, to break it off: a navigation that is left as it is would hold up the page. */
const BREAK_OFF_MS = 100;

/** Key in the page's own world under which the files that it makes are kept while a download is waited for. */
const KEPT = 'Symbol.for("pilotfish.blobs")';

/**
 * Runs `begin` and takes the file that it makes the browser download.
 *
 * The browser may run on another machine, so its download folder is of no use (it is told to save nothing). A file that comes over the network
 * is taken from the answer to the document request that it begins as, which is then broken off, so the page stays; a file that the page made
 * itself (`blob:`, `data:`) is taken from the page.
 * @throws TimeUp when no download has begun, PageError when it has failed or is too large
 */
export async function catchDownload(tab: Tab, guard: TabGuard, deadline: Deadline, begin: () => Promise<void>): Promise<Download> {
  const caught = Promise.withResolvers<Download>();
  caught.promise.catch(() => undefined); // it is waited for below, after the click
  const stopListening = guard.onDownload(({ url, suggestedFilename }) => {
    if (/^(blob|data):/.test(url)) takeFromPage(tab, url, suggestedFilename, deadline).then(caught.resolve, caught.reject);
  });
  let stopWatching: (() => Promise<void>) | undefined;
  try {
    stopWatching = await tab.wait(
      guard.watchResponses((paused, browser) => takeResponse(paused, browser, caught, deadline)),
      deadline,
    );
    await tab.wait(runInPage(tab, KEEP_BLOBS), deadline);
    await Promise.race([begin(), caught.promise]);
    return await tab.wait(caught.promise, deadline);
  } finally {
    stopListening();
    stopWatching?.().catch(() => undefined); // the browser is gone
    runInPage(tab, RELEASE_BLOBS).catch(() => undefined); // the document is gone
  }
}

/** @returns is it the download? */
async function takeResponse(
  paused: PausedRequest,
  browser: CDPSession,
  caught: PromiseWithResolvers<Download>,
  deadline: Deadline,
): Promise<boolean> {
  const { requestId, request, responseHeaders = [] } = paused;
  const status = paused.responseStatusCode ?? 0;
  const headers = new Map(responseHeaders.map(({ name, value }) => [name.toLowerCase(), value]));
  const contentType = headers.get("content-type") ?? "application/octet-stream";
  const disposition = headers.get("content-disposition") ?? "";
  const isFile = /^\s*attachment/i.test(disposition) || !/^\s*(text\/html|application\/xhtml\+xml)\b/i.test(contentType);
  if (status < 200 || (status >= 300 && status < 400) || !isFile) return false;
  try {
    if (status >= 400)
      throw new PageError(`${request.url} answered with status ${status} instead of a file`, {
        errorClass: status >= 500 ? "temporary" : "block",
      });
    const bytes = await deadline
      .atMost(deadline.remainingMs - BREAK_OFF_MS)
      .wait(readBody(browser, requestId, Number(headers.get("content-length") ?? 0)));
    caught.resolve({ url: request.url, suggestedName: null, disposition, contentType, bytes });
  } catch (error) {
    const late = new PageError(`${request.url} began to come, but not all of it came in time`, { errorClass: "temporary", cause: error });
    caught.reject(error instanceof TimeUp ? late : error);
  }
  await browser.send("Fetch.failRequest", { requestId, errorReason: "Aborted" });
  return true;
}

async function readBody(browser: CDPSession, requestId: string, announcedBytes: number): Promise<Uint8Array> {
  assertSize(announcedBytes);
  const { stream } = await browser.send("Fetch.takeResponseBodyAsStream", { requestId });
  return await readStream(browser, stream, "file");
}

/**
 * Reads a stream of the browser's to its end.
 * @param what it is, for the error when it is too large
 */
export async function readStream(browser: CDPSession, stream: string, what: string): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const { data, base64Encoded, eof } = await browser.send("IO.read", { handle: stream, size: CHUNK_BYTES });
    const chunk = Buffer.from(data, base64Encoded === true ? "base64" : "utf8");
    size += chunk.byteLength;
    assertSize(size, what);
    chunks.push(chunk);
    if (eof) break;
  }
  await browser.send("IO.close", { handle: stream });
  return Buffer.concat(chunks);
}

function assertSize(bytes: number, what = "file"): void {
  if (bytes > MAX_DOWNLOAD_BYTES)
    throw new PageError(`the ${what} is larger than ${MAX_DOWNLOAD_BYTES / 1024 / 1024} MB`, { errorClass: "block" });
}

/** Pages often forget the address of a file as soon as they have clicked on it, so what is behind it is kept. */
const KEEP_BLOBS = `(() => {
  const make = URL.createObjectURL;
  const blobs = new Map();
  URL.createObjectURL = (object) => {
    const url = make.call(URL, object);
    if (object instanceof Blob) blobs.set(url, object);
    return url;
  };
  window[${KEPT}] = { blobs, release: () => { URL.createObjectURL = make; } };
})()`;

const RELEASE_BLOBS = `window[${KEPT}]?.release(); delete window[${KEPT}]`;

async function takeFromPage(tab: Tab, url: string, suggestedName: string, deadline: Deadline): Promise<Download> {
  const take = `(async (url) => {
    const blob = window[${KEPT}]?.blobs.get(url) ?? await (await fetch(url)).blob();
    if (blob.size > ${MAX_DOWNLOAD_BYTES}) return { size: blob.size };
    const reader = new FileReader();
    await new Promise((resolve, reject) => { reader.onload = resolve; reader.onerror = reject; reader.readAsDataURL(blob); });
    return { size: blob.size, dataUrl: reader.result };
  })(${JSON.stringify(url)})`;
  const { size, dataUrl } = url.startsWith("data:")
    ? { size: 0, dataUrl: url }
    : ((await tab.wait(runInPage(tab, take), deadline)) as { size: number; dataUrl?: string });
  assertSize(size);
  const { contentType, bytes } = parseDataUrl(dataUrl ?? "");
  return { url, suggestedName, disposition: "", contentType, bytes };
}

/** `data:text/csv;base64,YSxi` and `data:text/csv,a%2Cb` (RFC 2397). */
function parseDataUrl(url: string): { contentType: string; bytes: Uint8Array } {
  const [, type = "", base64, data = ""] = /^data:(.*?)(;base64)?,(.*)$/s.exec(url) ?? [];
  // Percent signs stand for bytes, which need be no text.
  const toByte = (_: string, digits: string) => String.fromCharCode(Number.parseInt(digits, 16));
  const body = Buffer.from(data)
    .toString("latin1")
    .replace(/%([0-9a-f]{2})/gi, toByte);
  const bytes = Buffer.from(body, base64 === undefined ? "latin1" : "base64");
  return { contentType: type === "" ? "text/plain" : type, bytes };
}

/** @throws PageError when the script fails */
async function runInPage(tab: Tab, expression: string): Promise<unknown> {
  const { result, exceptionDetails } = await tab.cdp.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails === undefined) return result.value;
  throw new PageError(`the file could not be taken from the page: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`, {
    errorClass: "block",
  });
}
