/**
 * Lists that are read in the order of an index, newest first, and gone on with behind a row. SQLite would sort everything that matches
 * `status in (…)`; so where a filter names several values, the beginnings of their lists are merged.
 */
import { and, desc, sql, type SQL } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import type { KeysetPage, Position } from "../../ports/page.ts";

/** The columns of a place in a list. */
export interface Place {
  readonly at: SQLiteColumn;
  readonly id: SQLiteColumn;
}

/** How the rows that pass a filter are read. */
export interface Source {
  /** Which rows a page is taken from, newest first. */
  readonly rows: (page: KeysetPage<string>) => SQL | undefined;
  /** A query with a row for each that passes the filter. */
  readonly all: SQL;
}

/**
 * The rows of one list, or of several merged; each is read by one index, in its order, and no further than the page goes.
 * @param branches one list each, by the values of the columns that tell it from the others; all of them name the same columns
 * @param conditionsOf what a row of a list must fulfil, in words of the values that its branch has
 */
export function mergedSource<Branch extends object>(
  table: SQLiteTable,
  place: Place,
  branches: readonly Branch[],
  conditionsOf: (valueOf: (name: keyof Branch & string) => SQL) => SQL | undefined,
): Source {
  const [first, ...others] = branches;
  if (first !== undefined && others.length === 0) {
    const conditions = conditionsOf((name) => sql`${first[name]}`);
    return { rows: ({ after }) => and(conditions, isBehind(place, after)), all: sql`select 1 from ${table} where ${conditions}` };
  }
  const each = sql`json_each(${JSON.stringify(branches)}) as branch`;
  const conditions = conditionsOf((name) => sql.raw(`branch.value ->> '${name}'`));
  return {
    rows: ({ after, limit, offset }) => sql`${rowidOf(table)} in (
      select merged.rowid from ${each} cross join ${table} as merged on merged.rowid in (
        select ${rowidOf(table)} from ${table} where ${and(conditions, isBehind(place, after))}
        order by ${listed(newestFirst(place))} limit ${offset + limit}))`,
    all: sql`select 1 from ${each} cross join ${table} where ${conditions}`,
  };
}

/** How many rows there are, and no further than `upTo`. */
export function countOf({ all }: Source, upTo: number): SQL {
  return sql`(${all} limit ${upTo})`;
}

export function rowidOf(table: SQLiteTable): SQL {
  return sql`${table}.rowid`;
}

export function newestFirst({ at, id }: Place): SQL[] {
  return [desc(at), desc(id)];
}

export function isBehind({ at, id }: Place, after: Position<string> | null): SQL | undefined {
  return after === null ? undefined : sql`(${at}, ${id}) < (${after.at}, ${after.id})`;
}

export function listed(parts: readonly SQL[]): SQL {
  return sql.join([...parts], sql`, `);
}
