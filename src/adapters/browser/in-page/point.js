/**
 * Where the pointer has to go. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./boxes.js").boxes>} places
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./choose.js").choose>} chooser
 * @param {ReturnType<typeof import("./aim.js").aim>} aimer
 */
export function point(faults, dom, places, elements, chooser, aimer) {
  const { NotYet } = faults;
  const { page, frameOf, elementAt, scrollIntoView } = dom;
  const { boxesOf, boxed } = places;
  const { describe, reaches } = elements;
  const { usable } = chooser;
  const { expectPointer, expectNothing } = aimer;
  /** @typedef {import("./protocol.ts").Box} Box */

  /** Parts of a box's width and height at which a place to click is looked for when its middle is none. */
  const LOOK_AT = [0.5, 0.25, 0.75, 0.1, 0.9, 0.02, 0.98];

  /** What is covered is brought to these places in the viewport in turn. */
  const EDGES = /** @type {const} */ (["center", "end", "start"]);
  let turn = 0;

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
    const { x, y, hit, isFree } = freePoint(box, element, covered);
    if (!isFree) {
      scrolledBox(element, EDGES[turn++ % EDGES.length]); // from below a bar that stays
      throw new NotYet(`${describe(element)} is covered by ${hit === null ? "nothing known" : describe(hit)}`);
    }
    dragged[covered ? "over" : "start"] = false;
    for (const type of ["dragstart", "dragover"]) addEventListener(type, noteDrag, { capture: true });
    if (covered || hit === null) expectNothing();
    else expectPointer(element, find, hit);
    return { x, y, width: 0, height: 0 };
  }

  /**
   * Where a click in this box reaches the element: in the middle, or where that is not it, such as in a ring, or something lies over it, elsewhere.
   * @param {Box} box
   * @param {Element} element
   * @param {boolean} covered may something lie over it?
   */
  function freePoint(box, element, covered) {
    /** @param {number} across @param {number} down */
    const look = (across, down) => {
      const [x, y] = [box.x + box.width * across, box.y + box.height * down];
      const hit = elementAt(x, y);
      return { x, y, hit, isFree: covered || (hit !== null && reaches(hit, element)) };
    };
    const middle = look(0.5, 0.5);
    if (middle.isFree) return middle;
    for (const down of LOOK_AT)
      for (const across of LOOK_AT) {
        const point = look(across, down);
        if (point.isFree) return point;
      }
    return middle;
  }

  /**
   * The largest part of it that is in the viewport.
   * @param {Element} element
   * @returns {Box | null}
   */
  function visibleBox(element) {
    let best = /** @type {Box | null} */ (null);
    for (const rect of boxesOf(element)) {
      const x = Math.max(rect.left, 0);
      const y = Math.max(rect.top, 0);
      const width = Math.min(rect.right, innerWidth) - x;
      const height = Math.min(rect.bottom, innerHeight) - y;
      if (width > 0 && height > 0 && (best === null || width * height > best.width * best.height)) best = { x, y, width, height };
    }
    return best;
  }

  /**
   * @param {Element} element
   * @param {ScrollLogicalPosition} [block] where in the viewport
   */
  function scrolledBox(element, block = "center") {
    scrollIntoView(boxed(element), { block, inline: "center" });
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
