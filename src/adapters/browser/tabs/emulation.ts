import type { Browser, CDPSession } from "@cloudflare/puppeteer";
import { PageError } from "../../../domain/browser/browser.ts";
import { changeSettings, type SettingsChange, type TabSettings } from "../../../domain/browser/tab-settings.ts";
import { clientHintsOf, languagesOf, PLATFORMS, platformOf } from "../../../domain/browser/user-agent.ts";
import type { PageOptions } from "../../../ports/page-options.ts";
import type { PageSettings } from "../../../ports/page-surroundings.ts";
import { Deadline, TimeUp } from "../deadline.ts";
import type { Tab } from "./tab.ts";

/** What pages are laid out for: a common laptop. */
const VIEWPORT = { width: 1280, height: 800, deviceScaleFactor: 1, mobile: false };

/** A tab's settings, in force. Chromium keeps them for a session only: whoever attaches to a tab says them again. */
export class Emulation implements PageSettings {
  readonly #tab: Tab;
  readonly #browser: Browser;
  readonly #root: CDPSession;
  readonly #onRequests: () => Promise<void>;
  #now: TabSettings;
  #platformScript: string | null = null;

  /** @param onRequests is called when something has changed that concerns requests */
  constructor(tab: Tab, browser: Browser, root: CDPSession, settings: TabSettings, onRequests: () => Promise<void>) {
    this.#tab = tab;
    this.#browser = browser;
    this.#root = root;
    this.#now = settings;
    this.#onRequests = onRequests;
  }

  get now(): TabSettings {
    return this.#now;
  }

  /** Says everything that is set; of a tab without settings only the size of its pages. */
  async begin(): Promise<void> {
    const { viewport, userAgent, locale, timeZone, geolocation, headers, logins } = this.#now;
    await Promise.all([
      this.#sendViewport(),
      ...(viewport?.touch === true ? [this.#sendTouch()] : []),
      ...(userAgent === undefined && locale === undefined ? [] : [this.#sendUserAgent()]),
      // In a process that another tab has set already it is in force.
      ...(locale === undefined ? [] : [this.#sendLocale().catch(ignoreInEffect)]),
      ...(timeZone === undefined ? [] : [this.#sendTimeZone().catch(ignoreInEffect)]),
      ...(geolocation === undefined ? [] : [this.#sendGeolocation([])]),
      ...(headers === undefined && logins === undefined ? [] : [this.#onRequests()]),
    ]);
  }

  async change(change: SettingsChange, { timeoutMs, signal }: PageOptions): Promise<void> {
    const before = this.#now;
    this.#now = changeSettings(before, change);
    const sent: Promise<unknown>[] = [];
    if ("viewport" in change) sent.push(this.#sendViewport(), this.#sendTouch());
    if ("userAgent" in change || "locale" in change) sent.push(this.#sendUserAgent());
    if ("locale" in change) sent.push(this.#sendLocale());
    if ("timeZone" in change) sent.push(this.#sendTimeZone());
    if ("geolocation" in change) sent.push(this.#sendGeolocation(before.geolocation?.origins ?? []));
    if ("headers" in change || "logins" in change) sent.push(this.#onRequests());
    try {
      await this.#tab.wait(Promise.all(sent), new Deadline(timeoutMs, signal));
    } catch (error) {
      this.#now = before;
      if (error instanceof TimeUp) throw new PageError("the browser did not take this in time", { errorClass: "temporary", cause: error });
      if (isInEffect(error))
        throw new PageError("another tab of the browser, in the same process, has another one", { errorClass: "block", cause: error });
      throw error;
    }
  }

  /** How the next dialog is answered. */
  nextDialog(): { accept: boolean; text: string | null } {
    const { dialogs } = this.#now;
    if (dialogs === undefined) return { accept: false, text: null };
    if (dialogs.times !== null) {
      const times = dialogs.times - 1;
      this.#now = changeSettings(this.#now, { dialogs: times > 0 ? { ...dialogs, times } : null });
    }
    return { accept: dialogs.respond === "accept", text: dialogs.text };
  }

  async #sendViewport(): Promise<void> {
    const { width, height, deviceScaleFactor, mobile } = this.#now.viewport ?? VIEWPORT;
    await this.#tab.cdp.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor, mobile });
  }

  async #sendTouch(): Promise<void> {
    await this.#tab.cdp.send("Emulation.setTouchEmulationEnabled", { enabled: this.#now.viewport?.touch ?? false });
  }

  async #sendUserAgent(): Promise<void> {
    const { userAgent: set, locale } = this.#now;
    if (set === undefined && locale === undefined) {
      await Promise.all([
        this.#tab.cdp.send("Emulation.setUserAgentOverride", { userAgent: "" }), // the browser's own
        this.#sayPlatform(null),
      ]);
      return;
    }
    const userAgent = set?.userAgent ?? (await this.#browser.userAgent());
    const platform = set?.platform ?? platformOf(userAgent);
    const hints = clientHintsOf(userAgent, platform);
    const override = {
      userAgent,
      platform: PLATFORMS[platform],
      ...(locale === undefined ? {} : { acceptLanguage: languagesOf(locale) }),
      ...(hints === null ? {} : { userAgentMetadata: hints }),
    };
    await Promise.all([
      this.#tab.cdp.send("Emulation.setUserAgentOverride", override),
      this.#sayPlatform(set === undefined ? null : PLATFORMS[platform]),
    ]);
  }

  /** Chromium forgets the platform with the document: it is said in each, before the page's own scripts. */
  async #sayPlatform(platform: string | null): Promise<void> {
    const before = this.#platformScript;
    this.#platformScript = null;
    if (before !== null) await this.#tab.cdp.send("Page.removeScriptToEvaluateOnNewDocument", { identifier: before });
    if (platform === null) return;
    const source = `Object.defineProperty(Navigator.prototype, "platform", { get: () => ${JSON.stringify(platform)}, configurable: true, enumerable: true })`;
    this.#platformScript = (await this.#tab.cdp.send("Page.addScriptToEvaluateOnNewDocument", { source })).identifier;
  }

  async #sendLocale(): Promise<void> {
    const { locale } = this.#now;
    await this.#tab.cdp.send("Emulation.setLocaleOverride", locale === undefined ? {} : { locale });
  }

  async #sendTimeZone(): Promise<void> {
    await this.#tab.cdp.send("Emulation.setTimezoneOverride", { timezoneId: this.#now.timeZone ?? "" });
  }

  /** @param before the origins that might ask for it until now */
  async #sendGeolocation(before: readonly string[]): Promise<void> {
    const { geolocation } = this.#now;
    const permit = (origin: string, setting: "granted" | "prompt") =>
      this.#root.send("Browser.setPermission", { permission: { name: "geolocation" }, setting, origin });
    if (geolocation === undefined) {
      await Promise.all([this.#tab.cdp.send("Emulation.clearGeolocationOverride"), ...before.map((origin) => permit(origin, "prompt"))]);
      return;
    }
    const { origins, ...position } = geolocation;
    await Promise.all([
      this.#tab.cdp.send("Emulation.setGeolocationOverride", position),
      ...origins.map((origin) => permit(origin, "granted")),
    ]);
  }
}

function isInEffect(error: unknown): boolean {
  return error instanceof Error && /already in effect/i.test(error.message);
}

function ignoreInEffect(error: unknown): void {
  if (!isInEffect(error)) throw error;
}
