import { type BrowserTarget, framesOf, PageError } from "../../../domain/browser/browser.ts";
import { arrive } from "./arrive.ts";
import type { TimedOp } from "./batch.ts";
import { Deadline, inSeconds, TimeUp } from "../deadline.ts";
import { FrameInput } from "./frame-input.ts";
import type { FramePlace } from "./frames.ts";
import { describeRefusal } from "../guard/tab-guard.ts";
import type { Arrival, Box, PageLibrary, PageOp, RunAnswer } from "../in-page/protocol.ts";
import type { PageParts } from "./page-parts.ts";
import { ContextLost } from "../tabs/tab.ts";

/** Kept back from the time for waiting in the page, for its answer to arrive in time. */
const RETURN_MS = 200;

/** A page is not called busy before it has had so much time to answer, however short the time to wait in it. */
const ANSWER_MS = 1500;

/** Of so many refused parts of a page a message tells. */
const PARTS_TOLD = 3;

/** A dialog that opened so long ago may be open still, or be followed by the next one. */
const DIALOG_MS = 1000;

/** A frame's document that is to be replaced goes within this time, or stays. */
const LEAVE_MS = 3000;

/** For input that has led elsewhere: nobody is left to ask. */
const ARRIVED: Arrival = { missed: null, isHeld: false, keysMissed: 0 };

/** What was missed where the button was pressed at a place at which a frame, or its document, was before. */
export const FRAME_GONE = "the frame went away from under the pointer";

/** What the library found last: a point or a box in the page, and the frame it is in. */
export interface Found {
  readonly box: Box | null;
  /** The same in the viewport that the session of its document begins with; that is another one in a frame with a process of its own. */
  readonly own: Box | null;
  readonly place: FramePlace | null;
}

/** What the library does in a page or one of its frames, through as many documents as it leads to. */
export class Operations {
  readonly #parts: PageParts;

  constructor(parts: PageParts) {
    this.#parts = parts;
  }

  /**
   * Has the library do operations of one document, going on in the next one when one of them leads there.
   * @param base index of the first, for errors
   * @returns what the last one found (a point or a box in the page), the frame it is in, and the time that is left to it
   * @throws PageError with `actionIndex`
   */
  async run(ops: readonly TimedOp[], base: number, signal: AbortSignal): Promise<Found & { deadline: Deadline | null }> {
    const { navigation, frames } = this.#parts;
    let done = 0;
    let deadline: Deadline | null = null;
    let unreachable: string | null = null;
    while (done < ops.length) {
      const { timeoutMs, frames: path = [], op } = ops[done]!;
      deadline ??= new Deadline(timeoutMs, signal);
      const mark = navigation.mark();
      let at = done;
      try {
        const place = path.length === 0 ? null : await this.#enter(path, op.do === "wait_hidden", deadline);
        if (place === undefined) {
          done++;
          deadline = null;
          continue;
        }
        const answer = await this.#runIn(place, ops.slice(done), deadline);
        if (answer.done > 1) deadline = new Deadline(ops[done + answer.done - 1]!.timeoutMs, signal); // that one's time has only begun
        at = done + answer.done - 1;
        done = at + 1;
        await arrive(this.#parts, mark, deadline);
        if (answer.state === "leaving" && place !== null) await this.#leave(place, deadline);
        if (answer.state !== "complete") {
          deadline = null;
          continue;
        }
        if (place === null || answer.box === null) return { box: answer.box, own: answer.box, place, deadline };
        done = at; // not before it is known where that is in the page
        const reached = await frames.outward(place, answer.box, ops.at(-1)!.op.do !== "point", deadline);
        if (typeof reached !== "string") return { ...reached, place, deadline };
        unreachable = reached;
        await deadline.pause(50);
      } catch (error) {
        if (error instanceof ContextLost) continue; // the frame has another document now
        throw atAction(base + at, error instanceof TimeUp ? lateOperation(timeoutMs, unreachable, error) : error);
      }
    }
    return { box: null, own: null, place: null, deadline: null };
  }

  /** Finds a point in the page or in a frame of it, as the last of what the time is for. */
  point(op: PageOp & { readonly target: BrowserTarget }, deadline: Deadline): Promise<Found> {
    return this.run([{ op, timeoutMs: deadline.remainingMs, frames: framesOf(op.target) }], 0, deadline.signal);
  }

  /**
   * Sends input, and waits for what it leads to. It is answered when the page has handled it; what it has only posted to itself, such as a submission, is let happen too.
   * @param place the frame that it is for; null for the page itself
   * @param keys so many are sent
   * @param presses is the button pressed?
   */
  async input(
    send: () => Promise<void>,
    place: FramePlace | null,
    deadline: Deadline,
    {
      button = "up",
      keys = 0,
      presses = keys === 0 && button !== "over",
    }: { readonly button?: "down" | "up" | "over"; readonly keys?: number; readonly presses?: boolean } = {},
  ): Promise<Arrival> {
    const { tab, navigation, renderer } = this.#parts;
    const mark = navigation.mark();
    const inFrame = place === null ? null : new FrameInput(place, presses);
    try {
      try {
        await renderer.ask(inFrame === null ? send() : Promise.race([send(), inFrame.gone]), deadline);
      } catch (error) {
        if (!(error instanceof ContextLost)) throw error; // it has led to another document already
      }
      const isOver = navigation.hasBegun(mark) || inFrame?.isGone === true;
      const settled = isOver ? null : await this.#settle(place, [button, this.hasDialogs ? keys : 0], deadline);
      await arrive(this.#parts, mark, deadline);
      if (settled !== null) return settled;
      return inFrame?.isPressed === false && !navigation.hasBegun(mark) ? { ...ARRIVED, missed: FRAME_GONE } : ARRIVED;
    } catch (error) {
      if (!tab.isClosed) throw error;
      return ARRIVED; // that is what the input made the page do
    } finally {
      inFrame?.stop();
    }
  }

  /** Has the button gone down in this document since it came? */
  wasPressed(place: FramePlace, deadline: Deadline): Promise<boolean> {
    return this.#parts.library.callIn(place, "wasPressed", [], deadline);
  }

  /**
   * Is it a time of dialogs? Then the browser may drop keys. At other times keys that do not come have gone elsewhere, such as to the list of a select.
   */
  get hasDialogs(): boolean {
    return this.#parts.dialogs.openedSince(Date.now() - DIALOG_MS);
  }

  /**
   * Lets a document do what input has made it set out to do.
   * @param place the frame that the input was for; null for the page itself
   * @returns null when there is another document already
   */
  async #settle(place: FramePlace | null, sent: Parameters<PageLibrary["settle"]>, deadline: Deadline): Promise<Arrival | null> {
    const { library } = this.#parts;
    try {
      const answer = place === null ? library.call("settle", sent, deadline) : library.callIn(place, "settle", sent, deadline);
      const { leaving, ...arrival } = await answer;
      if (leaving && place !== null) await this.#leave(place, deadline);
      return arrival;
    } catch (error) {
      if (error instanceof ContextLost) return null;
      throw error;
    }
  }

  /** @returns undefined when it need not be there and is not */
  async #enter(path: readonly BrowserTarget[], mayBeGone: boolean, deadline: Deadline): Promise<FramePlace | undefined> {
    const { frames } = this.#parts;
    return mayBeGone ? ((await frames.find(path, deadline)) ?? undefined) : await frames.enter(path, deadline);
  }

  /** @throws PageError when the first of them is not possible */
  async #runIn(place: FramePlace | null, ops: readonly TimedOp[], deadline: Deadline): Promise<RunAnswer> {
    const { renderer, library, frames } = this.#parts;
    const args: [PageOp[], number] = [ops.map(({ op }) => op), Math.max(0, deadline.remainingMs - RETURN_MS)];
    const patience = deadline.atLeast(ANSWER_MS);
    const running = place === null ? library.call("run", args, patience) : library.callIn(place, "run", args, patience);
    const answer = await renderer.inTime("react", running);
    if (answer.done > 0 || answer.state === "complete" || answer.state === "leaving") return answer;
    if (answer.state === "failed") throw new PageError(answer.seen, { errorClass: "block" });
    const hidden = place === null ? null : await frames.whyHidden(place, new Deadline(RETURN_MS, deadline.signal)).catch(() => null);
    const message = `${hidden ?? answer.seen}${this.#refusals()} (waited ${inSeconds(ops[0]!.timeoutMs)})`;
    throw new PageError(message, { errorClass: "block" });
  }

  /** Waits until a frame's document, which is on its way out, has gone; not for long, as what comes may be no document. */
  async #leave(place: FramePlace, deadline: Deadline): Promise<void> {
    const patience = deadline.atMost(LEAVE_MS);
    try {
      for (;;) {
        const asked = place.cdp.send("Runtime.evaluate", { expression: "0", contextId: place.contextId });
        await this.#parts.renderer.askIn(place, asked, patience);
        await patience.pause(20);
      }
    } catch (error) {
      if (!(error instanceof ContextLost || error instanceof TimeUp)) throw error;
      deadline.signal.throwIfAborted();
    }
  }

  /** What the guard has kept from the page, for the message of somebody who misses something. */
  #refusals(): string {
    const { guard } = this.#parts;
    const refused = guard.refusalsInFrames().map(describeRefusal);
    const parts = guard.refusedParts().map(describeRefusal);
    const frames = refused.length === 0 ? "" : `; a frame was not let through: ${refused.join("; ")}`;
    const more = parts.length > PARTS_TOLD ? ` and ${parts.length - PARTS_TOLD} more` : "";
    return parts.length === 0
      ? frames
      : `${frames}; parts of the page were not let through: ${parts.slice(0, PARTS_TOLD).join("; ")}${more}`;
  }
}

/** The same error, with the action that it happened in. */
export function atAction(actionIndex: number, error: unknown): unknown {
  return error instanceof PageError ? new PageError(error.message, { errorClass: error.errorClass, actionIndex, cause: error }) : error;
}

/** @param unreachable why what was found in a frame could not be reached from the page */
function lateOperation(timeoutMs: number, unreachable: string | null, cause: TimeUp): PageError {
  if (unreachable !== null) return new PageError(`${unreachable} (waited ${inSeconds(timeoutMs)})`, { errorClass: "block", cause });
  return new PageError(`the page had not loaded within ${inSeconds(timeoutMs)}`, { errorClass: "temporary", cause });
}
