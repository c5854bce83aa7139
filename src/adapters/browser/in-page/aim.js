/**
 * Whether the pointer came to what it was aimed at. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./boxes.js").boxes>} places
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 */
export function aim(faults, dom, places, elements) {
  const { NotYet } = faults;
  const { isAt, countOf, matches, mayShowFrame } = dom;
  const { boxesOf } = places;
  const { describe, reaches } = elements;

  /** What the button was pressed for must come so soon. */
  const EXPECTED_MS = 5000;

  /** How often it is looked whether the button has gone down where that cannot be heard, and the time between. */
  const LOOKS = 200;
  const LOOK_MS = 5;

  /** What moving the pointer there and pressing the button come to. */
  const EVENTS = ["mouseover", "pointerdown", "mousedown", "pointerup", "mouseup", "click", "auxclick", "dblclick", "contextmenu"];

  /** @typedef {{ readonly x: number, readonly y: number }} Point */

  /**
   * @typedef {object} Expected
   * @property {Element} element that the pointer has been sent to
   * @property {() => Element} find finds it again when the page has drawn it anew
   * @property {number} at
   * @property {boolean} isSeen does what the pointer does there come to this document?
   * @property {number} downs so often the button went down before
   * @property {number} ups
   * @property {string | null} [missed] what the button met instead as it went down
   * @property {string} [slipped] what it met instead as it came up
   * @property {Point} [entered] where the pointer came over it
   */
  let expected = /** @type {Expected | null} */ (null);

  /** Forgets the element that the pointer was sent to. */
  function expectNothing() {
    expected = null;
  }

  /**
   * The pointer is sent to this element.
   * @param {Element} element
   * @param {() => Element} find finds it again when the page has drawn it anew
   * @param {Element} hit what is innermost where the pointer is sent to
   */
  function expectPointer(element, find, hit) {
    const at = performance.now();
    expected = { element, find, at, isSeen: !mayShowFrame(hit), downs: countOf("pointerdown"), ups: countOf("pointerup") };
    for (const type of EVENTS) addEventListener(type, check, { capture: true }); // again: a document that follows an empty one keeps us, not these
  }

  /**
   * Resolves when the button has gone down in this document since the pointer was sent to an element of it; at once where that is not seen here.
   * @returns {Promise<true>}
   */
  async function pressed() {
    const met = expected;
    if (met === null || !met.isSeen) return true;
    const heard = new Promise((resolve) => addEventListener("pointerdown", () => resolve(true), { capture: true, once: true }));
    const pause = () => new Promise((resolve) => setTimeout(() => resolve(false), LOOK_MS));
    // The page may keep the event from being heard, and not from being counted.
    for (let looks = 0; looks < LOOKS && !isDown(met); looks++) if ((await Promise.race([heard, pause()])) === true) return true;
    if (!isDown(met)) await heard;
    return true;
  }

  /**
   * Keeps an event from the page that was meant for something else: between finding the point and pressing there the page may have changed.
   * @param {Event} event
   */
  function check(event) {
    if (expected === null || !event.isTrusted || performance.now() - expected.at > EXPECTED_MS) return;
    if (event.type === "mouseover") {
      const { clientX: x, clientY: y } = /** @type {MouseEvent} */ (event);
      const hit = event.composedPath()[0];
      if (hit instanceof Element && reaches(hit, expected.element)) expected.entered = { x, y };
      return;
    }
    if (expected.missed === undefined) {
      if (event.type !== "pointerdown" && event.type !== "mousedown") return; // a key makes clicks too
      expected.missed = whatWasMissed(expected, event.composedPath()[0]);
    }
    if (expected.missed === null) {
      if (event.type === "mouseup") noteSlip(expected, /** @type {MouseEvent} */ (event));
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /**
   * @param {{ element: Element, find: () => Element }} expected
   * @param {EventTarget | undefined} hit
   */
  function whatWasMissed({ element, find }, hit) {
    try {
      const goal = element.isConnected ? element : find();
      if (hit instanceof Element && reaches(hit, goal)) return null;
      return `${describe(goal)} went away from under the pointer, which met ${hit instanceof Element ? describe(hit) : "nothing"} instead`;
    } catch (error) {
      return error instanceof NotYet ? error.say() : String(error);
    }
  }

  /**
   * Where the page moves what was pressed before the button comes up, as when it says what is wrong with the field that has lost the focus, nothing
   * is clicked. What goes away or is covered then may have been meant for pressing.
   * @param {Expected} expected
   * @param {MouseEvent} event
   */
  function noteSlip(expected, event) {
    const { element } = expected;
    const { clientX: x, clientY: y } = event;
    const hit = event.composedPath()[0];
    if (!(hit instanceof Element) || reaches(hit, element) || !hasLeft(element, { x, y })) return;
    expected.slipped = `${describe(element)} went away from under the pointer before the button came up, over ${describe(hit)}`;
  }

  /**
   * Is the pointer over it, or was it, until it was gone or something came to lie over it?
   * @param {Expected} expected
   */
  function isOver({ element, find, entered }) {
    if (entered !== undefined && !hasLeft(element, entered)) return true;
    try {
      return matches(element.isConnected ? element : find(), ":hover");
    } catch (error) {
      if (error instanceof NotYet) return false;
      throw error;
    }
  }

  /**
   * Is it to be seen, but elsewhere?
   * @param {Element} element
   * @param {Point} point
   */
  function hasLeft(element, point) {
    const boxes = element.isConnected ? boxesOf(element) : [];
    return boxes.length > 0 && !boxes.some((box) => isAt(box, point));
  }

  /**
   * Has what the pointer was sent for come?
   * @param {"down" | "up" | "over"} button
   */
  function hasCome(button) {
    return expected === null || !isAwaited(expected) || { down: isDown, up: isUp, over: isOver }[button](expected);
  }

  /**
   * What has become of it; nothing is expected after that but a button that has not come up.
   * @param {"down" | "up" | "over"} button
   * @returns {Pick<import("./protocol.ts").Arrival, "missed" | "isHeld">}
   */
  function take(button) {
    const met = expected;
    expected = null;
    if (met === null || (!met.isSeen && met.missed === undefined)) return { missed: null, isHeld: false };
    if (button === "over") return { missed: isOver(met) ? null : `the pointer is not over ${describe(met.element)}`, isHeld: false };
    if (!isDown(met)) return { missed: `the pointer did not come to ${describe(met.element)}`, isHeld: false };
    const isHeld = button === "up" && !isUp(met);
    if (isHeld) expected = met;
    return { missed: met.missed ?? met.slipped ?? null, isHeld };
  }

  /**
   * What is not seen here never comes; but in a frame of another process it is given time to get where it goes.
   * @param {{ isSeen: boolean }} expected
   */
  const isAwaited = ({ isSeen }) => isSeen || window !== window.top;

  /** @param {{ downs: number }} expected */
  const isDown = ({ downs }) => countOf("pointerdown") > downs;

  /** @param {{ ups: number }} expected */
  const isUp = ({ ups }) => countOf("pointerup") > ups;

  return { expectPointer, expectNothing, pressed, hasCome, take };
}
