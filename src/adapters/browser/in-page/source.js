import { act } from "./act.js";
import { choose } from "./choose.js";
import { controls } from "./controls.js";
import { elements } from "./elements.js";
import { faults } from "./faults.js";
import { hide } from "./hide.js";
import { library } from "./library.js";
import { locate } from "./locate.js";
import { point } from "./point.js";
import { read } from "./read.js";
import { scroll } from "./scroll.js";

/**
 * The library that is evaluated in a page's isolated world, as text. These files are plain JavaScript because their functions are sent as they
 * stand: what is read here is what runs there. Their types are the DOM's, so they have a `tsconfig.json` of their own.
 *
 * Each function may use only its own body and its parameters. `__name` is what esbuild wraps around functions to keep their names.
 */
export const LIBRARY_SOURCE = `(() => {
  if (globalThis.pilotfish) return;
  const __name = (value) => value;
  const faults = (${faults})();
  const elements = (${elements})();
  const locator = (${locate})(faults, elements);
  const chooser = (${choose})(faults, elements, locator);
  const pointer = (${point})(faults, elements, chooser);
  const controller = (${controls})(faults, elements, locator, chooser);
  const scroller = (${scroll})(faults, elements, chooser);
  const hider = (${hide})();
  const actor = (${act})(faults, elements, locator, chooser, pointer, controller, scroller, hider);
  const reader = (${read})(elements, locator);
  globalThis.pilotfish = (${library})(actor, chooser, reader, hider);
})();`;
