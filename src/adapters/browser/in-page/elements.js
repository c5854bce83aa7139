/**
 * What an element is to a person: is it visible, what does it say, what is it called? Runs in the page (see `source.js`), so it may use nothing
 * from outside its own body.
 */
export function elements() {
  /** @param {string | null | undefined} text */
  const fold = (text) => (text ?? "").replace(/\s+/g, " ").trim();

  /** @param {Element} element */
  function isVisible(element) {
    if (!element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true })) return false;
    return [...element.getClientRects()].some((rect) => rect.width > 0 && rect.height > 0);
  }

  /**
   * Why a person does not see it.
   * @param {Element} element
   */
  function whyHidden(element) {
    for (let box = /** @type {Element | null} */ (element); box !== null; box = box.parentElement) {
      const style = getComputedStyle(box);
      const where = box === element ? "" : ` of ${describe(box)}`;
      if (style.display === "none") return `display: none${where}`;
      if (box === element && style.visibility !== "visible") return `visibility: ${style.visibility}`;
    }
    return "it has no size";
  }

  /** @param {Element} element */
  function isDisabled(element) {
    return element.matches(":disabled") || element.closest('[aria-disabled="true"]') !== null;
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
    return fold(element instanceof HTMLElement ? element.innerText : element.textContent);
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
    const hidden = element.querySelector("[aria-hidden=true]");
    if (hidden === null) return element.textContent;
    const parts = [...element.childNodes].map((node) => {
      if (node instanceof Element) return node.getAttribute("aria-hidden") === "true" ? "" : spokenText(node);
      return node instanceof Text ? node.data : "";
    });
    return parts.join("");
  }

  /** @param {Element} element */
  function ariaLabelOf(element) {
    const ids = element.getAttribute("aria-labelledby")?.split(/\s+/) ?? [];
    const texts = ids.map((id) => fold(document.getElementById(id)?.textContent)).filter((text) => text !== "");
    return texts.length > 0 ? texts.join(" ") : fold(element.getAttribute("aria-label"));
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
    const caption = captions[element.tagName];
    if (caption !== undefined)
      return fold(element.querySelector(`:scope > ${caption}`)?.textContent) || fold(element.getAttribute("title"));
    return fold(contentOf(element)) || fold(element.getAttribute("title"));
  }

  /**
   * @param {Element} element
   * @returns {string}
   */
  function contentOf(element) {
    let content = "";
    for (const node of element.childNodes) {
      if (node instanceof Text) content += node.data;
      else if (node instanceof Element && node.getAttribute("aria-hidden") !== "true" && node.checkVisibility()) {
        const isLeaf = node instanceof HTMLImageElement || node instanceof HTMLInputElement || node.hasAttribute("aria-label");
        content += ` ${isLeaf ? nameOf(node) : contentOf(node)} `;
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
    const attributes = shown.map((name) => (element.hasAttribute(name) ? ` ${name}="${shorten(element.getAttribute(name), 40)}"` : ""));
    const tag = element.tagName.toLowerCase();
    const text = shorten(fold(element.textContent), 40);
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

  return { fold, isVisible, whyHidden, isDisabled, textOf, labelsOf, ariaLabelOf, nameOf, describe, shorten };
}
