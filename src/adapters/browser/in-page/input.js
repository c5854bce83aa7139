/**
 * Whether input came to what it was sent to. The browser drops input, and answers as if it had been given, while a page of the same process shows
 * a dialog and before a page is first drawn. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 */
export function input(faults, dom, elements) {
  const { NotYet } = faults;
  const { page, tagOf, matches } = dom;
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

  /** What pressing the button comes to. */
  const EVENTS = ["pointerdown", "mousedown", "pointerup", "mouseup", "click", "auxclick", "dblclick", "contextmenu"];

  /** The element that the pointer has been sent to, and how often the button went down and up before. `missed` says what it met instead. */
  let expected =
    /** @type {{ element: Element, find: () => Element, at: number, isSeen: boolean, downs: number, ups: number, missed?: string | null } | null} */ (
      null
    );

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
    if (expected.missed === undefined) {
      if (event.type !== "pointerdown" && event.type !== "mousedown") return; // a key makes clicks too
      expected.missed = whatWasMissed(expected, event.composedPath()[0]);
    }
    if (expected.missed === null) return;
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
   * Waits until what was sent has come.
   * @param {"down" | "up"} button what the pointer was sent for, if it was sent
   * @param {number} keys so many were sent
   * @returns {Promise<import("./protocol.ts").Arrival>}
   */
  async function arrived(button, keys) {
    const hasPointer = () => expected === null || !isAwaited(expected) || (button === "up" ? isUp(expected) : isDown(expected));
    const keysMissed = () => (keysBefore === null || areKeysElsewhere() ? 0 : Math.max(0, keysBefore + keys - count("keydown")));
    for (let looks = 0; looks < LOOKS && !(hasPointer() && keysMissed() === 0); looks++)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const met = expected;
    const missing = keysMissed();
    begin();
    if (met === null || (!met.isSeen && met.missed === undefined)) return { missed: null, isHeld: false, keysMissed: missing };
    const isHeld = button === "up" && isDown(met) && !isUp(met);
    if (isHeld) expected = met;
    return {
      missed: isDown(met) ? (met.missed ?? null) : `the pointer did not come to ${describe(met.element)}`,
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

  return { begin, expectPointer, expectNothing, arrived };
}
