import type { CDPEvents } from "@cloudflare/puppeteer";
import type { FramePlace } from "./frames.ts";
import type { Place } from "./place.ts";

/**
 * Watches for a frame with a process of its own, or one around it, being taken out of the page. Chromium may never answer input that was on its way
 * there, and gives what comes later to whatever is in that place then.
 */
export class FrameRemoval {
  readonly #happened = Promise.withResolvers<void>();
  readonly #stops: (() => void)[] = [];
  #isGone = false;

  constructor(place: FramePlace) {
    for (let inner: Place | FramePlace = place; "around" in inner; inner = inner.around) {
      const { frameId, cdp, around } = inner;
      const sessionId = cdp === around.cdp ? null : cdp.id();
      const detached = (event: CDPEvents["Page.frameDetached"]) => event.frameId === frameId && event.reason === "remove" && this.#end();
      const closed = (event: CDPEvents["Target.detachedFromTarget"]) => event.sessionId === sessionId && this.#end();
      around.cdp.on("Page.frameDetached", detached);
      around.cdp.on("Target.detachedFromTarget", closed);
      this.#stops.push(() => void around.cdp.off("Page.frameDetached", detached).off("Target.detachedFromTarget", closed));
      if (cdp.connection() === undefined) this.#end();
    }
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Resolves when it is gone. */
  get happened(): Promise<void> {
    return this.#happened.promise;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #end(): void {
    this.#isGone = true;
    this.#happened.resolve();
  }
}
