/**
 * Does operations, each as soon as it is possible. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./locate.js").locate>} locator
 * @param {ReturnType<typeof import("./choose.js").choose>} chooser
 * @param {ReturnType<typeof import("./point.js").point>} pointer
 * @param {ReturnType<typeof import("./aim.js").aim>} aimer
 * @param {ReturnType<typeof import("./keyboard.js").keyboard>} keyboard
 * @param {ReturnType<typeof import("./controls.js").controls>} controller
 * @param {ReturnType<typeof import("./scroll.js").scroll>} scroller
 * @param {ReturnType<typeof import("./hide.js").hide>} hider
 */
export function act(faults, dom, elements, locator, chooser, pointer, aimer, keyboard, controller, scroller, hider) {
  const { NotYet, Never, BadTarget } = faults;
  const { page } = dom;
  const { fold, isVisible, shownText } = elements;
  const { findAll, describeSeveral } = locator;
  const { theOne, whyNone, firstClickable, usable, controlOf } = chooser;
  const { pointAt, boxOf } = pointer;
  const { focus, fill, select, check, upload } = controller;
  const { scrollIntoView, scrollTo, scrollBy, scrollToEnd } = scroller;
  /** @typedef {import("./protocol.ts").PageOp} PageOp */
  /** @typedef {import("./protocol.ts").Box} Box */

  /** Between two looks whether input has come. */
  const LOOK_MS = 5;

  /**
   * The browser drops input, and answers as if it had been given, while a page of the same process shows a dialog and before a page is first drawn.
   * What a dialog has got in before may come a little later than its answer; in a frame of another process anything may. Counted in looks, as
   * dialogs hold up what would look.
   */
  const LOOKS = window === window.top ? 20 : 200;

  /** Is the document about to be replaced? Router navigations that stay in the document do not count. */
  let leaving = false;
  /** @param {NavigateEvent} event */
  function noteLeaving(event) {
    if (!event.destination.sameDocument && event.downloadRequest === null) leaving = true;
  }

  /** A new call ends the one before, which may still be waiting for something that its caller has given up on. */
  let generation = 0;

  /**
   * @param {readonly PageOp[]} ops
   * @param {number} waitMs
   * @returns {Promise<import("./protocol.ts").RunAnswer>}
   */
  async function run(ops, waitMs) {
    const mine = ++generation;
    const endsAt = performance.now() + waitMs;
    leaving = false;
    globalThis.navigation?.addEventListener("navigate", noteLeaving); // again: a document that follows an empty one keeps us, not this
    aimer.expectNothing();
    keyboard.begin();
    keyboard.expectKeys(null);
    let box = /** @type {Box | null} */ (null);
    let done = 0;
    for (let pause = 10; done < ops.length;) {
      try {
        if (done > 0 && endsAt - performance.now() < waitMs / 2) return { done, state: "waiting", seen: "" }; // it gets time of its own
        box = await perform(/** @type {PageOp} */ (ops[done]), () => mine === generation && performance.now() < endsAt);
        done++;
        if (changesPage(/** @type {PageOp} */ (ops[done - 1]))) await nextTask();
        if (leaving && done < ops.length) return { done, state: "leaving" };
        if (mine !== generation) return { done, state: "waiting", seen: "given up" };
      } catch (error) {
        if (error instanceof Never || error instanceof BadTarget) return { done, state: "failed", seen: error.message };
        if (!(error instanceof NotYet)) throw error;
        if (done > 0 || performance.now() >= endsAt) return { done, state: "waiting", seen: done > 0 ? "" : error.say() };
        await new Promise((resolve) => setTimeout(resolve, pause));
        if (mine !== generation) return { done, state: "waiting", seen: "given up" };
        pause = Math.min(100, pause * 2);
      }
    }
    return { done, state: "complete", box };
  }

  function cancel() {
    generation++;
  }

  /** @param {PageOp} op */
  function changesPage(op) {
    return op.do === "select" || op.do === "upload" || op.do === "focus"; // after the others it was waited already
  }

  /**
   * @param {"down" | "up" | "over"} button
   * @param {number} keys
   */
  async function settle(button, keys) {
    for (let looks = 0; looks < LOOKS && !(aimer.hasCome(button) && keyboard.missing(keys) === 0); looks++)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const { missed, isHeld } = aimer.take(button);
    const arrival = { missed: missed ?? keyboard.whatWasLost(), isHeld, keysMissed: keyboard.missing(keys) };
    keyboard.begin();
    await nextTask();
    return { ...arrival, leaving };
  }

  /** After everything that the page has already posted to itself, such as the submission of a form. */
  function nextTask() {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => {
          port1.close();
          resolve();
        };
        port2.postMessage(null);
      })
    );
  }

  /**
   * @param {PageOp} op
   * @param {() => boolean} goOn is there still time, and somebody who waits?
   * @returns {Promise<Box | null>}
   */
  async function perform(op, goOn) {
    switch (op.do) {
      case "point":
        return pointAt(() => (op.first ? firstClickable(op.target) : theOne(op.target)));
      case "drop":
        return pointAt(() => theOne(op.target), true);
      case "box":
        return boxOf(theOne(op.target), op.inFrame);
      case "focus": {
        const element = secretly(op.secret, usable(controlOf(theOne(op.target))));
        focus(element);
        keyboard.expectKeys(element);
        return null;
      }
      case "fill":
        await hold(fill(secretly(op.secret, usable(controlOf(theOne(op.target)))), op.value), goOn);
        return null;
      case "select":
        select(usable(controlOf(theOne(op.target))), op.by, op.wanted);
        return null;
      case "check":
        await hold(check(op.target, op.checked), goOn);
        return null;
      case "upload":
        return upload(op.target, op.files) ? null : pointAt(() => theOne(op.target));
      case "scroll":
        scrollIntoView(theOne(op.target));
        return null;
      case "scroll_to":
        scrollTo(op.target, op.edge);
        return null;
      case "scroll_by":
        scrollBy(op.target, op.x, op.y);
        return null;
      case "scroll_end":
        await scrollToEnd(op, goOn);
        return null;
      case "wait_visible": {
        const found = findAll(op.target);
        if (!found.some(isVisible)) throw new NotYet(() => whyNone(op.target, found));
        return null;
      }
      case "wait_hidden": {
        const shown = findAll(op.target).filter(isVisible);
        if (shown.length > 0) throw new NotYet(() => `still visible: ${describeSeveral(shown)}`);
        return null;
      }
      case "wait_text":
        if (
          !shownText(page.body() ?? page.root())
            .toLowerCase()
            .includes(fold(op.text).toLowerCase())
        ) {
          throw new NotYet(`${location.href} "${page.title()}" does not show this text`);
        }
        return null;
    }
  }

  /**
   * Waits until what was done to a control has come about: pages that keep its state themselves take it over a moment later, or take it back.
   * @param {() => string | null} why says why it is not so
   * @param {() => boolean} goOn
   */
  async function hold(why, goOn) {
    for (let pause = 0; ; pause = Math.min(100, pause * 2 + 5)) {
      await (pause === 0 ? nextTask() : new Promise((resolve) => setTimeout(resolve, pause)));
      const seen = why();
      if (seen === null || leaving) return;
      if (!goOn()) throw new Never(seen);
    }
  }

  /**
   * What a secret goes into is hidden in pictures from now on.
   * @param {boolean} secret
   * @param {Element} element
   */
  function secretly(secret, element) {
    if (secret) hider.mark(element);
    return element;
  }

  return { run, cancel, settle, pressed: aimer.pressed };
}
