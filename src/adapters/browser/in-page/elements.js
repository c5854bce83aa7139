/**
 * What an element is to a person: is it visible, what does it say, what is it called? Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./boxes.js").boxes>} places
 */
export function elements(dom, places) {
  const { isVisible } = places;
  const {
    select,
    treesIn,
    shownIn,
    around,
    nearest,
    isIn,
    parentNodeOf,
    shadowOf,
    tagOf,
    innerTextOf,
    textIn,
    attribute,
    matches,
    rectsOf,
    isRendered,
  } = dom;

  /** What is not to be seen in a text: places where a word may be broken, and marks of the direction of writing. */
  const UNSEEN = /[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

  /** @param {string | null | undefined} text */
  const fold = (text) => (text ?? "").replace(UNSEEN, "").replace(/\s+/g, " ").trim();

  /** What holds text that nobody reads. */
  const UNSPOKEN = "script, style, noscript, template, head";

  /**
   * Is it shown, or at least what is in it? A slot has no box of its own.
   * @param {Element} element
   */
  function isShown(element) {
    return isRendered(element) || getComputedStyle(element).display === "contents";
  }

  /**
   * Why a person does not see it.
   * @param {Element} element
   */
  function whyHidden(element) {
    const of = (/** @type {Element} */ box) => (box === element ? "" : ` of ${describe(box)}`);
    for (let box = /** @type {Element | null} */ (element); box !== null; box = around(box)) {
      const { display, contentVisibility } = getComputedStyle(box);
      if (display === "none") return `display: none${of(box)}`;
      if (contentVisibility === "hidden") return `content-visibility: hidden${of(box)}`;
      const outer = around(box);
      if (outer instanceof HTMLDetailsElement && !outer.open && !(box instanceof HTMLElement && tagOf(box) === "SUMMARY"))
        return `inside ${describe(outer)}, which is closed`;
      const parent = parentNodeOf(box);
      if (parent instanceof Element && shadowOf(parent) !== null && outer === parent) return `${describe(parent)} has no slot for it`;
    }
    const { visibility } = getComputedStyle(element);
    if (visibility !== "visible") return `visibility: ${visibility}`;
    const [rect] = rectsOf(element);
    return `it has no size${rect === undefined ? "" : `: ${Math.round(rect.width)} × ${Math.round(rect.height)}`}`;
  }

  /** @param {Element} element */
  function isDisabled(element) {
    return matches(element, ":disabled") || nearest(element, (box) => attribute(box, "aria-disabled") === "true") !== null;
  }

  /**
   * Text of an element as it is shown; of a form control what it holds.
   * @param {Element} element
   */
  function textOf(element) {
    if (element instanceof HTMLInputElement) {
      return element.type === "checkbox" || element.type === "radio" ? String(element.checked) : element.value;
    }
    if (element instanceof HTMLTextAreaElement) return element.value;
    if (element instanceof HTMLSelectElement) return [...element.selectedOptions].map((option) => fold(option.label)).join(", ");
    return shownText(element);
  }

  /**
   * What an element shows, with white space folded.
   * @param {Element} element
   */
  function shownText(element) {
    if (!(element instanceof HTMLElement)) return fold(textIn(element));
    return fold(treesIn(element).length === 1 && !(element instanceof HTMLSlotElement) ? innerTextOf(element) : textThroughTrees(element));
  }

  /**
   * The browser's own `innerText` leaves shadow trees out.
   * @param {Element} element
   * @returns {string}
   */
  function textThroughTrees(element) {
    if (matches(element, UNSPOKEN) || !isShown(element)) return "";
    if (tagOf(element) === "BR") return "\n";
    const { display, visibility } = getComputedStyle(element);
    const parts = Array.from(shownIn(element), (node) =>
      node instanceof Element ? textThroughTrees(node) : node instanceof Text && visibility === "visible" ? node.data : "",
    );
    return display.startsWith("inline") || display === "contents" ? parts.join("") : ` ${parts.join("")} `;
  }

  /**
   * What its labels say. A star that marks a required field is often hidden from screen readers: the label is found with it and without.
   * @param {Element} element
   * @param {(label: Element) => string | null} read
   */
  function labelsOf(element, read = spokenText) {
    const labels = "labels" in element ? /** @type {HTMLInputElement} */ (element).labels : null;
    return [...(labels ?? [])].map((label) => fold(read(label)));
  }

  /**
   * Text without what is only for the eye (accname-1.2, 2A).
   * @param {Element} element
   * @returns {string}
   */
  function spokenText(element) {
    if (select(element, "[aria-hidden=true]").length === 0) return textIn(element);
    const parts = Array.from(shownIn(element), (node) => {
      if (node instanceof Element) return attribute(node, "aria-hidden") === "true" ? "" : spokenText(node);
      return node instanceof Text ? node.data : "";
    });
    return parts.join("");
  }

  /** @param {Element} element */
  function ariaLabelOf(element) {
    const ids = attribute(element, "aria-labelledby")?.split(/\s+/) ?? [];
    const tree = /** @type {Document | ShadowRoot} */ (Node.prototype.getRootNode.call(element));
    const texts = ids.flatMap((id) => (id === "" ? [] : select(tree, `[id="${CSS.escape(id)}"]`).map((label) => fold(textIn(label)))));
    return texts.join(" ").trim() || fold(attribute(element, "aria-label"));
  }

  /**
   * The accessible name: the steps of accname-1.2 that matter on real pages.
   * @param {Element} element
   * @returns {string}
   */
  function nameOf(element) {
    const own = ariaLabelOf(element) || labelsOf(element).join(" ");
    if (own !== "") return own;
    if (element instanceof HTMLInputElement) {
      const defaults = /** @type {Record<string, string>} */ ({ submit: "Submit", reset: "Reset", image: "Submit" });
      if (["button", "submit", "reset"].includes(element.type)) return fold(element.value) || (defaults[element.type] ?? "");
      if (element.type === "image") return fold(element.alt) || "Submit";
      return fold(element.title) || fold(element.placeholder);
    }
    if (element instanceof HTMLTextAreaElement) return fold(element.title) || fold(element.placeholder);
    if (element instanceof HTMLSelectElement) return fold(element.title);
    if (element instanceof HTMLImageElement || element instanceof HTMLAreaElement) return fold(element.alt) || fold(element.title);
    const captions = /** @type {Record<string, string>} */ ({ FIELDSET: "legend", TABLE: "caption", FIGURE: "figcaption" });
    const caption = captions[tagOf(element)];
    if (caption !== undefined)
      return select(element, `:scope > ${caption}`).map((found) => fold(textIn(found)))[0] || fold(attribute(element, "title"));
    return fold(contentOf(element)) || fold(attribute(element, "title"));
  }

  /**
   * @param {Element} element
   * @returns {string}
   */
  function contentOf(element) {
    let content = "";
    for (const node of shownIn(element)) {
      if (node instanceof Text) content += node.data;
      else if (node instanceof Element && attribute(node, "aria-hidden") !== "true" && isShown(node)) {
        const isLeaf = node instanceof HTMLImageElement || node instanceof HTMLInputElement || attribute(node, "aria-label") !== null;
        const own = isLeaf ? nameOf(node) : contentOf(node);
        const isInline = !isLeaf && tagOf(node) !== "BR" && /^(inline|contents)$/.test(getComputedStyle(node).display);
        content += isInline ? own : ` ${own} `;
      }
    }
    return content;
  }

  /**
   * `<button id="order" class="big">Order now</button>`: enough for a person to find it.
   * @param {Element} element
   */
  function describe(element) {
    const shown = ["id", "name", "type", "class", "role", "href", "aria-label"];
    const attributes = shown.map((name) =>
      attribute(element, name) === null ? "" : ` ${name}="${shorten(attribute(element, name), 40)}"`,
    );
    const tag = tagOf(element).toLowerCase();
    const text = shorten(fold(textIn(element)), 40);
    return `<${tag}${attributes.join("")}>${text === "" ? "" : `${text}</${tag}>`}`;
  }

  /**
   * @param {string | null} text
   * @param {number} length
   */
  function shorten(text, length) {
    const folded = fold(text);
    return folded.length > length ? `${folded.slice(0, length)}…` : folded;
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

  return { UNSPOKEN, fold, isVisible, whyHidden, isDisabled, textOf, shownText, labelsOf, ariaLabelOf, nameOf, describe, shorten, reaches };
}
