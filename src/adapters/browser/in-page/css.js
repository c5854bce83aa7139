/**
 * CSS selectors through open shadow trees. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 */
export function css(faults, dom) {
  const { BadTarget } = faults;
  const { select, treesIn, shadowOf, parentNodeOf, childNodesOf, matches } = dom;
  /** @typedef {Document | DocumentFragment | Element} Scope */

  /**
   * Every match in the scope and in the shadow trees inside it, in the order of the document. A space in the selector also leads into a shadow
   * tree: `x-shop button` finds the button that the shop's shadow tree holds.
   * @param {Scope} scope
   * @param {string} selector
   * @returns {Element[]}
   */
  function queryAll(scope, selector) {
    try {
      const trees = treesIn(scope);
      if (trees.length === 1) return select(scope, selector);
      const found = new Set(trees.flatMap((tree) => select(tree, selector)));
      for (const steps of splitSelector(selector)) for (const element of crossing(trees.slice(1), steps)) found.add(element);
      return found.size > 1 ? inOrder(scope, found) : [...found];
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      throw new BadTarget(`"${selector}" is not a CSS selector`);
    }
  }

  /**
   * Elements of shadow trees that match with a part of the steps, while what is around their trees matches the steps before.
   * @param {Scope[]} trees
   * @param {string[]} steps
   */
  function crossing(trees, steps) {
    if (steps.length === 1) return [];
    const last = /** @type {string} */ (steps.at(-1));
    return trees.flatMap((tree) => select(tree, last)).filter((element) => matchesSteps(element, steps));
  }

  /**
   * @param {Element} element
   * @param {string[]} steps
   * @returns {boolean}
   */
  function matchesSteps(element, steps) {
    if (matches(element, steps.join(" "))) return true;
    return steps.slice(1).some((_, index) => {
      const [outer, inner] = [steps.slice(0, index + 1), steps.slice(index + 1)];
      if (!matches(element, inner.join(" "))) return false;
      for (let host = hostOf(element); host !== null; host = hostOf(host)) {
        for (let box = /** @type {Node | null} */ (host); box instanceof Element; box = parentNodeOf(box))
          if (matchesSteps(box, outer)) return true;
      }
      return false;
    });
  }

  /**
   * The host of the shadow tree that it is in.
   * @param {Element} element
   */
  function hostOf(element) {
    let node = /** @type {Node | null} */ (element);
    while (node !== null && !(node instanceof ShadowRoot)) node = parentNodeOf(node);
    return node?.host ?? null;
  }

  /**
   * @param {Scope} scope
   * @param {Set<Element>} found
   */
  function inOrder(scope, found) {
    const ordered = /** @type {Element[]} */ ([]);
    /** @param {Node} node */
    const visit = (node) => {
      if (node instanceof Element) {
        if (found.has(node)) ordered.push(node);
        const shadow = shadowOf(node);
        if (shadow !== null) childNodesOf(shadow).forEach(visit);
      }
      childNodesOf(node).forEach(visit);
    };
    visit(scope);
    return ordered;
  }

  /**
   * Of a list of selectors each, cut where a space stands for "somewhere inside".
   * @param {string} selector
   * @returns {string[][]}
   */
  function splitSelector(selector) {
    // A string, an escape, a comma or combinator with the space around it, a space, anything else.
    const tokens = selector.matchAll(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|\s*([,>+~])\s*|(\s+)|[^]/g);
    const lists = [[""]];
    let depth = 0;
    for (const [token, combinator, space] of tokens) {
      if (token === "(" || token === "[") depth++;
      if (token === ")" || token === "]") depth--;
      const steps = /** @type {string[]} */ (lists.at(-1));
      if (depth === 0 && combinator === ",") lists.push([""]);
      else if (depth === 0 && space !== undefined) steps.push("");
      else steps[steps.length - 1] += token;
    }
    return lists.map((steps) => steps.filter((step) => step !== ""));
  }

  return { queryAll };
}
