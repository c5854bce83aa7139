import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";
import { EVERY_ORIGIN, headersFor, loginFor, type TabSettings } from "../../../domain/browser/tab-settings.ts";

type RequestSettings = Pick<TabSettings, "headers" | "logins">;
type Request = CDPEvents["Fetch.requestPaused"]["request"];

/** So many requests that were answered with a login are remembered, to see that one is asked again. */
const MAX_ANSWERED = 1_000;

/** Which requests have to be held up for what tabs' settings do to them; more than that may be. */
export function patternsOf(settings: readonly RequestSettings[]): { urlPattern: string }[] {
  const origins = new Set(settings.flatMap(({ headers, logins }) => [...Object.keys(headers ?? {}), ...Object.keys(logins ?? {})]));
  if (origins.has(EVERY_ORIGIN)) return [{ urlPattern: "*" }];
  return [...origins].map((origin) => ({ urlPattern: `${origin.replace(/\/$/, "")}/*` }));
}

/**
 * The headers that a request goes out with instead of its own; null when they stay as they are.
 * @param settings each wins over those before it
 */
export function headersOf(settings: readonly RequestSettings[], request: Request): { name: string; value: string }[] | null {
  const set = settings.flatMap((one) => Object.entries(headersFor(one, request.url)));
  if (set.length === 0) return null;
  const byName = new Map([...Object.entries(request.headers), ...set].map(([name, value]) => [name.toLowerCase(), { name, value }]));
  return [...byName.values()];
}

/** Answers servers that ask who is there, once for each request: one that is asked again was given the wrong answer. */
export class LoginAnswers {
  readonly #browser: CDPSession;
  readonly #answered = new Set<string>();

  constructor(browser: CDPSession) {
    this.#browser = browser;
  }

  async answer({ requestId, request, authChallenge }: CDPEvents["Fetch.authRequired"], settings: TabSettings): Promise<void> {
    const login = authChallenge.source === "Proxy" ? null : loginFor(settings, request.url);
    const isWrong = this.#answered.has(requestId);
    if (this.#answered.size >= MAX_ANSWERED) this.#answered.clear();
    this.#answered.add(requestId);
    const authChallengeResponse =
      login === null || isWrong ? ({ response: "CancelAuth" } as const) : ({ response: "ProvideCredentials", ...login } as const);
    await this.#browser.send("Fetch.continueWithAuth", { requestId, authChallengeResponse }).catch(() => undefined); // the request is gone
  }
}
