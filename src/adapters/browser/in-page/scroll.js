/**
 * Scrolls the page, or an element that has a scroll bar of its own. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./choose.js").choose>} chooser
 */
export function scroll(faults, dom, elements, chooser) {
  const { Never } = faults;
  const { page, around } = dom;
  const { describe } = elements;
  const { theOne } = chooser;
  /** @typedef {import("../../../domain/browser/browser.ts").BrowserTarget} Target */

  /** An end that is looked at so often is seen in time. */
  const LOOK_MS = 50;

  /** A page that is not drawn for so long is not drawn at all. */
  const UNDRAWN_MS = 2000;

  /** @param {Element} element */
  function scrollIntoView(element) {
    dom.scrollIntoView(element, { block: "center", inline: "center" });
  }

  /**
   * What scrolls: the page itself for null, otherwise the element or, where that is only the content, what is around it.
   * @param {Target | null} target
   * @returns {Element}
   */
  function scrollerOf(target) {
    const whole = document.scrollingElement ?? page.root();
    if (target === null) return whole;
    const element = theOne(target);
    const scrolls = (/** @type {Element} */ box) => {
      const { overflowX, overflowY } = getComputedStyle(box);
      return [overflowX, overflowY].some(
        (overflow) => overflow === "auto" || overflow === "scroll" || (overflow === "hidden" && box === element),
      );
    };
    for (let box = /** @type {Element | null} */ (element); box !== null; box = around(box)) {
      if (box !== whole && box !== page.body() && scrolls(box)) return box;
    }
    throw new Never(`${describe(element)} does not scroll, nor does anything around it but the page`);
  }

  /**
   * @param {Target | null} target
   * @param {"top" | "bottom"} edge
   */
  function scrollTo(target, edge) {
    const scroller = scrollerOf(target);
    scroller.scrollTo({ top: edge === "top" ? 0 : scroller.scrollHeight, behavior: "instant" });
  }

  /**
   * @param {Target | null} target
   * @param {number} left
   * @param {number} top
   */
  function scrollBy(target, left, top) {
    scrollerOf(target).scrollBy({ left, top, behavior: "instant" });
  }

  /**
   * Scrolls down again and again while that makes a list longer.
   * @param {{ readonly target: Target | null, readonly maxScrolls: number, readonly idleMs: number }} how
   * @param {() => boolean} goOn
   */
  async function scrollToEnd({ target, maxScrolls, idleMs }, goOn) {
    const scroller = scrollerOf(target);
    for (let scrolls = 0; scrolls < maxScrolls; scrolls++) {
      if (scrolls > 0 && !(await hasGrown(scroller, idleMs, goOn))) return;
      if (!goOn()) throw new Never(`more was still being loaded after ${scrolls} scrolls; set max_scrolls, or raise timeout_seconds`);
      await rendered(scroller); // a list that loads when its end comes into view must have seen it go
      scroller.scrollTo({ top: scroller.scrollHeight, behavior: "instant" });
      await rendered(scroller); // and come
    }
  }

  /**
   * Waits until there is more to scroll to. A page that gets no turn for a while, on a busy machine, is given its turns first.
   * @param {Element} scroller
   * @param {number} idleMs how long nothing has to happen to be sure that nothing will
   * @param {() => boolean} goOn
   * @returns {Promise<boolean>} false when nothing came
   */
  async function hasGrown(scroller, idleMs, goOn) {
    const isAtEnd = () => scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2;
    const endsAt = performance.now() + idleMs;
    for (let looks = 0; performance.now() < endsAt || looks * LOOK_MS * 2 < idleMs; looks++) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (!isAtEnd()) return true;
      if (!goOn()) return true;
    }
    return false;
  }

  /**
   * Resolves when the page has been drawn, and has looked what came into view and what went: observers of all kinds are told in one step. Waiting for
   * frames is not enough, which a busy machine does without.
   * @param {Element} element
   * @returns {Promise<void>}
   */
  function rendered(element) {
    return new Promise((resolve) => {
      const done = () => {
        observer.disconnect();
        clearTimeout(timer);
        resolve();
      };
      const observer = new IntersectionObserver(done);
      const timer = setTimeout(done, UNDRAWN_MS);
      observer.observe(element);
    });
  }

  return { scrollIntoView, scrollTo, scrollBy, scrollToEnd };
}
