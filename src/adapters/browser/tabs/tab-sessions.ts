import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";

export type TargetInfo = CDPEvents["Target.targetCreated"]["targetInfo"];

/** Who is told of tabs. */
export interface TabListener {
  /** A page has opened it. @returns will it let it run, or close it? Others run at once */
  onWindow(target: TargetInfo): boolean;
  /** A worker that tabs share, or a site's own, has appeared. It is let run afterwards. */
  onWorker(session: CDPSession): Promise<void>;
  onGone(targetId: string): void;
}

/**
 * The sessions of the browser's tabs. Chromium attaches to every tab as it appears, also to a window that a page opens, and lets it do nothing
 * before `letRun`: so what is set for a window is in force before its first request and its first script.
 */
export class TabSessions {
  readonly #root: CDPSession;
  readonly #sessions = new Map<string, PromiseWithResolvers<CDPSession>>();

  constructor(root: CDPSession, listener: TabListener) {
    this.#root = root;
    root.on("Target.attachedToTarget", ({ sessionId, targetInfo, waitingForDebugger }) => {
      const session = root.connection()?.session(sessionId);
      if (session === undefined || session === null) return; // the connection is over
      if (targetInfo.type !== "page") return void letRunAfter(listener.onWorker(session), session);
      this.#entry(targetInfo.targetId).resolve(session);
      const isTaken = targetInfo.openerId !== undefined && listener.onWindow(targetInfo);
      if (!isTaken && waitingForDebugger) letRun(session).catch(() => undefined); // it is closed already
    });
    root.on("Target.detachedFromTarget", ({ targetId }) => {
      if (targetId === undefined) return;
      this.#sessions.delete(targetId);
      listener.onGone(targetId);
    });
  }

  /** Begins with it; also attaches to the tabs that are there. */
  async enable(): Promise<void> {
    const filter = [{ type: "page" }, { type: "shared_worker" }, { type: "service_worker" }];
    await this.#root.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: true, flatten: true, filter });
  }

  /** Of a tab that is there or is being opened. */
  of(targetId: string): Promise<CDPSession> {
    return this.#entry(targetId).promise;
  }

  #entry(targetId: string): PromiseWithResolvers<CDPSession> {
    const known = this.#sessions.get(targetId);
    if (known !== undefined) return known;
    const entry = Promise.withResolvers<CDPSession>();
    this.#sessions.set(targetId, entry);
    return entry;
  }
}

async function letRunAfter(work: Promise<void>, session: CDPSession): Promise<void> {
  await work.catch(() => undefined); // it is gone
  await letRun(session).catch(() => undefined); // likewise
}

/** Lets something run that was waiting for whoever is attached to it. */
export async function letRun(session: CDPSession): Promise<void> {
  await session.send("Runtime.runIfWaitingForDebugger");
}
