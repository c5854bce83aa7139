import { Unzip, UnzipInflate } from "fflate";
import { BlockError } from "../block.ts";

/** What an archive may unfold into, so that a small file cannot fill the memory or the time of the service. */
export const ZIP_LIMITS = {
  entries: 1000,
  totalBytes: 50 * 1024 * 1024,
  /** Unpacked against packed, from the first megabyte on. Text and tables pack to a tenth, at most to a fiftieth. */
  ratio: 200,
} as const;

const CHUNK_BYTES = 16 * 1024;

/**
 * The files of a ZIP archive, unpacked. What its directory says of sizes is not believed: it is counted.
 * @param wanted which to keep, by their paths in the archive; the others are counted all the same
 * @throws BlockError when it is damaged or encrypted, or over a limit
 */
export function unzip(bytes: Uint8Array, wanted: (path: string) => boolean = () => true): Map<string, Uint8Array> {
  const announced = entriesAnnounced(bytes);
  const files = new Map<string, Uint8Array[]>();
  let entries = 0;
  let total = 0;
  let failure: unknown = null;
  const reader = new Unzip((entry) => {
    entries++;
    if (entries > ZIP_LIMITS.entries) throw new BlockError(`the archive has more than ${ZIP_LIMITS.entries} entries`);
    const chunks: Uint8Array[] = [];
    if (wanted(entry.name) && !entry.name.endsWith("/")) files.set(entry.name, chunks);
    entry.ondata = (error, chunk) => {
      failure ??= error;
      total += chunk.byteLength;
      if (files.get(entry.name) === chunks) chunks.push(chunk);
    };
    entry.start();
  });
  reader.register(UnzipInflate);
  try {
    for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
      const end = Math.min(at + CHUNK_BYTES, bytes.byteLength);
      reader.push(bytes.subarray(at, end), end === bytes.byteLength);
      if (failure !== null) throw failure;
      if (total > ZIP_LIMITS.totalBytes) throw new BlockError(`the archive unpacks to more than ${ZIP_LIMITS.totalBytes / 1024 / 1024} MB`);
      if (total > 1024 * 1024 && total > end * ZIP_LIMITS.ratio)
        throw new BlockError(`the archive unpacks to more than ${ZIP_LIMITS.ratio} times its size, as no honest one does`);
    }
  } catch (error) {
    if (error instanceof BlockError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new BlockError(`the archive could not be unpacked (${reason}): it is damaged, or encrypted`, { cause: error });
  }
  if (announced !== entries && announced !== MANY)
    throw new BlockError(`the archive is damaged: it has ${entries} of its ${announced} entries`);
  return new Map([...files].map(([path, chunks]) => [path, join(chunks)]));
}

/** What a directory says that is too long for the field: ZIP64. */
const MANY = 0xffff;

/** How many entries the directory at the end says there are. @throws BlockError when there is no such end: the file was cut off, or is no archive */
function entriesAnnounced(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const longestComment = 0xffff;
  for (let at = bytes.byteLength - 22; at >= Math.max(0, bytes.byteLength - 22 - longestComment); at--)
    if (view.getUint32(at, true) === 0x0605_4b50) return view.getUint16(at + 10, true);
  throw new BlockError("the file is no ZIP archive, or was cut off");
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
