/** A part of a list. */
export interface Page {
  readonly limit: number;
  readonly offset: number;
}

/** Where a row stands in a list: by an instant of it, newest first, and by its id among those of the same millisecond. */
export interface Position<Id extends string> {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly id: Id;
}

/** A part of a list that is found by the row before it, so that it costs the same wherever it is. */
export interface KeysetPage<Id extends string> extends Page {
  /** Begin behind this row; null at the newest. `offset` counts from there. */
  readonly after: Position<Id> | null;
  /** How far the rows that pass the filter are counted, whatever the page; null not at all. */
  readonly countUpTo: number | null;
}
