import type { FolderId, OrganizationId } from "../domain/id.ts";
import type { KeysetPage } from "./page.ts";

export interface StoredFolder {
  readonly folderId: FolderId;
  readonly organizationId: OrganizationId;
  readonly title: string;
  readonly description: string | null;
  readonly createdAt: number;
  /** When the title or the description was last changed. */
  readonly modifiedAt: number;
}

export interface Folder extends StoredFolder {
  /** Workflows in it that are not deleted. */
  readonly workflowCount: number;
}

export interface Folders {
  /** @returns false when the id is taken, also by a deleted folder; nothing is changed then */
  create(folder: StoredFolder): Promise<boolean>;
  get(organizationId: OrganizationId, folderId: FolderId): Promise<Folder | null>;
  /** The same, also of a deleted folder. */
  getEver(organizationId: OrganizationId, folderId: FolderId): Promise<Folder | null>;
  /** Last changed first. @param title a part of the title, in any case; empty for all */
  list(organizationId: OrganizationId, title: string, page: KeysetPage<FolderId>): Promise<{ folders: Folder[]; count: number | null }>;
  /** What is undefined stays as it is. @returns null when there is no such folder */
  update(
    organizationId: OrganizationId,
    folderId: FolderId,
    changes: { readonly title?: string | undefined; readonly description?: string | null | undefined },
    at: number,
  ): Promise<Folder | null>;
  /**
   * Its workflows are deleted with it or left without a folder, in the same transaction.
   * @returns how many workflows were deleted; null when there is no such folder
   */
  delete(
    organizationId: OrganizationId,
    folderId: FolderId,
    options: { readonly deleteWorkflows: boolean; readonly at: number },
  ): Promise<number | null>;
}
