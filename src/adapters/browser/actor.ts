import { type BrowserTarget, framesOf, type PageAction, PageError, PLAIN_CLICK, type Press } from "../../domain/browser.ts";
import { type TimedOp, takeBatch } from "./batch.ts";
import { Deadline, inSeconds, TimeUp } from "./deadline.ts";
import type { FramePlace, Frames } from "./frames.ts";
import { chooseFiles } from "./file-chooser.ts";
import { matchesGlob } from "./glob.ts";
import { describeRefusal, type TabGuard } from "./guard.ts";
import type { Box, PageOp, RunAnswer } from "./in-page/protocol.ts";
import { clickAt, dragTo, moveTo, pressAt, pressKeys, releaseAt } from "./input.ts";
import { type KeyPress, keysFor, parseChord } from "./keys.ts";
import type { Navigation, NavigationMark } from "./navigation.ts";
import type { Renderer } from "./renderer.ts";
import type { Responses } from "./responses.ts";
import { testScript } from "./script.ts";
import { ContextLost, type Tab } from "./tab.ts";

/** Kept back from the time for waiting in the page, for its answer to arrive in time. */
const RETURN_MS = 200;

/** A page is not called busy before it has had so much time to answer, however short the time to wait in it. */
const ANSWER_MS = 1500;

/** Of so many refused parts of a page a message tells. */
const PARTS_TOLD = 3;

/** A frame's document that is to be replaced goes within this time, or stays. */
const LEAVE_MS = 3000;

/** What the library found last: a point or a box in the page, and the frame it is in. */
interface Found {
  readonly box: Box | null;
  readonly place: FramePlace | null;
}

/** Does what a page is asked to do: the library's part in its document, then the pointer and the keyboard, then the wait for what it leads to. */
export class Actor {
  readonly #tab: Tab;
  readonly #navigation: Navigation;
  readonly #guard: TabGuard;
  readonly #renderer: Renderer;
  readonly #frames: Frames;
  readonly #responses: Responses;

  constructor(tab: Tab, navigation: Navigation, guard: TabGuard, renderer: Renderer, frames: Frames, responses: Responses) {
    this.#tab = tab;
    this.#navigation = navigation;
    this.#guard = guard;
    this.#renderer = renderer;
    this.#frames = frames;
    this.#responses = responses;
  }

  /**
   * As `BrowserPage.perform`.
   * @returns how many are done: fewer than there are when one of them has made the page close itself
   */
  async perform(actions: readonly PageAction[], signal: AbortSignal): Promise<number> {
    for (let index = 0; index < actions.length;) {
      if (this.#tab.isClosed && index > 0) return index;
      const batch = takeBatch(actions, index);
      if (!batch.actions.every(({ do: kind }) => kind.startsWith("wait_for"))) this.#responses.mark();
      const lastIndex = index + batch.actions.length - 1;
      const last = batch.actions.at(-1)!;
      const { deadline, ...found } = await this.runOps(batch.ops, index, signal);
      try {
        await this.#finish(last, found, deadline ?? new Deadline(last.timeoutMs, signal));
      } catch (error) {
        throw atAction(lastIndex, error instanceof TimeUp ? this.#lateAction(last, error) : error);
      }
      index = lastIndex + 1;
    }
    return actions.length;
  }

  /**
   * After an act: waits for the document that it leads to, if it leads to one.
   * @throws TimeUp, or PageError when the guard did not let it go there
   */
  async arrive(mark: NavigationMark, deadline: Deadline): Promise<void> {
    if (!this.#navigation.hasBegun(mark)) return;
    await this.#navigation.settled(mark, deadline);
    const refusal = this.#guard.takeRefusal();
    if (refusal !== null) throw new PageError(describeRefusal(refusal), { errorClass: "block" });
  }

  /** What an action needs beside what the library does for it: the pointer, the keyboard, a wait for the document. */
  async #finish(action: PageAction, found: Found, deadline: Deadline): Promise<void> {
    switch (action.do) {
      case "click":
        return this.click(action, found, action.press ?? PLAIN_CLICK, deadline);
      case "hover":
        return found.box === null ? undefined : this.#renderer.ask(moveTo(this.#tab.cdp, found.box), deadline);
      case "drag":
        return this.#drag(action, found, deadline);
      case "type":
        if (action.secret === true && action.target === null) await this.#renderer.call("markFocused", [], deadline);
        return this.#type(keysFor(action.text), action.delayMs, found.place, deadline);
      case "press":
        return this.#press([parseKey(action.key)], found.place, deadline);
      case "upload": {
        if (found.box === null) return undefined; // a file input: the library has given it the files
        const mark = this.#navigation.mark();
        await chooseFiles(this.#tab, action.files, () => this.click(action, found, PLAIN_CLICK, deadline), deadline);
        return this.arrive(mark, deadline);
      }
      case "wait_for_url":
        return this.#navigation.arrivedAt((url) => matchesGlob(action.glob, url), deadline);
      case "wait_for_load":
        return this.#navigation.reached(action.state, null, deadline);
      case "wait_for_response":
        return this.#responses.arrived(action, deadline);
      case "wait_for_function":
        return this.#waitForFunction(action.script, deadline);
      default:
        return undefined;
    }
  }

  /** Asks again and again, in the document that is there: nothing is left behind in the page. */
  async #waitForFunction(script: string, deadline: Deadline): Promise<void> {
    let seen = "the page did not answer";
    try {
      for (let pause = 20; ; pause = Math.min(200, pause * 2)) {
        const answer = await testScript(this.#tab.cdp, this.#renderer, script, deadline).catch((error: unknown) => {
          if (error instanceof ContextLost) return { holds: false, seen: "the page went to another document" };
          throw error;
        });
        if (answer.holds) return;
        seen = answer.seen;
        await deadline.pause(pause);
      }
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      throw new PageError(`${seen} on ${this.#navigation.url}`, { errorClass: "block", cause: error });
    }
  }

  #lateAction(action: PageAction, cause: TimeUp): PageError {
    const time = inSeconds(action.timeoutMs);
    switch (action.do) {
      case "wait_for_url":
        return new PageError(`the address is still ${this.#navigation.url} after ${time}`, { errorClass: "block", cause });
      case "wait_for_response":
        return new PageError(`no such response within ${time}: ${this.#responses.describe(action)}`, { errorClass: "block", cause });
      case "wait_for_load":
        return new PageError(`${this.#navigation.url} did not get to "${action.state}" within ${time}`, { errorClass: "temporary", cause });
      default: {
        const message = `done, but the page did not react or load what it leads to within ${time}; it is at ${this.#navigation.url}`;
        return new PageError(message, { errorClass: "temporary", cause });
      }
    }
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
      const missed = await this.#input(() => clickAt(this.#tab.cdp, at, press), place, deadline);
      if (missed === null) return;
      if (deadline.remainingMs === 0) throw new PageError(missed, { errorClass: "block" });
      ({ box, place } = await this.#point({ do: "point", target, first }, deadline));
    }
  }

  /** The place to drop is looked for when the button is down, and again on arrival: lists make room. */
  async #drag({ target, to }: { target: BrowserTarget; to: BrowserTarget }, found: Found, deadline: Deadline): Promise<void> {
    const { cdp } = this.#tab;
    let { box: from, place } = found;
    for (;;) {
      if (from === null) return;
      const start = from;
      const missed = await this.#input(() => pressAt(cdp, start), place, deadline, "down");
      if (missed === null) break;
      await this.#renderer.ask(releaseAt(cdp, start), deadline);
      if (deadline.remainingMs === 0) throw new PageError(missed, { errorClass: "block" });
      ({ box: from, place } = await this.#point({ do: "point", target, first: false }, deadline));
    }
    let at = from;
    try {
      for (let looks = 0; looks < 2; looks++) {
        const { box, place: around } = await this.#point({ do: "drop", target: to }, deadline);
        if (box === null) return;
        place = around;
        if (looks > 0 && Math.abs(box.x - at.x) <= 1 && Math.abs(box.y - at.y) <= 1) break;
        await this.#renderer.ask(dragTo(cdp, at, box), deadline);
        at = box;
      }
    } finally {
      await this.#input(() => releaseAt(cdp, at), null, deadline);
    }
  }

  #point(op: PageOp & { readonly target: BrowserTarget }, deadline: Deadline): Promise<Found> {
    return this.runOps([{ op, timeoutMs: deadline.remainingMs, frames: framesOf(op.target) }], 0, deadline.signal);
  }

  async #type(keys: readonly KeyPress[], delayMs: number, place: FramePlace | null, deadline: Deadline): Promise<void> {
    if (delayMs === 0) return this.#press(keys, place, deadline);
    for (const [index, key] of keys.entries()) {
      if (index > 0) await deadline.pause(delayMs);
      await this.#press([key], place, deadline);
    }
  }

  async #press(keys: readonly KeyPress[], place: FramePlace | null, deadline: Deadline): Promise<void> {
    await this.#input(() => pressKeys(this.#tab.cdp, keys), place, deadline);
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
    const mark = this.#navigation.mark();
    try {
      try {
        await this.#renderer.ask(send(), deadline);
      } catch (error) {
        if (!(error instanceof ContextLost)) throw error; // it has led to another document already
      }
      const missed = this.#navigation.hasBegun(mark) ? null : await this.#settle(place, until, deadline);
      await this.arrive(mark, deadline);
      return missed;
    } catch (error) {
      if (!this.#tab.isClosed) throw error;
      return null; // that is what the input made the page do
    }
  }

  async #settle(place: FramePlace | null, until: "down" | "up", deadline: Deadline): Promise<string | null> {
    if (place === null) return (await this.#renderer.call("settle", [null], deadline)).missed;
    try {
      const { missed, leaving } = await this.#renderer.callIn(place, "settle", [until], deadline);
      if (leaving) await this.#leave(place, deadline);
      return missed;
    } catch (error) {
      if (error instanceof ContextLost) return null; // it has led to another document already
      throw error;
    }
  }

  /** Waits until a frame's document, which is on its way out, has gone; not for long, as what comes may be no document. */
  async #leave(place: FramePlace, deadline: Deadline): Promise<void> {
    const patience = deadline.atMost(LEAVE_MS);
    try {
      for (;;) {
        await this.#renderer.askIn(place, place.cdp.send("Runtime.evaluate", { expression: "0", contextId: place.contextId }), patience);
        await patience.pause(20);
      }
    } catch (error) {
      if (!(error instanceof ContextLost || error instanceof TimeUp)) throw error;
      deadline.signal.throwIfAborted();
    }
  }

  /**
   * Has the library do operations of one document, going on in the next one when one of them leads there.
   * @param base index of the first, for errors
   * @returns what the last one found (a point or a box in the page), the frame it is in, and the time that is left to it
   */
  async runOps(ops: readonly TimedOp[], base: number, signal: AbortSignal): Promise<Found & { deadline: Deadline | null }> {
    let done = 0;
    let deadline: Deadline | null = null;
    let seen: string | null = null;
    while (done < ops.length) {
      const { timeoutMs, frames = [], op } = ops[done]!;
      deadline ??= new Deadline(timeoutMs, signal);
      const mark = this.#navigation.mark();
      let at = done;
      try {
        const place = frames.length === 0 ? null : await this.#enter(frames, op.do === "wait_hidden", deadline);
        if (place === undefined) {
          done++;
          deadline = null;
          continue;
        }
        const waitMs = Math.max(0, deadline.remainingMs - RETURN_MS);
        const left = ops.slice(done).map((timed) => timed.op);
        const answer = await this.#run(place, left, waitMs, deadline);
        if (answer.state === "failed" && answer.done === 0) throw new PageError(answer.seen, { errorClass: "block" });
        if (answer.state === "waiting" && answer.done === 0) {
          const hidden = place === null ? null : await this.#frames.whyHidden(place, new Deadline(RETURN_MS, signal)).catch(() => null);
          const message = `${hidden ?? answer.seen}${this.#refusals()} (waited ${inSeconds(timeoutMs)})`;
          throw new PageError(message, { errorClass: "block" });
        }
        if (answer.done > 1) deadline = new Deadline(ops[done + answer.done - 1]!.timeoutMs, signal); // that one's time has only begun
        done += answer.done;
        at = done - 1;
        await this.arrive(mark, deadline);
        if (answer.state === "leaving" && place !== null) await this.#leave(place, deadline);
        if (answer.state === "complete") {
          if (place === null || answer.box === null) return { box: answer.box, place, deadline };
          const box = await this.#frames.outward(place, answer.box, ops.at(-1)!.op.do === "box", deadline);
          if (typeof box !== "string") return { box, place, deadline };
          seen = box;
          done = at; // again, from the point on
          await deadline.pause(50);
          continue;
        }
        deadline = null;
      } catch (error) {
        if (error instanceof ContextLost) continue; // the frame has another document now
        const late =
          error instanceof TimeUp
            ? seen === null
              ? new PageError(`the page had not loaded within ${inSeconds(timeoutMs)}`, { errorClass: "temporary", cause: error })
              : new PageError(`${seen} (waited ${inSeconds(timeoutMs)})`, { errorClass: "block", cause: error })
            : error;
        throw atAction(base + at, late);
      }
    }
    return { box: null, place: null, deadline: null };
  }

  /** @returns undefined when it need not be there and is not */
  async #enter(frames: readonly BrowserTarget[], mayBeGone: boolean, deadline: Deadline): Promise<FramePlace | undefined> {
    const place = mayBeGone ? await this.#frames.find(frames, deadline) : await this.#frames.enter(frames, deadline);
    return place ?? undefined;
  }

  async #run(place: FramePlace | null, ops: readonly PageOp[], waitMs: number, deadline: Deadline): Promise<RunAnswer> {
    const patience = deadline.atLeast(ANSWER_MS);
    const call =
      place === null ? this.#renderer.call("run", [ops, waitMs], patience) : this.#renderer.callIn(place, "run", [ops, waitMs], patience);
    return this.#renderer.inTime("react", call);
  }

  #refusals(): string {
    const refused = this.#guard.refusalsInFrames().map(describeRefusal);
    const parts = this.#guard.refusedParts().map(describeRefusal);
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

function parseKey(chord: string): KeyPress {
  const press = parseChord(chord);
  if (press !== null) return press;
  throw new PageError(`there is no key "${chord}"; use names such as Enter, Tab, ArrowDown, a, Control+A`, { errorClass: "block" });
}
