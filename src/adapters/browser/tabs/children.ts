import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";
import type { SessionGuard } from "../guard/session-guard.ts";
import { letRun } from "./tab-sessions.ts";

/** What is attached to below a tab, and below what is found there. */
const KINDS = [{ type: "iframe" }, { type: "worker" }];

/**
 * What belongs to a tab and runs elsewhere: frames with processes of their own, and workers. Chromium attaches to each as it appears and lets it do
 * nothing before it is let run, so the guard is in force before its first script.
 */
export class Children {
  readonly #guard: SessionGuard;
  /** By the frame's id, which is also that of its target. */
  readonly #frames = new Map<string, CDPSession>();
  readonly #whenFrame = new Set<(cdp: CDPSession) => void>();

  constructor(guard: SessionGuard) {
    this.#guard = guard;
  }

  /** Begins below a tab, a frame or a worker. The answer need not be waited for. */
  watch(cdp: CDPSession): void {
    cdp.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
      const child = cdp.connection()?.session(sessionId);
      if (child !== undefined && child !== null) void this.#prepare(child, targetInfo).catch(() => undefined); // it is gone already
    });
    cdp.on("Target.detachedFromTarget", ({ sessionId }) => {
      for (const [frameId, child] of this.#frames) if (child.id() === sessionId) this.#frames.delete(frameId);
    });
    const options = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true, filter: KINDS };
    cdp.send("Target.setAutoAttach", options).catch(() => undefined); // it is gone
  }

  /** The session of a frame that has one. */
  frame(frameId: string): CDPSession | undefined {
    return this.#frames.get(frameId);
  }

  /** Is told of the session of every frame that has one, now and later; it is told of the frame's requests. */
  onFrame(listener: (cdp: CDPSession) => void): void {
    this.#whenFrame.add(listener);
    for (const cdp of this.#frames.values()) listener(cdp);
  }

  async #prepare(child: CDPSession, { type, targetId }: CDPEvents["Target.attachedToTarget"]["targetInfo"]): Promise<void> {
    try {
      this.watch(child);
      if (type === "worker") return await this.#guard.inWorker(child);
      this.#frames.set(targetId, child);
      for (const listener of this.#whenFrame) listener(child);
      this.#guard.inDocuments(child, child.send("Network.enable", { maxTotalBufferSize: 0, maxResourceBufferSize: 0 }));
    } finally {
      await letRun(child);
    }
  }
}
