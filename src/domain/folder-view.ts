/** What the API says of a folder. Field names are Skyvern's (1.0.50, its `Folder`). */
import { z } from "zod";
import type { JsonObject } from "./json.ts";
import { formatInstant } from "./time.ts";
import { createdAt, instant } from "./view-field.ts";

/** Times in milliseconds. */
export interface FolderFacts {
  readonly folderId: string;
  readonly organizationId: string;
  readonly title: string;
  readonly description: string | null;
  /** Workflows in it that are not deleted. */
  readonly workflowCount: number;
  readonly createdAt: number;
  readonly modifiedAt: number;
}

/** What `folderResponse` makes. */
export const folderSchema = z
  .strictObject({
    folder_id: z.string().describe("`fld_…`."),
    organization_id: z.string().describe("Whose it is."),
    title: z.string().describe("What people call it."),
    description: z.string().nullable().describe("For people."),
    workflow_count: z.int().min(0).describe("How many workflows are in it."),
    created_at: createdAt,
    modified_at: instant.describe("When its title or description last changed."),
  })
  .meta({ id: "Folder" });

export function folderResponse(folder: FolderFacts): JsonObject {
  return {
    folder_id: folder.folderId,
    organization_id: folder.organizationId,
    title: folder.title,
    description: folder.description,
    workflow_count: folder.workflowCount,
    created_at: formatInstant(folder.createdAt),
    modified_at: formatInstant(folder.modifiedAt),
  };
}

export const folderExample = folderResponse({
  folderId: "fld_01JDAA0000000000000000000F",
  organizationId: "o_01JDAA0000000000000000000A",
  title: "Invoices",
  description: null,
  workflowCount: 3,
  createdAt: Date.UTC(2026, 0, 31, 12),
  modifiedAt: Date.UTC(2026, 0, 31, 12),
});
