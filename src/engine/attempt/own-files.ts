import type { RunFacts } from "../../domain/run/run.ts";
import { attachmentNamed } from "../../domain/file.ts";
import { isId } from "../../domain/id.ts";
import { OutboundError } from "../../domain/outbound/outbound.ts";
import type { Artifacts } from "../../ports/artifacts.ts";
import type { Files } from "../../ports/files.ts";
import type { HttpClient, HttpResponse } from "../../ports/http.ts";

/** The largest stored file that a block may read by its address: it is held in memory. */
const MAX_BYTES = 25 * 1024 * 1024;

type Owner = Pick<RunFacts, "organizationId" | "apiOrigin">;

/**
 * A run's HTTP, which reads the files of its own organization where they are kept: a GET of `<API>/v1/files/{id}/content` or
 * `<API>/v1/artifacts/{id}/content`, signed or not, makes no request. So the guard need not let a run reach the service itself, and the
 * signature need not outlast the run. What is another organization's goes the way of every address.
 */
export function withOwnFiles(http: HttpClient, deps: { readonly files: Files; readonly artifacts: Artifacts }, owner: Owner): HttpClient {
  return {
    async send(request) {
      const place = request.method.toUpperCase() === "GET" ? placeOf(request.url, owner) : null;
      if (place === null) return await http.send(request);
      const found = await open(deps, owner, place.id);
      if (found === null) return { status: 404, headers: {}, body: new Uint8Array(), url: place.url };
      if (found.sizeBytes > MAX_BYTES) {
        await found.body.cancel();
        throw new OutboundError("too_large", `the file ${place.id} has ${found.sizeBytes} bytes; a block may read ${MAX_BYTES}`);
      }
      const body = new Uint8Array(await new Response(found.body).arrayBuffer()).subarray(0, request.keepBytes);
      return { status: 200, headers: headersOf(found), body, url: place.url } satisfies HttpResponse;
    },
  };
}

interface OpenFile {
  readonly name: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly body: ReadableStream;
}

/** @returns null for an address that is not of a file of this organization */
function placeOf(text: string, { organizationId, apiOrigin }: Owner): { id: string; url: string } | null {
  const url = URL.parse(text);
  if (url === null || url.origin !== apiOrigin || url.username !== "" || url.password !== "") return null;
  const [, id] = /^\/v1\/(?:files|artifacts)\/([A-Za-z0-9_]+)\/content\/?$/.exec(url.pathname) ?? [];
  const key = url.searchParams.get("kid");
  if (id === undefined || (key !== null && key !== organizationId)) return null;
  return { id, url: url.origin + url.pathname };
}

async function open(
  { files, artifacts }: Parameters<typeof withOwnFiles>[1],
  { organizationId }: Owner,
  id: string,
): Promise<OpenFile | null> {
  if (isId("file", id)) {
    const found = await files.open(organizationId, id);
    return found === null ? null : { ...found.file, body: found.body };
  }
  const found = isId("artifact", id) ? await artifacts.open(organizationId, id) : null;
  return found === null ? null : { ...found.artifact, body: found.body };
}

function headersOf({ name, contentType, sizeBytes }: OpenFile): Record<string, string> {
  return {
    "content-type": contentType,
    "content-length": String(sizeBytes),
    "content-disposition": attachmentNamed(name),
  };
}
