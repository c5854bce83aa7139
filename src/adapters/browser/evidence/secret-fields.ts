import { Deadline } from "../deadline.ts";
import { framesOfTree } from "../page/frame-tree.ts";
import { LIBRARY_SOURCE } from "../in-page/source.js";
import type { Library } from "../page/library.ts";
import type { Navigation } from "../tabs/navigation.ts";
import { WORLD } from "../page/place.ts";
import { ContextLost, type Tab } from "../tabs/tab.ts";

/** A page that is busy afterwards is not waited for. */
const SHOW_MS = 3_000;

/** In a frame. The result says how many frames inside it cannot be entered; -1 where the document around it has counted them. */
const HIDE_IN_FRAME = `(() => {
  ${LIBRARY_SOURCE}
  const { foreign } = pilotfish.hideSecrets();
  return window.frameElement === null ? foreign : -1;
})()`;
const SHOW_IN_FRAME = "globalThis.pilotfish?.showSecrets()";

/** Fields of a page whose content no picture may show, in all of its frames. */
export class SecretFields {
  readonly #tab: Tab;
  readonly #library: Library;
  readonly #navigation: Navigation;

  constructor(tab: Tab, library: Library, navigation: Navigation) {
    this.#tab = tab;
    this.#library = library;
    this.#navigation = navigation;
  }

  /**
   * Takes a picture while they cannot be read; again, when another document came in between.
   * @throws TimeUp
   */
  async hiddenDuring<T>(shoot: () => Promise<T>, deadline: Deadline): Promise<T> {
    for (;;) {
      const { loaderId } = this.#navigation;
      const isSameDocument = () => loaderId === this.#navigation.loaderId;
      const hasFrames = await this.hide(deadline);
      try {
        if (!isSameDocument()) continue;
        const picture = await shoot();
        if (isSameDocument()) return picture;
      } catch (error) {
        if (!(error instanceof ContextLost)) throw error;
        await deadline.pause(20); // the next document is there in a moment
      } finally {
        this.show({ hasFrames }).catch(() => undefined); // the page is gone, or busy for ever
      }
    }
  }

  /**
   * Makes them unreadable. Frames that cannot be looked into, for another process has them, are covered as a whole.
   * @param options.gently leave a page alone that is busy, instead of ending what keeps it from answering
   * @returns are there frames?
   * @throws TimeUp
   */
  async hide(deadline: Deadline, { gently = false }: { gently?: boolean } = {}): Promise<boolean> {
    const { hasFrames, foreign: outermost } = gently
      ? await this.#library.callGently("hideSecrets", [], deadline)
      : await this.#library.call("hideSecrets", [], deadline);
    if (!hasFrames) return false;
    const counts = (await this.#tab.wait(this.#inFrames(HIDE_IN_FRAME), deadline)).map(Number).filter((count) => count >= 0);
    const foreign = counts.reduce((sum, count) => sum + count, outermost);
    if (counts.length < foreign) await this.#library.callGently("coverFrames", [], deadline);
    return true;
  }

  /** Makes them readable again, where `hide` or a document at its beginning has hidden them. */
  async show({ hasFrames }: { hasFrames: boolean }): Promise<void> {
    await this.#library.callGently("showSecrets", [], new Deadline(SHOW_MS));
    if (hasFrames) await this.#tab.wait(this.#inFrames(SHOW_IN_FRAME), new Deadline(SHOW_MS));
  }

  /** What a script answers in each frame inside the page; nothing for a frame that has gone meanwhile. */
  async #inFrames(expression: string): Promise<unknown[]> {
    const { cdp } = this.#tab;
    const { frameTree } = await cdp.send("Page.getFrameTree");
    const evaluate = async (frameId: string): Promise<unknown> => {
      const { executionContextId: contextId } = await cdp.send("Page.createIsolatedWorld", { frameId, worldName: WORLD });
      return (await cdp.send("Runtime.evaluate", { expression, contextId, returnByValue: true })).result.value;
    };
    const answers = await Promise.allSettled(
      framesOfTree(frameTree)
        .slice(1)
        .map(({ id }) => evaluate(id)),
    );
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  }
}
