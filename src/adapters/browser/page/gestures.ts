import { type BrowserTarget, PageError, type Press } from "../../../domain/browser/browser.ts";
import type { Deadline } from "../deadline.ts";
import type { FramePlace } from "./frames.ts";
import type { Box } from "../in-page/protocol.ts";
import { clickAt, moveTo, pressKeys } from "./input.ts";
import type { KeyPress } from "./keys.ts";
import type { Found, Operations } from "./operations.ts";
import type { PageParts } from "./page-parts.ts";

/** What the pointer and the keyboard do in one place. */
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
      const missed = await this.#operations.input(() => clickAt(this.#parts.tab.cdp, at, press), place, deadline);
      if (missed === null) return;
      if (deadline.remainingMs === 0) throw new PageError(missed, { errorClass: "block" });
      ({ box, place } = await this.#operations.point({ do: "point", target, first }, deadline));
    }
  }

  async hover({ box }: Found, deadline: Deadline): Promise<void> {
    if (box !== null) await this.#parts.renderer.ask(moveTo(this.#parts.tab.cdp, box), deadline);
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
    await this.#operations.input(() => pressKeys(this.#parts.tab.cdp, keys), place, deadline);
  }
}
