import { z } from "zod";
import { type IdTypes, ID_PREFIXES, isId } from "../domain/id.ts";
import type { Page } from "../ports/page.ts";

/** For a route that refuses every query parameter. */
export const noQuery = z.strictObject({});

/** `?page=2&page_size=20`, as Skyvern's lists have it. Pages are counted from 1. */
export const pageFields = {
  page: z.coerce.number<string>().int().min(1).max(10_000).default(1).describe("From 1."),
  page_size: z.coerce.number<string>().int().min(1).max(100).default(10).describe("How many a page has."),
};

export function toPage({ page, page_size }: { page: number; page_size: number }): Page {
  return { limit: page_size, offset: (page - 1) * page_size };
}

/** A parameter that is `true` or `false`. (Its input is text, which is of no use to who reads the document.) */
export const flag = z.stringbool().meta({ type: "boolean" });

/** `?template=true`: of the global templates instead of the caller's workflows. */
export const templateField = flag.default(false).describe("Of the global templates instead of the organization's own workflows.");

/** `?version=3`. Absent for the latest. */
export const versionField = z.coerce.number<string>().int().min(1).optional().describe("The number of a version; the latest when absent.");

/** A parameter that is an id of this kind. */
export function idField<Kind extends keyof IdTypes>(kind: Kind, what: string) {
  const message = `must be ${what}, such as ${ID_PREFIXES[kind]}_01JD…`;
  return z.custom<IdTypes[Kind]>((id) => typeof id === "string" && isId(kind, id), message).meta({ type: "string" });
}

/** A parameter that may be there several times. */
export function several<Schema extends z.ZodType>(schema: Schema, max: number) {
  return z.preprocess((value) => (value === undefined ? undefined : [value].flat()), z.array(schema).max(max).optional());
}
