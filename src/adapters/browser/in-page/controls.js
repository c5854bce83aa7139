/**
 * What is done to form controls. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./faults.js").faults>} faults
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./locate.js").locate>} locator
 * @param {ReturnType<typeof import("./choose.js").choose>} chooser
 */
export function controls(faults, dom, elements, locator, chooser) {
  const { NotYet, Never } = faults;
  const { page, isIn, textIn } = dom;
  const { fold, isVisible, describe } = elements;
  const { findAll, describeMiss } = locator;
  const { whyNone, whichOne, usable, controlOf } = chooser;
  /** @typedef {import("../../../domain/browser/browser.ts").BrowserTarget} Target */

  /**
   * As a person who goes there; the caret is at the end then.
   * @param {Element} element
   */
  function focus(element) {
    if (!(element instanceof HTMLElement || element instanceof SVGElement)) throw new Never(`${describe(element)} cannot have the focus`);
    element.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    const before = page.focused();
    element.focus();
    if (!element.isConnected) throw new NotYet(`the page replaces ${describe(element)} as soon as it has the focus`);
    const focused = page.focused();
    // The page itself may give it to another field, such as that of a list which opens.
    if (focused === before && (focused === null || !isIn(focused, element)))
      throw new NotYet(`${describe(element)} does not take the focus, which is on ${focused === null ? "nothing" : describe(focused)}`);
    if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement) {
      try {
        element.setSelectionRange(element.value.length, element.value.length);
      } catch {
        if (element.type !== "number" && element.type !== "email") return; // there is no caret in it
        element.select(); // it does not tell where its caret is
        getSelection()?.modify("move", "forward", "documentboundary");
      }
    } else if (element instanceof HTMLElement && element.isContentEditable) {
      getSelection()?.selectAllChildren(element);
      getSelection()?.collapseToEnd();
    }
  }

  /**
   * @param {Element} element
   * @param {string} value
   * @returns {() => string | null} says later why it has not become so; null when all is well
   */
  function fill(element, value) {
    if (element instanceof HTMLElement && element.isContentEditable) return write(element, value);
    if (!(element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement)) {
      throw new Never(`${describe(element)} is not a field${element instanceof HTMLSelectElement ? "; use select" : ""}`);
    }
    const instead = /** @type {Record<string, string>} */ ({
      checkbox: "check",
      radio: "check",
      file: "upload",
      submit: "click",
      button: "click",
      reset: "click",
      image: "click",
    });
    if (instead[element.type] !== undefined) throw new Never(`${describe(element)} is not a field; use ${instead[element.type]}`);
    if (element.readOnly) throw new NotYet(`${describe(element)} is read-only`);
    const isText = element instanceof HTMLTextAreaElement || ["text", "search", "url", "tel", "email", "password"].includes(element.type);
    if (isText && element.maxLength >= 0 && value.replace(/\r\n?/g, "\n").length > element.maxLength)
      throw new Never(`${describe(element)} takes ${element.maxLength} characters at most, and the value has more`);
    focus(element);
    const before = element.value;
    // React replaces the property on the instance: the prototype's setter lets it see the change.
    const prototype = element instanceof HTMLInputElement ? HTMLInputElement.prototype : HTMLTextAreaElement.prototype;
    Object.getOwnPropertyDescriptor(prototype, "value")?.set?.call(element, value);
    if (!hasTaken(element, value))
      throw new Never(`${describe(element)} does not take this value: it is no ${element.type}${formatHint(element.type)}`);
    const isChange = element.value !== before;
    element.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true, inputType: "insertReplacementText", data: value }));
    const isBack = () => isChange && element.isConnected && element.value === before;
    const isRefused = before !== "" || isBack(); // one that is emptied by its `change` was taken, such as a new entry of a list
    element.dispatchEvent(new Event("change", { bubbles: true }));
    return () => (isRefused && isBack() ? putBack(element) : null);
  }

  /** @param {Element} element */
  const putBack = (element) => `${describe(element)} was filled, but the page has put back what it held before`;

  /**
   * Puts a text in the place of what an editable element holds. Editors that keep the text themselves hear of it beforehand, as of what a person
   * writes (the browser does not tell them of commands), and then do it in their own way.
   * @param {HTMLElement} element
   * @param {string} value
   * @returns {() => string | null} as of `fill`
   */
  function write(element, value) {
    focus(element);
    const before = textIn(element);
    const selection = /** @type {Selection} */ (getSelection());
    selection.selectAllChildren(element);
    const [inputType, command] = value === "" ? ["deleteContentBackward", "delete"] : ["insertText", "insertText"];
    const how = { bubbles: true, cancelable: true, composed: true, inputType, data: value === "" ? null : value };
    const targetRanges = [new StaticRange(selection.getRangeAt(0))];
    if (element.dispatchEvent(new InputEvent("beforeinput", { ...how, targetRanges }))) document.execCommand(command, false, value);
    const isBack = () => element.isConnected && textIn(element) === before;
    return () => (before !== value && isBack() ? putBack(element) : null);
  }

  /**
   * Has it taken the value? Fields that are not for text write it in their own way, and hold nothing or something else when it is none for them.
   * @param {HTMLInputElement | HTMLTextAreaElement} element
   * @param {string} wanted
   */
  function hasTaken({ type, value }, wanted) {
    if (value === wanted || value.replace(/\r\n?/g, "\n") === wanted.replace(/\r\n?/g, "\n")) return true;
    const text = wanted.trim();
    if (type === "range") return text !== "" && Number(value) === Number(text);
    if (type === "color") return value === text.toLowerCase();
    if (type === "email" || type === "url") return value === text;
    return ["date", "time", "month", "week", "datetime-local"].includes(type) && text !== "" && value !== "";
  }

  /** @param {string} type */
  function formatHint(type) {
    const formats = /** @type {Record<string, string>} */ ({
      date: "2026-01-31",
      time: "13:45",
      month: "2026-01",
      week: "2026-W05",
      "datetime-local": "2026-01-31T13:45",
      color: "#00ff00",
    });
    return formats[type] === undefined ? "" : ` (such as ${formats[type]})`;
  }

  /**
   * Afterwards exactly these options are chosen.
   * @param {Element} element
   * @param {"value" | "label" | "index"} by
   * @param {readonly string[]} wanted
   */
  function select(element, by, wanted) {
    if (!(element instanceof HTMLSelectElement)) throw new Never(`${describe(element)} is not a select; click it and its option`);
    if (wanted.length !== 1 && !element.multiple) throw new Never(`${describe(element)} takes one option, not ${wanted.length}`);
    focus(element); // some fetch their options only now
    const chosen = new Set(wanted.map((one) => optionOf(element, by, one)));
    const options = [...element.options];
    if (options.every((option) => option.selected === chosen.has(option))) return;
    for (const option of options) if (element.multiple || chosen.has(option)) option.selected = chosen.has(option);
    element.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    element.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /**
   * @param {HTMLSelectElement} element
   * @param {"value" | "label" | "index"} by
   * @param {string} wanted
   */
  function optionOf(element, by, wanted) {
    const options = [...element.options];
    /** @param {HTMLOptionElement} option */
    const keyOf = (option) => (by === "value" ? option.value : fold(option.label));
    const key = by === "value" ? wanted : fold(wanted);
    const option =
      by === "index"
        ? options.at(Number(wanted))
        : (options.find((candidate) => keyOf(candidate) === key) ??
          options.find((candidate) => keyOf(candidate).toLowerCase() === key.toLowerCase()));
    if (option === undefined) {
      const known = options.slice(0, 12).map((candidate) => `"${keyOf(candidate)}"`);
      throw new NotYet(
        `${describe(element)} has no option with the ${by} "${wanted}"; it has ${known.join(", ") || "none"}${options.length > 12 ? ", …" : ""}`,
      );
    }
    if (option.disabled || option.parentElement?.matches("optgroup:disabled"))
      throw new NotYet(`the option "${keyOf(option)}" of ${describe(element)} is disabled`);
    return option;
  }

  /**
   * A native control may be hidden behind a styled label.
   * @param {Target} target
   * @param {boolean} checked
   * @returns {() => string | null} says later why it has not become so; null when all is well
   */
  function check(target, checked) {
    const found = findAll(target).map(controlOf);
    const shown = found.filter(
      (element) =>
        isVisible(element) || ("labels" in element && [...(/** @type {HTMLInputElement} */ (element).labels ?? [])].some(isVisible)),
    );
    if (shown.length > 1) throw whichOne(shown);
    const [element] = shown;
    if (element === undefined) throw new NotYet(() => whyNone(target, found));
    if (stateOf(element) === checked) return () => null;
    usable(element);
    if (!checked && element.matches("input[type=radio], [role=radio]"))
      throw new Never(`${describe(element)} is a radio button: check another of its group instead`);
    if (!(element instanceof HTMLInputElement)) press(element);
    /** @type {HTMLElement} */ (element).click();
    const isSo = () => !element.isConnected || stateOf(element) === checked;
    return () => (isSo() ? null : `${describe(element)} is still ${checked ? "unchecked" : "checked"} after a click`);
  }

  /**
   * What comes before a click: controls of a page's own making may heed only that.
   * @param {Element} element
   */
  function press(element) {
    const { x, y, width, height } = dom.frameOf(element);
    const how = { bubbles: true, cancelable: true, composed: true, clientX: x + width / 2, clientY: y + height / 2 };
    for (const [step, buttons] of /** @type {const} */ ([
      ["down", 1],
      ["up", 0],
    ])) {
      element.dispatchEvent(new PointerEvent(`pointer${step}`, { ...how, buttons, isPrimary: true, pointerType: "mouse", pointerId: 1 }));
      element.dispatchEvent(new MouseEvent(`mouse${step}`, { ...how, buttons, detail: 1 }));
    }
  }

  /**
   * @param {Element} element
   * @returns {boolean}
   */
  function stateOf(element) {
    if (element instanceof HTMLInputElement && (element.type === "checkbox" || element.type === "radio")) return element.checked;
    const state = element.getAttribute("aria-checked") ?? element.getAttribute("aria-pressed");
    if (state === null) throw new Never(`${describe(element)} is neither a checkbox nor a radio button`);
    return state === "true";
  }

  /**
   * File inputs are usually hidden behind a button, so it need not be visible.
   * Gives files to a file input.
   * @param {Target} target
   * @param {readonly { name: string, contentType: string, base64: string }[]} files
   * @returns {boolean} is it one?
   */
  function upload(target, files) {
    const inputs = findAll(target).map(controlOf);
    if (inputs.length > 1) throw whichOne(inputs);
    const [input] = inputs;
    if (input === undefined) throw new NotYet(() => describeMiss(target));
    if (!(input instanceof HTMLInputElement && input.type === "file")) return false; // it may open a chooser
    if (files.length > 1 && !input.multiple) throw new Never(`${describe(input)} takes one file, not ${files.length}`);
    usable(input);
    const transfer = new DataTransfer();
    for (const { name, contentType, base64 } of files) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type: contentType }));
    }
    input.files = transfer.files;
    input.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  }

  return { focus, fill, select, check, upload };
}
