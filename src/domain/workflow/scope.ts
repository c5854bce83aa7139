import { outputName } from "./names.ts";

/** Names, some of which are found without a set of them all. */
export interface Names extends Iterable<string> {
  has(name: string): boolean;
}

/** The names that expressions may use at one place. A definition has as many places as blocks: what they have in common is not copied. */
export class Scope implements Names {
  readonly #outer: Names;
  readonly #own: Names;

  constructor(outer: Names, own: Names) {
    this.#outer = outer;
    this.#own = own;
  }

  has(name: string): boolean {
    return this.#own.has(name) || this.#outer.has(name);
  }

  *[Symbol.iterator](): Generator<string> {
    yield* this.#own;
    yield* this.#outer;
  }
}

/** What the blocks of one list give names to: their outputs, and themselves by their labels. */
export class ListNames {
  readonly #labels: readonly (string | null)[];
  readonly #finallyLabel: string | null;
  /** In a list only what stands before has run; in a graph the graph decides, and a block that was not run has no output. */
  readonly #isInOrder: boolean;
  /** The places of the blocks that a name may mean. */
  readonly #places = new Map<string, number[]>();

  constructor(labels: readonly (string | null)[], finallyLabel: string | null, isInOrder: boolean) {
    this.#labels = labels;
    this.#finallyLabel = finallyLabel;
    this.#isInOrder = isInOrder;
    for (const [index, label] of labels.entries()) {
      for (const name of label === null ? [] : [label, outputName(label)]) {
        const places = this.#places.get(name);
        if (places === undefined) this.#places.set(name, [index]);
        else places.push(index);
      }
    }
  }

  /** What may have run when the block at `index` does. The block at the end comes after all others. */
  endedAt(index: number): Names {
    const label = this.#labels[index] ?? null;
    const inOrder = this.#isInOrder && label !== this.#finallyLabel;
    const hasEnded = (place: number) =>
      (inOrder ? place < index : this.#labels[place] !== label) && this.#labels[place] !== this.#finallyLabel;
    const places = this.#places;
    return {
      has: (name) => places.get(name)?.some(hasEnded) === true,
      *[Symbol.iterator]() {
        for (const [name, at] of places) if (at.some(hasEnded)) yield name;
      },
    };
  }

  /** The label of the block that has this name, and has not run when the one at `index` does. */
  laterAt(index: number, name: string): string | null {
    const place = this.#places.get(name)?.find((at) => at >= index || this.#labels[at] === this.#finallyLabel);
    return place === undefined ? null : (this.#labels[place] ?? null);
  }
}
