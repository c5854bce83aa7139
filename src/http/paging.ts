import type { Context } from "hono";
import { z } from "zod";
import { isId, type IdTypes } from "../domain/id.ts";
import type { Position } from "../ports/page.ts";
import { COUNT_LIMIT, type FoundPage, type PageRequest } from "../services/paging.ts";
import type { AppEnv } from "./auth.ts";

interface Cursor<Id extends string> {
  readonly after: Position<Id>;
  readonly count: number;
}

/** `?cursor=…`: where the page before ended. @param kind whose ids are in the list */
export function cursorField<K extends keyof IdTypes>(kind: K) {
  return z
    .string()
    .max(300)
    .transform((text, context) => {
      const cursor = readCursor(kind, text);
      if (cursor === null) context.addIssue("is not one that a `Link` header gave");
      return cursor ?? z.NEVER;
    })
    .optional()
    .describe("Where the page before ended: follow the `Link` header with rel=next.");
}

/** What `describePage` says, for the description of a route. */
export const pageHeaders = {
  Link: { description: "The next page, with rel=next, if there is one.", schema: z.string().optional() },
  "x-total-count": { description: "How many there are: exact up to 10,000, then `10000+`.", schema: z.string().regex(/^(\d+|10000\+)$/) },
};

/** A cursor says where it begins by itself, so a page beside it counts for nothing. */
export function pageRequest<Id extends string>({
  page = 1,
  page_size,
  cursor,
}: {
  readonly page?: number | undefined;
  readonly page_size: number;
  readonly cursor?: Cursor<Id> | undefined;
}): PageRequest<Id> {
  return { pageSize: page_size, start: cursor === undefined ? { offset: (page - 1) * page_size } : { cursor } };
}

/** `Link` to the next page, if there is one, and `x-total-count`: exact up to 10,000, then `10000+`. */
export function describePage(c: Context<AppEnv>, { count, next }: Pick<FoundPage<unknown, string>, "count" | "next">): void {
  c.header("x-total-count", count > COUNT_LIMIT ? `${COUNT_LIMIT}+` : String(count));
  if (next === null) return;
  const url = new URL(c.req.url);
  url.searchParams.delete("page");
  url.searchParams.set("cursor", writeCursor({ after: next, count }));
  c.header("link", `<${url.href}>; rel="next"`);
}

/** Instant, id, count: as JSON in base64. */
const cursorSchema = z.tuple([
  z.int().min(0),
  z.string(),
  z
    .int()
    .min(0)
    .max(COUNT_LIMIT + 1),
]);

function writeCursor({ after, count }: Cursor<string>): string {
  const cursor: z.infer<typeof cursorSchema> = [after.at, after.id, count];
  return btoa(JSON.stringify(cursor)).replace(/=+$/, "");
}

function readCursor<K extends keyof IdTypes>(kind: K, text: string): Cursor<IdTypes[K]> | null {
  let value: unknown;
  try {
    value = JSON.parse(atob(text));
  } catch {
    return null;
  }
  const { data: [at, id, count] = [] } = cursorSchema.safeParse(value);
  return at === undefined || id === undefined || count === undefined || !isId(kind, id) ? null : { after: { at, id }, count };
}
