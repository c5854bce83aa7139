/**
 * Frames as the document around them sees them. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./css.js").css>} css
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./locate.js").locate>} locator
 * @param {ReturnType<typeof import("./point.js").point>} pointer
 */
export function frame(dom, css, elements, locator, pointer) {
  const { attribute, frameOf, elementAt, scrollIntoView, tagOf } = dom;
  const { queryAll } = css;
  const { isVisible, whyHidden, describe, shorten } = elements;
  const { findAll, describeSeveral } = locator;
  const { nextFrame } = pointer;
  /** @typedef {import("../../../domain/browser/browser.ts").BrowserTarget} Target */
  /** @typedef {import("./protocol.ts").Box} Box */

  /**
   * A text is a frame's name or id where there is one, otherwise a selector.
   * @param {Target} target
   * @returns {Element | string}
   */
  function find(target) {
    const frames = queryAll(document, "iframe, frame");
    const named = frames.filter((element) => attribute(element, "name") === target || attribute(element, "id") === target);
    const found = named.length > 0 ? named : findAll(target);
    const [element] = found;
    if (element === undefined) {
      const known = frames.slice(0, 6).map((other) => `${describe(other)} src="${shorten(attribute(other, "src"), 60)}"`);
      return `no frame matches on ${location.href}; ${known.length === 0 ? "there is none" : `frames there: ${known.join(", ")}`}`;
    }
    if (found.length > 1) return `${describeSeveral(found)}; say which by \`nth\` (0 is the first)`;
    return ["IFRAME", "FRAME", "OBJECT"].includes(tagOf(element)) ? element : `${describe(element)} is not a frame`;
  }

  /** @param {Element} element */
  function whyFrameHidden(element) {
    return isVisible(element) ? null : `the frame ${describe(element)} is not visible (${whyHidden(element)})`;
  }

  /**
   * @param {Element} element
   * @param {Box} inner
   * @param {boolean} isCovered
   * @returns {Promise<Box | string>}
   */
  async function outside(element, inner, isCovered) {
    const hidden = whyFrameHidden(element);
    if (hidden !== null) return hidden;
    if (!isInView(place(element, inner))) {
      scrollIntoView(element, { block: "center", inline: "center" });
      const { x, y } = place(element, inner);
      if (!isInView({ x, y })) scrollBy({ left: x - innerWidth / 2, top: y - innerHeight / 2, behavior: "instant" });
    }
    const before = place(element, inner);
    await nextFrame();
    const box = place(element, inner);
    if (Math.abs(before.x - box.x) > 1 || Math.abs(before.y - box.y) > 1) return `the frame ${describe(element)} keeps moving`;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const hit = isCovered ? element : elementAt(x, y);
    if (hit === null) return `the place in the frame ${describe(element)} cannot be scrolled into view`;
    return hit === element ? box : `the frame ${describe(element)} is covered by ${describe(hit)}`;
  }

  /**
   * From the frame's viewport, which lies inside its border and padding and may be scaled, to this one.
   * @param {Element} element
   * @param {Box} inner
   */
  function place(element, inner) {
    const { left, top, width, height } = frameOf(element);
    const { offsetWidth, offsetHeight, clientLeft, clientTop } = /** @type {HTMLElement} */ (element);
    const { paddingLeft, paddingTop } = getComputedStyle(element);
    const [scaleX, scaleY] = [width / (offsetWidth || 1), height / (offsetHeight || 1)];
    return {
      x: left + (clientLeft + parseFloat(paddingLeft) + inner.x) * scaleX,
      y: top + (clientTop + parseFloat(paddingTop) + inner.y) * scaleY,
      width: inner.width * scaleX,
      height: inner.height * scaleY,
    };
  }

  /** @param {{ x: number, y: number }} point */
  function isInView({ x, y }) {
    return x >= 0 && y >= 0 && x < innerWidth && y < innerHeight;
  }

  return { find, whyFrameHidden, outside };
}
