import type { CDPEvents, CDPSession } from "@cloudflare/puppeteer";
import type { SessionGuard } from "../guard/session-guard.ts";
import { letRun } from "./tab-sessions.ts";

/** What is attached to below a tab, and below what is found there. */
const KINDS = [{ type: "iframe" }, { type: "worker" }];

/** Who is told of what belongs to a tab and runs elsewhere. What is sent to a session in such a call is in force before it begins. */
interface ChildListener {
  onFrame?(frame: CDPSession): void;
  onWorker?(worker: CDPSession): void;
  onGone?(child: CDPSession): void;
}

/**
 * What belongs to a tab and runs elsewhere: frames with processes of their own, and workers. Chromium attaches to each as it appears and lets it do
 * nothing before it is let run, so the guard is in force before its first script.
 */
export class Children {
  readonly #guard: SessionGuard;
  /** By the frame's id, which is also that of its target. */
  readonly #frames = new Map<string, CDPSession>();
  readonly #workers = new Set<CDPSession>();
  readonly #listeners: ChildListener[] = [];

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
      for (const [frameId, child] of this.#frames) if (child.id() === sessionId) this.#lose(child, () => this.#frames.delete(frameId));
      for (const child of this.#workers) if (child.id() === sessionId) this.#lose(child, () => this.#workers.delete(child));
    });
    const options = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true, filter: KINDS };
    cdp.send("Target.setAutoAttach", options).catch(() => undefined); // it is gone
  }

  /** The session of a frame that has one. */
  frame(frameId: string): CDPSession | undefined {
    return this.#frames.get(frameId);
  }

  /** Tells of every frame and worker, those that are there already too. */
  tell(listener: ChildListener): void {
    this.#listeners.push(listener);
    for (const frame of this.#frames.values()) listener.onFrame?.(frame);
    for (const worker of this.#workers) listener.onWorker?.(worker);
  }

  async #prepare(child: CDPSession, { type, targetId }: CDPEvents["Target.attachedToTarget"]["targetInfo"]): Promise<void> {
    try {
      this.watch(child);
      if (type === "worker") {
        await this.#guard.inWorker(child);
        this.#workers.add(child);
        for (const listener of this.#listeners) listener.onWorker?.(child);
        return;
      }
      this.#frames.set(targetId, child);
      for (const listener of this.#listeners) listener.onFrame?.(child);
      this.#guard.inDocuments(child, child.send("Network.enable", { maxTotalBufferSize: 0, maxResourceBufferSize: 0 }));
    } finally {
      await letRun(child);
    }
  }

  #lose(child: CDPSession, forget: () => void): void {
    forget();
    for (const listener of this.#listeners) listener.onGone?.(child);
  }
}
