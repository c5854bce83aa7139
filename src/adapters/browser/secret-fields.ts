import { Deadline } from "./deadline.ts";
import type { Navigation } from "./navigation.ts";
import type { Renderer } from "./renderer.ts";

/** A page that is busy afterwards is not waited for. */
const SHOW_MS = 3_000;

/** Fields of a page whose content no picture may show. */
export class SecretFields {
  readonly #renderer: Renderer;
  readonly #navigation: Navigation;

  constructor(renderer: Renderer, navigation: Navigation) {
    this.#renderer = renderer;
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
      await this.#renderer.call("hideSecrets", [], deadline);
      try {
        if (!isSameDocument()) continue;
        const picture = await shoot();
        if (isSameDocument()) return picture;
      } finally {
        this.#renderer.callGently("showSecrets", [], new Deadline(SHOW_MS)).catch(() => undefined); // the page is gone, or busy for ever
      }
    }
  }
}
