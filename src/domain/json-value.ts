import { z } from "zod";
import type { Json } from "./json.ts";

/**
 * Any value of what was parsed from JSON. `z.json()` looks into all of it, which takes seconds for a megabyte of lists; there is nothing to find in
 * what a JSON parser made.
 */
export const jsonValue: z.ZodType<Json> = z.custom<Json>((value) => value !== undefined, "is required");
