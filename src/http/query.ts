import { zValidator } from "@hono/zod-validator";
import { z } from "zod";
import { faultsOf } from "../domain/schema-faults.ts";
import type { Page } from "../ports.ts";
import { invalidInput } from "./body.ts";

/** Checks the query string, all faults at once. Handlers read the result with `c.req.valid("query")`. */
export function query<Schema extends z.ZodType>(schema: Schema) {
  return zValidator("query", schema, (result) => {
    if (!result.success) throw invalidInput("The query is not valid", faultsOf(result.error, schema));
  });
}

/** `?page=2&page_size=20`, as Skyvern's lists have it. Pages are counted from 1. */
export const pageFields = {
  page: z.coerce.number<string>().int().min(1).max(10_000).default(1),
  page_size: z.coerce.number<string>().int().min(1).max(100).default(10),
};

export function toPage({ page, page_size }: { page: number; page_size: number }): Page {
  return { limit: page_size, offset: (page - 1) * page_size };
}

/** `?template=true`: of the global templates instead of the caller's workflows. */
export const templateField = z.stringbool().default(false);

/** `?version=3`. Absent for the latest. */
export const versionField = z.coerce.number<string>().int().min(1).optional();
