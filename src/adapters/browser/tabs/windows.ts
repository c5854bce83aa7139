import type { Members } from "./members.ts";
import type { OpenTab } from "./open-tab.ts";
import type { TargetInfo } from "./tab-sessions.ts";

/** So many tabs a group may have. Pages may open windows without end: those beyond it are closed before they run. */
export const MAX_TABS = 20;

/** What `Windows` needs to take a window in, or to close it. */
export interface WindowKeeper {
  /** @throws PageError, TimeUp */
  takeIn(targetId: string, opener: OpenTab): Promise<OpenTab>;
  /** Closes it before any script of it runs. */
  refuse(targetId: string): void;
}

/** The windows that the pages of a group open by themselves. */
export class Windows {
  readonly #members: Members;
  readonly #keeper: WindowKeeper;
  /** Those that are being taken in, by their ids. */
  readonly #opening = new Map<string, Promise<OpenTab | null>>();
  /** Those that were refused, while they are there: they may have opened others before they were closed. */
  readonly #refused = new Set<string>();
  #refusedCount = 0;
  #over = false;

  constructor(members: Members, keeper: WindowKeeper) {
    this.#members = members;
    this.#keeper = keeper;
  }

  get opening(): readonly Promise<OpenTab | null>[] {
    return [...this.#opening.values()];
  }

  /** What became of windows that were too many, as a sentence; null when there were none. */
  get warning(): string | null {
    if (this.#refusedCount === 0) return null;
    const windows = this.#refusedCount === 1 ? "a window was" : `${this.#refusedCount} windows were`;
    return `${windows} closed as soon as the page had opened them: ${MAX_TABS} tabs are the most that it may have`;
  }

  /**
   * Is told of every tab of the browser: takes in what one of the group has opened.
   * @returns is it of the group? Then the group lets it run, or closes it
   */
  notice({ targetId, type, openerId }: TargetInfo): boolean {
    if (type !== "page" || openerId === undefined) return false;
    if (this.#opening.has(targetId) || this.#members.byId(targetId) !== undefined) return true;
    const opener = this.#members.byId(openerId) ?? this.#opening.get(openerId);
    if (opener === undefined && !this.#refused.has(openerId)) return false;
    if (opener === undefined || this.#over || this.#members.all.length + this.#opening.size >= MAX_TABS) this.#refuse(targetId);
    else this.#take(targetId, opener);
    return true;
  }

  /** A tab of the browser is gone. */
  forget(targetId: string): void {
    this.#refused.delete(targetId);
  }

  /** Are no more taken in? */
  get isOver(): boolean {
    return this.#over;
  }

  /** From now on windows are closed at once. @returns when those that were being taken in are there, or not */
  async end(): Promise<void> {
    this.#over = true;
    await Promise.all(this.opening);
  }

  #take(targetId: string, opening: OpenTab | Promise<OpenTab | null>): void {
    const taking = Promise.resolve(opening)
      .then((opener) => (opener === null ? null : this.#keeper.takeIn(targetId, opener)))
      .catch(() => null) // it was closed meanwhile, or does not react and is closed
      .finally(() => this.#opening.delete(targetId));
    this.#opening.set(targetId, taking);
  }

  #refuse(targetId: string): void {
    this.#refused.add(targetId);
    this.#refusedCount++;
    this.#keeper.refuse(targetId);
  }
}
