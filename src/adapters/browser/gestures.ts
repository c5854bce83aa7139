import { type BrowserTarget, PageError, type Press } from "../../domain/browser.ts";
import { arrive } from "./arrive.ts";
import type { Deadline } from "./deadline.ts";
import type { FramePlace } from "./frames.ts";
import type { Box } from "./in-page/protocol.ts";
import { clickAt, dragTo, moveTo, pressAt, pressKeys, releaseAt } from "./input.ts";
import type { KeyPress } from "./keys.ts";
import type { Found, Operations } from "./operations.ts";
import type { PageParts } from "./page-parts.ts";
import { ContextLost } from "./tab.ts";

/** What the pointer and the keyboard do: real input, and the wait for what it leads to. */
export class Gestures {
  readonly #parts: PageParts;
  readonly #operations: Operations;

  constructor(parts: PageParts, operations: Operations) {
    this.#parts = parts;
    this.#operations = operations;
  }

  /**
   * Presses the button at the point that was found; where the page has changed meanwhile, finds it again.
   * @param found what the library has found of the target
   * @throws TimeUp, PageError
   */
  async click(
    { target, first = false }: { target: BrowserTarget; first?: boolean },
    found: Found,
    press: Press,
    deadline: Deadline,
  ): Promise<void> {
    for (let { box, place } = found; box !== null;) {
      const at: Box = box;
      const missed = await this.#input(() => clickAt(this.#parts.tab.cdp, at, press), place, deadline);
      if (missed === null) return;
      if (deadline.remainingMs === 0) throw new PageError(missed, { errorClass: "block" });
      ({ box, place } = await this.#operations.point({ do: "point", target, first }, deadline));
    }
  }

  async hover({ box }: Found, deadline: Deadline): Promise<void> {
    if (box !== null) await this.#parts.renderer.ask(moveTo(this.#parts.tab.cdp, box), deadline);
  }

  /** The place to drop is looked for when the button is down, and again on arrival: lists make room. */
  async drag({ target, to }: { target: BrowserTarget; to: BrowserTarget }, found: Found, deadline: Deadline): Promise<void> {
    const { tab, renderer } = this.#parts;
    let at = await this.#take(target, found, deadline);
    if (at === null) return;
    try {
      for (let looks = 0; looks < 2; looks++) {
        const { box } = await this.#operations.point({ do: "drop", target: to }, deadline);
        if (box === null) return;
        if (looks > 0 && Math.abs(box.x - at.x) <= 1 && Math.abs(box.y - at.y) <= 1) break;
        await renderer.ask(dragTo(tab.cdp, at, box), deadline);
        at = box;
      }
    } finally {
      const last = at;
      await this.#input(() => releaseAt(tab.cdp, last), null, deadline);
    }
  }

  /** Presses the button on what is to be dragged. @returns where */
  async #take(target: BrowserTarget, found: Found, deadline: Deadline): Promise<Box | null> {
    const { tab, renderer } = this.#parts;
    for (let { box, place } = found; box !== null;) {
      const at: Box = box;
      const missed = await this.#input(() => pressAt(tab.cdp, at), place, deadline, "down");
      if (missed === null) return at;
      await renderer.ask(releaseAt(tab.cdp, at), deadline);
      if (deadline.remainingMs === 0) throw new PageError(missed, { errorClass: "block" });
      ({ box, place } = await this.#operations.point({ do: "point", target, first: false }, deadline));
    }
    return null;
  }

  /** @param place the frame that has the focus; null for the page itself */
  async type(keys: readonly KeyPress[], delayMs: number, place: FramePlace | null, deadline: Deadline): Promise<void> {
    if (delayMs === 0) return this.press(keys, place, deadline);
    for (const [index, key] of keys.entries()) {
      if (index > 0) await deadline.pause(delayMs);
      await this.press([key], place, deadline);
    }
  }

  async press(keys: readonly KeyPress[], place: FramePlace | null, deadline: Deadline): Promise<void> {
    await this.#input(() => pressKeys(this.#parts.tab.cdp, keys), place, deadline);
  }

  /**
   * Input is answered when the page has handled it; what it has only posted to itself, such as a submission, is let happen too.
   * @param place the frame that it is for; null for the page itself
   * @returns what the pointer met instead of what it was sent to, if it did
   */
  async #input(
    send: () => Promise<void>,
    place: FramePlace | null,
    deadline: Deadline,
    until: "down" | "up" = "up",
  ): Promise<string | null> {
    const { tab, navigation, renderer } = this.#parts;
    const mark = navigation.mark();
    try {
      try {
        await renderer.ask(send(), deadline);
      } catch (error) {
        if (!(error instanceof ContextLost)) throw error; // it has led to another document already
      }
      const missed = navigation.hasBegun(mark) ? null : await this.#operations.settle(place, until, deadline);
      await arrive(this.#parts, mark, deadline);
      return missed;
    } catch (error) {
      if (!tab.isClosed) throw error;
      return null; // that is what the input made the page do
    }
  }
}
