import type { CDPSession } from "@cloudflare/puppeteer";
import { PageError } from "../../../domain/browser/browser.ts";
import type { OriginStorage } from "../../../domain/browser/browser-memory.ts";
import type { Deadline } from "../deadline.ts";
import type { Connection } from "./tab.ts";

/** How often a new document is asked for before it is taken to be another's. */
const ASK_LIMIT = 20;

const READ = "JSON.stringify({ ...localStorage })";
const write = (local: OriginStorage["local"]) =>
  `(() => { for (const [key, value] of Object.entries(${JSON.stringify(local)})) localStorage.setItem(key, value); return "{}"; })()`;

/**
 * The local storage of origins, those that keep nothing left out. The sites themselves are not asked: every request is answered here, with an
 * empty document. An origin that may not be visited, or has no storage, is passed over.
 */
export async function readOriginStorage(connection: Connection, origins: readonly string[], deadline: Deadline): Promise<OriginStorage[]> {
  const found: OriginStorage[] = [];
  await atOrigins(connection, origins, deadline, async (origin, evaluate) => {
    const local = JSON.parse((await evaluate(READ)) ?? "{}") as OriginStorage["local"];
    if (Object.keys(local).length > 0) found.push({ origin, local });
  });
  return found;
}

/** Puts the local storage of origins in place before any page of theirs is opened. */
export async function writeOriginStorage(connection: Connection, storage: readonly OriginStorage[], deadline: Deadline): Promise<void> {
  const byOrigin = new Map(storage.map(({ origin, local }) => [origin, local]));
  await atOrigins(connection, [...byOrigin.keys()], deadline, async (origin, evaluate) => {
    await evaluate(write(byOrigin.get(origin) ?? {}));
  });
}

type Evaluate = (expression: string) => Promise<string | null>;

/** Visits each origin in a tab of its own, which is closed in the end. */
async function atOrigins(
  connection: Connection,
  origins: readonly string[],
  deadline: Deadline,
  visit: (origin: string, evaluate: Evaluate) => Promise<void>,
): Promise<void> {
  if (origins.length === 0) return;
  const { targetId } = await deadline.wait(connection.send("Target.createTarget", { url: "about:blank" }));
  try {
    const { targetInfo } = await deadline.wait(connection.send("Target.getTargetInfo", { targetId }));
    const tab = await deadline.wait(connection.createSession(targetInfo));
    tab.on("Fetch.requestPaused", ({ requestId }) => {
      const responseHeaders = [{ name: "content-type", value: "text/html" }];
      void tab.send("Fetch.fulfillRequest", { requestId, responseCode: 200, responseHeaders, body: "" }).catch(() => undefined); // it is gone
    });
    await deadline.wait(
      Promise.all([
        tab.send("Network.setBypassServiceWorker", { bypass: true }),
        tab.send("Fetch.enable", { patterns: [{ urlPattern: "*" }] }),
      ]),
    );
    for (const origin of origins) {
      const { errorText } = await deadline.wait(tab.send("Page.navigate", { url: `${origin}/` }));
      if (errorText === undefined) await visit(origin, (expression) => deadline.wait(evaluateAt(tab, origin, expression)));
    }
  } finally {
    connection.send("Target.closeTarget", { targetId }).catch(() => undefined); // the browser is gone
  }
}

/** The navigation was answered; its document may take a moment to be there. @returns null where the origin has no storage */
async function evaluateAt(tab: CDPSession, origin: string, expression: string): Promise<string | null> {
  const guarded = `location.origin === ${JSON.stringify(origin)} ? ${expression} : null`;
  for (let asked = 0; asked < ASK_LIMIT; asked++) {
    const answer = await tab.send("Runtime.evaluate", { expression: guarded, returnByValue: true }).catch(() => null); // between two documents
    if (answer?.exceptionDetails !== undefined) return null;
    if (typeof answer?.result.value === "string") return answer.result.value;
  }
  throw new PageError(`the storage of ${origin} could not be reached`, { errorClass: "temporary" });
}
