import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import type { Logger } from "drizzle-orm/logger";

/** What the stores of this folder are made from. */
export type Database = DrizzleD1Database;

/** @param logger is told the statements that are not sent in a batch; for tests that look at query plans */
export function openDatabase(d1: D1Database, logger?: Logger): Database {
  return drizzle(d1, logger === undefined ? {} : { logger });
}
