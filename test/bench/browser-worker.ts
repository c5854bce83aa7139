/**
 * The browser benchmark's own Worker: the work as most people write it with `@cloudflare/puppeteer`, and, to count CDP messages with nothing
 * around them, the same steps by this project's adapter.
 */
import puppeteer, { type Browser, type BrowserWorker } from "@cloudflare/puppeteer";
import { createBrowsers } from "../../src/adapters/browser/browsers.ts";
import { actions } from "../../src/blocks/actions.ts";
import { contextWith } from "../../src/blocks/testing/context.ts";
import type { JsonObject } from "../../src/domain/json.ts";
import { browserGuard } from "../../src/domain/outbound/outbound-patterns.ts";
import { FIELDS, TEXTS } from "./order-site.ts";

const KEEP_ALIVE_MS = 600_000;

export default {
  async fetch(request: Request, { BROWSER }: { BROWSER: BrowserWorker }): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const [session, site] = [searchParams.get("session") ?? "", searchParams.get("site") ?? ""];
    switch (pathname) {
      case "/open":
        return Response.json(await puppeteer.acquire(BROWSER, { keep_alive: KEEP_ALIVE_MS }));
      case "/puppeteer":
        return Response.json(await byPuppeteer(await puppeteer.connect(BROWSER, session), site));
      case "/puppeteer/tabs":
        return Response.json(await tabsByPuppeteer(await puppeteer.connect(BROWSER, session), site, Number(searchParams.get("tabs"))));
      case "/puppeteer/cold":
        return Response.json(await coldByPuppeteer(BROWSER, site));
      case "/adapter":
        return Response.json(await byAdapter(BROWSER, session, site));
      case "/close":
        await puppeteer.connect(BROWSER, session).then((browser) => browser.close());
        return Response.json({});
      default:
        return Response.json({ ready: true });
    }
  },
};

async function coldByPuppeteer(binding: BrowserWorker, site: string): Promise<object> {
  const browser = await puppeteer.launch(binding);
  try {
    return await work(browser, site);
  } finally {
    await browser.close();
  }
}

/** The work in so many tabs of one browser at once. */
async function tabsByPuppeteer(browser: Browser, site: string, tabs: number): Promise<object[]> {
  try {
    return await Promise.all(Array.from({ length: tabs }, () => work(browser, site)));
  } finally {
    await browser.disconnect();
  }
}

async function byPuppeteer(browser: Browser, site: string): Promise<object> {
  const count = await countMessages(browser);
  try {
    return { ...(await work(browser, site)), messages: count() };
  } finally {
    await browser.disconnect();
  }
}

/** As most people write it: one call a step, one `$eval` a text. */
async function work(browser: Browser, site: string): Promise<object> {
  const page = await browser.newPage();
  await page.goto(`${site}/form`);
  for (const [selector, text] of Object.entries(FIELDS)) await page.type(selector, text);
  await Promise.all([page.waitForNavigation(), page.click("#send")]);
  const texts: Record<string, string | null> = {};
  for (const [name, selector] of Object.entries(TEXTS)) texts[name] = await page.$eval(selector, (element) => element.textContent);
  const picture = await page.screenshot();
  await page.close();
  return { texts, bytes: picture.length };
}

/** The same by the block that a workflow would use, without the engine around it. */
async function byAdapter(binding: BrowserWorker, sessionId: string, site: string): Promise<object> {
  const signal = new AbortController().signal;
  const guard = browserGuard({ allowedHosts: ["127.0.0.1"] });
  const lease = await createBrowsers(binding).takeUp({ sessionId, guard, signal });
  if (lease === null) throw new Error(`the browser ${sessionId} is gone`);
  try {
    const counter = await puppeteer.connect(binding, sessionId);
    const count = await countMessages(counter);
    await counter.disconnect();
    const tab = await lease.openTab({ tabId: null, state: null, signal });
    let bytes = 0;
    const context = contextWith({
      page: async () => tab.page,
      saveArtifact: async (file) => {
        bytes = file.bytes.byteLength;
        return { ...file, artifactId: "a_1", sizeBytes: bytes, sha256: "", createdAt: 0 };
      },
    });
    const steps = [
      { action: "goto", url: `${site}/form` },
      ...Object.entries(FIELDS).map(([target, value]) => ({ action: "fill", target, value })),
      { action: "click", target: "#send" },
      { action: "extract", name: "texts", fields: TEXTS },
      { action: "screenshot" },
    ];
    const output = (await actions.execute(context, actions.config.parse({ steps }))) as JsonObject;
    await tab.close();
    return { texts: output["texts"], bytes, messages: count() };
  } finally {
    await lease.disconnect();
  }
}

/** Counts what every connection of this isolate sends from now on. @returns tells how many, and ends the counting */
async function countMessages(browser: Browser): Promise<() => Record<string, number>> {
  const session = await browser.target().createCDPSession();
  const prototype = Object.getPrototypeOf(session.connection()) as { _rawSend: (...args: unknown[]) => unknown };
  await session.detach();
  const original = prototype._rawSend;
  const counts: Record<string, number> = {};
  prototype._rawSend = function (...args) {
    const method = String(args[1]);
    counts[method] = (counts[method] ?? 0) + 1;
    return original.apply(this, args);
  };
  return () => {
    prototype._rawSend = original;
    return counts;
  };
}
