import { type FrameTree, framesOfTree } from "./page/frame-tree.ts";

/** A message of CDP, as far as it is looked at. */
interface CdpMessage {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
}

interface TargetInfo {
  readonly targetId: string;
  readonly type: string;
  readonly browserContextId?: string;
}

/** What the browser is asked of one context where it would else be asked of the default one. */
const OF_CONTEXT = new Set([
  "Target.createTarget",
  "Storage.getCookies",
  "Storage.setCookies",
  "Storage.clearCookies",
  "Browser.setDownloadBehavior",
  "Browser.setPermission",
  "Browser.grantPermissions",
  "Browser.resetPermissions",
]);

/** Ids of messages that are sent here, far from those that the client counts. */
const OWN_IDS = 1_000_000_000;

/**
 * A browser context of somebody's browser, seen as if it were a browser of its own: a filter on the messages of a connection. The client does
 * not see other contexts' tabs, nothing that it says concerns them, and closing the browser closes the context alone. What of theirs is held up
 * by what the client asked for (requests, tabs that wait for a debugger) is let go at once.
 */
export class OwnContext {
  readonly #contextId: string;
  /** Frames of our tabs; a tab's main frame has the tab's id. */
  readonly #frames = new Set<string>();
  /** Sessions of tabs that are not ours. */
  readonly #foreign = new Set<string>();
  #nextId = OWN_IDS;

  constructor(contextId: string) {
    this.#contextId = contextId;
  }

  /** What the client says, as the browser is to hear it. */
  outgoing(text: string): string {
    const message = JSON.parse(text) as CdpMessage; // the client writes CDP
    const { method = "", params = {} } = message;
    const browserContextId = this.#contextId;
    if (method === "Browser.close")
      return JSON.stringify({ ...message, method: "Target.disposeBrowserContext", params: { browserContextId } });
    return OF_CONTEXT.has(method) ? JSON.stringify({ ...message, params: { ...params, browserContextId } }) : text;
  }

  /** What the browser says. @returns what the client is to hear, null for nothing; and what the browser is to be told */
  incoming(text: string): { readonly forward: string | null; readonly replies: readonly string[] } {
    const message = JSON.parse(text) as CdpMessage; // Chromium writes CDP
    if (message.sessionId !== undefined && this.#foreign.has(message.sessionId)) return { forward: null, replies: [] };
    if (message.id !== undefined) return { forward: message.id >= OWN_IDS ? null : this.#answer(text, message), replies: [] };
    const { method, params = {}, sessionId } = message;
    switch (method) {
      case "Target.targetCreated":
      case "Target.targetInfoChanged":
        return this.#isOurs(params.targetInfo as TargetInfo) ? { forward: text, replies: [] } : { forward: null, replies: [] };
      case "Target.attachedToTarget": {
        if (this.#isOurs(params.targetInfo as TargetInfo)) return { forward: text, replies: [] };
        const foreign = String(params.sessionId);
        this.#foreign.add(foreign);
        return {
          forward: null,
          replies: [
            this.#say("Runtime.runIfWaitingForDebugger", {}, foreign),
            this.#say("Target.detachFromTarget", { sessionId: foreign }, sessionId),
          ],
        };
      }
      case "Page.frameAttached":
        this.#frames.add(String(params.frameId));
        return { forward: text, replies: [] };
      case "Fetch.requestPaused":
      case "Fetch.authRequired": {
        const { requestId, frameId } = params;
        if (this.#frames.has(String(frameId))) return { forward: text, replies: [] };
        const reply =
          method === "Fetch.requestPaused"
            ? this.#say("Fetch.continueRequest", { requestId }, sessionId)
            : this.#say("Fetch.continueWithAuth", { requestId, authChallengeResponse: { response: "Default" } }, sessionId);
        return { forward: null, replies: [reply] };
      }
      default:
        return { forward: text, replies: [] };
    }
  }

  #answer(text: string, message: CdpMessage): string {
    const { result = {} } = message;
    if (Array.isArray(result.targetInfos)) {
      const targetInfos = (result.targetInfos as TargetInfo[]).filter((target) => this.#isOurs(target));
      return JSON.stringify({ ...message, result: { ...result, targetInfos } });
    }
    if (Array.isArray(result.browserContextIds)) return JSON.stringify({ ...message, result: { browserContextIds: [this.#contextId] } });
    if (result.frameTree !== undefined) for (const { id } of framesOfTree(result.frameTree as FrameTree)) this.#frames.add(id);
    return text;
  }

  #isOurs({ type, targetId, browserContextId }: TargetInfo): boolean {
    if (type === "browser") return true; // the connection itself
    if (browserContextId !== this.#contextId) return false;
    this.#frames.add(targetId);
    return true;
  }

  #say(method: string, params: object, sessionId: string | undefined): string {
    return JSON.stringify({ id: this.#nextId++, method, params, ...(sessionId === undefined ? {} : { sessionId }) });
  }
}
