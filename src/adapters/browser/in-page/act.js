/**
 * Waits for elements and acts on them. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./elements.js").elements>} elements
 * @param {ReturnType<typeof import("./locate.js").locate>} locator
 */
export function act(elements, locator) {
  const { fold, isVisible, whyHidden, isDisabled, describe } = elements;
  const { BadTarget, findAll, describeMiss, describeSeveral } = locator;
  /** @typedef {import("../../../domain/browser.ts").BrowserTarget} Target */
  /** @typedef {import("./protocol.ts").PageOp} PageOp */
  /** @typedef {import("./protocol.ts").Box} Box */

  /** Not possible yet; the message says what was found instead. */
  class NotYet extends Error {}
  /** Not possible, however long one waits. */
  class Never extends Error {}

  /** Is the document about to be replaced? Router navigations that stay in the document do not count. */
  let leaving = false;
  globalThis.navigation?.addEventListener("navigate", (event) => {
    if (!event.destination.sameDocument && event.downloadRequest === null) leaving = true;
  });

  /** A new call ends the one before, which may still be waiting for something that its caller has given up on. */
  let generation = 0;

  /**
   * @param {readonly PageOp[]} ops
   * @param {number} waitMs
   * @returns {Promise<import("./protocol.ts").RunAnswer>}
   */
  async function run(ops, waitMs) {
    const mine = ++generation;
    const endsAt = performance.now() + waitMs;
    leaving = false;
    let box = /** @type {Box | null} */ (null);
    let done = 0;
    for (let pause = 10; done < ops.length;) {
      try {
        box = await perform(/** @type {PageOp} */ (ops[done]));
        done++;
        if (changesPage(/** @type {PageOp} */ (ops[done - 1]))) await nextTask();
        if (leaving && done < ops.length) return { done, state: "leaving" };
        if (mine !== generation) return { done, state: "waiting", seen: "given up" };
      } catch (error) {
        if (error instanceof Never || error instanceof BadTarget) return { done, state: "failed", seen: error.message };
        if (!(error instanceof NotYet)) throw error;
        if (done > 0 || performance.now() >= endsAt) return { done, state: "waiting", seen: error.message };
        await new Promise((resolve) => setTimeout(resolve, pause));
        if (mine !== generation) return { done, state: "waiting", seen: "given up" };
        pause = Math.min(100, pause * 2);
      }
    }
    return { done, state: "complete", box };
  }

  function cancel() {
    generation++;
  }

  /** @param {PageOp} op */
  function changesPage(op) {
    return op.do === "fill" || op.do === "select" || op.do === "check" || op.do === "upload" || op.do === "focus";
  }

  /** After everything that the page has already posted to itself, such as the submission of a form. */
  function nextTask() {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => {
          port1.close();
          resolve();
        };
        port2.postMessage(null);
      })
    );
  }

  /**
   * @param {PageOp} op
   * @returns {Promise<Box | null>}
   */
  async function perform(op) {
    switch (op.do) {
      case "point":
        return pointAt(op.first ? firstClickable(op.target) : theOne(op.target));
      case "box":
        return boxOf(theOne(op.target));
      case "focus":
        focus(usable(controlOf(theOne(op.target))));
        return null;
      case "fill":
        fill(usable(controlOf(theOne(op.target))), op.value);
        return null;
      case "select":
        select(usable(controlOf(theOne(op.target))), op.by, op.wanted);
        return null;
      case "check":
        check(op.target, op.checked);
        return null;
      case "upload":
        upload(op.target, op.files);
        return null;
      case "scroll":
        theOne(op.target).scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
        return null;
      case "scroll_to":
        scrollTo({ top: op.edge === "top" ? 0 : document.documentElement.scrollHeight, behavior: "instant" });
        return null;
      case "scroll_by":
        scrollBy({ left: op.x, top: op.y, behavior: "instant" });
        return null;
      case "wait_visible": {
        const found = findAll(op.target);
        if (!found.some(isVisible)) throw new NotYet(whyNone(op.target, found));
        return null;
      }
      case "wait_hidden": {
        const shown = findAll(op.target).filter(isVisible);
        if (shown.length > 0) throw new NotYet(`still visible: ${describeSeveral(shown)}`);
        return null;
      }
      case "wait_text":
        if (!fold(document.body?.innerText).toLowerCase().includes(fold(op.text).toLowerCase())) {
          throw new NotYet(`${location.href} "${document.title}" does not show this text`);
        }
        return null;
    }
  }

  /**
   * The one visible element that the target names.
   * @param {Target} target
   * @returns {Element}
   */
  function theOne(target) {
    const found = findAll(target);
    const visible = found.filter(isVisible);
    if (visible.length > 1) throw new Never(`${describeSeveral(visible)}; say which by \`nth\` (0 is the first) or \`within\``);
    const [element] = visible;
    if (element === undefined) throw new NotYet(whyNone(target, found));
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
    throw new NotYet(shown === undefined ? whyNone(target, found) : `${describe(shown)} is disabled`);
  }

  /**
   * Also by the class `disabled` on it or its list item, as pagers have it.
   * @param {Element} element
   */
  function isClickable(element) {
    if (!isVisible(element) || isDisabled(element)) return false;
    return !element.classList.contains("disabled") && !element.closest("li")?.classList.contains("disabled");
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
    return element;
  }

  /**
   * The control that a label stands for.
   * @param {Element} element
   */
  function controlOf(element) {
    return element instanceof HTMLLabelElement ? (element.control ?? element) : element;
  }

  /**
   * Scrolls it into view and finds the point where a click reaches it, at rest: a frame later it is in the same place.
   * @param {Element} element
   * @returns {Promise<Box>}
   */
  async function pointAt(element) {
    usable(element);
    let box = visibleBox(element);
    if (box === null) {
      element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      box = visibleBox(element);
    }
    await nextFrame();
    if (document.getAnimations().length > 0) await nextFrame(); // in its first frame an animation stands still
    const later = visibleBox(element);
    if (box === null || later === null) throw new NotYet(`${describe(element)} cannot be scrolled into view`);
    if (Math.abs(box.x - later.x) > 1 || Math.abs(box.y - later.y) > 1) throw new NotYet(`${describe(element)} keeps moving`);
    const x = later.x + later.width / 2;
    const y = later.y + later.height / 2;
    const hit = document.elementFromPoint(x, y);
    if (hit === null || !reaches(hit, element)) {
      element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" }); // from below a header that stays
      throw new NotYet(`${describe(element)} is covered by ${hit === null ? "nothing known" : describe(hit)}`);
    }
    return { x, y, width: 0, height: 0 };
  }

  /**
   * Does a click on `hit` reach `element`? Through what is inside it, its label, or its shadow tree.
   * @param {Element} hit
   * @param {Element} element
   */
  function reaches(hit, element) {
    if (element === hit || element.contains(hit)) return true;
    const label = hit.closest("label");
    return label !== null && label.control !== null && (label.control === element || element.contains(label.control));
  }

  /**
   * The largest part of it that is in the viewport.
   * @param {Element} element
   * @returns {Box | null}
   */
  function visibleBox(element) {
    let best = /** @type {Box | null} */ (null);
    for (const rect of element.getClientRects()) {
      const x = Math.max(rect.left, 0);
      const y = Math.max(rect.top, 0);
      const width = Math.min(rect.right, innerWidth) - x;
      const height = Math.min(rect.bottom, innerHeight) - y;
      if (width > 0 && height > 0 && (best === null || width * height > best.width * best.height)) best = { x, y, width, height };
    }
    return best;
  }

  /** @param {Element} element */
  function boxOf(element) {
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x: x + scrollX, y: y + scrollY, width, height };
  }

  /** A page that is not shown has no frames: then a moment has to do. */
  function nextFrame() {
    return new Promise((resolve) => {
      requestAnimationFrame(resolve);
      setTimeout(resolve, 100);
    });
  }

  /** @param {Element} element */
  function focus(element) {
    if (!(element instanceof HTMLElement || element instanceof SVGElement)) throw new Never(`${describe(element)} cannot have the focus`);
    element.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    element.focus();
    if (element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement) {
      try {
        element.setSelectionRange(element.value.length, element.value.length);
      } catch {
        // Fields without a caret, such as numbers, type at the end anyway.
      }
    } else if (element instanceof HTMLElement && element.isContentEditable) {
      getSelection()?.selectAllChildren(element);
      getSelection()?.collapseToEnd();
    }
  }

  /**
   * @param {Element} element
   * @param {string} value
   */
  function fill(element, value) {
    if (element instanceof HTMLElement && element.isContentEditable) {
      focus(element);
      getSelection()?.selectAllChildren(element);
      document.execCommand(value === "" ? "delete" : "insertText", false, value);
      return;
    }
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
    focus(element);
    // React replaces the property on the instance: the prototype's setter lets it see the change.
    const prototype = element instanceof HTMLInputElement ? HTMLInputElement.prototype : HTMLTextAreaElement.prototype;
    Object.getOwnPropertyDescriptor(prototype, "value")?.set?.call(element, value);
    if (element.value !== value && element.value.replace(/\r\n?/g, "\n") !== value.replace(/\r\n?/g, "\n")) {
      throw new Never(`${describe(element)} does not take this value: it is no ${element.type}${formatHint(element.type)}`);
    }
    element.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true, inputType: "insertReplacementText", data: value }));
    element.dispatchEvent(new Event("change", { bubbles: true }));
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
   * @param {Element} element
   * @param {"value" | "label"} by
   * @param {string} wanted
   */
  function select(element, by, wanted) {
    if (!(element instanceof HTMLSelectElement)) throw new Never(`${describe(element)} is not a select; click it and its option`);
    const options = [...element.options];
    /** @param {HTMLOptionElement} option */
    const keyOf = (option) => (by === "value" ? option.value : fold(option.label));
    const key = by === "value" ? wanted : fold(wanted);
    const option =
      options.find((candidate) => keyOf(candidate) === key) ??
      options.find((candidate) => keyOf(candidate).toLowerCase() === key.toLowerCase());
    if (option === undefined) {
      const known = options.slice(0, 12).map((candidate) => `"${keyOf(candidate)}"`);
      throw new NotYet(
        `${describe(element)} has no option with the ${by} "${wanted}"; it has ${known.join(", ") || "none"}${options.length > 12 ? ", …" : ""}`,
      );
    }
    if (option.disabled || option.parentElement?.matches("optgroup:disabled"))
      throw new NotYet(`the option "${keyOf(option)}" of ${describe(element)} is disabled`);
    focus(element);
    if (option.selected && !element.multiple) return;
    option.selected = true;
    element.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    element.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /**
   * A native control may be hidden behind a styled label.
   * @param {Target} target
   * @param {boolean} checked
   */
  function check(target, checked) {
    const found = findAll(target).map(controlOf);
    const shown = found.filter(
      (element) =>
        isVisible(element) || ("labels" in element && [...(/** @type {HTMLInputElement} */ (element).labels ?? [])].some(isVisible)),
    );
    if (shown.length > 1) throw new Never(`${describeSeveral(shown)}; say which by \`nth\` (0 is the first) or \`within\``);
    const [element] = shown;
    if (element === undefined) throw new NotYet(whyNone(target, found));
    if (stateOf(element) === checked) return;
    usable(element);
    if (!checked && element.matches("input[type=radio], [role=radio]"))
      throw new Never(`${describe(element)} is a radio button: check another of its group instead`);
    /** @type {HTMLElement} */ (element).click();
    if (stateOf(element) !== checked) throw new Never(`${describe(element)} is still ${checked ? "unchecked" : "checked"} after a click`);
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
   * @param {Target} target
   * @param {readonly { name: string, contentType: string, base64: string }[]} files
   */
  function upload(target, files) {
    const inputs = findAll(target).map(controlOf);
    if (inputs.length > 1) throw new Never(`${describeSeveral(inputs)}; say which by \`nth\` (0 is the first) or \`within\``);
    const [input] = inputs;
    if (input === undefined) throw new NotYet(describeMiss(target));
    if (!(input instanceof HTMLInputElement && input.type === "file")) throw new Never(`${describe(input)} is not a file input`);
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
  }

  return { run, cancel, canClick, nextTask };
}
