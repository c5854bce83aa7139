import { isId } from "../domain/id.ts";
import { isJsonObject, type Json } from "../domain/json.ts";
import { OutboundError, type OutboundErrorKind } from "../domain/outbound/outbound.ts";
import type { SavedArtifact } from "../ports/artifacts.ts";
import type { HttpResponse } from "../ports/http.ts";
import { type BlockContext, BlockError, type BlockErrorClass } from "./block.ts";
import { fileName } from "./file-name.ts";

/** The largest file that is taken up: it is held in memory. */
export const MAX_FILE_BYTES = 25 * 1024 * 1024;
/** Until a file that is fetched must be there. */
const FETCH_TIMEOUT_MS = 60_000;
/** Skyvern's name for everything that the run has downloaded. */
export const DOWNLOADS = "SKYVERN_DOWNLOAD_DIRECTORY";

/** How fields that name files describe what they take. */
export const FILE_REFERENCE =
  `an artifact's id (\`a_…\`), the output of a block that made a file, an http(s) address, or \`${DOWNLOADS}\` for what the run has downloaded ` +
  `(\`${DOWNLOADS}/list.csv\` for one of them)`;

/** A file with its content at hand. */
export interface OpenFile {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
  /** Null for a file that is not stored here. */
  readonly artifactId: string | null;
}

/**
 * The files that a value means: see `FILE_REFERENCE`; a list means those of all its items.
 * @throws BlockError when one is not there, or all together are larger than `maxBytes`
 */
export async function openFiles(context: BlockContext, reference: Json, maxBytes = MAX_FILE_BYTES): Promise<OpenFile[]> {
  const files: OpenFile[] = [];
  let left = maxBytes;
  for (const place of await placesOf(context, reference)) {
    const file = "url" in place ? await fetchFile(context, place.url, left) : await openStored(context, place.artifactId, left);
    left -= file.bytes.byteLength;
    files.push(file);
  }
  return files;
}

type Place = { readonly artifactId: string } | { readonly url: string };

async function placesOf(context: BlockContext, reference: Json): Promise<Place[]> {
  if (Array.isArray(reference)) return (await Promise.all(reference.map((item) => placesOf(context, item)))).flat();
  if (isJsonObject(reference)) {
    const { artifact_id: artifactId, downloaded_files: downloaded, url } = reference;
    if (typeof artifactId === "string") return [{ artifactId }];
    if (downloaded !== undefined) return await placesOf(context, downloaded);
    if (typeof url === "string") return [{ url }];
  }
  if (typeof reference === "string") {
    const text = reference.trim();
    if (isId("artifact", text)) return [{ artifactId: text }];
    const [folder, ...rest] = text.split("/");
    if (folder === DOWNLOADS) return await downloadsNamed(context, rest.join("/"));
    if (/^https?:/i.test(text)) return [{ url: text }];
  }
  throw new BlockError(`${excerptOf(reference)} names no file: give ${FILE_REFERENCE.replaceAll("`", "")}`);
}

/** @param name empty for all */
async function downloadsNamed(context: BlockContext, name: string): Promise<Place[]> {
  const downloads = await context.downloads();
  const meant = name === "" ? downloads : downloads.filter((download) => download.name === name);
  if (meant.length > 0 || (name === "" && downloads.length === 0)) return meant.map(({ artifactId }) => ({ artifactId }));
  const known = downloads.length === 0 ? "nothing so far" : downloads.map((download) => `"${download.name}"`).join(", ");
  throw new BlockError(`the run has downloaded no "${name}"; it has downloaded ${known}`);
}

async function openStored(context: BlockContext, artifactId: string, maxBytes: number): Promise<OpenFile> {
  const found = await context.openArtifact(artifactId);
  if (found === null) throw new BlockError(`there is no artifact ${excerptOf(artifactId)}`);
  const { name, contentType, sizeBytes } = found.artifact;
  if (sizeBytes > maxBytes) {
    await found.body.cancel();
    throw tooLarge(`"${name}"`, maxBytes);
  }
  return { name, contentType, bytes: new Uint8Array(await new Response(found.body).arrayBuffer()), artifactId };
}

/**
 * Fetches a file by way of the outbound guard.
 * @throws BlockError, temporary for what may pass
 */
export async function fetchFile(
  context: BlockContext,
  url: string,
  maxBytes = MAX_FILE_BYTES,
  { name = null, timeoutMs = FETCH_TIMEOUT_MS }: { name?: string | null; timeoutMs?: number } = {},
): Promise<OpenFile> {
  const request = { method: "GET", url, headers: {}, timeoutMs, followRedirects: true, maxBytes, signal: context.signal };
  const response = await context.http.send(request).catch((error: unknown) => {
    throw error instanceof OutboundError ? asBlockError(error) : error;
  });
  if (response.status < 200 || response.status >= 300) throw refusal(response);
  const contentType = response.headers["content-type"] ?? "application/octet-stream";
  return { name: fileName(name, response), contentType, bytes: response.body, artifactId: null };
}

/** Which failures go away by themselves. */
const CLASS_OF_KIND = {
  timeout: "temporary",
  network: "temporary",
  aborted: "temporary",
  refused: "block",
  too_large: "block",
  too_many_redirects: "block",
} as const satisfies Record<OutboundErrorKind, BlockErrorClass>;

/** The `BlockError` for a request that got no answer. */
export function asBlockError(error: OutboundError): BlockError {
  return new BlockError(error.message, { errorClass: CLASS_OF_KIND[error.kind], cause: error });
}

function refusal({ url, status }: HttpResponse): BlockError {
  const { origin, pathname } = new URL(url); // the query may hold a secret
  return new BlockError(`${origin}${pathname} answered with status ${status}`, { errorClass: status >= 500 ? "temporary" : "block" });
}

/** @param what as in `"list.csv"` */
export function tooLarge(what: string, maxBytes: number): BlockError {
  return new BlockError(`${what} is larger than ${Math.floor(maxBytes / 1024 / 1024)} MB, or all files together are`);
}

function excerptOf(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** What an output says of a stored file. */
export function describeFile({ artifactId, name, contentType, sizeBytes, sha256 }: SavedArtifact) {
  return { artifact_id: artifactId, file_name: name, content_type: contentType, size_bytes: sizeBytes, sha256 };
}
