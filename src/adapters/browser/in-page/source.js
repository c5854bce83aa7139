import { act } from "./act.js";
import { elements } from "./elements.js";
import { library } from "./library.js";
import { locate } from "./locate.js";
import { read } from "./read.js";

/**
 * The library that is evaluated in a page's isolated world, as text. These files are plain JavaScript because their functions are sent as they
 * stand: what is read here is what runs there. Their types are the DOM's, so they have a `tsconfig.json` of their own.
 *
 * Each function may use only its own body and its parameters. `__name` is what esbuild wraps around functions to keep their names.
 */
export const LIBRARY_SOURCE = `(() => {
  if (globalThis.pilotfish) return;
  const __name = (value) => value;
  const elements = (${elements})();
  const locator = (${locate})(elements);
  const actor = (${act})(elements, locator);
  const reader = (${read})(elements, locator);
  globalThis.pilotfish = (${library})(actor, reader);
})();`;
