import type { ByteRange } from "../domain/byte-range.ts";
import type { StoredFile } from "../domain/file.ts";
import type { FileId, OrganizationId } from "../domain/id.ts";

/** Files that callers upload. Keys are `org/<organization>/file/<file>`; what has expired is not found any more. */
export interface Files {
  save(
    organizationId: OrganizationId,
    file: { fileId: FileId; name: string; contentType: string; bytes: Uint8Array; createdAt: number; expiresAt: number | null },
  ): Promise<StoredFile>;
  /** @returns null when this organization has no such file */
  get(organizationId: OrganizationId, fileId: FileId): Promise<StoredFile | null>;
  /** The same with the content. @param range null for all of it */
  open(
    organizationId: OrganizationId,
    fileId: FileId,
    range?: ByteRange | null,
  ): Promise<{ file: StoredFile; body: ReadableStream } | null>;
  /** Deletes those that are there, at most 1,000. */
  delete(files: readonly { readonly organizationId: OrganizationId; readonly fileId: FileId }[]): Promise<void>;
}

/** When uploaded files are to be deleted, in D1. */
export interface FileExpiries {
  add(file: { organizationId: OrganizationId; fileId: FileId; expiresAt: number }): Promise<void>;
  /** Of any organization, those that expired first. */
  expired(now: number, limit: number): Promise<{ organizationId: OrganizationId; fileId: FileId }[]>;
  /** Forgets the first `limit` of those that expired until `now`. */
  forget(now: number, limit: number): Promise<void>;
}

/** Addresses by which a file can be read for a while without an API key: the path and what signs it, in Skyvern's form. */
export interface FileLinks {
  /** @param expiresAt in milliseconds since the epoch @returns the path with a query, to go behind the API's origin */
  make(organizationId: OrganizationId, path: string, expiresAt: number): string;
  /** @returns whose file may be read, or why none may */
  check(
    path: string,
    query: SignedQuery,
    now: number,
  ): { ok: true; organizationId: OrganizationId } | { ok: false; reason: "invalid" | "expired" };
}

export interface SignedQuery {
  readonly sig: string;
  /** Unix seconds. */
  readonly expiry: string;
  readonly kid: string;
}
