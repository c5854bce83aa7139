import type { PageFile } from "../../domain/browser.ts";
import { type BlockContext, BlockError } from "../block.ts";
import { fetchFile as fetchUrl } from "../files.ts";
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
  const { name, contentType, bytes } = await fetchUrl(context, url, undefined, { name: source.name ?? null, timeoutMs });
  return { name, contentType: source.content_type ?? contentType, bytes };
}

function decodeBase64(text: string, name: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (error) {
    throw new BlockError(`the content of "${name}" is not Base64`, { cause: error });
  }
}
