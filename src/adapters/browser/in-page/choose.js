/**
 * From a target to the one element that is meant. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./locate.js").locate>} locator
 */
export function choose(faults, dom, elements, locator) {
  const { NotYet, Never } = faults;
  const { nearest, isIn, select, tagOf, matches } = dom;
  const { isVisible, whyHidden, isDisabled, describe } = elements;
  const { findAll, describeMiss, describeSeveral } = locator;
  /** @typedef {import("../../../domain/browser/browser.ts").BrowserTarget} Target */

  /**
   * The one visible element that the target names.
   * @param {Target} target
   * @returns {Element}
   */
  function theOne(target) {
    const found = findAll(target);
    const visible = found.filter(isVisible);
    if (visible.length > 1) throw whichOne(visible);
    const [element] = visible;
    if (element === undefined) throw new NotYet(() => whyNone(target, found));
    return element;
  }

  /**
   * @param {Target} target
   * @param {Element[]} found none of them visible
   */
  function whyNone(target, found) {
    const [element] = found;
    if (element === undefined) return describeMiss(target);
    if (found.length === 1) return `${describe(element)} is not visible (${whyHidden(element)})`;
    return `${describeSeveral(found)}; none is visible (the first: ${whyHidden(element)})`;
  }

  /** @param {Target} target */
  function firstClickable(target) {
    const found = findAll(target);
    const element = found.find(isClickable);
    if (element !== undefined) return element;
    const shown = found.find(isVisible);
    throw new NotYet(() => (shown === undefined ? whyNone(target, found) : `${describe(shown)} is disabled`));
  }

  /**
   * Also by the class `disabled` on it or its list item, as pagers have it.
   * @param {Element} element
   */
  function isClickable(element) {
    if (!isVisible(element) || isDisabled(element)) return false;
    const item = nearest(element, (box) => tagOf(box) === "LI");
    return !matches(element, ".disabled") && (item === null || !matches(item, ".disabled"));
  }

  /** @param {Target} target */
  function canClick(target) {
    return findAll(target).some(isClickable);
  }

  /**
   * @param {Element} element
   * @returns {Element}
   */
  function usable(element) {
    if (isDisabled(element)) throw new NotYet(`${describe(element)} is disabled`);
    if (nearest(element, (box) => box instanceof HTMLElement && box.inert) !== null) throw new NotYet(`${describe(element)} is inert`);
    const modals = select(document, "dialog:modal");
    if (modals[0] !== undefined && !modals.some((modal) => isIn(element, modal) || isIn(modal, element)))
      throw new NotYet(`${describe(element)} is behind ${describe(modals[0])}, which is open`);
    return element;
  }

  /** @param {Element[]} found */
  function whichOne(found) {
    return new Never(`${describeSeveral(found)}; say which by \`nth\` (0 is the first) or \`within\``);
  }

  /**
   * The control that a label stands for.
   * @param {Element} element
   */
  function controlOf(element) {
    return element instanceof HTMLLabelElement ? (element.control ?? element) : element;
  }

  return { theOne, whyNone, whichOne, firstClickable, canClick, usable, controlOf };
}
