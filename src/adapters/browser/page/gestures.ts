import { type BrowserTarget, PageError, type Press } from "../../../domain/browser/browser.ts";
import type { Deadline } from "../deadline.ts";
import type { FramePlace } from "./frames.ts";
import type { Box } from "../in-page/protocol.ts";
import { clickAt, isPressed, moveTo, pressKeys, releaseAt } from "./input.ts";
import type { KeyPress } from "./keys.ts";
import { type Found, FRAME_GONE, type Operations } from "./operations.ts";
import type { PageParts } from "./page-parts.ts";

/** So many keys are under way at once. */
const KEYS_AT_ONCE = 100;

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
    const { cdp } = this.#parts.tab;
    for (let { box, place } = found; box !== null;) {
      const at: Box = box;
      let { missed, isHeld } = await this.#operations.input(() => clickAt(cdp, at, press), place, deadline);
      const release = () => releaseAt(cdp, at, press);
      while (isHeld && this.#operations.hasDialogs && deadline.remainingMs > 0)
        ({ missed, isHeld } = await this.#operations.input(release, place, deadline, { presses: false }));
      if (missed === null) return;
      if (deadline.remainingMs === 0) throw new PageError(missed, { errorClass: "block" });
      ({ box, place } = await this.#operations.point({ do: "point", target, first }, deadline));
      if (missed === FRAME_GONE && place !== null && (await this.#operations.wasPressed(place, deadline))) return; // that took its place in time
    }
  }

  /**
   * Moves the pointer there; where the page has changed meanwhile, finds it again.
   * @throws TimeUp, PageError
   */
  async hover(target: BrowserTarget, found: Found, deadline: Deadline): Promise<void> {
    const { cdp } = this.#parts.tab;
    for (let { box, place } = found; box !== null;) {
      const at: Box = box;
      const { missed } = await this.#operations.input(() => moveTo(cdp, at), place, deadline, { button: "over" });
      if (missed === null) return;
      if (deadline.remainingMs === 0) throw new PageError(missed, { errorClass: "block" });
      ({ box, place } = await this.#operations.point({ do: "point", target, first: false }, deadline));
    }
  }

  /** @param place the frame that has the focus; null for the page itself */
  async type(keys: readonly KeyPress[], delayMs: number, place: FramePlace | null, deadline: Deadline): Promise<void> {
    if (delayMs === 0) return this.press(keys, place, deadline);
    for (const [index, key] of keys.entries()) {
      if (index > 0) await deadline.pause(delayMs);
      await this.press([key], place, deadline);
    }
  }

  /**
   * Where dialogs open, the browser drops keys: those that none of came are pressed again, one by one.
   * @param place the frame that has the focus; null for the page itself
   * @throws TimeUp, or PageError when some came and others did not
   */
  async press(keys: readonly KeyPress[], place: FramePlace | null, deadline: Deadline): Promise<void> {
    for (let done = 0; done < keys.length;) {
      const next = keys.slice(done, done + (this.#operations.hasDialogs ? 1 : KEYS_AT_ONCE));
      const sent = next.filter(isPressed).length;
      const press = () => pressKeys(this.#parts.tab.cdp, next);
      const { keysMissed: missed, missed: lost } = await this.#operations.input(press, place, deadline, { keys: sent });
      if (lost !== null) throw new PageError(lost, { errorClass: "block" });
      if (missed === 0) done += next.length;
      else if (missed < next.length || deadline.remainingMs === 0) {
        const message = `${missed} of ${next.length} keys did not come to the page, which opened a dialog meanwhile`;
        throw new PageError(message, { errorClass: "temporary" });
      }
    }
  }
}
