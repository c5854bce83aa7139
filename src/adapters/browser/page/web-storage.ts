import { PageError } from "../../../domain/browser/browser.ts";
import type { PageOptions } from "../../../ports/page-options.ts";
import type { PageStorage, StorageKind } from "../../../ports/page-surroundings.ts";
import { Deadline } from "../deadline.ts";
import type { PageParts } from "./page-parts.ts";

/** `localStorage` and `sessionStorage` of the document that a page shows. */
export class WebStorage implements PageStorage {
  readonly #parts: Pick<PageParts, "renderer" | "library">;

  constructor(parts: Pick<PageParts, "renderer" | "library">) {
    this.#parts = parts;
  }

  async get(kind: StorageKind, { timeoutMs, signal }: PageOptions): Promise<Record<string, string>> {
    const { renderer, library } = this.#parts;
    const found = await renderer.inTime("tell its storage", library.call("storage", [], new Deadline(timeoutMs, signal)));
    if (found === null) throw noStorage();
    return found[kind];
  }

  async set(kind: StorageKind, entries: Readonly<Record<string, string>>, options: PageOptions): Promise<void> {
    await this.#change(kind, [], entries, options);
  }

  async clear(kind: StorageKind, keys: readonly string[] | null, options: PageOptions): Promise<void> {
    await this.#change(kind, keys, {}, options);
  }

  async #change(
    kind: StorageKind,
    removed: readonly string[] | null,
    entries: Readonly<Record<string, string>>,
    { timeoutMs, signal }: PageOptions,
  ): Promise<void> {
    const { renderer, library } = this.#parts;
    const call = library.call("changeStorage", [kind, removed, entries], new Deadline(timeoutMs, signal));
    const fault = await renderer.inTime("change its storage", call);
    if (fault === "none") throw noStorage();
    if (fault !== null) throw new PageError(`the page's storage does not take this: ${fault}`, { errorClass: "block" });
  }
}

function noStorage(): PageError {
  return new PageError("this document has no storage (an empty, sandboxed or `data:` page): open a page of the site first", {
    errorClass: "block",
  });
}
