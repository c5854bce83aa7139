/**
 * Whether keys came to what they were typed into. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 */
export function keyboard(dom, elements) {
  const { page, countOf, matches, mayShowFrame } = dom;
  const { describe } = elements;

  /** What keys are typed into, and those that it did not get or may not take. */
  let typed = /** @type {{ element: Element, lost: number, full: KeyboardEvent[] } | null} */ (null);

  /** How many keys had come when they were last counted; null before that in this document. */
  let keysBefore = /** @type {number | null} */ (null);

  /** Keys that are sent from now on are counted. */
  function begin() {
    keysBefore = countOf("keydown");
  }

  /**
   * Keys are typed into this element, which has the focus.
   * @param {Element | null} element
   */
  function expectKeys(element) {
    typed = element === null ? null : { element, lost: 0, full: [] };
    if (typed !== null) addEventListener("keydown", noteKey, { capture: true });
  }

  /** @param {KeyboardEvent} event */
  function noteKey(event) {
    if (typed === null || !event.isTrusted || event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
    const focused = page.focused();
    if (focused === null || (focused === page.body() && typed.element !== focused && typed.element !== page.root())) typed.lost++;
    else if (focused instanceof HTMLInputElement || focused instanceof HTMLTextAreaElement) {
      const { maxLength, value, selectionStart } = focused;
      const isCaret = selectionStart !== null && selectionStart === focused.selectionEnd;
      if (isCaret && maxLength > 0 && value.length >= maxLength) typed.full.push(event);
    }
  }

  /** Why keys were typed in vain, as a sentence; null when none were. */
  function whatWasLost() {
    if (typed === null) return null;
    const { element, lost, full } = typed;
    const refused = full.filter((event) => !event.defaultPrevented).length;
    typed = { element, lost: 0, full: [] };
    if (lost > 0)
      return `${lost} keys came to nothing: ${describe(element)} had lost the focus (\`delay_ms\` gives the page time between keys)`;
    const hint = "(`delay_ms` gives a page that moves on to the next field time for that)";
    return refused > 0 ? `${refused} keys came to nothing: the field had as many characters as it takes ${hint}` : null;
  }

  /**
   * How many did not come, as far as can be known.
   * @param {number} sent
   */
  function missing(sent) {
    return keysBefore === null || areKeysElsewhere() ? 0 : Math.max(0, keysBefore + sent - countOf("keydown"));
  }

  /** May keys go to a document inside this one, or to the list or calendar of a control? */
  function areKeysElsewhere() {
    const focused = page.focused();
    return (
      focused !== null &&
      (matches(focused, "select, input[list], input:is([type^=date], [type=month], [type=week], [type=time], [type=color])") ||
        mayShowFrame(focused))
    );
  }

  return { begin, expectKeys, missing, whatWasLost };
}
