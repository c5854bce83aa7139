import type { OpenTab } from "./open-tab.ts";

/** The tabs of a group in the order in which they were opened, and which of them is the current one. */
export class Members {
  #tabs: readonly OpenTab[] = [];
  #current: OpenTab | null = null;
  /** Those that a block has worked on. */
  readonly #visited = new WeakSet<OpenTab>();
  readonly #onVisit: (tab: OpenTab) => void;

  /** @param onVisit is told when another tab becomes the current one */
  constructor(onVisit: (tab: OpenTab) => void) {
    this.#onVisit = onVisit;
  }

  get all(): readonly OpenTab[] {
    return this.#tabs;
  }

  /** Stays what it was when that tab is gone, until another is visited; null before the group has begun. */
  get current(): OpenTab | null {
    return this.#current;
  }

  has(tab: OpenTab): boolean {
    return this.#tabs.includes(tab);
  }

  byId(targetId: string): OpenTab | undefined {
    return this.#tabs.find((tab) => tab.tabId === targetId);
  }

  add(tab: OpenTab): void {
    this.#tabs = [...this.#tabs, tab];
  }

  remove(tab: OpenTab): void {
    this.#tabs = this.#tabs.filter((member) => member !== tab);
  }

  /** Puts them into this order, what is no member left out; members that are not named come after them. */
  order(tabs: readonly OpenTab[]): void {
    const first = tabs.filter((tab) => this.has(tab));
    this.#tabs = [...first, ...this.#tabs.filter((tab) => !first.includes(tab))];
  }

  /** Makes it the current one. */
  visit(tab: OpenTab): void {
    const isAnother = tab !== this.#current;
    this.#current = tab;
    this.#visited.add(tab);
    if (isAnother) this.#onVisit(tab);
  }

  /** One that a block was on before this group began. */
  markVisited(tab: OpenTab): void {
    this.#visited.add(tab);
  }

  wasVisited(tab: OpenTab): boolean {
    return this.#visited.has(tab);
  }
}
