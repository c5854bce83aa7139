import { type PageAction, PageError, pathTo, PLAIN_CLICK } from "../../../domain/browser/browser.ts";
import { arrive } from "./arrive.ts";
import { takeBatch } from "./batch.ts";
import { Deadline, inSeconds, TimeUp } from "../deadline.ts";
import { Drag } from "./drag.ts";
import { chooseFiles } from "./file-chooser.ts";
import type { Gestures } from "./gestures.ts";
import { matchesGlob } from "./glob.ts";
import { type KeyPress, keysFor, parseChord } from "./keys.ts";
import { atAction, type Found, type Operations } from "./operations.ts";
import type { PageParts } from "./page-parts.ts";
import { waitForScript } from "./script.ts";

/** Does what a page is asked to do: the library's part in its document, then the pointer and the keyboard, then the wait for what it leads to. */
export class Actor {
  readonly #parts: PageParts;
  readonly #operations: Operations;
  readonly #gestures: Gestures;

  constructor(parts: PageParts, operations: Operations, gestures: Gestures) {
    this.#parts = parts;
    this.#operations = operations;
    this.#gestures = gestures;
  }

  /**
   * As `BrowserPage.perform`.
   * @returns how many are done: fewer than there are when one of them has made the page close itself
   */
  async perform(actions: readonly PageAction[], signal: AbortSignal): Promise<number> {
    for (let index = 0; index < actions.length;) {
      if (this.#parts.tab.isClosed && index > 0) return index;
      const batch = takeBatch(actions, index);
      if (!batch.actions.every(({ do: kind }) => kind.startsWith("wait_for"))) this.#parts.responses.mark();
      const lastIndex = index + batch.actions.length - 1;
      const last = batch.actions.at(-1)!;
      const { deadline, ...found } = await this.#operations.run(batch.ops, index, signal);
      try {
        await this.#finish(last, found, deadline ?? new Deadline(last.timeoutMs, signal));
      } catch (error) {
        throw atAction(lastIndex, error instanceof TimeUp ? this.#lateAction(last, error) : error);
      }
      index = lastIndex + 1;
    }
    return actions.length;
  }

  /** What an action needs beside what the library does for it: the pointer, the keyboard, a wait for the document. */
  async #finish(action: PageAction, found: Found, deadline: Deadline): Promise<void> {
    const { tab, navigation, library, responses } = this.#parts;
    switch (action.do) {
      case "click":
        return this.#gestures.click(action, found, action.press ?? PLAIN_CLICK, deadline);
      case "hover":
        return this.#gestures.hover(action.target, found, deadline);
      case "drag":
        return new Drag(this.#parts, this.#operations).run(action, found, deadline);
      case "type":
        if (action.secret === true && action.target === null) await library.call("markFocused", [], deadline);
        return this.#gestures.type(keysFor(action.text), action.delayMs, found.place, deadline);
      case "press":
        return this.#gestures.press([parseKey(action.key)], found.place, deadline);
      case "upload": {
        if (found.box === null) return undefined; // a file input: the library has given it the files
        const mark = navigation.mark();
        await chooseFiles(tab, action.files, () => this.#gestures.click(action, found, PLAIN_CLICK, deadline), deadline);
        return arrive(this.#parts, mark, deadline);
      }
      case "wait_for_url":
        return navigation.arrivedAt((url) => matchesGlob(action.glob, url), deadline);
      case "wait_for_load":
        return navigation.reached(action.state, null, deadline);
      case "wait_for_response":
        return responses.arrived(action, deadline);
      case "wait_for_function":
        return waitForScript(this.#parts, pathTo(action.frame), action.script, deadline);
      default:
        return undefined;
    }
  }

  #lateAction(action: PageAction, cause: TimeUp): PageError {
    const { navigation, responses } = this.#parts;
    const time = inSeconds(action.timeoutMs);
    switch (action.do) {
      case "wait_for_url":
        return new PageError(`the address is still ${navigation.url} after ${time}`, { errorClass: "block", cause });
      case "wait_for_response":
        return new PageError(`no such response within ${time}: ${responses.describe(action)}`, { errorClass: "block", cause });
      case "wait_for_load":
        return new PageError(`${navigation.url} did not get to "${action.state}" within ${time}`, { errorClass: "temporary", cause });
      default: {
        const message = `done, but the page did not react or load what it leads to within ${time}; it is at ${navigation.url}`;
        return new PageError(message, { errorClass: "temporary", cause });
      }
    }
  }
}

function parseKey(chord: string): KeyPress {
  const press = parseChord(chord);
  if (press !== null) return press;
  throw new PageError(`there is no key "${chord}"; use names such as Enter, Tab, ArrowDown, a, Control+A`, { errorClass: "block" });
}
