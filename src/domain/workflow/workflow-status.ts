import type { JsonObject } from "../json.ts";

/** Skyvern's. The last two are of documents that it turns into workflows; here nothing gets them by itself. */
export const WORKFLOW_STATUSES = ["published", "draft", "auto_generated", "importing", "import_failed"] as const;
export type WorkflowStatus = (typeof WORKFLOW_STATUSES)[number];

/** What lists show when they are not asked for others; Skyvern's default. */
export const LISTED_STATUSES: readonly WorkflowStatus[] = ["published", "draft"];

/** The status of a definition that was checked. */
export function statusOf(definition: JsonObject): WorkflowStatus {
  return WORKFLOW_STATUSES.find((status) => status === definition.status) ?? "published";
}
