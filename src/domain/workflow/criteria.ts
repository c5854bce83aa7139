import { isJsonObject, type Json } from "../json.ts";

/** Skyvern's two ways to judge the criteria of a branch or of a while_loop. */
export const CRITERIA_TYPES = ["jinja2_template", "prompt"] as const;

/** One `{{ }}` and nothing around it. */
const PURE_EXPRESSION = /^\s*\{\{(?:(?!\}\})[\s\S])*\}\}\s*$/;

/** Is a model asked? Skyvern's rule: a prompt that is one pure `{{ }}` is an expression, whatever its type says. */
export function asksModel(criteria: Json | undefined): boolean {
  if (!isJsonObject(criteria) || criteria.criteria_type !== "prompt") return false;
  return typeof criteria.expression === "string" && !PURE_EXPRESSION.test(criteria.expression);
}
