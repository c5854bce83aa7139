import type { EngineDeps } from "../../compose.ts";
import type { BrowserHolder } from "../../domain/browser/browser-queue.ts";
import { checkOutboundUrl } from "../../domain/outbound/outbound.ts";
import { onlyDomains } from "../../domain/outbound/outbound-patterns.ts";
import { type RemoteAddress, remotePurpose } from "../../domain/browser/remote-browser.ts";
import type { RunFacts, SealedRemote } from "../../domain/run/run.ts";
import type { Browsers } from "../../ports/browser.ts";
import { type BrowserSource, sessionBrowser } from "./browser-source.ts";
import { BrowserStateSeal } from "./browser-state-seal.ts";
import { HeldBrowser } from "./held-browser.ts";
import { ownBrowser } from "./own-browser.ts";
import { browsersWhenOpened, remoteBrowser } from "./remote-browser.ts";
import { RunPages } from "./run-pages.ts";
import { recordWishOf } from "../attempt/run-evidence.ts";
import { openGuard, openHeaders } from "../attempt/run-headers.ts";
import { readMemory } from "./run-memory.ts";
import type { RunStorage } from "../run/run-storage.ts";

/** The platform keeps a browser that nobody talks to for so much longer than the run does: an evicted object takes its time to come back. */
const LEFT_ALONE_MS = 120_000;

/** As which the pool of browsers knows a run. */
export function holderOf({ organizationId, runId }: Pick<RunFacts, "organizationId" | "runId">): BrowserHolder {
  return { kind: "run", organizationId, id: runId };
}

/** The pages of a run, in the browser that it works with: that of its session, one at the caller's own address, or one from the pool. */
export function createRunPages(deps: EngineDeps, storage: RunStorage, facts: RunFacts): RunPages {
  const browsers = facts.remote === undefined ? deps.browsers : browsersAt(deps, facts, facts.remote);
  const shared = { clock: deps.clock, store: storage, seal: new BrowserStateSeal(deps.vault, facts.runId) };
  const held = new HeldBrowser(
    { ...shared, browsers, guard: () => openGuard(deps.vault, facts) },
    sourceOf(deps, storage, facts, browsers),
  );
  const { log, browserKeepAliveMs } = deps;
  return new RunPages(held, { ...shared, log, browserKeepAliveMs, recordWish: recordWishOf(facts) });
}

function sourceOf(deps: EngineDeps, storage: RunStorage, facts: RunFacts, browsers: Browsers): BrowserSource {
  const { organizationId, runId, browser, remote } = facts;
  if (browser !== undefined) {
    const session = deps.sessions.get(organizationId, browser.sessionId);
    return sessionBrowser({ browsers, session }, { browserSessionId: browser.sessionId, runId, holder: browser.holder ?? runId });
  }
  const remembered = facts.memory === undefined ? null : () => readMemory(deps.memories, facts);
  if (remote !== undefined) return remoteBrowser(browsers, remembered);
  const wish = { keepAliveMs: deps.browserKeepAliveMs + LEFT_ALONE_MS, onlyHosts: onlyDomains(facts) };
  return ownBrowser(deps, holderOf(facts), wish, storage, remembered);
}

/** Those of an address that is kept sealed. */
function browsersAt({ vault, browsersAt: connect }: EngineDeps, facts: RunFacts, { sealed, headers = {} }: SealedRemote): Browsers {
  return browsersWhenOpened(async () => {
    const remote = JSON.parse(await vault.open(remotePurpose(facts.organizationId), sealed)) as RemoteAddress; // as it was sealed
    const sent = { ...(await openHeaders(vault, facts, headers)), ...remote.headers };
    return connect({ ...remote, headers: sent }, (url) => checkOutboundUrl(url, facts));
  });
}
