/** Files that callers upload, for their runs to use. */
import type { FileId } from "./id.ts";

/** What is known of an uploaded file. */
export interface StoredFile {
  readonly fileId: FileId;
  readonly name: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** From then on it is gone; null for a file that is kept until it is deleted. */
  readonly expiresAt: number | null;
}

/** Skyvern's limit of an upload. */
export const MAX_FILE_BYTES = 10 * 1024 * 1024;

export const RETENTION_DAYS = { min: 1, max: 365 } as const;

const DAY_MS = 86_400_000;
/** The longest that a link to an uploaded file holds. */
const MAX_LINK_MS = 7 * DAY_MS;

/** The `content-disposition` of a file that is to be saved, and not to be shown, under its own name (RFC 6266, RFC 8187). */
export function attachmentNamed(name: string): string {
  return `attachment; filename*=UTF-8''${encodeURIComponent(name)}`;
}

/** The path that a file's content is read by; also how runs of its organization name it. */
export function fileContentPath(fileId: FileId): string {
  return `/v1/files/${fileId}/content`;
}

/** @param retentionDays null to keep it */
export function fileExpiry(now: number, retentionDays: number | null): number | null {
  return retentionDays === null ? null : now + retentionDays * DAY_MS;
}

/** When a link that is made now ends: with the file, and after seven days at the latest. */
export function fileLinkExpiry(now: number, expiresAt: number | null): number {
  return Math.min(now + MAX_LINK_MS, expiresAt ?? Infinity);
}
