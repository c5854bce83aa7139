/**
 * Whether input came to what it was sent to. The browser drops input, and answers as if it had been given, while a page of the same process shows
 * a dialog and before a page is first drawn. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./boxes.js").boxes>} places
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 */
export function input(faults, dom, places, elements) {
  const { NotYet } = faults;
  const { page, tagOf, matches } = dom;
  const { boxesOf } = places;
  const { describe, reaches } = elements;

  /** What the button was pressed for must come so soon. */
  const EXPECTED_MS = 5000;

  /** Between two looks whether it has come. */
  const LOOK_MS = 5;

  /**
   * Input that a dialog has got in before may come a little later than its answer; in a frame of another process any may. Counted in looks, as
   * dialogs hold up what would look.
   */
  const LOOKS = window === window.top ? 20 : 200;

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

  /** What keys are typed into, and those that it did not get or may not take. */
  let typed = /** @type {{ element: Element, lost: number, full: KeyboardEvent[] } | null} */ (null);

  /** How many keys had come when they were last counted; null before that in this document. */
  let keysBefore = /** @type {number | null} */ (null);

  /**
   * How often an event has come to this document. The page cannot keep it from being counted.
   * @param {"pointerdown" | "pointerup" | "keydown"} type
   */
  const count = (type) => performance.eventCounts.get(type) ?? 0;

  /** Input that is sent from now on is expected. */
  function begin() {
    expected = null;
    keysBefore = count("keydown");
  }

  /**
   * Keys are typed into this element, which has the focus.
   * @param {Element | null} element
   */
  function expectKeys(element) {
    typed = element === null ? null : { element, lost: 0, full: [] };
    if (typed !== null) addEventListener("keydown", noteKey, { capture: true });
  }

  /** @param {KeyboardEvent} event */
  function noteKey(event) {
    if (typed === null || !event.isTrusted || event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
    const focused = page.focused();
    if (focused === null || (focused === page.body() && typed.element !== focused && typed.element !== page.root())) typed.lost++;
    else if (focused instanceof HTMLInputElement || focused instanceof HTMLTextAreaElement) {
      const { maxLength, value, selectionStart } = focused;
      const isCaret = selectionStart !== null && selectionStart === focused.selectionEnd;
      if (isCaret && maxLength > 0 && value.length >= maxLength) typed.full.push(event);
    }
  }

  /** Why keys were typed in vain, as a sentence; null when none were. */
  function whatWasLost() {
    if (typed === null) return null;
    const { element, lost, full } = typed;
    const refused = full.filter((event) => !event.defaultPrevented).length;
    typed = { element, lost: 0, full: [] };
    if (lost > 0)
      return `${lost} keys came to nothing: ${describe(element)} had lost the focus (\`delay_ms\` gives the page time between keys)`;
    const hint = "(`delay_ms` gives a page that moves on to the next field time for that)";
    return refused > 0 ? `${refused} keys came to nothing: the field had as many characters as it takes ${hint}` : null;
  }

  /**
   * The pointer is sent to this element.
   * @param {Element} element
   * @param {() => Element} find finds it again when the page has drawn it anew
   * @param {Element} hit what is innermost where the pointer is sent to
   */
  function expectPointer(element, find, hit) {
    const at = performance.now();
    expected = { element, find, at, isSeen: !mayShowFrame(hit), downs: count("pointerdown"), ups: count("pointerup") };
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

  /** Forgets the element that the pointer was sent to. */
  function expectNothing() {
    expected = null;
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
  function hasLeft(element, { x, y }) {
    const boxes = element.isConnected ? boxesOf(element) : [];
    return boxes.length > 0 && !boxes.some(({ left, right, top, bottom }) => x >= left && x <= right && y >= top && y <= bottom);
  }

  /**
   * Waits until what was sent has come.
   * @param {"down" | "up" | "over"} button what the pointer was sent for, if it was sent
   * @param {number} keys so many were sent
   * @returns {Promise<import("./protocol.ts").Arrival>}
   */
  async function arrived(button, keys) {
    const isThere = { down: isDown, up: isUp, over: isOver }[button];
    const hasPointer = () => expected === null || !isAwaited(expected) || isThere(expected);
    const keysMissed = () => (keysBefore === null || areKeysElsewhere() ? 0 : Math.max(0, keysBefore + keys - count("keydown")));
    for (let looks = 0; looks < LOOKS && !(hasPointer() && keysMissed() === 0); looks++)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const met = expected;
    const missing = keysMissed();
    begin();
    if (met === null || (!met.isSeen && met.missed === undefined)) return { missed: whatWasLost(), isHeld: false, keysMissed: missing };
    if (button === "over")
      return { missed: isOver(met) ? null : `the pointer is not over ${describe(met.element)}`, isHeld: false, keysMissed: missing };
    const isHeld = button === "up" && isDown(met) && !isUp(met);
    if (isHeld) expected = met;
    return {
      missed: isDown(met) ? (met.missed ?? met.slipped ?? null) : `the pointer did not come to ${describe(met.element)}`,
      isHeld,
      keysMissed: missing,
    };
  }

  /**
   * What is not seen here never comes; but in a frame of another process it is given time to get where it goes.
   * @param {{ isSeen: boolean }} expected
   */
  const isAwaited = ({ isSeen }) => isSeen || window !== window.top;

  /** @param {{ downs: number }} expected */
  const isDown = ({ downs }) => count("pointerdown") > downs;

  /** @param {{ ups: number }} expected */
  const isUp = ({ ups }) => count("pointerup") > ups;

  /** May keys go to a document inside this one, or to the list or calendar of a control? */
  function areKeysElsewhere() {
    const focused = page.focused();
    return (
      focused !== null &&
      (matches(focused, "select, input[list], input:is([type^=date], [type=month], [type=week], [type=time], [type=color])") ||
        mayShowFrame(focused))
    );
  }

  /**
   * Is it a frame, or can it have one in a closed shadow tree? Input for that does not come to this document.
   * @param {Element} element
   */
  function mayShowFrame(element) {
    const tag = tagOf(element);
    if (/^(IFRAME|FRAME|OBJECT|EMBED|FENCEDFRAME)$/.test(tag)) return true;
    return (
      window.length > 0 && (tag.includes("-") || /^(ARTICLE|ASIDE|BLOCKQUOTE|DIV|FOOTER|H[1-6]|HEADER|MAIN|NAV|P|SECTION|SPAN)$/.test(tag))
    );
  }

  return { begin, expectPointer, expectNothing, expectKeys, pressed, arrived };
}
