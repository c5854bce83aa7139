import puppeteer, { type Browser, type BrowserWorker } from "@cloudflare/puppeteer";
import { BrowserUnavailable, PageError } from "../../domain/browser/browser.ts";
import type { BrowserPlatform, PlatformLimits } from "../../ports/browser-platform.ts";
import type { BrowserWish } from "../../ports/browser-pool.ts";
import { Deadline, TimeUp } from "./deadline.ts";
import { readRefusal } from "./unavailable.ts";

/** A new browser takes 2 to 4 s on the platform. */
const START_MS = 60_000;

const CLOSE_MS = 10_000;

/** Browser Rendering, by way of its binding. */
export function createBrowserPlatform(binding: BrowserWorker): BrowserPlatform {
  return {
    acquire: (wish) => acquire(binding, wish),
    limits: () => readLimits(binding),
    async list() {
      const sessions = await puppeteer.sessions(binding);
      return sessions.map(({ sessionId, connectionId }) => ({ sessionId, connected: connectionId != null }));
    },
    close: (sessionId) => closeBrowser(binding, sessionId),
  };
}

/** More domains than these the platform does not take; then it is our guard alone that holds a browser to its hosts. */
const MAX_GUARDRAILS = 50;

async function acquire(binding: BrowserWorker, { keepAliveMs, onlyHosts }: BrowserWish): Promise<string> {
  const guardrails = onlyHosts === null || onlyHosts.length > MAX_GUARDRAILS ? {} : { guardrails: { allowedDomains: [...onlyHosts] } };
  const acquiring = puppeteer.acquire(binding, { keep_alive: keepAliveMs, ...guardrails });
  try {
    return (await new Deadline(START_MS).wait(acquiring)).sessionId;
  } catch (error) {
    if (error instanceof TimeUp) {
      acquiring.then(({ sessionId }) => closeBrowser(binding, sessionId)).catch(() => undefined); // it comes too late, or not at all
      throw new PageError(`no browser was started within ${START_MS / 1000} s`, { errorClass: "temporary", cause: error });
    }
    const message = error instanceof Error ? error.message : String(error);
    const limits = await puppeteer.limits(binding).catch(() => null);
    const refusal = readRefusal(message, limits);
    if (refusal === null) throw new PageError(`the browser could not be started: ${message}`, { errorClass: "temporary", cause: error });
    throw new BrowserUnavailable(`no browser is to be had just now: ${message}`, { retryAfterMs: refusal.retryAfterMs, cause: error });
  }
}

async function readLimits(binding: BrowserWorker): Promise<PlatformLimits> {
  const limits = await new Deadline(CLOSE_MS).wait(puppeteer.limits(binding));
  const active: { id: string }[] | undefined = limits.activeSessions; // the local binding leaves it out
  return {
    maxConcurrent: limits.maxConcurrentSessions,
    activeSessionIds: (active ?? []).map(({ id }) => id),
    nextAcquisitionInMs: limits.allowedBrowserAcquisitions > 0 ? 0 : limits.timeUntilNextAllowedBrowserAcquisition,
  };
}

/** Ends a browser of which only the id is known. Never throws: one that cannot be ended is gone, or will idle out. */
export async function closeBrowser(binding: BrowserWorker, sessionId: string): Promise<void> {
  const deadline = new Deadline(CLOSE_MS);
  try {
    const address = `https://browser.internal/v1/devtools/browser/${encodeURIComponent(sessionId)}`;
    const response = await deadline.wait(binding.fetch(address, { method: "DELETE" }));
    await response.body?.cancel();
    if (response.ok) return;
    await endBrowser(await deadline.wait(puppeteer.connect(binding, sessionId)));
  } catch {
    // See above: there is nothing more to be done about it.
  }
}

/**
 * Ends a browser by the connection to it. Puppeteer's own `close` prints an error when the browser goes down before it has answered, as it may.
 * @throws when it is there still
 */
export async function endBrowser(browser: Browser): Promise<void> {
  const deadline = new Deadline(CLOSE_MS);
  const root = await deadline.wait(browser.target().createCDPSession());
  await deadline.wait(root.connection()!.send("Browser.close")).catch((error: unknown) => {
    if (browser.connected) throw error;
  });
  await browser.disconnect();
}
