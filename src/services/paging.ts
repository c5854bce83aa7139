import type { KeysetPage, Position } from "../ports/page.ts";

/** How far a list is counted. */
export const COUNT_LIMIT = 10_000;

/** Which page of a list. The next one is found by the last row of the page before, and does not count again. */
export interface PageRequest<Id extends string> {
  readonly pageSize: number;
  readonly start:
    | { readonly offset: number }
    | { readonly cursor: { readonly after: Position<Id>; /** `COUNT_LIMIT` + 1 when there are more. */ readonly count: number } };
}

export interface FoundPage<Row, Id extends string> {
  readonly rows: readonly Row[];
  /** How many pass the filter; `COUNT_LIMIT` + 1 when there are more than `COUNT_LIMIT`. */
  readonly count: number;
  /** The last row of the page, when there are others behind it. */
  readonly next: Position<Id> | null;
}

/** What a store is asked for: one row more than is shown tells whether there is another page. */
export function toKeysetPage<Id extends string>({ pageSize, start }: PageRequest<Id>): KeysetPage<Id> {
  const where = "offset" in start ? { offset: start.offset, after: null } : { offset: 0, after: start.cursor.after };
  return { limit: pageSize + 1, ...where, countUpTo: "offset" in start ? COUNT_LIMIT + 1 : null };
}

/** @param count null when the store was not asked: the page before knew */
export function cutPage<Row, Id extends string>(
  rows: readonly Row[],
  count: number | null,
  { pageSize, start }: PageRequest<Id>,
  positionOf: (row: Row) => Position<Id>,
): FoundPage<Row, Id> {
  const shown = rows.slice(0, pageSize);
  const last = rows.length > pageSize ? shown.at(-1) : undefined;
  return {
    rows: shown,
    count: count ?? ("cursor" in start ? start.cursor.count : 0),
    next: last === undefined ? null : positionOf(last),
  };
}
