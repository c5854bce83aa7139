/**
 * Where an element is shown, and so whether it is to be seen at all. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 */
export function boxes(dom) {
  const { select, shownIn, nearest, tagOf, attribute, rectsOf, rectsOfText, frameOf, isRendered } = dom;

  /** @param {{ readonly width: number, readonly height: number }} rect */
  const hasSize = ({ width, height }) => width > 0 && height > 0;

  /** @param {Element} element */
  const isVisible = (element) => boxesOf(element).length > 0;

  /**
   * Its own boxes; of an element without a size, those of what it shows.
   * @param {Element} element
   * @returns {DOMRect[]}
   */
  function boxesOf(element) {
    if (element instanceof HTMLAreaElement) return boxesOfArea(element);
    const hasBox = isRendered(element, { visibilityProperty: true, contentVisibilityAuto: true });
    const own = hasBox ? rectsOf(element).filter(hasSize) : [];
    if (own.length > 0) return own;
    const { display, overflowX, overflowY, visibility } = getComputedStyle(element);
    const isContents = display === "contents";
    if (!isContents && !(hasBox && overflowX === "visible" && overflowY === "visible")) return [];
    return Array.from(shownIn(element)).flatMap((node) => {
      if (node instanceof Element) return boxesOf(node);
      return isContents && visibility === "visible" && node instanceof Text ? rectsOfText(node).filter(hasSize) : [];
    });
  }

  /**
   * The picture of an image map's area.
   * @param {Element} area
   */
  function imageOf(area) {
    const map = nearest(area, (box) => tagOf(box) === "MAP");
    const name = map === null ? null : attribute(map, "name");
    return select(document, "img[usemap]").find((image) => attribute(image, "usemap") === `#${name}`) ?? null;
  }

  /**
   * The box around it on its picture.
   * @param {HTMLAreaElement} area
   */
  function boxesOfArea(area) {
    const image = imageOf(area);
    if (image === null || !isVisible(image)) return [];
    const { left, top, width, height } = frameOf(image);
    const numbers = (attribute(area, "coords") ?? "").split(/[\s,;]+/).map(Number);
    const [x = 0, y = 0, radius = 0] = numbers;
    const shape = attribute(area, "shape")?.toLowerCase() ?? "rect";
    if (shape === "default") return [new DOMRect(left, top, width, height)];
    const [xs, ys] = shape.startsWith("circ")
      ? [
          [x - radius, x + radius],
          [y - radius, y + radius],
        ]
      : [0, 1].map((axis) => numbers.filter((_, index) => index % 2 === axis));
    const [from, to] = [Math.min, Math.max].map((pick) => ({ x: pick(...(xs ?? [])), y: pick(...(ys ?? [])) }));
    if (from === undefined || to === undefined) return [];
    return [new DOMRect(left + from.x, top + from.y, to.x - from.x, to.y - from.y)].filter(hasSize);
  }

  /**
   * What has a box of its own to scroll to: the element, or what it shows.
   * @param {Element} element
   * @returns {Element}
   */
  function boxed(element) {
    if (element instanceof HTMLAreaElement) return imageOf(element) ?? element;
    if (rectsOf(element).length > 0) return element;
    const inner = Array.from(shownIn(element)).find((node) => node instanceof Element && isVisible(node));
    return inner instanceof Element ? boxed(inner) : element;
  }

  return { isVisible, boxesOf, boxed };
}
