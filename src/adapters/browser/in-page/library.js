/**
 * What the Worker calls in the page. Runs in the page (see `source.js`).
 * @param {ReturnType<typeof import("./dom.js").dom>} dom
 * @param {ReturnType<typeof import("./point.js").point>} pointer
 * @param {ReturnType<typeof import("./act.js").act>} actor
 * @param {ReturnType<typeof import("./choose.js").choose>} chooser
 * @param {ReturnType<typeof import("./read.js").read>} reader
 * @param {ReturnType<typeof import("./frame.js").frame>} framer
 * @param {ReturnType<typeof import("./hide.js").hide>} hider
 * @returns {import("./protocol.ts").PageLibrary}
 */
export function library(dom, pointer, actor, chooser, reader, framer, hider) {
  return {
    run: actor.run,
    canClick: chooser.canClick,
    settle: actor.settle,
    pressed: actor.pressed,
    wasPressed: () => dom.countOf("pointerdown") > 0,
    sawDrag: pointer.sawDrag,
    read: reader.readPage,
    frame: framer.find,
    whyFrameHidden: framer.whyFrameHidden,
    outside: framer.outside,
    markFocused: hider.markFocused,
    hideSecrets: hider.hideSecrets,
    coverFrames: hider.coverFrames,
    showSecrets: hider.showSecrets,
    cancel() {
      actor.cancel();
      reader.cancel();
    },
    where() {
      const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
      return { url: location.href, title: dom.page.title(), status: navigation?.responseStatus ?? 0 };
    },
    storage() {
      try {
        return { origin: location.origin, local: { ...localStorage }, session: { ...sessionStorage } };
      } catch {
        return null; // sandboxed documents and those of `about:` and `data:` have none
      }
    },
    changeStorage(kind, removed, entries) {
      let storage;
      try {
        storage = kind === "local" ? localStorage : sessionStorage;
      } catch {
        return "none";
      }
      if (removed === null) storage.clear();
      else for (const key of removed) storage.removeItem(key);
      try {
        for (const [key, value] of Object.entries(entries)) storage.setItem(key, value);
      } catch (error) {
        return error instanceof Error ? error.message : String(error); // it is full
      }
      return null;
    },
  };
}
