/** Why something is not done. Runs in the page (see `source.js`). */
export function faults() {
  /** Not possible yet; the message says what was found instead. */
  class NotYet extends Error {}

  /** Not possible, however long one waits. */
  class Never extends Error {}

  /** A target that can never match, such as a selector with a syntax error. */
  class BadTarget extends Error {
    /** @override */
    name = "BadTarget";
  }

  return { NotYet, Never, BadTarget };
}
