/**
 * Where the pointer has to go, and whether it got there. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./choose.js").choose>} chooser
 */
export function point(faults, dom, elements, chooser) {
  const { NotYet } = faults;
  const { page, rectsOf, frameOf, nearest, isIn, elementAt, scrollIntoView } = dom;
  const { describe } = elements;
  const { usable } = chooser;
  /** @typedef {import("./protocol.ts").Box} Box */

  /** What the button was pressed for must come so soon. */
  const EXPECTED_MS = 5000;

  /** In a frame of another process input may arrive a little later than its answer. */
  const LATE_MS = 1000;

  /** The element that the pointer has been sent to. `missed` says what it met instead; undefined before it came. `over`: the button is up again. */
  let expected =
    /** @type {{ element: Element, find: () => Element, at: number, missed?: string | null, came: boolean, over: boolean } | null} */ (
      null
    );

  /** HTML drag and drop in this document: has it begun since it was last pointed at, and has it come over it since it was last looked where to drop? */
  const dragged = { start: false, over: false };
  /** @param {Event} event */
  function noteDrag({ type, isTrusted }) {
    if (isTrusted) dragged[type === "dragstart" ? "start" : "over"] = true;
  }

  /** What pressing the button comes to. */
  const EVENTS = ["pointerdown", "mousedown", "pointerup", "mouseup", "click", "auxclick", "dblclick", "contextmenu"];

  /**
   * Keeps an event from the page that was meant for something else: between finding the point and pressing there the page may have changed.
   * @param {Event} event
   */
  function check(event) {
    if (expected === null || !event.isTrusted || performance.now() - expected.at > EXPECTED_MS) return;
    expected.came = true;
    if (expected.missed === undefined) {
      if (event.type !== "pointerdown" && event.type !== "mousedown") return; // a key makes clicks too
      expected.missed = whatWasMissed(expected, event.composedPath()[0]);
    }
    if (event.type === "mouseup") expected.over = true;
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
   * Waits until the pointer has been where it was sent to; when it does not come, that is what it missed.
   * @param {"down" | "up"} until
   */
  async function waitForPointer(until) {
    if (expected === null) return;
    const came = () => expected === null || (until === "up" ? expected.over : expected.missed !== undefined);
    for (const endsAt = performance.now() + LATE_MS; !came() && performance.now() < endsAt;)
      await new Promise((resolve) => setTimeout(resolve, 5));
    if (expected !== null && !expected.came) expected.missed = `the pointer did not come to ${describe(expected.element)}`;
  }

  /** @returns what the pointer met instead of what it was sent to; null when all was well */
  function takeMissed() {
    const missed = expected?.missed ?? null;
    expected = null;
    return missed;
  }

  /**
   * Scrolls an element into view and finds the point where a click reaches it, at rest: a frame later it is in the same place. One that the page
   * has drawn anew meanwhile is found again.
   * @param {() => Element} find
   * @param {boolean} covered may something lie over it? What is dragged does.
   * @returns {Promise<Box>}
   */
  async function pointAt(find, covered = false) {
    let element = usable(find());
    const before = visibleBox(element) ?? scrolledBox(element);
    await nextFrame();
    if (page.isAnimated()) await nextFrame(); // in its first frame an animation stands still
    if (!element.isConnected) element = usable(find());
    const box = visibleBox(element);
    if (before === null || box === null) throw new NotYet(`${describe(element)} cannot be scrolled into view: ${whereIs(element)}`);
    if (Math.abs(before.x - box.x) > 1 || Math.abs(before.y - box.y) > 1) throw new NotYet(`${describe(element)} keeps moving`);
    const x = box.x + box.width / 2;
    const y = box.y + box.height / 2;
    const hit = elementAt(x, y);
    if (!covered && (hit === null || !reaches(hit, element))) {
      scrolledBox(element); // from below a header that stays
      throw new NotYet(`${describe(element)} is covered by ${hit === null ? "nothing known" : describe(hit)}`);
    }
    dragged[covered ? "over" : "start"] = false;
    for (const type of ["dragstart", "dragover"]) addEventListener(type, noteDrag, { capture: true });
    expected = covered ? null : { element, find, at: performance.now(), came: false, over: false };
    for (const type of EVENTS) addEventListener(type, check, { capture: true }); // again: a document that follows an empty one keeps us, not these
    return { x, y, width: 0, height: 0 };
  }

  /**
   * Does a click on `hit` reach `element`? Through what is inside it, its label, or its shadow tree.
   * @param {Element} hit
   * @param {Element} element
   */
  function reaches(hit, element) {
    if (isIn(hit, element)) return true;
    const label = nearest(hit, (box) => box instanceof HTMLLabelElement);
    const control = label instanceof HTMLLabelElement ? label.control : null;
    return control !== null && isIn(control, element);
  }

  /**
   * The largest part of it that is in the viewport.
   * @param {Element} element
   * @returns {Box | null}
   */
  function visibleBox(element) {
    let best = /** @type {Box | null} */ (null);
    for (const rect of rectsOf(element)) {
      const x = Math.max(rect.left, 0);
      const y = Math.max(rect.top, 0);
      const width = Math.min(rect.right, innerWidth) - x;
      const height = Math.min(rect.bottom, innerHeight) - y;
      if (width > 0 && height > 0 && (best === null || width * height > best.width * best.height)) best = { x, y, width, height };
    }
    return best;
  }

  /** @param {Element} element */
  function scrolledBox(element) {
    scrollIntoView(element, { block: "center", inline: "center" });
    return visibleBox(element);
  }

  /** @param {Element} element */
  function whereIs(element) {
    const { x, y, width, height } = frameOf(element);
    return `it lies outside of the page, at ${Math.round(x)}, ${Math.round(y)} (${Math.round(width)} × ${Math.round(height)})`;
  }

  /**
   * @param {Element} element
   * @param {boolean} inFrame in the viewport, and not in the whole page
   */
  function boxOf(element, inFrame) {
    if (inFrame && visibleBox(element) === null) scrolledBox(element);
    const { x, y, width, height } = frameOf(element);
    return inFrame ? { x, y, width, height } : { x: x + scrollX, y: y + scrollY, width, height };
  }

  /** A page that is not shown has no frames: then a moment has to do. */
  function nextFrame() {
    return new Promise((resolve) => {
      requestAnimationFrame(resolve);
      setTimeout(resolve, 100);
    });
  }

  return { pointAt, boxOf, sawDrag: () => ({ ...dragged }), waitForPointer, takeMissed, nextFrame };
}
