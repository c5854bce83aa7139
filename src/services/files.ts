import { ServiceError, type Fault, invalidInput } from "../domain/error.ts";
import type { ByteRange } from "../domain/byte-range.ts";
import { fileExpiry, MAX_FILE_BYTES, type StoredFile } from "../domain/file.ts";
import { isId, type OrganizationId } from "../domain/id.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileExpiries, Files } from "../ports/files.ts";
import type { Ids } from "../ports/ids.ts";

/** Files that one purge deletes at most; the next purge goes on. */
const PURGE_LIMIT = 500;

/**
 * Stores a file. When it is to go is written first, so that no file outlives a crash unseen.
 * @param file.retentionDays null to keep it until it is deleted
 * @throws ServiceError body_too_large, invalid_input
 */
export async function uploadFile(
  deps: { files: Files; fileExpiries: FileExpiries; ids: Ids; clock: Clock },
  organizationId: OrganizationId,
  file: { readonly name: string; readonly contentType: string; readonly bytes: Uint8Array; readonly retentionDays: number | null },
): Promise<StoredFile> {
  const { name, contentType, bytes, retentionDays } = file;
  if (bytes.byteLength > MAX_FILE_BYTES)
    throw new ServiceError("body_too_large", `A file may have ${MAX_FILE_BYTES} bytes; this one has ${bytes.byteLength}.`);
  if (bytes.byteLength === 0) {
    const faults: Fault[] = [{ path: "file", message: "is empty", code: "invalid_value" }];
    throw invalidInput("The request is not valid", faults);
  }
  const createdAt = deps.clock.now();
  const expiresAt = fileExpiry(createdAt, retentionDays);
  const fileId = deps.ids.next("file");
  if (expiresAt !== null) await deps.fileExpiries.add({ organizationId, fileId, expiresAt });
  return await deps.files.save(organizationId, { fileId, name, contentType, bytes, createdAt, expiresAt });
}

/** @throws ServiceError not_found */
export async function readFile(deps: { files: Files }, organizationId: OrganizationId, id: string): Promise<StoredFile> {
  const found = isId("file", id) ? await deps.files.get(organizationId, id) : null;
  if (found === null) throw noFile(id);
  return found;
}

/** The content. @param range null for all of it @throws ServiceError not_found */
export async function openFile(
  deps: { files: Files },
  organizationId: OrganizationId,
  id: string,
  range: ByteRange | null,
): Promise<{ file: StoredFile; body: ReadableStream }> {
  const found = isId("file", id) ? await deps.files.open(organizationId, id, range) : null;
  if (found === null) throw noFile(id);
  return found;
}

/** @throws ServiceError not_found */
export async function deleteFile(deps: { files: Files }, organizationId: OrganizationId, id: string): Promise<void> {
  const { fileId } = await readFile(deps, organizationId, id);
  await deps.files.delete([{ organizationId, fileId }]);
}

/** Deletes what has expired. For the cron trigger. @returns how many were deleted */
export async function purgeFiles(deps: { files: Files; fileExpiries: FileExpiries }, now: number): Promise<number> {
  const expired = await deps.fileExpiries.expired(now, PURGE_LIMIT);
  if (expired.length === 0) return 0;
  await deps.files.delete(expired);
  await deps.fileExpiries.forget(now, expired.length);
  return expired.length;
}

function noFile(id: string): ServiceError {
  return new ServiceError("not_found", `File not found: ${id.slice(0, 100)}`);
}
