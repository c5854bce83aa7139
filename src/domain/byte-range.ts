/** A part of a file, as `Range: bytes=…` asks for it (RFC 9110, 14). */
export interface ByteRange {
  readonly offset: number;
  /** 1 or more. */
  readonly length: number;
}

/**
 * What a `Range` header means for a file of this size.
 * @returns null for the whole file, which is also the answer to what is no range, to another unit, and to several ranges at once;
 * `unsatisfiable` when nothing of the file is in it
 */
export function parseByteRange(header: string | undefined, sizeBytes: number): ByteRange | "unsatisfiable" | null {
  const [, first = "", last = ""] = /^\s*bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(header ?? "") ?? [];
  if (first === "" && last === "") return null;
  if (first === "") {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? "unsatisfiable" : { offset: sizeBytes - length, length };
  }
  const offset = Number(first);
  if (last !== "" && Number(last) < offset) return null;
  if (offset >= sizeBytes) return "unsatisfiable";
  const end = last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return { offset, length: end - offset };
}
