import { z } from "zod";
import type { WorkflowId, WorkflowVersionId } from "../id.ts";
import { isId } from "../id.ts";
import type { JsonObject } from "../json.ts";

/** A version of a ready-made workflow, as `templates/<workflow>/<version>.json` in R2 holds it. Written once, never changed. */
export const templateVersionSchema = z.object({
  workflow_permanent_id: z.string().transform((id) => id as WorkflowId),
  workflow_id: z.string().transform((id) => id as WorkflowVersionId),
  version: z.int().min(1),
  /** As it was published: title, settings, `workflow_definition`. */
  definition: z.record(z.string(), z.json()).transform((definition) => definition as JsonObject),
  /** SHA-256 of the definition, hexadecimal. */
  hash: z.string(),
  /** Milliseconds since the epoch. */
  created_at: z.number(),
});
export type TemplateVersion = z.infer<typeof templateVersionSchema>;

/** Where a template stands, as `templates/<workflow>/index.json` holds it. */
export const templateIndexSchema = z.object({
  latest_version: z.int().min(1),
  /** Of the latest version. */
  hash: z.string(),
  title: z.string(),
  /** Of version 1. */
  created_at: z.number(),
  /** Of the latest version. */
  modified_at: z.number(),
});
export type TemplateIndex = z.infer<typeof templateIndexSchema>;

/** The ids of `global_workflows.txt`, one a line (Skyvern's file). Empty lines, and lines that are no workflow's id, are left out. */
export function parseGlobalWorkflows(text: string): WorkflowId[] {
  const lines = text.split("\n").map((line) => line.trim());
  return [...new Set(lines)].filter((line) => isId("workflow", line));
}
