import { act } from "./act.js";
import { aim } from "./aim.js";
import { boxes } from "./boxes.js";
import { choose } from "./choose.js";
import { controls } from "./controls.js";
import { css } from "./css.js";
import { dom } from "./dom.js";
import { elements } from "./elements.js";
import { faults } from "./faults.js";
import { frame } from "./frame.js";
import { hide } from "./hide.js";
import { keyboard } from "./keyboard.js";
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
  if (Object.hasOwn(globalThis, "pilotfish")) return; // an element of this name would answer too
  const __name = (value) => value;
  const faults = (${faults})();
  const dom = (${dom})();
  const css = (${css})(faults, dom);
  const places = (${boxes})(dom);
  const elements = (${elements})(dom, places);
  const locator = (${locate})(faults, dom, css, elements);
  const chooser = (${choose})(faults, dom, elements, locator);
  const aimer = (${aim})(faults, dom, places, elements);
  const typist = (${keyboard})(dom, elements);
  const pointer = (${point})(faults, dom, places, elements, chooser, aimer);
  const controller = (${controls})(faults, dom, elements, locator, chooser);
  const scroller = (${scroll})(faults, dom, elements, chooser);
  const framer = (${frame})(dom, css, elements, locator, pointer);
  const hider = (${hide})();
  const actor = (${act})(faults, dom, elements, locator, chooser, pointer, aimer, typist, controller, scroller, hider);
  const reader = (${read})(dom, elements, locator);
  globalThis.pilotfish = (${library})(dom, pointer, actor, chooser, reader, framer, hider);
})();`;
