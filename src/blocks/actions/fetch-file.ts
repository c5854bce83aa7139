import type { PageFile } from "../../domain/browser.ts";
import { OutboundError } from "../../domain/outbound.ts";
import { type BlockContext, BlockError } from "../block.ts";
import { fileName } from "../http-request.ts";
import type { Step } from "./steps.ts";

type FileSource = Extract<Step, { action: "upload" }>["files"][number];

/**
 * The file that an upload step means, with its content at hand.
 * @throws BlockError when its address does not give it, or its Base64 is none
 */
export async function fetchFile(context: BlockContext, source: FileSource, timeoutMs: number): Promise<PageFile> {
  if (source.url !== undefined) return fetchByUrl(context, source, source.url, timeoutMs);
  const name = source.name ?? "file";
  if (source.text !== undefined)
    return { name, contentType: source.content_type ?? "text/plain", bytes: new TextEncoder().encode(source.text) };
  return { name, contentType: source.content_type ?? "application/octet-stream", bytes: decodeBase64(source.base64 ?? "", name) };
}

async function fetchByUrl(context: BlockContext, source: FileSource, url: string, timeoutMs: number): Promise<PageFile> {
  const request = { method: "GET", url, headers: {}, timeoutMs, followRedirects: true, signal: context.signal };
  const response = await context.http.send(request).catch((error: unknown) => {
    if (!(error instanceof OutboundError)) throw error;
    const mayPass = error.kind === "timeout" || error.kind === "network";
    throw new BlockError(error.message, { errorClass: mayPass ? "temporary" : "block", cause: error });
  });
  if (response.status < 200 || response.status >= 300) {
    throw new BlockError(`${url} answered with status ${response.status}`, { errorClass: response.status >= 500 ? "temporary" : "block" });
  }
  const contentType = source.content_type ?? response.headers["content-type"] ?? "application/octet-stream";
  return { name: fileName(source.name ?? null, response), contentType, bytes: response.body };
}

function decodeBase64(text: string, name: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (error) {
    throw new BlockError(`the content of "${name}" is not Base64`, { cause: error });
  }
}
