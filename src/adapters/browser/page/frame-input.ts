import type { CDPEvents } from "@cloudflare/puppeteer";
import type { FramePlace } from "./frames.ts";
import type { Place } from "./place.ts";

/**
 * Input for a frame, which may be taken out of the page, or get another document, while it is on its way. Chromium may never answer it then, and gives
 * it to whatever is in that place.
 */
export class FrameInput {
  readonly #gone = Promise.withResolvers<void>();
  readonly #stops: (() => void)[] = [];
  #isGone = false;
  #isPressed: boolean;

  /**
   * To be made before the input is sent.
   * @param place where the library is
   * @param presses is the button pressed?
   */
  constructor(place: FramePlace, presses: boolean) {
    this.#isPressed = !presses;
    if (presses) this.#hearPress(place);
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

  /** Has the button gone down in its document, if it was to be pressed? The document tells of that before it goes. */
  get isPressed(): boolean {
    return this.#isPressed;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Resolves when the frame, or one around it, is taken out of the page. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #hearPress({ cdp, contextId }: Place): void {
    const expression = 'Object.hasOwn(globalThis, "pilotfish") && pilotfish.pressed()';
    cdp.send("Runtime.evaluate", { expression, contextId, awaitPromise: true, returnByValue: true }).then(
      ({ result }) => (this.#isPressed ||= result.value === true),
      () => undefined, // the document is gone
    );
  }

  #end(): void {
    this.#isGone = true;
    this.#gone.resolve();
  }
}
