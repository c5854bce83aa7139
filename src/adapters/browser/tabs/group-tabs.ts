import type { CDPSession } from "@cloudflare/puppeteer";
import { PageError } from "../../../domain/browser/browser.ts";
import type { PageOptions } from "../../../ports/page-options.ts";
import type { PageTabs, TabChoice, TabView } from "../../../ports/page-surroundings.ts";
import { Deadline, TimeUp } from "../deadline.ts";
import { matchesGlob } from "../page/glob.ts";
import type { Members } from "./members.ts";
import type { OpenTab } from "./open-tab.ts";
import { MAX_TABS, type Windows } from "./windows.ts";

/** Between two looks at the tabs while one is waited for. */
const LOOK_EVERY_MS = 50;

/** The tabs of a group as a page of it sees them, and switches among them. */
export class GroupTabs implements PageTabs {
  readonly #members: Members;
  readonly #windows: Windows;
  readonly #root: CDPSession;
  readonly #openTab: (opener: OpenTab | null, deadline: Deadline) => Promise<OpenTab>;

  /** @param openTab opens one with what is set for its opener */
  constructor(
    members: Members,
    windows: Windows,
    root: CDPSession,
    openTab: (opener: OpenTab | null, deadline: Deadline) => Promise<OpenTab>,
  ) {
    this.#members = members;
    this.#windows = windows;
    this.#root = root;
    this.#openTab = openTab;
  }

  async list({ timeoutMs, signal }: PageOptions): Promise<TabView[]> {
    const titles = await inTime("the browser did not tell its tabs in time", this.#titles(new Deadline(timeoutMs, signal)));
    return this.#members.all.map((tab, index) => ({
      index,
      url: tab.page.url(),
      title: titles.get(tab.tabId) ?? "",
      current: tab === this.#members.current,
    }));
  }

  async open(url: string | null, options: PageOptions): Promise<{ url: string; status: number | null; title: string } | null> {
    const deadline = new Deadline(options.timeoutMs, options.signal);
    if (this.#members.all.length >= MAX_TABS)
      throw new PageError(`there are ${MAX_TABS} tabs already: close some`, { errorClass: "block" });
    const tab = await inTime("a new tab did not open in time", this.#openTab(this.#members.current, deadline));
    this.#members.visit(tab);
    if (url === null) return null;
    return await tab.page.goto(url, { ...options, timeoutMs: deadline.remainingMs, waitUntil: "load" });
  }

  async switchTo(choice: TabChoice, { timeoutMs, signal }: PageOptions): Promise<void> {
    const deadline = new Deadline(timeoutMs, signal);
    const tab = await this.#find(choice, deadline);
    try {
      await tab.hasBegun(deadline);
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      throw new PageError(`the tab is there, but ${tab.page.url() || "its first document"} had not loaded in time`, {
        errorClass: "temporary",
        cause: error,
      });
    }
    this.#members.visit(tab);
  }

  async closeTab(choice: TabChoice | null, { timeoutMs, signal }: PageOptions): Promise<void> {
    const deadline = new Deadline(timeoutMs, signal);
    const tab = choice === null ? this.#members.current : await this.#find(choice, deadline);
    if (tab === null || this.#members.all.length === 1)
      throw new PageError("this is the only tab, and a block needs one: open another one first", { errorClass: "block" });
    await inTime("the tab did not close in time", deadline.wait(tab.close()));
    await Promise.all(this.#members.all.map((member) => member.sayAgain().catch(() => undefined))); // that one is gone too
  }

  /** @throws PageError with the tabs that there are */
  async #find(choice: TabChoice, deadline: Deadline): Promise<OpenTab> {
    try {
      for (;;) {
        const found = await this.#look(choice, deadline);
        if (found !== undefined) return found;
        await deadline.wait(Promise.race([...this.#windows.opening, pause(LOOK_EVERY_MS)]));
      }
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      const none = "newest" in choice ? "no tab was opened that no step has been on" : "there is no such tab";
      const { warning } = this.#windows;
      throw new PageError(`${none}; the tabs are ${await this.#describe()}${warning === null ? "" : `; ${warning}`}`, {
        errorClass: "block",
        cause: error,
      });
    }
  }

  async #look(choice: TabChoice, deadline: Deadline): Promise<OpenTab | undefined> {
    const { all } = this.#members;
    if ("index" in choice) return all.at(choice.index);
    if ("newest" in choice) return all.findLast((tab) => !this.#members.wasVisited(tab));
    if ("url" in choice) return all.findLast((tab) => matchesGlob(choice.url, tab.page.url()));
    const wanted = fold(choice.title);
    const titles = await this.#titles(deadline);
    return all.findLast((tab) => fold(titles.get(tab.tabId) ?? "").includes(wanted));
  }

  async #describe(): Promise<string> {
    const titles = await this.#titles(new Deadline(1_000)).catch(() => new Map<string, string>()); // without them, then
    const describe = (tab: OpenTab, index: number) => {
      const mark = tab === this.#members.current ? " (current)" : "";
      return `${index}: ${tab.page.url()} ${JSON.stringify(titles.get(tab.tabId) ?? "")}${mark}`;
    };
    return this.#members.all.map(describe).join(", ");
  }

  /** By Chromium's ids. A page that is busy has one too. */
  async #titles(deadline: Deadline): Promise<Map<string, string>> {
    const { targetInfos } = await deadline.wait(this.#root.send("Target.getTargets"));
    return new Map(targetInfos.map(({ targetId, title }) => [targetId, title]));
  }
}

async function inTime<T>(late: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof TimeUp)) throw error;
    throw new PageError(late, { errorClass: "temporary", cause: error });
  }
}

function fold(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().toLowerCase();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
