import type { Context } from "hono";
import { z } from "zod";
import { parseByteRange, type ByteRange } from "../domain/byte-range.ts";
import { ServiceError } from "../domain/error.ts";
import { attachmentNamed } from "../domain/file.ts";
import type { AppEnv } from "./auth.ts";
import { content, empty } from "./route.ts";

const header = (description: string) => ({ description, schema: z.string().optional() });

/** What `fileResponse` reads. */
export const FILE_HEADERS = {
  Range: header("`bytes=0-99`: a part of the file (RFC 9110). Several parts at once are answered with the whole."),
  "If-Range": header("The `etag` of which a part is wanted; of another file the whole is answered."),
  "If-None-Match": header("The `etag` that the caller has."),
};

const ANSWER_HEADERS = {
  "content-disposition": { description: "Its name.", schema: z.string() },
  etag: { description: "Its checksum.", schema: z.string() },
  "accept-ranges": { description: "`bytes`.", schema: z.string() },
};

/** What `fileResponse` answers. */
export const FILE_RESPONSES = {
  200: content("The file, to be saved and not to be shown.", "*/*", ANSWER_HEADERS),
  206: content("The part that was asked for.", "*/*", {
    ...ANSWER_HEADERS,
    "content-range": { description: "Which part, of how many bytes.", schema: z.string() },
  }),
  304: empty("The caller has it."),
};

/** What the headers of an answer with a file say of it. */
export interface ServedFile {
  readonly name: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  /** Hexadecimal; empty when it is not known. */
  readonly sha256: string;
}

/**
 * A stored file, or the part of it that is asked for (`Range`, `If-Range`), or nothing but word that the caller's copy is good (`If-None-Match`).
 * @param find the file's facts, without its content
 * @param open the content; asked for only when it is sent
 * @throws ServiceError `range_not_satisfiable`
 */
export async function fileResponse(
  c: Context<AppEnv>,
  find: () => Promise<ServedFile>,
  open: (range: ByteRange | null) => Promise<ReadableStream>,
): Promise<Response> {
  const file = await find();
  const etag = `"${file.sha256}"`;
  const headers: Record<string, string> = {
    "content-type": file.contentType,
    // Never shown inside our own origin: it is a file that some page or caller made.
    "content-disposition": attachmentNamed(file.name),
    "content-security-policy": "sandbox; default-src 'none'",
    "accept-ranges": "bytes",
    "cache-control": "private, no-cache",
    etag,
  };
  if (isNamedIn(c.req.header("if-none-match"), etag)) return c.body(null, 304, headers);
  const ifRange = c.req.header("if-range");
  const range = ifRange === undefined || ifRange === etag ? parseByteRange(c.req.header("range"), file.sizeBytes) : null;
  if (range === "unsatisfiable") {
    c.header("content-range", `bytes */${file.sizeBytes}`);
    throw new ServiceError(
      "range_not_satisfiable",
      `The file has ${file.sizeBytes} bytes; nothing of it is in the range that was asked for.`,
    );
  }
  const part = range === null ? {} : { "content-range": `bytes ${range.offset}-${range.offset + range.length - 1}/${file.sizeBytes}` };
  const answer = { ...headers, ...part, "content-length": String(range?.length ?? file.sizeBytes) };
  const status = range === null ? 200 : 206;
  if (c.req.method === "HEAD") return c.body(null, status, answer);
  return c.body(await open(range), status, answer);
}

/** Is the tag among those of an `If-None-Match`? Weak ones count as well (RFC 9110, 13.1.2). */
function isNamedIn(header: string | undefined, etag: string): boolean {
  return (header ?? "").split(",").some((given) => ["*", etag, `W/${etag}`].includes(given.trim()));
}
