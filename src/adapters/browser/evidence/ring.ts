/** The newest of what is added: so many entries, and so many characters. */
export class Ring<T> {
  readonly #maxEntries: number;
  readonly #maxSize: number;
  readonly #sizeOf: (entry: T) => number;
  #entries: T[] = [];
  #size = 0;
  #dropped = 0;

  /** @param sizeOf of an entry as it is added, in any unit; together they stay below `maxSize` */
  constructor(maxEntries: number, maxSize: number, sizeOf: (entry: T) => number) {
    this.#maxEntries = maxEntries;
    this.#maxSize = maxSize;
    this.#sizeOf = sizeOf;
  }

  add(entry: T): void {
    this.#entries.push(entry);
    this.#size += this.#sizeOf(entry);
    while (this.#entries.length > this.#maxEntries || (this.#size > this.#maxSize && this.#entries.length > 1)) {
      this.#size -= this.#sizeOf(this.#entries.shift()!);
      this.#dropped++;
    }
  }

  /** Oldest first. */
  get entries(): readonly T[] {
    return this.#entries;
  }

  /** How many were given up for newer ones. */
  get dropped(): number {
    return this.#dropped;
  }

  clear(): void {
    this.#entries = [];
    this.#size = 0;
    this.#dropped = 0;
  }
}
