import { ServiceError, type Fault } from "../domain/error.ts";
import { isId, type FolderId, type OrganizationId } from "../domain/id.ts";
import type { Clock } from "../ports/clock.ts";
import type { Folder, Folders } from "../ports/folders.ts";
import type { IdempotencyKeys } from "../ports/idempotency-keys.ts";
import type { Ids } from "../ports/ids.ts";
import { once } from "./idempotency.ts";
import { cutPage, toKeysetPage, type FoundPage, type PageRequest } from "./paging.ts";

/** @throws ServiceError `idempotency_mismatch` */
export async function createFolder(
  deps: { folders: Folders; idempotencyKeys: IdempotencyKeys; ids: Ids; clock: Clock },
  organizationId: OrganizationId,
  { title, description }: { readonly title: string; readonly description: string | null },
  idempotencyKey: string | null,
): Promise<Folder> {
  const keyed = {
    organizationId,
    scope: "create_folder",
    key: idempotencyKey,
    request: { title, description },
    newId: deps.ids.next("folder"),
  };
  return await once(deps, keyed, async (folderId) => {
    const now = deps.clock.now();
    const folder = { folderId, organizationId, title, description, createdAt: now, modifiedAt: now };
    if (await deps.folders.create(folder)) return { ...folder, workflowCount: 0 };
    const first = await deps.folders.getEver(organizationId, folderId); // a repetition: what the first made, whatever became of it
    if (first === null) throw noFolder(folderId);
    return first;
  });
}

/** Last changed first. @param title a part of the title, in any case; empty for all */
export async function listFolders(
  deps: { folders: Folders },
  organizationId: OrganizationId,
  title: string,
  request: PageRequest<FolderId>,
): Promise<FoundPage<Folder, FolderId>> {
  const { folders, count } = await deps.folders.list(organizationId, title, toKeysetPage(request));
  return cutPage(folders, count, request, ({ modifiedAt, folderId }) => ({ at: modifiedAt, id: folderId }));
}

/** @throws ServiceError `not_found`, also of what has not the form of an id */
export async function requireFolder(deps: { folders: Folders }, organizationId: OrganizationId, id: string): Promise<Folder> {
  const folder = isId("folder", id) ? await deps.folders.get(organizationId, id) : null;
  if (folder === null) throw noFolder(id);
  return folder;
}

/** Changes what is named and leaves the rest. @throws ServiceError `not_found` */
export async function updateFolder(
  deps: { folders: Folders; clock: Clock },
  organizationId: OrganizationId,
  id: string,
  changes: { readonly title?: string | undefined; readonly description?: string | null | undefined },
): Promise<Folder> {
  const folder = isId("folder", id) ? await deps.folders.update(organizationId, id, changes, deps.clock.now()) : null;
  if (folder === null) throw noFolder(id);
  return folder;
}

/**
 * Its workflows are left without a folder, or deleted with it: as with every deleted workflow, their runs go on.
 * @returns how many workflows were deleted
 * @throws ServiceError `not_found`
 */
export async function deleteFolder(
  deps: { folders: Folders; clock: Clock },
  organizationId: OrganizationId,
  id: string,
  deleteWorkflows: boolean,
): Promise<{ folderId: FolderId; workflowsDeleted: number }> {
  if (!isId("folder", id)) throw noFolder(id);
  const workflowsDeleted = await deps.folders.delete(organizationId, id, { deleteWorkflows, at: deps.clock.now() });
  if (workflowsDeleted === null) throw noFolder(id);
  return { folderId: id, workflowsDeleted };
}

function noFolder(id: string): ServiceError {
  const shown = id.slice(0, 100);
  const faults: Fault[] = [{ path: "folder_id", message: `"${shown}" is not the id of a folder`, code: "invalid_value" }];
  return new ServiceError("not_found", `There is no folder ${shown}. GET /v1/folders lists those there are.`, { faults });
}
