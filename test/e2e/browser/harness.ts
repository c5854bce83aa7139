import { env } from "cloudflare:workers";
import { afterAll, expect, inject } from "vitest";
import { createBrowserPlatform } from "../../../src/adapters/browser/platform.ts";
import { createBrowsers } from "../../../src/adapters/browser/browsers.ts";
import type { BlockType, NewArtifact } from "../../../src/blocks/block.ts";
import { Sleep } from "../../../src/blocks/block.ts";
import { contextWith } from "../../../src/blocks/testing/context.ts";
import type { Cookies, PageAction, PageState } from "../../../src/domain/browser/browser.ts";
import type { BrowserGuard } from "../../../src/domain/outbound/outbound-patterns.ts";
import type { Json, JsonObject } from "../../../src/domain/json.ts";
import type { BrowserLease, Browsers, BrowserTab } from "../../../src/ports/browser.ts";
import type { BrowserPage } from "../../../src/ports/browser-page.ts";
import { eventually } from "../../eventually.ts";
import { PATIENCE_MS } from "../../patience.ts";

/** A signal that never aborts. */
export const NEVER = new AbortController().signal;

/** Time enough for everything that is to work. */
export const SOON = { timeoutMs: PATIENCE_MS, signal: NEVER };

export const browsers: Browsers = createBrowsers(env.BROWSER);

/** Opens browsers without asking the pool. */
export const platform = createBrowserPlatform(env.BROWSER);

/** An address of the test site. */
export function at(path: string): string {
  return new URL(path, inject("pagesOrigin")).href;
}

/** The address of a page with this HTML. */
export function html(markup: string): string {
  return at(`/html?html=${encodeURIComponent(markup)}`);
}

/** Where a document inside a page may come from: its own site, another, or another that Chromium gives a process of its own. */
export type FrameSite = "same site" | "other site" | "other process";

/** The address of a page with this HTML on one of these sites. */
export function htmlOn(site: FrameSite, markup: string): string {
  const url = new URL(html(markup));
  if (site !== "same site") url.hostname = site === "other site" ? "other.localhost" : "own.localhost";
  if (site === "other process") url.searchParams.set("process", "own");
  return url.href;
}

/** Markup of a frame. */
export function frame(attributes: string, url: string): string {
  return `<iframe ${attributes} src="${url.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}"></iframe>`;
}

/** A browser with the one tab that most tests need. */
export interface OneTab
  extends Pick<BrowserLease, "sessionId" | "disconnect" | "close">, Pick<BrowserTab, "tabId" | "page" | "alive" | "resumed"> {
  readonly lease: BrowserLease;
  checkpoint(): Promise<TabState>;
}

/** What a run keeps of a browser with one page. */
export type TabState = PageState & { readonly cookies: Cookies };

/** A guard with these rules, to which everything is shown that pages of the test site load. */
export function guardBy(check: BrowserGuard["check"]): BrowserGuard {
  return { check, heldUp: ["http://*"], sockets: [], refusesPeers: false, headers: {} };
}

/** Leases a browser that may go anywhere, and opens a tab in it. */
export async function leaseBrowser({
  tabId = null,
  state = null,
  ...options
}: Partial<Omit<Parameters<Browsers["lease"]>[0], "cookies">> & { tabId?: string | null; state?: TabState | null } = {}): Promise<OneTab> {
  const signal = options.signal ?? NEVER;
  const begin = {
    sessionId: null,
    acquire: () => platform.acquire({ keepAliveMs: 180_000, onlyHosts: null }),
    cookies: state?.cookies ?? [],
    guard: guardBy(() => null),
  };
  const lease = await browsers.lease({ ...begin, signal, ...options });
  const tab = await lease.openTab({ tabId: lease.resumed ? tabId : null, state, signal }).catch(async (error: unknown) => {
    await lease.close();
    throw error;
  });
  return {
    lease,
    sessionId: lease.sessionId,
    get tabId() {
      return tab.tabId;
    },
    get page() {
      return tab.page;
    },
    resumed: tab.resumed,
    get alive() {
      return tab.alive;
    },
    checkpoint: async () => ({ ...(await tab.checkpoint()), cookies: await lease.cookies() }),
    disconnect: () => lease.disconnect(),
    close: () => lease.close(),
  };
}

/** A browser for all tests of a file, with one tab. To be called at the top of the file. */
export async function browserOfFile(options: Parameters<typeof leaseBrowser>[0] = {}): Promise<OneTab> {
  const one = await leaseBrowser(options);
  afterAll(() => one.close());
  return one;
}

/** Opens a page with this HTML. */
export async function show(page: BrowserPage, markup: string): Promise<void> {
  await page.goto(html(markup), { ...SOON, waitUntil: "load" });
}

type Undated<T> = T extends PageAction ? Omit<T, "timeoutMs"> & { timeoutMs?: number } : never;

/** Does these actions, each with the time of `SOON` unless it says otherwise. */
export function perform(page: BrowserPage, ...actions: readonly Undated<PageAction>[]): Promise<void> {
  return page.perform(
    actions.map((action) => ({ timeoutMs: SOON.timeoutMs, ...action })),
    { signal: NEVER },
  );
}

/** What a script in the page answers. */
export function evaluate(page: BrowserPage, script: string): Promise<Json> {
  return page.evaluate(script, {}, SOON);
}

/** A page that its server does not send before the test lets it. */
export function heldPage(): { url: string; release: () => Promise<void> } {
  const id = crypto.randomUUID();
  return { url: at(`/gate?id=${id}`), release: async () => void (await fetch(at(`/open?id=${id}`))) };
}

/** A page that runs a script that never ends, from when the test lets it: nobody can be told by a busy page that it is. */
export function busyPage(): { url: string; begin: () => Promise<void> } {
  const { url: gate, release } = heldPage();
  const id = crypto.randomUUID();
  const script = `fetch(${JSON.stringify(gate)}).then(() => { navigator.sendBeacon("/login?id=${id}"); while (true) {} })`;
  const begin = async () => {
    await release();
    await eventually(async () => expect(await timesAsked(id)).toBe(1));
  };
  return { url: html(`<title>Busy</title><script>${script}</script>`), begin };
}

/** How often a page has asked for `/login` with this id. */
export async function timesAsked(id: string): Promise<number> {
  const [, title = ""] = /<title>(.*?)</.exec(await (await fetch(at(`/asked?id=${id}`))).text()) ?? [];
  return Number(title);
}

/** Has the page run a script that never ends. */
export async function hang(page: BrowserPage): Promise<void> {
  await evaluate(page, "setTimeout(() => { while (true) {} })");
}

/** Runs a block on a page as the engine would, and keeps its artifacts. @param files that are stored already: `a_1`, `a_2`, … */
export async function runBlock(
  block: BlockType,
  page: BrowserPage,
  config: JsonObject,
  signal = NEVER,
  files: readonly NewArtifact[] = [],
): Promise<{ output: JsonObject; artifacts: NewArtifact[] }> {
  const artifacts: NewArtifact[] = [];
  const context = contextWith({
    signal,
    page: async () => page,
    http: {
      async send({ url }) {
        const response = await fetch(url);
        return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.bytes(), url: response.url };
      },
    },
    async openArtifact(artifactId) {
      const number = Number(artifactId.slice(2));
      const file = files[number - 1];
      if (file === undefined) return null;
      const artifact = {
        ...file,
        artifactId: `a_${number}` as const,
        sizeBytes: file.bytes.byteLength,
        sha256: "f".repeat(64),
        createdAt: 0,
      };
      return { artifact, body: new Response(file.bytes).body! };
    },
    async saveArtifact(file) {
      artifacts.push(file);
      return { ...file, artifactId: `a_${artifacts.length}`, sizeBytes: file.bytes.byteLength, sha256: "f".repeat(64), createdAt: 0 };
    },
  });
  const output = await block.execute(context, block.config.parse(config));
  if (output instanceof Sleep) throw new Error("a browser block does not sleep");
  return { output: block.output.parse(output) as JsonObject, artifacts };
}
