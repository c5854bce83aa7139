/**
 * Makes what is in password fields, and in fields that were filled with a secret, unreadable while a picture is taken. By animations, which a page
 * sees in no attribute, style or mutation of its own, and which end without a trace. Runs in the page (see `source.js`).
 */
export function hide() {
  /** Grey all over, and no sharp edge: nothing of what is inside is left. */
  const HIDDEN = { backgroundColor: "grey", backgroundClip: "border-box", filter: "contrast(0) blur(4px)" };

  /** Fields that were filled with a secret. */
  const marked = /** @type {WeakSet<Element>} */ (new WeakSet());
  /** How to show each field again. */
  const hidden = /** @type {Map<Element, () => void>} */ (new Map());
  /** Frames of other origins. */
  const foreign = /** @type {Set<Element>} */ (new Set());
  const observers = /** @type {Map<Node, MutationObserver>} */ (new Map());
  /** Has it ever had frames of its own origin? Each has a library of its own, which knows what was put there. */
  let hasFrames = false;
  /** How many want them hidden just now. */
  let holders = 0;

  /** @param {Element} element */
  function mark(element) {
    marked.add(element);
    if (holders > 0) hideField(element);
  }

  /** What has the focus, which a secret is to be typed into. */
  function markFocused() {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    if (element !== null && element !== document.body) mark(element);
  }

  function hideSecrets() {
    holders++;
    search(document);
    const connected = [...foreign].filter(({ isConnected }) => isConnected);
    return { hasFrames: hasFrames || connected.length > 0, foreign: connected.length };
  }

  /** For frames that nobody can look into. */
  function coverFrames() {
    if (holders > 0) for (const frame of foreign) hideField(frame);
  }

  function showSecrets() {
    if (holders === 0 || --holders > 0) return;
    for (const observer of observers.values()) observer.disconnect();
    observers.clear();
    for (const show of hidden.values()) show();
    hidden.clear();
    foreign.clear();
  }

  /**
   * Also in open shadow roots, and in frames that this world may enter.
   * @param {Document | ShadowRoot} root
   */
  function search(root) {
    if (!observers.has(root)) {
      const observer = new MutationObserver(() => search(root)); // before the next paint
      observer.observe(root, { subtree: true, childList: true, attributeFilter: ["type"] });
      observers.set(root, observer);
    }
    for (const element of root.querySelectorAll("*")) {
      if (isSecret(element)) hideField(element);
      if (element.shadowRoot !== null) search(element.shadowRoot);
      if (!("contentDocument" in element)) continue;
      const inside = /** @type {Document | null} */ (element.contentDocument);
      if (inside !== null) {
        hasFrames = true;
        search(inside);
      } else if (/** @type {HTMLIFrameElement} */ (element).contentWindow !== null) foreign.add(element); // an <object> may be a picture
    }
  }

  /** @param {Element} element */
  function isSecret(element) {
    return marked.has(element) || (element.localName === "input" && /** @type {HTMLInputElement} */ (element).type === "password");
  }

  /** @param {Element} element */
  function hideField(element) {
    if (hidden.has(element)) return;
    const animation = element.animate([HIDDEN, HIDDEN], { duration: 0, fill: "both" });
    hidden.set(element, () => animation.cancel());
    if (getComputedStyle(element).filter.includes("contrast(0)")) return;
    // A rule of the page that is `!important` wins over an animation.
    const { style } = /** @type {HTMLElement} */ (element);
    const before = element.getAttribute("style");
    style.setProperty("filter", HIDDEN.filter, "important");
    style.setProperty("background", "grey", "important");
    hidden.set(element, () => {
      animation.cancel();
      if (before === null) element.removeAttribute("style");
      else element.setAttribute("style", before);
    });
  }

  return { mark, markFocused, coverFrames, hideSecrets, showSecrets };
}
