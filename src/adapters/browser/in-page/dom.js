/**
 * The document's tree as the library walks it: with open shadow trees, and proof against names. A form's controls hide the form's own properties
 * by their names (`<input name=children>`), and pictures and forms those of the document, so these are taken from the prototypes. Runs in the page
 * (see `source.js`).
 */
export function dom() {
  /** @typedef {Document | DocumentFragment | Element} Scope */

  /**
   * @template {object} T
   * @template {keyof T} K
   * @param {T} prototype
   * @param {K} name
   * @returns {(object: T) => T[K]}
   */
  function property(prototype, name) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
    if (descriptor?.get === undefined) throw new TypeError(`there is no ${String(name)}`);
    return (object) => descriptor.get?.call(object);
  }

  const childNodesOf = property(Node.prototype, "childNodes");
  const parentNodeOf = property(Node.prototype, "parentNode");
  const shadowOf = property(Element.prototype, "shadowRoot");
  const slotOf = property(Element.prototype, "assignedSlot");
  const tagOf = property(Element.prototype, "tagName");
  const htmlOf = property(Element.prototype, "innerHTML");
  const innerTextOf = property(HTMLElement.prototype, "innerText");
  const readTextOf = property(Node.prototype, "textContent");
  const titleOf = property(Document.prototype, "title");
  const rootElementOf = property(Document.prototype, "documentElement");
  const bodyOf = property(Document.prototype, "body");
  const readyStateOf = property(Document.prototype, "readyState");
  const activeIn = property(Document.prototype, "activeElement");

  const page = {
    title: () => titleOf(document),
    root: () => rootElementOf(document),
    body: () => /** @type {HTMLElement | null} */ (bodyOf(document)),
    isParsed: () => readyStateOf(document) !== "loading",
    /** @param {string} expression @param {Node} scope */
    xpath: (expression, scope) =>
      Document.prototype.evaluate.call(document, expression, scope, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE),
    /** What has the focus, through open shadow trees. */
    focused() {
      let focused = activeIn(document);
      for (let inner = focused; inner !== null;) {
        focused = inner;
        inner = shadowOf(focused)?.activeElement ?? null;
      }
      return focused;
    },
    isAnimated: () => Document.prototype.getAnimations.call(document).length > 0,
  };

  /** @param {Node} node */
  const textIn = (node) => readTextOf(node) ?? "";
  /** @param {Element} element @param {string} name */
  const attribute = (element, name) => Element.prototype.getAttribute.call(element, name);
  /** @param {Element} element @param {string} selector */
  const matches = (element, selector) => Element.prototype.matches.call(element, selector);
  /** @param {Element} element */
  const rectsOf = (element) => [...Element.prototype.getClientRects.call(element)];
  /** @param {Text} node */
  const rectsOfText = (node) => {
    const range = new Range();
    range.selectNodeContents(node);
    return [...range.getClientRects()];
  };
  /** @param {Element} element */
  const frameOf = (element) => Element.prototype.getBoundingClientRect.call(element);
  /** @param {Element} element @param {CheckVisibilityOptions} [options] */
  const isRendered = (element, options) => Element.prototype.checkVisibility.call(element, options);
  /** @param {Element} element @param {ScrollIntoViewOptions} options */
  const scrollIntoView = (element, options) => Element.prototype.scrollIntoView.call(element, { ...options, behavior: "instant" });

  /**
   * In this tree alone.
   * @param {Scope} scope
   * @param {string} selector
   */
  function select(scope, selector) {
    const { prototype } = scope instanceof Element ? Element : scope instanceof Document ? Document : DocumentFragment;
    return [.../** @type {NodeListOf<Element>} */ (prototype.querySelectorAll.call(scope, selector))];
  }

  /**
   * The scope, and every open shadow tree in it.
   * @param {Scope} scope
   * @returns {Scope[]}
   */
  function treesIn(scope) {
    const trees = [scope];
    const own = scope instanceof Element ? shadowOf(scope) : null;
    if (own !== null) trees.push(own);
    for (const tree of trees) {
      for (const element of select(tree, "*")) {
        const shadow = shadowOf(element);
        if (shadow !== null) trees.push(shadow);
      }
    }
    return trees;
  }

  /**
   * What is shown inside a node: a host shows its shadow tree, and a slot what was given to it.
   * @param {Node} node
   * @returns {Iterable<Node>}
   */
  function shownIn(node) {
    if (!(node instanceof Element)) return childNodesOf(node);
    const shadow = shadowOf(node);
    if (shadow !== null) return childNodesOf(shadow);
    const given = node instanceof HTMLSlotElement ? node.assignedNodes() : [];
    return given.length > 0 ? given : childNodesOf(node);
  }

  /**
   * The element that shows this one: its parent, its slot, or its host.
   * @param {Element} element
   * @returns {Element | null}
   */
  function around(element) {
    const parent = slotOf(element) ?? parentNodeOf(element);
    if (parent instanceof ShadowRoot) return parent.host;
    return parent instanceof Element ? parent : null;
  }

  /**
   * The nearest element from this one outwards, through shadow trees.
   * @param {Element} element
   * @param {(candidate: Element) => boolean} fits
   */
  function nearest(element, fits) {
    for (let box = /** @type {Element | null} */ (element); box !== null; box = around(box)) if (fits(box)) return box;
    return null;
  }

  /**
   * Is it this element, or shown inside of it?
   * @param {Element} inner
   * @param {Element} outer
   */
  const isIn = (inner, outer) => nearest(inner, (box) => box === outer) !== null;

  /**
   * Is this point in it?
   * @param {DOMRect} rect
   * @param {{ readonly x: number, readonly y: number }} point
   */
  const isAt = ({ left, right, top, bottom }, { x, y }) => x >= left && x <= right && y >= top && y <= bottom;

  /**
   * The innermost element at a point of the viewport.
   * @param {number} x
   * @param {number} y
   */
  function elementAt(x, y) {
    let hit = Document.prototype.elementFromPoint.call(document, x, y);
    for (let inner = hit; inner !== null;) {
      hit = inner;
      inner = shadowOf(hit)?.elementFromPoint(x, y) ?? null;
      if (inner === hit) break;
    }
    if (hit === null || shadowOf(hit) === null) return hit;
    // A text that was given to a slot is shown in that, while the browser names its host.
    const text = Array.from(childNodesOf(hit)).find(
      (node) => node instanceof Text && rectsOfText(node).some((rect) => isAt(rect, { x, y })),
    );
    return (text instanceof Text ? text.assignedSlot : null) ?? hit;
  }

  /**
   * How often an event has come to this document. The page cannot keep it from being counted.
   * @param {"pointerdown" | "pointerup" | "keydown"} type
   */
  const countOf = (type) => performance.eventCounts.get(type) ?? 0;

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

  const walks = { page, select, treesIn, shownIn, around, nearest, isIn, isAt, elementAt, countOf, mayShowFrame };
  const reads = {
    childNodesOf,
    parentNodeOf,
    shadowOf,
    tagOf,
    htmlOf,
    innerTextOf,
    textIn,
    attribute,
    matches,
    rectsOf,
    rectsOfText,
    frameOf,
    isRendered,
  };
  return { ...walks, ...reads, scrollIntoView };
}
