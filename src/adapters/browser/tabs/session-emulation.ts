import type { CDPSession } from "@cloudflare/puppeteer";
import type { SettingsChange, TabSettings } from "../../../domain/browser/tab-settings.ts";
import { clientHintsOf, languagesOf, PLATFORMS, platformOf } from "../../../domain/browser/user-agent.ts";

/** What pages are laid out for: a common laptop. */
const VIEWPORT = { width: 1280, height: 800, deviceScaleFactor: 1, mobile: false };

/** What is said to a session, and the settings that it is made of. */
const PARTS = {
  size: ["viewport"],
  touch: ["viewport"],
  agent: ["userAgent", "locale"],
  platform: ["userAgent"],
  formats: ["locale"],
  zone: ["timeZone"],
  position: ["geolocation"],
} as const satisfies Record<string, readonly (keyof TabSettings)[]>;
type Part = keyof typeof PARTS;

/**
 * The rest they have from elsewhere: position from their tab, a worker its formats and zone from its process, and its user agent from who has started
 * it. The size of the screen and its scale are the top document's alone to set.
 */
const TAKES = {
  tab: ["size", "touch", "agent", "platform", "formats", "zone", "position"],
  frame: ["touch", "agent", "platform", "formats", "zone"],
  worker: ["agent", "platform"],
} as const satisfies Record<string, readonly Part[]>;

/** What all documents of a process share: it is the first session's to say, and goes when that goes. */
const OF_PROCESS: readonly Part[] = ["formats", "zone"];

/**
 * Says a tab's settings to one session: the tab's own, that of a frame with a process of its own, or that of a worker. Chromium keeps them for the
 * session only. All is sent before a call returns: what is sent to the session later finds it in force.
 */
export class SessionEmulation {
  readonly #cdp: CDPSession;
  readonly #kind: keyof typeof TAKES;
  #platformScript: string | null = null;

  constructor(cdp: CDPSession, kind: keyof typeof TAKES) {
    this.#cdp = cdp;
    this.#kind = kind;
  }

  /** Says everything that is set; of a tab without settings only the size of its pages. */
  async begin(settings: TabSettings): Promise<void> {
    const parts = TAKES[this.#kind].filter((part) => part === "size" || isSet(part, settings));
    await Promise.all(parts.map((part) => this.#say(part, settings).catch(ignoreInEffect)));
  }

  /** Says again what its process may have lost with another session. */
  async sayAgain(settings: TabSettings): Promise<void> {
    const parts = OF_PROCESS.filter((part) => isSet(part, settings));
    await Promise.all(parts.map((part) => this.#say(part, settings).catch(ignoreInEffect)));
  }

  /** Takes that back in its process, for another session to say it there. */
  async leave(settings: TabSettings): Promise<void> {
    const parts = OF_PROCESS.filter((part) => isSet(part, settings));
    await Promise.all(parts.map((part) => this.#say(part, {})));
  }

  /**
   * @param settings as they are after the change
   * @throws an error for which `isInEffect` holds when a session of the same process has said another zone or locale
   */
  async change(settings: TabSettings, change: SettingsChange): Promise<void> {
    const parts = TAKES[this.#kind].filter((part) => PARTS[part].some((name) => name in change));
    await Promise.all(parts.map((part) => this.#say(part, settings)));
  }

  async #say(part: Part, { viewport, userAgent, locale, timeZone, geolocation }: TabSettings): Promise<void> {
    const cdp = this.#cdp;
    switch (part) {
      case "size": {
        const { width, height, deviceScaleFactor, mobile } = viewport ?? VIEWPORT;
        return await cdp.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor, mobile });
      }
      case "touch":
        return await cdp.send("Emulation.setTouchEmulationEnabled", { enabled: viewport?.touch ?? false });
      case "agent":
        return await cdp.send("Emulation.setUserAgentOverride", {
          ...(userAgent === undefined ? { userAgent: "" } : agentOf(userAgent)), // empty: the browser's own
          ...(locale === undefined ? {} : { acceptLanguage: languagesOf(locale) }),
        });
      case "platform":
        return await this.#sayPlatform(userAgent === undefined ? null : navigatorPlatform(userAgent));
      case "formats":
        return await cdp.send("Emulation.setLocaleOverride", locale === undefined ? {} : { locale });
      case "zone":
        return await cdp.send("Emulation.setTimezoneOverride", { timezoneId: timeZone ?? "" });
      case "position":
        if (geolocation === undefined) return await cdp.send("Emulation.clearGeolocationOverride");
        const { origins: _, ...position } = geolocation;
        return await cdp.send("Emulation.setGeolocationOverride", position);
    }
  }

  /** Chromium forgets the platform with the document, and does not take it for frames and workers: it is said in each, before its own scripts. */
  async #sayPlatform(platform: string | null): Promise<void> {
    const before = this.#platformScript;
    this.#platformScript = null;
    if (before !== null) await this.#cdp.send("Page.removeScriptToEvaluateOnNewDocument", { identifier: before });
    if (platform === null) return;
    const source = `Object.defineProperty(Object.getPrototypeOf(navigator), "platform", { get: () => ${JSON.stringify(platform)}, configurable: true, enumerable: true })`;
    if (this.#kind === "worker") return void (await this.#cdp.send("Runtime.evaluate", { expression: source }));
    const runImmediately = this.#kind === "frame"; // the document of a tab has it from its user agent
    this.#platformScript = (await this.#cdp.send("Page.addScriptToEvaluateOnNewDocument", { source, runImmediately })).identifier;
  }
}

function isSet(part: Part, settings: TabSettings): boolean {
  return PARTS[part].some((name) => settings[name] !== undefined);
}

type SetAgent = NonNullable<TabSettings["userAgent"]>;

function navigatorPlatform({ userAgent, platform }: SetAgent): string {
  return PLATFORMS[platform ?? platformOf(userAgent)];
}

/** Of CDP's `Emulation.setUserAgentOverride`. */
function agentOf(set: SetAgent) {
  const { userAgent, platform } = set;
  const hints = clientHintsOf(userAgent, platform ?? platformOf(userAgent));
  return { userAgent, platform: navigatorPlatform(set), ...(hints === null ? {} : { userAgentMetadata: hints }) };
}

/** Does this say that another session of the process has said it already? */
export function isInEffect(error: unknown): boolean {
  return error instanceof Error && /already in effect/i.test(error.message);
}

function ignoreInEffect(error: unknown): void {
  if (!isInEffect(error)) throw error;
}
