/**
 * From a target to elements, and words for what is there instead. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./css.js").css>} css
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 */
export function locate(faults, dom, css, elements) {
  const { BadTarget } = faults;
  const { page, select, treesIn, shownIn, shadowOf, tagOf, textIn, attribute, matches } = dom;
  const { queryAll } = css;
  const { UNSPOKEN, fold, shownText, nameOf, labelsOf, ariaLabelOf, describe, shorten, isVisible } = elements;
  /** @typedef {import("../../../domain/browser/browser.ts").BrowserTarget} Target */
  /** @typedef {Document | Element} Scope */

  /** Elements that have a role without saying so (HTML-AAM). */
  const IMPLICIT_ROLES = /** @type {Record<string, string>} */ ({
    article: "article",
    banner: "header",
    blockquote: "blockquote",
    button: "button, input:is([type=button], [type=submit], [type=reset], [type=image]), summary",
    cell: "td",
    checkbox: "input[type=checkbox]",
    columnheader: "thead th, th[scope=col]",
    combobox: "select:not([multiple], [size]), input[list]",
    complementary: "aside",
    contentinfo: "footer",
    dialog: "dialog",
    figure: "figure",
    form: "form",
    group: "fieldset, details, optgroup",
    heading: "h1, h2, h3, h4, h5, h6",
    img: "img",
    link: "a[href], area[href]",
    list: "ul, ol, menu",
    listbox: "select[multiple], select[size]",
    listitem: "li",
    main: "main",
    meter: "meter",
    navigation: "nav",
    option: "option",
    paragraph: "p",
    progressbar: "progress",
    radio: "input[type=radio]",
    region: "section",
    row: "tr",
    rowgroup: "tbody, thead, tfoot",
    rowheader: "tbody th:not([scope=col])",
    searchbox: "input[type=search]",
    separator: "hr",
    slider: "input[type=range]",
    spinbutton: "input[type=number]",
    status: "output",
    table: "table",
    term: "dt, dfn",
    textbox:
      "input:not([type]), input:is([type=text], [type=email], [type=tel], [type=url], [type=password], [type='']), textarea, [contenteditable=''], [contenteditable=true]",
  });

  const CONTROL_ROLES = ["textbox", "searchbox", "combobox", "listbox", "checkbox", "radio", "switch", "slider", "spinbutton", "button"];
  const LABELLED = `input:not([type=hidden]), select, textarea, button, meter, progress, output, [contenteditable], ${CONTROL_ROLES.map((role) => `[role=${role}]`).join(", ")}`;

  /**
   * Every element that the target names, in the order of the document.
   * @param {Target} target
   * @param {Scope} root
   * @returns {Element[]}
   */
  function findAll(target, root = document) {
    const wanted = typeof target === "string" ? { css: target } : target;
    const scopes = wanted.within === undefined ? [root] : findAll(wanted.within, root);
    const found = [...new Set(scopes.flatMap((scope) => findIn(wanted, scope)))];
    if (wanted.nth === undefined) return found;
    const picked = found.at(wanted.nth);
    return picked === undefined ? [] : [picked];
  }

  /**
   * @param {Exclude<Target, string>} wanted
   * @param {Scope} scope
   * @returns {Element[]}
   */
  function findIn(wanted, scope) {
    if (wanted.css !== undefined) return queryAll(scope, wanted.css);
    if (wanted.text !== undefined) return findByText(wanted.text, scope);
    if (wanted.role !== undefined) {
      const withRole = findByRole(wanted.role, scope);
      return wanted.name === undefined ? withRole : matchNames(withRole, wanted.name, (element) => [nameOf(element)]);
    }
    if (wanted.label !== undefined) return findByLabel(wanted.label, scope);
    if (wanted.placeholder !== undefined) {
      return matchNames(queryAll(scope, "[placeholder]"), wanted.placeholder, (element) => [fold(attribute(element, "placeholder"))]);
    }
    if (wanted.test_id !== undefined) {
      const id = CSS.escape(wanted.test_id);
      return queryAll(scope, `[data-testid="${id}"], [data-test-id="${id}"], [data-test="${id}"]`);
    }
    return findByXpath(wanted.xpath ?? "", scope);
  }

  /**
   * @param {string} role
   * @param {Scope} scope
   */
  function findByRole(role, scope) {
    const implicit = IMPLICIT_ROLES[role];
    const explicit = `[role~="${CSS.escape(role)}"]`;
    const candidates = queryAll(scope, implicit === undefined ? explicit : `${explicit}, ${implicit}`);
    return candidates.filter((element) => (attribute(element, "role")?.split(/\s+/)[0] ?? role) === role);
  }

  /**
   * A form control by its label: the control itself, also where only its wrapper has the label.
   * @param {string} label
   * @param {Scope} scope
   */
  function findByLabel(label, scope) {
    return matchNames(queryAll(scope, LABELLED), label, (element) => [
      ...labelsOf(element),
      ...labelsOf(element, textIn),
      ariaLabelOf(element),
    ]);
  }

  /**
   * Those whose name is the wanted text; where there is none, those whose name contains it. Case and white space do not matter.
   * @param {Element[]} candidates
   * @param {string} wanted
   * @param {(element: Element) => string[]} namesOf
   */
  function matchNames(candidates, wanted, namesOf) {
    const text = fold(wanted).toLowerCase();
    const named = candidates.map((element) => ({ element, names: namesOf(element).map((name) => name.toLowerCase()) }));
    const exact = named.filter(({ names }) => names.includes(text));
    const matching = exact.length > 0 ? exact : named.filter(({ names }) => names.some((name) => name.includes(text)));
    return matching.map(({ element }) => element);
  }

  /**
   * The smallest elements with this text.
   * @param {string} wanted
   * @param {Scope} scope
   */
  function findByText(wanted, scope) {
    const text = fold(wanted).toLowerCase();
    /** @param {string} spaced */
    const squeeze = (spaced) => spaced.replaceAll(" ", "");
    const squeezed = squeeze(text);
    const exact = /** @type {Element[]} */ ([]);
    const containing = /** @type {Element[]} */ ([]);
    const hasTrees = treesIn(scope).length > 1;
    /** @param {Element} element @returns {Element[]} */
    const insideOf = (element) => Array.from(shownIn(element)).filter((node) => node instanceof Element);
    /** @param {Element} element @returns {Element[]} those inside whose text is in no other text */
    const fieldsIn = (element) => (hasTrees ? insideOf(element) : select(element, "input"));
    /** @param {Element} element @returns {boolean} is the text in it? */
    const visit = (element) => {
      if (matches(element, UNSPOKEN)) return false;
      const isButton = element instanceof HTMLInputElement && ["button", "submit", "reset"].includes(element.type);
      let own = fold(isButton ? element.value : hasTrees ? textThrough(element) : spokenText(element)).toLowerCase();
      // Between blocks and lines the browser shows a space that is not in the text.
      if (!own.includes(text) && squeeze(own).includes(squeezed)) own = shownText(element).toLowerCase();
      if (!own.includes(text)) return fieldsIn(element).filter(visit).length > 0;
      const inChild = insideOf(element).filter(visit).length > 0;
      if (!inChild) (own === text ? exact : containing).push(element);
      return true;
    };
    const root = scope instanceof Element ? scope : page.root();
    if (root !== null) visit(root); // a document may have nothing in it yet
    return exact.length > 0 ? exact : containing;
  }

  /**
   * Text without what nobody reads, in this tree alone.
   * @param {Node} node
   * @returns {string}
   */
  function spokenText(node) {
    if (!(node instanceof Element)) return textIn(node);
    if (matches(node, UNSPOKEN)) return "";
    return select(node, UNSPOKEN).length === 0 ? textIn(node) : Array.from(shownIn(node), spokenText).join("");
  }

  /**
   * The same as it is shown, through shadow trees.
   * @param {Node} node
   * @returns {string}
   */
  function textThrough(node) {
    if (!(node instanceof Element)) return node instanceof Text ? node.data : "";
    return matches(node, UNSPOKEN) ? "" : Array.from(shownIn(node), textThrough).join("");
  }

  /**
   * @param {string} expression
   * @param {Scope} scope
   */
  function findByXpath(expression, scope) {
    let nodes;
    try {
      nodes = page.xpath(expression, scope);
    } catch {
      throw new BadTarget(`"${expression}" is not an XPath expression for elements`);
    }
    return Array.from({ length: nodes.snapshotLength }, (_, index) => nodes.snapshotItem(index)).filter((node) => node instanceof Element);
  }

  /**
   * What to say when nothing matches: what is there that is like it.
   * @param {Target} target
   * @returns {string}
   */
  function describeMiss(target) {
    const wanted = typeof target === "string" ? { css: target } : target;
    const where = `${location.href} "${shorten(page.title(), 60)}"`;
    if (wanted.within !== undefined && findAll(wanted.within).length === 0)
      return `nothing matches its \`within\` on ${where}${nearMisses(wanted.within)}`;
    if (wanted.nth !== undefined) {
      const { nth: _, ...all } = wanted;
      const count = findAll(all).length;
      if (count > 0)
        return `only ${count} ${count === 1 ? "element matches" : "elements match"}, so there is no nth ${wanted.nth}, on ${where}`;
    }
    return `no element matches on ${where}${nearMisses(wanted)}${notSearched()}`;
  }

  /** What of the page is not searched. A closed shadow tree does not show itself; an element of the page's own making without content may have one. */
  function notSearched() {
    const frames = queryAll(document, "iframe, frame");
    const inFrames = frames.length === 0 ? "" : `; not searched: ${frames.slice(0, 4).map(describe).join(", ")} (name it by \`frame\`)`;
    const closed = queryAll(document, ":defined").filter(
      (element) => tagOf(element).includes("-") && shadowOf(element) === null && select(element, "*").length === 0 && isVisible(element),
    );
    if (closed.length === 0) return inFrames;
    return `${inFrames}; ${describe(/** @type {Element} */ (closed[0]))} may hold it in a closed shadow tree, which nobody can search`;
  }

  /**
   * @param {Target} target
   * @returns {string}
   */
  function nearMisses(target) {
    const wanted = typeof target === "string" ? { css: target } : target;
    if (wanted.css !== undefined) return nearSelector(wanted.css);
    if (wanted.role !== undefined) {
      const names = findByRole(wanted.role, document).filter(isVisible).map(nameOf);
      if (names.length > 0) return list(`elements of role ${wanted.role} there`, names);
      const roles = Object.keys(IMPLICIT_ROLES).filter((role) => findByRole(role, document).some(isVisible));
      return list(`there is no ${wanted.role}; roles there`, roles, 30);
    }
    if (wanted.label !== undefined)
      return list(
        "labels there",
        queryAll(document, LABELLED).flatMap((element) => [...labelsOf(element), ariaLabelOf(element)]),
      );
    if (wanted.placeholder !== undefined) return list("placeholders there", attributeValues("placeholder"));
    if (wanted.test_id !== undefined) return list("test ids there", ["data-testid", "data-test-id", "data-test"].flatMap(attributeValues));
    if (wanted.text !== undefined)
      return list(
        "buttons and links there",
        [...findByRole("button", document), ...findByRole("link", document)].filter(isVisible).map(nameOf),
      );
    return "";
  }

  /** @param {string} name */
  function attributeValues(name) {
    return queryAll(document, `[${name}]`).map((element) => attribute(element, name) ?? "");
  }

  /**
   * How far a selector with several steps comes.
   * @param {string} selector
   */
  function nearSelector(selector) {
    const steps = /["'()[\]]/.test(selector) ? [selector] : selector.split(/(?=[\s>+~]+[^\s>+~])/);
    for (let length = steps.length - 1; length > 0; length--) {
      const prefix = steps.slice(0, length).join("").trim();
      const count = queryAll(document, prefix).length;
      if (count > 0) return `; ${count} ${count === 1 ? "matches" : "match"} "${prefix}"`;
    }
    return "";
  }

  /**
   * @param {string} what
   * @param {string[]} names
   */
  function list(what, names, most = 8) {
    const different = [...new Set(names.filter((name) => name !== ""))];
    if (different.length === 0) return "";
    const shown = different.slice(0, most).map((name) => `"${shorten(name, 40)}"`);
    return `; ${what}: ${shown.join(", ")}${different.length > most ? ", …" : ""}`;
  }

  /**
   * @param {Element[]} found
   */
  function describeSeveral(found) {
    const shown = found.slice(0, 4).map(describe);
    return `${found.length} elements match: ${shown.join(", ")}${found.length > 4 ? ", …" : ""}`;
  }

  return { findAll, describeMiss, describeSeveral };
}
