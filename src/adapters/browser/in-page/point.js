/**
 * Where the pointer has to go. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./choose.js").choose>} chooser
 * @param {ReturnType<typeof import("./input.js").input>} inputs
 */
export function point(faults, dom, elements, chooser, inputs) {
  const { NotYet } = faults;
  const { page, rectsOf, frameOf, elementAt, scrollIntoView } = dom;
  const { describe, reaches } = elements;
  const { usable } = chooser;
  const { expectPointer, expectNothing } = inputs;
  /** @typedef {import("./protocol.ts").Box} Box */

  /** HTML drag and drop in this document: has it begun since it was last pointed at, and has it come over it since it was last looked where to drop? */
  const dragged = { start: false, over: false };
  /** @param {Event} event */
  function noteDrag({ type, isTrusted }) {
    if (isTrusted) dragged[type === "dragstart" ? "start" : "over"] = true;
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
    if (covered || hit === null) expectNothing();
    else expectPointer(element, find, hit);
    return { x, y, width: 0, height: 0 };
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

  return { pointAt, boxOf, sawDrag: () => ({ ...dragged }), nextFrame };
}
