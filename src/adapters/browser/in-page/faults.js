/** Why something is not done. Runs in the page (see `source.js`). */
export function faults() {
  /** Not possible yet. It is asked what was found instead only when nobody waits any longer: to say it may mean to search the whole page. */
  class NotYet extends Error {
    /** @param {string | (() => string)} seen */
    constructor(seen) {
      super("not yet");
      this.say = typeof seen === "string" ? () => seen : seen;
    }
  }

  /** Not possible, however long one waits. */
  class Never extends Error {}

  /** A target that can never match, such as a selector with a syntax error. */
  class BadTarget extends Error {
    /** @override */
    name = "BadTarget";
  }

  return { NotYet, Never, BadTarget };
}
