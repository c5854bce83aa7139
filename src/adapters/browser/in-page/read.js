/**
 * Reads values, lists and tables. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./locate.js").locate>} locator
 */
export function read(dom, elements, locator) {
  const { page, htmlOf, attribute } = dom;
  const { fold, textOf } = elements;
  const { findAll } = locator;
  /** @typedef {import("../../../domain/browser/browser.ts").PageQuery} PageQuery */
  /** @typedef {import("../../../domain/browser/browser.ts").ValueQuery} ValueQuery */
  /** @typedef {import("../../../domain/browser/browser.ts").ValueFound} ValueFound */
  /** @typedef {import("../../../domain/browser/browser.ts").TableFound} TableFound */
  /** @typedef {import("../../../domain/browser/browser.ts").PageFindings} PageFindings */

  /** What was read last in this document, to know when it has changed. */
  let last = "";
  let generation = 0;

  /**
   * @param {PageQuery} query
   * @param {boolean} changed
   * @param {number} waitMs
   * @returns {Promise<PageFindings>}
   */
  async function readPage(query, changed, waitMs) {
    const mine = ++generation;
    const endsAt = performance.now() + waitMs;
    for (let pause = 10; ; pause = Math.min(100, pause * 2)) {
      const findings = /** @type {PageFindings} */ (Object.fromEntries(Object.entries(query).map(([key, item]) => [key, find(item)])));
      const text = JSON.stringify(findings);
      const satisfied = page.isParsed() && hasRequired(query, findings) && (!changed || text !== last);
      if (satisfied) last = text;
      if (satisfied || performance.now() >= endsAt || mine !== generation) return findings;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  function cancel() {
    generation++;
  }

  /**
   * @param {PageQuery[string]} item
   * @returns {PageFindings[string]}
   */
  function find(item) {
    if (item.kind === "value") return findValue(item, document);
    if (item.kind === "table") return findTable(item.table);
    const rows = findAll(item.rows).map((row) =>
      Object.fromEntries(Object.entries(item.fields).map(([key, field]) => [key, findValue(field, row)])),
    );
    return { kind: "rows", rows };
  }

  /**
   * @param {ValueQuery} query
   * @param {Document | Element} scope
   * @returns {ValueFound}
   */
  function findValue(query, scope) {
    const found = query.target === null ? [/** @type {Element} */ (scope)] : findAll(query.target, scope);
    const wanted = query.part === "presence" ? [] : query.many ? found : found.slice(0, 1);
    return { kind: "value", matched: found.length, values: wanted.map((element) => partOf(element, query)) };
  }

  /**
   * @param {Element} element
   * @param {ValueQuery} query
   * @returns {string | null}
   */
  function partOf(element, query) {
    if (query.part === "html") return htmlOf(element);
    if (query.part === "attribute") return attribute(element, query.attribute);
    if (query.part === "url") {
      const names = query.attribute === null ? ["href", "src", "action"] : [query.attribute];
      const address = names.map((name) => attribute(element, name)).find((value) => value !== null);
      if (address === undefined || address === null) return null;
      return URL.canParse(address, document.baseURI) ? new URL(address, document.baseURI).href : address;
    }
    return textOf(element);
  }

  /**
   * Keys from the header: the last row of `thead`, or a first row of `th` only; `column_1`, `column_2`, … where there is none. A header over
   * several columns counts for each of them, and a repeated name gets a number.
   * @param {import("../../../domain/browser/browser.ts").BrowserTarget} target
   * @returns {TableFound}
   */
  function findTable(target) {
    const tables = findAll(target);
    const table = tables.find((element) => element instanceof HTMLTableElement);
    if (table === undefined) return { kind: "table", matched: 0, header: [], rows: [] };
    const rows = [...table.rows];
    const headRow =
      [...(table.tHead?.rows ?? [])].at(-1) ??
      (rows[0] !== undefined && [...rows[0].cells].every((cell) => cell.tagName === "TH") ? rows[0] : undefined);
    const texts = textsOf(rows);
    const names = headRow === undefined ? [] : (texts.get(headRow) ?? []);
    const body = [...texts].flatMap(([row, cells]) =>
      row === headRow || row.parentElement === table.tHead || row.parentElement === table.tFoot || cells.length === 0 ? [] : [cells],
    );
    const width = Math.max(0, names.length, ...body.map((cells) => cells.length));
    const header = unique(Array.from({ length: width }, (_, index) => names[index] || `column_${index + 1}`));
    return { kind: "table", matched: tables.length, header, rows: body };
  }

  /**
   * The texts of each row, with those of cells that span several columns or rows in each of them.
   * @param {HTMLTableRowElement[]} rows
   */
  function textsOf(rows) {
    const texts = new Map(rows.map((row) => [row, /** @type {string[]} */ ([])]));
    for (const [index, row] of rows.entries()) {
      const section = rows.slice(index).filter(({ parentElement }) => parentElement === row.parentElement);
      let column = 0;
      for (const cell of row.cells) {
        while (texts.get(row)?.[column] !== undefined) column++;
        const text = fold(cell.innerText);
        for (const spanned of section.slice(0, cell.rowSpan || section.length))
          for (let across = 0; across < cell.colSpan; across++) /** @type {string[]} */ (texts.get(spanned))[column + across] = text;
        column += cell.colSpan;
      }
    }
    return new Map([...texts].map(([row, cells]) => [row, Array.from(cells, (text) => text ?? "")]));
  }

  /** @param {string[]} names */
  function unique(names) {
    const seen = /** @type {Map<string, number>} */ (new Map());
    return names.map((name) => {
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      return count === 1 ? name : `${name}_${count}`;
    });
  }

  /**
   * @param {PageQuery} query
   * @param {PageFindings} findings
   */
  function hasRequired(query, findings) {
    return Object.entries(query).every(([key, item]) => {
      const found = findings[key];
      if (!item.required || found === undefined) return true;
      return found.kind === "rows" ? found.rows.length > 0 : found.matched > 0;
    });
  }

  return { readPage, cancel };
}
