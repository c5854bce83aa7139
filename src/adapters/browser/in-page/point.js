/**
 * Where the pointer has to go. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./choose.js").choose>} chooser
 */
export function point(faults, elements, chooser) {
  const { NotYet } = faults;
  const { describe } = elements;
  const { usable } = chooser;
  /** @typedef {import("./protocol.ts").Box} Box */

  /**
   * Scrolls it into view and finds the point where a click reaches it, at rest: a frame later it is in the same place.
   * @param {Element} element
   * @returns {Promise<Box>}
   */
  async function pointAt(element) {
    usable(element);
    let box = visibleBox(element);
    if (box === null) {
      element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      box = visibleBox(element);
    }
    await nextFrame();
    if (document.getAnimations().length > 0) await nextFrame(); // in its first frame an animation stands still
    const later = visibleBox(element);
    if (box === null || later === null) throw new NotYet(`${describe(element)} cannot be scrolled into view`);
    if (Math.abs(box.x - later.x) > 1 || Math.abs(box.y - later.y) > 1) throw new NotYet(`${describe(element)} keeps moving`);
    const x = later.x + later.width / 2;
    const y = later.y + later.height / 2;
    const hit = document.elementFromPoint(x, y);
    if (hit === null || !reaches(hit, element)) {
      element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" }); // from below a header that stays
      throw new NotYet(`${describe(element)} is covered by ${hit === null ? "nothing known" : describe(hit)}`);
    }
    return { x, y, width: 0, height: 0 };
  }

  /**
   * Does a click on `hit` reach `element`? Through what is inside it, its label, or its shadow tree.
   * @param {Element} hit
   * @param {Element} element
   */
  function reaches(hit, element) {
    if (element === hit || element.contains(hit)) return true;
    const label = hit.closest("label");
    return label !== null && label.control !== null && (label.control === element || element.contains(label.control));
  }

  /**
   * The largest part of it that is in the viewport.
   * @param {Element} element
   * @returns {Box | null}
   */
  function visibleBox(element) {
    let best = /** @type {Box | null} */ (null);
    for (const rect of element.getClientRects()) {
      const x = Math.max(rect.left, 0);
      const y = Math.max(rect.top, 0);
      const width = Math.min(rect.right, innerWidth) - x;
      const height = Math.min(rect.bottom, innerHeight) - y;
      if (width > 0 && height > 0 && (best === null || width * height > best.width * best.height)) best = { x, y, width, height };
    }
    return best;
  }

  /** @param {Element} element */
  function boxOf(element) {
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x: x + scrollX, y: y + scrollY, width, height };
  }

  /** A page that is not shown has no frames: then a moment has to do. */
  function nextFrame() {
    return new Promise((resolve) => {
      requestAnimationFrame(resolve);
      setTimeout(resolve, 100);
    });
  }

  return { pointAt, boxOf };
}
